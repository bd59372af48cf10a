"""Candidates and their fresh branches as the entries of ``moves.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.envs.fields import ONLY, in_order, numbers_in
from sandbox.moves.actions import key
from sandbox.moves.choose import Kinds
from sandbox.moves.estimate import Plan, Worth, interval, p_value, verdict
from sandbox.moves.stage import Stage
from sandbox.records.moves import Alternative, Find, FollowUp, Moment


@dataclass(frozen=True)
class Candidate:
    """A decision that was chosen to be tested.

    Attributes:
        plan: Its fresh branches.
        screened: Its advantage in the branches that chose it.
        column: Classical action that was the best there.
        worst: Whether it was chosen for the opposite list.
    """

    plan: Plan
    screened: float
    column: int
    worst: bool


def finds(
    candidates: Sequence[Candidate], fresh: Sequence[Worth], kinds: Kinds, stage: Stage
) -> tuple[list[Find], list[Find]]:
    """The two lists: best and worst, each in the order of the novelty × advantage that chose them."""
    lists: tuple[list[Find], list[Find]] = ([], [])
    for candidate, evidence in zip(candidates, fresh, strict=True):
        p = p_value(evidence, candidate.column, len(candidates), worst=candidate.worst)
        decision, moment = candidate.plan.decision, candidate.plan.decision.moment
        differences = evidence.differences[:, candidate.column]
        lists[candidate.worst].append(
            Find(
                id=decision.id,
                seed=decision.seed,
                step=moment.step,
                row=moment.row,
                agent=stage.names[moment.row] if stage.names else None,
                observation=named(stage, moment),
                action=moment.action,
                text=moment.words.get(key(moment.action), key(moment.action)),
                novelty=moment.novelty,
                prior=moment.prior,
                screened=candidate.screened,
                advantage=float(differences.mean()),
                ci95=interval(differences, len(candidates)),
                p=p,
                fresh=len(differences),
                verdict=verdict(evidence, candidate.column, p, worst=candidate.worst),
                terms={
                    name: float(values[:, candidate.column].mean()) for name, values in evidence.terms.items()
                },
                alternatives=_alternatives(evidence, moment, len(candidates)),
                classical_follow_up=_follow_up(candidate, evidence, len(candidates)),
                kind=kinds.of(decision),
            )
        )
    return lists


def _alternatives(evidence: Worth, moment: Moment, candidates: int) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(
            methods=methods,
            action=action,
            text=moment.words.get(key(action), key(action)),
            difference=float(evidence.differences[:, column].mean()),
            ci95=interval(evidence.differences[:, column], candidates),
        )
        for column, (action, methods) in enumerate(
            zip(evidence.plan.actions[1:], evidence.plan.methods, strict=True)
        )
    )


def _follow_up(candidate: Candidate, evidence: Worth, candidates: int) -> FollowUp | None:
    if evidence.classical is None:
        return None
    return FollowUp(
        method=candidate.plan.methods[candidate.column][0],
        difference=float(evidence.classical.mean()),
        ci95=interval(evidence.classical, candidates),
    )


def named(stage: Stage, moment: Moment) -> tuple[tuple[str, float], ...]:
    """What the row sees, number by number; nothing where they are too many to have been kept."""
    size = numbers_in(stage.seen)
    if size != len(moment.observation):
        return ()
    names = number_names(stage, moment.row)
    if not names or len(names) > size or (len(names) < size and not stage.names):
        names = [f"entry {place}" for place in range(size)]
    return tuple(zip(names, moment.observation, strict=False))  # rows of several agents end with padding


def number_names(stage: Stage, row: int) -> list[str]:
    """Names of the numbers of a row's observation, where the task gives them; else none."""
    agent = stage.names[row] if stage.names else ONLY
    fields = in_order(stage.fields.get(agent, ()), stage.seen)
    return [name for field in fields for name in field.numbers()]
