"""The reference gait, and the inexact fast mode beside the exact one."""

import mujoco
import numpy as np
import pytest

import sandbox
from sandbox_locomotion.oscillators import open_loop


def test_the_gait_itself_imitates_perfectly():
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


def test_moving_otherwise_earns_less():
    changes = ["config.imitate=true", "config.reset_noise=0", "config.horizon=60"]
    env = sandbox.make("locomotion/half-cheetah", changes=changes, reward=["imitation"])
    env.reset(seed=0)
    rewards = [env.step(np.zeros(6, np.float32))[1] for _ in range(30)]
    assert np.mean(rewards) < 0.8
    env.close()


def test_fast_steps_are_close_to_exact_ones_at_first_and_not_for_ever():
    def batch(fast):
        changes = ["config.contact_forces=false", "config.frame_skip=5", f"config.fast={fast}"]
        return sandbox.make_vec("locomotion/half-cheetah", 3, changes=changes)

    exact, fast = batch("false"), batch("true")
    one, _ = exact.reset(seed=0)
    other, _ = fast.reset(seed=0)
    assert np.array_equal(one, other)
    rng = np.random.default_rng(0)
    apart = []
    for _ in range(60):
        action = rng.uniform(-1, 1, (3, 6)).astype(np.float32)
        one, reward, *_ = exact.step(action)
        other, their_reward, *_ = fast.step(action)
        apart.append(np.abs(one - other).max())
        if len(apart) == 1:
            assert their_reward == pytest.approx(reward, abs=1e-4)
    assert apart[0] < 1e-4
    assert apart[-1] > 0
    exact.close()
    fast.close()


def test_the_half_cheetah_is_stepped_fast_by_fewer_and_longer_steps_unless_told_how_many():
    exact, fast, told = (
        sandbox.make_vec("locomotion/half-cheetah", 16, changes=changes)
        for changes in ((), ("config.fast=true",), ("config.fast=true", "config.frame_skip=5"))
    )
    batches = [envs.unwrapped.simulation for envs in (exact, fast, told)]
    assert [batch.frame_skip for batch in batches] == [5, 3, 5]
    assert [batch.base.opt.timestep for batch in batches] == pytest.approx([0.01, 0.05 / 3, 0.01])
    rng = np.random.default_rng(0)
    for envs in (exact, fast):
        envs.reset(seed=0)
    speeds = []
    for _ in range(4):
        action = rng.uniform(-1, 1, (16, 6)).astype(np.float32)
        for envs in (exact, fast):
            envs.step(action)
        speeds.append([batch.speed.copy() for batch in batches[:2]])
    one, other = np.array(speeds).transpose(1, 0, 2)
    assert batches[1].physics.view("TIME")[:, 0] == pytest.approx(np.full(16, 4 * 0.05))
    assert 0 < np.abs(one - other).mean() < 0.2 * np.abs(one).mean()
    for envs in (exact, fast, told):
        envs.close()


def test_a_push_in_a_fast_batch_moves_who_is_pushed_and_ends():
    envs = sandbox.make_vec("locomotion/half-cheetah", 4, changes=("config.fast=true", "config.threads=1"))
    envs.reset(seed=0)
    simulation = envs.unwrapped.simulation
    physics, start = simulation.physics, simulation.physics.state.copy()

    def after(push):
        physics.state[:] = start
        physics.view("XFRC_APPLIED")[1, 6 * simulation.body.torso] = push
        physics.step(3)
        return physics.motion.copy()

    alone, pushed, again = after(0.0), after(200.0), after(0.0)
    others = [0, 2, 3]
    assert np.array_equal(alone[others], pushed[others])
    speed = simulation.base.nq  # of the root, forward
    assert pushed[1, speed] - alone[1, speed] == pytest.approx(200 / simulation.body.mass * 0.05, rel=0.5)
    assert np.array_equal(alone, again)
    envs.close()


def test_a_single_environment_is_exact_even_where_batches_are_fast():
    changes = ["config.contact_forces=false", "config.fast=true"]
    env = sandbox.make("locomotion/hopper", changes=changes)
    plain = sandbox.make("locomotion/hopper")
    env.reset(seed=0), plain.reset(seed=0)
    for _ in range(10):
        assert np.array_equal(env.step(np.zeros(3))[0], plain.step(np.zeros(3))[0])


def test_fast_batches_leave_runge_kutta_and_end_where_exact_ones_do():
    single, fast = sandbox.make("locomotion/swimmer"), "config.fast=true"
    batches = [sandbox.make_vec("locomotion/swimmer", 4, changes=changes) for changes in ((), (fast,))]
    used = [envs.unwrapped.simulation.base.opt.integrator for envs in (single, *batches)]
    names = [mujoco.mjtIntegrator(kind).name for kind in used]
    assert names == ["mjINT_RK4", "mjINT_RK4", "mjINT_IMPLICITFAST"]
    rng = np.random.default_rng(0)
    for envs in batches:
        envs.reset(seed=0)
    for _ in range(50):
        action = rng.uniform(-1, 1, (4, 2)).astype(np.float32)
        one, other = (envs.step(action)[0] for envs in batches)
    assert np.abs(one).max() > 1  # it has moved
    assert np.abs(one - other).max() < 0.5
