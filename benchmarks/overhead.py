"""Wall time of ``sandbox train`` beside a bare Stable-Baselines3 script on the same environment.

    python -m benchmarks.overhead [--scenario S] [--steps N] [--repeats R]

Both sides are whole processes, started in turn: the same environment in the same number of worker
processes, the same hyperparameters, the same steps and seed. The bare script only learns;
``sandbox train`` also records progress and TensorBoard scalars and writes the run directory.
Validation, which the bare script does not do, is switched off, and its price is shown beside.
Prints one JSON document; exits 1 if the median ratio is above the limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 1.05


def main() -> int:
    """Run both sides in turn and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenario", default="traffic/single-intersection")
    parser.add_argument("--steps", type=int, default=16_384)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(arguments.repeats):
            common = (arguments.scenario, arguments.steps, seed)
            bare.append(_seconds([sys.executable, "-m", "benchmarks.bare_sb3", *map(str, common)]))
            ours.append(_seconds(_train(*common, scratch, "evaluation.validations=0")))
        validated = _seconds(_train(arguments.scenario, arguments.steps, 0, scratch))
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    result = {
        "scenario": arguments.scenario,
        "steps": arguments.steps,
        "bare_seconds": [round(value, 2) for value in bare],
        "sandbox_seconds": [round(value, 2) for value in ours],
        "ratios": [round(value, 4) for value in ratios],
        "ratio": round(statistics.median(ratios), 4),
        "limit": LIMIT,
        "ratio_with_validation": round(validated / bare[0], 4),
    }
    print(json.dumps(result, indent=2))
    return int(result["ratio"] > LIMIT)


def _train(scenario: str, steps: int, seed: int, scratch: str, *changes: str) -> list[str]:
    command = [sys.executable, "-m", "sandbox.cli.main", "train", scenario, "--algo", "ppo", "--quiet"]
    command += ["--steps", str(steps), "--seed", str(seed), "--runs-dir", scratch]
    for change in changes:
        command += ["--set", change]
    return command


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[1]
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
