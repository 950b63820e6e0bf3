"""The command ``accelml``.

Nothing is imported here: an interrupt while the rest loads must end in one line, not a traceback.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point of the console script."""
    try:
        from accelml.cli.app import app

        app()
    except KeyboardInterrupt:
        print("accelml: interrupted", file=sys.stderr)
        sys.exit(130)
