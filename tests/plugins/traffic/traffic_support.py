"""Configurations, a random player and hand-made states that the traffic tests share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sandbox_traffic.env import SignalEnv
from sandbox_traffic.state import APPROACH_FIELDS
from sandbox_traffic.sumo import compiled, fork_server

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


LANE = {f"{arm}{lane}": 3 * index + lane for index, arm in enumerate("nesw") for lane in range(3)}
"""Approaches of the generated junction: arms n, e, s, w with lanes 0 (right and straight), 1 (straight) and
2 (left).

Its phases are 0 east-west straight, 1 east-west left, 2 north-south straight, 3 north-south left.
"""


def show_state(
    env: SignalEnv,
    now: float | None = None,
    exits: Mapping[str, float] | None = None,
    **fields: Mapping[str, float],
) -> None:
    """Change the state of the generated junction that controllers read.

    Args:
        env: The environment.
        now: Time, s; unchanged if absent.
        exits: Vehicles on the outgoing lanes named, none on all other lanes; unchanged if absent.
        fields: Fields of approaches, such as ``count``, by `LANE`; zero on all others.
    """
    state, (signal,) = env.batch.state, env.batch.network.signals
    assert signal.incoming == tuple(f"{arm}_in_{lane}" for arm in "nesw" for lane in range(3))
    approaches = state.approaches.copy()
    for name, values in fields.items():
        row = approaches[APPROACH_FIELDS.index(name), 0, 0]
        row[:] = 0.0
        for lane, value in values.items():
            row[LANE[lane]] = value
    snapshot = state.snapshot
    if exits is not None:
        count = np.array([[exits.get(lane, 0.0) for lane in env.batch.network.spec.lanes]])
        snapshot = replace(snapshot, count=count)
    env.batch._state = replace(
        state,
        approaches=approaches,
        snapshot=snapshot,
        now=state.now if now is None else np.array([float(now)]),
        allowed=None,
    )


class in_way:  # noqa: N801 - reads as a function
    """Within it, environments use compiled code or Python alone."""

    def __init__(self, compiled_code: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch, self._compiled = monkeypatch, compiled_code

    def __enter__(self) -> None:
        self._patch.setenv(compiled.VARIABLE, "1" if self._compiled else "0")
        self._forget()

    def __exit__(self, *error: object) -> None:
        self._patch.delenv(compiled.VARIABLE)
        self._forget()

    def _forget(self) -> None:
        compiled.library.cache_clear()
        fork_server._servers.clear()
