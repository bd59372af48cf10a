"""The ring: the wave forms as computed, rows are independent, accounts are whole."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox_mixed.baselines import follower_stopper, human, pi_saturation
from sandbox_mixed.car_following import Idm
from sandbox_mixed.config import RingConfig
from sandbox_mixed.kernels import draw_normals
from sandbox_mixed.ring.core import Ring, make, make_vec
from sandbox_mixed.ring.reward import REWARDS

REWARD = REWARDS["smooth"]
FROM_REST = {"warmup": 0.0, "bunching": 0.0, "horizon": 600.0, "measured": 300.0}
"""As the table of the README was computed: from evenly spread standing vehicles, the last 300 of 600 s."""


def play(config: RingConfig, make_policy, num_envs: int) -> dict[str, np.ndarray]:
    """Metrics of one episode in every row."""
    envs = make_vec(config, REWARD, num_envs)
    observation, info = envs.reset(seed=list(range(num_envs)))
    policy = make_policy(envs)
    policy.reset(num_envs)
    done = np.zeros(num_envs, bool)
    while not done.all():
        observation, _, terminated, truncated, info = envs.step(policy.act(observation))
        done = terminated | truncated
    return info["final_info"]["metrics"]


def plain_ring(length: float, seeds: int) -> tuple[float, float]:
    """Mean speed and spread of the same drivers, written again with NumPy alone; all seeds side by side."""
    rng, n, dt, d = np.random.default_rng(7), 22, 0.1, Idm()
    position, speed = np.tile(np.arange(n) * length / n, (seeds, 1)), np.zeros((seeds, n))
    speeds, spreads = [], []
    for step in range(6000):
        gap = np.roll(position, -1, 1) - position - d.length
        gap[:, -1] += length
        closing = speed - np.roll(speed, -1, 1)
        wanted = 2.0 + np.maximum(0.0, speed + speed * closing / (2 * np.sqrt(1.5)))
        change = 1 - (speed / 30) ** 4 - (wanted / gap) ** 2 + 0.2 * np.sqrt(dt) * rng.normal(size=(seeds, n))
        speed = np.maximum(0.0, speed + change * dt)
        position = position + speed * dt
        if step >= 3000:
            speeds.append(speed.mean())
            spreads.append(speed.std(1).mean())
    return float(np.mean(speeds)), float(np.mean(spreads))


@pytest.mark.parametrize(("length", "speed"), [(220, 2.10), (230, 2.40), (260, 3.38)])
def test_the_wave_forms_under_human_driving_as_computed(length: float, speed: float):
    metrics = play(RingConfig(length=(length, length), **FROM_REST), human, 32)
    assert metrics["speed"].mean() == pytest.approx(speed, rel=0.03)
    assert metrics["speed"].mean() < 0.75 * play_equilibrium(length)
    plain_speed, plain_spread = plain_ring(length, 24)
    assert metrics["speed"].mean() == pytest.approx(plain_speed, rel=0.03)
    assert metrics["spread"].mean() == pytest.approx(plain_spread, rel=0.03)


def play_equilibrium(length: float) -> float:
    return {220: 3.00, 230: 3.45, 260: 4.82}[int(length)]


@pytest.mark.parametrize(("length", "speed"), [(220, 2.99), (230, 3.44), (260, 4.82)])
def test_pi_with_saturation_keeps_flow_uniform_before_a_wave_has_formed(length: float, speed: float):
    config = RingConfig(length=(length, length), **(FROM_REST | {"warmup": 75.0}))
    metrics = play(config, pi_saturation, 4)
    assert metrics["speed"].mean() == pytest.approx(speed, rel=0.01)
    assert metrics["spread"].max() < 0.1


def test_follower_stopper_dissolves_a_wave_that_has_formed():
    config = RingConfig(length=(240, 240))
    waving, calm = play(config, human, 4), play(config, follower_stopper, 4)
    assert waving["spread"].min() > 2.5
    assert calm["spread"].max() < 0.1
    assert calm["share"].min() > 0.99
    assert waving["share"].max() < 0.75
    assert (calm["settling"] < 100).all()


def test_a_row_plays_the_episode_of_the_single_environment():
    config = RingConfig(horizon=30.0, measured=10.0, warmup=20.0)
    envs, env = make_vec(config, REWARD, 3), make(config, REWARD)
    batch, _ = envs.reset(seed=[5, 6, 7])
    alone, _ = env.reset(seed=6)
    rng = np.random.default_rng(0)
    for _ in range(40):
        assert np.array_equal(batch[1], alone)
        actions = rng.uniform(-1, 1, (3, 1)).astype(np.float32)
        batch, rewards, *_ = envs.step(actions)
        alone, reward, *_ = env.step(actions[1])
        assert rewards[1] == reward


def test_vehicles_keep_their_order_and_the_ring_its_length():
    config = RingConfig(automated=3, horizon=60.0, measured=10.0)
    env = make(config, REWARD)
    env.reset(seed=3)
    core: Ring = env.core
    local = core.traffic.local()
    positions, length = core.traffic.lanes.position[0], core.traffic.lanes.length[0]
    gaps = np.append(np.diff(positions), positions[0] + length - positions[-1]) - 5.0
    assert gaps.sum() == pytest.approx(length - 22 * 5.0)
    assert (gaps > 0).all()
    assert local.gap[0] == pytest.approx(gaps[[0, 7, 14]])


def test_errors_show_what_levels_show_as_differences():
    levels, errors = (
        make(RingConfig(sees=sees, horizon=20.0, measured=10.0), REWARD)
        for sees in ("local-and-mean", "errors")
    )
    one, _ = levels.reset(seed=1)
    other, _ = errors.reset(seed=1)
    for step in range(20):
        speed, ahead, gap, mean = one * [10, 5, 20, 10]
        assert other * [10, 1, 10, 1] == pytest.approx([speed, ahead, gap, mean - speed], abs=1e-5)
        action = np.array([0.3 if step % 4 else -1.0], np.float32)
        one, other = levels.step(action)[0], errors.step(action)[0]


def test_a_ring_that_stands_is_never_worth_more_than_one_with_a_wave():
    config = RingConfig(horizon=200.0, measured=100.0, decision_steps=10)
    waving, standing = make(config, REWARD), make(config, REWARD)
    earned = []
    for env, stands in ((waving, False), (standing, True)):
        env.reset(seed=2)
        total = []
        for _ in range(200):
            env.core.human = not stands
            total.append(env.step(np.full(1, -1.0, np.float32))[1])
        earned.append(np.mean(total[100:]))
    assert env.core.traffic.lanes.speed.max() < 0.5
    assert earned[0] > earned[1] + 0.01


def test_noise_of_drivers_that_is_drawn_again_leaves_what_was_and_other_rows_as_they_are():
    envs, other = (make_vec(RingConfig(warmup=20), REWARDS["smooth"], 2) for _ in range(2))
    for batch in (envs, other):
        batch.reset(seed=0)
    envs.core.redraw(0, np.random.default_rng(1))
    assert np.array_equal(envs.core.observe(), other.core.observe())
    idle = np.zeros(envs.action_space.shape, np.float32)
    after, without = envs.step(idle)[0], other.step(idle)[0]
    assert np.array_equal(after[1], without[1])
    assert not np.array_equal(after[0], without[0])
    assert not make_vec(RingConfig(warmup=20, driver={"noise": 0}), REWARDS["smooth"], 1).core.can_redraw


def test_held_out_lengths_are_never_drawn():
    config = RingConfig(without=(240.0, 250.0), warmup=0.0)
    envs = make_vec(config, REWARD, 200)
    envs.reset(seed=0)
    lengths = envs.core.traffic.lanes.length
    assert not ((lengths > 240) & (lengths < 250)).any()
    assert lengths.min() < 225
    assert lengths.max() > 265


def test_without_the_filter_full_throttle_ends_in_a_collision_and_counts_as_standing():
    config = RingConfig(gap_filter=False, length=(230, 230), horizon=300.0)
    env = make(config, REWARD)
    env.reset(seed=0)
    terminated = False
    while not terminated:
        *_, terminated, truncated, info = env.step(np.ones(1, np.float32))
        assert not truncated
    assert info["metrics"]["collisions"] == 1
    assert info["metrics"]["speed"] < 0.5
    assert info["metrics"]["settling"] == 300.0
    assert info["reward_terms"]["collision"] == 1


def test_with_the_filter_full_throttle_never_touches():
    metrics = play(RingConfig(length=(230, 230)), lambda env: AlwaysOn(), 8)
    assert metrics["collisions"].sum() == 0
    assert metrics["min_gap"].min() >= 1.0 - 1e-9
    assert metrics["intervened"].min() > 0.01


class AlwaysOn:
    """Full throttle."""

    def reset(self, num_envs: int) -> None: ...

    def act(self, observation: np.ndarray) -> np.ndarray:
        return np.ones((len(observation), 1), np.float32)


def test_random_numbers_are_standard_normal():
    numbers = np.empty(200_000)
    draw_normals(np.array([123], np.uint64), 0, numbers)
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1) < 0.01
    assert abs((numbers**4).mean() - 3) < 0.1
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.01
