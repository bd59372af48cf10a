"""Pictures of robots, drawn in software where there is no screen.

Shadows, reflections and multisampling are off from the start: in software they cost thirty times the
time of the rest. They are chosen before the drawing context is made, since switching them on one that
has drawn already gives black pictures.
"""

from __future__ import annotations

import os
import threading
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, RunFailedError
from sandbox_locomotion.conditions import own_model

if TYPE_CHECKING:
    from sandbox_locomotion.simulation import Simulation

Image = NDArray[np.uint8]

CAMERAS = ("track", "side", "front", "above", "chase")
"""``track`` is the model's own camera where it has one, else ``side``; the others follow the torso."""

_ANGLES = {"side": (90.0, -12.0), "front": (180.0, -15.0), "above": (90.0, -75.0), "chase": (0.0, -20.0)}
"""Azimuth and elevation, degrees."""
MOST_TRIANGLES = 2000
"""Meshes of more triangles are simplified."""
CELLS = 36
"""Cells along the longest mesh, in units of which all are simplified."""
_EXTENT = 4.0
"""Distance of a following camera, in heights of the robot."""
FILM_SLICES, FILM_STACKS = 16, 8
"""Pieces of a round body around and along its axis in films; MuJoCo's own are 28 and 16."""

_current = threading.local()
"""``context``: what a thread draws with, so that it is found again after another one was freed."""


class Camera:
    """Draws copies of a simulation as square pictures.

    Args:
        simulation: What is drawn.
        size: Side of a picture, pixels.
        camera: One of `CAMERAS`, or the name of a camera of the model.
        film: Whether round bodies are drawn with fewer faces, to save time. Not for observations: a policy
            sees what it was trained on.

    Raises:
        InvalidValueError: For an unknown camera.
        RunFailedError: If no drawing context can be made.
    """

    def __init__(
        self, simulation: Simulation, size: int, camera: str = "track", *, film: bool = False
    ) -> None:
        self._simulation, self._size = simulation, size
        model = self._model = own_model(simulation.base)
        model.vis.global_.offwidth = model.vis.global_.offheight = size
        model.vis.quality.offsamples = 0
        model.vis.quality.shadowsize = 0
        if film:
            model.vis.quality.numslices, model.vis.quality.numstacks = FILM_SLICES, FILM_STACKS
        _extend_ground(model)
        _simplify_meshes(model)
        self._view = _view(model, simulation, camera)
        self._context = _context(size)
        _use(self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag in ("SHADOW", "REFLECTION", "HAZE"):
            self._scene.flags[int(getattr(mujoco.mjtRndFlag, f"mjRND_{flag}"))] = False
        self._scene.flags[int(mujoco.mjtRndFlag.mjRND_CULL_FACE)] = True  # what faces away is not drawn
        self._option = mujoco.MjvOption()
        self._drawer = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawer)
        self._free = weakref.finalize(self, _free, self._context, self._drawer)
        self._rect = mujoco.MjrRect(0, 0, size, size)
        self._uploaded = -1

    def picture(self, copy: int, note: tuple[str, str] | None = None) -> Image:
        """What the camera sees of a copy, ``(size, size, 3)``.

        Args:
            copy: Which one.
            note: Names and values to write into the picture, one a line each.
        """
        simulation = self._simulation
        data = simulation.physics.load(copy)
        _use(self._context)
        model = simulation.physics.models[copy] if simulation.own_models else self._model
        if simulation.uneven and self._uploaded != simulation.terrain_seeds[copy]:
            self._model.hfield_data[:] = model.hfield_data
            mujoco.mjr_uploadHField(self._model, self._drawer, 0)
            self._uploaded = int(simulation.terrain_seeds[copy])
        # MuJoCo lays endless planes around where the camera was before: a picture must not depend on that.
        mujoco.mjv_updateCamera(self._model, data, self._view, self._scene)
        mujoco.mjv_updateScene(
            self._model, data, self._option, None, self._view, mujoco.mjtCatBit.mjCAT_ALL.value, self._scene
        )
        mujoco.mjr_render(self._rect, self._scene, self._drawer)
        if note is not None:
            mujoco.mjr_overlay(
                mujoco.mjtFont.mjFONT_NORMAL,
                mujoco.mjtGridPos.mjGRID_TOPLEFT,
                self._rect,
                *note,
                self._drawer,
            )
        image: Image = np.empty((self._size, self._size, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, self._rect, self._drawer)
        return image[::-1]

    def close(self) -> None:
        """Free the drawing context; also done for a camera that is dropped unclosed."""
        self._free()


class Painter:
    """Films a copy with its speed and command written into the picture.

    Args:
        simulation: What is filmed.
        size: Side of a frame, pixels.
        camera: As for `Camera`.
    """

    def __init__(self, simulation: Simulation, size: int = 480, camera: str = "track") -> None:
        self._simulation = simulation
        self._camera = Camera(simulation, size, camera, film=True)

    def frame(self, copy: int) -> Image:
        """The current frame, ``(size, size, 3)``."""
        return self._camera.picture(copy, self._note(copy))

    def close(self) -> None:
        """Free the drawing context."""
        self._camera.close()

    def _note(self, copy: int) -> tuple[str, str]:
        simulation = self._simulation
        names = ["time", "speed", "distance"]
        values = [
            f"{simulation.elapsed[copy] * simulation.dt:.2f} s",
            f"{simulation.speed[copy]:+.2f} m/s",
            f"{simulation.tally.sums['travelled'][copy]:.2f} m",
        ]
        if simulation.config.command_speed is not None:
            ahead, side, turn = simulation.command[copy]
            names.append("command")
            values.append(f"{ahead:+.2f} m/s")
            if simulation.body.root != "sagittal":
                names += ["", ""]
                values += [f"{side:+.2f} m/s left", f"{turn:+.2f} rad/s"]
        return "\n".join(names), "\n".join(values)


def _extend_ground(model: mujoco.MjModel) -> None:
    """Draw planes as endless as they are in the physics: a size of zero says so, and tiles keep theirs.

    Gymnasium's floors are drawn to 20 or 40 m, and a robot that learned to run leaves them in ten seconds.
    """
    for plane in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
        half, material = model.geom_size[plane, :2].copy(), model.geom_matid[plane]
        model.geom_size[plane, :2] = 0.0
        if material >= 0 and (half > 0).all() and not model.mat_texuniform[material]:
            model.mat_texrepeat[material] /= 2 * half
            model.mat_texuniform[material] = True


def _simplify_meshes(model: mujoco.MjModel) -> None:
    """Leave out detail of meshes that no picture shows: in software, triangles are what takes time.

    Vertices within a cell of a grid become one (Rossignac and Borrel 1993, Multi-resolution 3D
    approximations for rendering complex scenes); triangles that collapse or coincide are dropped. Only
    the drawing's own copy of the model is changed.
    """
    spans = [np.ptp(_vertices(model, mesh), 0).max() for mesh in range(model.nmesh)]
    cell = max(spans, default=0.0) / CELLS
    for mesh in np.flatnonzero(model.mesh_facenum > MOST_TRIANGLES).tolist():
        first, count = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        vertices = _vertices(model, mesh)
        grid = np.floor((vertices - vertices.min(0)) / cell).astype(np.int64)
        _, chosen, which = np.unique(grid, axis=0, return_index=True, return_inverse=True)
        faces = chosen[which.reshape(-1)][model.mesh_face[first : first + count]]
        a, b, c = faces.T
        whole = np.flatnonzero((a != b) & (b != c) & (a != c))
        # The same triangle, whichever corner comes first; its other side is another one.
        triples = faces[whole]
        turned = np.take_along_axis(triples, (triples.argmin(1)[:, None] + np.arange(3)) % 3, 1)
        _, once = np.unique(turned, axis=0, return_index=True)
        kept = whole[once]
        place = slice(first, first + len(kept))
        normals = model.mesh_facenormal[first : first + count][kept]
        texture = model.mesh_facetexcoord[first : first + count][kept]
        model.mesh_face[place], model.mesh_facenormal[place] = faces[kept], normals
        model.mesh_facetexcoord[place] = texture
        model.mesh_facenum[mesh] = len(kept)


def _vertices(model: mujoco.MjModel, mesh: int) -> Any:
    start = int(model.mesh_vertadr[mesh])
    return model.mesh_vert[start : start + int(model.mesh_vertnum[mesh])]


def _view(model: mujoco.MjModel, simulation: Simulation, camera: str) -> mujoco.MjvCamera:
    """The camera: one of the model's, or one that follows the torso."""
    own = [model.camera(index).name for index in range(model.ncam)]
    view = mujoco.MjvCamera()
    if camera in own:
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, own.index(camera)
        return view
    if camera not in CAMERAS:
        known = ", ".join(dict.fromkeys([*CAMERAS, *(name for name in own if name)]))
        raise InvalidValueError(f"The {simulation.robot.name} has no camera '{camera}'.", f"Known: {known}.")
    view.type, view.trackbodyid = mujoco.mjtCamera.mjCAMERA_TRACKING, simulation.body.torso
    view.azimuth, view.elevation = _ANGLES.get(camera, _ANGLES["side"])
    view.distance = _EXTENT * max(0.5, float(model.stat.meansize) * 2.5)
    return view


def _use(context: Any) -> None:
    """Draw with this context on this thread."""
    context.make_current()
    _current.context = context


def _free(context: Any, drawer: mujoco.MjrContext) -> None:
    """Free what a camera drew with, and go on with what the thread drew with before.

    A drawer frees its textures and buffers by number in whatever context is current, so left to the
    garbage collector it would free another camera's, whose pictures become noise.
    """
    before = getattr(_current, "context", None)
    context.make_current()
    drawer.free()
    context.free()
    if before is None or before is context:
        _current.context = None
    else:
        before.make_current()


def _context(size: int) -> Any:
    """A drawing context without a window: EGL unless the user's ``MUJOCO_GL`` says otherwise."""
    asked = os.environ.get("MUJOCO_GL", "").lower()
    kind = asked if asked in ("egl", "osmesa", "glfw") else ("egl" if _headless() else "glfw")
    try:
        return import_module(f"mujoco.{kind}").GLContext(size, size)
    except Exception as error:  # drivers fail in many ways, each with an error of its own
        raise RunFailedError(
            f"No drawing context could be made with {kind}: {error}.",
            "Install a software OpenGL (Debian: libegl1 libgl1-mesa-dri), or set MUJOCO_GL to egl, osmesa "
            "or glfw.",
        ) from error


def _headless() -> bool:
    return os.name == "posix" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
