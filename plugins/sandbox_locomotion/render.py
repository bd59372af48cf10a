"""Images of robots, rendered in software where there is no screen.

Shadows, reflections and multisampling are off, since in software they take thirty times as long as
everything else. They are chosen before the rendering context is made: changing them in a context that
has rendered already gives black images.
"""

from __future__ import annotations

import os
import threading
import weakref
from functools import partial
from importlib import import_module
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, RunFailedError
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.models.randomization import clone_model
from sandbox_locomotion.models.terrain import field_index, uses_height_field
from sandbox_locomotion.simulation import Simulation

Image = NDArray[np.uint8]

CAMERAS = ("track", "side", "front", "above", "chase")
"""``track`` is the model's own camera where it has one, else ``side``; the others follow the torso."""

_ANGLES = {"side": (90.0, -12.0), "front": (180.0, -15.0), "above": (90.0, -75.0), "chase": (0.0, -20.0)}
"""Azimuth and elevation, degrees."""
_DISTANCE = 4.0
"""Distance of a following camera, in heights of the robot."""
_DISTANCE_IN_SIZES = 2.5
"""Distance of a camera that follows a user's robot, in diameters of the robot."""
MAX_TRIANGLES = 2000
"""Meshes of more triangles are simplified."""
CELLS = 36
"""Grid cells along the longest mesh; vertices in a cell are merged."""
FILM_SLICES, FILM_STACKS = 16, 8
"""Faces around and along the axis of a round body in films; MuJoCo's defaults are 28 and 16."""
MAX_GEOMS = 2000
"""Geoms that a scene has room for."""

_current = threading.local()
"""``context``: the context that a thread renders with, made current again after another has been freed."""


class Camera:
    """Renders environments of a simulation as square images.

    Args:
        simulation: The simulation to render.
        size: Side of an image, pixels.
        camera: One of `CAMERAS`, or the name of a camera of the model.
        film: Whether round bodies are drawn with fewer faces, to save time. Not for observations, which
            must look the same as those that a policy was trained on.

    Raises:
        InvalidValueError: For an unknown camera.
        RunFailedError: If no rendering context can be made.
    """

    def __init__(
        self, simulation: Simulation, size: int, camera: str = "track", *, film: bool = False
    ) -> None:
        self._simulation, self._size, self._camera, self._film = simulation, size, camera, film
        model = self._model = clone_model(simulation.robot.mj_model)
        model.vis.global_.offwidth = model.vis.global_.offheight = size
        model.vis.quality.offsamples = 0
        model.vis.quality.shadowsize = 0
        if film:
            model.vis.quality.numslices, model.vis.quality.numstacks = FILM_SLICES, FILM_STACKS
        _extend_ground(model)
        _simplify_meshes(model)
        self._view = _find_camera(model, simulation, camera)
        self._context = _make_context(size)
        _make_current(self._context)
        self._scene = _make_scene(model)
        self._option = mujoco.MjvOption()
        self._renderer = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._renderer)
        self._free = weakref.finalize(self, _free, self._context, self._renderer)
        self._rect = mujoco.MjrRect(0, 0, size, size)
        self._uploaded_terrain = -1

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has a rendering context of its own."""
        return partial(Camera, film=self._film), (self._simulation, self._size, self._camera)

    def picture(self, row: int, text: tuple[str, str] | None = None) -> Image:
        """The image of an environment, ``(size, size, 3)``.

        Args:
            row: Which environment.
            text: Two columns to write into the image, each a string of lines.
        """
        data = self._simulation.physics.load(row)
        _make_current(self._context)
        self._upload_terrain(row)
        # MuJoCo centres infinite planes at the camera's last position; an image must not depend on it.
        mujoco.mjv_updateCamera(self._model, data, self._view, self._scene)
        mujoco.mjv_updateScene(
            self._model, data, self._option, None, self._view, mujoco.mjtCatBit.mjCAT_ALL.value, self._scene
        )
        self._decorate(data)
        mujoco.mjr_render(self._rect, self._scene, self._renderer)
        if text is not None:
            font, corner = mujoco.mjtFont.mjFONT_NORMAL, mujoco.mjtGridPos.mjGRID_TOPLEFT
            mujoco.mjr_overlay(font, corner, self._rect, *text, self._renderer)
        image: Image = np.empty((self._size, self._size, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, self._rect, self._renderer)
        return image[::-1]

    def close(self) -> None:
        """Free the rendering context; also done for a camera that is garbage-collected."""
        self._free()

    def _decorate(self, data: mujoco.MjData) -> None:
        """Add to the scene what is not in the model."""

    def _upload_terrain(self, row: int) -> None:
        """Give the renderer the ground of an environment, unless it has it already."""
        simulation = self._simulation
        seed = int(simulation.state.terrain_seeds[row])
        if uses_height_field(simulation.config) and self._uploaded_terrain != seed:
            self._model.hfield_data[:] = simulation.physics.models[row].hfield_data
            mujoco.mjr_uploadHField(self._model, self._renderer, field_index(self._model))
            self._uploaded_terrain = seed


class AnnotatedCamera:
    """Renders an environment with its time, speed, distance and command written into the image.

    Args:
        simulation: The simulation to render.
        size: Side of an image, pixels.
        camera: As for `Camera`.
    """

    def __init__(self, simulation: Simulation, size: int = 480, camera: str = "track") -> None:
        self._simulation = simulation
        self._camera = Camera(simulation, size, camera, film=True)

    def picture(self, row: int) -> Image:
        """The current image, ``(size, size, 3)``."""
        return self._camera.picture(row, self._text(row))

    def close(self) -> None:
        """Free the rendering context."""
        self._camera.close()

    def _text(self, row: int) -> tuple[str, str]:
        simulation, state = self._simulation, self._simulation.state
        names = ["time", "speed", "distance"]
        values = [
            f"{state.elapsed[row] * simulation.dt:.2f} s",
            f"{state.speed[row]:+.2f} m/s",
            f"{simulation.sums['travelled'][row]:.2f} m",
        ]
        if simulation.config.command_speed is not None:
            forward, left, turn = state.command[row]
            names.append("command")
            values.append(f"{forward:+.2f} m/s")
            if simulation.robot.anatomy.root.kind != "sagittal":
                names += ["", ""]
                values += [f"{left:+.2f} m/s left", f"{turn:+.2f} rad/s"]
        return "\n".join(names), "\n".join(values)


def _make_scene(model: mujoco.MjModel) -> mujoco.MjvScene:
    scene = mujoco.MjvScene(model, maxgeom=MAX_GEOMS)
    for flag in ("SHADOW", "REFLECTION", "HAZE"):
        scene.flags[int(getattr(mujoco.mjtRndFlag, f"mjRND_{flag}"))] = False
    scene.flags[int(mujoco.mjtRndFlag.mjRND_CULL_FACE)] = True  # back faces are not drawn
    return scene


def _extend_ground(model: mujoco.MjModel) -> None:
    """Draw planes as infinite, as they are in the physics; the tiles of their texture keep their size.

    Gymnasium's floors are drawn up to 20 or 40 m, and a robot that has learned to run leaves them within
    ten seconds. A plane of size zero is infinite.
    """
    for plane in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
        half, material = model.geom_size[plane, :2].copy(), model.geom_matid[plane]
        model.geom_size[plane, :2] = 0.0
        if material >= 0 and (half > 0).all() and not model.mat_texuniform[material]:
            model.mat_texrepeat[material] /= 2 * half
            model.mat_texuniform[material] = True


def _simplify_meshes(model: mujoco.MjModel) -> None:
    """Reduce meshes to the detail that an image can show: in software, time grows with triangles.

    Vertices within a cell of a grid are merged (Rossignac and Borrel 1993, Multi-resolution 3D
    approximations for rendering complex scenes); triangles that collapse or coincide are dropped.
    """
    lengths = [np.ptp(_vertices(model, mesh), 0).max() for mesh in range(model.nmesh)]
    cell = max(lengths, default=0.0) / CELLS
    for mesh in np.flatnonzero(model.mesh_facenum > MAX_TRIANGLES).tolist():
        first, count = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        vertices = _vertices(model, mesh)
        grid = np.floor((vertices - vertices.min(0)) / cell).astype(np.int64)
        _, merged, cell_of = np.unique(grid, axis=0, return_index=True, return_inverse=True)
        faces = merged[cell_of.reshape(-1)][model.mesh_face[first : first + count]]
        a, b, c = faces.T
        whole = np.flatnonzero((a != b) & (b != c) & (a != c))
        # A triangle is the same whichever corner comes first, but not in the opposite orientation.
        triples = faces[whole]
        rotated = np.take_along_axis(triples, (triples.argmin(1)[:, None] + np.arange(3)) % 3, 1)
        _, distinct = np.unique(rotated, axis=0, return_index=True)
        kept = whole[distinct]
        place = slice(first, first + len(kept))
        normals = model.mesh_facenormal[first : first + count][kept]
        texture = model.mesh_facetexcoord[first : first + count][kept]
        model.mesh_face[place], model.mesh_facenormal[place] = faces[kept], normals
        model.mesh_facetexcoord[place] = texture
        model.mesh_facenum[mesh] = len(kept)


def _vertices(model: mujoco.MjModel, mesh: int) -> Floats:
    start = int(model.mesh_vertadr[mesh])
    vertices: Floats = model.mesh_vert[start : start + int(model.mesh_vertnum[mesh])]
    return vertices


def _find_camera(model: mujoco.MjModel, simulation: Simulation, camera: str) -> mujoco.MjvCamera:
    """A camera of the model, or one that follows the torso."""
    names = [model.camera(index).name for index in range(model.ncam)]
    view = mujoco.MjvCamera()
    if camera in names:
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, names.index(camera)
        return view
    if camera not in CAMERAS:
        known = ", ".join(dict.fromkeys([*CAMERAS, *filter(None, names)]))
        robot = simulation.robot.rules.robot.name
        raise InvalidValueError(f"The {robot} has no camera '{camera}'.", f"Known: {known}.")
    view.type, view.trackbodyid = mujoco.mjtCamera.mjCAMERA_TRACKING, simulation.robot.anatomy.torso
    view.azimuth, view.elevation = _ANGLES.get(camera, _ANGLES["side"])
    view.distance = _DISTANCE * max(0.5, float(model.stat.meansize) * 2.5)
    if simulation.config.model:  # of any size
        view.distance = _DISTANCE_IN_SIZES * simulation.robot.size
    return view


def _make_current(context: Any) -> None:
    """Render with this context on this thread."""
    context.make_current()
    _current.context = context


def _free(context: Any, renderer: mujoco.MjrContext) -> None:
    """Free a camera's renderer and context, and make current again what was current before.

    A renderer frees its textures and buffers by number in the current context, so the garbage collector
    would free those of another camera, whose images would become noise.
    """
    before = getattr(_current, "context", None)
    context.make_current()
    renderer.free()
    context.free()
    if before is None or before is context:
        _current.context = None
    else:
        before.make_current()


def _make_context(size: int) -> Any:
    """An offscreen rendering context: EGL where there is no screen, unless ``MUJOCO_GL`` says otherwise."""
    requested = os.environ.get("MUJOCO_GL", "").lower()
    kind = requested if requested in ("egl", "osmesa", "glfw") else ("egl" if _headless() else "glfw")
    try:
        return import_module(f"mujoco.{kind}").GLContext(size, size)
    except Exception as error:  # drivers raise all kinds of errors
        raise RunFailedError(
            f"No rendering context could be made with {kind}: {error}.",
            "Install a software OpenGL (Debian: libegl1 libgl1-mesa-dri), or set MUJOCO_GL to egl, osmesa "
            "or glfw.",
        ) from error


def _headless() -> bool:
    return os.name == "posix" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
