"""Behavioural cloning and DAgger on a walk on a rope: excess cost against the length of the walk.

    python -m benchmarks.families imitation [--seeds 3]

The task is `sandbox_course.tasks.tightrope`, with the same number of labels and of updates for walks of 16 to
256 steps. The excess cost is the mean number of steps off the rope.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import numpy as np

from benchmarks.families._lost_sales import options, show
from sandbox.api import TrainContext
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox_course.tasks.tightrope import Tightrope, demonstrations, excess_cost

HORIZONS = [16, 32, 64, 128, 256]
LABELS = 1024
UPDATES = 2000
WALKS = 500


def main(arguments: list[str]) -> int:
    """Measure, print."""
    return show(*measure(options(arguments, __doc__.split("\n")[0])))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Excess cost against the length of a walk, and its slope in logarithms."""
    costs = {
        name: [[_excess(name, horizon, seed) for seed in range(chosen.seeds)] for horizon in HORIZONS]
        for name in ("bc", "dagger")
    }
    means = {name: [statistics.fmean(runs) for runs in rows] for name, rows in costs.items()}
    slopes = {
        name: float(np.polyfit(np.log(HORIZONS), np.log(values), 1)[0]) for name, values in means.items()
    }
    document = {"labels": LABELS, "horizons": HORIZONS, "costs": costs, "means": means, "slopes": slopes}
    lines = [f"| steps of a walk | {' | '.join(map(str, HORIZONS))} | slope |", "| --- |" + " ---: |" * 6]
    for name, values in means.items():
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} | {slopes[name]:.2f} |")
    return document, lines


def _excess(name: str, horizon: int, seed: int) -> float:
    """Mean steps off the rope of what an algorithm makes of `LABELS` labels and `UPDATES` updates."""
    algorithm = registry().algorithms.get(name)
    rounds = 8
    settings = {"steps_per_iteration": LABELS // rounds, "updates_per_iteration": UPDATES // rounds}
    envs = Tightrope(horizon, 4, seed)
    context = TrainContext(
        make_envs=lambda num_envs: envs,
        observation_space=envs.single_observation_space,
        action_space=envs.single_action_space,
        config=resolve(algorithm.config)(**(settings if name == "dagger" else {})),
        steps=LABELS if name == "dagger" else UPDATES,
        seed=seed,
        num_envs=4,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=demonstrations(horizon, LABELS, seed) if name == "bc" else None,
        expert="balanced" if name == "dagger" else None,
    )
    return excess_cost(resolve(algorithm.train)(context), horizon, WALKS, seed=1_000 + seed)
