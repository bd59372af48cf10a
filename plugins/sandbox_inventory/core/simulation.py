"""Plays a batch of episodes of a model: the clock, demand, observations, metrics and the full state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.compiled import kernels
from sandbox_inventory.core.demand.paths import DemandPaths
from sandbox_inventory.core.metrics import EpisodeMetrics, repeated
from sandbox_inventory.core.model import Flow, Model, State

NAMES_OF_VERSION_0_1 = {
    "way": "in_transit",
    "owed": "backlog",
    "store": "warehouse",
    "ship": "shipments",
}
"""State arrays that checkpoints of version 0.1 hold under other names."""


class Simulation:
    """Episodes in lockstep: all environments of a batch begin and end together.

    Args:
        model: The dynamics.
        num_envs: Rows of the batch.

    Attributes:
        state: The model's state.
        time: Periods played in this episode.
        demand_paths: Demand of this and coming episodes.
    """

    def __init__(self, model: Model, num_envs: int) -> None:
        self.model, self.num_envs = model, num_envs
        self.state: State = {}
        self.time = 0
        self.demand_paths = DemandPaths(
            model.demands, model.config.horizon, num_envs, getattr(model, "traces", None)
        )
        self._layout: tuple[str, ...] = getattr(model, "layout", ())
        self._metrics = EpisodeMetrics(num_envs)

    @property
    def observation_size(self) -> int:
        """Length of an observation: the model's, the demand's context, and the time if it is finite."""
        return self.model.observation_size + self.demand_paths.context_size + int(self.model.finite)

    @property
    def ended(self) -> bool:
        """Whether the horizon is reached."""
        return bool(self.time >= self.model.config.horizon)

    @property
    def rngs(self) -> list[np.random.Generator]:
        """Generator of each environment; empty before the first episode."""
        return self.demand_paths.rngs

    def reset(self, rngs: Sequence[np.random.Generator]) -> None:
        """Begin an episode in every environment, each with its own generator."""
        self.state = self.model.initial_state(self.num_envs)
        self.time = 0
        self._metrics.clear()
        self.demand_paths.reset(rngs)

    def observe(self) -> Array:
        """Observations, shape ``(num_envs, observation_size)``, float32."""
        size, context_size = self.model.observation_size, self.demand_paths.context_size
        observation = np.empty((self.num_envs, self.observation_size), np.float32)
        # Divided in double precision before rounding: exported policies are fed the same numbers.
        if self._layout and (compiled := kernels(self.num_envs)):
            column = 0
            for name in self._layout:
                part = self.state[name].reshape(self.num_envs, -1)
                compiled.write_scaled(part, float(self.model.scale), observation, column)
                column += part.shape[1]
        else:
            observation[:, :size] = self.model.observe(self.state) / self.model.scale
        if context_size:
            observation[:, size : size + context_size] = self.demand_paths.context(self.time)
        if self.model.finite:
            observation[:, -1] = self.time / self.model.config.horizon
        return observation

    def step(self, action: Array) -> Flow:
        """Play one period.

        Raises:
            RuntimeError: If the episode has ended or has not begun.
        """
        if self.ended or not self.state:
            raise RuntimeError("the episode has ended or has not begun: call reset() first")
        self.state, flow = self.model.step(self.state, action, self.demand_paths.demand(self.time))
        if self.time >= self.model.config.warmup:
            self._metrics.add(flow)
        self.time += 1
        self.demand_paths.advance(self.time)
        return flow

    def metrics(self) -> dict[str, Array]:
        """Metrics of the episode so far, each of shape ``(num_envs,)``."""
        return self._metrics.metrics()

    def denominators(self) -> dict[str, Array]:
        """What means of the episode so far are over, by metric, each of shape ``(num_envs,)``."""
        return self._metrics.denominators()

    def get_state(self) -> dict[str, Any]:
        """Everything that the future depends on, as nested dicts of arrays and numbers."""
        return {
            "time": self.time,
            "state": {name: values.copy() for name, values in self.state.items()},
            "tally": self._metrics.get_state(),
            **self.demand_paths.get_state(),
        }

    def set_state(self, saved: dict[str, Any]) -> None:
        """Continue from a state that `get_state` returned; existing generators are set in place."""
        self.time = int(saved["time"])
        self.state = {
            NAMES_OF_VERSION_0_1.get(name, name): np.array(values) for name, values in saved["state"].items()
        }
        self._metrics.set_state(saved["tally"])
        self.demand_paths.set_state(saved)

    def branch(self, saved: dict[str, Any], rngs: Sequence[np.random.Generator]) -> None:
        """Go on in every environment from the state of a simulation of one, each with its own demand.

        Args:
            saved: What `get_state` of a simulation of one environment returned.
            rngs: A generator for each environment.
        """
        self.time = int(saved["time"])
        self.state = repeated(saved["state"], self.num_envs)
        self._metrics.set_state(repeated(saved["tally"], self.num_envs))
        self.demand_paths.redraw(self.time, rngs)


def demand_of_episodes(model: Model, seeds: Sequence[int]) -> list[Array]:
    """Demand of the episodes with these seeds, each of shape ``(periods, items)``, units."""
    horizon = model.config.horizon
    paths = DemandPaths(model.demands, horizon, len(seeds), getattr(model, "traces", None))
    paths.reset([seeding.np_random(seed)[0] for seed in seeds])
    demand = np.empty((horizon, len(seeds), len(model.demands)))
    for period in range(horizon):
        demand[period] = paths.demand(period)
        paths.advance(period + 1)
    return [demand[:, episode] for episode in range(len(seeds))]
