"""What a traffic engineer reports of an episode: metrics of the network, and of single signals.

In the network's metrics every vehicle that was scheduled to depart counts, also those that are on the road
at the end and those that could never enter. Averages over the vehicles present would improve as a junction
breaks down.
"""

from __future__ import annotations

import numpy as np

from sandbox_traffic.state import Array, NetworkState
from sandbox_traffic.sumo.trips import Trips

GRIDLOCK_WINDOW = 300.0
"""An episode ends in gridlock if no vehicle arrived for this long though vehicles were left, s."""

GROWTH_SAMPLES = 61
"""Times at which the vehicles present are counted for `growth`."""


def episode_metrics(trips: Trips, begin: float, end: float) -> dict[str, float]:
    """Metrics of an episode from ``begin`` to ``end`` (s); names and units as in ``plugin.METRICS``.

    With n scheduled vehicles, vehicle_delay = Σ(timeLoss + departDelay)/n, trip_time = Σ(duration +
    departDelay)/n and waiting = Σ(waitingTime + departDelay)/n. The mean number of vehicles that stand
    or wait outside is the same sum of waiting times over the episode's length instead of n. In the delay,
    each pedestrian counts as much as a vehicle, with the time for which it stands.
    """
    scheduled = max(len(trips.depart), 1)
    outside = float(trips.depart_delay.sum())
    standing = float(trips.waiting.sum()) + outside
    departed, arrived = trips.depart >= 0, trips.arrival >= 0
    on_road = departed & ~arrived
    window = min(GRIDLOCK_WINDOW, (end - begin) / 2)
    stuck = bool((on_road & (trips.depart < end - window)).any())
    moving = bool((trips.arrival > end - window).any())
    lost = float(trips.time_loss.sum()) + outside
    return {
        "delay": (lost + trips.people_waiting) / max(len(trips.depart) + trips.people, 1),
        "vehicle_delay": lost / scheduled,
        "trip_time": (float(trips.duration.sum()) + outside) / scheduled,
        "waiting": standing / scheduled,
        "queue": standing / (end - begin),
        "throughput": float(arrived.sum()) * 3600.0 / (end - begin),
        "unfinished": float(on_road.sum()),
        "undeparted": float((~departed).sum()),
        "teleports": float(trips.teleports),
        "collisions": float(trips.collisions),
        "emergency_stops": float(trips.emergency_stops),
        "gridlock": float(stuck and not moving),
        "growth": growth(trips, begin, end),
        "pedestrian_waiting": trips.people_waiting / max(trips.people, 1),
        "co2": trips.co2 / scheduled,
        "fuel": trips.fuel / scheduled,
    }


def denominators(trips: Trips) -> dict[str, float]:
    """What means are taken over, by metric: all that was scheduled, which no controller can change."""
    scheduled = float(len(trips.depart))
    return {"delay": scheduled + trips.people, "vehicle_delay": scheduled, "trip_time": scheduled}


def growth(trips: Trips, begin: float, end: float) -> float:
    """How fast the number of vehicles on the way or outside grows in the second half of an episode, 1/h.

    The slope of the least-squares line through that number. Near 0 while every queue is served in the end;
    beyond capacity, what comes in excess of it.
    """
    scheduled = np.sort(np.where(trips.depart >= 0, trips.depart, end) - trips.depart_delay)
    arrived = np.sort(trips.arrival[trips.arrival >= 0])
    times = np.linspace((begin + end) / 2, end, GROWTH_SAMPLES)
    present = np.searchsorted(scheduled, times, "right") - np.searchsorted(arrived, times, "right")
    centred = times - times.mean()
    return float((centred * present).sum() / (centred**2).sum() * 3600.0)


SUMS = ("queue", "lost", "outside", "passed", "changes")
"""What `SignalMetrics` sums up, in the order of `SignalMetrics.sums`."""


class SignalMetrics:
    """Metrics of every signal of several simulations, summed up over an episode.

    A trip belongs to no single signal, so these come from the approaches: their state at the end of each
    interval stands for the interval.
    """

    def __init__(self, num_envs: int, signals: int) -> None:
        self._shape = (num_envs, signals)
        self.reset()

    def reset(self) -> None:
        """Begin new episodes."""
        self.take(np.zeros((len(SUMS), *self._shape)), np.zeros((self._shape[0], 1)))

    def take(self, sums: Array, seconds: Array) -> None:
        """Take over sums made elsewhere, `SUMS` of shape ``(5, num_envs, signals)``, and their time."""
        self._seconds = seconds
        self._queue, self._lost, self._outside, self._passed, self._changes = sums

    def update(self, before: NetworkState, after: NetworkState) -> None:
        """Add the interval between two states."""
        seconds = (after.now - before.now)[:, None]
        self._seconds += seconds
        self._queue += after.totals["queue"] * seconds
        self._lost += after.totals["slowness"] * seconds
        self._outside += after.totals["outside"] * seconds
        self._passed += after.totals["passed"] - before.totals["passed"]
        self._changes += after.phase != before.phase

    def compute(self) -> dict[str, Array]:
        """Metrics of the episodes so far, shape ``(num_envs, signals)`` each.

        - ``queue``: mean number of vehicles that stand on the signal's approaches
        - ``outside``: mean number of vehicles that wait to enter on their edges
        - ``throughput``: vehicles that crossed the signal's loops, 1/h
        - ``delay``: (Σ (1 − speed/limit)·Δt + Σ outside·Δt) / vehicles that crossed, s
        - ``changes``: changes of phase, 1/h
        """
        hours = np.maximum(self._seconds, 1.0) / 3600.0
        return {
            "queue": self._queue / np.maximum(self._seconds, 1.0),
            "outside": self._outside / np.maximum(self._seconds, 1.0),
            "throughput": self._passed / hours,
            "delay": (self._lost + self._outside) / np.maximum(self._passed, 1.0),
            "changes": self._changes / hours,
        }
