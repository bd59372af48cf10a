"""Models as array operations of any library, for gradients through them; see `sandbox.api.Dynamics`.

Orders are not rounded here, as rounding has no gradient; the environment rounds what a policy then orders.
With whole demand nothing is lost by that: the cost of an order is linear between whole quantities, so that no
fraction of a unit is better than both neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.paths import grouped
from sandbox_inventory.core.demand.sampling import draw
from sandbox_inventory.core.model import Flow, Model, State


class DifferentiableModel(Model, Protocol):
    """A model whose ``observe`` takes a namespace, and that can be played by quantities."""

    def observe(self, state: State, xp: ModuleType = np) -> Array:
        """As `Model.observe`."""
        ...

    def play(self, state: State, quantities: Array, demand: Array, xp: ModuleType = np) -> tuple[State, Flow]:
        """As `Model.step`, by quantities instead of actions."""
        ...


class ModelDynamics:
    """`sandbox.api.Dynamics` of a model.

    Args:
        model: The system; its horizon is no part of the problem.

    Raises:
        InvalidValueError: If demand depends on the past.
    """

    def __init__(self, model: DifferentiableModel) -> None:
        for demand in model.demands:
            if not demand.independent:
                raise InvalidValueError(
                    "The dynamics as array operations are those of demand that is independent from period to "
                    f"period, not {demand.kind}."
                )
        self.model = model
        self._groups = grouped(model.demands)

    @property
    def horizon(self) -> int:
        """Periods of an episode."""
        return int(self.model.config.horizon)

    @property
    def differentiable(self) -> bool:
        """Whether orders are continuous."""
        return self.model.orders.kind == "continuous"

    def begin(self, rng: np.random.Generator, num_envs: int) -> dict[str, Array]:
        """The states in which episodes begin; nothing is drawn."""
        return dict(self.model.initial_state(num_envs))

    def noise(self, rng: np.random.Generator, num_envs: int, steps: int) -> Array:
        """Demand, shape ``(steps, num_envs, items)``, units."""
        drawn = np.empty((steps * num_envs, len(self.model.demands)))
        for demand, items in self._groups:
            drawn[:, items] = draw(demand, rng, len(drawn), len(items), None)[0]
        return drawn.reshape(steps, num_envs, -1)

    def observe(self, state: State, xp: ModuleType) -> Array:
        """Observations, in multiples of the mean demand."""
        observation: Array = self.model.observe(state, xp) / self.model.scale
        return observation

    def played(self, action: Array, xp: ModuleType) -> Array:
        """The actions that the environment makes of these: whole quantities, where demand is whole."""
        orders = self.model.orders
        return action if orders.kind == "discrete" else orders.rounded(action, xp)

    def step(self, state: State, action: Array, noise: Array, xp: ModuleType) -> tuple[State, Flow]:
        """One period; continuous orders are not rounded."""
        orders = self.model.orders
        if orders.kind == "discrete":
            return self.model.play(state, orders.quantities(action), noise, xp)
        return self.model.play(state, orders.relaxed(action, xp), noise, xp)


@dataclass(frozen=True)
class MakeDynamics:
    """``(config) -> ModelDynamics``; see `sandbox.api.Task`."""

    model: Callable[[Any], DifferentiableModel]

    def __call__(self, config: Any) -> ModelDynamics:
        return ModelDynamics(self.model(config))
