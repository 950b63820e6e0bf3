"""Pictures as files, written whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from accelml.persistence import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_picture_name(path: str | os.PathLike[str]) -> None:
    """Raise before the work rather than after it.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ValueError
        If matplotlib cannot write a file with this ending.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in known:
        raise ValueError(
            f"{os.fspath(path)}: is not the name of a picture; end it in .png, .svg or .pdf"
        )


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure, the whole of it or nothing.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path-like
        Its ending decides the format.

    Raises
    ------
    ValueError
        If the ending is not that of a picture.
    OSError
        If the file cannot be written.
    """
    check_picture_name(path)
    content = io.BytesIO()
    figure.savefig(content, format=Path(path).suffix[1:].lower(), dpi=150)
    write_whole(path, content.getvalue())
