"""SUMO's own controllers take over the signals of every network, or are refused; nothing ends SUMO.

A new delay_based program brings detectors of areas. SUMO 1.28 ended with a segmentation fault as soon as a
vehicle moved that was on such an area before, as after a jam.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from traffic_support import in_way

from sandbox.api import InvalidValueError
from sandbox_traffic.baselines.controller import Controller
from sandbox_traffic.baselines.sumo_program import sumo_actuated, sumo_delay_based
from sandbox_traffic.env import SignalEnv, SignalsEnv
from sandbox_traffic.plugin import domain

MAPS = {
    "cologne1": 25200, "cologne3": 25200, "cologne8": 25200, "ingolstadt1": 57600, "ingolstadt7": 57600,
    "ingolstadt21": 57600, "grid4x4": 0, "arterial4x4": 0,
}  # fmt: skip
"""Begin of the episodes of each map, s."""

JAM = 300
SEED = 200
"""The first of the test seeds of which a jam's length was drawn and every signal changed while it stood."""


def resco(name: str) -> dict[str, Any]:
    number = "_1" if name.endswith("4x4") else ""
    return {
        "net": f"sumo-rl:RESCO/{name}/{name}.net.xml",
        "routes": f"sumo-rl:RESCO/{name}/{name}{number}.rou.xml",
        "begin": MAPS[name],
    }


def play(env: SignalsEnv, make: Callable[[Any], Controller]) -> dict[str, float]:
    """The metrics of an episode of a controller."""
    env.reset(seed=SEED)
    policy = make(env)
    policy.reset(1)
    infos: Any = {}
    while env.agents:
        *_, infos = env.step(dict(zip(env.possible_agents, policy.act(None).tolist(), strict=True)))
    metrics: dict[str, float] = infos[env.possible_agents[0]]["metrics"]
    return metrics


@pytest.mark.parametrize("name", MAPS)
def test_delay_based_control_takes_over_every_map(signals_env: Callable[..., SignalsEnv], name: str) -> None:
    duration = 200 if name == "ingolstadt21" else 400
    metrics = play(signals_env(**resco(name), duration=duration), sumo_delay_based)
    assert metrics["throughput"] > 0
    assert metrics["delay"] < 100


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", ["grid4x4", "arterial4x4"])
def test_a_jam_refuses_delay_based_control(
    signals_env: Callable[..., SignalsEnv], name: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_way(compiled, monkeypatch):
        env = signals_env(**resco(name), jam=JAM)
        with pytest.raises(InvalidValueError, match="while the roads are empty"):
            play(env, sumo_delay_based)
        assert play(env, sumo_actuated)["throughput"] > 0  # SUMO goes on, and detectors at points are no harm


def test_a_jam_refuses_delay_based_control_of_one_signal(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env(jam=JAM)
    env.reset(seed=SEED)
    with pytest.raises(InvalidValueError, match="while the roads are empty") as refused:
        sumo_delay_based(env).act(None)
    assert "config.jam=0" in refused.value.hint


def test_delay_based_control_is_refused_once_vehicles_are_there(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env()
    env.reset(seed=0)
    for _ in range(10):
        env.step(0)
    with pytest.raises(InvalidValueError, match="while the roads are empty"):
        sumo_delay_based(env).act(None)


def test_every_task_offers_delay_based_control() -> None:
    for task in domain.tasks:
        assert "sumo-delay-based" in [baseline.name for baseline in task.baselines]
