"""What a checkpoint costs: its time, its size, and the share of a training that safe points take.

    python -m benchmarks.checkpoints

Trains PPO and SAC on the tests' toy regulator and takes the time of every checkpoint and of every
call between rollouts that writes none. Prints one JSON document. CPU time is shown beside wall time,
which waits for the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOYS = Path(__file__).resolve().parent.parent / "tests" / "toys" / "plugin.py"

CASES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "ppo": (8_192, 8, {"n_steps": 64}),
    "sac": (1_200, 1, {"learning_starts": 200}),
}
"""Steps, environments and hyperparameters."""


def main() -> int:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoints", type=int, default=8, help="of each training")
    given = parser.parse_args()
    os.environ["SANDBOX_PLUGINS"] = str(TOYS)
    print(json.dumps({algo: measure(algo, given.checkpoints) for algo in CASES}, indent=2))
    return 0


def measure(algo: str, checkpoints: int) -> dict[str, Any]:
    """Costs of one training."""
    from sandbox.runs.writer import RunWriter
    from sandbox.training.monitor import Monitor
    from sandbox.training.train import train

    steps, num_envs, hp = CASES[algo]
    written: list[tuple[float, float, int]] = []
    idle: list[float] = []

    def timed_checkpoint(self: RunWriter, *arguments: Any) -> Path:
        wall, cpu = time.perf_counter(), time.process_time()
        path = real_checkpoint(self, *arguments)
        seconds = (time.perf_counter() - wall, time.process_time() - cpu)
        written.append((*seconds, sum(file.stat().st_size for file in path.rglob("*") if file.is_file())))
        return path

    def timed_update(self: Monitor, *arguments: Any) -> None:
        before, cpu = len(written), time.process_time()
        real_update(self, *arguments)
        if len(written) == before:
            idle.append(time.process_time() - cpu)

    real_checkpoint: Callable[..., Path] = RunWriter.checkpoint
    real_update: Callable[..., None] = Monitor.update
    RunWriter.checkpoint = timed_checkpoint  # type: ignore[method-assign]
    Monitor.update = timed_update  # type: ignore[method-assign, assignment]
    try:
        with tempfile.TemporaryDirectory() as folder:
            changes = [f"evaluation.validations={checkpoints + 1}", "evaluation.validation_episodes=1"]
            begun = time.process_time()
            train(
                "toy/regulator", algo, steps=steps, num_envs=num_envs, hp=hp, changes=changes, runs_dir=folder
            )
            total = time.process_time() - begun
    finally:
        RunWriter.checkpoint = real_checkpoint  # type: ignore[method-assign]
        Monitor.update = real_update  # type: ignore[method-assign]
    wall, cpu, size = zip(*written, strict=True)
    return {
        "steps": steps,
        "cpu_seconds": round(total, 2),
        "checkpoints": len(written),
        "checkpoint_milliseconds_wall": round(1e3 * statistics.median(wall), 1),
        "checkpoint_milliseconds_cpu": round(1e3 * statistics.median(cpu), 1),
        "last_checkpoint_kilobytes": size[-1] // 1000,
        "safe_points_without_checkpoint": len(idle),
        "safe_point_microseconds_cpu": round(1e6 * statistics.median(idle), 1),
        "share_of_safe_points": round(sum(idle) / total, 4),
    }


if __name__ == "__main__":
    sys.exit(main())
