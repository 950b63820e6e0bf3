"""The notebooks in JupyterLab, in a real browser: they run, figures follow, a drawing is read.

Screenshots are left in pytest's folder of the test, as ``page.png``.
"""

import json
import math
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

from notebooks.execute import FOLDER, paths
from tests.browser import BROWSER

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install --group notebooks")

pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.timeout(600),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium"),
]
SETTINGS = {
    # All cells are in the page at once, so that what is further down can be found.
    "notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    "apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false"},
}
WAIT = 180_000  # milliseconds, for a notebook on a loaded machine


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab on copies of the notebooks that have not been run: its address and a token."""
    folder, settings = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("settings")
    for path in paths():
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        copy = folder / path.relative_to(FOLDER)
        copy.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, copy)
    for name, setting in SETTINGS.items():
        place = settings / "@jupyterlab" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(setting))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    own = {
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(settings / "config"),
        "JUPYTER_RUNTIME_DIR": str(settings / "runtime"),
    }
    log = (settings / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
         "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", str(folder)],
        env=os.environ | own, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api/status?token={token}", server, settings / "log")
        yield address, token
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def wait_for(address, server, log):
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, lab, request, tmp_path):
    """A notebook, opened in JupyterLab and run as a whole; afterwards its kernel is gone."""
    address, token = lab
    path = request.param.relative_to(FOLDER)
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(WAIT)
    try:
        page.goto(f"{address}/lab/tree/{path}?token={token}&reset")
        page.wait_for_selector(".jp-CodeCell .jp-InputPrompt")
        wait_for_kernel(address, token)
        run_all(page)
        yield page
    finally:
        keep(page, tmp_path / "page.png")
        page.close()
        stop_kernels(address, token)


def run_all(page):
    """What a reader does with the menu, until every cell that is not folded has its number."""
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', state="attached")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    page.wait_for_function(
        """() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
          .every((prompt) => /^$|\\[\\d+\\]/.test(prompt.textContent))"""
    )


def keep(page, path):
    height = page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollHeight")
    page.set_viewport_size({"width": 1200, "height": min(int(height) + 150, 12_000)})
    page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
    page.wait_for_timeout(300)
    page.screenshot(path=path)


def ask(address, token, what, method="GET"):
    request = urllib.request.Request(f"{address}/api/{what}?token={token}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or "null")


def wait_for_kernel(address, token):
    """Whoever runs cells before the page is connected to a kernel is asked to choose one."""
    end = time.monotonic() + WAIT / 1000
    while time.monotonic() < end:
        kernels = [session["kernel"] for session in ask(address, token, "sessions")]
        if any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels):
            return
        time.sleep(0.2)
    pytest.fail("the notebook was not connected to a kernel")


def stop_kernels(address, token):
    for session in ask(address, token, "sessions"):
        ask(address, token, f"sessions/{session['id']}", "DELETE")


@pytest.mark.parametrize("page", paths(), ids=lambda path: path.stem, indirect=True)
def test_it_runs_and_its_figures_follow_their_controls(page):
    for kind in ("error", "stderr"):
        found = page.locator(f'[data-mime-type="application/vnd.jupyter.{kind}"]')
        assert found.all_inner_texts() == []
    explorers = page.locator(".accelml-explorer")
    assert explorers.count()
    for number in range(explorers.count()):
        move(page, explorers.nth(number))


def move(page, explorer):
    """Move the first control as a hand would, and wait for another figure."""
    explorer.scroll_into_view_if_needed()
    answer = explorer.locator(".accelml-figure").last
    before = answer.inner_html()
    assert "<img" in before
    image, whole = answer.locator("img").bounding_box(), explorer.bounding_box()
    assert image["x"] + image["width"] <= whole["x"] + whole["width"], "the figure is cut off"
    handle, menu = explorer.locator(".noUi-handle"), explorer.locator("select")
    if handle.count():
        handle.first.focus()
        at = float(handle.first.get_attribute("aria-valuenow"))
        high = float(handle.first.get_attribute("aria-valuemax"))
        handle.first.press("ArrowRight" if at < high else "ArrowLeft")
    else:
        values = menu.first.locator("option").all_inner_texts()
        now = menu.first.evaluate("menu => menu.options[menu.selectedIndex].text")
        menu.first.select_option(label=next(value for value in values if value != now))
    figure = answer.element_handle()
    page.wait_for_function(
        "([figure, before]) => figure.innerHTML !== before", arg=[figure, before]
    )


def draw(page, points):
    """One stroke on the canvas, through points in units of its side."""
    pad = page.locator("canvas.accelml-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


STROKES = {
    "1": [(0.55, 0.15), (0.5, 0.5), (0.45, 0.85)],
    "0": [
        (0.5 + 0.22 * math.sin(turn / 10 * math.pi), 0.5 - 0.33 * math.cos(turn / 10 * math.pi))
        for turn in range(21)
    ],
}
DRAWN_ON = [path for path in paths() if "DigitCanvas(" in path.read_text()]


@pytest.mark.parametrize("page", DRAWN_ON, ids=lambda path: path.stem, indirect=True)
def test_a_digit_drawn_on_the_canvas_is_read(page):
    for digit, points in STROKES.items():
        draw(page, points)
        sync_api.expect(page.locator(".accelml-answer")).to_have_text(f"This looks like {digit}.")
        page.get_by_role("button", name="clear").click()
        sync_api.expect(page.locator(".accelml-answer")).to_have_count(0)
    draw(page, STROKES["0"])  # for the screenshot
    sync_api.expect(page.locator(".accelml-answer")).to_have_count(1)
