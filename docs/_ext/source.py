"""Pages of the source, and links from the text to the lines that compute what it says.

``{source}`path::name` `` is a link; a block of targets under a formula shows the statements too::

    ```{source}
    accelml/cluster/lloyd.py::update::mean =
    ```

A target that does not exist is a warning, which ``make docs`` takes for an error.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from definitions import Place, UnknownTarget, find
from docstrings import MATHEMATICS
from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.logging import getLogger

ROOT = Path(__file__).parents[2]
logger = getLogger(__name__)


def page_of(path: str) -> str:
    """The name of the page that shows a file."""
    return "source/" + path.removesuffix(".py")


def address(docname: str, place: Place) -> str:
    """The way from a page to a line."""
    return f"{'../' * docname.count('/')}{page_of(place.path)}.html#L-{place.first}"


def link(docname: str, place: Place, *text: nodes.Node) -> nodes.reference:
    """A link to the line, whose hint says where it leads."""
    lines = f"line {place.first}"
    if place.code and place.last > place.first:
        lines = f"lines {place.first} to {place.last}"
    return nodes.reference(
        "", "", *text, internal=True, refuri=address(docname, place),
        reftitle=f"{place.path}, {place.name}, {lines}",
    )  # fmt: skip


class SourceRole(SphinxRole):
    """A link to a definition, called by its name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Look the target up."""
        try:
            place = find(ROOT, self.text)
        except UnknownTarget as error:
            logger.warning("source: %s", error, location=self.get_location())
            return [nodes.literal(text=self.text)], []
        self.env.note_dependency(str(ROOT / place.path))
        return [link(self.env.docname, place, nodes.literal(text=place.name))], []


class SourceBlock(SphinxDirective):
    """The statements that compute the formula above, under a link to where they stand."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """One group for each definition."""
        places = []
        for target in filter(None, map(str.strip, self.content)):
            try:
                places.append(find(ROOT, target))
            except UnknownTarget as error:
                logger.warning("source: %s", error, location=self.get_location())
        box = nodes.container(classes=["computed"])
        for (path, name), group in itertools.groupby(places, lambda place: place[:2]):
            self.env.note_dependency(str(ROOT / path))
            parts = list(group)
            caption = nodes.paragraph(classes=["computed-by"])
            caption += link(
                self.env.docname, parts[0],
                nodes.literal(text=name), nodes.Text(f" in {path}, line {parts[0].first}"),
            )  # fmt: skip
            box += caption
            code = "\n".join(place.code for place in parts if place.code)
            if code:
                box += nodes.literal_block(code, code, language="python", classes=["source"])
        return [box]


def source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """One page for each file of the package, with an anchor for each line."""
    formatter = HtmlFormatter(linenos="inline", linespans="L", anchorlinenos=True)
    for file in sorted((ROOT / "accelml").rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        page = page_of(path)
        body = highlight(file.read_text(encoding="utf-8"), PythonLexer(), formatter)
        up = "../" * page.count("/")
        body = MATHEMATICS.sub(rf'<a href="{up}\1.html">\g<0></a>', body)
        yield page, {"title": path, "body": f"<h1>{path}</h1>{body}"}, "page.html"


def resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where ``sphinx.ext.linkcode`` sends the reader of the API reference, in ``docs/api``."""
    try:
        found: Any = importlib.import_module(info["module"])
        for part in info["fullname"].split("."):
            found = getattr(found, part)
        found = inspect.unwrap(getattr(found, "fget", None) or getattr(found, "generic", found))
        path = Path(inspect.getsourcefile(found) or "").relative_to(ROOT).as_posix()
        line = inspect.getsourcelines(found)[1]
    except (AttributeError, TypeError, ValueError, OSError):
        return None
    if not path.startswith("accelml/"):
        return None
    return address("api/", Place(path, info["fullname"], line, line, ""))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    app.add_role("source", SourceRole())
    app.add_directive("source", SourceBlock)
    app.connect("html-collect-pages", source_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
