"""An episode of the ring or the platoon as arrays, for pictures and replays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox.api.replay import StepLog
from sandbox_mixed.kernels import Floats, Integers


@dataclass
class Recording:
    """One episode of an agent.

    Attributes:
        times: s, 0 where control begins, shape ``(times,)``.
        positions: Of front bumpers, m, shape ``(times, n)``.
        speeds: m/s, shape ``(times, n)``.
        length: Of the ring, m; 0 for a lane.
        automated: Indices of automated vehicles.
        vehicle_length: m.
        metrics: Of the episode.
        log: Rewards of every decision.
    """

    times: Floats
    positions: Floats
    speeds: Floats
    length: float
    automated: Integers
    vehicle_length: float
    metrics: dict[str, float] = field(default_factory=dict)
    log: StepLog = field(default_factory=StepLog)


def record(request: ViewRequest, agent: ViewAgent, seed: int) -> Recording:
    """Play one episode and record it, the warm-up included."""
    frames: list[Floats] = []
    log = StepLog(request.weights)
    cores: list[Any] = []

    def watch(env: Any, moment: Moment) -> None:
        log.add(moment)
        cores[:] = [env.core]
        if moment.step == 0:
            frames.extend(getattr(env.core, "warmup", np.zeros((0, 2, 1)))[:-1])
        lanes = env.core.traffic.lanes
        frames.append(np.stack([lanes.position[0], lanes.speed[0]]))

    result = request.play(agent, seed, watch)
    core = cores[0]
    ring = hasattr(core, "equilibrium")
    before = max(len(core.warmup) - 1, 0) if ring else 0
    states = np.array(frames)
    return Recording(
        times=(np.arange(len(states)) - before) * core.traffic.interval,
        positions=states[:, 0],
        speeds=states[:, 1],
        length=float(core.traffic.lanes.length[0]) if ring else 0.0,
        automated=core.traffic.automated,
        vehicle_length=core.config.driver.length,
        metrics=dict(result.metrics),
        log=log,
    )
