"""What the tasks need to know of a compiled model: its root, feet, masses and actuated joints."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats, Rows
from sandbox_locomotion.robots import RootJoint


@dataclass(frozen=True)
class Anatomy:
    """Indices and masses of a model.

    Attributes:
        root: How its root moves.
        torso: Body that carries the root joint.
        feet: Bodies at the end of a limb that stand for a foot, shape ``(feet,)``.
        body_mass: Mass of every body, kg, ``(bodies,)``.
        mass: Mass of the whole robot, kg.
        weight: Its weight, N.
        joint_qpos: Index in ``qpos`` of each motor's joint, ``(motors,)``.
        joint_qvel: Index in ``qvel`` of each motor's joint, ``(motors,)``.
    """

    root: RootJoint
    torso: int
    feet: Rows
    body_mass: Floats
    mass: float
    weight: float
    joint_qpos: Rows
    joint_qvel: Rows

    @property
    def root_dofs(self) -> int:
        """Number of leading velocities that belong to the root."""
        return 6 if self.root == "free" else 3

    @property
    def height_qpos(self) -> int | None:
        """Index in ``qpos`` of the root's height; None where the root moves in a horizontal plane."""
        return {"free": 2, "sagittal": 1, "planar": None}[self.root]


def read_anatomy(model: mujoco.MjModel, root: RootJoint) -> Anatomy:
    """The anatomy of a compiled model. Feet are the leaf bodies named so, or all leaf bodies."""
    parents = set(model.body_parentid.tolist())
    leaves = [body for body in range(1, model.nbody) if body not in parents]
    named = [body for body in leaves if "foot" in (model.body(body).name or "")]
    joints = model.actuator_trnid[:, 0]
    mass = float(model.body_mass[1:].sum())
    return Anatomy(
        root=root,
        torso=int(model.jnt_bodyid[0]),
        feet=np.array(named or leaves),
        body_mass=model.body_mass.copy(),
        mass=mass,
        weight=mass * float(np.linalg.norm(model.opt.gravity)),
        joint_qpos=model.jnt_qposadr[joints].astype(np.int64),
        joint_qvel=model.jnt_dofadr[joints].astype(np.int64),
    )
