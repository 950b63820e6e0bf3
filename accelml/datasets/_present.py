"""Present features and target as scikit-learn's loaders do: arrays, pandas objects or a Bunch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_pandas(X: NDArray[Any], y: NDArray[Any], feature_names: Sequence[str]) -> tuple[Any, Any]:
    """The features as a data frame and the target as a series named ``target``."""
    import pandas as pd

    return pd.DataFrame(X, columns=list(feature_names)), pd.Series(y, name="target")


def present(
    data: NDArray[Any],
    target: NDArray[Any],
    *,
    feature_names: Sequence[str],
    target_names: Sequence[str] | Sequence[int],
    description: str,
    return_X_y: bool,
    as_frame: bool,
    **extra: Any,
) -> Any:
    """Return `(X, y)`, or a Bunch that also holds what is in `extra`."""
    X: Any = data
    y: Any = target
    frame = None
    if as_frame:
        X, y = as_pandas(X, y, feature_names)
        frame = X.assign(target=y)
    if return_X_y:
        return X, y

    from sklearn.utils import Bunch

    return Bunch(
        data=X,
        target=y,
        frame=frame,
        feature_names=list(feature_names),
        target_names=np.array(target_names),
        DESCR=description,
        **extra,
    )
