"""What an episode draws: physics, commands and pushes; and how drawn physics changes a model."""

from __future__ import annotations

import copy as copying
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox_locomotion.config import LocomotionConfig

Array = NDArray[np.float64]

PUSH_TIME = 0.1
"""A push is a constant force for this long, s."""


def varies(config: LocomotionConfig) -> bool:
    """Whether copies need models of their own."""
    fixed = (config.friction, config.gravity, config.mass, config.torso_mass, config.motor)
    return any(low != high for low, high in fixed) or config.terrain in ("steps", "rough")


def shifted(config: LocomotionConfig) -> bool:
    """Whether the physics differs from the model's own at all."""
    ones = (config.friction, config.gravity, config.mass, config.motor)
    return any(span != (1.0, 1.0) for span in ones) or config.torso_mass != (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one copy's drawn physics lies in a row of numbers.

    Order: friction, gravity, added torso mass, a mass factor for each body, a strength for each motor.
    """

    bodies: int
    motors: int

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return 3 + self.bodies + self.motors


def draw_physics(config: LocomotionConfig, layout: Layout, rng: np.random.Generator) -> Array:
    """A row of physics; draws nothing for what is fixed."""
    row = np.ones(layout.size)
    row[0], row[1] = _draw(rng, config.friction), _draw(rng, config.gravity)
    row[2] = _draw(rng, config.torso_mass)
    row[3 : 3 + layout.bodies] = _draw(rng, config.mass, layout.bodies)
    row[3 + layout.bodies :] = _draw(rng, config.motor, layout.motors)
    return row


def apply_physics(
    base: mujoco.MjModel, model: mujoco.MjModel, data: mujoco.MjData, row: Array, torso: int
) -> None:
    """Give ``model`` the physics of a row; ``base`` holds the values that factors refer to.

    Inertia scales with mass. ``data`` is scratch: constants that follow from masses are computed anew.
    """
    bodies = base.nbody - 1
    masses, motors = row[3 : 3 + bodies], row[3 + bodies :]
    model.geom_friction[:] = base.geom_friction * row[0]
    model.opt.gravity[:] = base.opt.gravity * row[1]
    factors = np.ones(base.nbody)
    factors[1:] = masses
    factors[torso] += row[2] / max(float(base.body_mass[torso]), 1e-9)
    factors = np.maximum(factors, 0.05)
    model.body_mass[:] = base.body_mass * factors
    model.body_inertia[:] = base.body_inertia * factors[:, None]
    model.actuator_gainprm[:] = base.actuator_gainprm * motors[:, None]
    model.actuator_biasprm[:] = base.actuator_biasprm * motors[:, None]
    mujoco.mj_setConst(model, data)


def own_model(base: mujoco.MjModel) -> mujoco.MjModel:
    """A copy of a model that may be changed."""
    model: mujoco.MjModel = copying.copy(base)
    return model


def draw_command(config: LocomotionConfig, rng: np.random.Generator) -> Any:
    """Forward and leftward velocity, m/s, and turn rate, rad/s."""
    if config.command_speed is None:
        return np.zeros(3)
    spans = (config.command_speed, config.command_side, config.command_turn)
    return np.array([_draw(rng, span) for span in spans])


def draw_push(config: LocomotionConfig, mass: float, planar: bool, rng: np.random.Generator) -> Array:
    """Force on the root, N, shape ``(3,)``: changes the velocity of the whole robot by U[0, push_speed]."""
    angle = rng.uniform(0.0, 2 * np.pi)
    size = rng.uniform(0.0, config.push_speed) * mass / PUSH_TIME
    across = 0.0 if planar else np.sin(angle)
    return np.array([np.cos(angle), across, 0.0]) * size


def _draw(rng: np.random.Generator, span: tuple[float, float], count: int | None = None) -> Any:
    low, high = span
    if low == high:
        return low if count is None else np.full(count, low)
    return rng.uniform(low, high, count)
