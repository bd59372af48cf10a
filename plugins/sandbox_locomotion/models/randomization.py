"""Randomised physics: factors on friction, gravity, masses and motors, drawn and put into a model."""

from __future__ import annotations

import copy as copying
from dataclasses import dataclass

import mujoco
import numpy as np

from sandbox.api import InvalidValueError
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.models.anatomy import Anatomy
from sandbox_locomotion.models.motors import Motor
from sandbox_locomotion.models.terrain import uses_height_field

MIN_MASS_FACTOR = 0.05
"""No body is made lighter than this share of its mass."""
MUSCLE_FORCE, MUSCLE_SCALE = 2, 3
"""Entries of a muscle's parameters: its peak force, N, and the scale of one that is not given."""
JOINT_LIMITS = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
TENDON_LIMITS = (int(mujoco.mjtTrn.mjTRN_TENDON),)


def varies_physics(config: LocomotionConfig) -> bool:
    """Whether episodes differ in their physics, so that each environment needs a model of its own."""
    ranges = (config.friction, config.gravity, config.mass, config.torso_mass, config.motor)
    return any(low != high for low, high in ranges) or uses_height_field(config)


def changes_physics(config: LocomotionConfig) -> bool:
    """Whether the physics may differ from the model's."""
    factors = (config.friction, config.gravity, config.mass, config.motor)
    return any(factor != (1.0, 1.0) for factor in factors) or config.torso_mass != (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PhysicsLayout:
    """The order of the drawn physics of an environment in a vector.

    Friction, gravity, mass added to the torso, a mass factor for each body of the robot, a strength for each
    of its motors.
    """

    bodies: int
    motors: int

    @property
    def size(self) -> int:
        """Length of the vector."""
        return 3 + self.bodies + self.motors

    def draw(self, config: LocomotionConfig, rng: np.random.Generator) -> Floats:
        """A vector from the ranges of ``config``; parameters that are fixed draw nothing."""
        physics = np.ones(self.size)
        physics[:1] = uniform(rng, config.friction, 1)
        physics[1:2] = uniform(rng, config.gravity, 1)
        physics[2:3] = uniform(rng, config.torso_mass, 1)
        physics[3 : 3 + self.bodies] = uniform(rng, config.mass, self.bodies)
        physics[3 + self.bodies :] = uniform(rng, config.motor, self.motors)
        return physics


def check_strengths(config: LocomotionConfig, anatomy: Anatomy) -> None:
    """Refuse to change the strength of actuators whose force is not proportional to their parameters.

    Raises:
        InvalidValueError: With their names.
    """
    others = [motor.name for motor in anatomy.motors if not motor.linear]
    if config.motor != (1.0, 1.0) and others:
        raise InvalidValueError(
            f"config.motor changes the strength of motors, but that of {', '.join(others[:5])} is not known: "
            "DC motors, plugins and feedforward inputs have none.",
            "Leave config.motor at 1.",
        )


def apply_physics(
    base: mujoco.MjModel, model: mujoco.MjModel, data: mujoco.MjData, physics: Floats, anatomy: Anatomy
) -> None:
    """Put drawn physics into a model; inertia scales with mass.

    Args:
        base: The model that the factors refer to.
        model: The model to change, of the same sizes.
        data: Overwritten while the constants that follow from masses are computed.
        physics: In the order of `PhysicsLayout`.
        anatomy: Of the robot: the masses of its bodies and its motors are changed, the scene's are not.
    """
    bodies = len(anatomy.bodies)
    _scale_friction(base, model, float(physics[0]))
    model.opt.gravity[:] = base.opt.gravity * physics[1]
    factors = np.ones(base.nbody)
    factors[anatomy.bodies] = physics[3 : 3 + bodies]
    torso = anatomy.torso
    factors[torso] += physics[2] / max(float(base.body_mass[torso]), 1e-9)
    factors = np.maximum(factors, MIN_MASS_FACTOR)
    model.body_mass[:] = base.body_mass * factors
    model.body_inertia[:] = base.body_inertia * factors[:, None]
    _scale_motors(base, model, anatomy.motors, physics[3 + bodies :])
    mujoco.mj_setConst(model, data)
    # Muscles without a force of their own take theirs from these accelerations: it must not grow with mass.
    model.actuator_acc0[:] = base.actuator_acc0


def _scale_friction(base: mujoco.MjModel, model: mujoco.MjModel, factor: float) -> None:
    """Friction of geoms, of explicit contact pairs, of flexes, and the one that overrides them all."""
    model.geom_friction[:] = base.geom_friction * factor
    model.pair_friction[:] = base.pair_friction * factor
    model.flex_friction[:] = base.flex_friction * factor
    model.opt.o_friction[:] = base.opt.o_friction * factor


def _scale_motors(
    base: mujoco.MjModel, model: mujoco.MjModel, motors: tuple[Motor, ...], factors: Floats
) -> None:
    """Multiply the force that each motor gives in the same state, and its limits, by a factor."""
    if (factors == 1.0).all():
        model.actuator_gainprm[:], model.actuator_biasprm[:] = base.actuator_gainprm, base.actuator_biasprm
        return
    for motor, factor in zip(motors, factors, strict=True):
        index = motor.index
        for name in ("actuator_gainprm", "actuator_biasprm"):
            ours, theirs = getattr(model, name), getattr(base, name)
            if motor.kind != "muscle":
                ours[index] = theirs[index] * factor
                continue
            # The peak force, or where it is not given, the scale from which it is computed.
            column = MUSCLE_FORCE if theirs[index, MUSCLE_FORCE] >= 0 else MUSCLE_SCALE
            ours[index, column] = theirs[index, column] * factor
        if base.actuator_forcelimited[index]:
            model.actuator_forcerange[index] = base.actuator_forcerange[index] * factor
    _scale_limits(base, model, motors, factors)


def _scale_limits(
    base: mujoco.MjModel, model: mujoco.MjModel, motors: tuple[Motor, ...], factors: Floats
) -> None:
    """Scale the limits of joints and tendons on motor force by the mean factor of the motors on them."""
    for kind, name in ((JOINT_LIMITS, "jnt_actfrc"), (TENDON_LIMITS, "tendon_actfrc")):
        limits, original = getattr(model, f"{name}range"), getattr(base, f"{name}range")
        for target in np.flatnonzero(getattr(base, f"{name}limited")).tolist():
            chosen = [
                factor
                for motor, factor in zip(motors, factors, strict=True)
                if int(base.actuator_trntype[motor.index]) in kind
                and int(base.actuator_trnid[motor.index, 0]) == target
            ]
            if chosen:
                limits[target] = original[target] * np.mean(chosen)


def clone_model(model: mujoco.MjModel) -> mujoco.MjModel:
    """A second model that can be changed without changing the first."""
    clone: mujoco.MjModel = copying.copy(model)
    return clone


def uniform(rng: np.random.Generator, bounds: tuple[float, float], count: int) -> Floats:
    """``count`` values from U[low, high]; nothing is drawn where low equals high."""
    low, high = bounds
    return np.full(count, low) if low == high else rng.uniform(low, high, count)
