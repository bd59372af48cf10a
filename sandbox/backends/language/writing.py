"""Rounds of writing: every row writes one text with the present weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sandbox.api import Interaction
from sandbox.api.types import Array
from sandbox.backends.language.policy import LanguagePolicy


@dataclass(frozen=True)
class Written:
    """n texts, drawn with the same weights.

    Attributes:
        windows: Prompts and tokens, shape ``(n, W)``.
        starts: Tokens of each prompt, shape ``(n,)``.
        places: Where a token was drawn, boolean ``(n, W)``.
        log_probs: Of each drawn token when it was drawn, 0 elsewhere; ``(n, W)``.
        rewards: What each token earned, 0 elsewhere; ``(n, W)``.
    """

    windows: Array
    starts: Array
    places: Array
    log_probs: Array
    rewards: Array

    @property
    def returns(self) -> Array:
        """What each text earned in all, shape ``(n,)``."""
        total: Array = self.rewards.sum(axis=1)
        return total

    def groups(self) -> Array:
        """Number of each text's prompt, shape ``(n,)``: texts with the same prompt are a group."""
        width = int(self.starts.max())
        prompts = np.where(np.arange(width) < self.starts[:, None], self.windows[:, :width], -1)
        _, group = np.unique(prompts, axis=0, return_inverse=True)
        return np.asarray(group).reshape(-1)


def write(interaction: Interaction, policy: LanguagePolicy, blank: int) -> tuple[int, Written]:
    """Begin new episodes, and write until every row has ended its first one.

    What rows write after that, while others go on, is not kept: short texts would be taken more often.

    Returns:
        Steps that were taken over all rows, and the texts.
    """
    interaction.restart()
    windows = np.array(interaction.observation, np.int64)
    starts = (windows != blank).sum(axis=1)
    places = np.zeros(windows.shape, np.bool_)
    log_probs, rewards = np.zeros(windows.shape), np.zeros(windows.shape)
    writing = interaction.active.copy()
    steps = 0
    while writing.any():
        seen = np.asarray(interaction.observation, np.int64)
        tokens, known = policy.draw(seen, interaction.active)
        happened = interaction.step(tokens)
        steps += len(tokens)
        rows = np.flatnonzero(writing)
        at = (windows[rows] != blank).sum(axis=1)
        windows[rows, at], places[rows, at] = tokens[rows], True
        log_probs[rows, at], rewards[rows, at] = known[rows], happened.reward[rows]
        writing &= ~(happened.terminated | happened.truncated)
    return steps, Written(windows, starts, places, log_probs, rewards)


def tensor(values: Array) -> Tensor:
    """An array as a tensor, in single precision where it is real."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32 if values.dtype.kind == "f" else None))


def to_go(values: Array) -> Array:
    """Sums over the present and all later places, shape ``(n, W)``."""
    return np.asarray(values[:, ::-1].cumsum(axis=1)[:, ::-1])
