"""The Gymnasium environment of macro placement; many in one batch are in `sandbox_chip.vector_env`."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, ObservationField, RewardSpec
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import DesignSource
from sandbox_chip.episode import SEED_LIMIT, Episode
from sandbox_chip.observations import NUM_FEATURES, fields, num_planes
from sandbox_chip.problem import CHOICES
from sandbox_chip.types import Bools

Observation = dict[str, NDArray[np.float32]]
Info = dict[str, Any]


def make(config: ChipConfig, reward: RewardSpec, render_mode: str | None = None) -> ChipEnv:
    """Environment of the task ``chip/placement``."""
    return ChipEnv(config, reward, render_mode)


def spaces(config: ChipConfig) -> tuple[gym.spaces.Dict, gym.spaces.Discrete[np.int64]]:
    """Observation and action space of one environment; see `ChipEnv`."""
    choices, grid = len(CHOICES[config.orientation]), config.grid
    observation = gym.spaces.Dict(
        planes=gym.spaces.Box(0.0, 1.0, (num_planes(choices), grid, grid), np.float32),
        features=gym.spaces.Box(0.0, 100.0, (NUM_FEATURES,), np.float32),
    )
    return observation, gym.spaces.Discrete(choices * grid * grid)


def observation_fields(env: ChipEnv) -> list[ObservationField]:
    """What the numbers of an observation are."""
    return fields(len(CHOICES[env.config.orientation]), env.config.grid)


class ChipEnv(gym.Env[dict[str, Any], np.int64]):
    """Places the macros of a design one after another, largest first.

    **Observation**, a dict; K is the number of orientations to choose from, and every plane and feature is
    described in `sandbox_chip.observations.observe`:

    - ``planes``, shape ``(5 + 3 K, grid, grid)``, in [0, 1], row 0 at the bottom: occupied cells, congestion,
      contact with occupied cells, legal cells and wire mask of the next macro; then for each orientation of
      the current macro legal cells, wire mask, and wire mask with all macros to come at their expected
      places.
    - ``features``, shape ``(18,)``, in [0, 100]: progress, wirelength so far and expected, congestion, area,
      ranges of the wire masks, and size, degree and expected place of the current macro.

    **Action**: ``k · grid² + row · grid + column``: the cell of the macro's lower-left corner and its
    orientation. ``info["action_mask"]``, shape ``(K · grid²,)``, is true for the legal ones; for any other
    the macro goes to the nearest legal cell, and ``info["moved"]`` is true.

    **Reward**: the sum of the task's terms (`sandbox_chip.reward`) for the macro just placed.

    **Termination**: all macros are placed, or the next one has no legal cell left; never truncated.

    Args:
        config: Design, grid and costs.
        reward: Terms and weights.
        render_mode: None or ``rgb_array``.

    Raises:
        InvalidValueError: For an unknown render mode, or a design that does not fit the grid.
        BrokenFileError: For a design's file that cannot be read.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}  # noqa: RUF012

    def __init__(self, config: ChipConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InvalidValueError(
                f"Chip placement cannot render as '{render_mode}'.", "It offers rgb_array."
            )
        self.config, self.reward, self.render_mode = config, reward, render_mode
        observation, action = spaces(config)
        self.observation_space, self.action_space = observation, action
        self.shapes, self.num_actions = shapes_of(observation), int(action.n)
        self.episodes = [Episode(DesignSource(config))]

    @property
    def episode(self) -> Episode:
        """The placement in progress."""
        return self.episodes[0]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode; its design is drawn from ``np_random`` where designs are generated."""
        super().reset(seed=seed)
        self.episode.begin(int(self.np_random.integers(SEED_LIMIT)))
        observation, mask = self._observe()
        return observation, {"action_mask": mask}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, Info]:
        """Place the next macro.

        Raises:
            gymnasium.error.ResetNeeded: If the episode has ended or has not begun.
            InvalidValueError: For an action outside the action space.
        """
        episode = self.episode
        if episode.over:
            raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
        if not 0 <= int(action) < self.num_actions:
            raise InvalidValueError(f"There is no action {action}.", f"Allowed: 0 to {self.num_actions - 1}.")
        transition = episode.place(int(action))
        breakdown = self.reward(transition)
        observation, mask = self._observe()
        info: Info = {
            "action_mask": mask,
            "moved": not transition.step.legal,
            "reward_terms": {name: float(value) for name, value in breakdown.terms.items()},
        }
        if episode.metrics is not None:
            info["metrics"] = dict(episode.metrics)
        return observation, float(breakdown.total), episode.over, False, info

    def render(self) -> Any:
        """The placement so far as an image, shape ``(height, width, 3)``, uint8."""
        if self.render_mode is None:
            return None
        from sandbox_chip.render import frame

        return frame(self.episode)

    def get_state(self) -> dict[str, Any]:
        """All that `set_state` needs to continue bit by bit."""
        return {"np_random": self.np_random.bit_generator.state, "episode": self.episode.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called."""
        self.np_random.bit_generator.state = state["np_random"]
        self.episode.set_state(state["episode"])

    def _observe(self) -> tuple[Observation, Bools]:
        observation = {key: np.zeros(shape, np.float32) for key, shape in self.shapes.items()}
        mask = np.zeros(self.num_actions, np.bool_)
        self.episode.observe(observation["planes"], observation["features"], mask)
        return observation, mask


def shapes_of(space: gym.spaces.Dict) -> dict[str, tuple[int, ...]]:
    """Shape of each part of a Dict space."""
    return {key: tuple(part.shape or ()) for key, part in space.spaces.items()}
