"""What a run found: a summary, the survivors without a reason, and the page of the docs."""

from __future__ import annotations

import textwrap
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

Entry = dict[str, Any]
LEAST = 0.9  # the share of mutants that must be noticed
REASONS = Path(__file__).with_name("survivors.toml")

PAGE = """\
# Mutation tests

Each mutant below is the library with one small change: another sign or operator, an argument left
out. A mutant is noticed if at least one test fails on it, or does not end. The mutants are those of
[mutmut](https://mutmut.readthedocs.io) in the objectives, the solvers, and every module that holds
a kernel. The tests are those of these rooms that compile nothing: on NumPy with the generic bodies
and with the overrides, and on the strict namespace of the standard.

```console
$ make mutants
```

repeats it, in about twenty minutes on two cores, and fails where fewer than {least:.0%} are noticed
or a survivor has no reason. With `ARGS=--again` it tries only what is new or has survived before,
with `ARGS="--only 'accelml/optimize/*'"` some files. The run writes this page, from its verdicts
and from `tests/mutation/survivors.toml`.

Not mutated: the words of messages, type annotations, and constants at module level.

{table}

## The survivors

Each `+` is one mutant of the line above it, and survives for the reason above the block.

{survivors}"""


class Content(NamedTuple):
    """What a mutant changes, whatever its number is."""

    file: str
    function: str
    before: str
    after: str

    @classmethod
    def of(cls, entry: Entry) -> Content:
        """The content of an entry of a run."""
        return cls(*(entry[name] for name in cls._fields))

    def __str__(self) -> str:
        removed = [f"- {line}" for line in self.before.splitlines()]
        added = [f"+ {line}" for line in self.after.splitlines()]
        return "\n".join([f"{self.file}: {self.function}", *removed, *added])


def conclude(found: list[Entry], root: Path, *, write: bool) -> int:
    """Print the summary and, of a whole run, write the page; 0 if all is as it should be."""
    reasons = read_reasons(REASONS)
    survivors = {Content.of(entry): None for entry in found if entry["verdict"] == "survived"}
    table, share = summary(found)
    print(table)
    unexplained = [content for content in survivors if content not in reasons]
    for content in unexplained:
        print(f"\nno test notices, and no reason is given:\n{content}")
    if write:
        for content in reasons:
            if content not in survivors:
                print(f"\na reason for what does not survive:\n{content}")
        page = PAGE.format(least=LEAST, table=table, survivors=listed(survivors, reasons))
        (root / "docs" / "mutation.md").write_text(page)
    print(f"\n{share:.1%} noticed; {len(unexplained)} survivors without a reason")
    return int(share < LEAST or bool(unexplained))


def summary(found: list[Entry]) -> tuple[str, float]:
    """The table of all files, and the share of mutants that are noticed."""
    lines = [
        "| file | mutants | a test fails | a test does not end | survive | noticed |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    counts = {file: Counter[str]() for file in sorted({entry["file"] for entry in found})}
    for entry in found:
        counts[entry["file"]][entry["verdict"]] += 1
    everything = sum(counts.values(), Counter[str]())
    for name, count in [*((f"`{file}`", count) for file, count in counts.items()),
                        ("**all**", everything)]:  # fmt: skip
        numbers = (count.total(), count["killed"], count["endless"], count["survived"])
        cells = " | ".join(f"{number:,}" for number in numbers)
        lines.append(f"| {name} | {cells} | {noticed(count):.1%} |")
    return "\n".join(lines), noticed(everything)


def noticed(count: Counter[str]) -> float:
    """The share of mutants that a test fails on, or does not end on."""
    return 1 - count["survived"] / max(1, count.total())


def listed(survivors: dict[Content, None], reasons: dict[Content, str]) -> str:
    """Every survivor, below the reason that it has."""
    parts: dict[str, list[Content]] = {reason: [] for reason in reasons.values()}
    for content in sorted(survivors):
        parts.setdefault(reasons.get(content, "No reason is known."), []).append(content)
    blocks = []
    for reason, contents in parts.items():
        if contents:
            words = textwrap.fill(reason, 100, break_on_hyphens=False)
            blocks.append(f"{words}\n\n```diff\n{together(contents)}\n```\n")
    return "\n".join(blocks)


def together(contents: list[Content]) -> str:
    """The changes as diffs, those of one line in one."""
    lines: list[str] = []
    last = None
    for content in contents:
        header, *changes = str(content).splitlines()
        removed = [line for line in changes if line.startswith("-")]
        if (header, removed) != last:
            lines += ["", f"# {header}", *removed]
            last = header, removed
        lines += [line for line in changes if line.startswith("+")]
    return "\n".join(lines).strip()


def read_reasons(path: Path) -> dict[Content, str]:
    """The reasons that are given, by what they are the reason for."""
    reasons: dict[Content, str] = {}
    for group in tomllib.loads(path.read_text())["survivors"] if path.exists() else []:
        reason = " ".join(group["reason"].split())
        for block in group["mutants"].strip().split("\n\n"):
            header, *lines = block.splitlines()
            file, _, function = header.partition(": ")
            before, after = (
                "\n".join(line[2:] for line in lines if line.startswith(sign)) for sign in "-+"
            )
            reasons[Content(file, function, before, after)] = reason
    return reasons
