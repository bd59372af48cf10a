"""The generated junction: its network, its program and its demand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sandbox_traffic.network import intersection, netconvert
from sandbox_traffic.network.generated import generated_network
from sandbox_traffic.network.reader import read_network
from sandbox_traffic.network.webster import phase_times


def test_websters_plan_by_hand() -> None:
    # Two phases with y = 0.3 and 0.2, 4 s lost in each: C = (1.5·8 + 5)/(1 − 0.5) = 34 s, of which
    # 26 s are effective green: 4 + 15.6 = 19.6 and 4 + 10.4 = 14.4.
    assert phase_times([0.3, 0.2], lost=4.0, slot=1) == [20, 14]
    assert phase_times([0.3, 0.2], lost=4.0, slot=5) == [20, 15]


def test_the_program_gives_green_in_proportion_to_the_flows() -> None:
    program = intersection.program()
    greens = [time for state, time in program if "G" in state]
    assert len(greens) == 4
    assert greens[0] > greens[2] > greens[1] >= greens[3]
    assert all((time + 3) % 5 == 0 for time in greens)


def test_the_network_is_what_was_asked_for() -> None:
    (signal,) = read_network(generated_network("single-intersection")).signals
    assert len(signal.incoming) == 12
    steps = [(step.state, step.seconds) for step in signal.program.steps]
    assert steps == [(s, float(t)) for s, t in intersection.program()]
    assert signal.serves.sum(axis=0).tolist() == [1.0] * 12  # every lane has exactly one phase
    east = signal.incoming.index("e_in_2")
    exits = {signal.outgoing[out] for lane, out in signal.movements.tolist() if lane == east}
    assert exits == {"s_out_1"}  # driving west, left is south


def test_processes_that_ask_at_once_get_the_same_whole_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    command = (
        "from sandbox_traffic.network.generated import generated_network; "
        "print(generated_network('single-intersection'))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    paths = {process.communicate(timeout=60)[0].strip() for process in running}
    (path,) = paths
    assert Path(path).is_relative_to(tmp_path)
    assert len(read_network(Path(path)).signals) == 1
    assert [file.name for file in Path(path).parent.iterdir()] == [Path(path).name]


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(netconvert.tempfile, "tempdir", None)
    assert generated_network("single-intersection").is_relative_to(tmp_path)


def test_mean_demand_is_as_stated() -> None:
    rng = np.random.default_rng(0)
    counts = [len(intersection.sample_departures(rng, 3600)) for _ in range(200)]
    expected = sum(sum(flows) for flows in intersection.MEAN_FLOW.values())
    # Standard error: Poisson and the arms' levels together give about 3 % an episode, /√200.
    assert np.mean(counts) == pytest.approx(expected, rel=0.02)


def test_the_profile_keeps_the_mean_and_shifts_the_direction() -> None:
    phase = (np.arange(12) + 0.5) / 12
    profile = intersection.time_profile(phase)
    for factors in profile.values():
        assert factors.mean() == pytest.approx(1.0, abs=0.01)
        assert factors.min() > 0.3
    assert profile["w"][0] > 1.8 * profile["e"][0]
    assert profile["e"][-1] > 1.8 * profile["w"][-1]


def test_departures_are_in_order_and_within_the_episode() -> None:
    departures = intersection.sample_departures(np.random.default_rng(1), 1000, scale=2.0)
    times = [time for time, *_ in departures]
    assert times == sorted(times)
    assert 0 <= times[0] < 30
    assert 970 < times[-1] < 1000
    assert all(arm != exit_arm for _, arm, exit_arm in departures)
