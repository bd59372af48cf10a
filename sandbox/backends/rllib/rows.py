"""A vector environment as RLlib's networks see it: rows of numbers in, raw draws out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sandbox.api.errors import PluginError
from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.observations import batch_of_one, flat_size, flatten

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of all rows.

    Attributes:
        rows: Observations after it, shape ``(n, size)``; of a new episode where one ended.
        rewards: Scaled, shape ``(n,)``, float32.
        terminated: Shape ``(n,)``.
        truncated: Shape ``(n,)``, false where terminated.
        last: By row whose episode ended, its true last observation.
    """

    rows: Array
    rewards: Array
    terminated: Array
    truncated: Array
    last: dict[int, Array]


class Rows(VectorEnv[Any, Any, Any]):
    """Rows of numbers over any vector environment in SAME_STEP autoreset mode.

    Args:
        envs: Closed with this.
        reward_scale: Factor on rewards.

    Attributes:
        size: Numbers in a row.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any], reward_scale: float) -> None:
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

    def begin(self) -> Array:
        """Start an episode in every row, on the training seeds that the environments have."""
        observation, _ = self.envs.reset()
        return flatten(self.envs.single_observation_space, observation)

    def play(self, draws: Array) -> Step:
        """Step every row with raw draws, shape ``(n,)`` or ``(n, k)``."""
        space = self.envs.single_observation_space
        actions = self._distribution.action(draws.reshape(self.num_envs, -1))
        observation, rewards, terminated, truncated, info = self.envs.step(actions)
        terminated = np.array(terminated, np.bool_)
        truncated = np.asarray(truncated, np.bool_) & ~terminated
        last = {
            row: flatten(space, batch_of_one(info["final_obs"][row]))[0]
            for row in np.flatnonzero(terminated | truncated).tolist()
        }
        scaled = np.asarray(np.asarray(rewards, np.float64) * self._scale, np.float32)
        return Step(flatten(space, observation), scaled, terminated, truncated, last)

    def drain(self) -> Any:
        """What has ended since the last call, where the environments keep it; see `RemoteEnvs`."""
        drain = getattr(self.envs, "drain", None)
        return drain() if drain is not None else []

    def close(self, **options: Any) -> None:
        """Close the environments."""
        self.envs.close(**options)


def flat_observations(space: gym.Space[Any]) -> gym.spaces.Box:
    """Space of a flattened, normalised observation."""
    return gym.spaces.Box(-np.inf, np.inf, (flat_size(space),), np.float32)


def raw_actions(space: gym.Space[Any]) -> gym.Space[Any]:
    """Space of raw draws: choices counted from zero, or numbers without bounds.

    RLlib must not scale or clip them: `sandbox.backends.actors.distributions` does, here and in the
    policy that is saved.
    """
    if isinstance(space, gym.spaces.Discrete):
        return gym.spaces.Discrete(int(space.n))
    if isinstance(space, gym.spaces.MultiDiscrete):
        return gym.spaces.MultiDiscrete(space.nvec.ravel())
    return gym.spaces.Box(-np.inf, np.inf, (distribution_for(space).size // 2,), np.float32)
