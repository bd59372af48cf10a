"""The actuators of a compiled model: what they act on, of which kind they are, and their range of control."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats

TRN = mujoco.mjtTrn
GAIN, BIAS, DYN, WRAP, JOINT = (
    mujoco.mjtGain,
    mujoco.mjtBias,
    mujoco.mjtDyn,
    mujoco.mjtWrap,
    mujoco.mjtJoint,
)
SERVO = 1e-9
"""Relative difference up to which a gain and a bias count as those of a servo."""


@dataclass(frozen=True)
class Motor:
    """One actuator.

    Attributes:
        index: In the model.
        name: Its name, or its index where it has none.
        kind: ``motor``, ``position``, ``velocity``, ``intvelocity``, ``damper``, ``cylinder``, ``muscle``,
            ``adhesion``, ``pid``, ``dcmotor``, ``orientation``, ``plugin`` or ``general``.
        target: What it acts on, in words.
        bodies: Bodies that it acts on, apart from the world.
        joints: Joints that it moves directly: of its joint, or of its tendon.
        controls: Its entries of ``ctrl``.
        holds_position: Whether its first control is a position for it to hold.
        plain: Whether it applies its control times a gain to a single hinge or slide, as torque or force.
        linear: Whether gain and bias scale its force, so that its strength can be changed.
    """

    index: int
    name: str
    kind: str
    target: str
    bodies: tuple[int, ...]
    joints: tuple[int, ...]
    controls: range
    holds_position: bool
    plain: bool
    linear: bool


def read_motors(model: mujoco.MjModel) -> tuple[Motor, ...]:
    """The actuators of a model, in its order."""
    return tuple(_read_motor(model, index) for index in range(model.nactuator))


def control_range(model: mujoco.MjModel, motors: tuple[Motor, ...]) -> tuple[Floats, Floats, list[str]]:
    """Lowest and highest control, shape ``(controls,)`` each, and the motors that have none.

    Where a model gives no control range, that of the actuator follows from its kind: a muscle is driven from
    0 to 1, a position servo over the range of its joint or tendon, a motor up to its limit of force.
    """
    low, high = model.actuator_ctrlrange.T.copy()
    unlimited = []
    for motor in motors:
        for place, control in enumerate(motor.controls):
            if model.actuator_ctrllimited[control]:
                continue
            bounds = _implied_range(model, motor, place)
            if bounds is None:
                unlimited.append(motor.name)
            else:
                low[control], high[control] = bounds
    return low, high, list(dict.fromkeys(unlimited))


def _read_motor(model: mujoco.MjModel, index: int) -> Motor:
    transmission = int(model.actuator_trntype[index])
    first, second = model.actuator_trnid[index].tolist()
    start, count = int(model.actuator_ctrladr[index]), int(model.actuator_ctrlnum[index])
    target, bodies, joints = _target(model, transmission, first, second)
    kind = _kind(model, index)
    on_joint = transmission in (TRN.mjTRN_JOINT, TRN.mjTRN_JOINTINPARENT)
    one_joint = on_joint and int(model.jnt_type[first]) in (JOINT.mjJNT_HINGE, JOINT.mjJNT_SLIDE)
    return Motor(
        index=index,
        name=_name(model.actuator(index).name, index),
        kind=kind,
        target=target,
        bodies=tuple(body for body in dict.fromkeys(bodies) if body > 0),
        joints=joints,
        controls=range(start, start + count),
        holds_position=kind == "position" or (kind == "pid" and _has_input(model, index, "POS")),
        plain=kind == "motor" and one_joint,
        linear=kind not in ("dcmotor", "plugin") and not (kind == "pid" and _has_input(model, index, "FF")),
    )


def _target(
    model: mujoco.MjModel, transmission: int, first: int, second: int
) -> tuple[str, list[int], tuple[int, ...]]:
    """What an actuator acts on: in words, its bodies, and its joints."""
    if transmission in (TRN.mjTRN_JOINT, TRN.mjTRN_JOINTINPARENT) or (
        transmission == TRN.mjTRN_SO3 and second < 0
    ):
        return f"joint {_name(model.joint(first).name, first)}", [int(model.jnt_bodyid[first])], (first,)
    if transmission == TRN.mjTRN_TENDON:
        bodies, joints = _tendon_path(model, first)
        name = f"tendon {_name(model.tendon(first).name, first)}"
        moved = ", ".join(_name(model.joint(joint).name, joint) for joint in joints)
        return f"{name} ({moved})" if moved else name, bodies, joints
    if transmission == TRN.mjTRN_BODY:
        return f"body {_name(model.body(first).name, first)}", [first], ()
    sites = [site for site in (first, second) if site >= 0]
    named = " and ".join(_name(model.site(site).name, site) for site in sites)
    return f"site {named}", [int(model.site_bodyid[site]) for site in sites], ()


def _tendon_path(model: mujoco.MjModel, tendon: int) -> tuple[list[int], tuple[int, ...]]:
    """Bodies that a tendon passes, and the joints whose positions a fixed tendon adds up."""
    start = int(model.tendon_adr[tendon])
    bodies, joints = [], []
    for wrap in range(start, start + int(model.tendon_num[tendon])):
        kind, target = int(model.wrap_type[wrap]), int(model.wrap_objid[wrap])
        if kind == WRAP.mjWRAP_JOINT:
            joints.append(target)
            bodies.append(int(model.jnt_bodyid[target]))
        elif kind == WRAP.mjWRAP_SITE:
            bodies.append(int(model.site_bodyid[target]))
        elif kind in (WRAP.mjWRAP_SPHERE, WRAP.mjWRAP_CYLINDER):
            bodies.append(int(model.geom_bodyid[target]))
    return bodies, tuple(joints)


def _kind(model: mujoco.MjModel, index: int) -> str:
    """The element of MJCF that makes such an actuator."""
    gain, bias = int(model.actuator_gaintype[index]), int(model.actuator_biastype[index])
    dynamics = int(model.actuator_dyntype[index])
    special = {
        int(GAIN.mjGAIN_MUSCLE): "muscle",
        int(GAIN.mjGAIN_DCMOTOR): "dcmotor",
        int(GAIN.mjGAIN_PID): "pid",
        int(GAIN.mjGAIN_SO3): "orientation",
    }
    if model.actuator_plugin[index] >= 0:
        return "plugin"
    if gain in special:
        return special[gain]
    if model.actuator_trntype[index] == TRN.mjTRN_BODY:
        return "adhesion"
    return _kind_of_affine(gain, bias, dynamics, model.actuator_gainprm[index], model.actuator_biasprm[index])


def _kind_of_affine(gain: int, bias: int, dynamics: int, gains: Floats, biases: Floats) -> str:
    if gain == GAIN.mjGAIN_AFFINE and bias == BIAS.mjBIAS_NONE and gains[0] == 0 and gains[2] < 0:
        return "damper"
    if gain != GAIN.mjGAIN_FIXED:
        return "general"
    if bias == BIAS.mjBIAS_NONE and dynamics == DYN.mjDYN_NONE:
        return "motor"
    return _kind_of_servo(dynamics, gains, biases) if bias == BIAS.mjBIAS_AFFINE else "general"


def _kind_of_servo(dynamics: int, gains: Floats, biases: Floats) -> str:
    """The kind of an actuator with a fixed gain and an affine bias."""
    follows_position, follows_velocity = (
        gains[0] != 0 and abs(gains[0] + biases[order]) <= SERVO * abs(gains[0]) for order in (1, 2)
    )
    if follows_position and dynamics == DYN.mjDYN_INTEGRATOR:
        return "intvelocity"
    if follows_position and dynamics in (DYN.mjDYN_NONE, DYN.mjDYN_FILTER, DYN.mjDYN_FILTEREXACT):
        return "position"
    if biases[1] == 0 and follows_velocity:
        return "velocity"
    return "cylinder" if dynamics == DYN.mjDYN_FILTER else "general"


def _implied_range(model: mujoco.MjModel, motor: Motor, place: int) -> tuple[float, float] | None:
    """The control range of an actuator whose model gives none."""
    if motor.kind == "muscle":
        return 0.0, 1.0
    if motor.holds_position and place == 0:
        return _position_range(model, motor.index)
    if motor.kind == "motor":
        limit = _force_limit(model, motor)
        gain = abs(float(model.actuator_gainprm[motor.index, 0]))
        return (-limit / gain, limit / gain) if limit and gain else None
    return None


def _position_range(model: mujoco.MjModel, index: int) -> tuple[float, float] | None:
    """Range of the joint or tendon that an actuator acts on, in units of its length."""
    target, transmission = int(model.actuator_trnid[index, 0]), int(model.actuator_trntype[index])
    gear = float(model.actuator_gear[model.actuator_outadr[index], 0])
    if transmission in (TRN.mjTRN_JOINT, TRN.mjTRN_JOINTINPARENT) and model.jnt_limited[target]:
        bounds = model.jnt_range[target]
    elif transmission == TRN.mjTRN_TENDON and model.tendon_limited[target]:
        bounds = model.tendon_range[target]
    else:
        return None
    low, high = sorted(float(gear * bound) for bound in bounds)
    return low, high


def _force_limit(model: mujoco.MjModel, motor: Motor) -> float:
    """The largest force or torque of a motor, N or N·m; 0 if there is none."""
    index = motor.index
    if model.actuator_forcelimited[index]:
        return float(np.abs(model.actuator_forcerange[index]).max())
    if motor.plain and model.jnt_actfrclimited[motor.joints[0]]:
        gear = abs(float(model.actuator_gear[model.actuator_outadr[index], 0]))
        return float(np.abs(model.jnt_actfrcrange[motor.joints[0]]).max()) / gear if gear else 0.0
    return 0.0


def _has_input(model: mujoco.MjModel, index: int, name: str) -> bool:
    """Whether one of the controls of a PID controller is its position (POS) or force (FF) input."""
    return bool(int(model.actuator_ctrlspec[index]) & getattr(mujoco.mjtCtrlInput, f"mjINPUT_{name}").value)


def _name(name: str, index: int) -> str:
    return name or f"#{index}"
