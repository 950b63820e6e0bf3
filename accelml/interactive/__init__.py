"""What the notebooks are played with: menus, figures that follow sliders, a canvas, live curves.

Needs ``pip install "accelml[notebooks]"``. Nothing else in accelml imports it.
"""

try:
    import anywidget as _anywidget
    import ipywidgets as _ipywidgets
except ImportError as error:
    raise ImportError(
        f"accelml.interactive needs {error.name}: pip install 'accelml[notebooks]'"
    ) from error

from accelml.interactive.canvas import DigitCanvas, centered_digit
from accelml.interactive.choice import Choice
from accelml.interactive.data import Data, load
from accelml.interactive.figures import Explorer, explore, show
from accelml.interactive.live import LiveCurve
from accelml.interactive.source import show_source

del _anywidget, _ipywidgets

__all__ = [
    "Choice",
    "Data",
    "DigitCanvas",
    "Explorer",
    "LiveCurve",
    "centered_digit",
    "explore",
    "load",
    "show",
    "show_source",
]
