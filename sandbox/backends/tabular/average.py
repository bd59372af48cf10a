"""The mean reward of a policy and its relative values, whatever parts its chain falls into.

From some states a policy may end in one closed class of states, from others in another, and each class has a
gain of its own. With P the transition probabilities and r the rewards of the policy,

    g = P g,   h + g = r + P h,   h = 0 in the first state of every class

(Puterman 1994, section 9.1). Policy iteration needs this even where the optimum has a single gain: a policy
on its way there may have several.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sandbox.backends.tabular.states import Floats, Indices


def gains_and_values(step: Any, rewards: Floats) -> tuple[Floats, Floats]:
    """g and h of every state, shape ``(S,)`` each.

    Args:
        step: P, a sparse array of shape ``(S, S)``.
        rewards: r, shape ``(S,)``.
    """
    from scipy.sparse import csr_array

    chain = csr_array(step)
    chain.eliminate_zeros()
    gains, values = np.zeros(len(rewards)), np.zeros(len(rewards))
    passing = np.ones(len(rewards), np.bool_)
    for members in closed_classes(chain):
        inside = chain[members][:, members]
        gains[members], values[members] = _of_class(inside, rewards[members])
        passing[members] = False
    rest = np.flatnonzero(passing)
    if len(rest):
        ahead = chain[rest]
        within = ahead[:, rest]
        gains[rest] = solve_linear(_minus(within), ahead @ gains)
        values[rest] = solve_linear(_minus(within), rewards[rest] - gains[rest] + ahead @ values)
    return gains, values


def closed_classes(chain: Any) -> list[Indices]:
    """The sets of states that, once entered, are never left and met again and again."""
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(chain, directed=True, connection="strong")
    edges = chain.tocoo()
    leaves = np.zeros(count, np.bool_)
    leaves[label[edges.row][label[edges.row] != label[edges.col]]] = True
    return [np.flatnonzero(label == number) for number in np.flatnonzero(~leaves)]


def _of_class(inside: Any, rewards: Floats) -> tuple[float, Floats]:
    """Gain and relative values of a class: (I - P) h + g = r, with h = 0 in its first state."""
    from scipy.sparse import coo_array, hstack, vstack

    size = len(rewards)
    first = coo_array(([1.0], ([0], [0])), shape=(1, size + 1))
    whole = vstack([hstack([_minus(inside), coo_array(np.ones((size, 1)))]), first])
    solved = solve_linear(whole, np.append(rewards, 0.0))
    return float(solved[-1]), solved[:-1]


def _minus(chain: Any) -> Any:
    """I - P."""
    from scipy.sparse import eye_array

    return eye_array(chain.shape[0]) - chain


def solve_linear(system: Any, right: Floats) -> Floats:
    """The solution of sparse equations."""
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import MatrixRankWarning, spsolve

    with warnings.catch_warnings():
        warnings.simplefilter("error", MatrixRankWarning)
        solved: Floats = np.atleast_1d(spsolve(csc_array(system), right))
    return solved
