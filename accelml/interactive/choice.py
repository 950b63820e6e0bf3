"""The menus at the top of a notebook."""

from __future__ import annotations

from typing import Any

import ipywidgets

from accelml.selection import available_backends


class Choice(ipywidgets.HBox):
    """Two menus: the backend that computes, and the seed of all that is random.

    Parameters
    ----------
    backend : str, default="numpy"
        What is chosen at first.
    seed : int, default=0
    seeds : int, default=10
        How many there are to choose from.

    Attributes
    ----------
    backend : str
        What is chosen now; for an estimator's ``backend``.
    seed : int
        For its ``random_state``.
    """

    def __init__(self, backend: str = "numpy", seed: int = 0, seeds: int = 10) -> None:
        self.backend_menu = ipywidgets.Dropdown(
            options=available_backends(), value=backend, description="backend"
        )
        self.seed_menu = ipywidgets.Dropdown(
            options=list(range(seeds)), value=seed, description="seed"
        )
        super().__init__([self.backend_menu, self.seed_menu])

    @property
    def backend(self) -> str:
        """The name of the chosen backend."""
        return str(self.backend_menu.value)

    @property
    def seed(self) -> int:
        """The chosen seed."""
        return int(self.seed_menu.value)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        text = f"backend: {self.backend}, seed: {self.seed}"
        return with_text(bundle, text)


def with_text(bundle: Any, text: str) -> Any:
    """The same bundle, with a text for where there are no widgets."""
    return {**bundle, "text/plain": text}
