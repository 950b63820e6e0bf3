"""The built documentation in a real browser: formulas are drawn, and text can be read."""

import http.server
import threading
from functools import partial
from pathlib import Path

import pytest

from tests.browser import BROWSER

ROOT = Path(__file__).parents[2]
HTML = ROOT / "docs" / "_build" / "html"
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for folder in (".", "mathematics", "notebooks/*")
    for path in HTML.glob(f"{folder}/*.html")
    if path.name not in {"genindex.html", "py-modindex.html", "search.html"}
)
# WCAG 2.2, success criterion 1.4.3.
READABLE = 4.5

pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.skipif(not PAGES, reason="docs/_build/html is empty: make docs"),
]


@pytest.fixture(scope="module")
def address():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install --group notebooks")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


FORMULAS = """() => {
  const formulas = [...document.querySelectorAll('.math')].filter(
    (element) => !element.closest('.toctree-wrapper, .toc-tree'));
  return {
    all: formulas.length,
    drawn: formulas.filter((element) => element.querySelector('mjx-container')).length,
    wrong: [...document.querySelectorAll('mjx-merror, [data-mjx-error]')].map((e) => e.textContent),
  };
}"""
CONTRASTS = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = numbers(color).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor, parts = numbers(color);
      if (parts.length < 4 || parts[3] > 0.99) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const kinds = ['p', 'a', 'li', 'h1', 'h2', 'td', 'code'].map((kind) => `article ${kind}`);
  const found = [...document.querySelectorAll(kinds.join(', '))];
  return found.filter((e) => e.textContent.trim()).map((element) => {
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return [ratio, element.tagName + ': ' + element.textContent.trim().slice(0, 40)];
  });
}"""


@pytest.mark.parametrize("name", PAGES)
def test_formulas_contrast_and_pictures(browser, address, name):
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        errors = []
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        page.goto(f"{address}/{name}")
        if page.locator(".math").count():
            page.wait_for_function("window.MathJax?.startup?.promise", timeout=20_000)
            page.evaluate("() => MathJax.startup.promise")
            found = page.evaluate(FORMULAS)
            assert found["wrong"] == []
            assert found["drawn"] == found["all"] > 0
        hard = [text for ratio, text in page.evaluate(CONTRASTS) if ratio < READABLE]
        assert hard == [], scheme
        silent = "[...document.querySelectorAll('article img')].filter(e => !e.alt.trim())"
        assert page.evaluate(f"() => {silent}.map(e => e.src)") == []
        pictures = "[...document.querySelectorAll('article img')]"
        ours = "new URL(e.src).origin === location.origin"  # badges come from where they belong
        broken = f"{pictures}.filter(e => {ours} && e.complete && !e.naturalWidth)"
        assert page.evaluate(f"() => {broken}.map(e => e.src)") == []
        assert errors == []
        page.close()
