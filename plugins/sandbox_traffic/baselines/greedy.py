"""Controllers that choose the phase of highest value at every decision.

They know nothing of the time that a change costs. Where clearance takes five seconds, changing at every
decision would leave half of the time to nobody, so each of them holds a green for some time, which is tuned.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sandbox.api import RewardSpec
from sandbox_traffic.baselines.controller import (
    Controller,
    Place,
    TrafficEnv,
    best_phase,
    waiting_pedestrians,
)
from sandbox_traffic.baselines.parameters import tuned_parameters
from sandbox_traffic.network.webster import SATURATION_FLOW
from sandbox_traffic.reward import OUTSIDE_SCALE, PRESETS
from sandbox_traffic.state import Array, SignalState


class Greedy(Controller):
    """The phase of highest value, once the present one has been green for some time.

    Args:
        env: The environment.
        hold: Time for which a green is kept, s; twice the longest clearance of the signal if absent, so that
            no more than a third of the time is lost.

    Attributes:
        memoryless: How long a green has lasted is part of the state.
    """

    memoryless = True

    def __init__(self, env: TrafficEnv, hold: float | None = None) -> None:
        super().__init__(env)
        plans = [signal.plan for signal in self.batch.network.signals]
        self._hold = [2.0 * plan.longest_clearance if hold is None else hold for plan in plans]

    def choose(self, state: SignalState, place: Place) -> int:
        """The present phase, or the one of highest value."""
        if state.action_mask[state.phase] and state.now - state.green_since < self._hold[place[1]]:
            return state.phase
        return best_phase(state, self.value(state))

    def value(self, state: SignalState) -> Array:
        """Value of each phase, shape ``(phases,)``."""
        raise NotImplementedError


class MaxPressure(Greedy):
    """Max-pressure (Varaiya 2013): argmax over phases of Σ over movements of incoming − outgoing vehicles.

    As turning ratios are not known, the vehicles of a lane are divided in equal parts among its movements,
    and each movement weighs as its part. Pedestrians who stand before a crossing are incoming, with nobody
    ahead.
    """

    def value(self, state: SignalState) -> Array:
        """Pressure of each phase."""
        signal = state.signal
        pressure: Array = signal.moves @ (signal.movement_weight * state.movement_pressure)
        return pressure + waiting_pedestrians(state)


class MaxWave(Greedy):
    """The phase that serves most vehicles, standing or approaching (RESCO's greedy controller).

    Pedestrians who stand before a crossing count as vehicles.
    """

    def value(self, state: SignalState) -> Array:
        """Vehicles and pedestrians that each phase serves."""
        wave: Array = state.signal.serves @ state.count + waiting_pedestrians(state)
        return wave


class GreedyReward(Greedy):
    """One-step greedy on a reward: the phase whose green improves the reward most by the next decision.

    Every term of the reward is a sum over approaches. What green changes of it on an approach within one
    decision is taken from the state, as `relief` has it; the phase with the largest weighted sum over the
    approaches that it serves is chosen.

    Args:
        env: The environment.
        reward: The reward.
        hold: As in `Greedy`, s.
    """

    def __init__(self, env: TrafficEnv, reward: RewardSpec, hold: float | None = None) -> None:
        super().__init__(env, hold)
        self._weights = {name: weight for name, weight in reward.weights.items() if weight}

    def value(self, state: SignalState) -> Array:
        """What green improves of the reward."""
        interval = float(self.batch.network.config.decision_interval)
        value = np.zeros(len(state.signal.phases))
        for name, weight in self._weights.items():
            value += weight * relief(name, state, interval)
        return value


def relief(term: str, state: SignalState, interval: float) -> Array:
    """What a reward term changes by within a decision if a phase is green rather than red.

    Vehicles with green stand no longer and lose no time; a queue enters the junction at the saturation
    flow; and with red, everyone who stands waits for the interval. Terms that no single approach decides
    are 0.

    Args:
        term: Name of the reward term.
        state: The signal.
        interval: Time to the next decision, s.

    Returns:
        Shape ``(phases,)``.
    """
    rule = RELIEF.get(term)
    return np.zeros(len(state.signal.phases)) if rule is None else rule(state, interval)


def _served(value: Callable[[SignalState, float], Array]) -> Callable[[SignalState, float], Array]:
    """Sums a value of approaches over those that each phase serves."""
    return lambda state, interval: state.signal.serves @ value(state, interval)


def _pressure(state: SignalState, interval: float) -> Array:
    signal = state.signal
    pressure: Array = signal.moves @ (signal.movement_weight * state.movement_pressure)
    return -pressure


def _outside(state: SignalState, interval: float) -> Array:
    return -OUTSIDE_SCALE * state.outside / (OUTSIDE_SCALE + state.outside)


def _waiting(state: SignalState, interval: float) -> Array:
    return -(state.waiting + interval * state.queue)


def _speed(state: SignalState, interval: float) -> Array:
    return state.slowness / max(float(state.count.sum()), 1.0)


def _crossing(state: SignalState, interval: float) -> Array:
    return np.minimum(state.count, SATURATION_FLOW / 3600.0 * interval)


RELIEF: dict[str, Callable[[SignalState, float], Array]] = {
    "queue": _served(lambda state, _: -state.queue),
    "outside": _served(_outside),
    "spillback": _served(lambda state, _: -state.outside),
    "waiting": _served(_waiting),
    "waiting_difference": _served(_waiting),
    "pressure": _pressure,
    "delay": _served(lambda state, _: -state.slowness),
    "mean_speed": _served(_speed),
    "throughput": _served(_crossing),
    "pedestrians": lambda state, _: -waiting_pedestrians(state),
    "co2": _served(lambda state, _: -state.queue),
    "fuel": _served(lambda state, _: -state.queue),
}
"""Rule of each reward term, of shape ``(phases,)``."""


def max_pressure(env: TrafficEnv) -> MaxPressure:
    """Make the baseline ``max-pressure`` with the parameters tuned for its network."""
    return MaxPressure(env, **tuned_parameters(env.batch.network.config, "max-pressure"))


def max_wave(env: TrafficEnv) -> MaxWave:
    """Make the baseline ``max-wave`` with the parameters tuned for its network."""
    return MaxWave(env, **tuned_parameters(env.batch.network.config, "max-wave"))


def _greedy(preset: str) -> Callable[[TrafficEnv], GreedyReward]:
    """Makes the one-step greedy rule of a reward preset, with the parameters tuned for its network."""

    def make(env: TrafficEnv) -> GreedyReward:
        parameters = tuned_parameters(env.batch.network.config, f"greedy-{preset}")
        return GreedyReward(env, PRESETS[preset], **parameters)

    return make


greedy_queue = _greedy("queue")
greedy_waiting = _greedy("waiting")
greedy_waiting_difference = _greedy("waiting-difference")
greedy_pressure = _greedy("pressure")
greedy_delay = _greedy("delay")
greedy_speed = _greedy("speed")
greedy_throughput = _greedy("throughput")
greedy_saturated = _greedy("saturated")
greedy_emissions = _greedy("emissions")
