"""The bound of Lai and Robbins: no agent that is good on all bandits explores less, in the long run.

An agent whose regret grows more slowly than any power of T on every bandit has, on each of them,

    lim inf R(T) / ln T ≥ Σₐ Δₐ / KL(μₐ, μ*),

with Δₐ the gap of arm a to the best mean μ*, and KL the divergence of what they pay (Lai & Robbins 1985).
It is a slope, and it is asymptotic: at some hundreds or thousands of pulls good agents are below the line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox.api import InfoTable
from sandbox_bandits.config import BernoulliConfig


def divergence(p: float, q: float) -> float:
    """KL of a payment with chance p from one with chance q, nats; infinite where q excludes what p allows."""

    def part(a: float, b: float) -> float:
        if a == 0:
            return 0.0
        return float(a * np.log(a / b)) if b > 0 else float("inf")

    return part(p, q) + part(1 - p, 1 - q)


def slope(means: Sequence[float]) -> float:
    """Least regret that each unit of ln T adds in the long run, for Bernoulli arms."""
    best = max(means)
    return sum((best - mean) / divergence(mean, best) for mean in means if mean < best)


def tables(config: BernoulliConfig) -> list[InfoTable]:
    """What each arm adds to the slope; nothing where the means are drawn."""
    if config.means is None:
        return []
    best = max(config.means)
    rows = [
        (f"{mean:g}", f"{best - mean:g}", f"{divergence(mean, best):.4f}", f"{slope([mean, best]):.2f}")
        for mean in sorted(config.means)
    ]
    total = slope(config.means)
    line = f"{total * np.log(config.horizon):.0f} after {config.horizon:,} pulls"
    title = f"Lai-Robbins: regret grows by {total:.2f} ln T in the long run (as a line from 0: {line})"
    return [InfoTable(title, ("mean", "gap", "KL (nats)", "gap / KL"), tuple(rows))]
