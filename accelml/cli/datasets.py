"""``accelml data``: what data sets there are, which of them are here, and how to get the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from accelml.datasets._catalogue import Entry

ALL = "all"

data = typer.Typer(no_args_is_help=True, help="List the data sets, and download them.")


@data.command("list")
def list_datasets(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Show the data sets, and which of them are on this machine.

    Files are looked for, and not read: they are verified whenever they are loaded, and by
    download.
    """
    from accelml.cli.console import print_json, show
    from accelml.datasets._catalogue import CATALOGUE
    from accelml.datasets._files import DATA_DIR_VARIABLE, cache_folder, user_folder

    cache, own = cache_folder(None), user_folder()
    if as_json:
        described = [describe(name, entry) for name, entry in CATALOGUE.items()]
        print_json({"cache": cache, DATA_DIR_VARIABLE: own, "datasets": described})
        return
    show(dataset_table(own))
    show(f"cache: {cache}")
    show(f"yours, in {DATA_DIR_VARIABLE}: {own or 'none'}")


@data.command()
def download(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Those that list shows, or all.")
    ],
    to: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Put all files there, and not in the cache."),
    ] = None,
) -> None:
    """Fetch data sets into the cache, and verify those that are on this machine already.

    One that cannot be had does not keep the others from being fetched; the exit status is then 2.
    """
    from accelml.cli.console import complain, show
    from accelml.datasets import DatasetCorrupt, DatasetUnavailable
    from accelml.datasets._catalogue import CATALOGUE

    if to is not None and to.exists() and not to.is_dir():
        raise ValueError(f"--to {to}: is not a folder; choose another name")
    failures: list[OSError] = []
    for name in chosen(names):
        try:
            found = fetch(CATALOGUE[name], to)
        except (DatasetUnavailable, DatasetCorrupt) as error:
            failures.append(error)
        else:
            show(f"{name}: {found}")
    for failure in failures[:-1]:
        complain(f"error: {failure}")
    if failures:
        raise failures[-1]


def chosen(names: Sequence[str]) -> list[str]:
    """The data sets asked for, each once; an unknown name is an error before any is fetched."""
    from accelml.cli.console import did_you_mean, listed
    from accelml.datasets._catalogue import CATALOGUE

    known = [*CATALOGUE, ALL]
    for name in names:
        if name not in known:
            raise ValueError(
                f"NAME {name}: choose among {listed(known)}{did_you_mean(name, known)}"
            )
    return list(CATALOGUE) if ALL in names else list(dict.fromkeys(names))


def fetch(entry: Entry, folder: Path | None) -> str:
    """Read and verify every file, downloading what is missing; where they lie, in words."""
    from accelml.datasets._files import find_copy, read_files

    if not entry.files:
        return "comes with scikit-learn"
    for file in entry.files:
        read_files([file], data_home=folder)  # one at a time: images are large
    copies = [find_copy(file, data_home=folder) for file in entry.files]
    places = dict.fromkeys(str(copy.parent) for copy in copies if copy)
    return f"verified, in {' and '.join(places)}"


def copies_of(entry: Entry) -> list[Path]:
    """The files that are on this machine."""
    from accelml.datasets._files import find_copy

    found = [find_copy(file) for file in entry.files]
    return [path for path in found if path]


def describe(name: str, entry: Entry) -> dict[str, Any]:
    """A data set as JSON."""
    copies = copies_of(entry)
    return {
        "name": name,
        "rows": entry.rows,
        "columns": entry.columns,
        "purpose": entry.purpose,
        "source": entry.source,
        "licence": entry.licence,
        "size": entry.size,
        "at_hand": len(copies) == len(entry.files),
        "paths": copies,
        "urls": [url for file in entry.files for url in file.urls],
    }


def dataset_table(own: Path | None) -> Table:
    """One row a data set."""
    from accelml.cli.console import new_table
    from accelml.datasets._catalogue import CATALOGUE

    table = new_table()
    table.add_column("name", no_wrap=True)
    table.add_column("rows × columns", justify="right", min_width=12)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("at hand", max_width=7)
    table.add_column("what for", min_width=11)
    table.add_column("source, licence", min_width=10)
    for name, entry in CATALOGUE.items():
        table.add_row(
            name,
            f"{entry.rows:,} × {entry.columns}",
            in_words(entry.size) if entry.files else "–",
            whereabouts(entry, own),
            entry.purpose,
            f"{entry.source}, {entry.licence}",
        )
    return table


def whereabouts(entry: Entry, own: Path | None) -> str:
    """Whether the files are here, and in which of the two folders."""
    if not entry.files:
        return "always"
    copies = copies_of(entry)
    if len(copies) < len(entry.files):
        return "in part" if copies else "no"
    is_own = [own is not None and copy.is_relative_to(own) for copy in copies]
    return "yours" if all(is_own) else "both" if any(is_own) else "cache"


def in_words(size: int) -> str:
    """Bytes in kB or MB."""
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
