"""Names for types that no library shares."""

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""An array of whichever library the backend uses."""

Tree: TypeAlias = Any
"""An array, or a tuple or ``NamedTuple`` of trees."""
