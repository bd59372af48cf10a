"""Randomised physics: factors on friction, gravity, masses and motors, drawn and put into a model."""

from __future__ import annotations

import copy as copying
from dataclasses import dataclass

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.models.terrain import uses_height_field

MIN_MASS_FACTOR = 0.05
"""No body is made lighter than this share of its mass."""


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

    Friction, gravity, mass added to the torso, a mass factor for each body, a strength for each motor.
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


def apply_physics(
    base: mujoco.MjModel, model: mujoco.MjModel, data: mujoco.MjData, physics: Floats, torso: int
) -> None:
    """Put drawn physics into a model; inertia scales with mass.

    Args:
        base: The model that the factors refer to.
        model: The model to change, of the same sizes.
        data: Overwritten while the constants that follow from masses are computed.
        physics: In the order of `PhysicsLayout`.
        torso: Body that carries the added mass.
    """
    bodies = base.nbody - 1
    masses, motors = physics[3 : 3 + bodies], physics[3 + bodies :]
    model.geom_friction[:] = base.geom_friction * physics[0]
    model.opt.gravity[:] = base.opt.gravity * physics[1]
    factors = np.ones(base.nbody)
    factors[1:] = masses
    factors[torso] += physics[2] / max(float(base.body_mass[torso]), 1e-9)
    factors = np.maximum(factors, MIN_MASS_FACTOR)
    model.body_mass[:] = base.body_mass * factors
    model.body_inertia[:] = base.body_inertia * factors[:, None]
    model.actuator_gainprm[:] = base.actuator_gainprm * motors[:, None]
    model.actuator_biasprm[:] = base.actuator_biasprm * motors[:, None]
    mujoco.mj_setConst(model, data)


def clone_model(model: mujoco.MjModel) -> mujoco.MjModel:
    """A second model that can be changed without changing the first."""
    clone: mujoco.MjModel = copying.copy(model)
    return clone


def uniform(rng: np.random.Generator, bounds: tuple[float, float], count: int) -> Floats:
    """``count`` values from U[low, high]; nothing is drawn where low equals high."""
    low, high = bounds
    return np.full(count, low) if low == high else rng.uniform(low, high, count)
