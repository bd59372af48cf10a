"""What classical controllers have in common: a rule for one signal, played for all signals of a batch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.state import Array, SignalState

Place = tuple[int, int]
"""A simulation and a signal of it, by number."""

DEFAULT_MAX_GREEN = 50.0
"""Maximum green of controllers that extend green where the configuration sets none, s."""


class TrafficEnv(Protocol):
    """An environment of either task, single or vector."""

    batch: SignalBatch


class Controller:
    """A policy that applies `choose` to every signal; see `sandbox.api.Policy`.

    Args:
        env: The environment.

    Attributes:
        batch: Simulations of the environment.
    """

    def __init__(self, env: TrafficEnv) -> None:
        self.batch = env.batch

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget what was remembered between decisions."""

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[np.int64]:
        """Choose a phase for every signal, shape ``(num_envs · signals,)``."""
        state = self.batch.state
        phases = [
            self.choose(state.signal(env, index), (env, index))
            for env in range(len(self.batch.simulations))
            for index in range(len(self.batch.network.signals))
        ]
        return np.array(phases, dtype=np.int64)

    def save(self, directory: Path) -> None:
        """Baselines are made from their environment, not saved.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not saved")

    def choose(self, state: SignalState, place: Place) -> int:
        """Choose a phase for the signal at ``place``."""
        raise NotImplementedError

    def max_green_reached(self, state: SignalState) -> bool:
        """Whether the present green would be longer than the maximum at the next decision."""
        config = self.batch.network.config
        longest = float(state.signal.plan.max_green[state.phase].min())
        if math.isinf(longest):
            longest = DEFAULT_MAX_GREEN if config.max_green is None else float(config.max_green)
        return state.now + config.decision_interval - state.green_since > longest


def best_phase(state: SignalState, values: Array) -> int:
    """The allowed phase of highest value; the present one where it ties."""
    allowed = np.where(state.action_mask, values, -np.inf)
    if state.action_mask[state.phase] and allowed[state.phase] >= allowed.max():
        return state.phase
    return int(np.argmax(allowed))


def next_phase_with_call(state: SignalState) -> int:
    """The next allowed phase with a call: a vehicle or pedestrian who has green there and none now.

    Without a call, the present phase if it is allowed.
    """
    mask, called = state.action_mask, state.called_phases
    number = len(called)
    for step in range(1, number):
        phase = (state.phase + step) % number
        if mask[phase] and called[phase]:
            return phase
    return state.phase if mask[state.phase] else int(np.argmax(mask))


def waiting_pedestrians(state: SignalState) -> Array:
    """Pedestrians who stand before the crossings that each phase, but not every phase, gives green to."""
    signal = state.signal
    standing: Array = signal.walks @ (state.pedestrians * signal.walk_decided)
    return standing
