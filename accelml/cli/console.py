"""What is said, and where: results on standard output, everything else on standard error."""

from __future__ import annotations

import difflib
import json
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def complain(message: str) -> None:
    """One line on standard error."""
    print(f"accelml: {message}", file=sys.stderr, flush=True)


def note(message: str) -> None:
    """Something worth knowing, in one line on standard error."""
    complain(f"note: {one_line(message)}")


def one_line(message: object) -> str:
    """A message without its line breaks; the name of its class if it is empty."""
    if isinstance(message, OSError) and message.filename is not None and message.strerror:
        return f"{message.filename}: {message.strerror}"
    return " ".join(str(message).split()) or type(message).__name__


def show(table: Table | str) -> None:
    """Print a table, or a line, on standard output."""
    from rich.console import Console

    # No markup: "pip install 'accelml[jax]'" and the name of a file may hold brackets.
    is_text = isinstance(table, str)
    Console(highlight=False, soft_wrap=is_text, emoji=False, markup=False).print(table)


def new_table(title: str = "") -> Table:
    """An empty table in the one style of this command."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE, title=title or None, title_justify="left", title_style="bold")


def print_json(content: dict[str, Any]) -> None:
    """One JSON object on standard output; what is not finite is null."""
    write_out(json.dumps(jsonable(content), allow_nan=False, ensure_ascii=False) + "\n")


def write_out(text: str) -> None:
    """Text of any length on standard output.

    Under PYTHONUNBUFFERED, Python drops what a pipe does not take at once; a pipe always takes a
    thousand characters whole.
    """
    for start in range(0, len(text), 1000):
        sys.stdout.write(text[start : start + 1000])
    sys.stdout.flush()


def jsonable(value: Any) -> Any:
    """A value as JSON has it, for readers other than accelml."""
    if isinstance(value, dict):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(part) for part in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return jsonable(value.tolist())
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'alpha'?``, or nothing where no known word is close."""
    lowered = {str(name).lower(): str(name) for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    return f"; did you mean {lowered[close[0]]!r}?" if close else ""


def listed(words: Iterable[object], limit: int = 12) -> str:
    """``'a', 'b' and 3 more``."""
    quoted = [repr(str(word)) for word in words]
    hidden = len(quoted) - limit
    return ", ".join(quoted[:limit]) + (f" and {hidden} more" if hidden > 0 else "")


def require_folder(path: Path | None, option: str) -> None:
    """Raise now, and not after an hour of training, where a file could not be written."""
    if path is None:
        return
    folder = path.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{option} {path}: there is no folder {folder}; make it first")
    if path.exists() and not path.is_file():
        raise ValueError(f"{option} {path}: is not a file; choose another name")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{option} {path}: no permission to write in {folder}")
