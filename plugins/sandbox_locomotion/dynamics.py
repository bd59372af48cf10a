"""The parts of a control step as functions over arrays: actions to control, physics to a `Transition`."""

from __future__ import annotations

import gymnasium as gym
import numpy as np

from sandbox_locomotion import kinematics
from sandbox_locomotion.arrays import Array, Flags, Floats, row_sums
from sandbox_locomotion.models.robot_model import RobotModel
from sandbox_locomotion.models.terrain import height_at, uses_height_field
from sandbox_locomotion.physics.batch import Physics
from sandbox_locomotion.state import EpisodeState
from sandbox_locomotion.transition import SWING_TIME, Contacts, GaitErrors, Transition

MAX_MOTION = 1e6
"""Positions and velocities beyond this, m, rad, m/s, rad/s, count as diverged physics."""
MIN_SQUARED_FORCE = 1e-12
"""Sum of the squared contact force and torque, N² and N²m², above which a foot counts as touching."""


def clip_action(actions: Array, space: gym.spaces.Box) -> Array:
    """Actions within the bounds of the action space, in floating point; NaN stays NaN."""
    given = np.asarray(actions)
    if given.dtype.kind != "f":
        given = given.astype(np.float32)
    # As np.clip, in half of its time.
    clipped: Array = np.minimum(np.maximum(given, space.low), space.high)
    return clipped


def motor_control(robot: RobotModel, state: EpisodeState, action: Array) -> Array:
    """Control of the motors, ``(n, motors)``, from clipped actions: delayed by the latency, then scaled."""
    applied = action
    if robot.config.latency[1]:
        state.history[:, 1:] = state.history[:, :-1]
        state.history[:, 0] = action
        applied = state.history[np.arange(len(action)), state.delay]
    if robot.scaling is None:
        return applied
    control = robot.scaling.center + robot.scaling.half_range * applied
    return np.asarray(np.clip(control, robot.anatomy.low, robot.anatomy.high))


def not_finite(actions: Array) -> Flags:
    """Whether an action holds NaN or infinity, ``(n,)``."""
    bad: Flags = np.logical_not(np.logical_and.reduce(np.isfinite(actions), 1))
    return bad


def diverged(motion: Floats) -> Flags:
    """Whether a position or velocity is not finite or beyond `MAX_MOTION`, ``(n,)``."""
    magnitude = np.abs(motion)
    if np.maximum.reduce(magnitude, None) < MAX_MOTION:  # false for NaN
        return np.zeros(len(motion), np.bool_)
    result: Flags = np.any(~(magnitude < MAX_MOTION), 1)
    return result


def ground_height(robot: RobotModel, heights: Floats, qpos: Floats) -> Floats:
    """Height of the ground below every root, m, ``(n,)``; ``heights`` as in `EpisodeState`."""
    if not uses_height_field(robot.config):
        ground: Floats = np.empty(len(qpos))
        ground.fill(robot.anatomy.ground)
        return ground
    root = robot.anatomy.root.position(qpos)
    y = root[:, 1] if robot.anatomy.root.kind == "free" else np.zeros(len(qpos))
    points = zip(heights, root[:, 0], y, strict=True)
    return np.array([robot.anatomy.ground + height_at(grid, at_x, at_y) for grid, at_x, at_y in points])


def healthy(robot: RobotModel, qpos: Floats, qvel: Floats, ground: Floats) -> Flags:
    """Whether each state is within the robot's healthy ranges, ``(n,)``; heights are above the ground."""
    rules, root, result = robot.rules, robot.anatomy.root, np.ones(len(qpos), np.bool_)
    low, high = rules.healthy_height
    if root.kind != "planar" and (low, high) != (-np.inf, np.inf):
        height = root.height(qpos) - ground
        if rules.robot.height_inclusive:
            result &= (low <= height) & (height <= high)
        else:
            result &= (low < height) & (height < high)
    if rules.healthy_tilt < np.pi:
        result &= kinematics.upright(root.kind, root.position(qpos)) >= np.cos(rules.healthy_tilt)
    low, high = rules.robot.healthy_pitch
    if root.kind == "sagittal" and high < np.inf:
        result &= (low < qpos[:, 2]) & (qpos[:, 2] < high)
    if rules.robot.healthy_state < np.inf:
        rest = np.concatenate([qpos[:, 2:], qvel], 1)
        result &= (np.abs(rest) < rules.robot.healthy_state).all(1)
    return result


def tracked_position(robot: RobotModel, physics: Physics, state: EpisodeState) -> Floats:
    """Horizontal position from which the forward speed is measured, m, ``(n, 2)``."""
    if robot.rules.robot.forward == "body":
        return physics.fields["xpos"][:, robot.anatomy.torso, :2].copy()
    if robot.rules.robot.forward == "mass":
        if robot.varies:
            total = np.einsum("nb,nbj->nj", state.body_mass, physics.fields["xipos"])
            return np.asarray((total / state.mass[:, None])[:, :2])
        masses = robot.anatomy.body_mass
        total = np.einsum("b,nbj->nj", masses, physics.fields["xipos"])
        return np.asarray((total / masses.sum())[:, :2])
    position = robot.anatomy.root.position(physics.qpos)[:, :2].copy()
    if robot.anatomy.root.kind == "sagittal":
        position[:, 1] = 0.0
    return position


def feet_position(robot: RobotModel, physics: Physics) -> Floats:
    """Horizontal position of every foot, m, ``(n, feet, 2)``."""
    return physics.fields["xipos"].take(robot.anatomy.feet, 1)[..., :2]


def measure_contacts(robot: RobotModel, physics: Physics, state: EpisodeState) -> Contacts:
    """Contacts after a step; advances ``air`` and ``feet_before`` of the state."""
    feet, air = feet_position(robot, physics), state.air
    foot_speed = np.sqrt(row_sums(np.square(feet - state.feet_before))) / robot.dt
    state.feet_before[:] = feet
    forces = physics.fields["cfrc_ext"]
    touching = row_sums(np.square(forces.take(robot.anatomy.feet, 1))) > MIN_SQUARED_FORCE
    air_time = np.where(touching & (air > 0), air, SWING_TIME)
    air[:] = np.where(touching, 0.0, air + robot.dt)
    if len(robot.anatomy.bodies) < robot.mj_model.nbody - 1:  # the scene's own contacts are not the robot's
        forces = forces[:, robot.anatomy.bodies]
    if robot.rules.robot.contact_force_range is not None:
        low, high = robot.rules.robot.contact_force_range
        forces = np.minimum(np.maximum(forces, low), high)
    return Contacts(touching, foot_speed, air_time, forces.reshape(len(forces), -1))


def measure_transition(
    robot: RobotModel,
    physics: Physics,
    state: EpisodeState,
    action: Array,
    contacts: Contacts,
    gait_errors: GaitErrors,
) -> Transition:
    """What a control step did; advances ``tracked`` of the state.

    Args:
        robot: Constants of the simulation.
        physics: After the step.
        state: After the step, ``previous`` still being the action before.
        action: The clipped action of the step.
        contacts: After the step.
        gait_errors: After the step.
    """
    qpos, qvel = physics.qpos, physics.qvel
    root, ground = robot.anatomy.root, ground_height(robot, state.heights, qpos)
    root_position, root_velocity = root.position(qpos), root.velocity(qvel)
    position = tracked_position(robot, physics, state)
    forward_speed = (position[:, 0] - state.tracked[:, 0]) / robot.dt
    state.tracked[:] = position
    return Transition(
        dt=robot.dt,
        forward_speed=forward_speed,
        healthy=healthy(robot, qpos, qvel, ground),
        action=physics.view("CTRL") if robot.rules.robot.cost_of_control else action,
        action_change=action - state.previous,
        torque=physics.fields["qfrc_actuator"],
        joint_velocity=qvel,
        velocity=kinematics.body_velocity(root.kind, root_position, root_velocity),
        vertical_speed=kinematics.vertical_velocity(root.kind, root_velocity),
        height_error=root.height(qpos) - ground - robot.rules.target_height,
        command=state.command.copy(),  # new ones may be drawn before terms are evaluated
        up=kinematics.upright(root.kind, root_position),
        contacts=contacts,
        max_contact_cost=robot.rules.robot.max_contact_cost,
        gait_errors=gait_errors,
    )
