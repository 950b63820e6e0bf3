"""A progress bar of rich, in the shape that pooch expects of one."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class DownloadBar:
    """Show how much of a file has come; silent where nobody watches, as in a log.

    `total`, `update`, `reset` and `close` are what pooch uses.
    """

    def __init__(self, description: str, console: Any = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        console = console or Console(stderr=True)
        self._watched = console.is_interactive or console.is_jupyter
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console
        )
        self._task = self._progress.add_task(description, total=None)

    def __enter__(self) -> DownloadBar:
        if self._watched:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def total(self) -> float | None:
        """Bytes to expect, None where the server did not say; pooch then writes 0."""
        return self._progress.tasks[0].total

    @total.setter
    def total(self, total: int) -> None:
        self._progress.update(self._task, total=total or None)

    def update(self, advance: int) -> None:
        """Count `advance` more bytes."""
        self._progress.advance(self._task, advance)

    def reset(self) -> None:
        """Count from the start again."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Leave the bar as it is, and the terminal to others; a second time does nothing."""
        if self._watched:
            self._watched = False
            self._progress.stop()
