"""Metrics and reward terms by hand, and physics that diverges."""

import dataclasses

import numpy as np
import pytest

import sandbox
from sandbox_locomotion import kinematics
from sandbox_locomotion.metrics import MAX_COST_OF_TRANSPORT, add_step, episode_metrics, zero_sums
from sandbox_locomotion.reward import TERMS, air_time, contact, foot_slip, imitate_root, orientation
from sandbox_locomotion.transition import Contacts, GaitErrors, Transition


def transition(**given):
    """A step of two motionless robots, with some of its fields replaced."""
    n = 2
    zeros, pairs, triples = np.zeros(n), np.zeros((n, 2)), np.zeros((n, 3))
    motionless = Transition(
        dt=0.05,
        forward_speed=zeros,
        healthy=np.ones(n, bool),
        action=pairs,
        action_change=pairs,
        torque=pairs,
        joint_velocity=pairs,
        velocity=triples,
        vertical_speed=zeros,
        height_error=zeros,
        command=triples,
        up=np.ones(n),
        contacts=Contacts.unknown(n, 2),
        max_contact_cost=np.inf,
        gait_errors=GaitErrors.zero(n),
    )
    return dataclasses.replace(motionless, **given)


def test_metrics_of_a_walk_by_hand():
    sums = zero_sums(2)
    for _ in range(40):  # 2 s: the first robot walks at 1.5 m/s with 30 W, the second stands
        step = transition(
            forward_speed=np.array([1.5, 0.0]),
            torque=np.array([[10.0, -5.0], [0.0, 0.0]]),
            joint_velocity=np.array([[2.0, 2.0], [0.0, 0.0]]),
            velocity=np.array([[1.5, 0.0, 0.2], [0.0, 0.0, 0.0]]),
            command=np.array([[1.2, 0.4, 0.0], [0.0, 0.0, 0.0]]),
        )
        add_step(sums, step, commanded=True)
    metrics = episode_metrics(sums, 0.05, 100.0, np.array([False, True]), np.zeros(2, bool))
    assert metrics["speed"] == pytest.approx([1.5, 0])
    assert metrics["distance"] == pytest.approx([3.0, 0])
    # 30 W for 2 s divided by 100 N and 3 m; a robot that stands still has the maximum.
    assert metrics["cost_of_transport"] == pytest.approx([60 / 300, MAX_COST_OF_TRANSPORT])
    assert metrics["command_error"] == pytest.approx([0.5, 0])
    assert metrics["turn_error"] == pytest.approx([0.2, 0])
    assert metrics["falls"].tolist() == [0, 1]
    assert metrics["steps"].tolist() == [40, 40]


def test_tilt_and_contact_by_hand():
    tilted = transition(up=np.array([np.cos(0.3), -0.5]))
    assert orientation(tilted) == pytest.approx([np.sin(0.3) ** 2, 1])
    contacts = dataclasses.replace(Contacts.unknown(2, 2), forces=np.array([[3.0, 4.0], [30.0, 40.0]]))
    assert contact(transition(contacts=contacts, max_contact_cost=100.0)) == pytest.approx([25, 100])


def test_feet_by_hand():
    contacts = Contacts(
        touching=np.array([[True, False], [False, False]]),
        foot_speed=np.array([[0.3, 2.0], [1.0, 1.0]]),
        air_time=np.array([[0.7, 0.5], [0.5, 0.5]]),  # the first foot lands after 0.7 s in the air
        forces=np.zeros((2, 12)),
    )
    step = transition(contacts=contacts)
    assert foot_slip(step) == pytest.approx([0.3**2, 0])
    assert air_time(step) == pytest.approx([0.7 - 0.5, 0])


def test_the_root_term_of_imitation_by_hand():
    # 0.1 m too low and tilted so that up is 0.8 instead of 1 (Peng et al. 2020: weights 20 and 10).
    errors = dataclasses.replace(GaitErrors.zero(2), root=np.array([20 * 0.1**2 + 10 * 0.2**2, 0.0]))
    assert imitate_root(transition(gait_errors=errors)) == pytest.approx([np.exp(-0.6), 1])


def test_every_term_has_one_value_per_robot():
    for term in TERMS:
        assert np.shape(term.fn(transition())) == (2,), term.name


def test_diverged_physics_ends_the_episode_and_is_counted_as_a_failure():
    env = sandbox.make("locomotion/half-cheetah")
    env.reset(seed=0)
    env.step(np.zeros(6, np.float32))
    env.unwrapped.core.simulation.physics.qvel[0, 3] = np.nan
    with pytest.warns(UserWarning, match="diverged in step 2"):
        _, _, terminated, truncated, info = env.step(np.zeros(6, np.float32))
    assert (terminated, truncated) == (True, False)
    assert info["metrics"]["failures"] == 1
    assert "diverged in step 2" in info["failure"]
    observation, _ = env.reset(seed=0)
    assert np.isfinite(observation).all()
    env.close()


def test_divergence_in_an_environment_does_not_affect_the_others():
    envs, undisturbed = (sandbox.make_vec("locomotion/half-cheetah", 3) for _ in range(2))
    envs.reset(seed=0), undisturbed.reset(seed=0)
    envs.unwrapped.core.simulation.physics.qvel[1] = 1e8
    action = np.full((3, 6), 0.1, np.float32)
    with pytest.warns(UserWarning, match="diverged"):
        observation, reward, terminated, _, info = envs.step(action)
    expected, *_ = undisturbed.step(action)
    assert terminated.tolist() == [False, True, False]
    assert np.array_equal(observation[[0, 2]], expected[[0, 2]])
    assert np.isfinite(observation).all()
    assert np.isfinite(reward).all()
    assert info["final_info"]["metrics"]["failures"][1] == 1
    assert info["final_info"]["_failure"].tolist() == [False, True, False]
    assert "diverged in step 1" in info["final_info"]["failure"][1]
    assert "failure" not in info  # the new episode has not failed
    envs.close()
    undisturbed.close()


def test_rotating_a_vector_to_the_body_frame_and_back_agrees_with_numpy():
    rng = np.random.default_rng(0)
    qpos, qvel = rng.standard_normal((8, 7)), rng.standard_normal((8, 6))
    qpos[:, 3:] /= np.linalg.norm(qpos[:, 3:], axis=1, keepdims=True)
    w, v = qpos[:, 3:4], qpos[:, 4:7]
    rotated = qvel[:, 3:] + 2 * w * np.cross(v, qvel[:, 3:]) + 2 * np.cross(v, np.cross(v, qvel[:, 3:]))
    assert kinematics.angular_velocity(qpos, qvel) == pytest.approx(rotated)
    back = kinematics.to_body_frame(qpos, kinematics.angular_velocity(qpos, qvel))
    assert back == pytest.approx(qvel[:, 3:])
