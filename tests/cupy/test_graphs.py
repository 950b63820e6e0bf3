"""What is captured and what happens where it cannot be, with a device that only keeps a list."""

from __future__ import annotations

import contextlib
import types

import pytest

from accelml_cupy.graphs import WORTHWHILE, captured, repeat


class Refused(Exception):
    """What CuPy raises."""


class Device:
    """As much of CuPy as a capture needs: launches are done, or noted while capturing."""

    def __init__(self, *, refuses=""):
        self.done, self.noted, self.refuses, self.streams = [], None, refuses, []
        errors = types.SimpleNamespace(CUDARuntimeError=Refused, CUDADriverError=Refused)
        self.cuda = types.SimpleNamespace(runtime=errors, driver=errors, Stream=self.stream)

    def launch(self, name):
        if self.refuses == "launch" and self.noted is not None:
            raise Refused
        (self.done if self.noted is None else self.noted).append(name)

    def stream(self, *, non_blocking):
        assert non_blocking
        return Stream(self)


class Stream(contextlib.AbstractContextManager):
    def __init__(self, device):
        self.device = device

    def __exit__(self, *_):
        assert self.device.noted is None, "the stream is still being captured"

    def begin_capture(self):
        if self.device.refuses == "begin":
            raise Refused
        self.device.noted = []

    def end_capture(self):
        noted, self.device.noted = self.device.noted, None
        if self.device.refuses in {"end", "launch"}:
            raise Refused
        return types.SimpleNamespace(launch=lambda: self.device.done.extend(noted))


@pytest.mark.parametrize("refuses", ["", "begin", "launch", "end"])
@pytest.mark.parametrize("times", [0, 1, WORTHWHILE - 1, WORTHWHILE, 50])
def test_the_launches_are_made_so_many_times(refuses, times):
    device, calls = Device(refuses=refuses), []

    def work():
        calls.append(1)
        device.launch("forward")
        device.launch("backward")

    repeat(device, work, times)
    assert device.done == ["forward", "backward"] * times
    if not refuses:
        assert len(calls) == (times if times < WORTHWHILE else 1)


def test_capturing_launches_nothing():
    device = Device()
    graph = captured(device, lambda: device.launch("step"))
    assert device.done == []
    graph.launch()
    assert device.done == ["step"]


@pytest.mark.parametrize("refuses", ["", "end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_error_ends_the_capture_and_is_not_swallowed(refuses, error):
    device = Device(refuses=refuses)

    def work():
        device.launch("step")
        raise error

    with pytest.raises(error):
        repeat(device, work, 50)
    assert device.noted is None
    assert device.done == []


def test_the_real_cupy_has_these_names():
    cuda = pytest.importorskip("cupy", exc_type=Exception).cuda
    assert issubclass(cuda.runtime.CUDARuntimeError, Exception)
    assert issubclass(cuda.driver.CUDADriverError, Exception)
    assert callable(cuda.Stream.begin_capture)
    assert callable(cuda.Stream.end_capture)
    assert callable(cuda.Graph.launch)
