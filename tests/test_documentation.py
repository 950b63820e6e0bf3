"""What the documentation shows is what happens."""

import doctest
import importlib
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import accelml
from accelml.datasets import DatasetUnavailable
from tests.backends import problem

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/api/*.md"),
        *ROOT.glob("docs/mathematics/*.md"),
    ]
)
MODULES = [
    module.name
    for module in pkgutil.walk_packages(accelml.__path__, "accelml.")
    if not module.name.endswith("__main__")
]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_examples_of_the_docstrings(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_python_of_the_pages_runs(page, tmp_path, monkeypatch):
    """A block goes on where the one before it ended, as who reads the page does."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        if "jax" in block and problem("jax"):
            pytest.skip(problem("jax"))
        try:
            exec(compile(block, str(page), "exec"), names)
        except DatasetUnavailable as error:
            pytest.skip(f"no network and no MNIST here: {str(error).splitlines()[0]}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_the_pages_exist(page):
    """Every ``accelml`` command line parses; every make target and every file is there."""
    from typer.main import get_command

    from accelml.cli.app import app

    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    for line in lines:
        words = shlex.split(line.split("|")[0], comments=True)[1:] if line.startswith("$ ") else []
        if words[:1] == ["make"]:
            assert {word for word in words[1:] if "=" not in word} <= set(targets), line
        if words[:1] == ["accelml"] and not words[1].startswith("-"):
            command = get_command(app).commands[words[1]]
            if hasattr(command, "commands"):  # such as accelml data list
                command = command.commands[words[2]]
            known = {option for parameter in command.params for option in parameter.opts}
            options = {word.partition("=")[0] for word in words[2:] if word.startswith("-")}
            assert options <= known | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_picture_has_words_for_who_cannot_see_it(page):
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", page.read_text())
    assert [place for words, place in pictures if not words.strip()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []
