"""A chequered floor, against which motion is visible, with light and sky."""

from __future__ import annotations

import mujoco

FLOOR = "sandbox-floor"
"""Name of the added floor; a model's own names must not be taken."""
AMBIENT = 0.35
"""Least ambient light, of 1."""
_SKY, _CHEQUERS = "sandbox-sky", "sandbox-chequers"


def add_floor_and_light(spec: mujoco.MjSpec, visible: bool = True) -> None:
    """Add a plane at height zero and a light from above.

    Args:
        spec: Changed in place.
        visible: Whether it will be drawn; without, the floor has no texture.
    """
    floor = spec.worldbody.add_geom(name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[40, 40, 1], condim=3)
    spec.worldbody.add_light(
        pos=[0, 0, 4], dir=[0, 0, -1], diffuse=[0.4, 0.4, 0.4], type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    )
    if visible:
        _add_sky(spec)
        _cover_with_chequers(spec, floor)
    _brighten(spec)


def dress(spec: mujoco.MjSpec) -> None:
    """Give a user's scene a sky, enough light, and chequers to planes of a single colour.

    On a plain floor under a black sky a film does not show that a robot moves. The physics is the same.
    """
    _add_sky(spec)
    for geom in spec.worldbody.geoms:
        if int(geom.type) == int(mujoco.mjtGeom.mjGEOM_PLANE) and not geom.material:
            _cover_with_chequers(spec, geom)
    _brighten(spec)


def _brighten(spec: mujoco.MjSpec) -> None:
    spec.visual.headlight.ambient = [max(AMBIENT, float(value)) for value in spec.visual.headlight.ambient]


def _add_sky(spec: mujoco.MjSpec) -> None:
    if not any(int(each.type) == int(mujoco.mjtTexture.mjTEXTURE_SKYBOX) for each in spec.textures):
        spec.add_texture(
            name=_SKY,
            type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
            rgb1=[0.75, 0.82, 0.9],
            rgb2=[0.3, 0.4, 0.55],
            width=64,
            height=64,
        )


def _cover_with_chequers(spec: mujoco.MjSpec, plane: mujoco.MjsGeom) -> None:
    """A colour of the plane's own stays, as that of the lighter tiles."""
    plane.material = _CHEQUERS
    if any(material.name == _CHEQUERS for material in spec.materials):
        return
    spec.add_texture(
        name=_CHEQUERS,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.5, 0.55, 0.5],
        rgb2=[0.62, 0.66, 0.6],
        width=64,
        height=64,
    )
    material = spec.add_material(name=_CHEQUERS, texrepeat=[1, 1], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = _CHEQUERS
