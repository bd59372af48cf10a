"""A robot at the start of its episodes, and what becomes of it while it is left alone."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.models.robot_model import RobotModel
from sandbox_locomotion.simulation import Simulation

SECONDS = 2.0
"""Time for which the robot is left alone, s."""
KEPT = {
    *("robot", "model", "model_folder", "keyframe", "frame_skip", "terminate", "healthy_height"),
    *("healthy_tilt", "target_height", "body", "control", "action_scale", "kp", "kd"),
}
"""Parameters of the task that hold for it; conditions, noise and observation do not."""


@dataclass(frozen=True)
class Contact:
    """Two bodies that touch, and how deep, m."""

    bodies: tuple[str, str]
    depth: float


@dataclass(frozen=True)
class Trial:
    """The start of a robot's episodes without noise, and its first seconds with the action ``zero``.

    Attributes:
        robot: Its constants.
        contacts: What touches at the start.
        healthy: Whether the start is a healthy state.
        lasted: Time until its episode ended, at most `SECONDS`, s.
        ended: Whether it ended.
        height: Of its root at that time, above the ground, m.
    """

    robot: RobotModel
    contacts: tuple[Contact, ...]
    healthy: bool
    lasted: float
    ended: bool
    height: float


def nominal(config: LocomotionConfig) -> LocomotionConfig:
    """The task with nothing drawn: the robot in its start pose on flat ground."""
    values = {name: value for name, value in config.model_dump().items() if name in KEPT}
    return type(config)(**values, reset_noise=0.0)


def run_trial(config: LocomotionConfig) -> Trial:
    """Start a robot and leave it alone."""
    from sandbox_locomotion.dynamics import healthy

    simulation = Simulation(nominal(config), 1, threads=1)
    try:
        simulation.seed(0, 0)
        simulation.reset([0])
        robot, physics = simulation.robot, simulation.physics
        contacts = _contacts(robot.mj_model, physics.load(0))
        at_start = bool(healthy(robot, physics.qpos, physics.qvel, simulation.ground())[0])
        steps, ended = 0, False
        while not ended and steps * simulation.dt < SECONDS:
            simulation.step(robot.rest[None])
            ended = bool(simulation.terminated[0])
            steps += 1
        height = float((robot.anatomy.root.height(physics.qpos) - simulation.ground())[0])
        return Trial(robot, contacts, at_start, steps * simulation.dt, ended, height)
    finally:
        simulation.close()


def start_data(robot: RobotModel) -> mujoco.MjData:
    """The robot in its start pose."""
    data = mujoco.MjData(robot.mj_model)
    data.qpos[:], data.ctrl[:], data.act[:] = robot.start.qpos, robot.start.ctrl, robot.start.act
    mujoco.mj_forward(robot.mj_model, data)
    return data


def body_name(model: mujoco.MjModel, body: int) -> str:
    """Name of a body, or its number where it has none."""
    return str(model.body(body).name) or f"#{body}"


def _contacts(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Contact, ...]:
    """The deepest contact of every pair of bodies that touch."""
    depths: dict[tuple[str, str], float] = {}
    for index in range(data.ncon):
        contact = data.contact[index]
        geoms = [int(geom) for geom in contact.geom]
        names = sorted(body_name(model, int(model.geom_bodyid[geom])) for geom in geoms if geom >= 0)
        pair = (names[0], names[-1]) if names else ("flex", "flex")
        depths[pair] = max(depths.get(pair, 0.0), -float(contact.dist))
    return tuple(Contact(pair, depth) for pair, depth in sorted(depths.items()))


def joint_range(model: mujoco.MjModel, joint: int) -> tuple[float, float] | None:
    """Range of a joint, rad or m; None where it has none."""
    low, high = model.jnt_range[joint]
    return (float(low), float(high)) if model.jnt_limited[joint] else None


def moving_joints(robot: RobotModel) -> list[int]:
    """Hinges and slides of the robot apart from those of its root."""
    model, anatomy = robot.mj_model, robot.anatomy
    columns: Floats = np.arange(model.nq)
    inside = set(columns[anatomy.qpos].tolist()) - set(columns[anatomy.root.qpos].tolist())
    kinds = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
    return [
        joint
        for joint in range(model.njnt)
        if int(model.jnt_type[joint]) in kinds and int(model.jnt_qposadr[joint]) in inside
    ]
