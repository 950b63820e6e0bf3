"""The commands, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from accelml.cli.bench import bench
from accelml.cli.console import complain, one_line
from accelml.cli.datasets import data
from accelml.cli.demo import demo
from accelml.cli.doctor import doctor
from accelml.cli.gradcheck import gradcheck
from accelml.cli.predict import predict
from accelml.cli.train import train

INTERRUPTED = 130  # 128 + SIGINT, as shells say it
CLOSED_PIPE = 141  # 128 + SIGPIPE


class Commands(TyperGroup):
    """Commands whose errors are one line and an exit status; ACCELML_DEBUG=1 shows tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        from accelml.backend import BackendUnavailable

        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever reads has had enough. Python flushes once more at its end: into nothing.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(CLOSED_PIPE) from None
        except (ValueError, BackendUnavailable, OSError) as error:
            if os.environ.get("ACCELML_DEBUG", "0") not in {"", "0"}:
                raise
            # What to download by hand, and where to put it, is a list.
            is_list = type(error).__module__.startswith("accelml.datasets")
            complain(f"error: {error if is_list else one_line(error)}")
            raise typer.Exit(2) from None
        return result


app = typer.Typer(
    cls=Commands,
    help="Classic machine learning, written once, on NumPy, Numba, JAX and CuPy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train)
app.command()(predict)
app.command()(doctor)
app.command()(demo)
app.command()(gradcheck)
app.command()(bench)
app.add_typer(data, name="data")


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from accelml import __version__

        print(f"accelml {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """Classic machine learning, written once, on NumPy, Numba, JAX and CuPy."""
