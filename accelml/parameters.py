"""What the parameters that every estimator has may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from accelml.backend import Backend

BACKEND_CONSTRAINTS: dict[str, list[Any]] = {
    "backend": [str, Backend, None],
    "device": [str, None],
}


def generator_of(random_state: Any) -> np.random.Generator:
    """The one generator of a fit, on the host, from scikit-learn's kinds of ``random_state``."""
    if random_state is None or isinstance(random_state, (int, np.integer)):
        return np.random.default_rng(random_state)
    return np.random.default_rng(check_random_state(random_state).randint(0, 2**31 - 1, size=4))
