"""Extent of a posed robot: its lowest point, its size, and what it touches."""

from __future__ import annotations

import mujoco
import numpy as np

from sandbox_locomotion.arrays import Floats, Rows
from sandbox_locomotion.models.anatomy import Anatomy


def touchable_geoms(model: mujoco.MjModel, anatomy: Anatomy) -> Rows:
    """The robot's geoms that take part in collisions, or all of its geoms if none do."""
    of_robot = np.isin(model.geom_bodyid, anatomy.bodies)
    touchable = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    touchable[model.pair_geom1], touchable[model.pair_geom2] = True, True
    geoms = np.flatnonzero(of_robot & touchable)
    return geoms if len(geoms) else np.flatnonzero(of_robot)


def lowest_point(model: mujoco.MjModel, data: mujoco.MjData, geoms: Rows) -> float:
    """World height of the lowest point of some geoms in the pose of ``data``, m; 0 without geoms."""
    heights = [_lowest_of(model, data, geom) for geom in geoms.tolist()]
    return min(heights, default=0.0)


def size_of(model: mujoco.MjModel, data: mujoco.MjData, geoms: Rows) -> float:
    """Diameter of a sphere around the centre of some geoms that holds their bounding spheres, m."""
    centers, radii = data.geom_xpos[geoms], model.geom_rbound[geoms]
    if not len(geoms):
        return 1.0
    distance: Floats = np.linalg.norm(centers - centers.mean(0), axis=1) + radii
    return float(2 * distance.max())


def _lowest_of(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> float:
    kind, center = int(model.geom_type[geom]), float(data.geom_xpos[geom, 2])
    down = data.geom_xmat[geom].reshape(3, 3)[2]
    size = model.geom_size[geom]
    shapes = mujoco.mjtGeom
    if kind == shapes.mjGEOM_SPHERE:
        return center - float(size[0])
    if kind == shapes.mjGEOM_CAPSULE:
        return center - float(size[0] + abs(down[2]) * size[1])
    if kind == shapes.mjGEOM_ELLIPSOID:
        return center - float(np.linalg.norm(down * size))
    if kind == shapes.mjGEOM_CYLINDER:
        return center - float(size[0] * np.hypot(down[0], down[1]) + abs(down[2]) * size[1])
    if kind == shapes.mjGEOM_MESH:
        mesh = int(model.geom_dataid[geom])
        start = int(model.mesh_vertadr[mesh])
        vertices = model.mesh_vert[start : start + int(model.mesh_vertnum[mesh])]
        return center + float((vertices @ down).min())
    middle, half = model.geom_aabb[geom][:3], model.geom_aabb[geom][3:]
    return center + float(down @ middle - np.abs(down) @ half)
