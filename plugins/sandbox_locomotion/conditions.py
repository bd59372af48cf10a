"""The conditions of an episode: physics, ground, latency, commands and pushes; drawn, and put into effect."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.models import terrain
from sandbox_locomotion.models.anatomy import gravity_of, mass_of, masses_of
from sandbox_locomotion.models.randomization import apply_physics, uniform
from sandbox_locomotion.models.robot_model import RobotModel
from sandbox_locomotion.physics.batch import Physics
from sandbox_locomotion.state import EpisodeState

PUSH_TIME = 0.1
"""Duration of a push, during which the force is constant, s."""


def draw_conditions(
    robot: RobotModel, physics: Physics, state: EpisodeState, row: int, rng: np.random.Generator
) -> None:
    """Draw the conditions of the next episode of environment ``row``."""
    config = robot.config
    if robot.varies:
        state.physics_rows[row] = robot.layout.draw(config, rng)
        if terrain.uses_height_field(config):
            state.terrain_seeds[row] = rng.integers(2**31)
        apply_conditions(robot, physics, state, row)
    if config.latency[1]:
        state.delay[row] = rng.integers(config.latency[0], config.latency[1] + 1)
    state.command[row] = draw_command(robot, rng)


def apply_conditions(robot: RobotModel, physics: Physics, state: EpisodeState, row: int) -> None:
    """Put the physics and the ground that were drawn for environment ``row`` into its model."""
    model, drawn = physics.models[row], state.physics_rows[row]
    apply_physics(robot.mj_model, model, physics.scratch(), drawn, robot.anatomy)
    weigh(robot, model, state, row)
    if terrain.uses_height_field(robot.config):
        rng = np.random.default_rng(state.terrain_seeds[row])
        state.heights[row] = terrain.draw_heights(robot.config, rng)
        terrain.set_heights(model, state.heights[row], robot.config)


def weigh(robot: RobotModel, model: mujoco.MjModel, state: EpisodeState, row: int) -> None:
    """Note the masses and the weight of the robot in the model of environment ``row``."""
    state.body_mass[row] = masses_of(model, robot.anatomy.bodies)
    state.mass[row] = mass_of(model, robot.anatomy.bodies)
    state.weight[row] = state.mass[row] * gravity_of(model)


def draw_command(robot: RobotModel, rng: np.random.Generator) -> Floats:
    """A command ``(3,)``: forward and leftward velocity, m/s, and turn rate, rad/s; zero if there is none."""
    config = robot.config
    if config.command_speed is None:
        return np.zeros(3)
    ranges = (config.command_speed, config.command_side, config.command_turn)
    return np.concatenate([uniform(rng, bounds, 1) for bounds in ranges])


def renew_commands(robot: RobotModel, state: EpisodeState, rngs: Sequence[np.random.Generator]) -> None:
    """Draw a new command in the environments whose interval has passed."""
    config = robot.config
    if config.command_speed is None or not config.command_interval:
        return
    interval = max(1, round(config.command_interval / robot.dt))
    for row in np.flatnonzero(state.elapsed % interval == 0).tolist():
        state.command[row] = draw_command(robot, rngs[row])


def update_pushes(
    robot: RobotModel, physics: Physics, state: EpisodeState, rngs: Sequence[np.random.Generator]
) -> None:
    """Start and end the pushes that are due, and apply them to the torsos."""
    config = robot.config
    if not config.push_speed:
        return
    interval = max(1, round(config.push_interval / robot.dt))
    duration = max(1, round(PUSH_TIME / robot.dt))
    phase = state.elapsed % interval
    for row in np.flatnonzero((phase == 0) & (state.elapsed > 0)).tolist():
        state.push[row] = draw_push(robot, float(state.mass[row]), rngs[row])
    state.push[phase >= duration] = 0.0
    start = 6 * robot.anatomy.torso
    physics.view("XFRC_APPLIED")[:, start : start + 3] = state.push


def draw_push(robot: RobotModel, mass: float, rng: np.random.Generator) -> Floats:
    """A horizontal force on the torso, N, ``(3,)``.

    Over `PUSH_TIME` it changes the velocity of the whole robot of that mass, kg, by U[0, push_speed].
    """
    angle = rng.uniform(0.0, 2 * np.pi)
    force = rng.uniform(0.0, robot.config.push_speed) * mass / PUSH_TIME
    leftward = 0.0 if robot.anatomy.root.kind == "sagittal" else np.sin(angle)
    return np.array([np.cos(angle), leftward, 0.0]) * force
