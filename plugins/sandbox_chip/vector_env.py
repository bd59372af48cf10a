"""Many environments of macro placement in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sandbox.api import RewardSpec
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import DesignSource
from sandbox_chip.env import Info, Observation, shapes_of, spaces
from sandbox_chip.episode import SEED_LIMIT, Episode
from sandbox_chip.types import Bools, Floats


def make_vec(config: ChipConfig, reward: RewardSpec, num_envs: int) -> ChipVectorEnv:
    """``num_envs`` environments of the task ``chip/placement``, batched natively."""
    return ChipVectorEnv(config, reward, num_envs)


class ChipVectorEnv(VectorEnv[Observation, Any, NDArray[Any]]):
    """``num_envs`` environments; environment i with seed s plays the episode of `ChipEnv` with seed s.

    An environment whose episode ends is reset in the same step: its last observation, reward terms and
    metrics are in ``info["final_obs"]`` and ``info["final_info"]``.

    Args:
        config: Design, grid and costs.
        reward: Terms and weights.
        num_envs: Number of environments.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, config: ChipConfig, reward: RewardSpec, num_envs: int) -> None:
        self.config, self.reward, self.num_envs = config, reward, num_envs
        observation, action = spaces(config)
        self.single_observation_space, self.single_action_space = observation, action
        self.shapes, self.num_actions = shapes_of(observation), int(action.n)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        source = DesignSource(config)
        self.episodes = [Episode(source) for _ in range(num_envs)]
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, Info]:
        """Begin an episode in every environment; an int seeds environment i with ``seed + i``."""
        if isinstance(seed, (int, np.integer)):
            seed = [int(seed) + index for index in range(self.num_envs)]
        for index, env_seed in enumerate(seed or ()):
            if env_seed is not None:
                self.rngs[index] = gym.utils.seeding.np_random(env_seed)[0]
        for index in range(self.num_envs):
            self._begin(index)
        observation, mask = self._empty_batch()
        for index in range(self.num_envs):
            self._observe(index, observation, mask)
        return observation, {"action_mask": mask, "_action_mask": np.ones(self.num_envs, bool)}

    def step(self, actions: Any) -> tuple[Observation, Floats, Bools, Bools, Info]:
        """Place the next macro in every environment."""
        ended, moved = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        final_obs = np.full(self.num_envs, None, object)
        transitions = []
        observation, mask = self._empty_batch()
        for index, episode in enumerate(self.episodes):
            transition = episode.place(int(actions[index]))
            transitions.append(transition)
            moved[index] = not transition.step.legal
            if episode.over:
                ended[index] = True
                self._observe(index, observation, mask)
                final_obs[index] = {key: part[index].copy() for key, part in observation.items()}
                self._begin(index)
            self._observe(index, observation, mask)
        terms = {
            term.name: np.array([term.fn(transition) for transition in transitions], float)
            for term in self.reward.terms
        }
        everyone = np.ones(self.num_envs, bool)
        info: Info = {
            "reward_terms": _with_presence(terms, everyone),
            "_reward_terms": everyone,
            "moved": moved,
            "_moved": everyone,
            "action_mask": mask,
            "_action_mask": everyone,
        }
        if ended.any():
            metrics = _batched([transition.metrics for transition in transitions])
            final_info = {
                "reward_terms": _with_presence(terms, ended),
                "_reward_terms": ended,
                "metrics": _with_presence(metrics, ended),
                "_metrics": ended,
            }
            info |= {
                "final_obs": final_obs,
                "_final_obs": ended,
                "final_info": final_info,
                "_final_info": ended,
            }
        rewards: Floats = self.reward.total(terms)
        return observation, rewards, ended, np.zeros(self.num_envs, bool), info

    def get_state(self) -> dict[str, Any]:
        """All that `set_state` needs to continue bit by bit."""
        return {
            "copies": [  # the name of this list in training states that are already saved
                {"np_random": rng.bit_generator.state, "episode": episode.get_state()}
                for rng, episode in zip(self.rngs, self.episodes, strict=True)
            ]
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called."""
        for index, env_state in enumerate(state["copies"]):
            self.rngs[index].bit_generator.state = env_state["np_random"]
            self.episodes[index].set_state(env_state["episode"])

    def _begin(self, index: int) -> None:
        self.episodes[index].begin(int(self.rngs[index].integers(SEED_LIMIT)))

    def _empty_batch(self) -> tuple[Observation, Bools]:
        """Arrays for the observations and masks of all environments."""
        mask = np.empty((self.num_envs, self.num_actions), np.bool_)
        observation = {
            key: np.empty((self.num_envs, *shape), np.float32) for key, shape in self.shapes.items()
        }
        return observation, mask

    def _observe(self, index: int, observation: Observation, mask: Bools) -> None:
        episode = self.episodes[index]
        episode.observe(observation["planes"][index], observation["features"][index], mask[index])


def _batched(metrics: Sequence[Mapping[str, float] | None]) -> dict[str, Floats]:
    """Metrics by name, shape ``(num_envs,)`` each; 0 where an episode has not ended."""
    batch: dict[str, Floats] = {}
    for index, values in enumerate(metrics):
        for name, value in (values or {}).items():
            batch.setdefault(name, np.zeros(len(metrics)))[index] = value
    return batch


def _with_presence(values: Mapping[str, Any], present: Bools) -> dict[str, Any]:
    """Gymnasium's form of batched infos: a boolean ``_key`` for every ``key``."""
    return {**values, **{f"_{name}": present for name in values}}
