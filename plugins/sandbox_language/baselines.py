"""Who needs no training: the pre-trained model, and the best of several of its texts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.types import Array
from sandbox_language.process import Writing


class Pretrained:
    """Draws every token from the pre-trained model, also where its mode is asked for.

    Args:
        env: Where it will play; it says there with which probability it draws.
    """

    def __init__(self, env: Any) -> None:
        self.core = env.core
        self.process: Writing = env.core.process
        self._rng = np.random.default_rng()

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """The next tokens, shape ``(n,)``."""
        from sandbox_language.networks.model import draw

        values = self.process.reference.next_log_probs(np.asarray(observation, np.int64))
        tokens = draw(values, self._rng)
        self.core.declare(values[np.arange(len(tokens)), tokens])
        return tokens

    def save(self, directory: Path) -> None:
        """A baseline is made from its environment."""
        raise NotImplementedError("a baseline is made from its environment, not from a file")


class BestOf(Pretrained):
    """Draws n texts, and writes the one that the reward model likes most.

    It declares the pre-trained model's probabilities, and at the last token log n − (n − 1) / n more: the KL
    of the best of n, where no two are alike (Stiennon et al. 2020, appendix G.3). Where some are alike it is
    less.

    Args:
        env: Where it will play.
        count: n.
    """

    def __init__(self, env: Any, count: int) -> None:
        super().__init__(env)
        self.count = count
        self.divergence = math.log(count) - (count - 1) / count
        self._plans = np.zeros((0, 0), np.int64)
        self._drawn = np.zeros((0, 0))

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator and forget the texts."""
        super().reset(num_envs, seed)
        self._plans = np.full((num_envs, self.process.window), -1, np.int64)
        self._drawn = np.zeros(self._plans.shape)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """The next tokens of the chosen texts, shape ``(n,)``."""
        windows = np.asarray(observation, np.int64)
        blank, rows = self.process.blank, np.arange(len(windows))
        if len(self._plans) != len(windows):
            self.reset(len(windows))
        lengths = (windows != blank).sum(axis=1)
        places = np.minimum(lengths, windows.shape[1] - 1)
        follows = ((windows == blank) | (windows == self._plans)).all(axis=1)
        follows &= self._plans[rows, places] != blank
        present = ~self.process.finished
        if len(new := np.flatnonzero(~follows & present)):
            self._plans[new], self._drawn[new] = self._best(windows[new], self.process.limits[new])
        tokens = np.clip(self._plans[rows, places], 0, self.process.vocabulary - 1)
        ended = self.process.reference.finished(
            np.where(np.arange(windows.shape[1]) <= places[:, None], self._plans, blank), self.process.limits
        )
        self.core.declare(self._drawn[rows, places] + self.divergence * ended)
        return np.asarray(tokens)

    def _best(self, windows: Array, limits: Array) -> tuple[Array, Array]:
        """Of each text the best of n ways to go on, and the log-probabilities of its tokens."""
        from sandbox_language.networks.reward_model import reward_model

        texts, drawn = self.process.reference.complete(
            np.repeat(windows, self.count, axis=0), np.repeat(limits, self.count), self._rng
        )
        values = reward_model(self.process.config).values(texts).reshape(-1, self.count)
        best = np.arange(len(windows)) * self.count + values.argmax(axis=1)
        return texts[best], drawn[best]


def pretrained(env: Any) -> Pretrained:
    """The model before any fine-tuning."""
    return Pretrained(env)


def best_of_8(env: Any) -> BestOf:
    """The best of 8 texts."""
    return BestOf(env, 8)


def best_of_64(env: Any) -> BestOf:
    """The best of 64 texts."""
    return BestOf(env, 64)
