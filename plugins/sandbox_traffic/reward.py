"""Reward terms of signal control: pure functions of one decision interval.

They take one signal (arrays of shape ``(approaches,)``, scalar terms) or many at once (shape ``(…,
approaches)``, terms of shape ``(…)``; signals with fewer approaches are padded with zeros).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import RewardSpec, RewardTerm

if TYPE_CHECKING:
    from sandbox_traffic.state import NetworkState

Value = Any
"""A float or an array of floats."""

OUTSIDE_SCALE = 10.0
"""n vehicles outside are observed as n/(n + OUTSIDE_SCALE) and rewarded as OUTSIDE_SCALE times that."""


@dataclass(frozen=True, slots=True)
class Transition:
    """Signals at the end of a decision interval.

    Attributes:
        queue: Standing vehicles on each approach, shape ``(…, approaches)``.
        outside: Vehicles that wait to enter, on the edges of each approach, shape ``(…, approaches)``.
        waiting: Sum of present waiting times on each approach, s, shape ``(…, approaches)``.
        slowness: Vehicles on each approach weighted by 1 − speed/limit, shape ``(…, approaches)``.
        previous_waiting: ``waiting`` at the start of the interval, s, shape ``(…, approaches)``.
        incoming: Vehicles on each incoming lane, shape ``(…, approaches)``.
        outgoing: Vehicles on each outgoing lane, shape ``(…, exits)``.
        count: Vehicles on each approach, shape ``(…, approaches)``.
        passed: Vehicles that crossed the loop of each approach during the interval, shape ``(…,
            approaches)``.
        braking: Emergency brakings in the whole network during the interval, shape ``(…)``.
        pedestrians: Pedestrians who stand before each crossing, shape ``(…, crossings)``.
        co2, fuel: Emitted and used on the approaches, g/s, shape ``(…)``; 0 unless emissions are computed.
        totals: Sums over approaches that have been computed before, by the names above, shape ``(…)``.
    """

    queue: NDArray[np.float64]
    outside: NDArray[np.float64]
    waiting: NDArray[np.float64]
    slowness: NDArray[np.float64]
    previous_waiting: NDArray[np.float64]
    incoming: NDArray[np.float64]
    outgoing: NDArray[np.float64]
    count: NDArray[np.float64]
    passed: NDArray[np.float64]
    braking: NDArray[np.float64]
    pedestrians: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    co2: Value = 0.0
    fuel: Value = 0.0
    totals: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def between(cls, before: NetworkState, after: NetworkState) -> Transition:
        """The interval between two states, arrays of shape ``(num_envs, signals, …)``."""
        braking = after.snapshot.braking - before.snapshot.braking
        return cls(
            queue=after.queue,
            outside=after.outside,
            waiting=after.waiting,
            slowness=after.slowness,
            previous_waiting=before.waiting,
            incoming=after.incoming,
            outgoing=after.outgoing,
            count=after.count,
            passed=after.passed - before.passed,
            braking=np.repeat(braking[:, None], after.phase.shape[1], axis=1),
            pedestrians=after.pedestrians,
            co2=after.emitted(after.snapshot.co2),
            fuel=after.emitted(after.snapshot.fuel),
            totals=after.totals | {"passed": after.totals["passed"] - before.totals["passed"]},
        )

    def total(self, name: str) -> Value:
        """Sum of an attribute over the approaches."""
        computed = self.totals.get(name)
        return getattr(self, name).sum(axis=-1) if computed is None else computed


def queue(transition: Transition) -> Value:
    """Vehicles slower than 0.1 m/s on the approaches."""
    return transition.total("queue")


def outside(transition: Transition) -> Value:
    """Vehicles that wait to enter, Σ 10·n/(10 + n): a full lane hides them from the queue.

    The term saturates as the observation does. A plain count reaches hundreds, which no observation
    explains and no single decision changes, and dominates the reward; see `spillback`.
    """
    return (OUTSIDE_SCALE * transition.outside / (OUTSIDE_SCALE + transition.outside)).sum(axis=-1)


def waiting(transition: Transition) -> Value:
    """Sum of the waiting times of the vehicles on the approaches, s."""
    return transition.total("waiting")


def waiting_difference(transition: Transition) -> Value:
    """Growth of the waiting time over the interval, s."""
    return transition.total("waiting") - transition.previous_waiting.sum(axis=-1)


def pressure(transition: Transition) -> Value:
    """Vehicles on incoming lanes minus vehicles on outgoing lanes."""
    return transition.total("incoming") - transition.outgoing.sum(axis=-1)


def delay(transition: Transition) -> Value:
    """Vehicle seconds lost per second on the approaches: Σ (1 − speed/limit)."""
    return transition.total("slowness")


def mean_speed(transition: Transition) -> Value:
    """Mean speed on the approaches as a share of the limit; 1 where all are empty."""
    return 1.0 - transition.total("slowness") / np.maximum(transition.total("count"), 1.0)


def throughput(transition: Transition) -> Value:
    """Vehicles that crossed the loops of the approaches."""
    return transition.total("passed")


def emergency_braking(transition: Transition) -> Value:
    """Emergency brakings in the whole network during the interval."""
    return transition.braking


def spillback(transition: Transition) -> Value:
    """Vehicles that wait to enter, Σ n, without saturation, for demand above capacity."""
    return transition.total("outside")


def pedestrians(transition: Transition) -> Value:
    """Pedestrians who stand before the crossings."""
    return transition.pedestrians.sum(axis=-1)


def co2(transition: Transition) -> Value:
    """CO2 that vehicles on the approaches emit, g/s."""
    return transition.co2


def fuel(transition: Transition) -> Value:
    """Fuel that vehicles on the approaches use, g/s."""
    return transition.fuel


def _spec(**weights: float) -> RewardSpec:
    """All terms, with weight zero unless named, so that runs can be compared term by term."""
    terms = (
        RewardTerm("queue", queue, 0.0, "vehicles", "", "standing vehicles on the approaches"),
        RewardTerm("outside", outside, 0.0, "vehicles", "", "vehicles waiting to enter, Σ 10·n/(10 + n)"),
        RewardTerm("waiting", waiting, 0.0, "s", "", "sum of present waiting times"),
        RewardTerm(
            "waiting_difference",
            waiting_difference,
            0.0,
            "s",
            "sumo-rl, diff-waiting-time",
            "growth of waiting",
        ),
        RewardTerm(
            "pressure",
            pressure,
            0.0,
            "vehicles",
            "Wei et al. 2019, PressLight, eq. 2",
            "vehicles on incoming minus outgoing lanes",
        ),
        RewardTerm("delay", delay, 0.0, "vehicles", "", "rate at which time is lost on the approaches"),
        RewardTerm("mean_speed", mean_speed, 0.0, "1", "sumo-rl, average-speed", "share of the limit"),
        RewardTerm("throughput", throughput, 0.0, "vehicles", "", "vehicles that crossed the loops"),
        RewardTerm("emergency_braking", emergency_braking, 0.0, "1", "", "in the whole network"),
        RewardTerm("spillback", spillback, 0.0, "vehicles", "", "vehicles outside, Σ n"),
        RewardTerm(
            "pedestrians", pedestrians, 0.0, "pedestrians", "", "pedestrians who stand before the crossings"
        ),
        RewardTerm("co2", co2, 0.0, "g/s", "", "emitted on the approaches; needs emissions: true"),
        RewardTerm("fuel", fuel, 0.0, "g/s", "", "used on the approaches; needs emissions: true"),
    )
    return RewardSpec(terms).reweighted(weights)


PRESETS = {
    "queue": _spec(queue=-0.1, outside=-0.1, pedestrians=-0.1),
    "waiting": _spec(waiting=-0.002, outside=-0.1, pedestrians=-0.1),
    "waiting-difference": _spec(waiting_difference=-0.01, outside=-0.1, pedestrians=-0.1),
    "pressure": _spec(pressure=-0.1, outside=-0.1, pedestrians=-0.1),
    "delay": _spec(delay=-0.1, outside=-0.1, pedestrians=-0.1),
    "speed": _spec(mean_speed=1.0, outside=-0.1, pedestrians=-0.1),
    "throughput": _spec(throughput=0.1, outside=-0.1, pedestrians=-0.1),
    "saturated": _spec(throughput=0.2, delay=-0.02, spillback=-0.002, pedestrians=-0.02),
    "emissions": _spec(co2=-0.05, outside=-0.1, pedestrians=-0.1),
}
"""Reward presets.

Each contains the vehicles outside and the pedestrians who stand: without the former, holding one green for
ever can have the best reward, and without the latter, a crossing that only they use need never be green.
``saturated`` is for demand above capacity, where lanes are full under every policy. It rewards throughput and
counts vehicles outside without saturation.
"""
