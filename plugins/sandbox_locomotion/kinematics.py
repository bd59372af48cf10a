"""Heading, velocity and uprightness of a robot from its root's coordinates: pure functions over a batch.

Arrays hold the canonical coordinates of `models.roots.Root`, ``(n, 7)`` and ``(n, 6)`` of a free root: its
position in ``qpos[:, :3]`` and its orientation, a unit quaternion (w, x, y, z), in ``qpos[:, 3:7]``;
``qvel[:, :3]`` is in the world frame, ``qvel[:, 3:6]`` in the body frame, as MuJoCo defines them. Those of
planar roots have shape ``(n, 3)``.
"""

from __future__ import annotations

import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.robots import RootJoint


def body_velocity(root: RootJoint, qpos: Floats, qvel: Floats) -> Floats:
    """Velocity along the robot's heading: forward and to the left, m/s, and turn rate, rad/s, ``(n, 3)``."""
    if root == "sagittal":
        velocity = np.zeros((len(qvel), 3))
        velocity[:, 0] = qvel[:, 0]
        return velocity
    yaw = heading(root, qpos)
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y = qvel[:, 0], qvel[:, 1]
    turn = angular_velocity(qpos, qvel)[:, 2] if root == "free" else qvel[:, 2]
    return np.stack([cos * x + sin * y, cos * y - sin * x, turn], 1)


def vertical_velocity(root: RootJoint, qvel: Floats) -> Floats:
    """Upward velocity of the root, m/s, ``(n,)``; zero in a horizontal plane."""
    if root == "planar":
        return np.zeros(len(qvel))
    return qvel[:, 2] if root == "free" else qvel[:, 1]


def heading(root: RootJoint, qpos: Floats) -> Floats:
    """Yaw, rad, ``(n,)``; zero for a robot in a vertical plane."""
    if root == "sagittal":
        return np.zeros(len(qpos))
    if root == "planar":
        return qpos[:, 2]
    w, x, y, z = qpos[:, 3:7].T
    yaw: Floats = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return yaw


def upright(root: RootJoint, qpos: Floats) -> Floats:
    """Vertical component of the root's up axis, ``(n,)``: 1 upright, −1 upside down."""
    if root == "sagittal":
        return np.cos(qpos[:, 2])
    if root == "planar":
        return np.ones(len(qpos))
    _, x, y, _ = qpos[:, 3:7].T
    up: Floats = 1 - 2 * (x * x + y * y)
    return up


def projected_gravity(qpos: Floats) -> Floats:
    """Direction of gravity, a unit vector, in the frame of a free root, ``(n, 3)``."""
    w, x, y, z = qpos[:, 3:7].T
    return -np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1)


def to_body_frame(qpos: Floats, vectors: Floats) -> Floats:
    """Vectors ``(n, 3)`` from the world frame to the frame of a free root."""
    w, v = qpos[:, 3:4], -qpos[:, 4:7]
    t = 2 * _cross(v, vectors)
    return np.asarray(vectors + w * t + _cross(v, t))


def angular_velocity(qpos: Floats, qvel: Floats) -> Floats:
    """Angular velocity of a free root in the world frame, rad/s, ``(n, 3)``."""
    w, v, rate = qpos[:, 3:4], qpos[:, 4:7], qvel[:, 3:6]
    t = 2 * _cross(v, rate)
    return np.asarray(rate + w * t + _cross(v, t))


def _cross(a: Floats, b: Floats) -> Floats:
    """Cross products of rows ``(n, 3)``; NumPy's spends most of its time on handling axes."""
    product = np.empty_like(b)
    product[:, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    product[:, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    product[:, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return product
