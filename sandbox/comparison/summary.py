"""What a grid says so far, as the document ``comparison.json``; docs/reference/comparison.md has its keys."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.comparison.cells import Grid
from sandbox.comparison.drive import State
from sandbox.comparison.learning import curves
from sandbox.comparison.table import Anchors, Runs, Table, anchors, best_baseline, make_table
from sandbox.statistics import (
    MIN_RUNS,
    Interval,
    Resampler,
    bootstrap_mean,
    difference_p_value,
    holm,
    iqm,
    iqm_interval,
    normalise,
    optimality_gap,
    optimality_gap_interval,
    paired_difference,
    performance_profile,
    probabilities_of_improvement,
    resamples_for,
)
from sandbox.statistics.resampling import BAND_RESAMPLES

FORMAT = 1
THRESHOLDS = 61


def summarise(
    grid: Grid, root: Path, state: State, command: Sequence[str] | None = None, seed: int = 0
) -> dict[str, Any]:
    """Everything that tables and pictures of a comparison need, as plain values.

    Args:
        grid: What is compared.
        root: The runs directory.
        state: What has become of its cells.
        command: The command line to record.
        seed: Seeds the bootstrap.
    """
    table = make_table(grid, state.status, state.records)
    runs = dict.fromkeys(grid.agents, 0)
    for agents in table.values():
        for name, own in agents.items():
            runs[name] += len(own.seeds)
    resampler = Resampler(seed, resamples_for(max(runs.values(), default=1)))
    scale = {scenario: anchors(resolved, table[scenario]) for scenario, resolved in grid.scenarios.items()}
    normalised = _normalised(table, scale)
    metrics = {resolved.metric for resolved in grid.scenarios.values()}
    shared = metrics.pop() if len(metrics) == 1 else None
    missing = [
        {"scenario": cell.scenario, "agent": cell.agent, "seed": cell.seed, "status": state.status[cell.id]}
        for cell in grid.cells
        if state.status[cell.id] != "done"
    ]
    return {
        "format": FORMAT,
        "suite": grid.name,
        "title": grid.title,
        "folder": str(grid.folder(root)),
        "status": "incomplete" if missing else "complete",
        "exploratory": _exploratory(grid, table),
        "metric": shared.name if shared else None,
        "unit": shared.unit if shared else None,
        "better": shared.better if shared else None,
        "statistics": {
            "level": 0.95,
            "resamples": resampler.resamples,
            "band_resamples": BAND_RESAMPLES,
            "seed": seed,
            "unit": "training run",
        },
        "command": list(command) if command is not None else None,
        "updated": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(sum(record.get("seconds") or 0.0 for record in state.records.values()), 3),
        "versions": _versions(state.records.values()),
        "agents": {name: dict(agent) for name, agent in _learned_first(grid)},
        "scenarios": {scenario: _scenario(grid, scenario, scale[scenario]) for scenario in grid.scenarios},
        "cells": _cells(grid, state, scale),
        "scores": {
            scenario: _scores(grid, scenario, table[scenario], scale[scenario], resampler)
            for scenario in grid.scenarios
        },
        "overall": _overall(grid, table, scale, normalised, resampler),
        "probability_of_improvement": _improvement(grid, table, resampler),
        "profiles": _profiles(normalised, seed),
        "curves": curves(grid, root, table),
        "missing": missing,
        "failed": state.count("failed"),
    }


def _normalised(
    table: Table, scale: Mapping[str, Anchors | None]
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """By agent and scenario, one normalised score a run; only where the scale is known."""
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    for scenario, agents in table.items():
        on = scale[scenario]
        for name, runs in agents.items():
            if on is not None:
                found.setdefault(name, {})[scenario] = normalise(runs.values, on.zero, on.one)
    return found


def _exploratory(grid: Grid, table: Table) -> bool:
    """Whether some learned agent has too few finished runs in a scenario for a claim."""
    wanted = {(cell.scenario, cell.agent) for cell in grid.cells if cell.kind == "learned"}
    counts = {
        (scenario, name): len(runs.seeds)
        for scenario, agents in table.items()
        for name, runs in agents.items()
    }
    return any(counts.get(one, 0) < MIN_RUNS for one in wanted)


def _versions(records: Any) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in (record.get("packages") or {}).items():
            found.setdefault(name, set()).add(str(version))
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def _learned_first(grid: Grid) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(grid.agents.items(), key=lambda one: one[1]["kind"] != "learned")


def _scenario(grid: Grid, scenario: str, on: Anchors | None) -> dict[str, Any]:
    resolved = grid.scenarios[scenario]
    return {
        "title": resolved.spec.title,
        "task": resolved.spec.task,
        "task_version": resolved.task.version,
        "hash": resolved.hash,
        "metric": resolved.metric.name,
        "unit": resolved.metric.unit,
        "better": resolved.metric.better,
        "episodes": resolved.spec.evaluation.episodes,
        "anchors": None
        if on is None
        else {
            "zero": {"name": on.zero_name, "value": on.zero},
            "one": {"name": on.one_name, "value": on.one},
        },
        "references": [one.model_dump(mode="json") for one in resolved.spec.references],
    }


def _cells(grid: Grid, state: State, scale: Mapping[str, Anchors | None]) -> list[dict[str, Any]]:
    found = []
    for cell in grid.cells:
        record = state.records.get(cell.id, {})
        results = record.get("results") or {}
        value, best = (_value(results.get(which)) for which in ("final", "best"))
        on = scale[cell.scenario]
        found.append(
            {
                "id": cell.id,
                "scenario": cell.scenario,
                "agent": cell.agent,
                "kind": cell.kind,
                "seed": cell.seed,
                "status": state.status[cell.id],
                "value": value,
                "best_value": best,
                "normalised": None
                if on is None or value is None
                else float(normalise([value], on.zero, on.one)[0]),
                "seconds": record.get("seconds"),
                "run_dir": record.get("run_dir"),
                "error": record.get("error"),
                "attempts": record.get("attempts", 0),
            }
        )
    return found


def _value(result: Mapping[str, Any] | None) -> float | None:
    values = [] if result is None else result["values"]
    return float(np.mean(values)) if values and None not in values else None


def _scores(
    grid: Grid, scenario: str, agents: Mapping[str, Runs], on: Anchors | None, resampler: Resampler
) -> dict[str, Any]:
    resolved = grid.scenarios[scenario]
    found = {}
    for name, runs in agents.items():
        centre, interval = _centre(runs.final, runs.kind, resampler)
        ends = None if on is None else sorted(normalise(interval, on.zero, on.one))
        found[name] = {
            "kind": runs.kind,
            "runs": len(runs.seeds),
            "failed": runs.failed,
            "values": list(runs.values),
            "mean": float(runs.values.mean()),
            "std": _spread(runs),
            "iqm": centre,
            "ci95": list(interval),
            "normalised": None if on is None else float(normalise([centre], on.zero, on.one)[0]),
            "normalised_ci95": ends,
            "best": _best(runs, resampler),
            "metrics": _means([one["results"]["final"]["metrics"] for one in runs.records]),
            "reward_terms": _means([one["results"]["final"]["reward_terms"] for one in runs.records]),
            "weights": resolved.reward.weights,
            "return": _mean([one["results"]["final"]["return"] for one in runs.records]),
            "length": _mean([one["results"]["final"]["length"] for one in runs.records]),
        }
    against = _against(resolved.metric.better, agents, best_baseline(resolved, agents))
    return {name: {**own, "against_best_baseline": against.get(name)} for name, own in found.items()}


def _centre(episodes: NDArray[np.float64], kind: str, resampler: Resampler) -> tuple[float, Interval]:
    """IQM over runs and its interval; a baseline has one run, so its mean over episodes."""
    if kind == "baseline":
        return float(episodes.mean()), Interval(*bootstrap_mean(episodes[0], seed=resampler.seed))
    values = episodes.mean(axis=1)
    return iqm(values), iqm_interval([values], resampler)


def _spread(runs: Runs) -> float:
    values = runs.values if runs.kind == "learned" else runs.final[0]
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _best(runs: Runs, resampler: Resampler) -> dict[str, Any] | None:
    if runs.best is None or runs.kind == "baseline":
        return None
    centre, interval = _centre(runs.best, runs.kind, resampler)
    return {"mean": float(runs.best.mean(axis=1).mean()), "iqm": centre, "ci95": list(interval)}


def _against(better: str, agents: Mapping[str, Runs], baseline: str | None) -> dict[str, dict[str, Any]]:
    """Every agent against the best baseline, on the same episodes; p-values corrected for their number."""
    if baseline is None:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for name, runs in agents.items():
        if name == baseline:
            continue
        differences = runs.final - agents[baseline].final[0]
        # The training run is the unit; where there is one only, its episodes are all there is.
        over_runs = len(differences) > 1
        sample = differences.mean(axis=1) if over_runs else differences[0]
        mean, low, high = paired_difference(sample, np.zeros(len(sample)))
        found[name] = {
            "baseline": baseline,
            "difference": mean,
            "ci95": [low, high],
            "p": difference_p_value(sample),
            "unit": "runs" if over_runs else "episodes",
        }
    corrected = holm([one["p"] for one in found.values()])
    for one, p in zip(found.values(), corrected, strict=True):
        one["p_holm"] = float(p)
        clear = p < 0.05 and (one["ci95"][0] > 0 or one["ci95"][1] < 0)
        wins = (one["difference"] < 0) == (better == "lower")
        one["verdict"] = ("better" if wins else "worse") if clear else "unclear"
    return found


def _overall(
    grid: Grid,
    table: Table,
    scale: Mapping[str, Anchors | None],
    normalised: Mapping[str, Mapping[str, NDArray[np.float64]]],
    resampler: Resampler,
) -> dict[str, Any]:
    found = {}
    for name, by_scenario in normalised.items():
        strata = list(by_scenario.values())
        if grid.agents[name]["kind"] == "baseline":
            strata_episodes = [
                normalise(table[scenario][name].final[0], on.zero, on.one)
                for scenario in by_scenario
                if (on := scale[scenario]) is not None
            ]
            intervals = _baseline_intervals(strata_episodes, resampler)
        else:
            means = np.zeros(resampler.resamples)
            for place, values in enumerate(strata):
                means += resampler.means(values, place)
            intervals = {
                "iqm_ci95": list(iqm_interval(strata, resampler)),
                "mean_ci95": list(resampler.interval(means / len(strata))),
                "optimality_gap_ci95": list(optimality_gap_interval(strata, resampler)),
            }
        pooled = np.concatenate(strata)
        found[name] = {
            "kind": grid.agents[name]["kind"],
            "scenarios": len(strata),
            "runs": len(pooled),
            "mean": float(np.mean([values.mean() for values in strata])),
            "median": float(np.median([values.mean() for values in strata])),
            "iqm": iqm(pooled),
            "optimality_gap": optimality_gap(pooled),
            **intervals,
        }
    return found


def _baseline_intervals(
    strata: Sequence[NDArray[np.float64]], resampler: Resampler
) -> dict[str, list[float]]:
    """A baseline has one run a scenario: what varies is its episodes."""
    means = np.stack([resampler.means(values, place) for place, values in enumerate(strata)], axis=1)
    ordered, cut = np.sort(means, axis=1), means.shape[1] // 4
    return {
        "iqm_ci95": list(resampler.interval(ordered[:, cut : means.shape[1] - cut].mean(axis=1))),
        "mean_ci95": list(resampler.interval(means.mean(axis=1))),
        "optimality_gap_ci95": list(resampler.interval(np.maximum(1.0 - means, 0.0).mean(axis=1))),
    }


def _improvement(grid: Grid, table: Table, resampler: Resampler) -> dict[str, dict[str, Any]]:
    """For every pair, over the scenarios that both have; larger is better after the sign."""
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
        for name, _ in _learned_first(grid)
    }
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    names = [name for name, scores in by_agent.items() if scores]
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            shared = tuple(scenario for scenario in by_agent[a] if scenario in by_agent[b])
            if shared:
                groups.setdefault(shared, []).append((a, b))
    for scenarios, pairs in groups.items():
        members = list(dict.fromkeys(name for pair in pairs for name in pair))
        scores = {name: [by_agent[name][scenario] for scenario in scenarios] for name in members}
        shares = probabilities_of_improvement(scores, resampler)
        for a, b in [*pairs, *((b, a) for a, b in pairs)]:
            share, interval = shares[a, b]
            parts = {one: _share(by_agent[a][one], by_agent[b][one]) for one in scenarios}
            found[a][b] = {"p": share, "ci95": list(interval), "scenarios": parts}
    return found


def _share(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float((0.5 + 0.5 * np.sign(first[:, None] - second[None, :])).mean())


def _profiles(normalised: Mapping[str, Mapping[str, NDArray[np.float64]]], seed: int) -> dict[str, Any]:
    scores = {
        name: list(by.values())
        for name, by in normalised.items()
        if np.isfinite(np.concatenate([*by.values()])).all()
    }
    if not scores:
        return {"thresholds": [], "agents": {}}
    everything = np.concatenate([values for strata in scores.values() for values in strata])
    # A hopeless run may be at minus a thousand; the picture is about the scale from 0 to 1 and a bit around.
    low, high = max(-1.0, min(0.0, everything.min())), min(3.0, max(1.0, everything.max()))
    thresholds = np.linspace(low - 0.02, high + 0.02, THRESHOLDS)
    agents = {}
    for name, strata in scores.items():
        profile = performance_profile(strata, thresholds, seed=seed)
        agents[name] = {"share": list(profile.share), "low": list(profile.low), "high": list(profile.high)}
    return {"thresholds": list(thresholds), "agents": agents}


def _means(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: _mean([record.get(name) for record in records]) for name in names}


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([np.nan if value is None else value for value in values]))
