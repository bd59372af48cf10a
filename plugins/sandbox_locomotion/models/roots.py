"""The root of a robot: the body above its actuated joints, and how it moves in the world."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats, Rows
from sandbox_locomotion.models.motors import Motor
from sandbox_locomotion.robots import RootJoint

Columns = slice | Rows
"""Columns of ``qpos`` or ``qvel``: a slice where they are contiguous, which costs no copy."""

FREE, BALL, SLIDE, HINGE = (
    int(mujoco.mjtJoint.mjJNT_FREE),
    int(mujoco.mjtJoint.mjJNT_BALL),
    int(mujoco.mjtJoint.mjJNT_SLIDE),
    int(mujoco.mjtJoint.mjJNT_HINGE),
)
ALIGNED = 1e-6
"""Deviation of an axis from an axis of the world up to which it counts as that one."""
QUARTER = np.pi / 2
UP_AXES = {
    "+z": (1.0, 0.0, 0.0, 0.0),
    "-z": (0.0, 1.0, 0.0, 0.0),
    "+y": (0.5**0.5, -(0.5**0.5), 0.0, 0.0),
    "-y": (0.5**0.5, 0.5**0.5, 0.0, 0.0),
    "+x": (0.5**0.5, 0.0, 0.5**0.5, 0.0),
    "-x": (0.5**0.5, 0.0, -(0.5**0.5), 0.0),
}
"""Rotation, as a quaternion, that turns the z axis to an axis of the root's frame."""


@dataclass(frozen=True)
class Root:
    """A robot's root, and where its coordinates are.

    The canonical coordinates that `position` and `velocity` give are, for a free root, its world position and
    its orientation, a unit quaternion (w, x, y, z) whose z axis is the robot's up axis; for a root in a
    vertical plane x, z and pitch; for one in a horizontal plane x, y and yaw. Units are m and rad.

    Attributes:
        kind: How it moves.
        body: The body that carries its last joint.
        qpos: Columns of its coordinates in ``qpos``, in canonical order.
        dofs: Columns of its velocities in ``qvel``.
        signs: Direction of each planar coordinate along its world axis, ``(3,)``; None for a free root.
        offsets: World coordinate where a planar one is zero, ``(3,)``; None where all are zero.
        arm: Forward and vertical position of the body's frame seen from its hinge at zero pitch, m.
        up: Its axis that is vertical while it stands, a key of `UP_AXES`; ``+z`` for planar roots.
    """

    kind: RootJoint
    body: int
    qpos: Columns
    dofs: Columns
    signs: Floats | None = None
    offsets: Floats | None = None
    arm: tuple[float, float] = (0.0, 0.0)
    up: str = "+z"

    def position(self, qpos: Floats) -> Floats:
        """Canonical coordinates, ``(n, 7)`` or ``(n, 3)``; a view where the model's own are canonical."""
        coordinates = qpos[:, self.qpos]
        if self.signs is not None:
            coordinates = coordinates * self.signs
        if self.offsets is not None:
            coordinates = coordinates + self.offsets
        if self.up != "+z":
            coordinates = np.concatenate(
                [coordinates[:, :3], _multiply(coordinates[:, 3:], np.array(UP_AXES[self.up]))], 1
            )
        return coordinates

    def velocity(self, qvel: Floats) -> Floats:
        """Canonical velocities, ``(n, 6)`` or ``(n, 3)``: of a free root linear in the world frame,
        angular in the root's frame with its up axis as z; m/s and rad/s.
        """
        velocities = qvel[:, self.dofs]
        if self.signs is not None:
            velocities = velocities * self.signs
        if self.up != "+z":
            velocities = np.concatenate([velocities[:, :3], velocities[:, 3:] @ _matrix(UP_AXES[self.up])], 1)
        return velocities

    def height(self, qpos: Floats) -> Floats:
        """World height of the root body's frame, m, ``(n,)``; zero in a horizontal plane."""
        if self.kind == "planar":
            return np.zeros(len(qpos))
        position = self.position(qpos)
        if self.kind == "free":
            return position[:, 2]
        forward, vertical = self.arm
        if not forward and not vertical:
            return position[:, 1]
        pitch = position[:, 2]
        return np.asarray(position[:, 1] - forward * np.sin(pitch) + vertical * np.cos(pitch))

    @property
    def height_column(self) -> int | None:
        """Column of ``qpos`` that moves the root up; None in a horizontal plane."""
        if self.kind == "planar":
            return None
        columns = range(*self.qpos.indices(1 << 30)) if isinstance(self.qpos, slice) else self.qpos
        return int(columns[2 if self.kind == "free" else 1])

    @property
    def height_sign(self) -> float:
        """Direction of that column: 1 if it grows upwards."""
        return 1.0 if self.signs is None or self.kind != "sagittal" else float(self.signs[1])

    def standing(self, qpos: Floats) -> Root:
        """The root whose up axis is the one that is most vertical in a pose ``(nq,)``.

        For a root in a vertical plane, pitch is zero at the right angle that is closest to the pose's.
        """
        if self.kind == "free":
            w, x, y, z = qpos[self.qpos][3:7] / np.linalg.norm(qpos[self.qpos][3:7])
            vertical = np.array([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)])
            axis = int(np.argmax(np.abs(vertical) + np.array([0.0, 0.0, 1e-6])))
            return replace(self, up=f"{'+' if vertical[axis] >= 0 else '-'}{'xyz'[axis]}")
        if self.kind == "planar":
            return self
        turns = float(np.round(self.position(qpos[None])[0, 2] / QUARTER)) * QUARTER
        if not turns:
            return self
        offsets = np.zeros(3) if self.offsets is None else self.offsets.copy()
        offsets[2] -= turns
        ahead, above = self.arm
        cos, sin = np.cos(turns), np.sin(turns)
        arm = (float(ahead * cos + above * sin), float(above * cos - ahead * sin))
        return replace(self, offsets=offsets, arm=arm)


def robot_tree(model: mujoco.MjModel, motors: tuple[Motor, ...]) -> tuple[int | None, list[int]]:
    """The kinematic tree that the actuators move, and all trees whose joints or tendons they move.

    Actuators that act on a site or body belong to a robot but do not make something one.
    """
    movers = [motor for motor in motors if motor.joints] or list(motors)
    counts = Counter(
        tree
        for motor in movers
        for tree in {int(model.body_treeid[body]) for body in motor.bodies}
        if tree >= 0
    )
    if not counts:
        return None, []
    return counts.most_common(1)[0][0], sorted(counts)


def find_root(model: mujoco.MjModel, tree: int, motors: tuple[Motor, ...]) -> Root | None:
    """The root of the robot in a kinematic tree; None if its base cannot move in one of the known ways."""
    joints = [j for j in range(model.njnt) if model.body_treeid[model.jnt_bodyid[j]] == tree]
    first = joints[0]
    if model.jnt_type[first] == FREE:
        qpos, dof = int(model.jnt_qposadr[first]), int(model.jnt_dofadr[first])
        return Root("free", int(model.jnt_bodyid[first]), slice(qpos, qpos + 7), slice(dof, dof + 6))
    driven = {joint for motor in motors for joint in motor.joints}
    leading = joints[:3]
    kinds = [int(model.jnt_type[joint]) for joint in leading]
    if kinds != [SLIDE, SLIDE, HINGE] or driven & set(leading) or not _is_chain(model, leading):
        return None
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    axes = [_world_axis(data.xaxis[joint]) for joint in leading]
    for kind, wanted in (("sagittal", (0, 2, 1)), ("planar", (0, 1, 2))):
        if sorted(axes[:2]) == sorted(wanted[:2]) and axes[2] == wanted[2]:
            order = [leading[axes.index(wanted[0])], leading[axes.index(wanted[1])], leading[2]]
            return _planar_root(model, data, "sagittal" if kind == "sagittal" else "planar", order)
    return None


def _planar_root(model: mujoco.MjModel, data: mujoco.MjData, kind: RootJoint, joints: list[int]) -> Root:
    """The root that two slides and a hinge move; ``joints`` in canonical order."""
    body = int(model.jnt_bodyid[joints[2]])
    world = [0, 2, 1] if kind == "sagittal" else [0, 1, 2]
    signs = np.array([data.xaxis[joint][axis] for joint, axis in zip(joints, world, strict=True)]).round()
    qpos = np.array([model.jnt_qposadr[joint] for joint in joints])
    dofs = np.array([model.jnt_dofadr[joint] for joint in joints])
    anchor = data.xanchor[joints[2]]
    # MuJoCo counts coordinates from qpos0, in which the model is as its file shows it.
    offsets = np.array([*anchor[world[:2]], 0.0]) - signs * model.qpos0[qpos]
    offsets[np.abs(offsets) < ALIGNED] = 0.0
    arm = data.xpos[body][world[:2]] - anchor[world[:2]]
    arm[np.abs(arm) < ALIGNED] = 0.0
    return Root(
        kind,
        body,
        _columns(qpos),
        _columns(dofs),
        signs if (signs != 1.0).any() else None,
        offsets if offsets.any() else None,
        (float(arm[0]), float(arm[1])),
    )


def _columns(indices: Rows) -> Columns:
    start = int(indices[0])
    contiguous = indices.tolist() == list(range(start, start + len(indices)))
    return slice(start, start + len(indices)) if contiguous else indices


def _world_axis(axis: Floats) -> int:
    """Index of the world axis that a unit vector lies along; −1 if none."""
    along = np.flatnonzero(np.abs(np.abs(axis) - 1.0) < ALIGNED)
    return int(along[0]) if len(along) else -1


def _is_chain(model: mujoco.MjModel, joints: list[int]) -> bool:
    """Whether each joint's body is that of the joint before it or below it."""
    bodies = [int(model.jnt_bodyid[joint]) for joint in joints]
    return all(_is_below(model, lower, upper) for upper, lower in pairwise(bodies))


def _is_below(model: mujoco.MjModel, body: int, ancestor: int) -> bool:
    while body > 0 and body != ancestor:
        body = int(model.body_parentid[body])
    return body == ancestor


def _multiply(quaternions: Floats, other: Floats) -> Floats:
    """Products of quaternions ``(n, 4)`` with one, ``(4,)``."""
    w, x, y, z = quaternions.T
    a, b, c, d = other
    return np.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        1,
    )


def _matrix(quaternion: tuple[float, ...]) -> Floats:
    """The rotation matrix of a unit quaternion, ``(3, 3)``."""
    flat = np.zeros(9)
    mujoco.mju_quat2Mat(flat, np.array(quaternion))
    return flat.reshape(3, 3)
