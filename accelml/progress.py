"""Progress bars of training, on standard error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Update = Callable[..., None]


@contextlib.contextmanager
def progress_bar(title: str, total: int, *, shown: bool) -> Iterator[Update]:
    """Show a bar while a ``with`` block trains.

    Parameters
    ----------
    title : str
    total : int
        The most iterations there can be.
    shown : bool
        ``False`` makes ``update`` do nothing.

    Yields
    ------
    callable
        ``update(iteration, loss=0.1, ...)``: the iteration just made, and figures to show.
    """
    if not shown:
        yield lambda iteration, **figures: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(title, total=total, figures="")

        def update(iteration: int, **figures: float | None) -> None:
            shown = (f"{name} {value:.4f}" for name, value in figures.items() if value is not None)
            bar.update(task, completed=iteration, figures="  ".join(shown))

        yield update
