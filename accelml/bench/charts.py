"""Pictures of a report: a bar for each contestant, and cost against size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelml.bench.contestant import BACKEND
from accelml.bench.report import Report, Row, ordered, seconds_text, significant
from accelml.bench.sizes import crossover
from accelml.plotting import COLORS, DASHES, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIBRARIES = ("numpy", "numba", "jax", "cupy")  # each keeps its colour in every picture
OURS, THEIRS = COLORS[0], "#8A8A8A"


def draw(
    report: Report, folder: Path, wanted: Callable[[str], bool] = lambda name: True
) -> list[Path]:
    """Write a PNG for each race and each curve, of those whose name is wanted.

    Returns
    -------
    list of Path
    """
    from matplotlib.figure import Figure

    written = []
    for race in report.workloads:
        ran = [row for row in race["rows"] if "seconds" in row]
        if not ran or not wanted(race["name"]):
            continue
        figure = Figure(figsize=(7.5, 1.1 + 0.34 * len(ran)), layout="constrained")
        bar_chart(figure.subplots(), race["title"], ran)
        written.append(folder / f"{race['name']}.png")
        figure.savefig(written[-1], dpi=120)
    for curve in report.sizes:
        figure = Figure(figsize=(6.5, 4.5), layout="constrained")
        size_chart(figure.subplots(), curve)
        written.append(folder / f"{curve['name']}.png")
        figure.savefig(written[-1], dpi=120)
    return written


def bar_chart(ax: Axes, title: str, rows: Sequence[Row]) -> None:
    """Median seconds, the fastest of ours on top; the line is from the fastest to the slowest."""
    rows = ordered(rows)[::-1]
    medians = [row["median"] for row in rows]
    spread = [
        [row["median"] - min(row["seconds"]) for row in rows],
        [max(row["seconds"]) - row["median"] for row in rows],
    ]
    colours = [OURS if row["kind"] == BACKEND else THEIRS for row in rows]
    names = [row["name"] + ("" if row["equal"] else " (worse answer)") for row in rows]
    ax.barh(names, medians, xerr=spread, color=colours, ecolor="#333333", height=0.7)
    for place, row in enumerate(rows):
        text = f" {seconds_text(row['median'])}"
        if row["kind"] == BACKEND and row["ratio"] is not None:
            text += f", {significant(row['ratio'], 2)}× the best peer"
        ax.annotate(
            text, (max(row["seconds"]), place), va="center", fontsize=8,
            xytext=(3, 0), textcoords="offset points",
        )  # fmt: skip
    ax.set_xlim(0, 1.35 * max(max(row["seconds"]) for row in rows))
    ax.set_title(title, fontsize=10, loc="left")
    ax.set_xlabel("seconds (median; the line spans fastest to slowest)", fontsize=8)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


AXIS_LABELS = {
    "rows": "rows", "features": "features", "clusters": "clusters", "hidden": "hidden units",
}  # fmt: skip


def size_chart(ax: Axes, curve: dict[str, Any]) -> None:
    """Seconds against size on logarithmic axes; where a backend overtakes NumPy is marked."""
    drawn = [line for line in curve["curves"] if line["sizes"]]
    peers = 0
    for line in drawn:
        is_ours = line["kind"] == BACKEND
        place = LIBRARIES.index(line["library"]) if line["library"] in LIBRARIES else 0
        colour = COLORS[place] if is_ours else THEIRS
        dashes = "-" if is_ours else DASHES[1 + peers % (len(DASHES) - 1)]
        marker = MARKERS[place] if is_ours else "."
        peers += not is_ours
        ax.plot(
            line["sizes"], line["seconds"], color=colour, linestyle=dashes, marker=marker,
            markersize=5, label=line["name"],
        )  # fmt: skip
    mark_crossovers(ax, drawn)
    ax.set(xscale="log", yscale="log", ylabel="seconds of a fit, warm")
    ax.set_xlabel(AXIS_LABELS[curve["grows"]])
    ax.set_title(curve["title"], fontsize=10, loc="left")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)


def mark_crossovers(ax: Axes, lines: Sequence[dict[str, Any]]) -> None:
    """A vertical line from where each backend is faster than NumPy."""
    ours = {line["library"]: line for line in lines if line["kind"] == BACKEND}
    base = ours.get("numpy")
    if base is None:
        return
    for place, library in enumerate(LIBRARIES):
        other = ours.get(library)
        if library == "numpy" or other is None:
            continue
        size = crossover(base["sizes"], base["seconds"], other["seconds"])
        if size is not None and size > base["sizes"][0]:
            ax.axvline(size, color=COLORS[place], linewidth=1, linestyle=":")
            ax.annotate(
                f"{library} from {size:,.0f}", (size, 0.02), xycoords=("data", "axes fraction"),
                rotation=90, fontsize=7, color=COLORS[place], ha="right", va="bottom",
            )  # fmt: skip
