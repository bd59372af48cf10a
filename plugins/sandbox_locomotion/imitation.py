"""Imitation of a reference gait: poses, and their errors as in Peng et al. 2020, arXiv 2004.00784.

The reference is a recorded gait, see `baselines.reference`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sandbox_locomotion import kinematics
from sandbox_locomotion.arrays import Floats, Rows
from sandbox_locomotion.models.anatomy import Anatomy
from sandbox_locomotion.physics.batch import Physics
from sandbox_locomotion.transition import GaitErrors


@dataclass(frozen=True)
class Pose:
    """Poses and velocities of a batch of robots; the first axis is environments or time.

    Attributes:
        joints: Angles of the motors' joints, rad.
        joint_velocity: Their velocities, rad/s.
        feet: Positions of the feet relative to the torso, along its heading, m, ``(…, feet, 3)``.
        height: Height of the root above the ground, m.
        up: Vertical component of the root's up axis.
        velocity: Forward and leftward velocity, m/s, and turn rate, rad/s, ``(…, 3)``.
    """

    joints: Floats
    joint_velocity: Floats
    feet: Floats
    height: Floats
    up: Floats
    velocity: Floats

    def __getitem__(self, rows: Rows) -> Pose:
        """The poses of these rows."""
        return Pose(*(getattr(self, field.name)[rows] for field in fields(self)))


def concatenate(poses: list[Pose]) -> Pose:
    """Poses one after another along the first axis."""
    return Pose(*(np.concatenate([getattr(pose, field.name) for pose in poses]) for field in fields(Pose)))


def pose_of(anatomy: Anatomy, physics: Physics, ground: Floats) -> Pose:
    """The current poses of a batch; ``ground`` is the height of the ground below each root, m, ``(n,)``."""
    qpos, qvel = physics.qpos, physics.qvel
    root, position, velocity = anatomy.root, anatomy.root.position(qpos), anatomy.root.velocity(qvel)
    relative = physics.fields["xipos"][:, anatomy.feet] - physics.fields["xpos"][:, None, anatomy.torso]
    yaw = kinematics.heading(root.kind, position)
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y = relative[..., 0], relative[..., 1]
    feet = np.stack([cos * x + sin * y, cos * y - sin * x, relative[..., 2]], -1)
    return Pose(
        joints=qpos[:, anatomy.joint_qpos],
        joint_velocity=qvel[:, anatomy.joint_qvel],
        feet=feet,
        height=root.height(qpos) - ground,
        up=kinematics.upright(root.kind, position),
        velocity=kinematics.body_velocity(root.kind, position, velocity),
    )


def errors_between(pose: Pose, reference: Pose) -> GaitErrors:
    """Squared errors, ``(n,)`` each; those of the root are weighted as in the source."""
    return GaitErrors(
        joints=np.square(pose.joints - reference.joints).sum(-1),
        joint_velocity=np.square(pose.joint_velocity - reference.joint_velocity).sum(-1),
        feet=np.square(pose.feet - reference.feet).sum((-1, -2)),
        root=20 * np.square(pose.height - reference.height) + 10 * np.square(pose.up - reference.up),
        root_velocity=2 * np.square(pose.velocity[:, :2] - reference.velocity[:, :2]).sum(-1)
        + 0.2 * np.square(pose.velocity[:, 2] - reference.velocity[:, 2]),
    )


@dataclass(frozen=True)
class ReferenceGait:
    """A recorded gait.

    Attributes:
        poses: The pose after each control step, first axis time; row 0 is the start.
        period: Length of one cycle, control steps.
    """

    poses: Pose
    period: float

    def at(self, steps: Rows) -> Pose:
        """Poses after these numbers of control steps; the last one is held."""
        return self.poses[np.minimum(steps, len(self.poses.height) - 1)]

    def phase(self, steps: Rows) -> Floats:
        """Sine and cosine of the gait's phase, ``(n, 2)``."""
        angle = 2 * np.pi * steps / self.period
        return np.stack([np.sin(angle), np.cos(angle)], 1)
