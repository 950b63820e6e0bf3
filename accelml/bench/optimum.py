"""The lowest loss that logistic regression can reach, found once and kept in the cache folder."""

from __future__ import annotations

import hashlib
import json
import warnings

import numpy as np

from accelml.bench.tasks import Floats, LogisticTask
from accelml.datasets._files import cache_folder
from accelml.persistence import write_whole

ABOVE = 1e-4  # of the loss, in nats, that counts as having arrived


def target_loss(name: str, X: Floats, y: Floats, C: float = 1.0) -> float:
    """The loss to reach: ``ABOVE`` over the minimum of the objective.

    The minimum takes some minutes to find, and so is kept beside the data of this computer, under
    the digest of what it belongs to.
    """
    digest = hashlib.sha256(np.ascontiguousarray(X).data).hexdigest()[:16]
    file = cache_folder(None) / f"logistic-optimum-{name}-{digest}-{C:g}.json"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {"loss": minimum(X, y, C), "data": name, "C": C}
        write_whole(file, json.dumps(content).encode())
    return float(json.loads(file.read_text())["loss"]) + ABOVE


def minimum(X: Floats, y: Floats, C: float) -> float:
    """The minimum, by L-BFGS until the gradient is a hundredth of what the target needs."""
    from accelml import available_backends
    from accelml.linear_model import LogisticRegression

    backend = "numba" if "numba" in available_backends() else "numpy"
    model = LogisticRegression(C=C, tol=1e-5, max_iter=3000, backend=backend)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    return LogisticTask(X, y=y, C=C).quality((model.coef_.T, model.intercept_))
