"""The notebooks as they are committed, and as they run."""

import base64
import os
import platform
import re
import time

import nbformat
import pytest

from notebooks.execute import FOLDER, SOLUTION, WIDGET_VIEW, execute, paths

EMBEDDED_ONLY = {
    "ACCELML_DATA_DIR": "",
    "https_proxy": "http://127.0.0.1:9",  # nobody listens there
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
NAMES = [path.stem for path in paths()]


@pytest.fixture(params=paths(), ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def test_all_of_them_are_there():
    assert [name[:2] for name in NAMES] == [f"{number:02}" for number in range(1, 15)]


def test_committed_as_a_clean_kernel_left_it(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    nbformat.validate(notebook)
    for output in outputs(notebook):
        assert output.output_type != "error"
        assert WIDGET_VIEW not in output.get("data", {})


def test_small(path):
    assert path.stat().st_size < 1_000_000


def test_nothing_of_the_machine_is_in_it(path):
    text = path.read_text()
    for place in (r"/home/", r"/root/", r"/work/", r"/tmp/", r"site-packages", r"[A-Z]:\\\\"):
        assert not re.search(place, text), place
    assert len(platform.node()) < 4 or platform.node() not in text


def test_every_picture_has_words_beside_it(notebook):
    pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    assert pictures
    for output in pictures:
        alt = output.metadata.get("image/png", {}).get("alt") or output.data["text/plain"]
        assert len(alt.split()) >= 5, alt
        assert "object" not in alt, alt
        assert base64.b64decode(output.data["image/png"]).startswith(b"\x89PNG")


def test_three_exercises_with_hidden_solutions(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(SOLUTION.findall(text)) == 3


def test_menus_formulas_and_source(notebook):
    code = "\n".join(cell.source for cell in code_cells(notebook))
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "Choice(" in code
    assert "explore(" in code
    assert "show_source(" in code
    assert "$$" in text


def test_badges_and_a_cell_for_colab(path, notebook):
    """Each badge leads to this very notebook."""
    place = path.relative_to(FOLDER.parent).as_posix()
    title = notebook.cells[0].source
    assert f"colab.research.google.com/github/accelml/accelml/blob/main/{place})" in title
    assert f"mybinder.org/v2/gh/accelml/accelml/main?labpath={place})" in title
    install = notebook.cells[1]
    assert install.source.startswith("# On Colab")
    assert "accelml[jax,notebooks,numba]" in install.source
    assert install.metadata == {"jupyter": {"source_hidden": True}, "tags": ["remove-cell"]}


def test_no_wall_of_code(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= 30, cell.source[:80]


# What the teaching project publishes for its notebooks, and where ours print the same quantity.
PUBLISHED = {
    "04_iris": (r"counted on them: ([\d.]+)%", 96),
    "05_microchips": (r"learned from and counted: ([\d.]+)%", 88.98),
    "06_mnist": (r"right: ([\d.]+)% of 10,000", 90.45),
    "07_fashion_mnist": (r"right: ([\d.]+)% of 10,000", 83.8),
    "09_servers": (r"F1 = ([\d.]+)", 0.8),
    "10_mnist": (r"right: ([\d.]+)% of 10,000", 89.3),
    "11_fashion_mnist": (r"right: ([\d.]+)% of 10,000", 80.6),
}


def printed(name):
    (path,) = (path for path in paths() if path.stem == name)
    found = outputs(nbformat.read(path, as_version=4))
    return "".join(output.text for output in found if output.output_type == "stream")


@pytest.mark.parametrize("name", PUBLISHED)
def test_results_are_no_worse_than_the_teaching_project_s(name):
    pattern, published = PUBLISHED[name]
    assert float(re.search(pattern, printed(name))[1]) >= published


@pytest.mark.parametrize("name", ["01_happiness_from_wealth"])
def test_descent_ends_at_the_least_squares_optimum(name):
    descent, exact = (
        float(re.search(f"{what}: J = ([\\d.]+) to learn from", printed(name))[1])
        for what in ("gradient descent", "the exact minimum")
    )
    assert descent == pytest.approx(exact, abs=1e-4)


@pytest.mark.notebooks
@pytest.mark.timeout(600)
@pytest.mark.parametrize("data", ["embedded", "real"])
def test_runs_from_a_clean_kernel(notebook, data):
    """On the embedded data with the solutions of the exercises, on the real ones as it stands."""
    if data == "real" and not os.environ.get("ACCELML_DATA_DIR"):
        pytest.skip("ACCELML_DATA_DIR is not set")
    environment = EMBEDDED_ONLY if data == "embedded" else {}
    start = time.monotonic()
    execute(notebook, solutions=data == "embedded", **environment)
    assert time.monotonic() - start < 60
