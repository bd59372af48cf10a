"""An SB3 policy as one torch module, normaliser and action scaling included, for export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from torch import Tensor, nn

if TYPE_CHECKING:
    from sandbox.backends.sb3.policy import SB3Policy


class SB3Module(nn.Module):
    """Maps observations, as the task gives them, to the actions that the task takes: the policy's mode.

    Args:
        policy: The policy to export.
    """

    low: Tensor
    high: Tensor

    def __init__(self, policy: SB3Policy) -> None:
        super().__init__()
        self.policy = policy.policy  # registers the weights
        self._head = policy.head
        self._observations, self._actions = policy.observation_space, policy.action_space
        self._keys = list(self._observations.spaces) if isinstance(self._observations, spaces.Dict) else [""]
        self._scaled: list[str] = []
        if (normaliser := policy.normaliser) is not None:
            self._clip = normaliser.clip
            self._scaled = [key for key in self._keys if key in normaliser.statistics]
            for index, key in enumerate(self._scaled):
                statistics = normaliser.statistics[key]
                std = np.sqrt(statistics.var + normaliser.epsilon)
                self.register_buffer(f"mean_{index}", torch.as_tensor(statistics.mean))
                self.register_buffer(f"std_{index}", torch.as_tensor(std))
        if isinstance(self.policy.action_space, spaces.Box):
            self.register_buffer("low", torch.as_tensor(self.policy.action_space.low))
            self.register_buffer("high", torch.as_tensor(self.policy.action_space.high))

    def forward(self, observation: Tensor | Mapping[str, Tensor], mask: Tensor | None = None) -> Tensor:
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
        space = self._observations[key] if key else self._observations  # type: ignore[index]
        if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(space.start):
            values = values - torch.as_tensor(np.asarray(space.start))
        if key in self._scaled:
            index = self._scaled.index(key)
            scaled = (values.double() - getattr(self, f"mean_{index}")) / getattr(self, f"std_{index}")
            values = scaled.clamp(-self._clip, self._clip).float()
        if (
            isinstance(space, spaces.Box)
            and is_image_space(space)
            and not is_image_space_channels_first(space)
        ):
            values = values.permute(0, 3, 1, 2)
        return values
