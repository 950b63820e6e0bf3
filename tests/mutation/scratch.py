"""A copy of the working tree in which every mutant of every function lies ready.

The mutants are mutmut's: its operators, and its trampoline, which stands in place of each function
and calls the original or, as an environment variable says, one of its mutants. mutmut passes over
decorated functions and over module level, where nearly all of our arithmetic is, so the copy is
written otherwise first, without a change of meaning:

- ``@kernel def f`` becomes ``def f`` and then ``f = kernel(f)``, so that the trampoline wraps the
  generic body and the kernel dispatches as before;
- ``TABLE = {"tanh": lambda a: …}`` becomes ``def lambda_1(a)`` and ``TABLE = {"tanh": lambda_1}``.
"""

from __future__ import annotations

import difflib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name, orig_function_and_class_names_from_key

from tests.mutation.scope import DO_NOT_MUTATE, LEFT_OUT, sources

KEPT = {"staticmethod", "classmethod"}  # mutmut knows these two
COPIED = ("accelml", "backends", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Mutant:
    """One change of one function."""

    name: str  # mutmut's, unique
    file: str
    function: str
    before: str  # the changed lines
    after: str

    @property
    def trampoline(self) -> str:
        """The function that it replaces, as mutmut calls it."""
        return self.name.partition("__mutmut_")[0]


def prepare(root: Path, scratch: Path) -> list[Mutant]:
    """Copy the working tree to ``scratch``, the mutants in it, and make that the current folder."""
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, scratch / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, scratch / name)
    # Where mutmut reads its settings.
    patterns = "\n  ".join(DO_NOT_MUTATE)
    (scratch / "setup.cfg").write_text(
        f"[mutmut]\nsource_paths =\n  accelml\ndo_not_mutate_patterns =\n  {patterns}\n"
    )
    os.chdir(scratch)
    mutants: list[Mutant] = []
    for path in sources(scratch):
        mutants += mutate(path)
    return mutants


def mutate(path: Path) -> list[Mutant]:
    """Write a file with its mutants in place of itself; what they change."""
    mutated = mutate_file_contents(str(path), undecorated(path.read_text()))
    path.write_text(mutated.code)
    found = [describe(path, name, mutated) for name in mutated.mutant_names]
    return [mutant for mutant in found if mutant.function.split(".")[0] not in LEFT_OUT]


def describe(path: Path, name: str, mutated: MutatedFile) -> Mutant:
    """Which lines of which function a mutant changes."""
    spans, lines = mutated.line_span_by_function_name, mutated.code.splitlines()

    def body(key: str) -> list[str]:
        text = lines[spans[key].start - 1 : spans[key].end]
        return [line.replace(key, "f").strip() for line in text]

    original = name.partition("__mutmut_")[0] + "__mutmut_orig"
    changes = [
        line
        for line in difflib.unified_diff(body(original), body(name), n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]
    key = get_mutant_name(path, name)
    function, owner = orig_function_and_class_names_from_key(key)
    return Mutant(
        name=key,
        file=str(path),
        function=f"{owner}.{function}" if owner else function,
        before="\n".join(line[1:] for line in changes if line.startswith("-")),
        after="\n".join(line[1:] for line in changes if line.startswith("+")),
    )


def undecorated(code: str) -> str:
    """The same program, with plain functions in place of decorated ones and of lambdas."""
    module = cst.parse_module(code).visit(MoveDecorators())
    body: list[cst.CSTNode] = []
    lambdas = NameLambdas()
    for statement in module.body:
        is_own = isinstance(statement, cst.FunctionDef | cst.ClassDef)
        plain = statement if is_own else statement.visit(lambdas)
        assert isinstance(plain, cst.CSTNode)
        body += [*lambdas.take(), plain]
    return module.with_changes(body=body).code


class MoveDecorators(cst.CSTTransformer):
    """``@decorator def f`` to ``def f`` and ``f = decorator(f)``."""

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        moved = [
            decorator.decorator
            for decorator in updated_node.decorators
            if not (isinstance(decorator.decorator, cst.Name) and decorator.decorator.value in KEPT)
        ]
        if not moved:
            return updated_node
        value: cst.BaseExpression = updated_node.name
        for decorator in reversed(moved):
            value = cst.Call(decorator, [cst.Arg(value)])
        target = cst.Assign([cst.AssignTarget(updated_node.name)], value)
        return cst.FlattenSentinel(
            [updated_node.with_changes(decorators=[]), cst.SimpleStatementLine([target])]
        )


class NameLambdas(cst.CSTTransformer):
    """Each lambda of a statement to the name of a function, which ``take`` gives."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.functions: list[cst.FunctionDef] = []

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Name:
        self.count += 1
        name = cst.Name(f"lambda_{self.count}")
        result = cst.SimpleStatementLine([cst.Return(updated_node.body)])
        body = cst.IndentedBlock([result])
        self.functions.append(cst.FunctionDef(name, updated_node.params, body))
        return name

    def take(self) -> list[cst.FunctionDef]:
        taken, self.functions = self.functions, []
        return taken
