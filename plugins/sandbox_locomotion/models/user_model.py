"""A user's own MJCF or URDF file: read under guard, compiled in a process of its own, see `compiling`."""

from __future__ import annotations

from pathlib import Path

from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.models import terrain
from sandbox_locomotion.models.compiling import CompiledModel, compile_files
from sandbox_locomotion.models.files import read_model_files
from sandbox_locomotion.models.preparation import Preparation
from sandbox_locomotion.robots import ROBOTS


def load_user_model(config: LocomotionConfig) -> CompiledModel:
    """The model that a config names, with ground and terrain.

    Raises:
        BrokenFileError: If a file of it is refused, or MuJoCo cannot read it, with file and line.
        InvalidValueError: If it lies outside its folder.
    """
    path = Path(config.model)
    files = read_model_files(path, Path(config.model_folder) if config.model_folder else None)
    preparation = Preparation(
        urdf=files.urdf,
        ground=ROBOTS[config.robot].root != "planar",
        terrain=config.terrain,
        terrain_top=terrain.max_height(config),
        renamed=files.renamed,
    )
    return compile_files(files, preparation, path)
