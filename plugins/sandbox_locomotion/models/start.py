"""The pose in which episodes start: a keyframe of the model, or else the model as its file has it."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from sandbox.api import UnknownNameError
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.models.anatomy import Anatomy
from sandbox_locomotion.models.quadruped import STANDING_LEG
from sandbox_locomotion.models.shape import lowest_point, touchable_geoms

HOME = "home"
"""Keyframe that is taken where no other is asked for; without it, the first one."""
NO_KEYFRAME = "qpos0"
"""Value of ``config.keyframe`` for the model as its file has it."""
START_CLEARANCE = 0.005
"""Distance from the ground of the lowest point of a robot whose file gives it no height, m."""


@dataclass(frozen=True)
class Start:
    """The state in which episodes start, before noise.

    Attributes:
        qpos: Positions, ``(nq,)``.
        qvel: Velocities, ``(nv,)``.
        act: Activations of the actuators, ``(na,)``.
        ctrl: Controls that hold the pose, or none, ``(controls,)``.
        keyframe: Index of the keyframe that it was taken from; −1 if none.
    """

    qpos: Floats
    qvel: Floats
    act: Floats
    ctrl: Floats
    keyframe: int = -1


def read_start(
    config: LocomotionConfig, model: mujoco.MjModel, anatomy: Anatomy, urdf: bool = False
) -> Start:
    """The start of a robot's episodes.

    Args:
        config: The task's parameters.
        model: The compiled model.
        anatomy: Of the robot.
        urdf: Whether the model is a URDF, which knows no pose: its joints are then put within their ranges,
            and it is put onto the ground.

    Raises:
        UnknownNameError: If the model lacks the keyframe that the config names.
    """
    if not config.model:
        return _shipped_start(config, model, anatomy)
    keyframe = _keyframe(config, model)
    data = mujoco.MjData(model)
    if keyframe >= 0:
        mujoco.mj_resetDataKeyframe(model, data, keyframe)
    if urdf:
        _put_within_ranges(model, data)
        _put_onto_ground(model, data, anatomy)
    mujoco.mj_forward(model, data)
    ctrl = data.ctrl.copy()
    if not ctrl.any():  # so does a keyframe of which only positions are given
        ctrl = _holding_control(data, anatomy)
    act = data.act.copy()
    if not act.any():
        act = _holding_activation(model, data, anatomy, ctrl)
    return Start(data.qpos.copy(), data.qvel.copy(), act, np.clip(ctrl, anatomy.low, anatomy.high), keyframe)


def _shipped_start(config: LocomotionConfig, model: mujoco.MjModel, anatomy: Anatomy) -> Start:
    """The model's initial ``qpos``; a quadruped stands on the ground."""
    qpos: Floats = model.qpos0.copy()
    if isinstance(config, QuadrupedConfig):
        qpos[anatomy.joint_qpos] = np.tile(STANDING_LEG, model.nu // 3)
        data = mujoco.MjData(model)
        data.qpos[:] = qpos
        mujoco.mj_forward(model, data)
        lowest = min(
            float(data.geom_xpos[geom][2] - model.geom_rbound[geom])
            for body in anatomy.feet
            for geom in range(model.ngeom)
            if model.geom_bodyid[geom] == body and model.geom_contype[geom]
        )
        qpos[2] -= lowest - START_CLEARANCE
    return Start(qpos, np.zeros(model.nv), np.zeros(model.na), np.zeros(model.nu))


def _keyframe(config: LocomotionConfig, model: mujoco.MjModel) -> int:
    names = [model.key(index).name for index in range(model.nkey)]
    if config.keyframe == NO_KEYFRAME:
        return -1
    if config.keyframe is not None:
        if config.keyframe not in names:
            raise UnknownNameError("keyframe", config.keyframe, [*filter(None, names), NO_KEYFRAME])
        return names.index(config.keyframe)
    if HOME in names:
        return names.index(HOME)
    return 0 if names else -1


def _put_within_ranges(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Move joints that are outside their range to its nearer end."""
    for joint in np.flatnonzero(model.jnt_limited).tolist():
        if int(model.jnt_type[joint]) in (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE):
            index = int(model.jnt_qposadr[joint])
            data.qpos[index] = np.clip(data.qpos[index], *model.jnt_range[joint])


def _put_onto_ground(model: mujoco.MjModel, data: mujoco.MjData, anatomy: Anatomy) -> None:
    column = anatomy.root.height_column
    if column is None:
        return
    mujoco.mj_kinematics(model, data)
    lowest = lowest_point(model, data, touchable_geoms(model, anatomy))
    data.qpos[column] += anatomy.root.height_sign * (anatomy.ground + START_CLEARANCE - lowest)


def _holding_control(data: mujoco.MjData, anatomy: Anatomy) -> Floats:
    """Controls with which position servos hold the pose; zero for all others."""
    ctrl = np.zeros(len(anatomy.low))
    for motor in anatomy.motors:
        if motor.holds_position:
            ctrl[motor.controls[0]] = data.actuator_length[_output(data, motor.index)]
    return ctrl


def _holding_activation(model: mujoco.MjModel, data: mujoco.MjData, anatomy: Anatomy, ctrl: Floats) -> Floats:
    """Activations with which servos that have one hold the pose."""
    act = np.zeros(model.na)
    for motor in anatomy.motors:
        address = int(model.actuator_actadr[motor.index])
        if address >= 0 and motor.kind == "intvelocity":
            act[address] = data.actuator_length[_output(data, motor.index)]
        elif address >= 0 and motor.kind == "position":  # one with a filter
            act[address] = ctrl[motor.controls[0]]
    return act


def _output(data: mujoco.MjData, index: int) -> int:
    return int(data.model.actuator_outadr[index])
