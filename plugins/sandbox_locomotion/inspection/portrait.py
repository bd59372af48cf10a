"""A picture of a robot at its start from four sides, with what easily goes wrong drawn into it."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np

from sandbox.api import MissingExtraError
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.inspection.trial import nominal
from sandbox_locomotion.render import Camera
from sandbox_locomotion.simulation import Simulation

DISTANCE = 2.1
"""Distance of the camera, in diameters of the robot."""
SIDE = 480
"""Side of each of the four pictures, pixels."""
RED, GREEN = (0.9, 0.1, 0.1, 1.0), (0.1, 0.6, 0.1, 1.0)
PANELS = (
    ("side", "from the right: forward (+x) is to the right", False),
    ("front", "from the front", False),
    ("above", "from above", False),
    ("side", "see-through: joints (blue), contacts (yellow)", True),
)


def draw_robot(config: LocomotionConfig, path: Path) -> None:
    """Write a picture of the robot of a task in its start pose.

    A red arrow shows the direction that counts as forward, +x of the world, and a green one up.

    Args:
        config: The task's parameters.
        path: File to write, PNG.

    Raises:
        MissingExtraError: Without matplotlib.
        RunFailedError: If no rendering context can be made.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("The picture of a robot", ["matplotlib"], "plot") from None

    simulation = Simulation(nominal(config), 1, threads=1, visible=True)
    figure = Figure((8, 8.6), layout="constrained")
    FigureCanvasAgg(figure)
    try:
        simulation.seed(0, 0)
        simulation.reset([0])
        for axes, (view, title, see_through) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
            camera = _Portrait(simulation, view, see_through)
            axes.imshow(camera.picture(0))
            axes.set_title(title, fontsize=10)
            axes.axis("off")
            camera.close()
    finally:
        simulation.close()
    name = Path(config.model).name or config.robot
    anatomy, model = simulation.robot.anatomy, simulation.robot.mj_model
    root = model.body(anatomy.torso).name
    figure.suptitle(
        f"{name}: root {root}, {anatomy.mass:.2f} kg, {len(anatomy.motors)} actuators", fontsize=11
    )
    figure.savefig(path, dpi=100, format="png")


class _Portrait(Camera):
    """A camera that draws arrows forward and up, and looks into the robot on request."""

    def __init__(self, simulation: Simulation, view: str, see_through: bool) -> None:
        super().__init__(simulation, SIDE, view)
        self._view.distance = DISTANCE * simulation.robot.size
        self._view.elevation = -89.0 if view == "above" else self._view.elevation
        light = self._model.vis.headlight  # enough of it, whatever lamps the model has
        light.active, light.ambient[:], light.diffuse[:] = 1, 0.35, 0.35
        if see_through:
            for flag in ("TRANSPARENT", "JOINT", "CONTACTPOINT"):
                self._option.flags[int(getattr(mujoco.mjtVisFlag, f"mjVIS_{flag}"))] = True

    def _decorate(self, data: mujoco.MjData) -> None:
        robot = self._simulation.robot
        length, width = 0.3 * robot.size, 0.015 * robot.size
        geoms = np.isin(robot.mj_model.geom_bodyid, robot.anatomy.bodies)
        base = data.xpos[robot.anatomy.torso].copy()
        base[2] = data.geom_xpos[geoms, 2].max() + 0.15 * robot.size  # where the robot hides nothing
        for direction, color in ((np.array([1.0, 0, 0]), RED), (np.array([0, 0, 1.0]), GREEN)):
            if self._scene.ngeom >= self._scene.maxgeom:
                return
            geom = self._scene.geoms[self._scene.ngeom]
            mujoco.mjv_initGeom(
                geom,
                mujoco.mjtGeom.mjGEOM_ARROW,
                np.zeros(3),
                np.zeros(3),
                np.zeros(9),
                np.array(color, np.float32),
            )
            mujoco.mjv_connector(geom, mujoco.mjtGeom.mjGEOM_ARROW, width, base, base + length * direction)
            self._scene.ngeom += 1
