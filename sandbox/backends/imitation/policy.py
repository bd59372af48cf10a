"""The policy that imitates, and how it is fitted to labels."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api import TrainContext
from sandbox.api.errors import RunFailedError
from sandbox.api.types import Array
from sandbox.backends.actors.labels import MIN_LOG_STD
from sandbox.backends.actors.plain import make_policy
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.imitation.config import CloningConfig
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, load_optimizer, packed


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labelled observations.

    Attributes:
        rows: Flattened observations, shape ``(n, size)``.
        raw: The expert's actions as raw draws, shape ``(n, k)``; see `Distribution.draw`.
        mask: Allowed actions, shape ``(n, m)``, or None.
    """

    rows: NDArray[np.float32]
    raw: Array
    mask: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.rows)


class Clone:
    """A policy that is fitted to labels.

    Args:
        name: The algorithm.
        context: Of the training.

    Attributes:
        policy: The one that learns.
        rng: Draws the batches, and whatever else the algorithm draws.
    """

    def __init__(self, name: str, context: TrainContext) -> None:
        config: CloningConfig = context.config
        self.config = config
        self.policy = make_policy(
            name,
            context.observation_space,
            context.action_space,
            config,
            seed=context.seed,
            stochastic=config.stochastic,
        )
        self.started = context.initial is not None
        if context.initial is not None and context.resume is None:
            self.policy.load_weights(read_policy(context.initial), context.initial)
        self.rng = np.random.default_rng(context.seed)
        self.optimizer = torch.optim.AdamW(
            self.policy.actor.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )

    def fit(self, labels: Labels, updates: int) -> float:
        """So many updates on batches drawn from the labels; the mean loss."""
        total = 0.0
        for _ in range(updates):
            chosen = self.rng.integers(len(labels), size=min(self.config.batch_size, len(labels)))
            loss = imitation_loss(self.policy, labels, chosen)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            if self.policy.actor.log_std is not None:
                self.policy.actor.log_std.data.clamp_(min=MIN_LOG_STD)
            total += float(loss.detach())
        if not np.isfinite(total):
            raise RunFailedError("The loss is no longer a finite number.", "Lower learning_rate.")
        return total / updates

    def get_state(self) -> dict[str, Any]:
        """Weights, optimiser, normaliser and generator."""
        normaliser = self.policy.normaliser
        return {
            "actor": packed(self.policy.actor.state_dict()),
            "optimizer": packed(self.optimizer.state_dict()),
            "normaliser": None if normaliser is None else normaliser.arrays(),
            "rng": self.rng.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.policy.actor, state["actor"])
        load_optimizer(self.optimizer, state["optimizer"])
        if self.policy.normaliser is not None:
            arrays = state["normaliser"]
            self.policy.normaliser = type(self.policy.normaliser).from_arrays(arrays, len(arrays["mean"]))
        self.rng.bit_generator.state = state["rng"]

    def snapshot(self) -> ActorPolicy:
        """A copy that further training does not change."""
        return copy.deepcopy(self.policy)


def imitation_loss(policy: ActorPolicy, labels: Labels, chosen: NDArray[np.int64]) -> torch.Tensor:
    """Minus the mean log-likelihood of labels.

    For continuous actions the mean is fitted by least squares and the deviation to what is left, apart
    from each other: otherwise an ever smaller deviation would make the steps of the mean ever larger.
    """
    params: torch.Tensor = policy.actor(policy.inputs(labels.rows[chosen]))
    raw = torch.from_numpy(labels.raw[chosen])
    if policy.distribution.gaussian:
        mean, log_std = params.chunk(2, 1)
        error = (raw - mean) ** 2
        spread = log_std + 0.5 * error.detach() * torch.exp(-2 * log_std)
        return (0.5 * error + spread).sum(1).mean()
    mask = None if labels.mask is None else torch.from_numpy(labels.mask[chosen])
    return -policy.distribution.log_prob(params, raw, mask).mean()
