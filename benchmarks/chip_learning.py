"""Does a learned placer pay? Unseen designs, and scratch against fine-tuned at equal time.

    python -m benchmarks.chip_learning [--seeds 3] [--steps N] [--fine-tune-steps 6144] [--long-seeds 1]
        [--runs-dir DIR] [--parts unseen,tune]

Two parts, one JSON document, and Markdown tables on standard error:

- ``unseen``: policies trained on generated designs (chip/small), on test designs that they have not seen,
  beside the placers.
- ``tune``: one design (chip/fine-tune); trained from scratch, and fine-tuned from the policies of the first
  part. Two tables: the same time for fine-tuning as for training from scratch (pre-training not counted),
  and the same total time (scratch also gets the time that pre-training took).

Time is processor time, one thread everywhere: on a shared machine wall time would depend on what else runs.
The unit is the training run. A run that fails is counted as one. A policy with search beside search alone is
measured by ``python -m benchmarks.chip_equal_time``. Runs that ``--runs-dir`` holds already are
used again, so that a stopped benchmark continues.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sandbox
from sandbox.api import SandboxError
from sandbox.runs.directory import Run

BASE, TARGET = "chip/small", "chip/fine-tune"

PLACERS = ("greedy", "hill-climbing", "annealing", "analytic", "rebuild", "random")


def main() -> int:
    """Train, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of the policies of the first part; the preset's if absent")
    parser.add_argument("--fine-tune-steps", type=int, default=6144)
    parser.add_argument("--long-seeds", type=int, default=1, help="runs from scratch with the total time")
    parser.add_argument("--runs-dir", default="runs/chip-learning")
    parser.add_argument("--parts", default="unseen,tune")
    arguments = parser.parse_args()
    trainer = Trainer(Path(arguments.runs_dir), arguments.steps)
    parts, seeds = set(arguments.parts.split(",")), range(arguments.seeds)
    result: dict[str, Any] = {}
    if "unseen" in parts:
        result["unseen"] = unseen(trainer, seeds)
        print_table(result["unseen"]["costs"], f"{BASE}, unseen test designs: wirelength cost")
    if "tune" in parts:
        tuned = tune(trainer, seeds, range(arguments.long_seeds), arguments.fine_tune_steps)
        result["tune"] = tuned
        print_table(tuned["equal_fine_tuning_time"], "equal time for fine-tuning and training from scratch")
        print_table(tuned["equal_total_time"], "equal total time, pre-training counted")
    print(json.dumps(result, indent=2))
    return 0


@dataclass
class Trainer:
    """Trains with PPO, or opens the run of an earlier call.

    Attributes:
        root: Where runs and their ledger are kept.
        base_steps: Steps of a run on `BASE`; the preset's if absent.
    """

    root: Path
    base_steps: int | None

    def __call__(
        self, scenario: str, seed: int, steps: int | None = None, init: Run | None = None
    ) -> Run | None:
        """A run without validations, so that its time is training's; None if it failed."""
        steps = self.base_steps if scenario == BASE else steps
        key = f"{scenario} seed={seed} steps={steps} from={'nothing' if init is None else init.path.name}"
        if key in self.ledger:
            return Run.open(self.root / self.ledger[key]["run"])
        begun = time.process_time()
        try:
            run = sandbox.train(
                scenario,
                "ppo",
                seed=seed,
                steps=steps,
                changes=["evaluation.validations=0"],
                runs_dir=self.root,
                init_from=None if init is None else init.path,
            )
        except SandboxError as error:
            print(f"{key} failed: {error}", file=sys.stderr)
            return None
        row = {"run": str(run.path.relative_to(self.root)), "seconds": time.process_time() - begun}
        self._ledger.write_text(json.dumps(self.ledger | {key: row}, indent=2))
        return run

    @property
    def _ledger(self) -> Path:
        return self.root / "chip_learning.json"

    @property
    def ledger(self) -> dict[str, Any]:
        """Runs by what was asked for: path, and processor time (s)."""
        rows: dict[str, Any] = json.loads(self._ledger.read_text()) if self._ledger.is_file() else {}
        return rows

    def seconds(self, run: Run) -> float:
        """Processor time that a run took."""
        name = str(run.path.relative_to(self.root))
        return float(next(row["seconds"] for row in self.ledger.values() if row["run"] == name))


def unseen(trainer: Trainer, seeds: Sequence[int]) -> dict[str, Any]:
    """Policies on test designs that training has not seen, beside the placers."""
    runs = [run for seed in seeds if (run := trainer(BASE, seed)) is not None]
    costs = {"ppo": [_mean(run, BASE) for run in runs]} | _placers(BASE)
    seconds = [trainer.seconds(run) for run in runs]
    return {"costs": costs, "failed": len(seeds) - len(runs), "train_seconds": seconds}


def tune(trainer: Trainer, seeds: Sequence[int], long_seeds: Sequence[int], steps: int) -> dict[str, Any]:
    """Scratch against fine-tuned on one design, at equal fine-tuning time and at equal total time."""
    runs: dict[str, list[Run]] = {"pre-trained": [], "fine-tuned": [], "scratch": [], "scratch, long": []}
    failed = 0
    for seed in seeds:
        base = trainer(BASE, seed)
        tuned = trainer(TARGET, seed, steps, base) if base else None
        scratch = trainer(TARGET, seed, steps)
        if base is None or tuned is None or scratch is None:
            failed += 1
            continue
        runs["pre-trained"].append(base)
        runs["fine-tuned"].append(tuned)
        runs["scratch"].append(scratch)
        if seed in long_seeds:
            # Steps that scratch gets in the time that pre-training and fine-tuning took together.
            total = trainer.seconds(base) + trainer.seconds(tuned)
            longer = trainer(TARGET, seed, int(steps * total / trainer.seconds(scratch)))
            runs["scratch, long"] += [] if longer is None else [longer]
    costs = {name: [_mean(run, TARGET) for run in some] for name, some in runs.items()}
    placers = _placers(TARGET)
    return {
        "equal_fine_tuning_time": {name: costs[name] for name in ("pre-trained", "fine-tuned", "scratch")}
        | placers,
        "equal_total_time": {name: costs[name] for name in ("fine-tuned", "scratch, long")} | placers,
        "seconds": {name: [trainer.seconds(run) for run in some] for name, some in runs.items()},
        "failed": failed,
    }


def _mean(run: Run, scenario: str) -> float:
    """Mean of the ranking metric of a run's final policy on the test episodes of a scenario."""
    table = sandbox.evaluate([run.policy], scenario)
    return float(table.mean(table.agents[0].name))


def _placers(scenario: str) -> dict[str, list[float]]:
    table = sandbox.evaluate(list(PLACERS), scenario)
    return {name: [float(table.mean(name))] for name in PLACERS}


def print_table(costs: dict[str, list[float]], title: str) -> None:
    """Costs of agents' runs as Markdown, best first."""
    print(f"\n{title}\n| agent | mean | worst | runs |\n|---|---|---|---|", file=sys.stderr)
    known = {name: values for name, values in costs.items() if values}
    for name, values in sorted(known.items(), key=lambda item: float(np.mean(item[1]))):
        print(f"| {name} | {np.mean(values):.4f} | {max(values):.4f} | {len(values)} |", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
