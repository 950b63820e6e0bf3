"""The one table of a run, in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from accelml.bench.contestant import BACKEND, PEER
from accelml.bench.report import Row, ordered, seconds_text, significant

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = ("", "median", "spread", "speed", "of limit", "first", "memory")


def cells(row: Row) -> tuple[str, ...]:
    """A contestant's line: short, so that eighty columns hold it."""
    if "seconds" not in row:
        return (row["name"], "failed", *["–"] * (len(HEADINGS) - 2))
    spread = (max(row["seconds"]) - min(row["seconds"])) / 2 / row["median"]
    share = row["share_of_limit"]
    return (
        row["name"] if row["equal"] else f"{row['name']} †",
        seconds_text(row["median"]),
        f"±{100 * spread:.0f} %",
        significant(row["ratio"]),
        "–" if share is None else f"{100 * share:.0f} %",
        seconds_text(row["cold"]),
        "–" if row["memory"] is None else f"{row['memory']:.2f} X",
    )


def caption(race: dict[str, Any]) -> str:
    """What the columns mean here: the rounds, the limit, the quality of the answers, the marks."""
    rows = [row for row in race["rows"] if "seconds" in row]
    best = next((r for r in rows if r["kind"] == PEER and r["ratio"] == 1.0), None)
    words = [] if best is None else [f"speed: over {best['name']}."]
    rounds = max((len(row["seconds"]) for row in rows), default=0)
    words.append(f"rounds: {rounds}.")
    bounds = {row["bound"] for row in rows} - {None}
    if bounds:
        limits = race["limits"]
        at_most = {"GFLOP/s": limits["gflops"], "GB/s": limits["gbytes"]}
        words.append("limit: " + " or ".join(f"{at_most[b]:.0f} {b}" for b in sorted(bounds)) + ".")
    if race["measure"]:
        values = [row["quality"] for row in rows if row["equal"]]
        span = {significant(v, 7) for v in (min(values, default=0), max(values, default=0))}
        words.append(f"{race['measure']}: {' to '.join(sorted(span))}.")
    if race["target"] is not None:
        words.append(f"to reach: {race['target']:.6f}.")
    if not all(row["equal"] for row in rows):
        worse = (f"{significant(r['quality'], 7)} ({r['name']})" for r in rows if not r["equal"])
        words.append(f"† a worse answer: {', '.join(worse)}.")
    return " ".join(words)


def terminal_table(race: dict[str, Any]) -> Table:
    """A race for the terminal."""
    from rich.text import Text

    from accelml.cli.console import new_table

    data = f" ({race['data']})" if race["data"] else ""
    table = new_table(f"{race['title']}{data}")
    for place, heading in enumerate(HEADINGS):
        table.add_column(
            heading, justify="right" if place else "left", no_wrap=bool(place), overflow="fold"
        )
    for row in ordered(race["rows"]):
        style = "bold" if row["kind"] == BACKEND else ""
        table.add_row(*(Text(cell, style=style) for cell in cells(row)))
    table.caption = caption(race)
    table.caption_justify = "left"
    return table


def markdown(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; all columns but the first on the right."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *lines]) + "\n"


def markdown_table(race: dict[str, Any]) -> str:
    """A race for the documentation."""
    lines = [cells(row) for row in ordered(race["rows"])]
    return f"{markdown(HEADINGS, lines)}\n{caption(race)}\n"


def sizes_table(curve: dict[str, Any]) -> Table:
    """Cost against size for the terminal: a column for each size."""
    from accelml.bench.sizes import growth
    from accelml.cli.console import new_table

    sizes = sorted({size for line in curve["curves"] for size in line["sizes"]})
    table = new_table(curve["title"])
    for heading in ("", *(f"{size:,}" for size in sizes), "growth"):
        table.add_column(heading, justify="right" if heading else "left", overflow="fold")
    for line in curve["curves"]:
        times = dict(zip(line["sizes"], line["seconds"], strict=True))
        power = growth(line["sizes"], line["seconds"])
        table.add_row(
            line["name"],
            *(seconds_text(times[size]) if size in times else "–" for size in sizes),
            "–" if power is None else f"n^{power:.2f}",
        )
    return table
