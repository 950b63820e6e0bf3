"""Where a definition, or one statement of it, stands in the source.

A target is ``path::name``, or ``path::name::fragment``: the statement within that definition that
has the fragment in it. ``name`` is dotted for what stands inside a class or a function. Line
numbers are looked up, so that none is ever written by hand.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


class Place(NamedTuple):
    """Lines of a file, counted from 1, the last included."""

    path: str
    name: str
    first: int
    last: int
    code: str  # of the statement; empty where the target is a whole definition


class Span(NamedTuple):
    """Lines, counted from 1, the last included."""

    first: int
    last: int


class UnknownTarget(ValueError):
    """There is no such definition or statement, or more than one."""


def find(root: Path, target: str) -> Place:
    """Look a target up in the files under ``root``."""
    path, _, rest = target.partition("::")
    name, _, fragment = rest.partition("::")
    file = root / path
    if not name or not file.is_file():
        raise UnknownTarget(f"{target}: no file {path}" if name else f"{target}: no definition")
    source = file.read_text(encoding="utf-8")
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        found = [child for child in definitions(node) if part in names(child)]
        if len(found) != 1:
            raise UnknownTarget(f"{target}: {len(found)} definitions of {part} in {path}")
        node = found[0]
    assert isinstance(node, ast.stmt)
    if not fragment:
        return Place(path, name, node.lineno, node.end_lineno or node.lineno, "")
    lines = source.splitlines()

    def code(span: Span) -> str:
        return "\n".join(lines[span.first - 1 : span.last])

    matches = [span for span in statements(node) if fragment in code(span)]
    if len(matches) != 1:
        raise UnknownTarget(f"{target}: {len(matches)} statements of {name} have “{fragment}”")
    (match,) = matches
    return Place(path, name, match.first, match.last, textwrap.dedent(code(match)))


def definitions(node: ast.AST) -> Iterator[Definition]:
    """What is defined in a module, a class or a function, however deep in its blocks."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield child
        elif isinstance(child, ast.stmt):
            yield from definitions(child)


def names(node: Definition) -> set[str]:
    """The names that a definition binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def statements(node: ast.stmt) -> Iterator[Span]:
    """The simple statements of a definition and its conditions, docstrings left out."""
    for child in ast.walk(node):
        if isinstance(child, ast.If | ast.While):
            yield Span(child.lineno, child.test.end_lineno or child.lineno)
        is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if isinstance(child, ast.stmt) and not hasattr(child, "body") and not is_text:
            yield Span(child.lineno, child.end_lineno or child.lineno)
