"""What the numbers of a robot's observation are."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from sandbox.api import ObservationField
from sandbox_locomotion.config import QuadrupedConfig
from sandbox_locomotion.models.roots import BALL, FREE, SLIDE
from sandbox_locomotion.simulation import Simulation

AXES = ("x", "y", "z")
QUATERNION = ("w", "x", "y", "z")
POSITION, TURN, ANGLE = (
    ("position", "m", "joint coordinates that are lengths; z is up"),
    ("orientation", "1", "unit quaternion from the body's frame to the world's"),
    ("angle", "rad", "joint angles, zero as the model is drawn"),
)
SPEED, TURNING, ANGULAR = (
    ("velocity", "m/s", "of the coordinates that are lengths"),
    ("angular velocity", "rad/s", "in the body's frame"),
    ("joint velocity", "rad/s", "of the joint angles"),
)
EXTRA = {
    "cinert": (
        "inertia",
        "kg·m², kg·m, kg",
        "of each body about the centre of mass of the robot: six moments, mass times place, mass",
        ("xx", "yy", "zz", "xy", "xz", "yz", "mass·x", "mass·y", "mass·z", "mass"),
    ),
    "cvel": (
        "body velocity",
        "rad/s, m/s",
        "of each body about the centre of mass of the robot: turning, then moving",
        (*(f"turning {axis}" for axis in AXES), *(f"moving {axis}" for axis in AXES)),
    ),
    "qfrc_actuator": ("torque", "N·m", "that the motors exert in each degree of freedom", ()),
    "cfrc_ext": (
        "contact force",
        "N·m, N",
        "on each body: torque, then force",
        (*(f"torque {axis}" for axis in AXES), *(f"force {axis}" for axis in AXES)),
    ),
}
"""Name, unit, meaning, and numbers a row of the fields of ``MjData`` that Gymnasium's robots observe."""

Kind = tuple[str, str, str]


def observation_fields(env: Any) -> list[ObservationField]:
    """What the numbers of an observation are: a camera's pixels, or the state, oldest frame first."""
    simulation: Simulation = env.core.simulation
    frames = simulation.config.frame_stack
    if simulation.config.observation == "camera":
        size = simulation.config.camera_size
        stacked = f", {frames} pictures with the newest last" if frames > 1 else ""
        meaning = f"row, column and colour of the tracking camera{stacked}; 0 to 255"
        return [
            ObservationField("pixel", "1/255 of full brightness", meaning, shape=(size, size, 3 * frames))
        ]
    fields = _state(simulation)
    if frames == 1:
        return fields
    return [
        replace(field, name=f"{field.name}, {_ago(frames - 1 - frame)}")
        for frame in range(frames)
        for field in fields
    ]


def _ago(steps: int) -> str:
    return "now" if steps == 0 else f"{steps} step{'s' if steps > 1 else ''} ago"


def _state(simulation: Simulation) -> list[ObservationField]:
    config, robot = simulation.config, simulation.robot
    proprioceptive = isinstance(config, QuadrupedConfig) and not config.model
    fields = _proprioception(simulation) if proprioceptive else _joints(simulation)
    if config.command_speed is not None:
        sagittal = robot.anatomy.root.kind == "sagittal"
        names = ("forward",) if sagittal else ("forward", "to the left", "turning left")
        unit = "m/s" if sagittal else "m/s, rad/s"
        fields.append(ObservationField("commanded velocity", unit, "in the robot's frame", names))
    if simulation.reference is not None:
        meaning = "of the gait that is followed, one turn a period"
        fields.append(ObservationField("phase", "1", meaning, ("sine", "cosine")))
    return fields


def _proprioception(simulation: Simulation) -> list[ObservationField]:
    """What a real quadruped measures, in the order of `sandbox_locomotion.observations`."""
    robot = simulation.robot
    model: Any = robot.mj_model
    joints = tuple(_joint_at(model, model.jnt_qposadr, int(at))[2] for at in robot.anatomy.joint_qpos)
    motors = tuple(motor.name for motor in robot.anatomy.motors)
    return [
        ObservationField("velocity", "m/s", "of the trunk, in its frame", AXES),
        ObservationField("angular velocity", "rad/s", "of the trunk, in its frame", AXES),
        ObservationField("direction of gravity", "1", "unit vector in the frame of the trunk", AXES),
        ObservationField("joint angle", "rad", "less that of standing", joints),
        ObservationField("joint velocity", "rad/s", "of the same joints", joints),
        ObservationField("last action", "1", "as it was given to the motors, −1 to 1", motors),
    ]


def _joints(simulation: Simulation) -> list[ObservationField]:
    robot = simulation.robot
    model: Any = robot.mj_model
    clip = robot.rules.robot.velocity_clip
    places = [_coordinate(model, int(column)) for column in np.arange(model.nq)[robot.observed_qpos]]
    speeds = [_velocity(model, int(column)) for column in np.arange(model.nv)[robot.anatomy.dofs]]
    fields = [*_neighbours(places), *_neighbours(speeds, f", cut off at ±{clip:g}" if clip else "")]
    for name in robot.rules.robot.observed_fields:
        if name != "cfrc_ext" or simulation.config.contact_forces:
            fields.append(_extra(simulation, name))
    return fields


def _extra(simulation: Simulation, name: str) -> ObservationField:
    """A field of ``MjData``: some numbers of each body, or one of each degree of freedom below the root."""
    robot = simulation.robot
    model: Any = robot.mj_model
    called, unit, meaning, numbers = EXTRA[name]
    if name == "qfrc_actuator":
        dofs = np.arange(model.nv)
        own, root = dofs[robot.anatomy.dofs], dofs[robot.anatomy.root.dofs]
        entries = tuple(_velocity(model, int(dof))[1] for dof in own[~np.isin(own, root)])
        return ObservationField(called, unit, meaning, entries)
    limits = robot.rules.robot.contact_force_range
    if name == "cfrc_ext" and limits is not None:
        meaning += f", cut off at {limits[0]:g} and {limits[1]:g}"
    bodies = [model.body(int(body)).name or f"body {body}" for body in robot.anatomy.bodies]
    return ObservationField(
        called, unit, meaning, tuple(f"{body} {number}" for body in bodies for number in numbers)
    )


def _neighbours(numbers: list[tuple[Kind, str]], more: str = "") -> list[ObservationField]:
    """Fields of neighbouring numbers of a kind; a kind that comes again has a number in its name."""
    fields: list[ObservationField] = []
    for (name, unit, meaning), group in groupby(numbers, key=lambda number: number[0]):
        before = sum(field.name.partition(" (")[0] == name for field in fields)
        called = f"{name} ({before + 1})" if before else name
        fields.append(ObservationField(called, unit, meaning + more, tuple(entry for _, entry in group)))
    return fields


def _coordinate(model: Any, column: int) -> tuple[Kind, str]:
    kind, place, name = _joint_at(model, model.jnt_qposadr, column)
    if kind == FREE:
        return (POSITION, f"{name} {AXES[place]}") if place < 3 else (TURN, f"{name} {QUATERNION[place - 3]}")
    if kind == BALL:
        return TURN, f"{name} {QUATERNION[place]}"
    return (POSITION if kind == SLIDE else ANGLE), name


def _velocity(model: Any, column: int) -> tuple[Kind, str]:
    kind, place, name = _joint_at(model, model.jnt_dofadr, column)
    if kind == FREE:
        return (SPEED, f"{name} {AXES[place]}") if place < 3 else (TURNING, f"{name} {AXES[place - 3]}")
    if kind == BALL:
        return TURNING, f"{name} {AXES[place]}"
    return (SPEED if kind == SLIDE else ANGULAR), name


def _joint_at(model: Any, addresses: Any, column: int) -> tuple[int, int, str]:
    """Kind of the joint that a column belongs to, which of its numbers that is, and its name."""
    joint = int(np.searchsorted(addresses, column, side="right")) - 1
    name: str = model.joint(joint).name
    return int(model.jnt_type[joint]), column - int(addresses[joint]), name or f"joint {joint}"
