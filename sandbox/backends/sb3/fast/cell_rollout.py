"""Rollouts of policies that look at images, without SB3's copies of what takes hundreds of megabytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer, MaskableRolloutBuffer
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer

from sandbox.api.types import Array, Space
from sandbox.backends.sb3.convolution import Images


class _Stack:
    """The images of a rollout; indices give `Images`."""

    def __init__(self, images: NDArray[np.float32]) -> None:
        self.images = torch.from_numpy(images)

    def __getitem__(self, rows: NDArray[np.int64]) -> Images:
        return Images(self.images, torch.from_numpy(rows))


class _LeanRollout(RolloutBuffer):
    """Gives the minibatches that SB3's buffers give, with images left where they are: as `Images`.

    SB3's ask the system for the memory of every rollout anew, copy each observation twice, the whole rollout
    so that steps of a row lie side by side, and every minibatch.
    """

    action_masks: Array
    _memory: Any = None
    """Observations, and masks where there are any, shape ``(steps, rows, …)``; kept for the next rollout."""

    def reset(self) -> None:
        """Begin a rollout."""
        super().reset()
        masked = hasattr(self, "action_masks")
        if self._memory is None:
            seen: Any = self.observations
            masks = np.empty(self.action_masks.shape if masked else 0, np.bool_)
            self._memory = dict(seen) if isinstance(seen, dict) else seen, masks
        seen, masks = self._memory
        self.observations = dict(seen) if isinstance(seen, dict) else seen  # type: ignore[assignment]
        if masked:
            self.action_masks = masks
            self.action_masks[:] = True

    def add(self, *args: Any, action_masks: Array | None = None, **kwargs: Any) -> None:
        """Add a step of every row."""
        assert not kwargs
        obs, action, reward, episode_start, value, log_prob = args
        at = self.pos
        seen: Any = self.observations
        if isinstance(seen, dict):
            for key, memory in seen.items():
                memory[at] = obs[key]
        else:
            seen[at] = obs
        if action_masks is not None:
            self.action_masks[at] = action_masks.reshape(self.n_envs, -1)
        self.actions[at] = action.reshape(self.n_envs, self.action_dim)
        self.rewards[at], self.episode_starts[at] = reward, episode_start
        self.values[at], self.log_probs[at] = value.numpy().flatten(), log_prob.numpy()
        self.pos += 1
        self.full = self.pos == self.buffer_size

    @staticmethod
    def swap_and_flatten(arr: Array) -> Any:
        """All transitions, rows of a step side by side; `_get_samples` knows where they are."""
        steps, rows, *shape = arr.shape
        flat = arr.reshape(steps * rows, *(shape or [1]))
        return _Stack(flat) if len(shape) == 3 and arr.dtype == np.float32 else flat

    def _get_samples(self, batch_inds: Array, env: Any = None) -> Any:
        row, step = np.divmod(batch_inds, self.buffer_size)
        return super()._get_samples(step * self.n_envs + row, env)

    def to_torch(self, array: Any, copy: bool = True) -> Any:
        """A tensor in the memory of an array that was made for this minibatch."""
        return array if isinstance(array, Images) else torch.from_numpy(array)


class _LeanDict(_LeanRollout, DictRolloutBuffer):
    pass


class _LeanMaskable(_LeanRollout, MaskableRolloutBuffer):
    pass


class _LeanMaskableDict(_LeanRollout, MaskableDictRolloutBuffer):
    pass


def lean_rollout(observation_space: Space, masks: bool) -> type[RolloutBuffer]:
    """The buffer for observations that are an image, or a Dict with one, with or without masks."""
    several = isinstance(observation_space, spaces.Dict)
    if masks:
        return _LeanMaskableDict if several else _LeanMaskable
    return _LeanDict if several else _LeanRollout
