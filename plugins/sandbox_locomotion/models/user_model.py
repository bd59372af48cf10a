"""A user's own MJCF file: checked before MuJoCo reads it, and checked again once it is compiled.

A file may not name anything outside its folder, declare a document type (and with it entities), or ask
for a model of absurd size. MuJoCo's own errors are passed on with file and line.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import mujoco

from sandbox.api import BrokenFileError
from sandbox_locomotion.mujoco_warnings import without_warnings
from sandbox_locomotion.robots import Robot, RootJoint

MAX_FILE_BYTES = 4_000_000
MAX_FILES = 200
MAX_REPEATS = 1_000
MAX_DOFS = 2_000
PATH_ATTRIBUTES = ("file", "meshdir", "texturedir", "assetdir", "dir")
REPEAT_ATTRIBUTES = {
    "replicate": ("count",),
    "composite": ("count",),
    "flexcomp": ("count",),
    "hfield": ("nrow", "ncol"),
}
"""Attributes that multiply an element, by tag."""


def load_user_spec(path: Path) -> mujoco.MjSpec:
    """The specification in a user's file.

    Raises:
        BrokenFileError: If the file is refused or MuJoCo cannot read it.
    """
    check_files(path)
    try:
        return without_warnings(lambda: mujoco.MjSpec.from_file(str(path)))
    except (ValueError, mujoco.FatalError) as error:
        raise mujoco_error(path, error) from None


def check_files(path: Path) -> None:
    """Refuse a file, or one that it includes, that reaches outside its folder or expands without bound.

    Raises:
        BrokenFileError: With file and, where it is known, line.
    """
    folder = path.resolve().parent
    pending, seen = [path.resolve()], set()
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        if len(seen) > MAX_FILES:
            raise BrokenFileError(path, f"includes more than {MAX_FILES} files")
        for element in _parse(current).iter():
            _check_repeats(current, element)
            for key in PATH_ATTRIBUTES:
                if key in element.attrib:
                    _check_inside(current, folder, element.tag, element.attrib[key])
            if element.tag == "include":
                pending.append((folder / element.attrib.get("file", "")).resolve())


def check_model(model: mujoco.MjModel, path: str, robot: Robot) -> None:
    """Refuse a compiled model that does not fit the task of ``robot``.

    Raises:
        BrokenFileError: If it has too many degrees of freedom, another root joint, no actuators, or
            actuators without a control range.
    """
    if model.nv > MAX_DOFS:
        raise BrokenFileError(path, f"has {model.nv:,} degrees of freedom; at most {MAX_DOFS:,} are allowed")
    if root_joint(model) != robot.root:
        joints = {
            "free": "a free joint",
            "sagittal": "slides along x and z and a hinge about y",
            "planar": "slides along x and y and a hinge about z",
        }
        raise BrokenFileError(
            path,
            f"the task '{robot.name}' needs a model whose first joints are {joints[robot.root]}",
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


def root_joint(model: mujoco.MjModel) -> RootJoint | None:
    """How the model's first joints move its root; None if they form none of the known roots."""
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


def mujoco_error(path: object, error: Exception) -> BrokenFileError:
    """What MuJoCo says about a file, with the line that it names."""
    message = " ".join(str(error).split())
    line = re.search(r"line (\d+)", message)
    message = re.sub(r"^(XML )?Error:?\s*", "", message)
    return BrokenFileError(path, message or "MuJoCo cannot read it", int(line.group(1)) if line else None)


def _parse(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BrokenFileError(path, f"is larger than {MAX_FILE_BYTES:,} bytes")
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


def _check_repeats(path: Path, element: ElementTree.Element) -> None:
    """Refuse an element that multiplies into a model too large for memory."""
    for key in REPEAT_ATTRIBUTES.get(element.tag, ()):
        numbers = [int(number) for number in re.findall(r"\d{1,9}", element.attrib.get(key, ""))]
        if any(number > MAX_REPEATS for number in numbers):
            raise BrokenFileError(
                path,
                f"<{element.tag}> asks for {key}={max(numbers):,}; at most {MAX_REPEATS:,} are allowed",
            )
