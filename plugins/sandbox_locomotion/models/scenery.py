"""A chequered floor, against which motion is visible, with light and sky."""

from __future__ import annotations

import mujoco

FLOOR = "sandbox-floor"
"""Name of the added floor; a model's own names must not be taken."""
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
        _add_textures(spec, floor)
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]


def _add_textures(spec: mujoco.MjSpec, floor: mujoco.MjsGeom) -> None:
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
    spec.add_texture(
        name=_CHEQUERS,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.5, 0.55, 0.5],
        rgb2=[0.62, 0.66, 0.6],
        width=64,
        height=64,
    )
    material = spec.add_material(name=_CHEQUERS, texrepeat=[80, 80])
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = _CHEQUERS
    floor.material = _CHEQUERS
