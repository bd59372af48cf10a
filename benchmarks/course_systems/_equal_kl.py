"""The best of n beside other policies at the same KL.

The best of n is a weighting of the pre-trained model's texts by their rank: with the values of N texts in
ascending order the j-th is the best of n that are drawn without replacement with probability

    C(j − 1, n − 1) / C(N, n),

which Γ gives for real n as well, so that there is a best of n for every KL log n − (n − 1)/n. The policy with
the most reward at a KL is a weighting, too, by exp(r/β). Gui et al. 2024 (arXiv 2406.00832) show that among
such weightings the former is nearly optimal in the share of comparisons that are won.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln

from sandbox_language.config import LanguageConfig
from sandbox_language.grammar import is_sentence
from sandbox_language.networks.load import material
from sandbox_language.networks.reward_model import reward_model
from sandbox_language.ratings import HELD_OUT, rating

Array = NDArray[Any]
Row = dict[str, Any]

HALVINGS = 60
"""Of an interval in which a number is looked for."""

RESAMPLES = 2000
"""Of prompts, for an interval."""


@dataclass(frozen=True)
class Texts:
    """Texts on prompts, a row a prompt; arrays ``(prompts, texts)``.

    Attributes:
        score: By the reward model.
        rating: By the held-out ratings.
        sentence: Whether it is one.
    """

    score: Array
    rating: Array
    sentence: Array

    @property
    def true_reward(self) -> Array:
        """The rating, 0 of what is no sentence."""
        return np.asarray(self.rating * self.sentence)


def judged(windows: Array, prompts: int) -> Texts:
    """What texts are worth, those of a prompt after one another; shape ``(prompts · texts, W)``."""
    config = LanguageConfig()
    shared = material(config)
    words = [shared.model.model.text(text).split() for text in windows]
    shape = (prompts, -1)
    return Texts(
        reward_model(config).values(windows).reshape(shape),
        np.array([rating(text, HELD_OUT) for text in words]).reshape(shape),
        np.array([is_sentence(text) for text in words]).reshape(shape),
    )


def begun(prompts: Array, count: int) -> tuple[Array, Array]:
    """Windows with ``count`` beginnings on each prompt, and how many tokens each may have."""
    config = LanguageConfig()
    shared = material(config)
    windows = np.repeat(shared.prompts[prompts], count, axis=0)
    return windows, np.repeat(shared.starts[prompts] + config.tokens, count)


def kl_of(n: float) -> float:
    """Of the best of n, nats; an upper bound that is exact where no two texts are worth the same."""
    return math.log(n) - (n - 1.0) / n


def n_of(kl: float) -> float:
    """The real n whose best has a KL."""
    return float(brentq(lambda n: kl_of(n) - kl, 1.0, 1e6)) if kl > 0 else 1.0


def best_weights(score: Array, n: float) -> Array:
    """Probability that each of a prompt's texts is the best of n of them; rows sum to 1."""
    count = score.shape[1]
    places = np.arange(1.0, count + 1.0)
    with np.errstate(invalid="ignore"):
        log = np.where(places > n - 1, gammaln(places) - gammaln(places + 1 - n), -np.inf)
    weights = np.exp(log - log.max())
    order = score.argsort(axis=1, kind="stable")
    ranked = np.empty(score.shape)
    np.put_along_axis(ranked, order, np.broadcast_to(weights / weights.sum(), score.shape), axis=1)
    return ranked


def tilted_weights(score: Array, kl: float) -> Array:
    """exp(r/β) / Z of each prompt's texts with the β whose mean KL over prompts is ``kl``."""
    low, high = 1e-3, 1e3
    for _ in range(HALVINGS):
        beta = math.sqrt(low * high)
        weights = np.exp((score - score.max(axis=1, keepdims=True)) / beta)
        weights /= weights.sum(axis=1, keepdims=True)
        reached = (weights * np.log(np.maximum(weights * score.shape[1], 1e-300))).sum(axis=1).mean()
        low, high = (low, beta) if reached < kl else (beta, high)
    return np.asarray(weights)


def limits(texts: Texts, sizes: Sequence[int]) -> list[Row]:
    """Score and true reward of the best of n and of the policy with the most reward at its KL."""
    rows = []
    for n in sizes:
        best = best_weights(texts.score, n)
        row: Row = {"n": n, "kl": kl_of(n)}
        for name in ("score", "true_reward"):
            values = getattr(texts, name)
            row[name] = float((best * values).sum(axis=1).mean())
            row[f"most_{name}"] = _unbiased(texts.score, values, row["kl"])
        rows.append(row)
    return rows


def _unbiased(score: Array, values: Array, kl: float) -> float:
    """Mean of values under `tilted_weights`; that of halves takes away what is in proportion to 1/texts."""
    half = score.shape[1] // 2
    parts = [(score, values), (score[:, :half], values[:, :half]), (score[:, half:], values[:, half:])]
    whole, *halves = (float((tilted_weights(s, kl) * v).sum(axis=1).mean()) for s, v in parts)
    return 2.0 * whole - sum(halves) / 2.0


def compared(texts: Texts, trained: Texts, kl: Array, seed: int) -> Row:
    """A trained policy's texts beside the best of n at their KL, prompt by prompt.

    Args:
        texts: By the pre-trained model.
        trained: By the trained one, on the same prompts.
        kl: Its KL on each prompt, nats, ``(prompts,)``.
        seed: Of the interval.
    """
    mean = float(kl.mean())
    n = n_of(mean)
    best = best_weights(texts.score, n)
    row: Row = {"kl": mean, "n": n}
    for name in ("score", "true_reward"):
        known, own = (best * getattr(texts, name)).sum(axis=1), getattr(trained, name).mean(axis=1)
        row |= {name: float(own.mean()), f"best_{name}": float(known.mean())}
    gains = trained.true_reward.mean(axis=1) - (best * texts.true_reward).sum(axis=1)
    draws = np.random.default_rng(seed).integers(len(gains), size=(RESAMPLES, len(gains)))
    low, high = np.quantile(gains[draws].mean(axis=1), (0.025, 0.975))
    return row | {"gain": float(gains.mean()), "low": float(low), "high": float(high)}
