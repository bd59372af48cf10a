"""What is read off a robot's state: heading, velocity, uprightness, feet; pure functions over a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox_locomotion.robots import Root

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Anatomy:
    """What a model is made of, as far as the tasks care.

    Attributes:
        root: How its root moves.
        torso: Body that carries the root's joints.
        feet: Bodies that end a limb and stand for a foot.
        mass: Of the whole robot, kg.
        weight: Its weight, N.
        masses: Of every body, kg, ``(bodies,)``.
        joints: Positions in ``qpos`` of the motors' joints.
        speeds: Positions in ``qvel`` of the motors' joints.
        gear: Torque per unit of control of each motor; 1 where the motor follows a target.
    """

    root: Root
    torso: int
    feet: tuple[int, ...]
    mass: float
    weight: float
    masses: Array
    joints: NDArray[np.int64]
    speeds: NDArray[np.int64]
    gear: Array

    @property
    def coordinates(self) -> int:
        """Leading positions that belong to the root."""
        return 7 if self.root == "free" else 3

    @property
    def velocities(self) -> int:
        """Leading velocities that belong to the root."""
        return 6 if self.root == "free" else 3

    @property
    def vertical(self) -> int | None:
        """Position of the root's height in ``qpos``; None where it moves in a horizontal plane."""
        return {"free": 2, "sagittal": 1, "planar": None}[self.root]


def anatomy(model: mujoco.MjModel, root: Root) -> Anatomy:
    """Read a model."""
    torso = int(model.jnt_bodyid[0])
    parents = set(model.body_parentid.tolist())
    leaves = [body for body in range(1, model.nbody) if body not in parents]
    named = [body for body in leaves if "foot" in (model.body(body).name or "")]
    joints = model.actuator_trnid[:, 0]
    mass = float(model.body_mass[1:].sum())
    return Anatomy(
        root,
        torso,
        tuple(named or leaves),
        mass,
        mass * float(np.linalg.norm(model.opt.gravity)),
        model.body_mass.copy(),
        model.jnt_qposadr[joints].astype(np.int64),
        model.jnt_dofadr[joints].astype(np.int64),
        model.actuator_gear[:, 0].copy(),
    )


def body_velocity(body: Anatomy, qpos: Array, qvel: Array) -> Array:
    """Velocity in the robot's heading: forward and to the left, m/s, and turn rate, rad/s, ``(n, 3)``."""
    if body.root == "sagittal":
        velocity = np.zeros((len(qvel), 3))
        velocity[:, 0] = qvel[:, 0]
        return velocity
    yaw = heading(body, qpos)
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y = qvel[:, 0], qvel[:, 1]
    turn = world_rotation(qpos, qvel)[:, 2] if body.root == "free" else qvel[:, 2]
    return np.stack([cos * x + sin * y, cos * y - sin * x, turn], 1)


def heading(body: Anatomy, qpos: Array) -> Array:
    """Yaw, rad, ``(n,)``; zero for a robot in a vertical plane."""
    if body.root == "sagittal":
        return np.zeros(len(qpos))
    if body.root == "planar":
        return qpos[:, 2]
    w, x, y, z = qpos[:, 3:7].T
    yaw: Array = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return yaw


def upright(body: Anatomy, qpos: Array) -> Array:
    """Vertical component of the root's up axis, ``(n,)``."""
    if body.root == "sagittal":
        return np.cos(qpos[:, 2])
    if body.root == "planar":
        return np.ones(len(qpos))
    _, x, y, _ = qpos[:, 3:7].T
    up: Array = 1 - 2 * (x * x + y * y)
    return up


def gravity_direction(qpos: Array) -> Array:
    """Direction of gravity in the frame of a free root, ``(n, 3)``."""
    w, x, y, z = qpos[:, 3:7].T
    return -np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1)


def to_body(qpos: Array, vectors: Array) -> Array:
    """World vectors ``(n, 3)`` in the frame of a free root."""
    w, v = qpos[:, 3:4], -qpos[:, 4:7]
    t = 2 * _cross(v, vectors)
    return np.asarray(vectors + w * t + _cross(v, t))


def world_rotation(qpos: Array, qvel: Array) -> Array:
    """Angular velocity of a free root in the world's frame, ``(n, 3)``; MuJoCo gives it in the body's."""
    w, v, rate = qpos[:, 3:4], qpos[:, 4:7], qvel[:, 3:6]
    t = 2 * _cross(v, rate)
    return np.asarray(rate + w * t + _cross(v, t))


def _cross(a: Array, b: Array) -> Array:
    """NumPy's cross product of rows ``(n, 3)``, which spends most of its time on finding the axes."""
    product = np.empty_like(b)
    product[:, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    product[:, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    product[:, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return product


def take(values: Any, rows: Any) -> Any:
    """Rows of an array, copied."""
    return np.array(values[rows])
