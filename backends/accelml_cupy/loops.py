"""The loop that does not look at the device after every step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from accelml._typing import Array, Tree
from accelml.tree import tree_map


def while_loop(
    xp: Any,
    step: Callable[[Tree], Tree],
    done: Callable[[Tree], Array],
    state: Tree,
    max_iter: int | Array,
    check_every: int = 1,
) -> Tree:
    """Repeat ``state = step(state)`` until ``done(state)`` or ``max_iter`` steps.

    Whether to go on is known on the device, and asking for it waits until the device has caught up.
    Between two questions, steps that turn out not to have been wanted are made and thrown away:
    ``state = where(finished, state, step(state))``. A wait costs some ten microseconds and a step
    costs hundreds, so masking pays only for short steps, and the caller says when: with
    ``check_every=1`` nothing is masked.

    Parameters
    ----------
    xp : module
        The array namespace.
    step, done : callable
        As in :meth:`accelml.backend.Backend.while_loop`.
    state : tree of arrays
    max_iter : int or array of shape ()
        An array is compared on the device; it is not waited for.
    check_every : int
        How many steps are made between two looks. The result does not depend on it.
    """
    on_host = isinstance(max_iter, (int, np.integer))
    for taken in range(int(max_iter)) if on_host else itertools.count():
        finished = done(state) if on_host else done(state) | (max_iter <= taken)
        if taken % check_every == 0 and bool(finished):
            break
        following = step(state)
        state = following if check_every == 1 else select(xp, finished, state, following)
    return state


def select(xp: Any, condition: Array, yes: Tree, no: Tree) -> Tree:
    """``yes`` where the condition holds, else ``no``; what the step passed on is left alone."""
    return tree_map(lambda a, b: a if a is b else xp.where(condition, a, b), yes, no)
