"""Rollouts of policies that look at images, without SB3's copies of what takes hundreds of megabytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer, MaskableRolloutBuffer
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from torch import Tensor

from sandbox.api.types import Array, Space


class _LeanRollout(RolloutBuffer):
    """Gives the minibatches that SB3's buffers give.

    Those copy the whole rollout so that steps of a row lie side by side, and every minibatch twice.
    """

    @staticmethod
    def swap_and_flatten(arr: Array) -> Array:
        """All transitions, rows of a step side by side; `_get_samples` knows where they are."""
        steps, rows, *shape = arr.shape
        return arr.reshape(steps * rows, *(shape or [1]))

    def _get_samples(self, batch_inds: Array, env: Any = None) -> Any:
        row, step = np.divmod(batch_inds, self.buffer_size)
        return super()._get_samples(step * self.n_envs + row, env)

    def to_torch(self, array: Array, copy: bool = True) -> Tensor:
        """A tensor in the memory of an array that was made for this minibatch."""
        return torch.from_numpy(array)


class _LeanDict(_LeanRollout, DictRolloutBuffer):
    pass


class _LeanMaskable(_LeanRollout, MaskableRolloutBuffer):
    pass


class _LeanMaskableDict(_LeanRollout, MaskableDictRolloutBuffer):
    pass


def lean_rollout(observation_space: Space, masks: bool) -> type[RolloutBuffer]:
    """The buffer for observations that are an image, or a Dict with one, with or without masks."""
    several = hasattr(observation_space, "spaces")
    if masks:
        return _LeanMaskableDict if several else _LeanMaskable
    return _LeanDict if several else _LeanRollout
