"""Imitation of the reference gait, and fast mode beside exact mode."""

import mujoco
import numpy as np
import pytest

import sandbox
from sandbox_locomotion.baselines.oscillators import open_loop


def test_the_gait_itself_has_the_highest_imitation_reward():
    changes = ["config.imitate=true", "config.reset_noise=0", "config.horizon=60"]
    env = sandbox.make("locomotion/half-cheetah", changes=changes, reward=["imitation"])
    observation, _ = env.reset(seed=0)
    assert observation.shape == (17 + 2,)
    assert observation[-2:] == pytest.approx([0.0, 1.0])  # sine and cosine of phase zero
    policy = open_loop(env)
    policy.reset(1)
    for _ in range(30):
        _, reward, *_, info = env.step(policy.act(None)[0])
        assert reward == pytest.approx(0.5 + 0.05 + 0.2 + 0.15 + 0.1)
        assert info["reward_terms"]["imitate_pose"] == 1.0
    env.close()


def test_standing_has_a_lower_imitation_reward():
    changes = ["config.imitate=true", "config.reset_noise=0", "config.horizon=60"]
    env = sandbox.make("locomotion/half-cheetah", changes=changes, reward=["imitation"])
    env.reset(seed=0)
    rewards = [env.step(np.zeros(6, np.float32))[1] for _ in range(30)]
    assert np.mean(rewards) < 0.8
    env.close()


def test_fast_steps_are_close_to_exact_steps_at_first_and_diverge_later():
    def batch(fast):
        changes = ["config.contact_forces=false", "config.frame_skip=5", f"config.fast={fast}"]
        return sandbox.make_vec("locomotion/half-cheetah", 3, changes=changes)

    exact, fast = batch("false"), batch("true")
    assert np.array_equal(exact.reset(seed=0)[0], fast.reset(seed=0)[0])
    rng = np.random.default_rng(0)
    distances = []
    for _ in range(60):
        action = rng.uniform(-1, 1, (3, 6)).astype(np.float32)
        exact_observation, exact_reward, *_ = exact.step(action)
        fast_observation, fast_reward, *_ = fast.step(action)
        distances.append(np.abs(exact_observation - fast_observation).max())
        if len(distances) == 1:
            assert fast_reward == pytest.approx(exact_reward, abs=1e-4)
    assert distances[0] < 1e-4
    assert distances[-1] > 0
    exact.close()
    fast.close()


def test_in_fast_mode_the_half_cheetah_takes_fewer_longer_steps_unless_frame_skip_is_set():
    exact, fast, fixed = (
        sandbox.make_vec("locomotion/half-cheetah", 16, changes=changes)
        for changes in ((), ("config.fast=true",), ("config.fast=true", "config.frame_skip=5"))
    )
    batches = [envs.unwrapped.core.simulation for envs in (exact, fast, fixed)]
    assert [batch.robot.frame_skip for batch in batches] == [5, 3, 5]
    timesteps = [batch.robot.mj_model.opt.timestep for batch in batches]
    assert timesteps == pytest.approx([0.01, 0.05 / 3, 0.01])
    rng = np.random.default_rng(0)
    for envs in (exact, fast):
        envs.reset(seed=0)
    speeds = []
    for _ in range(4):
        action = rng.uniform(-1, 1, (16, 6)).astype(np.float32)
        for envs in (exact, fast):
            envs.step(action)
        speeds.append([batch.state.speed.copy() for batch in batches[:2]])
    exact_speed, fast_speed = np.array(speeds).transpose(1, 0, 2)
    assert batches[1].physics.view("TIME")[:, 0] == pytest.approx(np.full(16, 4 * 0.05))
    difference = np.abs(exact_speed - fast_speed).mean()
    assert 0 < difference < 0.2 * np.abs(exact_speed).mean()
    for envs in (exact, fast, fixed):
        envs.close()


def test_a_push_in_a_fast_batch_moves_only_the_pushed_robot_and_ends():
    envs = sandbox.make_vec("locomotion/half-cheetah", 4, changes=("config.fast=true", "config.threads=1"))
    envs.reset(seed=0)
    simulation = envs.unwrapped.core.simulation
    physics, start = simulation.physics, simulation.physics.state.copy()

    def after(push):
        physics.state[:] = start
        physics.view("XFRC_APPLIED")[1, 6 * simulation.robot.anatomy.torso] = push
        physics.step(3)
        return physics.motion.copy()

    free, pushed, again = after(0.0), after(200.0), after(0.0)
    others = [0, 2, 3]
    assert np.array_equal(free[others], pushed[others])
    speed = simulation.robot.mj_model.nq  # index in (qpos, qvel) of the root's forward velocity
    expected = 200 / simulation.robot.anatomy.mass * 0.05
    assert pushed[1, speed] - free[1, speed] == pytest.approx(expected, rel=0.5)
    assert np.array_equal(free, again)
    envs.close()


def test_a_single_environment_is_exact_even_if_batches_are_fast():
    changes = ["config.contact_forces=false", "config.fast=true"]
    env = sandbox.make("locomotion/hopper", changes=changes)
    plain = sandbox.make("locomotion/hopper")
    env.reset(seed=0), plain.reset(seed=0)
    for _ in range(10):
        assert np.array_equal(env.step(np.zeros(3))[0], plain.step(np.zeros(3))[0])


def test_fast_batches_replace_runge_kutta_and_end_close_to_exact_batches():
    single, fast = sandbox.make("locomotion/swimmer"), "config.fast=true"
    batches = [sandbox.make_vec("locomotion/swimmer", 4, changes=changes) for changes in ((), (fast,))]
    used = [envs.unwrapped.core.simulation.robot.mj_model.opt.integrator for envs in (single, *batches)]
    names = [mujoco.mjtIntegrator(kind).name for kind in used]
    assert names == ["mjINT_RK4", "mjINT_RK4", "mjINT_IMPLICITFAST"]
    rng = np.random.default_rng(0)
    for envs in batches:
        envs.reset(seed=0)
    for _ in range(50):
        action = rng.uniform(-1, 1, (4, 2)).astype(np.float32)
        exact, approximate = (envs.step(action)[0] for envs in batches)
    assert np.abs(exact).max() > 1  # it has moved
    assert np.abs(exact - approximate).max() < 0.5
