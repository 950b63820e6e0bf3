"""``python -m accelml.testing NAME``: check one backend, and print what came of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from accelml.backend import BackendUnavailable
from accelml.testing import check_backend, tolerances_page


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table; 0 if every check passes, 1 if one fails, 2 if none could run."""
    parser = argparse.ArgumentParser("python -m accelml.testing", description=__doc__)
    parser.add_argument("name", nargs="?", help="the backend, as 'accelml doctor' lists it")
    parser.add_argument("--device", help="'cpu', 'gpu' or 'gpu:1'; its first choice by default")
    parser.add_argument(
        "--estimator", action="append", metavar="CLASS", help="train this one only; repeatable"
    )
    parser.add_argument(
        "--tolerances", action="store_true", help="print the tolerances as Markdown instead"
    )
    options = parser.parse_args(arguments)
    if options.tolerances:
        sys.stdout.write(tolerances_page())
        return 0
    if options.name is None:
        parser.error("name a backend")
    try:
        report = check_backend(
            options.name,
            device=options.device,
            estimators=options.estimator,
            raise_on_failure=False,
        )
    except (BackendUnavailable, ValueError) as error:
        parser.exit(2, f"{error}\n")
    from rich.console import Console

    Console(highlight=False, emoji=False).print(report)
    print(str(report).splitlines()[0])
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
