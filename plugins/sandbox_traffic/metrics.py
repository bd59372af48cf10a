"""What a traffic engineer reports of an episode, from its trips.

Every vehicle that was to depart counts: those on the road at the end, and those that could never
enter. Averages over the vehicles present would improve as a junction breaks down.
"""

from __future__ import annotations

from sandbox_traffic.trips import Trips

GRIDLOCK_WINDOW = 300.0
"""An episode ends in gridlock if nobody arrived for this long though vehicles were left, s."""


def episode_metrics(trips: Trips, begin: float, end: float) -> dict[str, float]:
    """Metrics of an episode from ``begin`` to ``end`` (s); names and units as in ``plugin.METRICS``.

    With n scheduled vehicles, delay = Σ(timeLoss + departDelay)/n, trip_time = Σ(duration +
    departDelay)/n and waiting = Σ(waitingTime + departDelay)/n. The mean number of vehicles standing
    or outside is the same sum of waiting times over the episode's length instead of n.
    """
    scheduled = max(len(trips.depart), 1)
    outside = float(trips.depart_delay.sum())
    standing = float(trips.waiting.sum()) + outside
    departed, arrived = trips.depart >= 0, trips.arrival >= 0
    on_road = departed & ~arrived
    window = min(GRIDLOCK_WINDOW, (end - begin) / 2)
    stuck = bool((on_road & (trips.depart < end - window)).any())
    moving = bool((trips.arrival > end - window).any())
    return {
        "delay": (float(trips.time_loss.sum()) + outside) / scheduled,
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
        "pedestrian_waiting": trips.people_waiting / max(trips.people, 1),
    }
