"""The rules of a user's robot: those of the task's own robot, with heights measured from the start pose."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.models.anatomy import Anatomy
from sandbox_locomotion.models.start import Start
from sandbox_locomotion.robots import INFINITY, Robot

HEALTHY_SHARES = (0.5, 2.0)
"""Healthy range of the root's height, in heights of the start pose."""
HEALTHY_TILT = 1.0
"""Largest healthy tilt of a user's robot, rad; that of Gymnasium's Walker2d."""


@dataclass(frozen=True)
class Rules:
    """How the episodes of a robot start and end.

    Attributes:
        robot: Rules of the task's robot, changed where a user's robot differs from it.
        height: Height of the root above the ground in the start pose, m; 0 in a horizontal plane.
        healthy_height: Healthy range of that height, m.
        healthy_tilt: Largest healthy angle between the root's up axis and the vertical, rad.
        target_height: Height that the reward term ``height`` asks for, m.
        terminates: Whether an unhealthy state ends the episode.
        unhealthy_is_fallen: Whether an unhealthy state counts as a fall.
        noise: Scale of the initial noise on positions and velocities, rad, m, rad/s and m/s.
        noise_shares: Share of it that each coordinate of the robot has, ``(coordinates,)``.
    """

    robot: Robot
    height: float
    healthy_height: tuple[float, float]
    healthy_tilt: float
    target_height: float
    terminates: bool
    unhealthy_is_fallen: bool
    noise: float
    noise_shares: Floats


def make_rules(config: LocomotionConfig, robot: Robot, anatomy: Anatomy, start: Start) -> Rules:
    """The rules of a task's robot, which the config's own values replace.

    Args:
        config: The task's parameters.
        robot: Rules of the robot that the task is named after.
        anatomy: Of the robot that is simulated.
        start: Its start pose.
    """
    height = float(anatomy.root.height(start.qpos[None])[0]) - anatomy.ground
    height = height if anatomy.root.kind != "planar" else 0.0
    healthy_height, healthy_tilt = robot.healthy_height, INFINITY
    shares = np.ones(len(start.qpos[anatomy.qpos]))
    if config.model:
        robot = _of_users_robot(robot)
        healthy_tilt = HEALTHY_TILT
        if height > 0:
            healthy_height = (HEALTHY_SHARES[0] * height, HEALTHY_SHARES[1] * height)
            shares[_root_positions(anatomy)] = min(1.0, height / robot.height)
    terminates = robot.terminates if config.terminate is None else config.terminate
    return Rules(
        robot=robot,
        height=height,
        healthy_height=config.healthy_height or healthy_height,
        healthy_tilt=config.healthy_tilt or healthy_tilt,
        target_height=config.target_height if config.target_height is not None else height,
        terminates=terminates,
        unhealthy_is_fallen=robot.terminates or bool(config.model),
        noise=robot.reset_noise if config.reset_noise is None else config.reset_noise,
        noise_shares=shares,
    )


def _of_users_robot(robot: Robot) -> Robot:
    """What the task asks of its own robot's joints, velocities and controls does not hold for another's."""
    return replace(
        robot,
        healthy_pitch=(-INFINITY, INFINITY),
        healthy_state=INFINITY,
        velocity_clip=None,
        cost_of_control=False,
        fast_frame_skip=0,
        height_inclusive=True,
    )


def _root_positions(anatomy: Anatomy) -> slice:
    """Among the robot's coordinates, those that move its root: they come first."""
    return slice(0, 3 if anatomy.root.kind == "free" else 2)
