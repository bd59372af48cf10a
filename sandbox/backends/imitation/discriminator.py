"""The discriminator of adversarial imitation: how likely a step is the expert's and not the learner's.

    loss = -E_expert log D(s, a) - E_learner log(1 - D(s, a)) + w E (|∇ f| - 1)²,    D = σ(f(s, a))

(Ho & Ermon 2016, eq. 15, with the penalty of Gulrajani et al. 2017, eq. 3, at points between a step of the
one kind and one of the other). Without the penalty f may tell a deterministic expert's actions from any
others by arbitrarily steep slopes, and its reward is the same everywhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sandbox.api.types import Array
from sandbox.backends.actors.distributions import Bernoulli, Categorical, Distribution, Gaussian
from sandbox.backends.actors.networks import mlp
from sandbox.backends.imitation.config import GailConfig
from sandbox.backends.tensors import load_module, load_optimizer, packed


def action_features(distribution: Distribution, raw: Array) -> NDArray[np.float32]:
    """Raw draws as inputs of a network, shape ``(n, m)``: what the environment is given, choices one-hot."""
    if isinstance(distribution, Categorical):
        parts = [np.eye(size)[raw[:, i]] for i, size in enumerate(distribution.sizes)]
        return np.concatenate(parts, axis=1).astype(np.float32)
    if isinstance(distribution, Gaussian):
        # As it was played: a draw beyond the bounds is no other action than the bound.
        played = distribution.action(raw).reshape(len(raw), -1)
        return np.asarray((played - distribution.middle) / distribution.half_width, np.float32)
    assert isinstance(distribution, Bernoulli)
    return np.asarray(raw, np.float32)


def feature_size(distribution: Distribution) -> int:
    """m of `action_features`."""
    return distribution.size // 2 if distribution.gaussian else distribution.size


class Discriminator:
    """See the module.

    Args:
        inputs: Numbers in an observation and the features of an action together.
        config: Layers, step size, penalty.

    Attributes:
        net: f, the logit of D; its first weights come from torch's global generator.
    """

    def __init__(self, inputs: int, config: GailConfig) -> None:
        self.config = config
        self.net = mlp(inputs, config.discriminator_net_arch, 1, config.activation, last_gain=0.1)
        self.optimizer = torch.optim.Adam(self.net.parameters(), config.discriminator_learning_rate)

    def logits(self, steps: Tensor) -> Tensor:
        """f of steps, shape ``(n,)``."""
        out: Tensor = self.net(steps)
        return out.squeeze(1)

    def reward(self, steps: Tensor) -> NDArray[np.float64]:
        """What steps earn, shape ``(n,)``.

        ``log-odds`` is log D - log(1 - D) = f (Fu, Luo & Levine 2018, section 4); ``gail`` is -log(1 - D).
        """
        with torch.inference_mode():
            logits = self.logits(steps)
            earned = logits if self.config.reward == "log-odds" else functional.softplus(logits)
            rewards: NDArray[np.float64] = earned.numpy().astype(np.float64)
        return rewards

    def update(self, expert: Tensor, learner: Tensor, between: Tensor) -> tuple[float, float]:
        """One step down the loss's gradient.

        Args:
            expert: Steps of the expert, shape ``(n, inputs)``.
            learner: As many of the learner.
            between: Share of the expert's in each point of the penalty, shape ``(n, 1)``.

        Returns:
            The loss without the penalty, and how many of the steps were told apart rightly.
        """
        ours, theirs = self.logits(expert), self.logits(learner)
        loss = functional.softplus(-ours).mean() + functional.softplus(theirs).mean()
        total = loss
        if self.config.gradient_penalty:
            points = (between * expert + (1 - between) * learner).requires_grad_(True)
            (slope,) = torch.autograd.grad(self.logits(points).sum(), points, create_graph=True)
            total = loss + self.config.gradient_penalty * (slope.norm(dim=1) - 1).square().mean()
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        right = ((ours > 0).float().mean() + (theirs < 0).float().mean()) / 2
        return float(loss.detach()), float(right)

    def get_state(self) -> dict[str, Any]:
        """Network and optimiser."""
        return {"net": packed(self.net.state_dict()), "optimizer": packed(self.optimizer.state_dict())}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.net, state["net"])
        load_optimizer(self.optimizer, state["optimizer"])
