"""The lines of the library that compute a formula, where the formula is explained."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, repr=False)
class Source:
    """Lines of Python, which a notebook shows in its own colours, light or dark.

    Attributes
    ----------
    data : str
    """

    data: str

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.data}\n```"

    def __repr__(self) -> str:
        return self.data


def show_source(thing: Callable[..., Any] | type, first: str = "", last: str = "") -> Source:
    """The source of a function or a class, less its docstring.

    Parameters
    ----------
    thing : function, class or kernel
    first : str, optional
        Begin with the first line that contains this.
    last : str, optional
        End with the first line after it that contains this.

    Returns
    -------
    Source
        The lines, in ``data`` too.

    Raises
    ------
    ValueError
        If there is no such line.

    Examples
    --------
    >>> from accelml.cluster.lloyd import update
    >>> show_source(update, first="mean =", last="mean =")
    mean = sums.total / xp.where(weight > 0, weight, xp.ones_like(weight))
    """
    thing = inspect.unwrap(getattr(thing, "generic", thing))
    lines = textwrap.dedent(inspect.getsource(thing)).splitlines()
    node: Any = ast.parse("\n".join(lines)).body[0]
    body = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and body[1:]:
        del lines[body[0].lineno - 1 : body[0].end_lineno]
    begin = find(lines, first, 0) if first else 0
    end = find(lines, last, begin) if last else len(lines) - 1
    return Source(textwrap.dedent("\n".join(lines[begin : end + 1])))


def find(lines: list[str], text: str, begin: int) -> int:
    """The number of the first line from ``begin`` on that contains the text."""
    for number, line in enumerate(lines[begin:], begin):
        if text in line:
            return number
    raise ValueError(f"no line of the source contains {text!r}")
