"""The core of one policy: its networks and its distribution as plain arrays, and the functions over them."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from sandbox.api.types import Array
from sandbox.backends.sb3.fast import plain
from sandbox.backends.sb3.fast.adam import FlatAdam
from sandbox.backends.sb3.fast.arrays import (
    ACTIVATIONS,
    BERNOULLI,
    CATEGORICAL,
    GAUSSIAN,
    Head,
    Net,
    Samples,
    Settings,
)
from sandbox.backends.sb3.networks import ACTIVATIONS as MODULES


def functions() -> Any:
    """`compiled` where Numba is installed, else `plain`."""
    if importlib.util.find_spec("numba") is not None:
        from sandbox.backends.sb3.fast import compiled

        return compiled
    return plain


class Core:
    """Forward pass, sampling and update of one policy.

    Args:
        policy: SB3's, with a `FlatAdam` for optimiser; the weights stay shared with it.
        kernels: `compiled` or `plain`.
    """

    def __init__(self, policy: ActorCriticPolicy, kernels: Any = None) -> None:
        assert isinstance(policy.optimizer, FlatAdam)
        self.policy, self.optimizer = policy, policy.optimizer
        self.kernels = kernels or functions()
        self.net, self.head = network(policy), distribution(policy)
        self._no_masks = np.zeros((0, 0), np.bool_)

    def packed(self) -> Any:
        """The weights in the form in which `forward` reads them, until they change."""
        return self.kernels.packed(self.net, self.optimizer.weights.theta)

    def forward(self, features: Array, packed: Any = None) -> tuple[Array, Array]:
        """Outputs of the actor ``(n, O)`` and values ``(n,)`` for features ``(n, F)``.

        Args:
            features: Of the observations.
            packed: What `packed` gave, so that many calls with the same weights copy these once.
        """
        outputs, values = self.kernels.forward(
            self.net, self.packed() if packed is None else packed, features
        )
        return outputs, values

    def choose(self, outputs: Array, masks: Array) -> tuple[Array, Array]:
        """Sample actions ``(n, P)`` with torch's generator, as SB3 does, and their log-probabilities."""
        actions, log_probs = self.kernels.choose(
            self.head, outputs, self.log_std, self._noise(outputs), masks
        )
        return actions, log_probs

    def log_probs(self, outputs: Array, actions: Array, masks: Array) -> Array:
        """Log-probabilities ``(n,)`` of actions ``(n, P)`` that were chosen elsewhere."""
        chosen = actions.astype(outputs.dtype)
        return plain.log_probs_of(self.head, outputs, self.log_std, chosen, masks)

    @property
    def log_std(self) -> Array:
        """Of a Gaussian, ``(P,)``; empty otherwise."""
        start = self.net.log_std
        theta: Array = self.optimizer.weights.theta
        return theta[:0] if start < 0 else theta[start : start + len(self.head.sizes)]

    def epoch(self, samples: Samples, order: Array, batch: int, settings: Settings) -> tuple[Array, bool]:
        """One pass over a rollout; see `compiled.epoch`.

        Returns:
            Records of the minibatches, and whether the update is over.
        """
        records = np.zeros((-(-len(order) // batch), 6))
        optimizer = self.optimizer
        done, over = self.kernels.epoch(
            self.net, self.head, optimizer.weights, optimizer.steps, samples, order, batch, settings, records
        )
        optimizer.steps += done - over
        return records[:done], over

    def _noise(self, outputs: Array) -> Array:
        """What decides a sample: the very numbers that SB3's distributions draw."""
        if self.head.kind == GAUSSIAN:
            return torch.randn(outputs.shape).numpy()
        if self.head.kind == BERNOULLI:
            return torch.bernoulli(torch.sigmoid(torch.from_numpy(outputs))).numpy()
        parts = [torch.empty(len(outputs), int(size)).exponential_() for size in self.head.sizes]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).numpy()


def network(policy: ActorCriticPolicy) -> Net:
    """Where the weights of a policy stand in its vector."""
    hidden = [_linear(policy.mlp_extractor.policy_net), _linear(policy.mlp_extractor.value_net)]
    outputs: Any = policy.action_net
    layers = [[*hidden[0], outputs], [*hidden[1], policy.value_net]]
    offsets = policy.optimizer.offsets  # type: ignore[attr-defined]
    log_std = getattr(policy, "log_std", None)
    activation = next(name for name, module in MODULES.items() if module is policy.activation_fn)
    return Net(
        np.array([layers[0][0].in_features, *(layer.out_features for layer in hidden[0])]),
        np.array([[offsets[id(layer.weight)] for layer in row] for row in layers]),
        np.array([[offsets[id(layer.bias)] for layer in row] for row in layers]),
        int(outputs.out_features),
        -1 if log_std is None else offsets[id(log_std)],
        ACTIVATIONS[activation],
    )


def distribution(policy: ActorCriticPolicy) -> Head:
    """The distribution of actions of a policy."""
    last: Any = policy.action_net
    space, outputs = policy.action_space, int(last.out_features)
    if isinstance(space, spaces.Discrete):
        return Head(CATEGORICAL, np.array([outputs]))
    if isinstance(space, spaces.MultiDiscrete):
        return Head(CATEGORICAL, np.array(space.nvec, dtype=np.int64))
    if isinstance(space, spaces.Box):
        return Head(GAUSSIAN, np.ones(outputs, np.int64))
    # sb3-contrib's maskable policy has two logits for each binary value, SB3's has one.
    bits = int(np.prod(space.shape or ()))
    return (
        Head(CATEGORICAL, np.full(bits, 2))
        if outputs == 2 * bits
        else Head(BERNOULLI, np.ones(bits, np.int64))
    )


def _linear(layers: Any) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]
