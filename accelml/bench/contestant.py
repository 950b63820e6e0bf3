"""Who takes part: the registry of contestants, ours and others'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from accelml.bench.machine import missing

BACKEND, PEER = "backend", "peer"


@dataclass
class Entry:
    """A contestant with a task before it.

    Attributes
    ----------
    fit : callable
        What is timed: the whole work as a user would call it, waiting for the device.
    answer : callable
        After ``fit``: what was found, for the judge, as NumPy arrays. Not timed.
    place : callable
        Puts the data where the contestant wants it, e.g. on a GPU; timed apart, as transfer.
    set_iterations : callable, optional
        Changes the iteration limit, where a loss is to be reached.
    estimator, expected_work : str and float
        Of a backend: whose ``fit`` that is, and how many multiply-adds the estimator expects of it,
        which is what ``backend="auto"`` goes by.
    """

    fit: Callable[[], object]
    answer: Callable[[], Any]
    place: Callable[[], object] = lambda: None
    set_iterations: Callable[[int], None] | None = None
    estimator: str = ""
    expected_work: float = 0.0


class Contestant(NamedTuple):
    """A name in the table, and what is needed to take part; plain data, to be sent to a process.

    Attributes
    ----------
    name : str
    kind : {"backend", "peer"}
    family : str
        The family of workloads that it runs.
    library : str
        What ``--peers`` or ``--backends`` selects by.
    modules : tuple of str
        What must be installed.
    device : str
        Where a backend runs; ``"gpu"`` for peers that need one.
    """

    name: str
    kind: str
    family: str
    library: str
    modules: tuple[str, ...] = ()
    device: str = "cpu"

    def problem(self) -> str:
        """Why it cannot take part here; empty where it can."""
        lacks = missing(self.modules)
        if lacks:
            return f"{' and '.join(lacks)} not installed"
        is_idle = self.kind == PEER and self.device == "gpu" and not torch_sees_gpu()
        return "no GPU" if is_idle else ""


def torch_sees_gpu() -> bool:
    """Whether there is a GPU for the peers, all of which use it through PyTorch."""
    if missing(["torch"]):
        return False
    import torch

    return bool(torch.cuda.is_available())


Prepare = Callable[[Any], Entry]
PEERS: dict[tuple[str, str], tuple[Contestant, Prepare]] = {}  # by family and name


def peer(family: str, name: str, *modules: str, gpu: bool = False) -> Callable[[Prepare], Prepare]:
    """Register the decorated ``prepare(task) -> Entry`` as somebody else's way to do it."""

    def register(prepare: Prepare) -> Prepare:
        library = name.partition(",")[0]
        device = "gpu" if gpu else "cpu"
        contestant = Contestant(name, PEER, family, library, modules, device)
        PEERS[family, name] = contestant, prepare
        return prepare

    return register
