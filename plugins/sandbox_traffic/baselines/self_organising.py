"""Self-organising traffic lights (Gershenson 2005; Cools, Gershenson and D'Hooghe 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_traffic.baselines.controller import Controller, Place, TrafficEnv
from sandbox_traffic.baselines.parameters import DEFAULTS, tuned_parameters
from sandbox_traffic.state import Array, SignalState


@dataclass(frozen=True, slots=True)
class _Sums:
    """Seconds that the phases of a signal have accumulated at the last decision, ``time`` s."""

    time: float
    vehicle_seconds: Array


class Sotl(Controller):
    """Red phases accumulate demand, and platoons pass before a change.

    While a phase is red, it accumulates over time the number of vehicles and pedestrians who have green there
    and none now. The phase with the largest sum gets green once the sum exceeds ``threshold``, unless a
    platoon of fewer than ``platoon`` vehicles is moving towards the present green, which may cross first.

    Args:
        env: The environment.
        threshold: Vehicle seconds.
        platoon: Vehicles; with 0, no platoon is kept together.
    """

    def __init__(
        self,
        env: TrafficEnv,
        threshold: float = DEFAULTS["sotl"]["threshold"],
        platoon: float = DEFAULTS["sotl"]["platoon"],
    ) -> None:
        super().__init__(env)
        self._threshold, self._platoon = threshold, platoon
        self._sums: dict[Place, _Sums] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all sums."""
        self._sums.clear()

    def choose(self, state: SignalState, place: Place) -> int:
        """The present phase or the one with the largest sum."""
        mask, served = state.action_mask, state.serves_now
        sums = self._update(state, place)
        moving = float((state.count - state.queue)[served].sum())
        candidate = int(np.argmax(np.where(mask, sums, -1.0)))
        platoon = 0 < moving < self._platoon and not self.max_green_reached(state)
        if mask[state.phase] and (sums[candidate] < self._threshold or platoon):
            return state.phase
        return candidate

    def _update(self, state: SignalState, place: Place) -> Array:
        """Vehicle seconds of each phase, zero for the present one."""
        last = self._sums.get(place)
        if last is None or last.time > state.now:  # later than now: of the episode before
            last = _Sums(state.now, np.zeros(len(state.signal.phases)))
        signal = state.signal
        red = signal.walks[state.phase] == 0
        kept_waiting = signal.calls[state.phase] @ state.count + signal.walks @ (red * state.pedestrians)
        sums: Array = last.vehicle_seconds + kept_waiting * (state.now - last.time)
        sums[state.phase] = 0.0
        self._sums[place] = _Sums(state.now, sums)
        return sums


def sotl(env: TrafficEnv) -> Sotl:
    """Make the baseline ``sotl`` with the parameters tuned for its network."""
    return Sotl(env, **tuned_parameters(env.batch.network.config, "sotl"))
