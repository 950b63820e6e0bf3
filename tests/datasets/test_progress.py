from io import StringIO

import pytest
from rich.console import Console

from accelml.datasets._progress import DownloadBar


def drive(bar):
    """What pooch does with a progress bar."""
    bar.total = 3000
    bar.update(1024)
    bar.update(1024)
    bar.reset()
    bar.update(3000)
    bar.close()


def test_shows_the_file_and_how_much_of_it_has_come():
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=80, force_interactive=True)
    with DownloadBar("table", console) as bar:
        drive(bar)
        assert bar.total == 3000
    assert "table" in screen.getvalue()
    assert "3.0/3.0 kB" in screen.getvalue()


def test_silent_in_a_log():
    screen = StringIO()
    with DownloadBar("table", Console(file=screen)) as bar:
        drive(bar)
    assert screen.getvalue() == ""


def test_an_unknown_length_is_not_zero():
    with DownloadBar("table", Console(file=StringIO())) as bar:
        bar.total = 0
        assert bar.total is None


def test_an_error_gives_the_terminal_back():
    console = Console(file=StringIO(), force_terminal=True, force_interactive=True)
    with pytest.raises(KeyboardInterrupt), DownloadBar("table", console):
        raise KeyboardInterrupt
    with DownloadBar("table", console):  # a second live display would be refused
        pass
