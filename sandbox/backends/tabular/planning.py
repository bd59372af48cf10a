"""Exact solution of a finite model: value iteration and policy iteration.

Both know Q(s, a) = r(s, a) + γ Σ p(s' | s, a) V(s') and act by its argmax. Value iteration repeats
V(s) ← max over a of Q(s, a). Policy iteration solves for the V of a policy exactly and improves the policy by
π(s) ← argmax over a of Q(s, a), which never makes it worse, until nothing changes.

Where nothing discounts and nothing ends, what counts is the mean reward of a step, the gain g. V is then
relative to the first state, and Q(s, a) = r(s, a) - g + Σ p V(s'). The optimum is taken to have a single
gain; policies on the way to it may have one for each part that their chain falls into (`average`), and are
first improved in their gain, then in their values; see Puterman (1994), chapters 8 and 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sandbox.api import FiniteModel, TrainContext, read_state, write_state
from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.backends.tabular.average import gains_and_values, solve_linear
from sandbox.backends.tabular.policy import TablePolicy
from sandbox.backends.tabular.reaching import live, permitted_actions, reaching
from sandbox.backends.tabular.states import Floats, Indices, keys

NAME = "solution"
DAMPING = 0.5
"""Share of the old values in a sweep of the average criterion: a periodic chain would never stand still."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Where a solver stands.

    Attributes:
        values: V, shape ``(S,)``.
        chosen: Index of the action in every state, shape ``(S,)``.
        figures: What is logged.
        done: Whether nothing changes any more.
    """

    values: Floats
    chosen: Indices
    figures: dict[str, float]
    done: bool = False


Round = Callable[[FiniteModel, Solution, float], Solution]
"""From a model, a solution and a tolerance to a better solution."""


def train_value_iteration(context: TrainContext) -> TablePolicy:
    """Sweep until the values stand still; a sweep is a step."""
    return _solve(context, "value-iteration", sweep)


def train_policy_iteration(context: TrainContext) -> TablePolicy:
    """Evaluate and improve until the policy stands still; a round is a step."""
    return _solve(context, "policy-iteration", improve)


def begin(model: FiniteModel) -> Solution:
    """Values of 0; actions that may end the process soonest, where it ends, else those that pay most now."""
    chosen = _filled(model, model.action_values(np.zeros(model.num_states))).argmax(axis=1)
    if model.criterion == "total":
        soonest = reaching(model, permitted_actions(model))
        chosen = np.where(soonest >= 0, soonest, chosen)
    return Solution(np.zeros(model.num_states), chosen, {})


def sweep(model: FiniteModel, solution: Solution, tolerance: float) -> Solution:
    """One sweep of value iteration over all states."""
    q = _filled(model, model.action_values(solution.values))
    best = q.max(axis=1)
    change = best - solution.values
    following, figures = best, {"value": float(model.initial @ best)}
    if model.criterion == "average":
        gain = float((change.min() + change.max()) / 2)  # the bounds of Odoni (1969)
        change = change - gain
        following = DAMPING * solution.values + (1 - DAMPING) * best
        following = following - following[0]
        figures = {"gain": gain}
    largest = float(np.abs(change).max())
    done = largest <= tolerance * _scale(following)
    return Solution(following, q.argmax(axis=1), {**figures, "change": largest}, done)


def improve(model: FiniteModel, solution: Solution, tolerance: float) -> Solution:
    """One round of policy iteration: solve for the values of the policy, then act by the argmax of Q.

    An action that is as good as the best within the tolerance stays, so that rounding never makes
    the policy change for ever.
    """
    values, gains = evaluate_policy(model, solution.chosen)
    q = _filled(model, model.action_values(values))
    old = solution.chosen
    if np.ptp(gains) > tolerance * _scale(gains):  # by the gain that is led to, and among equal ones by Q
        ahead = _filled(model, model.action_values(gains) - model.rewards)
        q = np.where(ahead >= ahead.max(axis=1, keepdims=True) - tolerance * _scale(gains), q, -np.inf)
    rows, best = np.arange(len(q)), q.argmax(axis=1)
    better = np.where(q[rows, best] <= q[rows, old] + tolerance * _scale(values), old, best)
    changed = int((better != old).sum())
    average = model.criterion == "average"
    figures = {"gain": float(model.initial @ gains)} if average else {"value": float(model.initial @ values)}
    return Solution(values, better, {**figures, "states_changed": float(changed)}, changed == 0)


def evaluate_policy(model: FiniteModel, chosen: Indices) -> tuple[Floats, Floats]:
    """The values of a policy by its linear equations, and its gains (0 unless the criterion is average).

    Args:
        model: The task.
        chosen: Index of the action in every state.

    Raises:
        MisfitError: If the equations have no single solution.
    """
    from scipy.sparse import coo_array, eye_array

    states, alive = np.arange(model.num_states), live(model)
    if model.criterion == "total" and (reaching(model, permitted_actions(model), chosen) < 0)[alive].any():
        raise MisfitError(
            "A policy of this task has no total reward: from some states it never ends.",
            "Offer a model with a discount below 1, or one whose rewards do not pay for going on for ever.",
        )
    successors = model.successors[states, chosen]
    probabilities = np.where(alive[:, None] & alive[successors], model.probabilities[states, chosen], 0.0)
    rewards = np.where(alive, model.rewards[states, chosen], 0.0)
    places = (np.repeat(states, successors.shape[1]), successors.ravel())
    step = coo_array((probabilities.ravel(), places), shape=(model.num_states, model.num_states))
    if model.criterion == "average":
        gains, values = gains_and_values(step, rewards)
        return values - values[0], gains
    return solve_linear(eye_array(model.num_states) - model.discount * step, rewards), np.zeros(len(states))


def table(model: FiniteModel, solution: Solution, tolerance: float) -> Floats:
    """Q of every state and action, with the action that is to be taken as the only largest.

    Where rewards add up to the end, an action that is as good as the best may lead in a circle for ever. Of
    equal ones the one that may end the process soonest is taken, and the others are lowered by the tolerance.
    """
    q = model.action_values(solution.values)
    if model.criterion != "total":
        return q
    margin = max(tolerance, 1e-12) * _scale(solution.values)
    best = q.max(axis=1)
    tied = q >= best[:, None] - margin
    soonest = reaching(model, permitted_actions(model) & tied)
    rows = np.flatnonzero(soonest >= 0)
    lowered = np.where(tied, np.minimum(q, best[:, None] - margin), q)
    lowered[rows, soonest[rows]] = best[rows]
    q[rows] = lowered[rows]
    return q


def _solve(context: TrainContext, name: str, better: Round) -> TablePolicy:
    models, tolerance = context.models, context.config.tolerance
    assert models is not None, "an algorithm that needs a model is given the task's models"
    model = models.finite
    states, alive = _distinguishable(model), live(model)
    steps, solution = 0, begin(model)

    def write(folder: Path, before: Path | None) -> None:
        write_state(folder, NAME, {"steps": steps, "values": solution.values, "chosen": solution.chosen})

    def policy() -> TablePolicy:
        q = table(model, solution, tolerance)
        return TablePolicy(name, states, q[alive], np.asarray(model.actions))

    if context.resume is not None:
        steps, solution = _read(context.resume.state, model)
        context.update(steps, policy, None, write)
    while not solution.done and steps < context.steps:
        solution = better(model, solution, tolerance)
        steps += 1
        going_on = not solution.done and steps < context.steps
        context.update(steps, policy, solution.figures, write if going_on else None)
    return policy()


def _read(folder: Path, model: FiniteModel) -> tuple[int, Solution]:
    saved = read_state(folder, NAME)
    try:
        steps, values, chosen = int(saved["steps"]), saved["values"], saved["chosen"]
        fits = values.shape == chosen.shape == (model.num_states,)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedRunError(f"The training state in {folder} does not fit: {error}.") from error
    if not fits or not (0 <= chosen.min() <= chosen.max() < model.num_actions):
        raise DamagedRunError(f"The training state in {folder} is of a model with other states.")
    return steps, Solution(values, chosen, {})


def _distinguishable(model: FiniteModel) -> Floats:
    """What an agent observes in every state that goes on; refused if two of them look the same."""
    states = keys(model.observe(np.flatnonzero(live(model))))
    if len(np.unique(states, axis=0)) < len(states):
        raise MisfitError(
            "Two states of the task's finite model look the same to an agent: no policy can tell them apart.",
            "Take an algorithm that learns from what is observed, such as ppo.",
        )
    return states


def _filled(model: FiniteModel, q: Floats) -> Floats:
    """Q with 0 in terminal states, whose own entries do not count."""
    return np.where(live(model)[:, None], q, 0.0)


def _scale(values: Floats) -> float:
    return max(1.0, float(np.abs(values).max()))
