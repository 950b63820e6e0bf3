"""Losses with gradients derived by hand, one file each.

An *objective* is a hashable callable ``objective(backend, params, data) -> (value, gradient)``,
where ``gradient`` is a tree like ``params``. Solvers need nothing else of it, and
``accelml.gradcheck`` differentiates its ``value`` to check its ``gradient``.
"""
