"""Fully connected networks, and the actor, whose outputs are the parameters of a distribution."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "silu": nn.SiLU}


def mlp(inputs: int, hidden: Sequence[int], outputs: int, activation: str, last_gain: float) -> nn.Sequential:
    """Fully connected layers with orthogonal weights and zero biases.

    Args:
        inputs: Numbers in.
        hidden: Width of every hidden layer; none makes it linear.
        outputs: Numbers out.
        activation: A key of `ACTIVATIONS`.
        last_gain: Gain of the last layer; a small one starts near a uniform policy.
    """
    widths = [inputs, *hidden, outputs]
    layers: list[nn.Module] = []
    for index, (width, after) in enumerate(pairwise(widths)):
        layer, last = nn.Linear(width, after), index == len(widths) - 2
        nn.init.orthogonal_(layer.weight, last_gain if last else 2**0.5)
        nn.init.zeros_(layer.bias)
        layers += [layer] if last else [layer, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


class Actor(nn.Module):
    """Parameters of the action distribution for every row.

    Args:
        inputs: Numbers in an observation.
        hidden: Widths of the hidden layers.
        outputs: Parameters of the distribution.
        activation: A key of `ACTIVATIONS`.
        log_std: For a Gaussian, the first value of its log standard deviations, which are parameters
            beside the network's and the second half of the outputs; None for other distributions.
        bounded: Whether means are held within (-1, 1) by a tanh; for a Gaussian of bounded actions.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        activation: str,
        log_std: float | None,
        bounded: bool = False,
    ) -> None:
        super().__init__()
        self.bounded = bounded
        from_net = outputs if log_std is None else outputs // 2
        self.net = mlp(inputs, hidden, from_net, activation, last_gain=0.01)
        self.log_std = None if log_std is None else nn.Parameter(torch.full((from_net,), log_std))

    def forward(self, rows: Tensor) -> Tensor:
        """Shape ``(n, outputs)``."""
        out: Tensor = self.net(rows)
        if self.bounded:
            out = out.tanh()
        return out if self.log_std is None else torch.cat((out, self.log_std.expand_as(out)), 1)
