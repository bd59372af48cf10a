"""What is added to a user's model before it is compiled: ground, terrain, and what a URDF cannot say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import mujoco

from sandbox_locomotion.models import terrain
from sandbox_locomotion.models.scenery import add_floor_and_light, dress

HINGE, SLIDE = int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)


class UnusableModelError(Exception):
    """A model that cannot be used; the message says why, without its file."""


@dataclass(frozen=True)
class Preparation:
    """What is to be added to a model.

    Attributes:
        urdf: Whether it was read from a URDF: it then gets a free base, and a motor for each joint.
        ground: Whether a floor is added where nothing in the scene stands still and can be touched.
        terrain: As in the config.
        terrain_top: Height that the value 1 of the height field stands for, m.
        renamed: Mesh files by the name that a URDF gives them.
    """

    urdf: bool = False
    ground: bool = True
    terrain: str = "flat"
    terrain_top: float = 1.0
    renamed: dict[str, str] = field(default_factory=dict)


def prepare_and_compile(
    spec: mujoco.MjSpec, preparation: Preparation, vfs: mujoco.MjVfs
) -> tuple[mujoco.MjModel, dict[str, Any]]:
    """Add to a model what is missing, and compile it.

    Args:
        spec: Changed in place.
        preparation: What is to be added.
        vfs: Where assets are read from.

    Returns:
        The model, and what was done: ``urdf``; ``motors_added``, names of joints that got a motor; and
        ``ground_added``.

    Raises:
        UnusableModelError: If something cannot be added.
        ValueError: If MuJoCo cannot compile the model.
    """
    motors = _complete_urdf(spec, preparation.renamed) if preparation.urdf else []
    dress(spec)
    model = spec.compile(vfs=vfs)
    ground_added = preparation.ground and not _has_ground(model)
    if ground_added:
        add_floor_and_light(spec)
    if preparation.terrain != "flat":
        terrain.add_terrain(spec, preparation.terrain, preparation.terrain_top)
    if ground_added or preparation.terrain != "flat":
        model = spec.compile(vfs=vfs)
    return model, {"urdf": preparation.urdf, "motors_added": motors, "ground_added": ground_added}


def _complete_urdf(spec: mujoco.MjSpec, renamed: dict[str, str]) -> list[str]:
    """Free the base and give every joint a motor of its effort limit, with control from -1 to 1."""
    for mesh in spec.meshes:
        mesh.file = renamed.get(mesh.file, mesh.file)
    base = spec.worldbody.first_body()
    if base is None:
        raise UnusableModelError("has no links")
    if not list(base.joints) and not any(_is_free(joint) for joint in spec.joints):
        base.add_freejoint()
    driven = [joint for joint in spec.joints if int(joint.type) in (HINGE, SLIDE)]
    weak = [joint.name for joint in driven if joint.actfrcrange[1] <= joint.actfrcrange[0]]
    if weak:
        raise UnusableModelError(
            f"gives no effort limit for {', '.join(weak)}, so no motor can be added; give each <joint> a "
            '<limit effort="…"/>, in N·m or N'
        )
    for joint in driven:
        spec.add_actuator(
            name=joint.name,
            target=joint.name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gear=[float(joint.actfrcrange[1]), 0, 0, 0, 0, 0],
            ctrllimited=True,
            ctrlrange=[-1.0, 1.0],
        )
    return [joint.name for joint in driven]


def _is_free(joint: mujoco.MjsJoint) -> bool:
    return int(joint.type) == int(mujoco.mjtJoint.mjJNT_FREE)


def _has_ground(model: mujoco.MjModel) -> bool:
    """Whether a geom of something that stands still can be touched."""
    still = model.body_weldid[model.geom_bodyid] == 0
    touchable = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    paired = {*model.pair_geom1.tolist(), *model.pair_geom2.tolist()}
    return bool((still & touchable).any()) or any(still[geom] for geom in paired)
