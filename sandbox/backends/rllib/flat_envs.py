"""A vector environment as RLlib's networks see it: flat observations and raw draws instead of actions."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sandbox.api.errors import PluginError
from sandbox.api.types import Array, Space, VectorEnvironment
from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.observations import as_batch, flat_size, flatten


@dataclass(frozen=True, slots=True)
class Step:
    """One step of all rows.

    Attributes:
        rows: Observations after it, shape ``(n, size)``; of a new episode where one ended.
        rewards: Scaled, shape ``(n,)``, float32.
        terminated: Shape ``(n,)``.
        truncated: Shape ``(n,)``, false where terminated.
        last: The true last observation of each row whose episode ended, by row.
    """

    rows: NDArray[np.float32]
    rewards: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    last: dict[int, NDArray[np.float32]]


class FlatEnvs(VectorEnvironment):
    """Flat observations over any vector environment in SAME_STEP autoreset mode.

    Args:
        envs: Closed with this.
        reward_scale: Factor on rewards.

    Attributes:
        size: Numbers in a flat observation.
    """

    def __init__(self, envs: VectorEnvironment, reward_scale: float) -> None:
        if envs.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP:
            raise PluginError("rllib-ppo plays environments in SAME_STEP autoreset mode only.")
        self.envs = envs
        self.num_envs = envs.num_envs
        self.size = flat_size(envs.single_observation_space)
        self._distribution = distribution_for(envs.single_action_space)
        self._scale = reward_scale
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = flat_observations(envs.single_observation_space)
        self.single_action_space = raw_actions(envs.single_action_space)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def start(self) -> NDArray[np.float32]:
        """Start an episode in every row, on the training seeds that the environments have."""
        observation, _ = self.envs.reset()
        return flatten(self.envs.single_observation_space, observation)

    def advance(self, draws: Array) -> Step:
        """Step every row with raw draws, shape ``(n,)`` or ``(n, k)``."""
        space = self.envs.single_observation_space
        actions = self._distribution.action(draws.reshape(self.num_envs, -1))
        observation, rewards, terminated, truncated, info = self.envs.step(actions)
        terminated = np.array(terminated, np.bool_)
        truncated = np.asarray(truncated, np.bool_) & ~terminated
        last = {
            row: flatten(space, as_batch(info["final_obs"][row]))[0]
            for row in np.flatnonzero(terminated | truncated).tolist()
        }
        scaled = np.asarray(np.asarray(rewards, np.float64) * self._scale, np.float32)
        return Step(flatten(space, observation), scaled, terminated, truncated, last)

    def drain(self) -> list[object]:
        """Episodes that have ended since the last call; see `sandbox.api.algorithm.RemoteEnvs`."""
        drain = getattr(self.envs, "drain", None)
        return drain() if drain is not None else []

    def close(self, **options: object) -> None:
        """Close the environments."""
        self.envs.close(**options)


def flat_observations(space: Space) -> gym.spaces.Box:
    """Space of a flattened, normalised observation."""
    return gym.spaces.Box(-np.inf, np.inf, (flat_size(space),), np.float32)


def raw_actions(space: Space) -> Space:
    """Space of raw draws: choices counted from zero, or numbers without bounds.

    RLlib must not scale or clip them: `sandbox.backends.actors.distributions` does, in training and in the
    saved policy.
    """
    if isinstance(space, gym.spaces.Discrete):
        return gym.spaces.Discrete(int(space.n))
    if isinstance(space, gym.spaces.MultiDiscrete):
        return gym.spaces.MultiDiscrete(space.nvec.ravel())
    return gym.spaces.Box(-np.inf, np.inf, (distribution_for(space).size // 2,), np.float32)
