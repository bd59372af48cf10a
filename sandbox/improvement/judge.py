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

DRAWS, FEW_DRAWS = 100, 30
"""Of the bootstrap where fitted Q decides, and where it does not."""

MAX_UNKNOWNS = 400
"""Of fitted Q where it does not decide: more take minutes, and are worth nothing from a log of that size."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the held-out part says of a candidate.

    Attributes:
        estimates: Of its return by method, as far as the log allows; importance sampling needs discrete
            actions, fitted Q not too many unknowns, and chained steps a log that is dense.
        horizons: Of its difference from the behaviour's return, at the horizons of
            `sandbox.improvement.limited`, shortest first; empty for continuous actions.
        difference: The one that decides: of the usable horizons that of the least lower bound, for continuous
            actions fitted Q's.
        lower: Its lower bound, at the level that many candidates leave; for continuous actions less what
            fitted Q is beyond all that the logged rewards allow: so much its values are wrong at least.
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
    dense = not log.steps.count or is_dense(log, seed)
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
        self.logged, self.level, self.beyond = logged, level, 0.0
        self.estimates: dict[str, Estimate] = {}
        self.horizons = limited(log, decisions) if log.steps.count else []
        theta = None
        if not log.steps.count or log.features.size * log.steps.count <= MAX_UNKNOWNS:
            draws = FEW_DRAWS if log.steps.count else DRAWS
            value, self.difference, theta = fitted_q(log, decisions, draws, seed)
            self.estimates["fitted_q"] = value
            least, most = (bound / (1 - log.gamma) for bound in _rewards(log))
            self.beyond = max(value.mean - most, least - value.mean, 0.0)
        self.unseen: float | None = None
        if dense:
            self.estimates["chained"], self.unseen = chained(log, decisions, seed)
        if log.steps.count:
            ratio = ratios(log, decisions)
            if theta is not None:
                self.estimates["doubly_robust"] = weighted_doubly_robust(log, decisions, theta, ratio)
            self.estimates["weighted_importance_sampling"] = weighted_importance_sampling(log, ratio)
            self.estimates["importance_sampling"] = importance_sampling(log, ratio)
            usable = [each for each in self.horizons[: len(HORIZONS)] if each.usable]
            self.difference = min(usable, key=self._lower, default=Estimate(0.0, np.inf))
            self.lower = self._lower(self.difference)
        else:
            self.lower = self._lower(self.difference) - self.beyond

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

    def only_beyond(self) -> bool:
        """Whether an estimate that is too large to be true has nothing beside it that says the same."""
        chain = self.estimates.get("chained")
        return self.beyond > 0 and (chain is None or chain.lower(self.level) <= self.logged.mean)


def _judged(evidence: _Evidence, trusted: bool) -> Judgement:
    discrete, against = bool(evidence.horizons), evidence.against()
    reason = None
    if not trusted:
        reason = "the values do not give the behaviour's own return back"
    elif not discrete and evidence.lower <= 0 < evidence.lower + evidence.beyond:
        reason = (
            "its estimate is beyond what any policy can earn with the logged rewards by more than its lead"
        )
    elif evidence.lower <= 0:
        reason = "its lower bound does not pass the behaviour"
    elif not discrete and evidence.only_beyond():
        reason = (
            "its estimate is beyond what any policy can earn with the logged rewards, and chained steps do "
            "not say that it is better"
        )
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


def _rewards(log: Log) -> tuple[float, float]:
    """Least and largest reward of a step, where an end is one of 0 for ever."""
    return min(float(log.steps.reward.min()), 0.0), max(float(log.steps.reward.max()), 0.0)
