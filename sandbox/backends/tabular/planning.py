"""Exact solution of a finite model: value iteration and policy iteration.

Both know Q(s, a) = r(s, a) + γ Σ p(s' | s, a) V(s') and act by its argmax. Value iteration repeats
V(s) ← max over a of Q(s, a). Policy iteration solves for the V of a policy exactly and improves the policy by
π(s) ← argmax over a of Q(s, a), which never makes it worse, until nothing changes.

Where nothing discounts and nothing ends, what counts is the mean reward of a step, the gain g: then V is relative
to the value of the first state, and Q(s, a) = r(s, a) - g + Σ p V(s'). The chain is taken to be unichain, as
Puterman (1994), chapter 8, has it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import FiniteModel, TrainContext, read_state, write_state
from sandbox.api.errors import MisfitError
from sandbox.backends.tabular.policy import TablePolicy
from sandbox.backends.tabular.states import Floats, keys

NAME = "values"
DAMPING = 0.5
"""Share of the old values in a sweep of the average criterion: a periodic chain would never stand still."""

Round = Callable[[FiniteModel, Floats, float], tuple[Floats, dict[str, float], bool]]
"""From a model, values and a tolerance to better values, diagnostics, and whether nothing changes any more."""


def train_value_iteration(context: TrainContext) -> TablePolicy:
    """Sweep until the values stand still; a sweep is a step."""
    return _solve(context, "value-iteration", sweep)


def train_policy_iteration(context: TrainContext) -> TablePolicy:
    """Evaluate and improve until the policy stands still; a round is a step."""
    return _solve(context, "policy-iteration", improve)


def sweep(model: FiniteModel, values: Floats, tolerance: float) -> tuple[Floats, dict[str, float], bool]:
    """One sweep of value iteration over all states."""
    best = _best(model, model.action_values(values))
    change = best - values
    gain = 0.0
    if model.criterion == "average":
        gain = float((change.min() + change.max()) / 2)  # the bounds of Odoni (1969)
        change = change - gain
        following = values + (1 - DAMPING) * (best - values)
        following -= following[0]
    else:
        following = best
    largest = float(np.abs(change).max())
    done = largest <= tolerance * max(1.0, float(np.abs(following).max()))
    return following, {"gain": gain, "value": float(model.initial @ following), "change": largest}, done


def improve(model: FiniteModel, values: Floats, tolerance: float) -> tuple[Floats, dict[str, float], bool]:
    """One round of policy iteration: act by the argmax of Q, then solve for the values of that policy."""
    chosen = greedy(model, values)
    following, gain = evaluate_policy(model, chosen)
    better = greedy(model, following, chosen, tolerance)
    changed = int((better != chosen).sum())
    figures = {"gain": gain, "value": float(model.initial @ following), "states_changed": float(changed)}
    return following, figures, changed == 0


def greedy(
    model: FiniteModel, values: Floats, old: NDArray[np.int64] | None = None, tolerance: float = 0.0
) -> NDArray[np.int64]:
    """The argmax of Q in every state; an old action that is as good within the tolerance stays."""
    q = model.action_values(values)
    best: NDArray[np.int64] = q.argmax(axis=1)
    if old is None:
        return best
    rows = np.arange(len(q))
    margin = tolerance * max(1.0, float(np.abs(values).max()))
    kept: NDArray[np.int64] = np.where(q[rows, best] <= q[rows, old] + margin, old, best)
    return kept


def evaluate_policy(model: FiniteModel, chosen: NDArray[np.int64]) -> tuple[Floats, float]:
    """The values of a policy by solving its linear equations, and its gain (0 unless the criterion is average).

    Args:
        model: The task.
        chosen: Index of the action in every state.

    Raises:
        MisfitError: If the equations have no single solution: with a total criterion, a policy that never ends.
    """
    from scipy.sparse import coo_array, eye_array, hstack, vstack
    from scipy.sparse.linalg import spsolve

    states = np.arange(model.num_states)
    ended = np.zeros(model.num_states, np.bool_) if model.terminal is None else model.terminal
    probabilities = np.where(ended[:, None], 0.0, model.probabilities[states, chosen])
    rewards = np.where(ended, 0.0, model.rewards[states, chosen])
    successors = model.successors[states, chosen]
    into_live = probabilities * ~ended[successors]
    rows = np.repeat(states, successors.shape[1])
    step = coo_array((into_live.ravel(), (rows, successors.ravel())), shape=(model.num_states,) * 2)
    system = (eye_array(model.num_states) - model.discount * step).tocsr()
    if model.criterion != "average":
        solution = spsolve(system.tocsc(), rewards)
    else:  # (I - P) V + g = r with V = 0 in the first state
        column = np.ones((model.num_states, 1))
        row = np.zeros((1, model.num_states + 1))
        row[0, 0] = 1.0
        whole = vstack([hstack([system, coo_array(column)]), coo_array(row)]).tocsc()
        solution = spsolve(whole, np.append(rewards, 0.0))
    if not np.isfinite(solution).all():
        raise MisfitError(
            "A policy of this task has no value: from some states it never ends.",
            "Take value-iteration, or a model with a discount below 1.",
        )
    if model.criterion != "average":
        return np.asarray(solution), 0.0
    return np.asarray(solution[:-1]), float(solution[-1])


def _solve(context: TrainContext, name: str, round_: Round) -> TablePolicy:
    models = context.models
    assert models is not None, "an algorithm that needs a model is given the task's models"
    model = models.finite
    steps, values = 0, np.zeros(model.num_states)

    def write(folder: Path, before: Path | None) -> None:
        write_state(folder, NAME, {"steps": steps, "values": values})

    def policy() -> TablePolicy:
        states = keys(model.observe(np.arange(model.num_states)))
        return TablePolicy(name, states, model.action_values(values), np.asarray(model.actions))

    if context.resume is not None:
        saved = read_state(context.resume.state, NAME)
        steps, values = int(saved["steps"]), np.asarray(saved["values"], np.float64)
        context.update(steps, policy, None, write)
    done = False
    while not done and steps < context.steps:
        values, figures, done = round_(model, values, context.config.tolerance)
        steps += 1
        context.update(steps, policy, figures, None if done else write)
    return policy()


def _best(model: FiniteModel, q: Floats) -> Floats:
    best: Floats = q.max(axis=1)
    return best if model.terminal is None else np.where(model.terminal, 0.0, best)
