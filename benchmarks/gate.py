"""The regression gate: two saved runs compared by ratios to a peer, not by seconds.

``python -m benchmarks.gate OLD NEW [--slack 0.2]`` ends with status 1 where a backend has lost more
than that share of its speed over the same peer, or finds worse answers than before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from accelml.bench.contestant import BACKEND, PEER
from accelml.bench.report import Report, ratio, significant


def ran(race: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The rows of a kind that have times, by name."""
    return {row["name"]: row for row in race["rows"] if row["kind"] == kind and "seconds" in row}


def losses(old: Report, new: Report, slack: float) -> tuple[list[str], int]:
    """What became slower or worse, in words, and how many comparisons were made."""
    found: list[str] = []
    compared = 0
    before = {race["name"]: race for race in old.workloads}
    for race in new.workloads:
        if race["name"] not in before:
            continue
        old_peers, new_peers = ran(before[race["name"]], PEER), ran(race, PEER)
        common = [row for name, row in old_peers.items() if name in new_peers and row["equal"]]
        if not common:
            continue
        peer = min(common, key=lambda row: row["median"])["name"]
        old_rows, new_rows = ran(before[race["name"]], BACKEND), ran(race, BACKEND)
        for name, row in old_rows.items():
            place = f"{race['name']}, {name}"
            if name not in new_rows:
                found.append(f"{place}: does not run any more")
                continue
            compared += 1
            was = ratio(old_peers[peer], row)
            now = ratio(new_peers[peer], new_rows[name])
            if now < (1 - slack) * was:
                found.append(
                    f"{place}: {significant(was)} times as fast as {peer} before, "
                    f"{significant(now)} now"
                )
            if row["equal"] and not new_rows[name]["equal"]:
                found.append(f"{place}: its answer is worse than the others' now")
    return found, compared


def main(
    old: Path, new: Path,
    slack: Annotated[float, typer.Option(help="share of the speed that may be lost")] = 0.2,
) -> None:  # fmt: skip
    """Compare NEW with OLD."""
    found, compared = losses(Report.load(old), Report.load(new), slack)
    for line in found:
        print(line)
    if not compared:
        print("the two runs have no workload with a common peer: nothing to compare")
        raise typer.Exit(2)
    print(f"{compared} compared, {len(found)} lost more than {100 * slack:.0f} % or got worse")
    raise typer.Exit(1 if found else 0)


if __name__ == "__main__":
    typer.run(main)
