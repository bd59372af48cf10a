"""Elo ratings of a pool from the games that were played in it, with intervals.

The ratings maximise the likelihood of the points under P(i scores against j) = 1 / (1 + 10^((Rⱼ − Rᵢ)/400)),
a draw counting as half a win and half a loss (Bradley & Terry 1952, by the iteration of Hunter 2004). Half a
draw between every pair that met is added, which keeps ratings finite where somebody won or lost everything.
Intervals come from drawing the games of every pair anew (bootstrap).

Source: Elo 1978, The rating of chess players; Hunter 2004, MM algorithms for generalized Bradley-Terry
models, Annals of Statistics 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SCALE = 400.0 / np.log(10.0)
PRIOR = 0.5
"""Draws added to every pair that met."""


@dataclass(frozen=True)
class Rating:
    """One member of the pool.

    Attributes:
        name: Who.
        elo: Relative to the anchor.
        low, high: Ends of the 95 % interval.
        games: Played in all.
        score: Mean points a game.
    """

    name: str
    elo: float
    low: float
    high: float
    games: int
    score: float


@dataclass(frozen=True)
class Result:
    """One game: ``score`` is the points of ``first``, 0, 1/2 or 1."""

    first: str
    second: str
    score: float


def ratings(results: Sequence[Result], anchor: str, samples: int = 1000, seed: int = 0) -> list[Rating]:
    """The pool's ratings, the best first.

    Args:
        results: All games.
        anchor: Whose rating is 0.
        samples: Bootstrap samples.
        seed: Of the bootstrap.

    Raises:
        ValueError: If the anchor has played no game.
    """
    names = sorted({name for result in results for name in (result.first, result.second)})
    if anchor not in names:
        raise ValueError(f"{anchor} has played no game")
    index = {name: number for number, name in enumerate(names)}
    pairs: dict[tuple[int, int], list[float]] = {}
    for result in results:
        i, j = index[result.first], index[result.second]
        key, score = ((i, j), result.score) if i < j else ((j, i), 1.0 - result.score)
        pairs.setdefault(key, []).append(score)
    scores = {key: np.asarray(values) for key, values in pairs.items()}
    zero = index[anchor]
    matched = _fitted(scores, len(names), zero)
    rng = np.random.default_rng(seed)
    drawn = np.stack(
        [
            _fitted(
                {key: rng.choice(values, len(values)) for key, values in scores.items()}, len(names), zero
            )
            for _ in range(samples)
        ]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    table = []
    for name, number in index.items():
        mine = [v if k[0] == number else 1 - v for k, v in scores.items() if number in k]
        points = np.concatenate(mine)
        table.append(
            Rating(
                name,
                float(matched[number]),
                float(low[number]),
                float(high[number]),
                len(points),
                float(points.mean()),
            )
        )
    return sorted(table, key=lambda rating: -rating.elo)


def _fitted(scores: dict[tuple[int, int], Array], count: int, zero: int) -> Array:
    """Most likely ratings, 0 for the member ``zero``."""
    points, games = np.zeros((count, count)), np.zeros((count, count))
    for (i, j), values in scores.items():
        total = values.sum() + PRIOR / 2
        number = len(values) + PRIOR
        points[i, j], points[j, i] = total, number - total
        games[i, j] = games[j, i] = number
    strength = np.ones(count)
    for _ in range(10_000):
        shares = games / (strength[:, None] + strength[None, :])
        new = points.sum(1) / shares.sum(1)
        new /= new[zero]
        if np.abs(np.log(new / strength)).max() < 1e-9:
            break
        strength = new
    elo: Array = SCALE * np.log(strength)
    return elo
