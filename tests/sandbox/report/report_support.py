"""Run directories and comparisons made by hand, with figures that are easy to check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.records.run import FORMAT, RunRecord
from sandbox.records.tuning import TuningRecord
from sandbox.runs.checksums import add_artifact
from sandbox.runs.directory import Run
from sandbox.runs.writer import RunWriter

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


def make_run(
    root: Path,
    *,
    scenario: str = "toy/queue",
    algorithm: str = "ppo",
    seed: int = 0,
    mean: float = 20.0,
    status: str = "done",
    evaluated: bool = True,
    title: str = "A queue",
    steps: int = 1000,
    curve: int = 20,
    error: str | None = None,
) -> Run:
    """A run of ``algorithm`` whose test mean is ``mean`` seconds; the best baseline has 25, random 100."""
    record = RunRecord.model_validate(
        {
            "scenario_id": scenario,
            "scenario": {"id": scenario, "title": title, "task": "toy/queue", "metric": "delay"},
            "scenario_hash": "ab" * 32,
            "folder": str(root),
            "algorithm": algorithm,
            "seed": seed,
            "hyperparameters": {"learning_rate": 0.001},
            "reward": {"queue": -0.5, "change": -2.0},
            "packages": {"sandbox-rl": "0.1.0", "numpy": "2.4.6"},
            "steps": steps,
            "num_envs": 1,
            "init_from": None,
            "command": ["sandbox", "run", scenario, "--algo", algorithm, "--seed", str(seed)],
            "started": f"2026-11-25T10:00:{seed:02d}+0000",
            "format": FORMAT,
            "status": "running",
        }
    )
    writer = RunWriter.create(root, record)
    for place in range(1, curve + 1):
        at = steps * place // curve
        value = mean + 80 / place
        writer.append_progress(
            {
                "steps": at,
                "seconds": place * 1.0,
                "return": -value,
                "delay": value,
                "term/queue": value,
                "term/change": value / 4,
            }
        )
        if place % 5 == 0:
            writer.append_progress({"steps": at, "seconds": place * 1.0, "validation/delay": value + 1})
    writer.close()
    facts: dict[str, Any] = {
        "steps_done": steps,
        "seconds": 60.0,
        "train_seconds": 50.0,
        "steps_per_second": 20.0,
    }
    writer.update(status=status, **facts, **({"error": error} if error else {}))
    if evaluated:
        add_artifact(writer.path, "evaluation.json", json.dumps(evaluation(algorithm, mean)).encode())
    return Run.open(writer.path)


def evaluation(algorithm: str, mean: float) -> dict[str, Any]:
    """Content of ``evaluation.json``."""
    rows = {algorithm: mean, f"{algorithm}-best": mean - 1, "fixed": 30.0, "clever": 25.0, "random": 100.0}
    return {
        "metric": "delay",
        "unit": "s",
        "better": "lower",
        "episodes": 10,
        "seeds": list(range(10)),
        "best_baseline": "clever",
        "agents": {
            name: {
                "mean": value,
                "std": 2.0,
                "ci95": [value - 1.5, value + 1.5],
                "metrics": {"delay": value, "stops": value / 10},
                "reward_terms": {"queue": value, "change": value / 4},
                "return": -value,
                "length": 100.0,
                "deterministic": True,
                "against_best_baseline": None
                if name == "clever"
                else {
                    "baseline": "clever",
                    "difference": value - 25,
                    "ci95": [value - 25 - 1, value - 25 + 1],
                    "verdict": "better" if value < 24 else "worse",
                },
            }
            for name, value in rows.items()
        },
    }


def make_comparison(root: Path, agents: tuple[str, ...] = ("ppo", "dqn"), suite: str = "tiny") -> Path:
    """A comparison of two scenarios as ``sandbox compare`` writes it; returns its folder."""
    folder = root / "comparisons" / f"{suite}-0123abcd"
    folder.mkdir(parents=True)
    curve = {
        "steps": [0, 500, 1000],
        "mean": [100, 40, 20],
        "low": [90, 35, 18],
        "high": [110, 45, 22],
        "runs": 5,
    }

    def score(name: str, place: int) -> dict[str, Any]:
        learned = name in agents
        value = (20.0 + place) if learned else {"clever": 25.0, "random": 100.0}[name]
        return {
            "kind": "learned" if learned else "baseline",
            "runs": 5 if learned else 1,
            "failed": 0,
            "values": [value + offset for offset in (-1, -0.5, 0, 0.5, 1)] if learned else [value],
            "mean": value,
            "std": 0.8,
            "iqm": value,
            "ci95": [value - 1, value + 1],
            "normalised": (100 - value) / 75,
            "normalised_ci95": [(99 - value) / 75, (101 - value) / 75],
            "best": {"mean": value - 0.5, "iqm": value - 0.5, "ci95": [value - 1.5, value + 0.5]}
            if learned
            else None,
            "metrics": {"delay": value, "stops": 3.0},
            "reward_terms": {"queue": value},
            "weights": {"queue": -1.0},
            "return": -value,
            "length": 100,
            "against_best_baseline": {
                "baseline": "clever",
                "difference": value - 25,
                "percent": 4 * (value - 25),
                "ci95": [value - 26, value - 24],
                "p": 0.001,
                "p_holm": 0.002,
                "verdict": "better",
                "unit": "runs",
            }
            if learned
            else None,
        }

    names = [*agents, "clever", "random"]
    scenarios = ["toy/queue", "toy/network"]
    document = {
        "format": 1,
        "suite": suite,
        "title": f"Suite {suite}",
        "folder": str(folder),
        "status": "complete",
        "exploratory": False,
        "metric": "delay",
        "unit": "s",
        "better": "lower",
        "statistics": {"level": 0.95, "resamples": 50000, "seed": 0, "band_resamples": 5000, "unit": "runs"},
        "command": ["sandbox", "compare", suite],
        "updated": "2026-11-25T12:00:00+0000",
        "seconds": 1234.5,
        "versions": {"sandbox-rl": ["0.1.0"], "numpy": ["2.4.6"]},
        "agents": {
            name: {"kind": "learned", "algorithm": name, "hyperparameters": {"gamma": 0.99}, "steps": 1000}
            if name in agents
            else {"kind": "baseline"}
            for name in names
        },
        "scenarios": {
            name: {
                "title": f"Scenario {name}",
                "task": "toy/queue",
                "task_version": 1,
                "hash": "ab" * 32,
                "metric": "delay",
                "unit": "s",
                "better": "lower",
                "episodes": 10,
                "anchors": {
                    "zero": {"name": "random", "value": 100.0},
                    "one": {"name": "clever", "value": 25.0},
                },
                "references": [{"name": "optimum", "value": 18.0, "source": "by hand", "note": ""}],
            }
            for name in scenarios
        },
        "cells": [
            {"id": f"{name}{agent}{seed}", "scenario": name, "agent": agent, "kind": "learned", "seed": seed,
             "status": "done", "value": 20.0 + seed, "best_value": 19.0, "normalised": 1.0, "seconds": 60.0,
             "run_dir": None, "error": None, "attempts": 1}
            for name in scenarios
            for agent in agents
            for seed in range(5)
        ],
        "scores": {
            name: {agent: score(agent, place) for place, agent in enumerate(names)} for name in scenarios
        },
        "overall": {
            name: {"scenarios": 2, "runs": 10, "mean": 1.0, "median": 1.0, "iqm": 1.0 - place / 10,
                   "iqm_ci95": [0.9 - place / 10, 1.1 - place / 10], "optimality_gap": 0.0}
            for place, name in enumerate(names)
        },
        "probability_of_improvement": {
            one: {other: {"p": 0.5 if one == other else 0.9 if one < other else 0.1,
                          "ci95": [0.4, 0.6] if one == other else [0.8, 1.0] if one < other else [0.0, 0.2],
                          "scenarios": {}}
                  for other in agents}
            for one in agents
        },
        "profiles": {
            "thresholds": [0.0, 0.5, 1.0],
            "agents": {
                name: {"share": [1, 0.8, 0.3], "low": [1, 0.7, 0.2], "high": [1, 0.9, 0.4]} for name in agents
            },
        },
        "curves": {
            name: {
                agent: {"training": curve, "validation": curve, "return": None, "terms": {"queue": curve}}
                for agent in agents
            }
            for name in scenarios
        },
        "missing": [],
        "failed": 0,
    }  # fmt: skip
    (folder / "comparison.json").write_text(json.dumps(document))
    return folder


def make_study(root: Path, trials: int = 12, algorithm: str = "ppo") -> Path:
    """A search over three hyperparameters whose trial k has the value 20 + k; trial 3 was pruned."""
    folder = root / "tuning" / f"toy-queue-{algorithm}-1a2b3c4d"
    folder.mkdir(parents=True)
    done = [number for number in range(trials) if number != 3]
    record = TuningRecord.model_validate(
        {
            "format": 1,
            "scenario": "toy/queue",
            "scenario_hash": "ab" * 32,
            "algorithm": algorithm,
            "metric": "delay",
            "unit": "s",
            "better": "lower",
            "folder": str(folder),
            "study": folder.name,
            "command": ("sandbox", "tune", "toy/queue", "--algo", algorithm),
            "budget": {"steps": 1000, "seeds": (0,), "episodes": 8},
            "space": {
                "learning_rate": {"kind": "real", "low": 1e-5, "high": 1e-2, "log": True},
                "gamma": {"kind": "real", "low": 0.9, "high": 0.9999, "log": True, "complement": True},
                "net_arch": {"kind": "choice", "values": ([64, 64], [128, 128])},
            },
            "wanted": trials,
            "counts": {"complete": len(done), "pruned": trials - len(done)},
            "steps_spent": 1000 * trials,
            "best": {"trial": 0, "value": 20.0},
            "preset": {"steps": 1000, "num_envs": 1, "hyperparameters": {"learning_rate": 0.001}},
            "importances": {"learning_rate": 0.7, "1-gamma": 0.2, "net_arch": 0.1},
            "trials": [
                {
                    "number": number,
                    "state": "complete" if number in done else "pruned",
                    "value": 20.0 + number if number in done else None,
                    "hyperparameters": {
                        "learning_rate": 10.0 ** (-5 + 3 * number / trials),
                        "gamma": 0.99,
                        "net_arch": [64, 64] if number % 2 else [128, 128],
                    },
                    "steps": 1000,
                    "seconds": 3.0,
                }
                for number in range(trials)
            ],
        }
    )
    (folder / "tuning.json").write_bytes(record.encode())
    return folder
