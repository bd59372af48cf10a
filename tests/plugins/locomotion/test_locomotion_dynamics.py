"""The parts of a control step by hand: clipping, latency, joint targets, health, divergence, contacts."""

import dataclasses

import numpy as np
import pytest

from sandbox_locomotion import dynamics
from sandbox_locomotion.config import Ant, Hopper
from sandbox_locomotion.models.robot_model import ActionScaling, build_robot_model
from sandbox_locomotion.simulation import Simulation
from sandbox_locomotion.state import EpisodeState


def test_actions_are_clipped_to_the_space_in_their_own_precision():
    space = build_robot_model(Ant()).action_space
    clipped = dynamics.clip_action(np.array([[2.0, -3.0, 0.25, *[0.0] * 5]]), space)
    assert clipped[0, :3].tolist() == [1.0, -1.0, 0.25]
    assert clipped.dtype == np.float64
    assert dynamics.clip_action(np.full((1, 8), 7), space).dtype == np.float32


def test_each_environment_has_its_latency():
    robot = build_robot_model(Hopper(latency=(0, 2)))
    state = EpisodeState.create(robot, 3)
    state.delay[:] = [0, 1, 2]
    applied = [dynamics.motor_control(robot, state, np.full((3, 3), step / 10))[:, 0] for step in (1, 2, 3)]
    assert np.array(applied) == pytest.approx(np.array([[0.1, 0, 0], [0.2, 0.1, 0], [0.3, 0.2, 0.1]]))


def test_scaled_actions_are_targets_around_the_center_within_the_control_range():
    robot = build_robot_model(Hopper())  # control range -1 to 1
    scaling = ActionScaling(np.array([0.0, 0.5, -0.9]), np.array([1.0, 0.2, 0.5]))
    scaled = dataclasses.replace(robot, scaling=scaling)
    control = dynamics.motor_control(scaled, EpisodeState.create(robot, 1), np.array([[0.3, -1.0, -1.0]]))
    assert control[0] == pytest.approx([0.3, 0.3, -1.0])


def test_the_healthy_range_of_the_ant_includes_its_ends_and_that_of_the_hopper_does_not():
    heights = np.array([0.19, 0.2, 0.6, 1.0, 1.01])
    ant = build_robot_model(Ant())
    qpos, qvel = np.zeros((5, ant.mj_model.nq)), np.zeros((5, ant.mj_model.nv))
    qpos[:, 2] = heights
    assert dynamics.healthy(ant, qpos, qvel, np.zeros(5)).tolist() == [False, True, True, True, False]
    # On ground of 0.1 m the same heights are 0.1 m less.
    assert dynamics.healthy(ant, qpos, qvel, np.full(5, 0.1)).tolist() == [False, False, True, True, True]

    hopper = build_robot_model(Hopper())
    qpos, qvel = np.zeros((5, hopper.mj_model.nq)), np.zeros((5, hopper.mj_model.nv))
    qpos[:, 1] = [0.7, 0.71, 1.2, 1.2, 1.2]
    qpos[:, 2] = [0.0, 0.0, 0.2, 0.19, 0.0]
    qvel[4, 0] = 100.0
    assert dynamics.healthy(hopper, qpos, qvel, np.zeros(5)).tolist() == [False, True, False, True, False]


def test_motion_that_is_not_finite_or_too_large_has_diverged():
    motion = np.array([[0.0, 1.0], [np.nan, 0.0], [0.0, -np.inf], [0.0, 1e6], [0.0, 9.9e5]])
    assert dynamics.diverged(motion).tolist() == [False, True, True, True, False]


def test_a_foot_that_lands_reports_its_time_in_the_air():
    simulation = Simulation(Ant(reset_noise=0), 1, threads=1)
    simulation.reset([0])
    robot, physics, state = simulation.robot, simulation.physics, simulation.state
    state.air[0] = [0.7, 0.7, 0.0, 0.0]
    foot = robot.anatomy.feet[0]
    physics.fields["cfrc_ext"][0, foot] = [0, 0, 0, 0, 0, 30.0]
    contacts = dynamics.measure_contacts(robot, physics, state)
    assert contacts.touching[0].tolist() == [True, False, False, False]
    assert contacts.air_time[0] == pytest.approx([0.7, 0.5, 0.5, 0.5])
    assert state.air[0] == pytest.approx([0.0, 0.75, 0.05, 0.05])
    assert contacts.forces[0].max() == 1.0  # Gymnasium clips the ant's to ±1


def test_the_forward_speed_of_a_step_is_the_distance_covered_divided_by_its_length():
    simulation = Simulation(Hopper(reset_noise=0), 1, threads=1)
    simulation.reset([0])
    before = simulation.physics.qpos[0, 0]
    result = simulation.step(np.full((1, 3), 0.5))
    after = simulation.physics.qpos[0, 0]
    assert result.forward_speed[0] == pytest.approx((after - before) / 0.008)
    assert simulation.sums["travelled"][0] == pytest.approx(after - before)


def test_sums_of_an_ended_episode_do_not_reach_the_next():
    simulation = Simulation(Ant(), 2, threads=1)
    simulation.reset([0, 1])
    for _ in range(3):
        simulation.step(np.zeros((2, 8)))
    simulation.reset([1])
    assert simulation.sums["steps"].tolist() == [3, 0]
    assert simulation.state.elapsed.tolist() == [3, 0]
