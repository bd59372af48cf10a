"""Importance sampling over a few steps: what a policy earns by what it does otherwise, near where the log is.

The difference of two returns is the sum of the advantages that one policy's actions have over the other's
values, over the states that the first one meets (Kakade & Langford 2002):

    J(π) - J(b) = Σ_h γ^h E_π[A_b(s_h, a_h)]

The advantages are those of the logged episodes themselves (Schulman et al. 2016), with the behaviour's
values as a baseline alone, so that features that are too coarse make them noisy rather than wrong. Where
π leads in h steps is told by the product of h ratios π(a|s)/b(a|s), from every logged step on. The product
over a whole episode is useless; over a few steps it is not. Beyond the horizon the advantage is taken to stay
what it is there. Horizon 0 asks whether single steps by π would be better, horizon 1 whether they still are
where a step by π has led. Nothing here depends on how many numbers an observation has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from sandbox.improvement.estimators import MAX_BLOCKS, Decisions, Estimate, Log
from sandbox.statistics.linear_q import Reals, block_of

HORIZONS = (0, 1)
"""At which a candidate has to be better."""

LONGER = (2, 4)
"""At which it must not be worse: products of so many ratios have wide intervals."""

LAMBDA = 0.85
"""Of the advantages: 1 sums all that was earned later, 0 trusts the baseline after one step."""


def advantages(log: Log) -> Reals:
    """Σ_k (γ λ)^k δ_{t+k} with δ = r + γ V(s') - V(s), to the end of each episode; shape ``(N,)``."""
    steps, gamma, (before, after) = log.steps, log.gamma, log.baseline
    errors = steps.reward + gamma * steps.goes_on * after - before
    sums = np.empty(len(steps))
    for first, last in zip(steps.first, steps.last, strict=True):
        reverse = errors[first : last + 1][::-1]
        sums[first : last + 1] = lfilter([1.0], [1.0, -gamma * LAMBDA], reverse)[::-1]
    return sums


def limited(log: Log, decisions: Decisions) -> list[Estimate]:
    """The difference of a policy's return from the behaviour's, at all these horizons; for discrete actions.

    Both returns are discounted and begin at a logged step drawn at random. Errors are by a jackknife over
    blocks of episodes; the effective number of episodes is of the weights at the horizon.
    """
    steps, gamma = log.steps, log.gamma
    ratio = np.where(decisions.now == steps.action, 1 / log.probability, 0.0)
    gain = (ratio - 1) * advantages(log)
    time = np.arange(len(steps)) - steps.first[steps.episode]
    blocks = block_of(steps, MAX_BLOCKS)
    weight: Reals = np.ones(len(steps))
    gains, weights, effective = [], [], []
    for horizon in range(max(LONGER) + 1):
        if horizon:
            weight = np.where(time >= horizon, np.roll(weight * ratio, 1), 0.0)
        gains.append(np.bincount(blocks, weight * gain))
        weights.append(np.bincount(blocks, weight))
        effective.append(_kish(np.bincount(steps.episode, weight).astype(np.float64)))
    above, below = np.array(gains), np.array(weights)
    whole = _differences(above.sum(1), below.sum(1), gamma)
    number = above.shape[1]
    without = _differences(above.sum(1)[:, None] - above, below.sum(1)[:, None] - below, gamma)
    spread = ((without - without.mean(1, keepdims=True)) ** 2).sum(1)
    error = np.sqrt((number - 1) / number * spread)
    return [Estimate(float(whole[h]), float(error[h]), effective[h]) for h in (*HORIZONS, *LONGER)]


def _differences(gains: Reals, weights: Reals, gamma: float) -> Reals:
    """Σ_{h<H} γ^h G_h + γ^H G_H / (1 - γ) for every H, along the first axis."""
    mean = gains / np.where(weights > 0, weights, 1.0)
    discount = (gamma ** np.arange(len(mean))).reshape(-1, *[1] * (mean.ndim - 1))
    before: Reals = np.cumsum(discount * mean, 0) - discount * mean
    return np.asarray(before + discount * mean / (1 - gamma), np.float64)


def _kish(weight: NDArray[np.float64]) -> float:
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0
