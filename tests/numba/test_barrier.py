"""Threads that wait for each other: for all, and never for one that will not come."""

import threading
import time

import numpy as np
import pytest

from tests.backends import problem

pytestmark = [
    pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba"))),
    pytest.mark.timeout(60),
]


@pytest.mark.parametrize("parties", [1, 2, 5])
def test_nobody_goes_on_before_all_have_come(parties):
    """Also with more threads than there are cores."""
    from accelml_numba.barrier import together, wait_for_all

    rounds = 50
    came, seen = np.zeros((parties, rounds), bool), np.zeros((parties, rounds), int)

    def take_part(number, arrived):
        for time_ in range(rounds):
            came[number, time_] = True
            assert wait_for_all(arrived, parties, time_ + 1)
            seen[number, time_] = came[:, time_].sum()

    together(take_part, parties)
    assert (seen == parties).all()


def test_an_error_of_one_ends_the_waiting_of_all():
    from accelml_numba.barrier import together, wait_for_all

    ended = []

    def take_part(number, arrived):
        if number == 1:
            raise MemoryError("of the second")
        ended.append(wait_for_all(arrived, 3, 1))

    with pytest.raises(MemoryError, match="of the second"):
        together(take_part, 3)
    assert ended == [False, False]


def test_ctrl_c_ends_the_waiting_of_all(monkeypatch):
    """It comes while the first is waited for, as it does in the main thread."""
    from accelml_numba import barrier

    ended = []

    def take_part(number, arrived):
        if number == 0:
            time.sleep(0.2)  # the other waits in vain meanwhile
        else:
            ended.append(barrier.wait_for_all(arrived, 2, 1))

    join, calls = threading.Thread.join, []

    def interrupted(self, *arguments):
        calls.append(self)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return join(self, *arguments)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        barrier.together(take_part, 2)
    assert ended == [False]
    assert not any(thread.is_alive() for thread in calls)
