"""The environments of macro placement: `sandbox.api.batched` makes the single one and the batch of a core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api import ObservationField, batched
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import DesignSource
from sandbox_chip.episode import SEED_LIMIT, Episode
from sandbox_chip.observations import NUM_FEATURES, fields, num_planes
from sandbox_chip.problem import CHOICES
from sandbox_chip.reward import Transition
from sandbox_chip.types import Bools

Observation = dict[str, NDArray[np.float32]]
Info = dict[str, Any]


def spaces(config: ChipConfig) -> tuple[gym.spaces.Dict, gym.spaces.Discrete[np.int64]]:
    """Observation and action space of one environment; see `ChipCore`."""
    choices, grid = len(CHOICES[config.orientation]), config.grid
    observation = gym.spaces.Dict(
        planes=gym.spaces.Box(0.0, 1.0, (num_planes(choices), grid, grid), np.float32),
        features=gym.spaces.Box(0.0, 100.0, (NUM_FEATURES,), np.float32),
    )
    return observation, gym.spaces.Discrete(choices * grid * grid)


def observation_fields(env: Any) -> list[ObservationField]:
    """What the numbers of an observation are."""
    return fields(len(CHOICES[env.config.orientation]), env.config.grid)


class ChipCore:
    """Places the macros of a design one after another, largest first; `sandbox.api.BatchedCore`.

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
        num_envs: Placements side by side.

    Attributes:
        episodes: The placements in progress, one a row.

    Raises:
        InvalidValueError: For a design that does not fit the grid.
        BrokenFileError: For a design's file that cannot be read.
    """

    def __init__(self, config: ChipConfig, num_envs: int) -> None:
        self.config = config
        self.observation_space, self.action_space = spaces(config)
        source = DesignSource(config)
        self.episodes = [Episode(source) for _ in range(num_envs)]
        self._shapes = {key: tuple(part.shape or ()) for key, part in self.observation_space.spaces.items()}
        self._moved = np.zeros(num_envs, np.bool_)
        self._mask = np.zeros((num_envs, int(self.action_space.n)), np.bool_)

    @property
    def episode(self) -> Episode:
        """The placement in the first row: all there is in a single environment."""
        return self.episodes[0]

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Begin an episode; its design is drawn where designs are generated."""
        self.episodes[row].begin(int(rng.integers(SEED_LIMIT)))
        self._moved[row] = False

    def step(self, actions: NDArray[np.int64]) -> list[Transition]:
        """Place the next macro in every row."""
        transitions = [
            episode.place(action) for episode, action in zip(self.episodes, actions.tolist(), strict=True)
        ]
        self._moved[:] = [not transition.step.legal for transition in transitions]
        return transitions

    def observe(self) -> Observation:
        """What is seen in every row; also finds what `masks` gives."""
        return self.observe_rows(range(len(self.episodes)))

    def observe_rows(self, rows: Any) -> Observation:
        """The same for some rows."""
        seen = {key: np.empty((len(rows), *shape), np.float32) for key, shape in self._shapes.items()}
        for place, row in enumerate(rows):
            self.episodes[row].observe(seen["planes"][place], seen["features"][place], self._mask[row])
        return seen

    def masks(self) -> Bools:
        """Legal places of the macros to be placed next, shape ``(num_envs, K · grid²)``."""
        return self._mask

    def info(self) -> Info:
        """Whether the last macro went elsewhere than asked."""
        return {"moved": self._moved}

    def ends(self) -> tuple[Bools, bool]:
        """Which placements have come to their end."""
        return np.array([episode.over for episode in self.episodes]), False

    def metrics(self, row: int) -> Mapping[str, float]:
        """Of the placement that has just been finished."""
        return self.episodes[row].metrics or {}

    def render(self, row: int) -> Any:
        """The placement so far as an image, shape ``(height, width, 3)``, uint8."""
        from sandbox_chip.render import frame

        return frame(self.episodes[row])

    def action_text(self, action: Any, row: int = 0) -> str:
        """An action as where which macro goes, with its orientation where there is a choice."""
        return self.episodes[row].action_text(int(action))

    def get_state(self) -> Info:
        """Seeds of the designs and places of their macros."""
        return {"episodes": [episode.get_state() for episode in self.episodes], "moved": self._moved.copy()}

    def set_state(self, state: Info) -> None:
        """Make the designs again and place their macros again."""
        for episode, saved in zip(self.episodes, state["episodes"], strict=True):
            episode.set_state(saved)
        self._moved[:] = state["moved"]

    def upgrade_state(self, state: Info) -> Info:
        """States that were saved before these environments were made from a core."""
        if "core" in state:
            return state
        rows = state.get("copies", [state])
        core = {"episodes": [row["episode"] for row in rows], "moved": np.zeros(len(rows), np.bool_)}
        generators = [row["np_random"] for row in rows]
        return {"core": core, "generators": generators, "generator": generators[0], "running": True}


make, make_vec = batched(ChipCore)
