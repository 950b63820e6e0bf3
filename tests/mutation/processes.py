"""Jobs in forks of this process, a few at a time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

Job = Callable[[], bytes]


class Failed(Exception):
    """A job's way to say that it came out badly, in words that are handed back."""


def in_processes(
    jobs: Sequence[Job], workers: int, note: Callable[[int, int, bytes], None]
) -> None:
    """Run every job in a fork of this process; ``note`` its number, exit status and bytes."""
    running: dict[int, tuple[int, Path]] = {}
    waiting = list(enumerate(jobs))[::-1]
    while waiting or running:
        while waiting and len(running) < workers:
            index, job = waiting.pop()
            answer = Path(f".answer-{index}").absolute()
            pid = os.fork()
            if pid == 0:
                run_and_exit(job, answer)
            running[pid] = index, answer
        pid, status = os.waitpid(-1, 0)
        if pid in running:
            index, answer = running.pop(pid)
            payload = answer.read_bytes() if answer.exists() else b""
            answer.unlink(missing_ok=True)
            note(index, status, payload)


def run_and_exit(job: Job, answer: Path) -> None:
    """The life of a fork: what it prints goes nowhere, an alarm ends it, and it never returns."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    status = 1
    try:
        answer.write_bytes(job())
        status = 0
    except Failed as failed:
        answer.write_bytes(str(failed).encode())
    except BaseException as error:
        answer.write_bytes(type(error).__name__.encode())
    finally:
        os._exit(status)


def say(text: str) -> None:
    """Print past what pytest captures."""
    print(text, file=sys.__stderr__, flush=True)
