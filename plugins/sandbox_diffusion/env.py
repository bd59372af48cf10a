"""The environments: an image an episode, or a set of images that are made side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from sandbox.api import ObservationField, batched
from sandbox.api.types import Array, Bools, Json
from sandbox_diffusion.config import DenoisingConfig, SetConfig
from sandbox_diffusion.pictures import tiled
from sandbox_diffusion.process import LIMIT, NOISE_LIMIT, Process
from sandbox_diffusion.quality import distances, features, frechet, judged, make_reference, pixels
from sandbox_diffusion.reward import Transition

CELL = 12
"""Screen pixels a side of a pixel, in pictures of one image."""


class SingleImage:
    """An image an episode; `sandbox.api.BatchedCore`.

    - Observation: ``(d + 1,)``: the noisy image, −6 to 6, and the share of steps that are taken.
    - Action: ``(d,)``: the next image (−6 to 6), or what is added to the pre-trained model's mean in
      standard deviations of the step (−5 to 5); see `DenoisingConfig.action`.
    - Termination: after ``config.steps`` steps.
    """

    render_fps = 8

    def __init__(self, config: DenoisingConfig, num_envs: int) -> None:
        self.config = config
        self.process = Process(config, num_envs)
        self.observation_space, self.action_space = _spaces(config, self.process.size)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """New noise."""
        self.process.begin(np.array([row]), rng)

    def step(self, actions: Array) -> Transition:
        """A step of every image."""
        return self.process.step(actions)

    def observe(self) -> Array:
        """What is seen now."""
        return self.process.observe()

    def ends(self) -> tuple[Bools, bool]:
        """An image is finished after its last step."""
        return self.process.finished, False

    def metrics(self, row: int) -> Mapping[str, float]:
        """What the image is worth."""
        image = self.process.finished_images(np.array([row]))
        return {
            "judged": float(judged(self.config, image)[0]),
            "goal": float(self.process.goal[row]),
            "kl": float(self.process.kl[row]),
        }

    def render(self, row: int) -> Array:
        """The image as it is now."""
        return tiled(pixels(self.process.images[[row]]).reshape(1, *self.process.shape), 1, CELL)

    def get_state(self) -> Json:
        """All that changes."""
        return self.process.get_state()

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        self.process.set_state(state)


class ImageSet:
    """k images an episode, each an agent's, judged together; `sandbox.api.ParallelCore`.

    Spaces are those of `SingleImage` for each agent; all finish at the same step.
    """

    render_fps = 8

    def __init__(self, config: SetConfig, num_envs: int) -> None:
        self.config = config
        self.agents: Sequence[str] = [f"image_{number}" for number in range(config.images)]
        self.process = Process(config, num_envs * config.images)
        self._shape = (num_envs, config.images)
        self.observation_space, self.action_space = _spaces(config, self.process.size)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """New noise for all images."""
        self.process.begin(self._of(row), rng)

    def step(self, actions: Array) -> Transition:
        """A step of every image."""
        happened = self.process.step(actions.reshape(-1, self.process.size))
        diversity = np.zeros(self._shape)
        rows = np.flatnonzero(self.process.finished[:: self.config.images])
        if len(rows):
            diversity[rows] = self.diversity(rows)
        return Transition(happened.goal.reshape(self._shape), happened.kl.reshape(self._shape), diversity)

    def diversity(self, rows: Array) -> Array:
        """Mean distance of each image to the others of its set, share of the pre-trained model's."""
        sets = pixels(self.process.images).reshape(*self._shape, -1)[rows]
        return distances(sets) / make_reference(self.config).distance

    def observe(self) -> Array:
        """What every agent sees."""
        return self.process.observe().reshape(*self._shape, -1)

    def ends(self) -> tuple[Bools, bool]:
        """All images are finished after the last step."""
        return self.process.finished.reshape(self._shape), False

    def metrics(self, row: int) -> Mapping[str, float]:
        """What the set is worth."""
        rows = self._of(row)
        images = self.process.finished_images(rows)
        return {
            "judged": float(judged(self.config, images).mean()),
            "goal": float(self.process.goal[rows].mean()),
            "frechet": frechet(features(images), make_reference(self.config)),
            "diversity": float(self.diversity(np.array([row])).mean()),
            "kl": float(self.process.kl[rows].mean()),
        }

    def render(self, row: int) -> Array:
        """All images as they are now, side by side."""
        images = pixels(self.process.images[self._of(row)]).reshape(-1, *self.process.shape)
        return tiled(images, -(-len(images) // 4) if len(images) < 16 else 8, 4)

    def get_state(self) -> Json:
        """All that changes."""
        return self.process.get_state()

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        self.process.set_state(state)

    def _of(self, row: int) -> Array:
        """The images of an episode."""
        return np.arange(row * self.config.images, (row + 1) * self.config.images)


def observation_fields(env: Any) -> list[ObservationField]:
    """What the numbers of an observation are."""
    process: Process = env.core.process
    image = (
        "of the noisy image, channel by channel and row by row; without noise −1 (black) to 1, "
        f"with it −{LIMIT:g} to {LIMIT:g}"
    )
    return [
        ObservationField("pixel", "half the range of grey", image, shape=process.shape),
        ObservationField("steps taken", "episode", "share of the denoising steps that are taken, 0 to 1"),
    ]


def _spaces(config: DenoisingConfig, size: int) -> tuple[spaces.Box, spaces.Box]:
    """Of one image with d pixels."""
    low = np.append(np.full(size, -LIMIT), 0.0).astype(np.float32)
    high = np.append(np.full(size, LIMIT), 1.0).astype(np.float32)
    limit = NOISE_LIMIT if config.action == "noise" else LIMIT
    return spaces.Box(low, high), spaces.Box(-limit, limit, (size,), np.float32)


make, make_vec = batched(SingleImage)
make_set, make_set_vec = batched(ImageSet)
