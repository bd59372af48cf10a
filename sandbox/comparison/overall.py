"""Agents over all scenarios of a grid: normalised scores, probabilities of improvement, profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox.comparison.cells import Grid
from sandbox.comparison.table import Anchors, Table
from sandbox.records.comparison import Improvement, Overall, Profile, Profiles
from sandbox.statistics import (
    Interval,
    Resampler,
    enough,
    iqm,
    iqm_interval,
    optimality_gap,
    optimality_gap_interval,
    performance_profile,
    probabilities_of_improvement,
)

THRESHOLDS = 61

Scores = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""By agent and scenario, one normalised score a run."""


def normalised_scores(table: Table, scale: Mapping[str, Anchors | None]) -> Scores:
    """Scores of the scenarios whose scale is known."""
    scores: dict[str, dict[str, NDArray[np.float64]]] = {}
    for scenario, agents in table.items():
        anchors = scale[scenario]
        for name, runs in agents.items():
            if anchors is not None:
                scores.setdefault(name, {})[scenario] = anchors.normalise(runs.values)
    return scores


def overall(
    grid: Grid, table: Table, scale: Mapping[str, Anchors | None], scores: Scores, resampler: Resampler
) -> dict[str, Overall]:
    """Every agent over the scenarios that it has results for."""
    return {
        name: _overall(name, by_scenario, grid, table, scale, resampler)
        for name, by_scenario in scores.items()
    }


def _overall(
    name: str,
    by_scenario: Mapping[str, NDArray[np.float64]],
    grid: Grid,
    table: Table,
    scale: Mapping[str, Anchors | None],
    resampler: Resampler,
) -> Overall:
    strata = list(by_scenario.values())
    if grid.agents[name].kind == "baseline":
        episodes = [
            anchors.normalise(table[scenario][name].final[0])
            for scenario in by_scenario
            if (anchors := scale[scenario]) is not None
        ]
        intervals = _baseline_intervals(episodes, resampler) if all(map(_carries, episodes)) else {}
    elif all(len(values) == 1 for values in strata):
        intervals = {}  # runs are what is drawn again
    else:
        means = np.zeros(resampler.resamples)
        for place, values in enumerate(strata):
            means += resampler.means(values, place)
        intervals = {
            "iqm_ci95": iqm_interval(strata, resampler),
            "mean_ci95": resampler.interval(means / len(strata)),
            "optimality_gap_ci95": optimality_gap_interval(strata, resampler),
        }
    pooled = np.concatenate(strata)
    return Overall(
        kind=grid.agents[name].kind,
        scenarios=len(strata),
        runs=len(pooled),
        mean=float(np.mean([values.mean() for values in strata])),
        median=float(np.median([values.mean() for values in strata])),
        iqm=iqm(pooled),
        optimality_gap=optimality_gap(pooled),
        **intervals,
    )


def _carries(episodes: NDArray[np.float64]) -> bool:
    return enough(1, len(episodes))


def _baseline_intervals(strata: Sequence[NDArray[np.float64]], resampler: Resampler) -> dict[str, Interval]:
    """A baseline has one run a scenario: what varies is its episodes."""
    means = np.stack([resampler.means(values, place) for place, values in enumerate(strata)], axis=1)
    ordered, cut = np.sort(means, axis=1), means.shape[1] // 4
    return {
        "iqm_ci95": resampler.interval(ordered[:, cut : means.shape[1] - cut].mean(axis=1)),
        "mean_ci95": resampler.interval(means.mean(axis=1)),
        "optimality_gap_ci95": resampler.interval(np.maximum(1.0 - means, 0.0).mean(axis=1)),
    }


def improvements(
    grid: Grid, table: Table, names: Sequence[str], resampler: Resampler
) -> dict[str, dict[str, Improvement]]:
    """For every pair of agents, over the scenarios that both have.

    Args:
        grid: What is compared.
        table: Figures of finished cells.
        names: Agents in the order of the document.
        resampler: Draws the intervals.
    """
    larger = {
        scenario: (1.0 if resolved.metric.better == "higher" else -1.0)
        for scenario, resolved in grid.scenarios.items()
    }
    by_agent = {
        name: {
            scenario: larger[scenario] * agents[name].values
            for scenario, agents in table.items()
            if name in agents and not np.isnan(agents[name].values).any()
        }
        for name in names
    }
    known = [name for name, scores in by_agent.items() if scores]
    table_of: dict[str, dict[str, Improvement]] = {name: {} for name in known}
    for scenarios, pairs in _pairs(known, by_agent).items():
        members = list(dict.fromkeys(name for pair in pairs for name in pair))
        scores = {name: [by_agent[name][scenario] for scenario in scenarios] for name in members}
        shares = probabilities_of_improvement(scores, resampler)
        for a, b in [*pairs, *((b, a) for a, b in pairs)]:
            share, interval = shares[a, b]
            parts = {scenario: _share(by_agent[a][scenario], by_agent[b][scenario]) for scenario in scenarios}
            several = any(
                len(values) > 1 for values in (*scores[a], *scores[b])
            )  # runs are what is drawn again
            table_of[a][b] = Improvement(p=share, ci95=interval if several else None, scenarios=parts)
    return table_of


def _pairs(
    names: Sequence[str], by_agent: Mapping[str, Mapping[str, NDArray[np.float64]]]
) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Pairs of agents, grouped by the scenarios that both have."""
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            shared = tuple(scenario for scenario in by_agent[a] if scenario in by_agent[b])
            if shared:
                groups.setdefault(shared, []).append((a, b))
    return groups


def _share(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float((0.5 + 0.5 * np.sign(first[:, None] - second[None, :])).mean())


def profiles(scores: Scores, seed: int) -> Profiles:
    """Share of each agent's runs above every threshold."""
    finite = {
        name: list(by_scenario.values())
        for name, by_scenario in scores.items()
        if np.isfinite(np.concatenate([*by_scenario.values()])).all()
    }
    if not finite:
        return Profiles(thresholds=(), agents={})
    everything = np.concatenate([values for strata in finite.values() for values in strata])
    # A hopeless run may be at minus a thousand; the picture is about the scale from 0 to 1 and a bit around.
    low, high = max(-1.0, min(0.0, everything.min())), min(3.0, max(1.0, everything.max()))
    thresholds = np.linspace(low - 0.02, high + 0.02, THRESHOLDS)
    agents = {}
    for name, strata in finite.items():
        profile = performance_profile(strata, thresholds, seed=seed)
        agents[name] = Profile(
            share=tuple(profile.share.tolist()),
            low=tuple(profile.low.tolist()),
            high=tuple(profile.high.tolist()),
        )
    return Profiles(thresholds=tuple(thresholds.tolist()), agents=agents)
