"""Model-free Monte Carlo (Fonteneau et al. 2010): episodes of a policy put together from logged steps.

Where a logged step leads, the policy would take some action; one of the logged steps nearest to that
state and with that action comes next, and so on. What the pieces earned estimates the return; how far
they lie apart says whether the log shows what the policy would do at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from sandbox.improvement.estimators import Decisions, Estimate, Log
from sandbox.statistics.linear_q import Reals, Steps, Whole

NEIGHBOURS = 10
"""Logged steps of which one at random comes next: the nearest alone, if lucky, would repeat for ever."""

CHAINS = 300
"""Episodes that are put together."""

FAR = 0.5
"""Distance, in deviations times √d, beyond which a logged step says nothing of a state."""

MAX_FAR = 0.05
"""Share of a policy's steps that may lie further than that from logged ones with its action."""

PROBES = 200
"""Logged steps whose own distance from the others is looked at."""

SPARSE = 0.25
"""Share of them beyond the limit, from which on distance tells nothing of a policy."""


def chained(log: Log, decisions: Decisions, seed: int) -> tuple[Estimate, float]:
    """The return of a policy, and the share of its steps of which the log shows nothing near.

    Both are discounted, over as many steps as the longest logged episode has, from first observations of
    logged episodes on; what follows has the behaviour's values.
    """
    steps, gamma, rng = log.steps, log.gamma, np.random.default_rng(seed)
    first = steps.first
    begins = _nearest(steps, steps.seen[first], decisions.now[first])
    follows = _nearest(steps, steps.following, decisions.then)

    def next_of(neighbours: tuple[Whole, Reals], rows: Whole) -> tuple[Whole, Reals]:
        column = rng.integers(NEIGHBOURS, size=len(rows))
        return neighbours[0][rows, column], neighbours[1][rows, column]

    at, far = next_of(begins, rng.integers(len(first), size=CHAINS))
    returns, alive, unseen, weight = np.zeros(CHAINS), np.ones(CHAINS), 0.0, 0.0
    horizon = int((steps.last - first).max()) + 1
    for time in range(horizon):
        returns += gamma**time * alive * steps.reward[at]
        unseen += gamma**time * float(alive @ far)
        weight += gamma**time * float(alive.sum())
        alive = alive * steps.goes_on[at]
        last = at
        at, far = next_of(follows, at)
    returns += gamma**horizon * alive * (log.features.of_seen(steps.following[last]) @ log.values)
    error = float(returns.std(ddof=1)) / min(CHAINS, len(first)) ** 0.5
    return Estimate(float(returns.mean()), error), unseen / weight


def is_dense(log: Log, seed: int) -> bool:
    """Whether logged steps lie near steps of other episodes with the same action, as they must to be joined.

    With many numbers in an observation none does, whatever the policy: then distance tells nothing.
    """
    steps = log.steps
    rows = np.random.default_rng(seed).permutation(len(steps))[:PROBES]
    logged, limit = _scaled(steps, steps.seen, steps.action), _limit(steps)
    far = 0
    for row in rows:
        others = steps.episode != steps.episode[row]
        if steps.count:
            others &= steps.action == steps.action[row]
        square = ((logged[others] - logged[row]) ** 2).sum(1)
        far += not len(square) or square.min() > limit**2
    return far <= SPARSE * len(rows)


def _scaled(steps: Steps, seen: Reals, action: NDArray[np.generic]) -> Reals:
    """Observations in deviations of the logged ones, and continuous actions beside them in theirs."""
    deviation = steps.seen.std(0)
    asked: Reals = seen / np.where(deviation > 1e-9, deviation, 1.0)
    if steps.count:
        return asked
    taken, wanted = (np.asarray(x, np.float64).reshape(len(x), -1) for x in (steps.action, action))
    return np.hstack([asked, wanted / np.where(taken.std(0) > 1e-9, taken.std(0), 1.0)])


def _limit(steps: Steps) -> float:
    return float(FAR * steps.seen.shape[1] ** 0.5)


def _nearest(steps: Steps, seen: Reals, action: NDArray[np.generic]) -> tuple[Whole, Reals]:
    """Numbers of the logged steps nearest to each pair, and 1 where far; shapes ``(n, NEIGHBOURS)``."""
    logged, asked = _scaled(steps, steps.seen, steps.action), _scaled(steps, seen, action)
    limit = _limit(steps)
    places, far = np.zeros((len(seen), NEIGHBOURS), np.int64), np.ones((len(seen), NEIGHBOURS))
    if not steps.count:
        groups = [(np.arange(len(asked)), np.arange(len(logged)))]
    else:
        groups = [
            (np.flatnonzero(action == choice), np.flatnonzero(steps.action == choice))
            for choice in range(steps.count)
        ]
    for rows, known in groups:
        if len(rows) and len(known):
            count = min(NEIGHBOURS, len(known))
            distance, nearest = cKDTree(logged[known]).query(asked[rows], k=range(1, count + 1))
            repeated = np.resize(np.arange(count), NEIGHBOURS)
            places[rows], far[rows] = known[nearest][:, repeated], distance[:, repeated] > limit
    return places, far
