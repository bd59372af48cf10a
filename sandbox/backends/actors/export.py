"""An actor's policy as one torch module, flattening, normaliser and action range included, for export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sandbox.backends.actors.distributions import FORBIDDEN, Bernoulli, Categorical, Gaussian


class ActorModule(nn.Module):
    """Maps observations, as the task gives them, to the actions that the task takes: the policy's mode.

    Args:
        policy: The `sandbox.backends.actors.policy.ActorPolicy` to export.
    """

    shift: Tensor
    scale: Tensor
    middle: Tensor
    half_width: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.actor = policy.actor
        self._space, self._distribution = policy.observation_space, policy.distribution
        normaliser = policy.normaliser
        self._clip = None if normaliser is None else float(normaliser.CLIP)
        if normaliser is not None:
            self.register_buffer("shift", torch.as_tensor(normaliser._shift))
            self.register_buffer("scale", torch.as_tensor(normaliser._scale))
        if isinstance(self._distribution, Gaussian):
            self.register_buffer("middle", torch.as_tensor(self._distribution._middle))
            self.register_buffer("half_width", torch.as_tensor(self._distribution._half))
            self.register_buffer("low", torch.as_tensor(self._distribution.space.low))
            self.register_buffer("high", torch.as_tensor(self._distribution.space.high))

    def forward(self, observation: Any, mask: Tensor | None = None) -> Tensor:
        """Actions of shape ``(num_envs, *action_shape)``."""
        rows = _flat(self._space, observation)
        if self._clip is not None:
            rows = ((rows - self.shift) * self.scale).clamp(-self._clip, self._clip)
        params: Tensor = self.actor(rows)
        spread = self._distribution
        if isinstance(spread, Categorical):
            logits = params if mask is None else params.masked_fill(~mask, FORBIDDEN)
            parts = torch.split(logits, spread.sizes, 1)
            chosen = torch.stack([part.argmax(1) for part in parts], 1)
            shaped = chosen.reshape((-1, *(spread.space.shape or ())))
            return shaped + torch.as_tensor(np.asarray(spread.space.start))
        if isinstance(spread, Bernoulli):
            yes: Tensor = (params > 0).to(torch.int8).reshape((-1, *spread.space.shape))
            return yes
        mean = params[:, : params.shape[1] // 2]
        actions = (self.middle + self.half_width * mean).reshape((-1, *spread.space.shape))
        if spread.space.dtype.kind in "iu":
            actions = actions.round()
        inside = torch.maximum(torch.minimum(actions, self.high.double()), self.low.double())
        return inside.to(self.low.dtype)


def _flat(space: gym.Space[Any], observation: Any) -> Tensor:
    """As `sandbox.backends.actors.observations.flatten`."""
    if isinstance(space, gym.spaces.Dict):
        assert isinstance(observation, Mapping)
        return torch.cat([_flat(part, observation[key]) for key, part in space.spaces.items()], 1)
    if isinstance(space, gym.spaces.Discrete):
        return functional.one_hot(observation.reshape(-1) - int(space.start), int(space.n)).float()
    if isinstance(space, gym.spaces.MultiDiscrete):
        chosen = (observation - torch.as_tensor(space.start)).reshape((-1, space.nvec.size))
        sizes = [int(n) for n in space.nvec.ravel()]
        return torch.cat([functional.one_hot(chosen[:, i], n).float() for i, n in enumerate(sizes)], 1)
    rows: Tensor = observation.float().flatten(1)
    return rows
