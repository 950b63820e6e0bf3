"""Parts shared out among the caller's thread and its helpers."""

import multiprocessing
import threading
from contextvars import ContextVar

import pytest

from accelml.threads import side_by_side


@pytest.mark.parametrize("threads", [1, 2, 4, 9])
@pytest.mark.parametrize("parts", [0, 1, 2, 7, 100])
def test_results_come_in_the_order_of_the_parts(threads, parts):
    assert side_by_side(lambda part: part * part, iter(range(parts)), threads) == [
        part * part for part in range(parts)
    ]


@pytest.mark.parametrize("threads", [2, 3])
def test_the_caller_and_its_helpers_are_all_at_work(threads):
    together = threading.Barrier(threads, timeout=60)

    def part(number):
        together.wait()  # nobody gets past it before each thread has taken one
        return threading.get_ident()

    found = side_by_side(part, range(threads), threads)
    assert len(set(found)) == threads
    assert threading.get_ident() in found


def test_a_helper_that_is_busy_elsewhere_is_not_waited_for():
    started, done = threading.Event(), threading.Event()
    other = threading.Thread(target=side_by_side, args=(lambda _: keep_busy(), range(2), 2))

    def keep_busy():
        started.set()
        done.wait(60)

    other.start()
    started.wait(60)
    try:
        assert side_by_side(abs, [-1, -2, -3], 2) == [1, 2, 3]
    finally:
        done.set()
        other.join(60)


@pytest.mark.parametrize("raises_in_helper", [True, False])
def test_what_a_part_raises_is_raised_once_nobody_is_at_work(raises_in_helper):
    caller, together = threading.get_ident(), threading.Barrier(2, timeout=60)
    at_work, seen = [], []

    def part(number):
        if number > 1:
            seen.append(number)
            return
        at_work.append(number)
        together.wait()
        if (threading.get_ident() != caller) == raises_in_helper:
            at_work.remove(number)
            raise ZeroDivisionError(f"part {number}")
        at_work.remove(number)

    with pytest.raises(ZeroDivisionError, match="part"):
        side_by_side(part, range(100), 2)
    assert at_work == []
    taken = len(seen)
    assert side_by_side(abs, range(8), 2) == list(range(8))
    assert len(seen) == taken


def test_parts_not_begun_when_one_fails_are_left_out():
    begun = []

    def part(number):
        begun.append(number)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side(part, range(1000), 2)
    assert len(begun) <= 2


def test_helpers_see_the_context_of_the_caller():
    level = ContextVar("level", default="none")
    together = threading.Barrier(2, timeout=60)

    def part(number):
        together.wait()
        return level.get()

    level.set("mine")
    assert side_by_side(part, range(2), 2) == ["mine", "mine"]


def use_in_child(queue):
    queue.put(side_by_side(abs, range(8), 2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside threads: the point of it
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_process_makes_threads_of_its_own():
    side_by_side(abs, range(8), 2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=use_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == list(range(8))
    child.join(timeout=60)
    assert child.exitcode == 0
