"""Ground that is not flat: slopes, steps and roughness as a height field in place of the floor."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError
from sandbox_locomotion.config import LocomotionConfig

Array = NDArray[np.floating[Any]]

HALF_SIZE = 20.0
"""The field reaches from −20 m to 20 m along x and y; beyond lies nothing."""
RESOLUTION = 0.1
"""Distance between points of the field, m."""
FLAT = 1.5
"""Half side of the level square around the start, m."""
POINTS = int(2 * HALF_SIZE / RESOLUTION) + 1
"""Points of the field along each side."""
_NAME = "terrain"


def add_terrain(spec: mujoco.MjSpec, config: LocomotionConfig) -> None:
    """Turn the plane that the robot stands on into a height field, or tilt it.

    Raises:
        BrokenFileError: If the model has no plane.
    """
    floor = next((g for g in spec.worldbody.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE), None)
    if floor is None:
        raise BrokenFileError(config.model or config.robot, "has no plane that could become terrain")
    if config.terrain == "slope":
        return  # gravity is turned instead: the same physics, and an endless slope
    spec.add_hfield(
        name=_NAME,
        nrow=POINTS,
        ncol=POINTS,
        size=[HALF_SIZE, HALF_SIZE, _top(config), 0.5],
        userdata=np.zeros(POINTS * POINTS, np.float32),
    )
    floor.type, floor.hfieldname = mujoco.mjtGeom.mjGEOM_HFIELD, _NAME
    floor.size = [0, 0, 0]


def tilt_gravity(model: mujoco.MjModel, slope: float) -> None:
    """An endless slope: gravity turned about y by ``slope``, rad; positive means uphill along x."""
    size = float(np.linalg.norm(model.opt.gravity))
    model.opt.gravity[:] = [-size * np.sin(slope), 0.0, -size * np.cos(slope)]


def draw_heights(config: LocomotionConfig, rng: np.random.Generator) -> Array:
    """Heights of the field's points, m, shape ``(rows along y, columns along x)``; the start is level."""
    cells = int(np.ceil(2 * HALF_SIZE / config.terrain_cell)) + 2
    at = np.arange(POINTS) * RESOLUTION / config.terrain_cell
    near = np.abs(np.arange(POINTS) * RESOLUTION - HALF_SIZE) <= FLAT
    if config.terrain == "steps":
        # Strips across the way, each a step above or below the one before, walked outwards from the
        # start at half height; turned back at 0 and 10 steps.
        x = np.arange(POINTS) * RESOLUTION - HALF_SIZE
        strip = np.maximum(np.ceil((np.abs(x) - FLAT) / config.terrain_cell - 1e-9), 0).astype(int)
        walks = np.cumsum(rng.choice([-1.0, 1.0], (2, cells)), 1)
        level = np.where(strip == 0, 0.0, walks[(x > 0).astype(int), np.maximum(strip - 1, 0)])
        profile = (10.0 - np.abs((level + 5.0) % 20.0 - 10.0)) * config.terrain_height
        return np.tile(profile, (POINTS, 1))
    heights = _between(rng.uniform(0.0, config.terrain_height, (cells, cells)), at)
    heights[np.ix_(near, near)] = 0.0
    return heights


def set_heights(model: mujoco.MjModel, heights: Array, config: LocomotionConfig) -> None:
    """Write heights (m) into a model's field."""
    model.hfield_data[:] = np.clip(heights / _top(config), 0.0, 1.0).astype(np.float32).ravel()


def height_at(heights: Array, x: Array, y: Array) -> Array:
    """Height of the ground below points, m; the nearest point of the field."""
    column = np.clip(np.rint((x + HALF_SIZE) / RESOLUTION), 0, POINTS - 1).astype(int)
    row = np.clip(np.rint((y + HALF_SIZE) / RESOLUTION), 0, POINTS - 1).astype(int)
    found: Array = heights[row, column]
    return found


def _top(config: LocomotionConfig) -> float:
    """Height that the field's largest number stands for, m."""
    return max(config.terrain_height, 1e-3) * (10.0 if config.terrain == "steps" else 1.0)


def _between(bumps: Array, at: Array) -> Array:
    """Bilinear interpolation of bumps at the field's points."""
    low = np.clip(at.astype(int), 0, len(bumps) - 2)
    part = at - low
    rows = bumps[low] * (1 - part)[:, None] + bumps[low + 1] * part[:, None]
    field: Array = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    return field
