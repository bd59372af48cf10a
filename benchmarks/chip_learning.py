"""Does a learned placer pay? Unseen designs, scratch against fine-tuned, policy with search, at equal time.

    python -m benchmarks.chip_learning [--seeds 5] [--steps N] [--pretrain-steps N] [--fine-tune-steps N]
        [--designs FILE…] [--seconds 30] [--runs-dir DIR] [--parts unseen,tune,search]

Three parts, one JSON document and Markdown tables on standard error:

- ``unseen``: a policy trained on generated designs, on test designs it has not seen, beside the placers.
- ``tune``: one design; trained from scratch, and fine-tuned from a policy pre-trained on generated ones.
  Two tables: the same time for fine-tuning as for training from scratch (pre-training not counted), and
  the same total time (scratch also gets the time that pre-training took). Time is measured, not steps.
- ``search``: on given files, the policy's best placement of a few tries refined by the local search of
  ``rebuild``, beside every placer; all within the same wall time, the policy's own included.

The unit is the training run. A run that fails is counted as one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import sandbox
from benchmarks.chip import compare, comparison_table
from sandbox.api import SandboxError
from sandbox.store import Run
from sandbox_chip import search
from sandbox_chip.config import ChipConfig
from sandbox_chip.env import make
from sandbox_chip.reward import PRESETS
from sandbox_chip.search import Clock

PLACERS = ("greedy", "hill-climbing", "annealing", "analytic", "rebuild", "random")


def main() -> int:
    """Train, compare, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--steps", type=int, help="of the policy for unseen designs; the scenario's if absent"
    )
    parser.add_argument("--pretrain-steps", type=int, default=200_000)
    parser.add_argument("--fine-tune-steps", type=int, default=30_000)
    parser.add_argument("--designs", nargs="*", default=[], help="files for the part search")
    parser.add_argument("--grid", type=int, default=84, help="grid for the part search")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--runs-dir", default="runs")
    parser.add_argument("--parts", default="unseen,tune,search")
    arguments = parser.parse_args()
    parts, result = set(arguments.parts.split(",")), {}
    if "unseen" in parts:
        result["unseen"] = unseen(range(arguments.seeds), arguments.steps, arguments.runs_dir)
        tell(result["unseen"]["table"], "chip/small, unseen test designs: wirelength cost")
    if "tune" in parts:
        seeds, root = range(arguments.seeds), arguments.runs_dir
        result["tune"] = tune(seeds, arguments.pretrain_steps, arguments.fine_tune_steps, root)
        tell(result["tune"]["equal_fine_tuning_time"], "equal time for fine-tuning and training from scratch")
        tell(result["tune"]["equal_total_time"], "equal total time, pre-training counted")
    if "search" in parts and arguments.designs:
        result["search"] = [
            policy_and_search(
                Path(file), arguments.grid, arguments.seconds, arguments.seeds, arguments.runs_dir
            )
            for file in arguments.designs
        ]
    print(json.dumps(result, indent=2))
    return 0


def train(
    scenario: str, seed: int, steps: int | None, root: str, init: Run | None = None, *changes: str
) -> Run | None:
    """A run without validations, so that its time is training's; None if it failed."""
    try:
        return sandbox.train(
            scenario,
            "ppo",
            seed=seed,
            steps=steps,
            changes=["evaluation.validations=0", *changes],
            runs_dir=root,
            init_from=None if init is None else init.path,
        )
    except SandboxError as error:
        print(f"{scenario} seed {seed} failed: {error}", file=sys.stderr)
        return None


def unseen(seeds: Sequence[int], steps: int | None, root: str) -> dict[str, Any]:
    """Policies on test designs that training has not seen, beside the placers."""
    runs = [run for seed in seeds if (run := train("chip/small", seed, steps, root)) is not None]
    table = {f"ppo {run.record['seed']}": _mean([run], "chip/small") for run in runs}
    found = sandbox.evaluate(list(PLACERS), "chip/small")
    table |= {name: found.mean(name) for name in PLACERS}
    return {
        "table": table,
        "failed": len(seeds) - len(runs),
        "train_seconds": [run.record["train_seconds"] for run in runs],
    }


def tune(seeds: Sequence[int], pretrain_steps: int, steps: int, root: str) -> dict[str, Any]:
    """Scratch against fine-tuned on one design, at equal fine-tuning time and at equal total time."""
    rows: dict[str, dict[str, float]] = {"equal_fine_tuning_time": {}, "equal_total_time": {}}
    seconds: dict[str, list[float]] = {"pretrain": [], "fine-tune": [], "scratch": [], "scratch-long": []}
    failed = 0
    for seed in seeds:
        base = train("chip/pretrain", seed, pretrain_steps, root)
        tuned = train("chip/fine-tune", seed, steps, root, base) if base else None
        scratch = train("chip/fine-tune", seed, steps, root)
        if base is None or tuned is None or scratch is None:
            failed += 1
            continue
        # Steps that scratch gets in the time that pre-training and fine-tuning took together.
        rate = scratch.record["steps_per_second"]
        total = base.record["train_seconds"] + tuned.record["train_seconds"]
        longer = train("chip/fine-tune", seed, int(rate * total), root)
        for name, run in (
            ("pretrain", base),
            ("fine-tune", tuned),
            ("scratch", scratch),
            ("scratch-long", longer),
        ):
            if run is not None:
                seconds[name].append(run.record["train_seconds"])
        rows["equal_fine_tuning_time"] |= {
            f"pre-trained only {seed}": _mean([base], "chip/fine-tune"),
            f"fine-tuned {seed}": _mean([tuned], "chip/fine-tune"),
            f"scratch {seed}": _mean([scratch], "chip/fine-tune"),
        }
        rows["equal_total_time"][f"fine-tuned {seed}"] = _mean([tuned], "chip/fine-tune")
        if longer is not None:
            rows["equal_total_time"][f"scratch {seed}"] = _mean([longer], "chip/fine-tune")
    placers = sandbox.evaluate(list(PLACERS), "chip/fine-tune")
    for table in rows.values():
        table |= {name: placers.mean(name) for name in PLACERS}
    return {**rows, "seconds": seconds, "failed": failed}


def policy_and_search(file: Path, grid: int, seconds: float, seeds: int, root: str) -> dict[str, Any]:
    """A policy of chip/pretrain's kind on a file's design, refined; beside the placers at equal time."""
    config = ChipConfig(netlist=str(file.resolve()), grid=grid)
    env = make(config, PRESETS["wirelength"])
    problem = env.episode.source.design(0).problem
    found = compare(problem, seconds, seeds)
    costs, alone = [], []
    for seed in range(seeds):
        # Cells are scored by the same small network whatever the grid, but a policy belongs to one grid.
        run = train("chip/pretrain", seed, None, root, None, f"config.grid={grid}")
        if run is None:
            continue
        policy, begun = run.policy, time.perf_counter()
        best, places = np.inf, None
        while time.perf_counter() - begun < seconds / 5 or places is None:
            cost, placed = _rollout(env, policy, seed, deterministic=places is None)
            if cost < best:
                best, places = cost, placed
        alone.append(best)
        left = max(seconds - (time.perf_counter() - begun), 0.1)
        costs.append(search.rebuild_search(problem, Clock(left), seed, start=places).cost)
    found["methods"]["policy"] = {"hpwl": alone, "evaluations": [0], "history": []}
    found["methods"]["policy + search"] = {"hpwl": costs, "evaluations": [0], "history": []}
    print(comparison_table(found), file=sys.stderr)
    return found


def _rollout(env: Any, policy: Any, seed: int, deterministic: bool) -> tuple[float, Any]:
    """One placement by a policy: HPWL (infinite at a dead end) and places."""
    observation, info = env.reset(seed=seed)
    policy.reset(1)
    while True:
        batch = {key: value[None] for key, value in observation.items()}
        action = policy.act(batch, info["action_mask"][None], deterministic)
        observation, _, over, _, info = env.step(int(action[0]))
        if over:
            metrics = info["metrics"]
            return metrics["hpwl"] if metrics["placed"] == 1 else np.inf, env.episode.places.copy()


def _mean(runs: Sequence[Run], scenario: str) -> float:
    """Mean of the ranking metric of runs' final policies on the test episodes of a scenario."""
    found = sandbox.evaluate([run.policy for run in runs], scenario)
    return float(np.mean([found.mean(agent.name) for agent in found.agents]))


def tell(table: dict[str, float], title: str) -> None:
    """A table as Markdown, best first; the runs of one kind also as their mean."""
    groups: dict[str, list[float]] = {}
    for name, value in table.items():
        kind = name.rstrip("0123456789").strip()
        groups.setdefault(kind, []).append(value)
    print(f"\n{title}\n| agent | mean | worst | runs |\n|---|---|---|---|", file=sys.stderr)
    for name, values in sorted(groups.items(), key=lambda item: float(np.mean(item[1]))):
        print(f"| {name} | {np.mean(values):.4f} | {max(values):.4f} | {len(values)} |", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
