"""From branches to what a decision is worth: paired differences, intervals, and the correction for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from sandbox.api.types import Array
from sandbox.moves.actions import alternatives
from sandbox.moves.branching import terms_of
from sandbox.moves.choose import Decision
from sandbox.records.moves import Branch, BranchesOf, BranchResult, MoveVerdict
from sandbox.statistics import difference_p_value, t_interval

ALPHA = 0.05
"""Chance of a false find among all candidates together."""


@dataclass(frozen=True)
class Plan:
    """The branches of a decision.

    Attributes:
        decision: The decision.
        actions: The agent's action, then each distinct classical one.
        methods: Who would take each classical action.
        futures: Seeds of the futures; one None where they cannot be drawn again.
        follow: Who goes on.
        classical: Place in ``actions`` of the classical action whose method goes on as well; None for nobody.
    """

    decision: Decision
    actions: tuple[JsonValue, ...]
    methods: tuple[tuple[str, ...], ...]
    futures: tuple[int | None, ...]
    follow: str
    classical: int | None = None

    def point(self) -> BranchesOf:
        """As a job is given it: for each future all actions, then those of the classical follow-up."""
        pairs = [(future, action, self.follow) for future in self.futures for action in self.actions]
        if self.classical is not None:
            method = self.methods[self.classical - 1][0]
            two = (self.actions[0], self.actions[self.classical])
            pairs += [(future, action, method) for future in self.futures for action in two]
        moment = self.decision.moment
        return BranchesOf(
            seed=self.decision.seed,
            step=moment.step,
            row=moment.row,
            branches=tuple(Branch(action=action, follow=who, future=future) for future, action, who in pairs),
        )


@dataclass(frozen=True)
class Worth:
    """What the branches of a decision say; differences are the agent's action minus a classical one.

    Attributes:
        plan: What was played.
        differences: Shape ``(futures, classical actions)``, the agent going on.
        classical: Shape ``(futures,)``: the same with the classical follow-up; None where there is none.
        terms: Differences of summed reward terms by name, shape as ``differences``.
    """

    plan: Plan
    differences: Array
    classical: Array | None
    terms: dict[str, Array]

    @property
    def best(self) -> int:
        """Column of the classical action that these branches say is the best."""
        return int(self.differences.mean(axis=0).argmin())

    @property
    def advantage(self) -> float:
        """What the agent's action is worth more than that."""
        return float(self.differences.mean(axis=0).min())


def plan(
    decision: Decision, futures: Sequence[int | None], follow: str, classical: int | None = None
) -> Plan:
    """The branches of a decision; ``classical`` is a column of `Worth.differences`."""
    merged = alternatives(decision.moment.advice)
    return Plan(
        decision=decision,
        actions=(decision.moment.action, *(action for action, _ in merged.values())),
        methods=tuple(names for _, names in merged.values()),
        futures=tuple(futures),
        follow=follow,
        classical=None if classical is None else classical + 1,
    )


def worth(played: Plan, results: Sequence[BranchResult]) -> Worth:
    """What a decision's branches came to."""
    futures, actions = len(played.futures), len(played.actions)
    first = results[: futures * actions]
    rest = results[futures * actions :]
    values = _values(first).reshape(futures, actions)
    terms = {name: sums.reshape(futures, actions) for name, sums in terms_of(first).items()}
    two = _values(rest).reshape(futures, 2) if rest else None
    return Worth(
        plan=played,
        differences=values[:, :1] - values[:, 1:],
        classical=None if two is None else two[:, 0] - two[:, 1],
        terms={name: sums[:, :1] - sums[:, 1:] for name, sums in terms.items()},
    )


def interval(differences: Array, candidates: int) -> tuple[float, float]:
    """Interval of a mean difference that holds for all candidates at once; exact for a single future."""
    if len(differences) == 1:
        return float(differences[0]), float(differences[0])
    return t_interval(differences, 1 - ALPHA / max(candidates, 1))


def p_value(evidence: Worth, column: int, candidates: int, *, worst: bool) -> float:
    """Two-sided p-value that a decision is what it was chosen for, corrected for all candidates.

    A good decision must be better than every classical action: the largest of their p-values (an
    intersection-union test, Berger 1982). A bad one must be worse than the one that was chosen with it.
    Student's test, but never below 2^(1 − n), that of the sign test if all n differences have one sign: where
    all are equal, as in a game, the former knows no doubt. Bonferroni's correction, so that it agrees with
    `interval`. NaN for a single future.
    """
    differences = evidence.differences
    if len(differences) == 1:
        return float("nan")
    columns = [column] if worst else range(differences.shape[1])
    means = differences[:, list(columns)].mean(axis=0)
    if not ((means > 0).all() or (means < 0).all()):
        return 1.0
    floor = 2.0 ** (1 - len(differences))
    p = max(max(difference_p_value(differences[:, each]), floor) for each in columns)
    return min(1.0, p * candidates)


def verdict(evidence: Worth, column: int, p: float, *, worst: bool) -> MoveVerdict:
    """What a corrected p-value and the sign of the difference say of a candidate."""
    if np.isnan(p):
        return "exact"
    if p >= ALPHA:
        return "unclear"
    positive = float(evidence.differences[:, column].mean()) > 0
    return "confirmed" if positive != worst else "refuted"


def _values(results: Sequence[BranchResult]) -> Array:
    return np.array([np.nan if result.value is None else result.value for result in results], np.float64)
