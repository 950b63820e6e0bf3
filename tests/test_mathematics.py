"""The pages of mathematics: every formula has its source, and every source has its page."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "mathematics"
PAGES = sorted(FOLDER.glob("*.md"))
ALGORITHMS = [page for page in PAGES if page.stem != "index"]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


find = load(ROOT / "docs" / "_ext" / "definitions.py").find

FORMULA = re.compile(r"^( *)\$\$ \(([\w-]+)\)\n(.*?)(?=^ *\$\$$|\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^ *```\{source\}\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
ROLE = re.compile(r"\{source\}`([^`]+)`")


def targets(text):
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    return [line.strip() for line in lines] + ROLE.findall(text)


def every_target():
    return sorted({target for page in PAGES for target in targets(page.read_text())})


@pytest.mark.parametrize("target", every_target())
def test_what_the_pages_name_is_in_the_source(target):
    assert find(ROOT, target).first > 0


def test_a_name_that_is_not_there_is_noticed():
    for target in (
        "accelml/cluster/lloyds.py::update",
        "accelml/cluster/lloyd.py",
        "accelml/cluster/lloyd.py::updated",
        "accelml/cluster/lloyd.py::update::median =",
        "accelml/cluster/lloyd.py::update::weight",  # of more than one statement
    ):
        with pytest.raises(ValueError, match=re.escape(target)):
            find(ROOT, target)


def test_a_statement_is_found_whole():
    place = find(ROOT, "accelml/cluster/lloyd.py::sum_by_cluster::return")
    lines = (ROOT / place.path).read_text().splitlines()[place.first - 1 : place.last]
    assert [line.removeprefix("    ") for line in lines] == place.code.splitlines()
    assert ast.parse("def f():\n" + "\n".join(lines)).body[0].body[0].value.func.id == "ClusterSums"


@pytest.mark.parametrize("page", ALGORITHMS, ids=lambda page: page.stem)
def test_every_numbered_formula_stands_over_its_source(page):
    formulas = FORMULA.findall(page.read_text())
    assert len(formulas) > 10
    for indent, label, below in formulas:
        assert below.startswith(f"\n{indent}```{{source}}\n"), label


@pytest.mark.parametrize("page", ALGORITHMS, ids=lambda page: page.stem)
def test_the_labels_of_formulas_are_referred_to_as_they_are(page):
    text = page.read_text()
    labels = [label for _, label, _ in FORMULA.findall(text)]
    assert len(labels) == len(set(labels))
    assert set(re.findall(r"\{eq\}`([^`]+)`", text)) <= set(labels)


def docstrings(target):
    """Those of the module and of whatever the target stands in."""
    path, name = target.split("::")[:2]
    node = ast.parse((ROOT / path).read_text())
    yield ast.get_docstring(node) or ""
    for part in name.split("."):
        inside = [child for child in ast.walk(node) if getattr(child, "name", None) == part]
        if not inside or not isinstance(inside[0], ast.ClassDef | ast.FunctionDef):
            return
        node = inside[0]
        yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("page", ALGORITHMS, ids=lambda page: page.stem)
def test_the_source_says_where_its_mathematics_is(page):
    for target in targets(page.read_text()):
        assert "docs/mathematics/" in " ".join(docstrings(target)), target


def test_the_pages_that_docstrings_name_are_there():
    for file in sorted((ROOT / "accelml").rglob("*.py")):
        for name in re.findall(r"docs/mathematics/[\w-]+\.md", file.read_text()):
            assert (ROOT / name).exists(), f"{file.name}: {name}"


def test_every_page_is_in_the_table_of_contents():
    contents = re.findall(
        r"^```\{toctree\}\n(.*?)^```",
        (ROOT / "docs" / "index.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    entries = {line for block in contents for line in block.splitlines()}
    assert {f"mathematics/{page.stem}" for page in PAGES} <= entries


def test_each_page_checks_itself():
    """Its Python, which ``test_documentation`` runs, compares it with the library."""
    for page in ALGORITHMS:
        (block,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        assert block.count("assert") > 8
