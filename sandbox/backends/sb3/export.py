"""An SB3 policy as one torch module, normaliser and action scaling included, for export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from torch import Tensor, nn

from sandbox.api.errors import MisfitError
from sandbox.backends.sb3.normaliser import Normaliser


class SB3Module(nn.Module):
    """Maps observations, as the task gives them, to the actions that the task takes: the policy's mode.

    Args:
        policy: The `sandbox.backends.sb3.policy.SB3Policy` to export.

    Raises:
        MisfitError: For a recurrent policy, whose state a plain function cannot hold.
    """

    low: Tensor
    high: Tensor

    def __init__(self, policy: Any) -> None:
        super().__init__()
        if policy.algorithm == "recurrent-ppo":
            raise MisfitError(
                "A recurrent policy keeps a state between steps and cannot be exported.",
                "Train a feed-forward one, such as ppo.",
            )
        self.policy: Any = policy.policy  # registers the weights
        self._head: Any = policy._head
        self._observations, self._actions = policy.observation_space, policy.action_space
        keys = list(self._observations.spaces) if isinstance(self._observations, spaces.Dict) else [""]
        self._keys = keys
        normaliser: Normaliser | None = policy.normaliser
        self._scaled = [key for key in keys if normaliser is not None and key in normaliser.statistics]
        for place, key in enumerate(self._scaled):
            assert normaliser is not None
            known = normaliser.statistics[key]
            self.register_buffer(f"mean_{place}", torch.as_tensor(known.mean))
            self.register_buffer(f"std_{place}", torch.as_tensor(np.sqrt(known.var + normaliser.epsilon)))
            self._clip = normaliser.clip
        if isinstance(policy.policy.action_space, spaces.Box):
            self.register_buffer("low", torch.as_tensor(policy.policy.action_space.low))
            self.register_buffer("high", torch.as_tensor(policy.policy.action_space.high))

    def forward(self, observation: Any, mask: Tensor | None = None) -> Tensor:
        """Actions of shape ``(num_envs, *action_shape)``."""
        parts = observation if isinstance(observation, Mapping) else {"": observation}
        ready = {key: self._ready(parts[key], key) for key in self._keys}
        raw: Tensor = self._head(ready if isinstance(observation, Mapping) else ready[""], mask, None)
        space = self.policy.action_space
        actions = raw.reshape((-1, *(space.shape or ())))
        if isinstance(space, spaces.Box):
            if self.policy.squash_output:
                return self.low + (0.5 * (actions + 1.0) * (self.high - self.low))
            return torch.maximum(torch.minimum(actions, self.high), self.low)
        if isinstance(self._actions, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(self._actions.start):
            actions = actions + torch.as_tensor(np.asarray(self._actions.start))
        return actions

    def _ready(self, values: Tensor, key: str) -> Tensor:
        """One part of the observation in the form that the network takes."""
        space = self._observations.spaces[key] if key else self._observations
        if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(space.start):
            values = values - torch.as_tensor(np.asarray(space.start))
        if key in self._scaled:
            place = self._scaled.index(key)
            scaled = (values.double() - getattr(self, f"mean_{place}")) / getattr(self, f"std_{place}")
            values = scaled.clamp(-self._clip, self._clip).float()
        if (
            isinstance(space, spaces.Box)
            and is_image_space(space)
            and not is_image_space_channels_first(space)
        ):
            values = values.permute(0, 3, 1, 2)
        return values
