"""Fits the network to what self-play has found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sandbox.backends.alphazero.config import AlphaZeroConfig
from sandbox.backends.alphazero.network import Net
from sandbox.backends.alphazero.replay import Replay, Samples

FORBIDDEN = -1e9
LAST_RATE = 0.1
"""The learning rate at the end, as a share of that at the beginning."""


def make_optimizer(network: Net, config: AlphaZeroConfig) -> torch.optim.Optimizer:
    """AdamW; biases and normalisation do not decay."""
    decay = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


def losses(network: Net, samples: Samples) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the policy against the improved one, and squared error of the value; means."""
    logits, values = network(torch.from_numpy(samples.planes))
    logits = logits.masked_fill(~torch.from_numpy(samples.legal), FORBIDDEN)
    targets = torch.from_numpy(samples.policies)
    policy = -(targets * torch.log_softmax(logits, 1)).sum(1).mean()
    value = (values - torch.from_numpy(samples.values)).square().mean()
    return policy, value


def fit(
    network: Net,
    optimizer: torch.optim.Optimizer,
    replay: Replay,
    config: AlphaZeroConfig,
    batches: int,
    progress: float,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Some gradient steps.

    Args:
        network: In training mode afterwards.
        optimizer: Of the network.
        replay: Not empty, if there are batches.
        config: Hyperparameters.
        batches: How many steps.
        progress: Share of the training that is done, for the learning rate.
        rng: Draws the batches.

    Returns:
        Mean ``policy_loss`` and ``value_loss``; nothing without a batch.
    """
    rate = config.learning_rate * (
        LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    )
    for group in optimizer.param_groups:
        group["lr"] = rate
    network.train()
    sums = np.zeros(2)
    for _ in range(batches):
        policy, value = losses(network, replay.draw(config.batch_size, rng))
        optimizer.zero_grad()
        (policy + config.value_coef * value).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.max_grad_norm)
        optimizer.step()
        sums += (policy.item(), value.item())
    if not batches:
        return {}
    return {"policy_loss": sums[0] / batches, "value_loss": sums[1] / batches, "learning_rate": rate}
