"""What can go wrong with a dataset's files."""

from __future__ import annotations


class DatasetUnavailable(OSError):
    """A dataset is neither on this machine nor to be had from its public sources.

    The message names the files, where to put them by hand, and why each source failed.
    """


class DatasetCorrupt(OSError):
    """A file in the user's own folder is not what the dataset's publisher published.

    Such a file is never deleted, overwritten or replaced by a download.
    """
