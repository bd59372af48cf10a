"""Which candidate, if any, is better than the behaviour by the part of the log that is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sandbox.improvement.chains import MAX_FAR, chained, is_dense
from sandbox.improvement.estimators import (
    Decisions,
    Estimate,
    Log,
    behaviour,
    explained,
    fitted_q,
    importance_sampling,
    ratios,
    weighted_doubly_robust,
    weighted_importance_sampling,
)
from sandbox.improvement.limited import HORIZONS, LONGER, limited

LEVEL = 0.95
"""Of the bound that a candidate must pass; shared out among the candidates (Bonferroni)."""

DRAWS = 30
"""Of fitted Q's bootstrap."""

MAX_UNKNOWNS = 400
"""Of fitted Q: more take minutes, and are worth nothing from a log of that size."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the held-out part says of a candidate.

    Attributes:
        estimates: Of its return by method, as far as the log allows; importance sampling over whole episodes
            needs discrete actions, fitted Q not too many unknowns, and chained steps a log that is dense.
        horizons: Of its difference from the behaviour's return, at the horizons of
            `sandbox.improvement.limited`, shortest first.
        difference: The one that decides: of the usable horizons that of the least lower bound.
        lower: Its lower bound, at the level that many candidates leave.
        unseen: Share of its steps, in episodes put together from the log, that the log shows nothing near;
            None where the log is not dense.
        accepted: Whether it may be deployed.
        reason: Why, or why not.
    """

    estimates: Mapping[str, Estimate]
    horizons: Sequence[Estimate]
    difference: Estimate
    lower: float
    unseen: float | None
    accepted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the held-out part says.

    Attributes:
        behaviour: The behaviour's return.
        candidates: By name.
        deployed: The candidate of the largest lower bound among those accepted, or None.
        trusted: Whether the values in use give the behaviour's own return back.
    """

    behaviour: Estimate
    candidates: Mapping[str, Judgement]
    deployed: str | None
    trusted: bool


def judge(log: Log, candidates: Mapping[str, Decisions], seed: int, level: float = LEVEL) -> Verdict:
    """Judge all candidates by one log.

    Args:
        log: Held out from their training.
        candidates: What each would have done.
        seed: Of the bootstrap.
        level: Chance that no candidate passes that is not better.
    """
    logged = behaviour(log)
    gap, tolerance = explained(log)
    trusted = abs(gap) <= tolerance
    each = 1 - (1 - level) / max(len(candidates), 1)
    dense = is_dense(log, seed)
    judged = {
        name: _judged(_Evidence(log, decisions, logged, each, dense, seed), trusted)
        for name, decisions in candidates.items()
    }
    passed = {name: judgement.lower for name, judgement in judged.items() if judgement.accepted}
    best = max(passed, key=lambda name: passed[name]) if passed else None
    return Verdict(logged, judged, best, trusted)


class _Evidence:
    """All estimates of a candidate."""

    def __init__(
        self, log: Log, decisions: Decisions, logged: Estimate, level: float, dense: bool, seed: int
    ) -> None:
        self.logged, self.level = logged, level
        self.estimates: dict[str, Estimate] = {}
        self.horizons = limited(log, decisions)
        theta = None
        if log.features.size * log.steps.count <= MAX_UNKNOWNS:
            self.estimates["fitted_q"], _, theta = fitted_q(log, decisions, DRAWS, seed)
        self.unseen: float | None = None
        if dense:
            self.estimates["chained"], self.unseen = chained(log, decisions, seed)
        if log.steps.count:
            ratio = ratios(log, decisions)
            if theta is not None:
                self.estimates["doubly_robust"] = weighted_doubly_robust(log, decisions, theta, ratio)
            self.estimates["weighted_importance_sampling"] = weighted_importance_sampling(log, ratio)
            self.estimates["importance_sampling"] = importance_sampling(log, ratio)
        asked = len(HORIZONS) if log.steps.count else len(self.horizons)
        usable = [each for each in self.horizons[:asked] if each.usable]
        self.difference = min(usable, key=self._lower, default=Estimate(0.0, np.inf))
        self.lower = self._lower(self.difference)

    def _lower(self, estimate: Estimate) -> float:
        return estimate.lower(self.level)

    def against(self) -> str | None:
        """An estimate that says that the candidate is worse; those that decide are not asked again."""
        for name in ("chained", "doubly_robust", "weighted_importance_sampling"):
            estimate = self.estimates.get(name)
            if estimate is not None and estimate.usable and estimate.upper(self.level) < self.logged.mean:
                return name.replace("_", " ")
        for horizon, estimate in zip(LONGER, self.horizons[len(HORIZONS) :], strict=False):
            if estimate.usable and estimate.upper(self.level) < 0:
                return f"importance sampling over {horizon} steps"
        return None


def _judged(evidence: _Evidence, trusted: bool) -> Judgement:
    against, reason = evidence.against(), None
    if not trusted:
        reason = "the values do not give the behaviour's own return back"
    elif evidence.lower <= 0:
        reason = "its lower bound does not pass the behaviour"
    elif evidence.unseen is not None and evidence.unseen > MAX_FAR:
        reason = f"it does in {100 * evidence.unseen:.0f} % of its steps what the log shows nothing of"
    elif against:
        reason = f"{against} says that it is worse"
    return Judgement(
        evidence.estimates,
        evidence.horizons,
        evidence.difference,
        evidence.lower,
        evidence.unseen,
        reason is None,
        reason or "its lower bound is above the behaviour's return",
    )
