"""Soft actor-critic on batches from anywhere (Haarnoja et al. 2018, arXiv 1812.05905).

    Q target:  r + γ (1 - end) (min Q̄(s', a') - α log π(a'|s')),   a' ~ π
    π:         max E min Q(s, a) - α log π(a|s),                    a ~ π
    α:         -α (log π + H),  H = minus the number of actions

Actions are between -1 and 1: a = tanh(u), u ~ N(μ(s), σ(s)).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sandbox.backends.models.ensemble import Steps
from sandbox.backends.tensors import load_module, load_optimizer, packed

MIN_LOG_STD, MAX_LOG_STD = -10.0, 2.0


class SquashedActor(nn.Module):
    """A normal distribution, squashed by tanh.

    Args:
        size: Numbers in an observation.
        actions: Numbers in an action.
        hidden: Widths of the hidden layers.
    """

    def __init__(self, size: int, actions: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.net = _layers(size, hidden, 2 * actions)

    def forward(self, rows: Tensor) -> Tensor:
        """The mode, shape ``(n, actions)``, between -1 and 1."""
        mode: Tensor = torch.tanh(self.net(rows).chunk(2, dim=-1)[0])
        return mode

    def sample(self, rows: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions from standard normal noise ``(n, actions)``, and their log density ``(n,)``."""
        mean, log_std = self.net(rows).chunk(2, dim=-1)
        log_std = log_std.clamp(MIN_LOG_STD, MAX_LOG_STD)
        raw = mean + torch.exp(log_std) * noise
        log_prob = (-0.5 * noise**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
        # log(1 - tanh²(u)) = 2 (log 2 - u - softplus(-2u)), without a difference of nearly equal numbers
        squashed = 2 * (math.log(2) - raw - functional.softplus(-2 * raw))
        return torch.tanh(raw), log_prob - squashed.sum(-1)


class SoftActorCritic:
    """Actor, two critics, their targets and the temperature.

    Args:
        size: Numbers in an observation.
        actions: Numbers in an action.
        hidden: Widths of the hidden layers of all networks.
        learning_rate: Of Adam, for all.
        gamma: Discount factor.
        target_rate: Share by which the targets follow.
        seed: Draws the first weights; torch's global generator is left as it was.
    """

    def __init__(
        self,
        size: int,
        actions: int,
        hidden: Sequence[int],
        learning_rate: float,
        gamma: float,
        target_rate: float,
        seed: int,
    ) -> None:
        self.gamma, self.target_rate, self.actions = gamma, target_rate, actions
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.actor = SquashedActor(size, actions, hidden)
            self.critics = nn.ModuleList(_layers(size + actions, hidden, 1) for _ in range(2))
        self.targets = copy.deepcopy(self.critics)
        self.log_alpha = torch.zeros((), requires_grad=True)
        self.optimizers = {
            "actor": torch.optim.Adam(self.actor.parameters(), learning_rate),
            "critics": torch.optim.Adam(self.critics.parameters(), learning_rate),
            "alpha": torch.optim.Adam([self.log_alpha], learning_rate),
        }

    def update(self, batch: Steps, rng: np.random.Generator) -> tuple[float, float]:
        """One update of everything; the critics' loss and the mean Q."""
        seen, action, following = map(torch.from_numpy, (batch.observation, batch.action, batch.following))
        reward = torch.from_numpy(batch.reward)
        goes_on = torch.from_numpy((~batch.terminated).astype(np.float32))
        first, second = (self._noise(rng, len(batch)) for _ in range(2))
        with torch.no_grad():
            later, log_prob = self.actor.sample(following, first)
            value = _least(self.targets, following, later) - self.log_alpha.exp() * log_prob
            goal = reward + self.gamma * goes_on * value
        inputs = torch.cat([seen, action], dim=1)
        errors = torch.stack([(critic(inputs)[:, 0] - goal) ** 2 for critic in self.critics])
        self._descend("critics", 0.5 * errors.mean(1).sum())
        chosen, log_prob = self.actor.sample(seen, second)
        value = _least(self.critics, seen, chosen)
        self._descend("actor", (self.log_alpha.detach().exp() * log_prob - value).mean())
        self._descend("alpha", -(self.log_alpha.exp() * (log_prob.detach() - self.actions)).mean())
        with torch.no_grad():
            for target, weights in zip(self.targets.parameters(), self.critics.parameters(), strict=True):
                target.lerp_(weights, self.target_rate)
        return float(errors.detach().mean()), float(value.detach().mean())

    def _descend(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[name].step()

    def _noise(self, rng: np.random.Generator, rows: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal((rows, self.actions), np.float32))

    def get_state(self) -> dict[str, Any]:
        """All weights and optimisers."""
        return {
            "actor": packed(self.actor.state_dict()),
            "critics": packed(self.critics.state_dict()),
            "targets": packed(self.targets.state_dict()),
            "log_alpha": float(self.log_alpha.detach()),
            "optimizers": {name: packed(each.state_dict()) for name, each in self.optimizers.items()},
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.actor, state["actor"])
        load_module(self.critics, state["critics"])
        load_module(self.targets, state["targets"])
        with torch.no_grad():
            self.log_alpha.fill_(state["log_alpha"])
        for name, each in self.optimizers.items():
            load_optimizer(each, state["optimizers"][name])


def _least(critics: nn.ModuleList, seen: Tensor, action: Tensor) -> Tensor:
    inputs = torch.cat([seen, action], dim=1)
    return torch.minimum(*(critic(inputs)[:, 0] for critic in critics))


def _layers(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    widths, layers = [inputs, *hidden], list[nn.Module]()
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))
