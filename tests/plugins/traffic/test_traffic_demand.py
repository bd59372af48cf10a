"""Types of vehicles in generated demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sandbox_traffic import simulation
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.network.demand import draw_types


def test_types_have_their_shares() -> None:
    types = draw_types(np.random.default_rng(0), 10_000, {"emergency": 0.05, "bus": 0.2})
    assert types.count("bus") / 10_000 == pytest.approx(0.2, abs=0.015)
    assert types.count("emergency") / 10_000 == pytest.approx(0.05, abs=0.01)
    assert set(draw_types(np.random.default_rng(0), 100, {"emergency": 0.0, "bus": 0.0})) == {"car"}


@pytest.mark.parametrize("net", ["generated:single-intersection", "generated:grid-1x1"])
def test_other_vehicles_than_cars_drive(signal_env: Callable[..., SignalEnv], net: str) -> None:
    env = signal_env(net=net, routes=net, buses=0.3, emergency=0.2, bicycles=0.2)
    env.reset(seed=0)
    for _ in range(30):
        env.step(np.int64(0))
    vehicles = env.simulation.vehicles()
    assert {"bus", "emergency", "passenger", "bicycle"} <= set(vehicles.kinds)
    buses = [length for kind, length in zip(vehicles.kinds, vehicles.length, strict=True) if kind == "bus"]
    assert set(buses) == {12.0}


def test_without_them_the_demand_is_the_same(signal_env: Callable[..., SignalEnv]) -> None:
    counts = []
    for share in (0.0, 0.3):
        env = signal_env(duration=60, buses=share)
        env.reset(seed=3)
        over = False
        while not over:
            *_, over, info = env.step(np.int64(0))
        counts.append(info["metrics"]["unfinished"] + info["metrics"]["throughput"] / 60)
    assert counts[0] == pytest.approx(counts[1])


def test_the_demand_of_an_episode_is_written_once_and_few_files_are_kept(
    signal_env: Callable[..., SignalEnv], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = simulation.write_demand

    def note(path: Path, config: SignalConfig, seed: int, scale: float) -> None:
        written.append(seed)
        write(path, config, seed, scale)

    monkeypatch.setattr(simulation, "write_demand", note)
    network = signal_env(duration=60).batch.network
    made = simulation.SignalSimulation(network, np.zeros(network.spec.size))
    more = [*range(simulation.KEPT_DEMANDS - 1), 99]
    first = Path(made._demand(7_000, 1.0)[0])
    content = first.read_text()
    assert Path(made._demand(7_000, 1.0)[0]) == first
    files = {made._demand(seed, 1.0)[0] for seed in more}
    assert written == [7_000, *more]
    assert len(files) == simulation.KEPT_DEMANDS == len(list(first.parent.iterdir()))
    assert not first.exists()  # the one that was used the longest time ago
    assert Path(made._demand(7_000, 1.0)[0]).read_text() == content
    made.close()
