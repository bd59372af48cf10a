"""Copies of a system in which a planner looks ahead; see `sandbox.api.Simulator`.

Demand in the copies is drawn anew: environments draw theirs ahead in blocks, and a copy must not know it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.paths import grouped
from sandbox_inventory.core.demand.sampling import draw
from sandbox_inventory.core.model import Model
from sandbox_inventory.core.simulation import Simulation


class InventorySimulator:
    """``num_envs`` copies; the rules of this package are made for it as for an environment.

    Args:
        model: The system.
        reward: Its reward.
        num_envs: Copies.

    Raises:
        InvalidValueError: If demand depends on the past or on a file: its future is then more than chance.
    """

    def __init__(self, model: Model, reward: RewardSpec, num_envs: int) -> None:
        dependent: str | None = next(
            (demand.kind for demand in model.demands if not demand.independent), None
        )
        if getattr(model, "traces", None) is not None:
            dependent = "a file"
        if dependent is not None:
            raise InvalidValueError(
                f"Planning needs demand that is independent from period to period, not {dependent}."
            )
        self.model, self.reward, self.num_envs = model, reward, num_envs
        self.sim = Simulation(model, num_envs)
        self._groups = grouped(model.demands)
        self._streams: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        self._rng = np.random.default_rng(0)
        self._horizon = 0

    @property
    def core(self) -> InventorySimulator:
        """Where rules look for the model and the simulation that plays it."""
        return self

    def branch(
        self, env: Any, rows: NDArray[np.int64], streams: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Begin with the stock and the orders of an environment; its demand stays behind."""
        self.sim.state = {name: values[rows] for name, values in env.core.sim.state.items()}
        self.sim.time, self._horizon = env.core.sim.time, env.core.model.config.horizon
        self._streams, self._rng = streams, rng

    def observe(self) -> Array:
        """Observations, as the environment gives them."""
        return self.sim.observe()

    def step(self, actions: Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """One period; it ends the process where the horizon is part of the problem."""
        self.sim.state, flow = self.model.step(self.sim.state, actions, self._demand())
        self.sim.time += 1
        ended = self.model.finite and self.sim.time >= self._horizon
        reward = np.asarray(self.reward(flow).total, np.float64)
        return reward, np.full(self.num_envs, ended)

    def _demand(self) -> Array:
        """Demand of a period, ``(num_envs, items)``: the same in copies of the same stream."""
        count = int(self._streams.max()) + 1
        drawn = np.empty((count, len(self.model.demands)))
        for demand, items in self._groups:
            drawn[:, items] = draw(demand, self._rng, count, len(items), None)[0]
        demanded: Array = drawn[self._streams]
        return demanded


@dataclass(frozen=True)
class MakeSimulator:
    """``(config, reward, num_envs) -> InventorySimulator``; see `sandbox.api.Task`."""

    model: Callable[[Any], Model]

    def __call__(self, config: Any, reward: RewardSpec, num_envs: int) -> InventorySimulator:
        return InventorySimulator(self.model(config), reward, num_envs)
