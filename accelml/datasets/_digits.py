"""scikit-learn's 1,797 small digits."""

from __future__ import annotations

from typing import Any


def load_digits(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the 1,797 handwritten 8x8 digits that come with scikit-learn; nothing is downloaded.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return `(data, target)` instead of a Bunch.
    as_frame : bool, default=False
        Return pandas objects.

    Returns
    -------
    data : sklearn.utils.Bunch, or tuple (X, y) if `return_X_y`
        As from :func:`sklearn.datasets.load_digits`: `data` of shape (1797, 64), float64,
        0 (background) to 16 (ink); `target` of shape (1797,), int64; `images` of shape
        (1797, 8, 8); `frame`, `feature_names`, `target_names` and `DESCR`.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
       Learning Repository, 1998.

    Examples
    --------
    >>> from accelml.datasets import load_digits
    >>> load_digits().data.shape
    (1797, 64)
    """
    from sklearn import datasets

    return datasets.load_digits(return_X_y=return_X_y, as_frame=as_frame)
