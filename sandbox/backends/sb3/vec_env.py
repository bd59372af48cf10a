"""A Gymnasium vector environment as Stable-Baselines3's `VecEnv`.

The two differ in how an episode ends. SB3 expects, in the step that ends it, the first observation of
the next episode, the last one in ``info["terminal_observation"]``, and ``info["TimeLimit.truncated"]``
where it was cut off rather than finished: then, and only then, SB3 bootstraps from its value.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from sandbox.api.errors import MisfitError, PluginError
from sandbox.api.types import Array, Info, Json, Observation, VectorEnvironment
from sandbox.backends.sb3.spaces import (
    SB3Observation,
    action_writer,
    observation_reader,
    sb3_action_space,
    sb3_observation_space,
)

Rows = slice | NDArray[np.bool_]
"""Rows of a batch: a slice, or a boolean array of shape ``(num_envs,)``."""

NO_INFO: Json = {}
"""The info of rows whose episode goes on."""


class VecEnvAdapter(VecEnv):
    """Every row of a Gymnasium vector environment as one of SB3's environments.

    The wrapped environment is not closed by this adapter: the caller that made it closes it.

    Args:
        envs: In SAME_STEP autoreset mode, or DISABLED, in which case the adapter resets ended rows
            with ``reset(options={"reset_mask": …})``. Already seeded.
        masks: Whether the task gives action masks, in ``info["action_mask"]`` of every reset and step.

    Attributes:
        active: Shape ``(num_envs,)``, false for rows whose agent has left. Such a row's steps belong to
            no episode, and the step in which the agent comes back ends them, so that no return or
            advantage is carried across. SB3 does not know absent agents: the padding of these
            rows still fills its buffers and is learned from like other transitions.

    Raises:
        MisfitError: For NEXT_STEP autoreset or spaces that SB3 cannot use.
    """

    def __init__(self, envs: VectorEnvironment, masks: bool = False) -> None:
        self.envs = envs
        self._resets_itself = _resets_itself(envs)
        self._masked = masks
        self._masks: NDArray[np.bool_] | None = None
        self._read = observation_reader(envs.single_observation_space)
        self._write = action_writer(envs.single_action_space)
        self._actions: Array | None = None
        super().__init__(
            envs.num_envs,
            sb3_observation_space(envs.single_observation_space),
            sb3_action_space(envs.single_action_space),
        )
        self.active = np.ones(self.num_envs, dtype=np.bool_)
        self._all_active = True
        self._returns = np.zeros(self.num_envs)
        self._steps = 0
        self._began = np.zeros(self.num_envs, dtype=np.int64)  # value of _steps when the episode began
        self._started = time.perf_counter()

    def reset(self) -> VecEnvObs:
        """Start an episode in every row.

        Returns:
            Observations of shape ``(num_envs, *observation_shape)``, or a dict of such arrays.
        """
        observation, info = self.envs.reset()
        self._begin_episodes(slice(None))
        self.active = _flags(info, "active", self.num_envs)
        self._all_active = bool(self.active.all())
        self._take_masks(info, slice(None))
        return self._read(observation)

    def step_async(self, actions: Array) -> None:
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step every row.

        Returns:
            Observations, rewards (float32), dones, and one info a row; rows whose episode goes on
            share one empty info.
        """
        assert self._actions is not None
        task_observation, rewards, terminated, truncated, last_info = self.envs.step(
            self._write(self._actions)
        )
        info: Info = last_info
        dones = np.logical_or(terminated, truncated)
        # A copy, because SB3 adds the bootstrapped value to the rewards in place.
        rewards = np.array(rewards, dtype=np.float32)
        self._returns += rewards
        self._steps += 1
        infos = [NO_INFO] * self.num_envs
        observation = self._read(task_observation)
        any_done = bool(dones.any())
        if any_done:
            final = info.get("final_obs") if self._resets_itself else task_observation
            for row in np.flatnonzero(dones & self.active).tolist():
                infos[row] = self._last_info(row, final, bool(truncated[row] and not terminated[row]))
            self._begin_episodes(dones)
        if any_done and not self._resets_itself:
            observation, info = self._restart(observation, info, dones)
        else:
            self._take_masks(info, slice(None))
        if not self._all_active or "active" in info:
            dones = self._follow_agents(info, dones)
        return observation, rewards, dones, infos

    def read(self, observation: Observation) -> SB3Observation:
        """A batch of the task's observations in SB3's form."""
        return self._read(observation)

    def written(self, actions: Array) -> Array:
        """A batch of SB3's actions in the task's form."""
        return self._write(actions)

    def state(self) -> Json:
        """The state that persists between steps; see `restore`."""
        return {
            "returns": self._returns.copy(),
            "steps": self._steps,
            "began": self._began.copy(),
            "active": self.active.copy(),
            "masks": None if self._masks is None else self._masks.copy(),
        }

    def restore(self, state: Json) -> None:
        """Continue from a `state`, over environments that have been restored to the same moment."""
        self._returns, self._steps, self._began = state["returns"], state["steps"], state["began"]
        self.active, self._masks = state["active"], state["masks"]
        self._all_active = bool(self.active.all())

    def _begin_episodes(self, rows: Rows) -> None:
        self._returns[rows] = 0
        self._began[rows] = self._steps

    def _last_info(self, row: int, final: Observation | None, truncated: bool) -> Json:
        if final is None:
            raise PluginError("The environment ended an episode without info['final_obs'].")
        last = {key: part[row] for key, part in final.items()} if isinstance(final, Mapping) else final[row]
        return {
            "terminal_observation": self._read(last),
            "TimeLimit.truncated": truncated,
            "episode": {
                "r": float(self._returns[row]),
                "l": int(self._steps - self._began[row]),
                "t": time.perf_counter() - self._started,
            },
        }

    def _restart(
        self, observation: SB3Observation, info: Info, dones: NDArray[np.bool_]
    ) -> tuple[SB3Observation, Info]:
        """Begin the next episode in ended rows of an environment that does not do so itself."""
        self._take_masks(info, ~dones)
        task_observation, first_info = self.envs.reset(options={"reset_mask": dones.copy()})
        first = self._read(task_observation)
        if isinstance(observation, dict):
            for key, part in observation.items():
                part[dones] = first[key][dones]
        else:
            assert not isinstance(first, dict)
            observation[dones] = first[dones]
        self._take_masks(first_info, dones)
        active = _flags(info, "active", self.num_envs)
        active[dones] = _flags(first_info, "active", self.num_envs)[dones]
        return observation, {"active": active}

    def _follow_agents(self, info: Info, dones: NDArray[np.bool_]) -> NDArray[np.bool_]:
        active = _flags(info, "active", self.num_envs)
        returned = active & ~self.active
        self._begin_episodes(~active | returned)
        self.active = active
        self._all_active = bool(active.all())
        return dones | returned

    def _take_masks(self, info: Info, rows: Rows) -> None:
        if not self._masked:
            return
        masks = info.get("action_mask")
        if masks is None:
            raise PluginError("The task declares action masks, but its info holds no 'action_mask'.")
        if self._masks is None:
            self._masks = np.array(masks, dtype=np.bool_)
        else:
            self._masks[rows] = masks[rows]

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed next, shape ``(num_envs, n)``."""
        if self._masks is None:
            raise AttributeError("this environment has no action masks")
        return self._masks.copy()

    def env_method(
        self,
        method_name: str,
        *method_args: object,
        indices: VecEnvIndices = None,
        **method_kwargs: object,
    ) -> list[Array]:
        """Call ``action_masks``, as MaskablePPO does; there is no other method."""
        if method_name != "action_masks":
            raise AttributeError(f"environment rows have no method {method_name!r}")
        masks = self.action_masks()
        return [masks[row] for row in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        rows: Iterable[int] = self._get_indices(indices)
        if attr_name == "render_mode":
            return [None for _ in rows]
        if attr_name == "action_masks" and self._masked:
            return [self.action_masks for _ in rows]
        raise AttributeError(f"environment rows have no attribute {attr_name!r}")

    def set_attr(self, attr_name: str, value: object, indices: VecEnvIndices = None) -> None:
        raise AttributeError("environment rows take no attributes")

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Do nothing: the vector environment came seeded with the scenario's training seeds."""
        return [None] * self.num_envs

    def close(self) -> None:
        """Do nothing: the caller that made the vector environment closes it."""


def _resets_itself(envs: VectorEnvironment) -> bool:
    mode = envs.metadata.get("autoreset_mode")
    mode = AutoresetMode(mode) if isinstance(mode, str) else mode
    if mode not in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
        raise MisfitError(
            f"Stable-Baselines3 cannot be trained on a vector environment whose autoreset mode is {mode}.",
            "Make it with autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP.",
        )
    return bool(mode is AutoresetMode.SAME_STEP)


def _flags(info: Info, key: str, rows: int) -> NDArray[np.bool_]:
    """``info[key]`` as booleans of shape ``(rows,)``, all true if absent."""
    if key not in info:
        return np.ones(rows, dtype=np.bool_)
    return np.array(info[key], dtype=np.bool_)
