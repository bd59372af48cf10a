"""Random search that adapts its distribution: the cross-entropy method and CMA-ES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sandbox.api import MissingExtraError
from sandbox_locomotion.arrays import Floats

MIN_POPULATION = 6
"""The mean, the best candidate so far, and as many new candidates as elites."""
BEST = 1
"""Index within a generation of the best candidate so far."""
ELITE_SHARE = 0.1
MIN_ELITES = 4
SMOOTHING = 0.7
"""Weight of the new estimate in the distribution of the next generation."""


@dataclass(frozen=True)
class Space:
    """Bounds and the initial distribution of parameters, shape ``(parameters,)`` each.

    Attributes:
        low: Lower bounds; −inf for angles, which wrap.
        high: Upper bounds.
        start: Mean of the initial distribution.
        spread: Its standard deviation.
    """

    low: Floats
    high: Floats
    start: Floats
    spread: Floats

    def clip(self, candidates: Floats) -> Floats:
        """Candidates ``(…, parameters)`` within the bounds."""
        return np.clip(candidates, self.low, self.high)


class CrossEntropy:
    """The cross-entropy method: independent normal distributions, fitted to the best tenth."""

    def __init__(self, space: Space, population: int, seed: int) -> None:
        self.mean, self._spread = space.start.copy(), space.spread.copy()
        self._initial_spread, self._population = space.spread, population
        self._rng = np.random.default_rng(seed)

    def ask(self, best: Floats | None) -> Floats:
        """Candidates ``(population, parameters)``, not yet clipped: the mean, the best so far, new draws."""
        drawn = self.mean + self._spread * self._rng.standard_normal((self._population, len(self.mean)))
        drawn[0] = self.mean
        if best is not None:
            drawn[BEST] = best
        return drawn

    def tell(self, candidates: Floats, scores: Floats) -> None:
        """Fit the distribution to a generation; higher scores are better."""
        elites = max(MIN_ELITES, round(ELITE_SHARE * self._population))
        chosen = candidates[np.argsort(-scores)[:elites]]
        self.mean = SMOOTHING * chosen.mean(0) + (1 - SMOOTHING) * self.mean
        fitted = chosen.std(0) + 1e-4 * self._initial_spread
        self._spread = SMOOTHING * fitted + (1 - SMOOTHING) * self._spread


class CmaEs:
    """Covariance matrix adaptation (Hansen 2016, arXiv 1604.00772), in units of the initial spread.

    The mean and the best so far are evaluated but not learned from, since the method expects its own draws.

    Raises:
        MissingExtraError: Without the package cmaes.
    """

    def __init__(self, space: Space, population: int, seed: int) -> None:
        try:
            from cmaes import CMA
        except ImportError:
            raise MissingExtraError("CMA-ES", ["cmaes"], "tune") from None
        self._space, zeros = space, np.zeros(len(space.start))
        self._search = CMA(mean=zeros, sigma=1.0, seed=seed, population_size=population - 2)

    @property
    def mean(self) -> Floats:
        """Centre of the distribution."""
        return np.asarray(self._space.start + self._space.spread * self._search.mean)

    def ask(self, best: Floats | None) -> Floats:
        """Candidates ``(population, parameters)``, not yet clipped: the mean, the best so far, new draws."""
        drawn = np.stack([self._search.ask() for _ in range(self._search.population_size)])
        known = np.stack([self.mean, self.mean if best is None else best])
        return np.concatenate([known, self._space.start + self._space.spread * drawn])

    def tell(self, candidates: Floats, scores: Floats) -> None:
        """Update the distribution; clipped candidates count as if they had been drawn there."""
        drawn = (candidates[2:] - self._space.start) / self._space.spread
        losses = [-float(score) for score in scores[2:]]
        self._search.tell(list(zip(drawn, losses, strict=True)))


METHODS: dict[str, type[CrossEntropy | CmaEs]] = {"cross-entropy": CrossEntropy, "cma-es": CmaEs}


def search(
    space: Space,
    score: Callable[[Floats, int], Floats],
    generations: int,
    population: int,
    seed: int,
    on_generation: Callable[[str], None],
    on_best: Callable[[Floats, float], object] = lambda numbers, value: None,
    method: str = "cross-entropy",
) -> tuple[Floats, float]:
    """Search for parameters with a high score.

    Args:
        space: Bounds and the initial distribution.
        score: From candidates ``(population, parameters)`` and the generation to scores, higher is better.
        generations: Number of generations.
        population: Candidates of each.
        seed: Seed of the draws.
        on_generation: Called with a summary of each generation.
        on_best: Called with the best candidate so far and its score after each generation.
        method: One of `METHODS`.

    Returns:
        The mean of the last distribution or the best candidate, whichever scores higher on new seeds,
        and that score.
    """
    searcher = METHODS[method](space, population, seed)
    best, best_score = space.start.copy(), -np.inf
    for generation in range(generations):
        candidates = space.clip(searcher.ask(best if generation else None))
        scores = score(candidates, generation)
        searcher.tell(candidates, scores)
        top = int(np.argmax(scores))
        # The best so far is evaluated again on other seeds; it is replaced if it had only been lucky.
        if scores[top] > best_score or scores[BEST] < best_score - 0.1 * abs(best_score):
            best, best_score = candidates[top].copy(), float(scores[top])
        on_best(best, best_score)
        on_generation(f"generation {generation + 1}: best {scores.max():.4g}, mean {scores.mean():.4g}")
    finalists = np.stack([space.clip(searcher.mean), best])
    repeated = np.repeat(finalists, max(1, population // 2), 0)[:population]
    scores = score(repeated, generations)
    half = len(scores) // 2
    means = scores[:half].mean(), scores[half:].mean()
    return finalists[int(np.argmax(means))], float(max(means))
