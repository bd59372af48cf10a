"""Two action values side by side, for discrete and for continuous actions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sandbox.backends.actors.distributions import FORBIDDEN
from sandbox.backends.actors.networks import mlp


class TwinQ(nn.Module):
    """Two networks Q(s, a); what is learned from uses the smaller (Fujimoto et al. 2018).

    Args:
        inputs: Numbers in an observation.
        actions: Numbers in a continuous action, or the number of choices.
        discrete: Whether actions are choices: then a network gives the values of all of them.
        hidden: Widths of the hidden layers.
        activation: Of the hidden layers.
    """

    def __init__(
        self, inputs: int, actions: int, discrete: bool, hidden: Sequence[int], activation: str
    ) -> None:
        super().__init__()
        self.discrete = discrete
        sizes = (inputs, actions) if discrete else (inputs + actions, 1)
        self.nets = nn.ModuleList(mlp(sizes[0], hidden, sizes[1], activation, 1.0) for _ in range(2))

    def forward(self, seen: Tensor, action: Tensor) -> Tensor:
        """Both values of actions, shape ``(2, n)``."""
        if self.discrete:
            return torch.stack([net(seen).gather(1, action).squeeze(1) for net in self.nets])
        rows = torch.cat((seen, action), 1)
        return torch.stack([net(rows).squeeze(1) for net in self.nets])

    def least(self, seen: Tensor, action: Tensor) -> Tensor:
        """The smaller value, shape ``(n,)``."""
        smaller: Tensor = self(seen, action).min(0).values
        return smaller


def squared_error(values: Tensor, goal: Tensor) -> Tensor:
    """Half the mean squared distance from the goal, summed over both networks; values of shape ``(2, n)``."""
    return 0.5 * ((values - goal) ** 2).mean(1).sum()


def allowed(q: Tensor, mask: Tensor | None) -> Tensor:
    """Values in which forbidden actions are never the largest."""
    return q if mask is None else q.masked_fill(~mask, FORBIDDEN)
