"""Off-policy evaluation: what would a policy have earned, by the log of another one?

All estimates are of the mean discounted return from the log's first observations on. An episode that a
limit cut off goes on with the value of what was seen last. Intervals are over episodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sandbox.statistics.linear_q import (
    Features,
    Reals,
    Steps,
    block_of,
    state_values,
    system,
    without_preference,
)

MIN_EFFECTIVE = 10.0
"""Episodes' worth of weight below which an estimate by importance sampling counts for nothing."""

MAX_BLOCKS = 60
"""Blocks of episodes that are drawn in a bootstrap."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of a mean discounted return.

    Attributes:
        mean: The estimate.
        error: Its standard error over episodes.
        effective: Episodes' worth of weight that are left at the end (Kish); None where nothing is weighted.
    """

    mean: float
    error: float
    effective: float | None = None

    @property
    def usable(self) -> bool:
        """Whether it rests on enough episodes."""
        return self.effective is None or self.effective >= MIN_EFFECTIVE

    def lower(self, level: float) -> float:
        """One-sided lower bound, for example at the level 0.95."""
        return self.mean - float(stats.norm.ppf(level)) * self.error

    def upper(self, level: float) -> float:
        """One-sided upper bound."""
        return self.mean + float(stats.norm.ppf(level)) * self.error


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What a deterministic policy without memory does at the logged steps.

    Attributes:
        now: Its actions at ``Steps.seen``, in the form of ``Steps.action``.
        then: Its actions at ``Steps.following``.
    """

    now: NDArray[np.generic]
    then: NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Log:
    """Steps that are held out for evaluation, and what was learned of their behaviour.

    Attributes:
        steps: The steps.
        probability: How likely the behaviour was to take each action, shape ``(N,)``.
        gamma: Discount factor.
        features: Of the values.
        values: θ of the behaviour's V, solved on these steps.
        returns: Discounted return of every episode, what followed a limit included, shape ``(E,)``.
        baseline: The behaviour's values before and after each step, shape ``(N,)`` each: learned from other
            steps, where there are any.
    """

    steps: Steps
    probability: Reals
    gamma: float
    features: Features
    values: Reals
    returns: Reals
    baseline: tuple[Reals, Reals]


def log_of(
    steps: Steps,
    probability: Reals,
    gamma: float,
    features: int,
    seed: int,
    learned_from: Steps | None = None,
) -> Log:
    """A log with the values of its behaviour.

    Args:
        steps: Held out for evaluation.
        probability: Of their actions.
        gamma: Discount factor.
        features: How many random features values have.
        seed: Draws them.
        learned_from: Other steps of the same behaviour; ``steps`` themselves if absent.
    """
    made = Features(steps, features, seed)
    values = state_values(made, steps, gamma)
    apart, theta = made, values
    if learned_from is not None:
        apart = Features(learned_from, features, seed)
        theta = state_values(apart, learned_from, gamma)
    baseline = apart.of_seen(steps.seen) @ theta, apart.of_seen(steps.following) @ theta
    start = steps.first
    time = np.arange(len(steps)) - start[steps.episode]
    returns = np.bincount(steps.episode, gamma**time * steps.reward, len(start))
    last = steps.last
    tail = made.of_seen(steps.following[last]) @ values * steps.goes_on[last]
    whole = np.asarray(returns + gamma ** (time[last] + 1) * tail, np.float64)
    return Log(steps, probability, gamma, made, values, whole, baseline)


def behaviour(log: Log) -> Estimate:
    """What the behaviour earned: the mean over its own episodes."""
    return _over_episodes(log.returns)


def explained(log: Log) -> tuple[float, float]:
    """The behaviour's mean return by values that are linear in the features, and the error that may be.

    The behaviour is the one policy whose return the log shows. Features that do not give it back are no
    ground for saying what others would earn.
    """
    start = log.features.of_seen(log.steps.seen[log.steps.first]) @ log.values
    difference = start - log.returns
    error = float(difference.std(ddof=1)) / len(difference) ** 0.5
    return float(difference.mean()), 3 * error


def fitted_q(log: Log, decisions: Decisions, draws: int, seed: int) -> tuple[Estimate, Estimate, Reals]:
    """Fitted Q evaluation with a bootstrap over episodes (Hao et al. 2021).

    Args:
        log: What was logged.
        decisions: Of the policy.
        draws: Of the bootstrap.
        seed: Of the draws.

    Returns:
        The policy's return, its difference from the behaviour's (drawn together, so that luck of the
        episodes cancels), and θ of its Q.
    """
    steps, features = log.steps, log.features
    prior = without_preference(features, steps, log.values)
    then = features.of_pairs(steps.following, decisions.then)
    blocks = block_of(steps, MAX_BLOCKS)
    sums = system(features.of_pairs(steps.seen, steps.action), then, steps, log.gamma, blocks)
    first = steps.first
    begins = features.of_pairs(steps.seen[first], decisions.now[first])
    number = len(sums.right)
    sizes = np.bincount(blocks[first], minlength=number).astype(np.float64)
    begin = np.stack([np.bincount(blocks[first], column, number) for column in begins.T], 1)
    earned = np.bincount(blocks[first], log.returns, number)

    def value(weight: Reals) -> tuple[float, float]:
        theta, episodes = sums.solve(weight, prior), float(weight @ sizes)
        return float(weight @ begin @ theta) / episodes, float(weight @ earned) / episodes

    rng = np.random.default_rng(seed)
    drawn = [
        value(rng.multinomial(number, np.full(number, 1 / number)).astype(np.float64)) for _ in range(draws)
    ]
    policy, logged = value(np.ones(number))
    spread = np.array(drawn)
    difference = spread[:, 0] - spread[:, 1]
    return (
        Estimate(policy, float(spread[:, 0].std(ddof=1))),
        Estimate(policy - logged, float(difference.std(ddof=1))),
        sums.solve(np.ones(number), prior),
    )


def ratios(log: Log, decisions: Decisions) -> Reals:
    """Product of π(a|s)/b(a|s) up to and with each step, for discrete actions; shape ``(N,)``."""
    steps = log.steps
    agrees = decisions.now == steps.action
    each = np.where(agrees, 1 / log.probability, 0.0)
    product = np.empty(len(steps))
    for first, last in zip(steps.first, steps.last, strict=True):
        np.cumprod(each[first : last + 1], out=product[first : last + 1])
    return product


def importance_sampling(log: Log, ratio: Reals) -> Estimate:
    """Per-decision importance sampling (Precup et al. 2000): E Σ γ^t ρ_{0:t} r_t, unbiased."""
    steps = log.steps
    discount = log.gamma ** _time(steps)
    values = _sums(steps.episode, discount * ratio * steps.reward)
    last = steps.last
    tail = log.features.of_seen(steps.following[last]) @ log.values * steps.goes_on[last]
    values += log.gamma * discount[last] * ratio[last] * tail
    return _over_episodes(values, _effective(ratio[last]))


def weighted_doubly_robust(log: Log, decisions: Decisions, theta: Reals, ratio: Reals) -> Estimate:
    """Weighted doubly robust (Thomas & Brunskill 2016, equation 10): fitted Q, corrected where weights reach.

    Σ γ^t (w_t (r_t - Q(s_t, a_t)) + w_{t-1} V(s_t)), with w_t the ratios divided by their mean over episodes
    at t.
    """
    steps, features = log.steps, log.features
    time, first = _time(steps), steps.first
    weight, before = _self_normalised(ratio, time), np.ones(len(steps))
    inner = np.ones(len(steps), np.bool_)
    inner[first] = False
    before[inner] = weight[np.flatnonzero(inner) - 1]
    q = features.of_pairs(steps.seen, steps.action) @ theta
    v = features.of_pairs(steps.seen, decisions.now) @ theta
    values = _sums(steps.episode, log.gamma**time * (weight * (steps.reward - q) + before * v))
    last = steps.last
    tail = features.of_pairs(steps.following[last], decisions.then[last])
    values += log.gamma ** (time[last] + 1) * weight[last] * (tail @ theta) * steps.goes_on[last]
    return _over_episodes(values, _effective(ratio[last]))


def weighted_importance_sampling(log: Log, ratio: Reals) -> Estimate:
    """Per-decision weighted importance sampling: the same with weights that average 1 at every step."""
    steps = log.steps
    time, last = _time(steps), steps.last
    weight = _self_normalised(ratio, time)
    values = _sums(steps.episode, log.gamma**time * weight * steps.reward)
    tail = log.features.of_seen(steps.following[last]) @ log.values * steps.goes_on[last]
    values += log.gamma ** (time[last] + 1) * weight[last] * tail
    return _over_episodes(values, _effective(ratio[last]))


def _self_normalised(ratio: Reals, time: NDArray[np.int64]) -> Reals:
    """Ratios over their mean at each time among all episodes; an ended episode keeps its last ratio."""
    episodes = int((time == 0).sum())
    number = np.cumsum(time == 0) - 1
    horizon = int(time.max()) + 1
    table = np.full((episodes, horizon), np.nan)
    table[number, time] = ratio
    lengths = np.bincount(number, minlength=episodes)
    final = table[np.arange(episodes), lengths - 1]
    filled = np.where(np.isnan(table), final[:, None], table)
    mean = filled.mean(0)
    weights: Reals = np.where(mean > 0, filled / np.where(mean > 0, mean, 1.0), 0.0)
    chosen: Reals = weights[number, time]
    return chosen


def _sums(episode: NDArray[np.int64], values: Reals) -> Reals:
    return np.bincount(episode, values).astype(np.float64)


def _time(steps: Steps) -> NDArray[np.int64]:
    passed: NDArray[np.int64] = np.arange(len(steps)) - steps.first[steps.episode]
    return passed


def _effective(weight: Reals) -> float:
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0


def _over_episodes(values: Reals, effective: float | None = None) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1)) / len(values) ** 0.5, effective)
