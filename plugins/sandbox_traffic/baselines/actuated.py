"""Controllers that extend green while it is used, and skip phases without a call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_traffic.baselines.controller import Controller, Place, TrafficEnv, next_phase_with_call
from sandbox_traffic.baselines.parameters import DEFAULTS, tuned_parameters
from sandbox_traffic.state import Array, SignalState


class Actuated(Controller):
    """Vehicle-actuated control with gap-out, max-out and phase skipping (FHWA-HOP-08-024, chapter 5).

    Green is extended while a loop of a served approach was crossed within the passage time, up to the
    maximum green. Then the next phase with a call follows; without a call green rests.

    Args:
        env: The environment.
        passage: Passage time, s.
    """

    memoryless = True

    def __init__(self, env: TrafficEnv, passage: float = DEFAULTS["actuated"]["passage"]) -> None:
        super().__init__(env)
        self._passage = passage

    def choose(self, state: SignalState, place: Place) -> int:
        """The present phase or the next one with a call."""
        flowing = bool((state.gap[state.serves_now] <= self._passage).any())
        if state.action_mask[state.phase] and flowing and not self.max_green_reached(state):
            return state.phase
        return next_phase_with_call(state)


@dataclass(frozen=True, slots=True)
class _Losses:
    """Time lost on a signal's approaches.

    Attributes:
        time: Time of the last decision, s.
        seconds: Time lost so far by the vehicles on each approach, s.
        passed: Vehicles that had crossed each loop at that time.
    """

    time: float
    seconds: Array
    passed: Array


class DelayBased(Controller):
    """Extends green while vehicles that have lost time are still on a served approach.

    After SUMO's controller ``delay_based``. SUMO follows each vehicle's time loss, which detectors do not
    measure. Here the vehicles of an approach lose (1 − speed/limit) seconds each per second, and vehicles
    that cross the loop take their share with them. Green is extended while the vehicles of a served
    approach have lost ``loss`` on average, up to the maximum green; then the next phase with a call
    follows.

    Args:
        env: The environment.
        loss: Time lost per vehicle, s.
    """

    def __init__(self, env: TrafficEnv, loss: float = DEFAULTS["delay-based"]["loss"]) -> None:
        super().__init__(env)
        self._loss = loss
        self._losses: dict[Place, _Losses] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all losses."""
        self._losses.clear()

    def choose(self, state: SignalState, place: Place) -> int:
        """The present phase or the next one with a call."""
        lost, count = self._update(state, place), state.count
        delayed = (count > 0) & (lost >= self._loss * np.maximum(count, 1.0))
        if (
            state.action_mask[state.phase]
            and (delayed & state.serves_now).any()
            and not self.max_green_reached(state)
        ):
            return state.phase
        return next_phase_with_call(state)

    def _update(self, state: SignalState, place: Place) -> Array:
        """Time lost so far by the vehicles on each approach, s."""
        passed, count = state.passed, state.count
        last = self._losses.get(place)
        if last is None or last.time > state.now:  # later than now: of the episode before
            last = _Losses(state.now, np.zeros(len(count)), passed.copy())
        left = passed - last.passed
        staying = count / np.maximum(count + left, 1.0)
        seconds = last.seconds * staying + state.slowness * (state.now - last.time)
        self._losses[place] = _Losses(state.now, seconds, passed.copy())
        return seconds


def actuated(env: TrafficEnv) -> Actuated:
    """Make the baseline ``actuated`` with the parameters tuned for its network."""
    return Actuated(env, **tuned_parameters(env.batch.network.config, "actuated"))


def delay_based(env: TrafficEnv) -> DelayBased:
    """Make the baseline ``delay-based`` with the parameters tuned for its network."""
    return DelayBased(env, **tuned_parameters(env.batch.network.config, "delay-based"))
