"""The start of a scenario's episodes as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.api.errors import InvalidValueError

if TYPE_CHECKING:
    from sandbox.scenarios.resolve import ResolvedScenario


def draw_start(scenario: ResolvedScenario, path: Path) -> None:
    """Write the task's own picture of a scenario, or else the first rendered image of an episode.

    Raises:
        InvalidValueError: If the file is no PNG file, cannot be written, or the task draws no pictures.
    """
    from sandbox.registry.resolve import resolve

    if path.suffix.lower() != ".png":
        raise InvalidValueError(f"--picture {path}: pictures are PNG files.", "End its name with .png.")
    draw = resolve(scenario.task.picture)
    try:
        if draw is not None:
            draw(scenario.evaluation_config, path)
        else:
            _draw_first_image(scenario, path)
    except OSError as error:
        raise InvalidValueError(f"--picture {path} cannot be written: {error.strerror}.") from None


def _draw_first_image(scenario: ResolvedScenario, path: Path) -> None:
    from sandbox.envs.make import make
    from sandbox.outputs.render import write_picture

    env = make(scenario)
    modes = env.metadata.get("render_modes", ())
    env.close()
    if "rgb_array" not in modes:
        raise InvalidValueError(f"{scenario.spec.task} draws no pictures.", "Leave --picture out.")
    env = make(scenario, render_mode="rgb_array")
    try:
        env.reset(seed=scenario.spec.evaluation.seeds.test[0])
        write_picture(path, env.render())
    finally:
        env.close()
