"""What the tasks need to know of a compiled model: the robot in it, its root, feet, masses and motors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import mujoco
import numpy as np

from sandbox.api import BrokenFileError
from sandbox_locomotion.arrays import Floats, Rows
from sandbox_locomotion.models.motors import Motor, control_range, read_motors
from sandbox_locomotion.models.roots import Columns, Root, find_root, robot_tree
from sandbox_locomotion.robots import Robot

FOOT_WORDS = ("foot", "feet", "toe")
"""A leaf body whose name, or whose geom's name, holds one of these is a foot."""
ROOTS = {
    "free": "a free joint",
    "sagittal": "slides along x and z and a hinge about y",
    "planar": "slides along x and y and a hinge about z",
}
SCENARIOS = "ant for a free base, half-cheetah for a vertical plane, swimmer for a horizontal one"


@dataclass(frozen=True)
class Anatomy:
    """The robot in a model: the kinematic tree that the actuators move.

    Attributes:
        root: How it moves in the world.
        bodies: Its bodies, in ascending order.
        qpos: Columns of its coordinates in ``qpos``.
        dofs: Columns of its velocities in ``qvel``.
        feet: Bodies at the end of a limb that stand for a foot, shape ``(feet,)``.
        body_mass: Mass of every body, kg, ``(bodies of the model,)``; zero for those of the scene.
        mass: Mass of the robot, kg.
        weight: Its weight, N.
        motors: The actuators.
        low, high: Range of every control, ``(controls,)``.
        joint_qpos: Index in ``qpos`` of each hinge and slide that is moved directly by a motor or its tendon.
        joint_qvel: Index of it in ``qvel``.
        ground: Height of the floor, m.
    """

    root: Root
    bodies: Rows
    qpos: Columns
    dofs: Columns
    feet: Rows
    body_mass: Floats
    mass: float
    weight: float
    motors: tuple[Motor, ...]
    low: Floats
    high: Floats
    joint_qpos: Rows
    joint_qvel: Rows
    ground: float

    @property
    def torso(self) -> int:
        """The root's body."""
        return self.root.body

    def standing(self, qpos: Floats) -> Anatomy:
        """With the root's up axis as it is in a pose ``(nq,)``."""
        return replace(self, root=self.root.standing(qpos))

    def weighed(self, model: mujoco.MjModel) -> Anatomy:
        """With the masses and the gravity of another model of the same robot."""
        mass = mass_of(model, self.bodies)
        return replace(
            self, body_mass=masses_of(model, self.bodies), mass=mass, weight=mass * gravity_of(model)
        )


def read_anatomy(model: mujoco.MjModel, robot: Robot, path: object) -> Anatomy:
    """The anatomy of a compiled model.

    Args:
        model: The model.
        robot: Rules of the task's robot, whose kind of root it must have.
        path: Named in messages.

    Raises:
        BrokenFileError: If it has no actuators, actuators without a control range, or no root of that kind.
    """
    motors = read_motors(model)
    if not motors:
        raise BrokenFileError(
            path, "has no actuators", hint="Give it an <actuator> for each joint that moves."
        )
    tree, root = _find_robot(model, motors, robot, path)
    low, high, unlimited = control_range(model, motors)
    if unlimited:
        raise BrokenFileError(
            path,
            f"these actuators have no control range: {', '.join(unlimited)}",
            hint='Give them ctrllimited="true" and ctrlrange="-1 1".',
        )
    bodies = np.flatnonzero(model.body_treeid == tree)
    mass = mass_of(model, bodies)
    joints = _driven_joints(model, motors)
    return Anatomy(
        root=root,
        bodies=bodies,
        qpos=_coordinates(model, tree),
        dofs=_whole(model.tree_dofadr[tree], model.tree_dofadr[tree] + model.tree_dofnum[tree], model.nv),
        feet=_feet(model, bodies),
        body_mass=masses_of(model, bodies),
        mass=mass,
        weight=mass * gravity_of(model),
        motors=motors,
        low=low,
        high=high,
        joint_qpos=model.jnt_qposadr[joints].astype(np.int64),
        joint_qvel=model.jnt_dofadr[joints].astype(np.int64),
        ground=_floor_height(model),
    )


def gravity_of(model: mujoco.MjModel) -> float:
    """Magnitude of a model's gravity, m/s²."""
    return float(np.linalg.norm(model.opt.gravity))


def _find_robot(
    model: mujoco.MjModel, motors: tuple[Motor, ...], robot: Robot, path: object
) -> tuple[int, Root]:
    tree, trees = robot_tree(model, motors)
    if tree is None:
        raise BrokenFileError(path, "has no actuator that moves a joint")
    base = _fixed_base(model, trees)
    if base:
        raise BrokenFileError(
            path,
            f"holds a robot whose base, {base}, is fixed to the world",
            hint=f"Begin the body {base} with <freejoint/>, and place it above the ground.",
        )
    if len(trees) > 1:
        names = ", ".join(model.body(int(model.tree_bodyadr[each])).name or f"#{each}" for each in trees)
        raise BrokenFileError(
            path,
            f"holds {len(trees)} robots, whose actuated parts begin with {names}; a task is for one",
            hint="Leave the actuators of the others out; what has none may stay in the scene.",
        )
    root = find_root(model, tree, motors)
    if root is None or root.kind != robot.root:
        name = model.body(int(model.tree_bodyadr[tree])).name or "the first body above its actuators"
        raise BrokenFileError(
            path,
            f"the task '{robot.name}' needs a robot whose first joints are {ROOTS[robot.root]}; this one's, "
            f"at {name}, are {_joints_in_words(model, tree)}",
            hint=f"Choose the scenario of a robot that moves like yours: {SCENARIOS}.",
        )
    return tree, root


def _fixed_base(model: mujoco.MjModel, trees: list[int]) -> str:
    """The body without joints that carries all of these trees; empty if there is none."""
    parents = {int(model.body_parentid[model.tree_bodyadr[tree]]) for tree in trees}
    base = parents.pop()
    return "" if parents or base == 0 else model.body(base).name or f"#{base}"


def _joints_in_words(model: mujoco.MjModel, tree: int) -> str:
    names = {0: "a free joint", 1: "a ball joint", 2: "a slide", 3: "a hinge"}
    kinds = [
        names[int(model.jnt_type[joint])]
        for joint in range(model.njnt)
        if model.body_treeid[model.jnt_bodyid[joint]] == tree
    ]
    return ", ".join(kinds[:3])


def mass_of(model: mujoco.MjModel, bodies: Rows) -> float:
    """Mass of some bodies of a model together, kg."""
    return float(model.body_mass[bodies].sum())


def masses_of(model: mujoco.MjModel, bodies: Rows) -> Floats:
    """Mass of every body of a model, kg, zero for those that are not among ``bodies``."""
    masses = np.zeros(model.nbody)
    masses[bodies] = model.body_mass[bodies]
    return masses


def _driven_joints(model: mujoco.MjModel, motors: tuple[Motor, ...]) -> list[int]:
    """Hinges and slides that motors move, each once, in the order of the motors."""
    hinge_and_slide = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
    joints = dict.fromkeys(joint for motor in motors for joint in motor.joints)
    return [joint for joint in joints if model.jnt_type[joint] in hinge_and_slide]


def _coordinates(model: mujoco.MjModel, tree: int) -> Columns:
    joints = [j for j in range(model.njnt) if model.body_treeid[model.jnt_bodyid[j]] == tree]
    sizes = {0: 7, 1: 4, 2: 1, 3: 1}
    last = joints[-1]
    end = int(model.jnt_qposadr[last]) + sizes[int(model.jnt_type[last])]
    return _whole(model.jnt_qposadr[joints[0]], end, model.nq)


def _whole(start: int, end: int, size: int) -> Columns:
    return slice(int(start), int(end)) if (start, end) != (0, size) else slice(None)


def _feet(model: mujoco.MjModel, bodies: Rows) -> Rows:
    """The leaf bodies that are called feet, or have a geom that is, or else all leaf bodies."""
    parents = set(model.body_parentid.tolist())
    leaves = [body for body in bodies.tolist() if body not in parents]
    for names in (_body_names, _geom_names):
        feet = [body for body in leaves if any(word in names(model, body).lower() for word in FOOT_WORDS)]
        if feet:
            return np.array(feet)
    return np.array(leaves)


def _body_names(model: mujoco.MjModel, body: int) -> str:
    return str(model.body(body).name)


def _geom_names(model: mujoco.MjModel, body: int) -> str:
    first = int(model.body_geomadr[body])
    return " ".join(model.geom(geom).name for geom in range(first, first + int(model.body_geomnum[body])))


def _floor_height(model: mujoco.MjModel) -> float:
    """Height of the first plane of the world body, m; 0 if there is none."""
    planes = (model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE) & (model.geom_bodyid == 0)
    floors = np.flatnonzero(planes)
    return float(model.geom_pos[floors[0], 2]) if len(floors) else 0.0
