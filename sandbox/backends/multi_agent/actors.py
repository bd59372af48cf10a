"""The networks by which agents act."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sandbox.backends.multi_agent.layout import Layout
from sandbox.backends.multi_agent.networks import AgentNetworks

if TYPE_CHECKING:
    from sandbox.backends.multi_agent.config import NetworkConfig


class Actors(nn.Module):
    """Parameters of every agent's distribution, or its utilities; ``(n, k, D) -> (n, k, P)``.

    Args:
        layout: Of the agents.
        config: Of the networks.
        log_std: First log standard deviation of continuous actions; None for others.
    """

    def __init__(self, layout: Layout, config: NetworkConfig, log_std: float | None) -> None:
        super().__init__()
        gaussian = layout.distribution.gaussian
        half = layout.outputs // 2
        outputs = [params[: len(params) // 2] for params in layout.params] if gaussian else layout.params
        size = half if gaussian else layout.outputs
        self.nets = AgentNetworks(
            layout.columns,
            outputs,
            (layout.inputs, size),
            config.net_arch,
            config.activation,
            config.share_parameters,
            config.agent_id,
            last_gain=0.01,
        )
        groups = 1 if config.share_parameters else len(layout)
        self.log_std = nn.Parameter(torch.full((groups, half), float(log_std or 0))) if gaussian else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Padded parameters are zero."""
        out: Tensor = self.nets(inputs)
        if self.log_std is None:
            return out
        return torch.cat((out, (self.log_std * self.nets.keep).expand_as(out)), -1)
