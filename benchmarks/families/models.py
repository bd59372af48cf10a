"""What a model saves in steps: returns on Pendulum after ever more environment steps.

    python -m benchmarks.families models [--seeds 1] [--only pets] [--scenario gym:Pendulum-v1] [--into FILE]

``pets`` and ``mbpo`` learn a model, ``sac`` and ``ppo`` none. Each number of steps is a training of its own,
judged on the test episodes. ``--into FILE`` keeps what is finished, and the next call goes on from there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sandbox
from benchmarks.families._lost_sales import show
from sandbox.scenarios.given import as_scenario

STEPS: dict[str, list[int]] = {
    "pets": [600, 1_000, 2_000],
    "mbpo": [600, 1_000, 2_000, 4_000],
    "sac": [1_000, 2_000, 4_000, 8_000],
    "ppo": [4_000, 16_000, 64_000],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "pets": {"candidates": 50},
    "mbpo": {},
    "sac": {"learning_starts": 400},
    "ppo": {"gamma": 0.95, "gae_lambda": 0.95, "learning_rate": 1e-3, "n_steps": 1024, "n_epochs": 10},
}
EPISODES = 10


def main(arguments: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="algorithms whose name contains this")
    parser.add_argument("--scenario", default="gym:Pendulum-v1", help="a task of continuous actions")
    parser.add_argument("--most", type=int, default=10**9, help="no training is longer than this, steps")
    parser.add_argument("--into", type=Path, default=None, help="file that keeps what is finished")
    return show(*measure(parser.parse_args(arguments)))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Mean returns by algorithm and steps."""
    kept: dict[str, Any] = json.loads(chosen.into.read_text()) if chosen.into and chosen.into.exists() else {}
    lines = ["| algorithm | steps | mean return | CPU |", "| --- | ---: | ---: | ---: |"]
    for name, points in STEPS.items():
        for steps in points:
            if chosen.only not in name or steps > chosen.most:
                continue
            rows = []
            for seed in range(chosen.seeds):
                key = f"{chosen.scenario} {name} {steps} {seed}"
                if key not in kept:
                    kept[key] = _trained(chosen.scenario, name, steps, seed)
                    if chosen.into:
                        chosen.into.write_text(json.dumps(kept, indent=2))
                rows.append(kept[key])
            mean = statistics.fmean(row["mean"] for row in rows)
            seconds = statistics.fmean(row["seconds"] for row in rows)
            lines.append(f"| {name} | {steps:,} | {mean:,.0f} | {seconds:.0f} s |")
    return {"runs": kept, "episodes": EPISODES}, lines


def _trained(name: str, algorithm: str, steps: int, seed: int) -> dict[str, float]:
    """Mean return over the test episodes, and the CPU time of training."""
    scenario = as_scenario(name, [f"evaluation.episodes={EPISODES}", "evaluation.validations=0"])
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        run = sandbox.train(
            scenario,
            algorithm,
            seed=seed,
            steps=steps,
            num_envs=1,
            hp=SETTINGS[algorithm],
            runs_dir=folder,
        )
        seconds = time.process_time() - begun
        table = sandbox.evaluate([run], scenario)
        values = np.asarray(table.values(algorithm), np.float64)
    return {"mean": float(values.mean()), "seconds": seconds}
