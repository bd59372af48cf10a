"""Metrics by hand, and physics that diverges."""

import numpy as np
import pytest

import sandbox
from sandbox_locomotion import body as bodies
from sandbox_locomotion.metrics import NO_PROGRESS, Tally
from sandbox_locomotion.reward import SWING, TERMS, Transition, contact, orientation


def step(**given):
    n = 2
    zeros, triples = np.zeros(n), np.zeros((n, 3))
    plain = dict.fromkeys(Transition.__dataclass_fields__, zeros) | {
        "dt": 0.05,
        "healthy": np.ones(n, bool),
        "contact_limit": np.inf,
        "velocity": triples,
        "command": triples,
    }
    for name in ("action", "control", "change", "contact", "torque", "joint_velocity", "foot_contact"):
        plain[name] = np.zeros((n, 2))
    plain |= {"foot_speed": np.zeros((n, 2)), "landed": np.full((n, 2), SWING)}
    return Transition(**(plain | given))


def test_metrics_of_a_walk_by_hand():
    tally = Tally(2, commanded=True)
    for _ in range(40):  # 2 s: the first robot walks at 1.5 m/s and works 30 W, the second stands
        tally.add(
            step(
                forward=np.array([1.5, 0.0]),
                torque=np.array([[10.0, -5.0], [0.0, 0.0]]),
                joint_velocity=np.array([[2.0, 2.0], [0.0, 0.0]]),
                velocity=np.array([[1.5, 0.0, 0.2], [0.0, 0.0, 0.0]]),
                command=np.array([[1.2, 0.4, 0.0], [0.0, 0.0, 0.0]]),
            )
        )
    nobody = np.zeros(2, bool)
    metrics = tally.metrics(0.05, 100.0, np.array([False, True]), nobody)
    assert metrics["speed"] == pytest.approx([1.5, 0])
    assert metrics["distance"] == pytest.approx([3.0, 0])
    # 30 W for 2 s over 100 N and 3 m; who does not get on has no cost of transport to be proud of.
    assert metrics["cost_of_transport"] == pytest.approx([60 / 300, NO_PROGRESS])
    assert metrics["command_error"] == pytest.approx([0.5, 0])
    assert metrics["turn_error"] == pytest.approx([0.2, 0])
    assert metrics["falls"].tolist() == [0, 1]
    assert metrics["steps"].tolist() == [40, 40]


def test_tilt_and_contact_by_hand():
    assert orientation(step(up=np.array([np.cos(0.3), -0.5]))) == pytest.approx([np.sin(0.3) ** 2, 1])
    forces = np.array([[3.0, 4.0], [30.0, 40.0]])
    assert contact(step(contact=forces, contact_limit=100.0)) == pytest.approx([25, 100])


def test_every_term_is_one_number_a_robot():
    for term in TERMS:
        assert np.shape(term.fn(step())) == (2,), term.name


def test_diverged_physics_ends_the_episode_as_a_counted_failure():
    env = sandbox.make("locomotion/half-cheetah")
    env.reset(seed=0)
    env.step(np.zeros(6, np.float32))
    env.unwrapped.simulation.physics.view("QVEL")[0, 3] = np.nan
    with pytest.warns(UserWarning, match="diverged in step 2"):
        _, _, terminated, truncated, info = env.step(np.zeros(6, np.float32))
    assert (terminated, truncated) == (True, False)
    assert info["metrics"]["failures"] == 1
    assert "diverged in step 2" in info["failure"]
    observation, _ = env.reset(seed=0)
    assert np.isfinite(observation).all()
    env.close()


def test_one_diverged_copy_leaves_the_others_alone():
    envs, calm = (sandbox.make_vec("locomotion/half-cheetah", 3) for _ in range(2))
    envs.reset(seed=0), calm.reset(seed=0)
    envs.unwrapped.simulation.physics.view("QVEL")[1] = 1e8
    action = np.full((3, 6), 0.1, np.float32)
    with pytest.warns(UserWarning, match="diverged"):
        observation, reward, terminated, _, info = envs.step(action)
    theirs, *_ = calm.step(action)
    assert terminated.tolist() == [False, True, False]
    assert np.array_equal(observation[[0, 2]], theirs[[0, 2]])
    assert np.isfinite(observation).all()
    assert np.isfinite(reward).all()
    assert info["final_info"]["metrics"]["failures"][1] == 1
    envs.close()
    calm.close()


def test_turning_a_vector_to_the_body_and_back_agrees_with_numpy() -> None:
    rng = np.random.default_rng(0)
    qpos, qvel = rng.standard_normal((8, 7)), rng.standard_normal((8, 6))
    qpos[:, 3:] /= np.linalg.norm(qpos[:, 3:], axis=1, keepdims=True)
    w, v = qpos[:, 3:4], qpos[:, 4:7]
    turned = qvel[:, 3:] + 2 * w * np.cross(v, qvel[:, 3:]) + 2 * np.cross(v, np.cross(v, qvel[:, 3:]))
    assert bodies.world_rotation(qpos, qvel) == pytest.approx(turned)
    assert bodies.to_body(qpos, bodies.world_rotation(qpos, qvel)) == pytest.approx(qvel[:, 3:])
