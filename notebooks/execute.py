"""Run notebooks from a clean kernel and keep what they show.

``python -m notebooks.execute [NAME…]`` runs those whose names contain one of these, or all.

What would differ from run to run or from machine to machine for no good reason is left out: the
state of widgets (each has its picture), times, and the kernel's version.
"""

from __future__ import annotations

import copy
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

FOLDER = Path(__file__).parent
SECONDS = 300  # for a whole notebook on a slow machine; the tests allow 60
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.DOTALL)


def paths() -> list[Path]:
    """All notebooks, in the order of their numbers."""
    return sorted(FOLDER.glob("*/[0-9][0-9]_*.ipynb"), key=lambda path: path.name)


def execute(notebook: Any, *, solutions: bool = False, **environment: str) -> Any:
    """A copy of a notebook with the outputs of a clean kernel.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    solutions : bool, default=False
        Run the hidden solutions too, each where it stands.
    **environment : str
        Variables of the kernel beside those of this process; an empty string removes one.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    from nbclient import NotebookClient  # with the group "notebooks"; the rest does without

    notebook = copy.deepcopy(notebook)
    if solutions:
        notebook.cells = [part for cell in notebook.cells for part in with_solutions(cell)]
    variables = {key: value for key, value in (os.environ | environment).items() if value}
    with tempfile.TemporaryDirectory() as folder:
        # Without the state of widgets nbclient fails where one holds outputs, such as the bar of a
        # download; ``clean`` leaves the state out.
        client = NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", store_widget_state=True,
            resources={"metadata": {"path": folder}},
        )  # fmt: skip
        client.execute(env=variables)
    return notebook


def with_solutions(cell: Any) -> list[Any]:
    """A cell, and cells of the solutions that it hides."""
    if cell.cell_type != "markdown":
        return [cell]
    return [cell, *(nbformat.v4.new_code_cell(code) for code in SOLUTION.findall(cell.source))]


def clean(notebook: Any) -> Any:
    """The same notebook, ready to be committed."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells, 1):
        kept = {key: cell.metadata[key] for key in ("jupyter", "tags") if key in cell.metadata}
        cell["id"], cell["metadata"] = f"cell-{number:02}", kept
        if cell.cell_type == "code":
            cell["outputs"] = [
                output for output in map(without_widgets, cell.outputs) if output is not None
            ]
    return notebook


def without_widgets(output: Any) -> Any:
    """An output with its picture or its text in place of a live widget."""
    if output.output_type == "stream" and output.name == "stderr":
        return None
    output.get("data", {}).pop(WIDGET_VIEW, None)
    output["metadata"] = {
        kind: alt for kind, alt in output.get("metadata", {}).items() if kind.startswith("image/")
    } if output.output_type != "stream" else None  # fmt: skip
    if output["metadata"] is None:
        del output["metadata"]
    return output


def main(names: list[str]) -> None:
    """Run the notebooks whose names contain one of these, or all, and write them."""
    chosen = [path for path in paths() if not names or any(name in path.name for name in names)]
    for path in chosen:
        print(path.relative_to(FOLDER.parent), flush=True)
        notebook = execute(nbformat.read(path, as_version=4))
        nbformat.write(clean(notebook), path)


if __name__ == "__main__":
    main(sys.argv[1:])
