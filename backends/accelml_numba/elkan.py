"""A lower bound for each distance, by which rows of many centers keep theirs without a search.

A distance falls by no more than its center moves. A row whose own center is nearer than all other
bounds keeps it: after a few iterations that is four in five, where one bound for all other centers,
which falls by the farthest move, tells it of half of them.

References
----------
Elkan, Using the triangle inequality to accelerate k-means, ICML 2003.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accelml_numba.compilation import compiled, compiled_sums
from accelml_numba.products import prefetch_rows, widest
from accelml_numba.tiles import INDEX, NUMBER, TILE, loop, spread
from accelml_numba.vectors import load

Floats = np.ndarray[Any, Any]

# With fewer centers or shorter rows a search costs little more than to look at the bounds.
CENTERS, COLUMNS = 32, 64
# The part of X that the bounds may take.
ROOM = 0.14
# More than what rounding adds to a distance or a bound, as a part of it.
GUARD = np.float32(2**-18)


def are_worth_bounds(X: Floats, centers: Floats) -> bool:
    """Whether bounds save work, and are small beside X."""
    k, d = centers.shape
    return bool(k >= CENTERS and d >= COLUMNS and 4 * k <= ROOM * d * X.itemsize)


@compiled_sums
def direct(X: Floats, origin: Floats, centers: Floats, i: int, j: int) -> float:
    """Σ (x − c)² of one row and one center, in float64."""
    total = 0.0
    for f in range(X.shape[1]):
        gap = X[i, f] - origin[f] - centers[j, f]
        total += gap * gap
    return total


@compiled
def compare(
    X: Floats, origin: Floats, centers: Floats, i: int, distances: Floats, limit: float,
    scale: float, margin: float,
) -> Any:  # fmt: skip
    """The nearest of the centers whose distance is within the limit, directly."""
    nearest, best = np.int32(0), np.inf
    for j in range(len(centers)):
        if distances[j] <= limit:
            exact = direct(X, origin, centers, i, j)
            if exact < best - margin * np.sqrt(exact * scale):
                best = exact
                nearest = np.int32(j)
    return nearest


@intrinsic
def lowest_bound(typing: Any, bounds: Any, i: Any, drift: Any) -> Any:
    """The lowest bound of row ``i`` after the drift.

    Numba's own loop would be scalar: minima are not taken in another order.
    """
    signature = bounds.dtype(bounds, types.intp, drift)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kept, away = (
            context.make_array(signature.args[place])(context, builder, arguments[place])
            for place in (0, 2)
        )
        scalar = context.get_data_type(signature.args[0].dtype)
        lanes = TILE.size * 8 // signature.args[0].dtype.bitwidth
        k = builder.extract_value(kept.shape, 1)
        begin = builder.gep(kept.data, [builder.mul(arguments[1], k)])
        whole = builder.sub(k, builder.srem(k, INDEX(lanes)))
        infinity = ir.Constant(scalar, float("inf"))
        far = spread(builder, infinity, ir.VectorType(scalar, lanes))
        places = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))

        def lower(one: Any, other: Any) -> Any:
            return builder.select(builder.fcmp_ordered("<", one, other), one, other)

        def look(j: Any, mask: Any = None) -> Any:
            bound, moved = (
                load(builder, builder.gep(start, [j]), scalar, lanes, mask)
                for start in (begin, away.data)
            )
            left = builder.fsub(bound, moved)
            return left if mask is None else builder.select(mask, left, far)

        (low,) = loop(builder, whole, lanes, [far], lambda j, lows: [lower(look(j), lows[0])])
        rest = spread(builder, builder.sub(k, whole), places.type)
        low = lower(look(whole, builder.icmp_signed("<", places, rest)), low)
        lowest = infinity
        for lane in range(lanes):
            lowest = lower(builder.extract_element(low, NUMBER(lane)), lowest)
        return lowest

    return signature, generate


@compiled_sums
def distance_of(X: Floats, origin: Floats, centers: Floats, i: int, j: int) -> Any:
    """|x − c| of one row and one center, in the dtype of X."""
    widest()
    total = X.dtype.type(0)
    for f in range(X.shape[1]):
        gap = X[i, f] - origin[f] - centers[j, f]
        total += gap * gap
    return np.float32(np.sqrt(total))


@compiled
def keep_centers(
    X: Floats, origin: Floats, centers: Floats, largest: float, doubt: float, drift: Floats,
    labels: Floats, slack: Floats, bounds: Floats, reaches: Floats, active: Floats,
) -> int:  # fmt: skip
    """Drop those of some rows whose bounds show that their center is still the nearest.

    The slack of these, and how far off a center can be, become what is known now.

    Returns
    -------
    held : int
        How many are left, at the beginning of ``active``.
    """
    drifts, farthest = drift.astype(np.float32), np.float32(drift.max())
    longest, held = np.float32(np.sqrt(largest)), 0
    for row in active:
        own = labels[row]
        bounds[row, own] = np.inf
        reach = reaches[row] + drifts[own]
        reach += GUARD * (reach + farthest)
        low = lowest_bound(bounds, row, drifts)
        left = low - reach - GUARD * reach
        is_open = left <= 0
        slack[row] = low if is_open else left
        active[held] = row
        held += is_open
    count, held = held, 0
    for q in range(count):
        row, after = active[q], active[min(q + 1, count - 1)]
        prefetch_rows(X, after, after + 1)
        own = labels[row]
        low = slack[row]
        reach = distance_of(X, origin, centers, row, own)
        reach += np.float32(doubt) * (reach + longest)
        reaches[row] = reach - drifts[own]
        slack[row] = low - reach - GUARD * (low + reach + farthest)
        active[held] = row
        held += slack[row] <= 0
    return held


@compiled
def fill_bounds(
    norms: Floats, largest: float, doubt: float, distances: Floats, active: Floats, drift: Floats,
    bounds: Floats,
) -> None:  # fmt: skip
    """Lower bounds of the distances of some rows, in place of |x − c|² − |x|²."""
    zero = norms.dtype.type(0)
    for j in range(len(distances)):
        for r in range(len(norms)):
            error = doubt * (norms[r] + largest)
            distances[j, r] = np.sqrt(max(distances[j, r] + norms[r] - error, zero))
    for r in range(len(active)):
        for j in range(len(distances)):
            bounds[active[r], j] = np.float32(distances[j, r]) + np.float32(drift[j])
