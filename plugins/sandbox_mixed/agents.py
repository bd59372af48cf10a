"""The ring and the platoon with every automated vehicle an agent of its own."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from sandbox.api import batched
from sandbox.api.types import Array, Bools
from sandbox_mixed.config import PlatoonConfig, RingConfig
from sandbox_mixed.kernels import OWN_CORRECTION, OWN_EFFORT, OWN_JERKINESS, Floats
from sandbox_mixed.lanes import action_space, observation_space
from sandbox_mixed.platoon.core import Platoon
from sandbox_mixed.ring.core import Ring


class RingAgents(Ring):
    """Rings whose automated vehicles decide on their own; `sandbox.api.ParallelCore`.

    - Agents: ``av-0``, ``av-1``, …, in the order of driving; ``av-1`` drives ahead of ``av-0``.
    - Observation of each: as on the ring, of itself alone; shape ``(3,)`` or ``(4,)``.
    - Action of each: its acceleration, from -1 to 1 times ``max_acceleration``; shape ``(1,)``.
    - Reward of each: what concerns all vehicles is common; effort and correction are its own.
    - Termination and truncation: as on the ring, for all agents at once.
    """

    def __init__(self, config: RingConfig, num_envs: int) -> None:
        super().__init__(config, num_envs)
        self.agents = agent_names(config.automated)
        self.observation_space = observation_space(1, config.sees)
        self.action_space = action_space(1)

    def step(self, actions: Array) -> Any:
        """Drive until the next decision; actions have shape ``(rows, k, 1)``."""
        happened = super().step(actions[..., 0])
        by_vehicle = self.traffic.by_vehicle / self.config.decision_steps
        return apart(happened, effort=by_vehicle[..., OWN_EFFORT], correction=by_vehicle[..., OWN_CORRECTION])

    def observe(self) -> Array:
        """What each automated vehicle sees, shape ``(rows, k, features)``."""
        return self.traffic.observe()

    def ends(self) -> tuple[Bools, Bools]:
        """As on the ring, shape ``(rows, k)`` each."""
        return for_all(super().ends(), len(self.agents))


class PlatoonAgents(Platoon):
    """A platoon whose automated vehicles decide on their own; `sandbox.api.ParallelCore`.

    As `RingAgents`, behind a leader: ``av-0`` is the last of them, and its gap that is too wide, too, is each
    one's own.
    """

    def __init__(self, config: PlatoonConfig, num_envs: int) -> None:
        super().__init__(config, num_envs)
        self.agents = agent_names(config.automated)
        self.observation_space = observation_space(1, config.sees)
        self.action_space = action_space(1)

    def step(self, actions: Array) -> Any:
        """Drive until the next decision; actions have shape ``(rows, k, 1)``."""
        happened = super().step(actions[..., 0])
        by_vehicle = self.traffic.by_vehicle / self.config.decision_steps
        return apart(
            happened,
            effort=by_vehicle[..., OWN_JERKINESS],
            correction=by_vehicle[..., OWN_CORRECTION],
            wide=self.too_wide(),
        )

    def observe(self) -> Array:
        """What each automated vehicle sees, shape ``(rows, k, features)``."""
        return self.traffic.observe()

    def ends(self) -> tuple[Bools, Bools]:
        """As of the platoon, shape ``(rows, k)`` each."""
        return for_all(super().ends(), len(self.agents))


def agent_names(count: int) -> list[str]:
    """Names of automated vehicles."""
    return [f"av-{number}" for number in range(count)]


def apart(happened: Any, **by_vehicle: Floats) -> Any:
    """A transition with an axis of agents: common values, shape ``(rows,)``, are given to each of them."""
    agents = next(iter(by_vehicle.values())).shape[1]
    common = {part.name: getattr(happened, part.name) for part in fields(happened)}
    repeated = {name: np.repeat(value[:, None], agents, axis=1) for name, value in common.items()}
    return type(happened)(**(repeated | by_vehicle))


def for_all(ends: tuple[Bools, Bools], agents: int) -> tuple[Bools, Bools]:
    """Ends of rows as ends of all their agents."""
    terminated, truncated = (np.repeat(part[:, None], agents, axis=1) for part in ends)
    return terminated, truncated


make_ring, make_ring_vec = batched(RingAgents)
make_platoon, make_platoon_vec = batched(PlatoonAgents)
