"""Tables of what was found in a robot's model, for ``sandbox info``."""

from __future__ import annotations

import mujoco
import numpy as np

from sandbox.api import InfoTable
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.inspection.remarks import length_of_trial, remarks_on, sensor_kind
from sandbox_locomotion.inspection.trial import Trial, body_name, joint_range, moving_joints, run_trial
from sandbox_locomotion.models.motors import Motor
from sandbox_locomotion.models.robot_model import RobotModel

MOTION = {
    "free": "moves freely",
    "sagittal": "moves in the vertical plane of x and z",
    "planar": "moves in the horizontal plane of x and y",
}
MAX_ROWS = 100
"""Rows of a table; what is left out is counted in its last row."""

Rows = list[tuple[str, ...]]


def describe_robot(config: LocomotionConfig) -> list[InfoTable]:
    """What was found in the model of a task, and remarks on it.

    Args:
        config: The task's parameters.
    """
    trial = run_trial(config)
    robot = trial.robot
    tables = [
        _table("Robot", ("what", "value"), _summary(trial)),
        _table(
            "Actuators: actions from -1 to 1 cover the range"
            if robot.scaling is not None
            else "Actuators: actions are their controls",
            ("actuator", "kind", "acts on", "lowest", "highest", "at the start", "limit of force"),
            [row for motor in robot.anatomy.motors for row in _motor(robot, motor)],
        ),
        _table(
            "Joints below the root, rad and m",
            ("joint", "kind", "body", "lowest", "highest", "at the start", "moved by"),
            [_joint(robot, joint) for joint in moving_joints(robot)],
        ),
        _table("Contacts at the start", ("body", "body", "depth (mm)"), _contact_rows(trial)),
        _table(
            "Sensors: not observed; the observation is that of the task",
            ("sensor", "kind", "numbers"),
            _sensors(robot.mj_model),
        ),
        _table("To be looked at", ("about", "remark"), [*remarks_on(trial)]),
    ]
    return [table for table in tables if table.rows]


def _table(title: str, header: tuple[str, ...], rows: Rows) -> InfoTable:
    if len(rows) > MAX_ROWS:
        left = f"and {len(rows) - MAX_ROWS:,} more"
        rows = [*rows[:MAX_ROWS], (left, *[""] * (len(header) - 1))]
    return InfoTable(title, header, tuple(rows))


def _summary(trial: Trial) -> Rows:
    robot = trial.robot
    model, anatomy, rules, config = robot.mj_model, robot.anatomy, robot.rules, robot.config
    low, high = rules.healthy_height
    fate = "its episode ends" if trial.ended else "it is still healthy"
    rows = [
        ("model", config.model or f"the task's own, {rules.robot.name}"),
        ("root", f"{body_name(model, anatomy.torso)}, {MOTION[anatomy.root.kind]}"),
        ("axis of the root that points up", anatomy.root.up),
        ("mass", f"{anatomy.mass:.3f} kg"),
        ("bodies", str(len(anatomy.bodies))),
        ("degrees of freedom", str(int(np.arange(model.nv)[anatomy.dofs].size))),
        ("size", f"{robot.size:.3f} m"),
        ("feet", ", ".join(body_name(model, foot) for foot in anatomy.feet.tolist())),
        ("start", _start_in_words(robot)),
        ("height of the root at the start", f"{rules.height:.3f} m"),
        ("healthy height", f"{low:.3f} to {high:.3f} m"),
        ("healthy tilt", "any" if rules.healthy_tilt > np.pi else f"up to {rules.healthy_tilt:.2f} rad"),
        ("an unhealthy state", "ends the episode" if rules.terminates else "does not end the episode"),
        ("target of the reward term height", f"{rules.target_height:.3f} m"),
        ("control step", f"{robot.dt:.4g} s, {robot.frame_skip} simulation steps"),
        (f"after {length_of_trial()} of zero", f"{fate} after {trial.lasted:.2f} s at {trial.height:.3f} m"),
        *_added(robot),
        *_scene(robot),
    ]
    if anatomy.root.kind == "planar":
        left_out = ("height", "healthy", "target")
        rows = [row for row in rows if not row[0].startswith(left_out)]
    return rows


def _start_in_words(robot: RobotModel) -> str:
    model, keyframe = robot.mj_model, robot.start.keyframe
    if keyframe >= 0:
        return f"keyframe {model.key(keyframe).name or f'#{keyframe}'}"
    if robot.facts.get("urdf"):
        return "the file's pose, joints put within their ranges, put onto the ground"
    if not robot.config.model:
        return "the task's own"
    return (
        "the file's pose (qpos0); the model has no keyframe" if not model.nkey else "the file's pose (qpos0)"
    )


def _added(robot: RobotModel) -> Rows:
    rows: Rows = []
    if robot.facts.get("ground_added"):
        rows.append(("added", "a floor at height 0, and light"))
    if robot.facts.get("motors_added"):
        rows.append(
            ("added", f"a motor for each of {len(robot.facts['motors_added'])} joints, and a free base")
        )
    return rows


def _scene(robot: RobotModel) -> Rows:
    """What else moves in the scene, or stands in it with a mass."""
    model = robot.mj_model
    others = [
        body
        for body in range(1, model.nbody)
        if body not in set(robot.anatomy.bodies.tolist()) and int(model.body_parentid[body]) == 0
    ]
    return [
        (
            "not part of the robot",
            f"{body_name(model, body)}, {float(model.body_subtreemass[body]):.3g} kg, "
            + ("moves" if int(model.body_treeid[body]) >= 0 else "fixed"),
        )
        for body in others
    ]


def _motor(robot: RobotModel, motor: Motor) -> Rows:
    model, anatomy = robot.mj_model, robot.anatomy
    limited = bool(model.actuator_forcelimited[motor.index])
    limit = f"{float(np.abs(model.actuator_forcerange[motor.index]).max()):.4g}" if limited else ""
    return [
        (
            motor.name,
            motor.kind,
            motor.target,
            _number(anatomy.low[control]),
            _number(anatomy.high[control]),
            _number(robot.start.ctrl[control]),
            limit,
        )
        for control in motor.controls
    ]


def _joint(robot: RobotModel, joint: int) -> tuple[str, ...]:
    model = robot.mj_model
    bounds = joint_range(model, joint)
    movers = [motor.name for motor in robot.anatomy.motors if joint in motor.joints]
    hinge = int(model.jnt_type[joint]) == int(mujoco.mjtJoint.mjJNT_HINGE)
    return (
        model.joint(joint).name or f"#{joint}",
        "hinge" if hinge else "slide",
        body_name(model, int(model.jnt_bodyid[joint])),
        _number(bounds[0]) if bounds else "none",
        _number(bounds[1]) if bounds else "none",
        _number(robot.start.qpos[int(model.jnt_qposadr[joint])]),
        ", ".join(movers),
    )


def _contact_rows(trial: Trial) -> Rows:
    return [(*contact.bodies, f"{1000 * contact.depth:.2f}") for contact in trial.contacts]


def _sensors(model: mujoco.MjModel) -> Rows:
    return [
        (
            model.sensor(index).name or f"#{index}",
            sensor_kind(model, index),
            str(int(model.sensor_dim[index])),
        )
        for index in range(model.nsensor)
    ]


def _number(value: float) -> str:
    return f"{float(value):.4g}"
