"""Behind a leader: traces are read and refused as they should be, and accounts are whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_mixed.baselines import human
from sandbox_mixed.car_following import equilibrium_gap
from sandbox_mixed.config import DriverConfig, PlatoonConfig
from sandbox_mixed.energy import DENSITY, fuel_rate, kinetic_fuel
from sandbox_mixed.platoon.core import make, make_vec
from sandbox_mixed.platoon.reward import REWARDS
from sandbox_mixed.platoon.traces import generate_speeds, read_trace, write_trace

REWARD = REWARDS["frugal"]


def test_a_trace_is_interpolated_and_what_it_generates_reads_back(tmp_path: Path):
    file = tmp_path / "drive.csv"
    file.write_text("Time , speed, lane\n10,4,1\n12,8,1\n13,8,2\n")
    trace = read_trace(file)
    assert trace.duration == 3.0
    assert trace.sampled(0.5, 4, 1.0).tolist() == [5.0, 7.0, 8.0, 8.0]
    write_trace(tmp_path / "made.csv", 60.0, seed=1)
    made = read_trace(tmp_path / "made.csv")
    assert made.speed[:100] == pytest.approx(
        generate_speeds(np.random.default_rng(1), 601, 0.1)[:100], abs=1e-4
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("t,v\n0,1\n", "columns time and speed"),
        ("time,speed\n0,1\n0,2\n", "line 3: time 0 s does not follow"),
        ("time,speed\n0,1\n1,fast\n", "line 3: speed is 'fast'"),
        ("time,speed\n0,1\n1,nan\n", "line 3: speed is 'nan'"),
        ("time,speed\n0,90\n1,2\n", "line 2: speed 90 is outside"),
        ("time,speed\n0,1\n", "at least two samples"),
        ("time,speed\n0,1\n1\n", "line 3: speed is ''"),
    ],
)
def test_a_broken_trace_is_refused_with_its_line(tmp_path: Path, text: str, reason: str):
    file = tmp_path / "drive.csv"
    file.write_text(text)
    with pytest.raises(BrokenFileError, match=reason):
        read_trace(file)


def test_generated_leaders_stop_and_go():
    speeds = generate_speeds(np.random.default_rng(0), 36_000, 0.1)
    change = np.diff(speeds) / 0.1
    assert speeds.min() < 0.05
    assert 12 < speeds.max() < 22
    assert (speeds < 1).mean() > 0.03
    assert change.min() >= -1.8 - 1e-9
    assert change.max() <= 1.0 + 1e-9


def test_an_episode_longer_than_its_part_of_the_file_is_refused(tmp_path: Path):
    write_trace(tmp_path / "made.csv", 100.0, seed=1)
    config = PlatoonConfig(trace=str(tmp_path / "made.csv"), part=(0.5, 1.0), horizon=60.0)
    with pytest.raises(InvalidValueError, match="lasts 50 s"):
        make(config, REWARD).reset(seed=0)


def test_parts_of_a_file_do_not_meet(tmp_path: Path):
    rows = [f"{t},{5 if t < 200 else 15}" for t in range(401)]
    (tmp_path / "made.csv").write_text("\n".join(["time,speed", *rows]))
    for part, speed in (((0.0, 0.49), 5.0), ((0.51, 1.0), 15.0)):
        env = make(PlatoonConfig(trace=str(tmp_path / "made.csv"), part=part, horizon=100.0), REWARD)
        for seed in range(5):
            env.reset(seed=seed)
            assert (env.core.leader == speed).all()


def test_steady_flow_uses_the_fuel_of_its_speed_and_the_flow_of_its_spacing(tmp_path: Path):
    """Leader at 10 m/s, no noise: gap (2 + 10)/√(1 - (1/3)⁴), flow 3600 · 10 / (gap + 5)."""
    (tmp_path / "steady.csv").write_text("time,speed\n0,10\n1000,10\n")
    config = PlatoonConfig(
        trace=str(tmp_path / "steady.csv"), driver={"noise": 0.0}, platoon=4, horizon=100.0
    )
    env = make(config, REWARD)
    env.reset(seed=0)
    policy, done = human(env), False
    while not done:
        *_, done, info = env.step(policy.act(np.zeros((1, 4)))[0])
    gap = 12.0 / np.sqrt(1 - (1 / 3) ** 4)
    assert info["metrics"]["throughput"] == pytest.approx(3600 * 10 / (gap + 5), rel=1e-3)
    assert info["metrics"]["fuel"] == pytest.approx(1e5 / DENSITY * fuel_rate(10.0, 0.0) / 10.0, rel=1e-3)
    assert info["reward_terms"]["wide"] == 0.0


def test_a_row_plays_the_episode_of_the_single_environment():
    config = PlatoonConfig(horizon=30.0, automated=2, platoon=5)
    envs, env = make_vec(config, REWARD, 3), make(config, REWARD)
    batch, _ = envs.reset(seed=[5, 6, 7])
    alone, _ = env.reset(seed=6)
    rng = np.random.default_rng(0)
    for _ in range(40):
        assert np.array_equal(batch[1], alone)
        actions = rng.uniform(-1, 1, (3, 2)).astype(np.float32)
        batch, rewards, *_ = envs.step(actions)
        alone, reward, *_ = env.step(actions[1])
        assert rewards[1] == reward
    assert env.core.traffic.automated.tolist() == [3, 6]


def test_history_is_running_means_of_the_leaders_speed(tmp_path: Path):
    rows = [f"{t},{10 if t < 5 else 4}" for t in range(61)]
    (tmp_path / "made.csv").write_text("\n".join(["time,speed", *rows]))
    config = PlatoonConfig(
        trace=str(tmp_path / "made.csv"), sees="history", decision_steps=10, horizon=60.0, platoon=2
    )
    env = make(config, REWARD)
    observation, _ = env.reset(seed=0)
    assert observation[:1] == pytest.approx([1.0])
    assert observation[4:] == pytest.approx(np.zeros(3), abs=1e-6)
    expected = np.full(3, 10.0)
    for _ in range(20):
        observation = env.step(np.zeros(1, np.float32))[0]
        ahead = env.core.traffic.local().ahead[0, 0]
        expected = ahead + np.exp(-1.0 / np.array([5.0, 20.0, 80.0])) * (expected - ahead)
        seen = 2.0 * observation[4:] + env.core.traffic.local().speed[0, 0]
        assert seen == pytest.approx(expected, abs=1e-4)
    assert expected[0] == pytest.approx(4.0, abs=0.5)
    assert expected[2] > 8.0


def test_history_returns_with_the_state():
    envs = make_vec(PlatoonConfig(sees="history", horizon=20.0, platoon=2), REWARD, 2)
    envs.reset(seed=[0, 1])
    action = np.full((2, 1), 0.2, np.float32)
    for _ in range(5):
        envs.step(action)
    state = envs.core.get_state()
    first = envs.step(action)[0].copy()
    envs.core.set_state(state)
    assert np.array_equal(envs.step(action)[0], first)


def test_spacing_is_what_throughput_is_made_of_and_nothing_in_uniform_flow(tmp_path: Path):
    env = make(PlatoonConfig(horizon=20.0, platoon=3), REWARD)
    env.reset(seed=0)
    spacings, over, info = [], False, {}
    while not over:
        _, _, terminated, truncated, info = env.step(np.zeros(1, np.float32))
        speeds = env.core.traffic.lanes.speed[0, :-1]
        uniform = np.mean([equilibrium_gap(speed, env.core.config.driver.idm()) for speed in speeds]) + 5.0
        spacings.append(10.0 * info["reward_terms"]["spacing"] + uniform)
        over = terminated or truncated
    metrics = info["metrics"]
    assert metrics["spacing"] == pytest.approx(np.mean(spacings), rel=1e-6)
    assert metrics["throughput"] == pytest.approx(3600 * metrics["speed"] / np.mean(spacings), rel=1e-6)

    (tmp_path / "made.csv").write_text("time,speed\n0,10\n100,10\n")
    steady = PlatoonConfig(trace=str(tmp_path / "made.csv"), horizon=20.0, driver=DriverConfig(noise=0.0))
    env = make(steady, REWARD)
    env.reset(seed=0)
    assert env.step(np.zeros(1, np.float32))[4]["reward_terms"]["spacing"] == pytest.approx(0.0, abs=1e-6)


def test_lost_fuel_is_the_fuel_of_an_episode_but_for_the_speeds_at_its_ends():
    env = make(PlatoonConfig(horizon=60.0, platoon=3), REWARD)
    env.reset(seed=3)
    core, totals, over = env.core, {"lost": 0.0, "fuel": 0.0}, False
    first = kinetic_fuel(core.traffic.lanes.speed[0, :-1]).mean()
    env.action_space.seed(0)
    while not over:
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        for name in totals:
            totals[name] += info["reward_terms"][name] * core.traffic.interval
        over = terminated or truncated
    last = kinetic_fuel(core.traffic.lanes.speed[0, :-1]).mean()
    assert totals["lost"] == pytest.approx(totals["fuel"] - (last - first), rel=1e-6)
    assert abs(last - first) > 0.5


def test_a_vehicle_that_speeds_up_loses_less_fuel_than_it_burns_and_one_that_brakes_more():
    speed, dt = 10.0, 0.1
    for change, sign in ((1.0, 1.0), (-1.0, -1.0)):
        burned = fuel_rate(speed, change) * dt
        kinetic = np.diff(kinetic_fuel(np.array([speed - change * dt / 2, speed + change * dt / 2])))[0]
        assert np.sign(kinetic) == sign
        steady = fuel_rate(speed, 0.0) * dt
        lost = burned - kinetic
        assert lost == pytest.approx(steady, rel=0.7) if change > 0 else lost > 2 * steady
