"""What every estimator shares: the choice of the backend, and the way in and out of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.callbacks import TEARDOWN, CallbackSupportMixin
from accelml.selection import Choice, owner, resolve
from accelml.tree import leaves, tree_map
from accelml.validation import check_X, refuse_not_finite


@dataclass
class Session:
    """One call of ``fit`` or ``predict``: its backend, and the library that ``X`` came from."""

    backend: Backend
    choice: Choice
    owned: Backend | None

    def restore(self, x: Array) -> Any:
        """An array of the backend, as the library of ``X`` knows it."""
        if self.owned is None:
            return self.backend.to_numpy(x)
        if self.owned.name == self.backend.name:
            return x
        with self.owned.context():
            return self.owned.asarray(self.backend.to_numpy(x))

    def restore_labels(self, labels: np.ndarray[Any, Any]) -> Any:
        """Labels of the host, as the library of ``X`` knows them; strings stay on the host."""
        if self.owned is None or labels.dtype.kind not in "biuf":
            return labels
        with self.owned.context():
            return self.owned.asarray(labels)


class BackendEstimator(CallbackSupportMixin, BaseEstimator):
    """An estimator with the parameters ``backend`` and ``device``."""

    backend: str | Backend | None
    device: str | None

    @contextlib.contextmanager
    def _session(self, X: Any, work: float = 0.0, *, fitting: bool = False) -> Iterator[Session]:
        """Choose the backend, and hold its context for the duration of a call."""
        backend, choice = resolve(self.backend, self.device, X, work, type(self))
        session = Session(backend, choice, owner(X))
        with self._unchanged_by_failure(fitting), backend.context():
            if fitting:
                self.backend_ = choice
                self.device_ = backend.device
            yield session

    @contextlib.contextmanager
    def _unchanged_by_failure(self, fitting: bool) -> Iterator[None]:
        """A ``fit`` that raises leaves the estimator as it was, fitted or not."""
        before = dict(vars(self)) if fitting else {}
        # Curves are appended to in place.
        before |= {name: list(value) for name, value in before.items() if type(value) is list}
        try:
            yield
        except BaseException:
            if fitting:
                # What callbacks are torn down by, once this exception has left ``fit``.
                before |= {name: value for name, value in vars(self).items() if name in TEARDOWN}
                self.__dict__.clear()
                self.__dict__.update(before)
            raise

    def _check_X(
        self, session: Session, X: Any, *, reset: bool = False, finite: bool = True
    ) -> Array:
        backend, owned = session.backend, session.owned
        return check_X(self, X, backend=backend, owned=owned, reset=reset, finite=finite)

    def _refuse_not_finite(self, session: Session, X: Array) -> None:
        """Raise where NaN or infinity in ``X`` is what made a result that is not finite."""
        refuse_not_finite(self, X, backend=session.backend)

    def _on_device(self, backend: Backend, fitted: Tree, dtype: Any) -> Tree:
        """Fitted parameters on the device: sent once, and again when they have changed."""
        host = [np.asarray(leaf) for leaf in leaves(fitted)]
        cache = self.__dict__.get("_device_copies")
        if cache is not None:
            same_place = cache[0] is backend and cache[1] == dtype and len(cache[2]) == len(host)
            if same_place and all(map(np.array_equal, cache[2], host)):
                return cache[3]
        sent = tree_map(lambda leaf: backend.asarray(leaf, dtype), fitted)
        if not backend.device.startswith("cpu"):
            self._device_copies = (backend, dtype, [leaf.copy() for leaf in host], sent)
        return sent

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_device_copies", None)
        return state


def wider(xp: Any, X: Array, fitted: np.ndarray[Any, Any]) -> Any:
    """The dtype to predict in: float64 if either ``X`` or the parameters are."""
    narrow = X.dtype == xp.float32 and fitted.dtype == np.float32
    return xp.float32 if narrow else xp.float64
