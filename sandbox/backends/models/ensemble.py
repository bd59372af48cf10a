"""An ensemble of probabilistic networks that learns what follows an observation and an action.

Every member gives a normal distribution of the change of the observation and of the reward,

    Δ, r ~ N(μ(s, a), diag σ²(s, a)),   loss = ½ Σ ((y - μ)² / σ² + log σ²)

fitted to its own share of the steps, with a part held out: every member keeps the weights with the largest
likelihood there, and training stops when none finds better ones. σ is what chance does, the disagreement of
the members what is not known yet (Chua et al. 2018). Where episodes end by themselves a further output learns
when.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sandbox.api.errors import RunFailedError
from sandbox.backends.models.config import ModelConfig

Floats32 = NDArray[np.float32]

MARGIN = 0.5
"""Predicted observations stay within the range of those that were met and this share of it on both sides."""

MIN_GAIN = 0.01
"""Gain of the log-likelihood of held-out steps, in nats, that counts as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Steps that were played.

    Attributes:
        observation: Shape ``(n, size)``, flattened.
        action: Shape ``(n, k)``, in half ranges from the middle.
        reward: Shape ``(n,)``.
        following: What was seen next, shape ``(n, size)``.
        terminated: Shape ``(n,)``, bool.
    """

    observation: Floats32
    action: Floats32
    reward: Floats32
    following: Floats32
    terminated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.reward)

    def take(self, rows: Any) -> Steps:
        """Some of the steps."""
        return Steps(
            self.observation[rows],
            self.action[rows],
            self.reward[rows],
            self.following[rows],
            self.terminated[rows],
        )


def joined(parts: Sequence[Steps]) -> Steps:
    """Steps one after the other."""
    return Steps(
        np.concatenate([part.observation for part in parts]),
        np.concatenate([part.action for part in parts]),
        np.concatenate([part.reward for part in parts]),
        np.concatenate([part.following for part in parts]),
        np.concatenate([part.terminated for part in parts]),
    )


class Ensemble(nn.Module):
    """E networks side by side, as batched matrix products.

    Args:
        members: E.
        size: Numbers in an observation.
        action_size: Numbers in an action.
        hidden: Widths of the hidden layers.
        seed: Draws the first weights.
    """

    shift: Tensor
    scale: Tensor
    target_shift: Tensor
    target_scale: Tensor
    lowest: Tensor
    highest: Tensor
    ends: Tensor

    def __init__(self, members: int, size: int, action_size: int, hidden: Sequence[int], seed: int) -> None:
        super().__init__()
        self.members, self.size, self.outputs = members, size, size + 1
        generator = torch.Generator().manual_seed(seed)
        widths = [size + action_size, *hidden, 2 * self.outputs + 1]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for before, after in pairwise(widths):
            drawn = torch.randn(members, before, after, generator=generator) / math.sqrt(before)
            self.weights.append(nn.Parameter(drawn))
            self.biases.append(nn.Parameter(torch.zeros(members, 1, after)))
        self.max_log_var = nn.Parameter(torch.full((self.outputs,), 0.5))
        self.min_log_var = nn.Parameter(torch.full((self.outputs,), -10.0))
        inputs = size + action_size
        for name, values in {
            "shift": torch.zeros(inputs),
            "scale": torch.ones(inputs),
            "target_shift": torch.zeros(self.outputs),
            "target_scale": torch.ones(self.outputs),
            "lowest": torch.full((size,), -torch.inf),
            "highest": torch.full((size,), torch.inf),
            "ends": torch.zeros((), dtype=torch.bool),
        }.items():
            self.register_buffer(name, values)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log variance of scaled targets ``(E, n, outputs)``, and logits of an end ``(E, n)``."""
        layers = (inputs - self.shift) / self.scale
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            layers = torch.baddbmm(bias, layers, weight)
            if number < len(self.weights) - 1:
                layers = functional.silu(layers)
        mean, log_var, logit = torch.split(layers, [self.outputs, self.outputs, 1], dim=-1)
        log_var = self.max_log_var - functional.softplus(self.max_log_var - log_var)
        log_var = self.min_log_var + functional.softplus(log_var - self.min_log_var)
        return mean, log_var, logit[..., 0]

    @torch.no_grad()
    def step(self, observation: Tensor, action: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What follows, by every member for its own rows.

        Args:
            observation: Shape ``(E, n, size)``.
            action: Shape ``(E, n, k)``.
            noise: Standard normal, shape ``(E, n, outputs)``.

        Returns:
            Next observation ``(E, n, size)``, reward ``(E, n)``, and whether the process ends, ``(E, n)``.
        """
        mean, log_var, logit = self(torch.cat([observation, action], dim=-1))
        drawn = (mean + torch.exp(0.5 * log_var) * noise) * self.target_scale + self.target_shift
        following = torch.maximum(torch.minimum(observation + drawn[..., :-1], self.highest), self.lowest)
        return following, drawn[..., -1], (logit > 0) & self.ends

    def adapt(self, steps: Steps) -> None:
        """Take scales and ranges from steps."""
        inputs = np.concatenate([steps.observation, steps.action], axis=1)
        targets = targets_of(steps)
        seen = np.concatenate([steps.observation, steps.following])
        margin = MARGIN * (seen.max(0) - seen.min(0))
        for name, values in {
            "shift": inputs.mean(0),
            "scale": np.maximum(inputs.std(0), 1e-6),
            "target_shift": targets.mean(0),
            "target_scale": np.maximum(targets.std(0), 1e-6),
            "lowest": seen.min(0) - margin,
            "highest": seen.max(0) + margin,
        }.items():
            getattr(self, name).copy_(torch.from_numpy(values.astype(np.float32)))
        self.ends.fill_(bool(steps.terminated.any()))

    def losses(self, inputs: Tensor, targets: Tensor, ended: Tensor) -> tuple[Tensor, Tensor]:
        """Negative log-likelihood, and squared error of the mean in scaled units; ``(E,)`` each.

        Args:
            inputs: Shape ``(E, n, inputs)``.
            targets: Shape ``(E, n, outputs)``.
            ended: Shape ``(E, n)``, 0 or 1.
        """
        mean, log_var, logit = self(inputs)
        error = (mean - (targets - self.target_shift) / self.target_scale) ** 2
        loss = 0.5 * (error * torch.exp(-log_var) + log_var).sum(-1).mean(-1)
        if bool(self.ends):
            ends = functional.binary_cross_entropy_with_logits(logit, ended, reduction="none").mean(-1)
            loss = loss + ends
        return loss, error.detach().mean((-1, -2))


def targets_of(steps: Steps) -> Floats32:
    """What the networks predict, shape ``(n, size + 1)``: the change of the observation, and the reward."""
    return np.concatenate([steps.following - steps.observation, steps.reward[:, None]], axis=1)


def fit(
    ensemble: Ensemble,
    steps: Steps,
    rng: np.random.Generator,
    *,
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    max_epochs: int,
    patience: int,
    holdout: float,
) -> dict[str, float]:
    """Train all members until none has become better on held-out steps for ``patience`` epochs.

    Args:
        ensemble: Goes on from its present weights; has those of the best epoch of each member afterwards.
        steps: What was played so far.
        rng: Draws what is held out and the batches.
        learning_rate, weight_decay, batch_size: Of AdamW.
        max_epochs: At most so many passes.
        patience: See above.
        holdout: Share of the steps, at most 1,000 of them.

    Returns:
        ``model_error``: mean squared error on held-out steps in units of the targets' variance; ``epochs``.
    """
    ensemble.adapt(steps)
    order = rng.permutation(len(steps))
    held = min(1_000, max(1, int(holdout * len(steps))))
    test, own = order[:held], order[held:]
    inputs = torch.from_numpy(np.concatenate([steps.observation, steps.action], axis=1))
    targets, ended = (
        torch.from_numpy(targets_of(steps)),
        torch.from_numpy(steps.terminated.astype(np.float32)),
    )
    bags = own[rng.integers(len(own), size=(ensemble.members, len(own)))]
    optimizer = torch.optim.AdamW(ensemble.parameters(), learning_rate, weight_decay=weight_decay)
    per_member = [*ensemble.weights, *ensemble.biases]
    held_out = (inputs[test], targets[test], ended[test])
    best = [part.detach().clone() for part in per_member]
    best_loss, best_error = _held_out(ensemble, *held_out)
    since, epochs = 0, 0
    while since < patience and epochs < max_epochs:
        bags = rng.permuted(bags, axis=1)
        for first in range(0, bags.shape[1], batch_size):
            batch = torch.from_numpy(bags[:, first : first + batch_size])
            loss, _ = ensemble.losses(inputs[batch], targets[batch], ended[batch])
            spread = ensemble.max_log_var.sum() - ensemble.min_log_var.sum()
            optimizer.zero_grad()
            (loss.sum() + 0.01 * spread).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        loss, error = _held_out(ensemble, *held_out)
        better = loss < best_loss - MIN_GAIN
        for kept, part in zip(best, per_member, strict=True):
            kept[better] = part.detach()[better]
        best_loss, best_error = (
            torch.where(better, now, before) for now, before in ((loss, best_loss), (error, best_error))
        )
        since, epochs = (0 if bool(better.any()) else since + 1), epochs + 1
    with torch.no_grad():
        for kept, part in zip(best, per_member, strict=True):
            part.copy_(kept)
    return {"model_error": float(best_error.mean()), "epochs": float(epochs)}


def fit_model(
    ensemble: Ensemble, steps: Steps, config: ModelConfig, rng: np.random.Generator
) -> dict[str, float]:
    """`fit` with the settings of a config.

    Raises:
        RunFailedError: If the networks have come to give numbers that are not finite.
    """
    figures = fit(
        ensemble,
        steps,
        rng,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        batch_size=config.batch_size,
        max_epochs=config.max_epochs,
        patience=config.patience,
        holdout=config.holdout,
    )
    if not np.isfinite(figures["model_error"]):
        raise RunFailedError("The model's error is no longer a finite number.", "Lower learning_rate.")
    return figures


@torch.no_grad()
def _held_out(ensemble: Ensemble, inputs: Tensor, targets: Tensor, ended: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and squared error of every member on the steps that are held out, ``(E,)`` each."""
    shape = (ensemble.members, len(inputs), -1)
    return ensemble.losses(inputs.expand(shape), targets.expand(shape), ended.expand(shape[:2]))
