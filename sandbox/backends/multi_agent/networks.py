"""Networks over an axis of agents: one for all or one each, a central critic, and the mixer of QMIX."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sandbox.backends.actors.networks import mlp
from sandbox.backends.multi_agent.layout import Index


class AgentNetworks(nn.Module):
    """Maps every agent's own observation to its own outputs, padded: ``(n, k, D) -> (n, k, outputs)``.

    Args:
        columns: Of each agent, its own among the D inputs.
        outputs: Of each agent, its own among the padded outputs.
        sizes: D and the number of padded outputs.
        hidden: Widths of the hidden layers.
        activation: Of the hidden layers.
        shared: One network for all, on padded observations; otherwise one each, on its own numbers.
        agent_id: Whether a shared network is also told which agent it acts for, one-hot.
        last_gain: Gain of the last layer.
    """

    keep: Tensor

    def __init__(
        self,
        columns: Sequence[Index],
        outputs: Sequence[Index],
        sizes: tuple[int, int],
        hidden: Sequence[int],
        activation: str,
        shared: bool,
        agent_id: bool,
        last_gain: float,
    ) -> None:
        super().__init__()
        self.shared, self.agent_id, self.outputs = shared, shared and agent_id, sizes[1]
        self._columns = [torch.as_tensor(places) for places in columns]
        self._outputs = [torch.as_tensor(places) for places in outputs]
        keep = torch.zeros(len(columns), sizes[1])
        for agent, places in enumerate(self._outputs):
            keep[agent, places] = 1.0
        self.register_buffer("keep", keep, persistent=False)
        ids = len(columns) if self.agent_id else 0
        shapes = (
            [(sizes[0] + ids, sizes[1])]
            if shared
            else [(len(seen), len(out)) for seen, out in zip(columns, outputs, strict=True)]
        )
        self.nets = nn.ModuleList(mlp(width, hidden, out, activation, last_gain) for width, out in shapes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Padded outputs are zero."""
        if self.shared:
            return (
                self.of_shared(inputs, torch.eye(len(self.keep)).expand(inputs.shape[0], -1, -1)) * self.keep
            )
        return torch.stack([self.of_agent(agent, inputs[:, agent]) for agent in range(len(self.nets))], 1)

    def of_shared(self, inputs: Tensor, ids: Tensor) -> Tensor:
        """The shared network's outputs, of padded inputs ``(…, D)`` and identities ``(…, k)``."""
        out: Tensor = self.nets[0](torch.cat((inputs, ids), -1) if self.agent_id else inputs)
        return out

    def of_agent(self, agent: int, inputs: Tensor) -> Tensor:
        """One agent's padded outputs, shape ``(n, outputs)``, of its padded inputs ``(n, D)``."""
        if self.shared:
            identity = torch.eye(len(self.keep))[agent].expand(inputs.shape[0], -1)
            return self.of_shared(inputs, identity) * self.keep[agent]
        out: Tensor = self.nets[agent](inputs[:, self._columns[agent]])
        if out.shape[1] == self.outputs:
            return out
        # Own outputs are not always the first ones: a padded matrix is flattened row by row.
        padding = functional.one_hot(self._outputs[agent], self.outputs).to(out.dtype)
        return out @ padding


class CentralCritic(nn.Module):
    """The value of every agent from what all of them see: V_i(o_1, …, o_k, who is present).

    One network with k outputs, since agents' rewards may differ (Lowe et al. 2017; Yu et al. 2022).

    Args:
        agents: k.
        inputs: D.
        hidden: Widths of the hidden layers.
        activation: Of the hidden layers.
    """

    def __init__(self, agents: int, inputs: int, hidden: Sequence[int], activation: str) -> None:
        super().__init__()
        self.net = mlp(agents * (inputs + 1), hidden, agents, activation, last_gain=1.0)

    def forward(self, inputs: Tensor, present: Tensor) -> Tensor:
        """``(n, k, D)`` and ``(n, k)`` to ``(n, k)``."""
        values: Tensor = self.net(joint_state(inputs, present))
        return values


def joint_state(inputs: Tensor, present: Tensor) -> Tensor:
    """What all see and who is there, shape ``(n, k · (D + 1))``; those who are absent see zeros."""
    there = present.to(inputs.dtype)
    return torch.cat(((inputs * there.unsqueeze(-1)).flatten(1), there), 1)


class MonotonicMixer(nn.Module):
    """Q_tot of the agents' utilities, rising in each of them; the weights depend on the state.

        Q_tot(s, q) = w₂(s)ᵀ elu(W₁(s) q + b₁(s)) + V(s),   W₁, w₂ ≥ 0

    so that the joint argmax is every agent's own (Rashid et al. 2018, eqs. 4 to 6 and figure 2).

    Args:
        agents: k.
        state: Numbers of the state.
        width: Units of the mixing layer.
        hidden: Units of the hypernetworks' hidden layer.
    """

    def __init__(self, agents: int, state: int, width: int, hidden: int) -> None:
        super().__init__()
        self.agents, self.width = agents, width
        self.first = _hypernetwork(state, hidden, agents * width)
        self.first_bias = nn.Linear(state, width)
        self.second = _hypernetwork(state, hidden, width)
        self.second_bias = _hypernetwork(state, width, 1)

    def forward(self, utilities: Tensor, present: Tensor, state: Tensor) -> Tensor:
        """``(n, k)``, ``(n, k)`` and ``(n, s)`` to ``(n,)``; absent agents have no part in it."""
        weights = self.first(state).abs().view(-1, self.agents, self.width)
        there = (utilities * present).unsqueeze(1)
        mixed = functional.elu((there @ weights).squeeze(1) + self.first_bias(state))
        total: Tensor = (mixed * self.second(state).abs()).sum(1) + self.second_bias(state).squeeze(1)
        return total


def _hypernetwork(state: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(state, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
