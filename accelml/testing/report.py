"""The checks of one backend, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.table import Table

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


class Skip(Exception):
    """Raised by a check that has nothing to look at; says why."""


class Check(NamedTuple):
    """One check and what came of it.

    Attributes
    ----------
    name : str
        What was checked.
    outcome : {"passed", "FAILED", "skipped"}
    detail : str
        What was wrong, or why there was nothing to check.
    """

    name: str
    outcome: str
    detail: str = ""


@dataclass
class ConformanceReport:
    """The result of :func:`accelml.testing.check_backend`.

    Attributes
    ----------
    backend : str
        The name of the backend.
    device : str
        Where it ran; empty if it could not be made.
    checks : list of Check
        In the order in which they ran.
    """

    backend: str
    device: str = ""
    checks: list[Check] = field(default_factory=list)

    @property
    def failures(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.outcome == FAILED]

    @property
    def passed(self) -> bool:
        """Whether none failed."""
        return bool(self.checks) and not self.failures

    def run(self, name: str, check: Callable[[], object]) -> bool:
        """Run one check, which raises if something is wrong; whether nothing was."""
        try:
            check()
        except Skip as reason:
            self.checks.append(Check(name, SKIPPED, str(reason)))
        except Exception as error:  # whatever somebody else's code raises is a finding
            said = str(error).strip()
            if not isinstance(error, AssertionError):
                said = f"{type(error).__name__}: {said}".removesuffix(": ")
            self.checks.append(Check(name, FAILED, said or "an assertion failed"))
            return False
        else:
            self.checks.append(Check(name, PASSED))
        return True

    def run_all(self, checks: Iterable[tuple[str, Callable[[], object]]]) -> None:
        """Run checks that do not depend on each other."""
        for name, check in checks:
            self.run(name, check)

    def raise_for_failures(self) -> None:
        """Raise an ``AssertionError`` that lists every failure, if there is one."""
        if self.failures:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        """The count of each outcome, and every failure."""
        counts = {
            outcome: sum(check.outcome == outcome for check in self.checks)
            for outcome in (PASSED, FAILED, SKIPPED)
        }
        summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        lines = [f"- {check.name}: {check.detail}" for check in self.failures]
        return "\n".join([f"backend {self.backend!r}: {summary}", *lines])

    def __rich__(self) -> Table:
        """One row for each check."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        where = f" on {self.device}" if self.device else ""
        table = Table(title=f"backend {self.backend!r}{where}", box=box.SIMPLE)
        table.add_column("check", no_wrap=True)
        table.add_column("outcome", no_wrap=True)
        table.add_column("what was wrong")
        colours = {PASSED: "green", FAILED: "bold red", SKIPPED: "yellow"}
        for name, outcome, detail in self.checks:
            table.add_row(Text(name), Text(outcome, colours[outcome]), Text(detail))
        return table
