"""Uneven ground: an endless slope, or steps and rough ground as a height field in place of the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats

if TYPE_CHECKING:  # the process that compiles a user's model needs no pydantic
    from sandbox_locomotion.config import LocomotionConfig

HALF_SIZE = 20.0
"""The height field reaches from −20 m to 20 m along x and y; there is no ground beyond it."""
RESOLUTION = 0.1
"""Spacing of the grid points, m."""
FLAT = 1.5
"""Half side of the level square around the start, m."""
GRID_POINTS = int(2 * HALF_SIZE / RESOLUTION) + 1
"""Grid points along each side."""
MAX_LEVEL = 10.0
"""Steps go up and down between level 0 and this, in heights of a step."""
_NAME = "sandbox-terrain"


def uses_height_field(config: LocomotionConfig) -> bool:
    """Whether the ground is a height field, drawn anew for each episode."""
    return config.terrain in ("steps", "rough")


def add_terrain(spec: mujoco.MjSpec, kind: str, top: float) -> None:
    """Replace the floor by a height field where the terrain needs one.

    Args:
        spec: Changed in place.
        kind: As in the config.
        top: Height that the value 1 of the height field stands for, m; see `max_height`.

    Raises:
        ValueError: If the model has no floor, that is no plane in its world body.
    """
    floor = next((g for g in spec.worldbody.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE), None)
    if floor is None:
        raise ValueError("has no plane that could become terrain")
    if kind == "slope":
        return  # see tilt_gravity
    spec.add_hfield(
        name=_NAME,
        nrow=GRID_POINTS,
        ncol=GRID_POINTS,
        size=[HALF_SIZE, HALF_SIZE, top, 0.5],
        userdata=np.zeros(GRID_POINTS * GRID_POINTS, np.float32),
    )
    floor.type, floor.hfieldname = mujoco.mjtGeom.mjGEOM_HFIELD, _NAME
    floor.size = [0, 0, 0]


def tilt_gravity(model: mujoco.MjModel, slope: float) -> None:
    """Turn gravity about y by ``slope``, rad: the physics of an endless slope, uphill along x if positive."""
    magnitude = float(np.linalg.norm(model.opt.gravity))
    model.opt.gravity[:] = [-magnitude * np.sin(slope), 0.0, -magnitude * np.cos(slope)]


def draw_heights(config: LocomotionConfig, rng: np.random.Generator) -> Floats:
    """Heights of the grid points, m, shape ``(rows along y, columns along x)``; level around the start."""
    cells = int(np.ceil(2 * HALF_SIZE / config.terrain_cell)) + 2
    x = np.arange(GRID_POINTS) * RESOLUTION - HALF_SIZE
    if config.terrain == "steps":
        # Strips across the direction of travel, each a step above or below its neighbour: two random
        # walks outwards from the start at half height, reflected at 0 and MAX_LEVEL.
        strip = np.maximum(np.ceil((np.abs(x) - FLAT) / config.terrain_cell - 1e-9), 0).astype(int)
        walks = np.cumsum(rng.choice([-1.0, 1.0], (2, cells)), 1)
        level = np.where(strip == 0, 0.0, walks[(x > 0).astype(int), np.maximum(strip - 1, 0)])
        level = MAX_LEVEL - np.abs((level + MAX_LEVEL / 2) % (2 * MAX_LEVEL) - MAX_LEVEL)
        return np.tile(level * config.terrain_height, (GRID_POINTS, 1))
    bumps = rng.uniform(0.0, config.terrain_height, (cells, cells))
    heights = _interpolate(bumps, np.arange(GRID_POINTS) * RESOLUTION / config.terrain_cell)
    level_square = np.abs(x) <= FLAT
    heights[np.ix_(level_square, level_square)] = 0.0
    return heights


def set_heights(model: mujoco.MjModel, heights: Floats, config: LocomotionConfig) -> None:
    """Write heights, m, into a model's height field."""
    start = int(model.hfield_adr[field_index(model)])
    part = slice(start, start + heights.size)
    model.hfield_data[part] = np.clip(heights / max_height(config), 0.0, 1.0).astype(np.float32).ravel()


def field_index(model: mujoco.MjModel) -> int:
    """Index of the terrain's height field among those of a model."""
    return int(model.hfield(_NAME).id)


def height_at(heights: Floats, x: Floats, y: Floats) -> Floats:
    """Height of the ground below points, m: that of the nearest grid point."""
    column = np.clip(np.rint((x + HALF_SIZE) / RESOLUTION), 0, GRID_POINTS - 1).astype(int)
    row = np.clip(np.rint((y + HALF_SIZE) / RESOLUTION), 0, GRID_POINTS - 1).astype(int)
    height: Floats = heights[row, column]
    return height


def max_height(config: LocomotionConfig) -> float:
    """Height that the value 1 of the height field stands for, m."""
    return max(config.terrain_height, 1e-3) * (MAX_LEVEL if config.terrain == "steps" else 1.0)


def _interpolate(bumps: Floats, at: Floats) -> Floats:
    """Bilinear interpolation of ``bumps`` at the grid ``at`` × ``at``, in units of their spacing."""
    low = np.clip(at.astype(int), 0, len(bumps) - 2)
    part = at - low
    rows = bumps[low] * (1 - part)[:, None] + bumps[low + 1] * part[:, None]
    field: Floats = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    return field
