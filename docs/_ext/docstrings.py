"""What docstrings, which read well as plain text, need before they are reStructuredText."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

LITERAL = re.compile(r"(`+[^`]*`+_*)")
MATHEMATICS = re.compile(r"docs/(mathematics/[a-z-]+)\.md")


def mend(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Escape bars and trailing underscores; link to the pages of mathematics."""
    if lines and lines[0].startswith("Alias for field number"):
        lines[:] = [comment(name)]
    in_math = False
    for position, line in enumerate(lines):
        in_math = line.lstrip().startswith(".. math::") or (in_math and line.strip() != "")
        if in_math or line.lstrip().startswith((">>>", "...", ".. ")):
            lines[position] = re.sub(r"^( *)\.\. \[(\d)\] ", r"\1\2. ", line)
            continue
        parts = LITERAL.split(line)
        parts[::2] = map(mend_text, parts[::2])
        lines[position] = "".join(parts)


def join(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Put lines together that a backslash continues, as raw docstrings do not."""
    lines[:] = re.sub(r" *\\\n *", " ", "\n".join(lines)).split("\n")


def comment(name: str) -> str:
    """What the source says beside a field of a ``NamedTuple``: its shape, mostly."""
    module, owner, field = name.rsplit(".", 2)
    found = getattr(sys.modules[module], owner)
    match = re.search(rf"^ *{field}:.*?  # (.*)$", inspect.getsource(found), re.MULTILINE)
    return match[1] if match else ""


def mend_text(text: str) -> str:
    """Of a line outside its literals."""
    text = re.sub(r"\[(\d)\]_", r"(\1)", text)
    text = re.sub(r"(?<=[a-z0-9])_(?=[\s,.;:)\]]|$)", r"\\_", text)
    text = re.sub(r"(?<!\\)\|", r"\\|", text)
    return MATHEMATICS.sub(r":doc:`\g<0> </\1>`", text)


def skip(app: Sphinx, what: str, name: str, found: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what is scikit-learn's own."""
    is_foreign = str(getattr(found, "__module__", "")).startswith("sklearn")
    return True if is_foreign or name.endswith("_request") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Mend after napoleon, which makes fields of the sections."""
    app.connect("autodoc-process-docstring", join, priority=400)
    app.connect("autodoc-process-docstring", mend, priority=600)
    app.connect("autodoc-skip-member", skip)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
