"""The value network of REINFORCE."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sandbox.backends.actors.networks import mlp


class Critic(nn.Module):
    """The value V(s) of every row, in the reward's units.

    The network works in standardised units; `rescale` moves these to new targets without changing any
    output (van Hasselt et al. 2016, Learning values across many orders of magnitude, eqs. 9-10).
    """

    mean: Tensor
    std: Tensor
    seen: Tensor

    def __init__(self, inputs: int, hidden: Sequence[int], activation: str) -> None:
        super().__init__()
        self.net = mlp(inputs, hidden, 1, activation, last_gain=1.0)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, rows: Tensor) -> Tensor:
        """Shape ``(n,)``."""
        out: Tensor = self.net(rows)
        return self.mean + self.std * out.squeeze(1)

    @torch.no_grad()
    def rescale(self, targets: Tensor, rate: float = 0.1) -> None:
        """Move the network's units towards the mean and deviation of ``targets``; all the way at first."""
        rate = rate if self.seen else 1.0
        mean = self.mean + rate * (targets.mean() - self.mean)
        std = self.std + rate * (targets.std(correction=0).clamp(min=1e-3) - self.std)
        if not self.seen:
            self.mean, self.std = mean, std  # an untrained output may as well start at the mean
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        last.weight.mul_(self.std / std)
        last.bias.mul_(self.std / std).add_((self.mean - mean) / std)
        self.mean, self.std, self.seen = mean, std, torch.ones(())
