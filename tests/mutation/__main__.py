"""Break the arithmetic by one small change at a time, and see that a test fails each time.

``python -m tests.mutation`` from the root of the repository, or ``make mutants``.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.mutation import report
from tests.mutation.scope import TESTS
from tests.mutation.scratch import Mutant, prepare

ROOT = Path(__file__).resolve().parents[2]
Entry = dict[str, Any]
RESULTS = ROOT / "build" / "mutants.json"


def main() -> int:
    """Run, and say how many mutants were noticed; 1 where these are too few."""
    options = arguments()
    known: list[Entry] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    if options.report:
        return report.conclude(known, ROOT, write=True)
    survivors = {content(entry) for entry in known if entry["verdict"] == "survived"}
    noticed = {content(entry): entry for entry in known if content(entry) not in survivors}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        mutants = prepare(ROOT, Path(folder))
        wanted = [mutant for mutant in mutants if is_wanted(mutant, options.only)]
        if options.again:
            wanted = [mutant for mutant in wanted if content(asdict(mutant)) not in noticed]
        print(f"{len(wanted)} of {len(mutants)} mutants", file=sys.stderr)
        verdicts = run(Path(folder), wanted, options)
    earlier = {content(entry): entry for entry in known}
    found = []
    for mutant in map(asdict, mutants):
        verdict = verdicts.get(mutant["name"]) or earlier.get(content(mutant))
        if verdict is not None:
            found.append({**mutant, **{key: verdict[key] for key in ("verdict", "by", "tests")}})
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return report.conclude(found, ROOT, write=len(found) == len(mutants))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", action="append", metavar="GLOB", help="these files only")
    parser.add_argument(
        "--again", action="store_true", help="only what is new or survived the last run"
    )
    parser.add_argument("--report", action="store_true", help="report on the last run")
    parser.add_argument("--tests", nargs="+", default=TESTS)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--budget", type=float, default=6.0, help="seconds of tests for a mutant")
    parser.add_argument("--keep", type=Path, help="a file for the verdicts as they come")
    return parser.parse_args()


def is_wanted(mutant: Mutant, only: list[str] | None) -> bool:
    """Whether the command line asks for it."""
    return only is None or any(fnmatch.fnmatch(mutant.file, pattern) for pattern in only)


def content(entry: Entry) -> tuple[str, ...]:
    """What a mutant does, whatever its number is."""
    return entry["file"], entry["function"], entry["before"], entry["after"]


def run(scratch: Path, mutants: list[Mutant], options: argparse.Namespace) -> dict[str, Entry]:
    """The verdict on every mutant, from a pytest in the copy."""
    results = scratch / "results.jsonl" if options.keep is None else options.keep.absolute()
    results.unlink(missing_ok=True)
    plan = {
        "mutants": [mutant.name for mutant in mutants],
        "results": str(results),
        "workers": options.workers,
        "budget": options.budget,
    }
    (scratch / "plan.json").write_text(json.dumps(plan))
    environment = {
        **os.environ,
        "ACCELML_MUTATION_PLAN": str(scratch / "plan.json"),
        "PYTHONPATH": os.pathsep.join([str(scratch), str(scratch / "backends")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        # A fork carries no threads over.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation.plugin"]
    command += ["-p", "no:cacheprovider", "--timeout=0", *options.tests]
    subprocess.run(command, cwd=scratch, env=environment, check=False)
    verdicts: dict[str, Entry] = {}
    for line in results.read_text().splitlines() if results.exists() else []:
        entry = json.loads(line)
        verdicts[entry.pop("name")] = entry
    if len(verdicts) < len(mutants):
        raise SystemExit("the run ended before every mutant had its turn")
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
