"""Which candidate, if any, is better than the behaviour by the part of the log that is held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.improvement.chains import MAX_FAR, chained
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

LEVEL = 0.95
"""Of the bound that a candidate must pass; shared out among the candidates (Bonferroni)."""

DRAWS = 100
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the held-out part says of a candidate.

    Attributes:
        estimates: Of its return by method; importance sampling needs discrete actions.
        difference: Of its return from the behaviour's, by fitted Q.
        lower: Lower bound of the difference, at the level that many candidates leave, less what the estimate
            is beyond all that the logged rewards allow: so much its values are wrong at least.
        unseen: Share of its steps, in episodes put together from the log, that the log shows nothing near.
        accepted: Whether it may be deployed.
        reason: Why, or why not.
    """

    estimates: Mapping[str, Estimate]
    difference: Estimate
    lower: float
    unseen: float
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
    judged = {
        name: _judged(log, decisions, logged, trusted, each, seed) for name, decisions in candidates.items()
    }
    passed = {name: judgement.lower for name, judgement in judged.items() if judgement.accepted}
    best = max(passed, key=lambda name: passed[name]) if passed else None
    return Verdict(logged, judged, best, trusted)


def _judged(
    log: Log, decisions: Decisions, logged: Estimate, trusted: bool, level: float, seed: int
) -> Judgement:
    value, difference, theta = fitted_q(log, decisions, DRAWS, seed)
    chain, unseen = chained(log, decisions, seed)
    estimates = {"fitted_q": value, "chained": chain}
    if log.steps.count:
        ratio = ratios(log, decisions)
        estimates["doubly_robust"] = weighted_doubly_robust(log, decisions, theta, ratio)
        estimates["weighted_importance_sampling"] = weighted_importance_sampling(log, ratio)
        estimates["importance_sampling"] = importance_sampling(log, ratio)
    least, most = (bound / (1 - log.gamma) for bound in _rewards(log))
    beyond = max(value.mean - most, least - value.mean, 0.0)
    lower = difference.lower(level) - beyond
    against = [
        name
        for name, estimate in estimates.items()
        if name != "importance_sampling" and estimate.usable and estimate.upper(level) < logged.mean
    ]
    if not trusted:
        reason = "the values do not give the behaviour's own return back"
    elif lower <= 0 < lower + beyond:
        reason = (
            "its estimate is beyond what any policy can earn with the logged rewards by more than its lead"
        )
    elif lower <= 0:
        reason = "its lower bound does not pass the behaviour"
    elif beyond > 0 and chain.lower(level) <= logged.mean:
        reason = (
            "its estimate is beyond what any policy can earn with the logged rewards, and chained steps do "
            "not say that it is better"
        )
    elif unseen > MAX_FAR:
        reason = f"it does in {100 * unseen:.0f} % of its steps what the log shows nothing of"
    elif against:
        reason = f"{against[0].replace('_', ' ')} says that it is worse"
    else:
        passed = "its lower bound is above the behaviour's return"
        return Judgement(estimates, difference, lower, unseen, True, passed)
    return Judgement(estimates, difference, lower, unseen, False, reason)


def _rewards(log: Log) -> tuple[float, float]:
    """Least and largest reward of a step, where an end is one of 0 for ever."""
    return min(float(log.steps.reward.min()), 0.0), max(float(log.steps.reward.max()), 0.0)
