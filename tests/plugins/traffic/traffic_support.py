"""Configurations and a random player that the traffic tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_traffic.env import SignalEnv

COLOGNE1: dict[str, Any] = {
    "net": "sumo-rl:RESCO/cologne1/cologne1.net.xml",
    "routes": "sumo-rl:RESCO/cologne1/cologne1.rou.xml",
    "begin": 25200,
}
GRID: dict[str, Any] = {
    "net": "sumo-rl:RESCO/grid4x4/grid4x4.net.xml",
    "routes": "sumo-rl:RESCO/grid4x4/grid4x4_1.rou.xml",
}


def play_random(env: SignalEnv, seed: int | None, actions: int) -> list[Any]:
    """One episode under random requests: observation bytes, reward and metrics of every step."""
    rng = np.random.default_rng(actions)
    env.reset(seed=seed)
    record, over = [], False
    while not over:
        observation, reward, _, over, info = env.step(rng.integers(4))
        record.append((observation.tobytes(), reward, info.get("metrics")))
    return record
