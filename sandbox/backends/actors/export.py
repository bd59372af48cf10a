"""An actor's policy as one torch module, flattening, normaliser and action range included, for export."""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sandbox.api.types import Space
from sandbox.backends.actors.distributions import FORBIDDEN, Bernoulli, Categorical, Distribution, Gaussian
from sandbox.backends.actors.observations import Normaliser


class ActorModule(nn.Module):
    """Maps observations, as the task gives them, to the actions that the task takes: the policy's mode.

    Args:
        actor: The network of the policy, from flattened observations to the distribution's parameters.
        observation_space: The task's, one row.
        distribution: Reads the network's outputs.
        normaliser: Of the flattened observations, or None.
    """

    shift: Tensor
    scale: Tensor
    middle: Tensor
    half_width: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self,
        actor: nn.Module,
        observation_space: Space,
        distribution: Distribution,
        normaliser: Normaliser | None,
    ) -> None:
        super().__init__()
        self.actor = actor
        self._space, self._distribution = observation_space, distribution
        self._clip = None if normaliser is None else float(normaliser.CLIP)
        if normaliser is not None:
            self.register_buffer("shift", torch.as_tensor(normaliser.shift))
            self.register_buffer("scale", torch.as_tensor(normaliser.scale))
        if isinstance(distribution, Gaussian):
            self.register_buffer("middle", torch.as_tensor(distribution.middle))
            self.register_buffer("half_width", torch.as_tensor(distribution.half_width))
            self.register_buffer("low", torch.as_tensor(distribution.space.low))
            self.register_buffer("high", torch.as_tensor(distribution.space.high))

    def forward(self, observation: Tensor | Mapping[str, Tensor], mask: Tensor | None = None) -> Tensor:
        """Actions of shape ``(num_envs, *action_shape)``."""
        rows = _flat(self._space, observation)
        if self._clip is not None:
            rows = ((rows - self.shift) * self.scale).clamp(-self._clip, self._clip)
        params: Tensor = self.actor(rows)
        distribution = self._distribution
        if isinstance(distribution, Categorical):
            return _categorical_mode(distribution, params, mask)
        if isinstance(distribution, Bernoulli):
            return (params > 0).to(torch.int8).reshape((-1, *distribution.space.shape))
        assert isinstance(distribution, Gaussian)
        return self._gaussian_mode(distribution, params)

    def _gaussian_mode(self, distribution: Gaussian, params: Tensor) -> Tensor:
        mean = params[:, : params.shape[1] // 2]
        actions = (self.middle + self.half_width * mean).reshape((-1, *distribution.space.shape))
        if distribution.space.dtype.kind in "iu":
            actions = actions.round()
        inside = torch.maximum(torch.minimum(actions, self.high.double()), self.low.double())
        return inside.to(self.low.dtype)


def _categorical_mode(distribution: Categorical, params: Tensor, mask: Tensor | None) -> Tensor:
    logits = params if mask is None else params.masked_fill(~mask, FORBIDDEN)
    parts = torch.split(logits, distribution.sizes, 1)
    chosen = torch.stack([part.argmax(1) for part in parts], 1)
    shaped = chosen.reshape((-1, *(distribution.space.shape or ())))
    return shaped + torch.as_tensor(np.asarray(distribution.space.start))


def _flat(space: Space, observation: Tensor | Mapping[str, Tensor]) -> Tensor:
    """As `sandbox.backends.actors.observations.flatten`."""
    if isinstance(observation, Mapping):
        assert isinstance(space, gym.spaces.Dict)
        return torch.cat([_flat(part, observation[key]) for key, part in space.spaces.items()], 1)
    if isinstance(space, gym.spaces.Discrete):
        return functional.one_hot(observation.reshape(-1) - int(space.start), int(space.n)).float()
    if isinstance(space, gym.spaces.MultiDiscrete):
        chosen = (observation - torch.as_tensor(space.start)).reshape((-1, space.nvec.size))
        sizes = [int(n) for n in space.nvec.ravel()]
        return torch.cat([functional.one_hot(chosen[:, i], n).float() for i, n in enumerate(sizes)], 1)
    return observation.float().flatten(1)
