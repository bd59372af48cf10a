"""Gymnasium environments of macro placement: one copy, and many in one batch."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_chip import planes
from sandbox_chip.config import ChipConfig
from sandbox_chip.episode import SEED_LIMIT, Episode, Source
from sandbox_chip.grid import CHOICES
from sandbox_chip.reward import Transition

Info = dict[str, Any]


def make(config: ChipConfig, reward: RewardSpec, render_mode: str | None = None) -> ChipEnv:
    """Environment of the task ``chip/placement``."""
    return ChipEnv(config, reward, render_mode)


def make_vec(config: ChipConfig, reward: RewardSpec, num_envs: int) -> ChipVectorEnv:
    """``num_envs`` copies of it, batched natively."""
    return ChipVectorEnv(config, reward, num_envs)


def spaces(config: ChipConfig) -> tuple[gym.spaces.Dict, gym.spaces.Discrete[Any]]:
    """Observation and action space of one copy; see `ChipEnv`."""
    choices, grid = len(CHOICES[config.orientation]), config.grid
    observation = gym.spaces.Dict(
        planes=gym.spaces.Box(0.0, 1.0, (planes.planes_for(choices), grid, grid), np.float32),
        features=gym.spaces.Box(0.0, 100.0, (planes.FEATURES,), np.float32),
    )
    return observation, gym.spaces.Discrete(choices * grid * grid)


class ChipEnv(gym.Env[dict[str, Any], np.int64]):
    """Places the macros of a design one after another, largest first.

    - **Observation**: ``planes``, shape ``(5 + 3 K, grid, grid)`` in [0, 1], row 0 at the bottom: taken
      cells; RUDY congestion over its greatest value; share of the border of the current macro's
      footprint that would touch taken cells or the canvas' edge; legal cells and wire mask of the next
      macro; then for each of the K orientations legal cells, wire mask, and wire mask with all macros
      to come at their expected places (a quadratic placement made at the start). A wire mask is the
      growth of the wirelength for the lower-left corner at each cell, as the root of its share of the
      range; 1 outside the canvas. ``features``, shape ``(18,)``: progress; wirelength so far and
      expected (over a quarter of the unit of wirelength cost); congestion's peak; area to come and
      free share; ranges of both wire masks and share of legal cells; size, degree, share of nets
      already begun and expected place of the current macro; size and area of the next one.
    - **Action**: k · grid² + row · grid + column: the cell of the macro's lower-left corner and its
      orientation. ``info["action_mask"]`` tells the legal ones; any other is moved to the nearest
      legal cell, which ``info["moved"]`` tells.
    - **Reward**: the sum of the task's terms for the macro just placed.
    - **Termination**: all macros are placed, or the next one has no legal cell left.
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
        self.shapes, self.actions = _shapes(observation), int(action.n)
        self.episodes = [Episode(Source(config))]

    @property
    def episode(self) -> Episode:
        """The placement in progress."""
        return self.episodes[0]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], Info]:
        """Begin an episode; its design is drawn from ``np_random`` where designs are generated."""
        super().reset(seed=seed)
        self.episode.begin(int(self.np_random.integers(SEED_LIMIT)))
        observation, mask = self._observe()
        return observation, {"action_mask": mask}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, Info]:
        """Place the next macro."""
        episode = self.episode
        if episode.over:
            raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
        if not 0 <= int(action) < self.actions:
            raise InvalidValueError(f"There is no action {action}.", f"Allowed: 0 to {self.actions - 1}.")
        transition, legal = episode.place(int(action))
        breakdown = self.reward(transition)
        observation, mask = self._observe()
        info: Info = {
            "action_mask": mask,
            "moved": not legal,
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
        """All that `set_state` needs to go on bit by bit."""
        return {"np_random": self.np_random.bit_generator.state, "episode": self.episode.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where `get_state` was called."""
        self.np_random.bit_generator.state = state["np_random"]
        self.episode.set_state(state["episode"])

    def _observe(self) -> tuple[dict[str, Any], Any]:
        observation = {key: np.zeros(shape, np.float32) for key, shape in self.shapes.items()}
        mask = np.zeros(self.actions, np.bool_)
        self.episode.observe(observation["planes"], observation["features"], mask)
        return observation, mask


class ChipVectorEnv(VectorEnv[dict[str, Any], Any, Any]):
    """Many copies of `ChipEnv`; copy i with seed s plays its episode. A copy that ends starts anew.

    Autoreset happens in the same step: the last observation, terms and metrics of a copy that ended
    are in ``final_obs`` and ``final_info``.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, config: ChipConfig, reward: RewardSpec, num_envs: int) -> None:
        self.config, self.reward, self.num_envs = config, reward, num_envs
        observation, action = spaces(config)
        self.single_observation_space, self.single_action_space = observation, action
        self.shapes, self.actions = _shapes(observation), int(action.n)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        source = Source(config)
        self.episodes = [Episode(source) for _ in range(num_envs)]
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], Info]:
        """Start all copies anew; an int seeds copy i with ``seed + i``."""
        if isinstance(seed, (int, np.integer)):
            seed = [int(seed) + copy for copy in range(self.num_envs)]
        for copy, one in enumerate(seed or ()):
            if one is not None:
                self.rngs[copy] = gym.utils.seeding.np_random(one)[0]
        for copy in range(self.num_envs):
            self._begin(copy)
        observation, mask = self._space()
        for copy in range(self.num_envs):
            self._observe(copy, observation, mask)
        return observation, {"action_mask": mask, "_action_mask": np.ones(self.num_envs, bool)}

    def step(self, actions: Any) -> tuple[dict[str, Any], Any, Any, Any, Info]:
        """Place the next macro of every copy."""
        count = self.num_envs
        everyone, ended = np.ones(count, bool), np.zeros(count, bool)
        changes, moved = np.zeros((5, count)), np.zeros(count, bool)
        metrics: dict[str, Any] = {}
        observation, mask = self._space()
        final_obs = np.full(count, None, object)
        for copy, episode in enumerate(self.episodes):
            change, legal = episode.place(int(actions[copy]))
            changes[:, copy] = (
                change.wirelength,
                change.density,
                change.congestion,
                change.dead_end,
                change.proxy,
            )
            moved[copy] = not legal
            if episode.over:
                ended[copy] = True
                for name, value in (episode.metrics or {}).items():
                    metrics.setdefault(name, np.zeros(count))[copy] = value
                self._observe(copy, observation, mask)
                final_obs[copy] = {key: part[copy].copy() for key, part in observation.items()}
                self._begin(copy)
            self._observe(copy, observation, mask)
        breakdown = self.reward(Transition(*changes))
        # A constant term (weightless in every copy) may come back as one number.
        terms = {name: np.broadcast_to(value, (count,)) for name, value in breakdown.terms.items()}
        info: Info = {
            "reward_terms": _with_presence(terms, everyone),
            "_reward_terms": everyone,
            "moved": moved,
            "_moved": everyone,
            "action_mask": mask,
            "_action_mask": everyone,
        }
        if ended.any():
            last = {
                "reward_terms": _with_presence(terms, ended),
                "_reward_terms": ended,
                "metrics": _with_presence(metrics, ended),
                "_metrics": ended,
            }
            info |= {"final_obs": final_obs, "_final_obs": ended, "final_info": last, "_final_info": ended}
        return observation, np.asarray(breakdown.total, float), ended, np.zeros(count, bool), info

    def get_state(self) -> dict[str, Any]:
        """All that `set_state` needs to go on bit by bit."""
        return {
            "copies": [
                {"np_random": rng.bit_generator.state, "episode": episode.get_state()}
                for rng, episode in zip(self.rngs, self.episodes, strict=True)
            ]
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where `get_state` was called."""
        for copy, own in enumerate(state["copies"]):
            self.rngs[copy].bit_generator.state = own["np_random"]
            self.episodes[copy].set_state(own["episode"])

    def _begin(self, copy: int) -> None:
        self.episodes[copy].begin(int(self.rngs[copy].integers(SEED_LIMIT)))

    def _space(self) -> tuple[dict[str, Any], Any]:
        mask = np.empty((self.num_envs, self.actions), np.bool_)
        observation = {
            key: np.empty((self.num_envs, *shape), np.float32) for key, shape in self.shapes.items()
        }
        return observation, mask

    def _observe(self, copy: int, observation: dict[str, Any], mask: Any) -> None:
        self.episodes[copy].observe(observation["planes"][copy], observation["features"][copy], mask[copy])


def _shapes(space: gym.spaces.Dict) -> dict[str, tuple[int, ...]]:
    return {key: tuple(part.shape or ()) for key, part in space.spaces.items()}


def _with_presence(values: dict[str, Any], present: Any) -> dict[str, Any]:
    """Gymnasium's form of batched infos: beside every ``key`` a boolean ``_key``."""
    return values | {f"_{name}": present for name in values}
