"""What a comparison costs beside the work itself, and whether killing it costs anything.

    python -m benchmarks.compare statistics   # 10 scenarios x 10 agents x 10 seeds, 50,000 resamples
    python -m benchmarks.compare overhead     # a grid of 1,000 trivial cells
    python -m benchmarks.compare scaling      # W workers beside one, on cells that train
    python -m benchmarks.compare kill         # one grid whose driver is killed 50 times

Each prints one JSON document and exits 1 if it misses its limit. Run them on an idle machine: wall
times are those of everything that runs. Where a share of processor time can be told apart from waiting
for other programs, it is given beside.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

TOYS = Path(__file__).resolve().parents[1] / "tests" / "toys"
PLUGINS = ["--plugin", str(TOYS / "plugin.py"), "--plugin", str(TOYS / "still.py")]

STATISTICS_LIMIT = 2.0
OVERHEAD_LIMIT = 0.050
SCALING_LIMIT = 0.9

CELL_SECONDS = 0.4
"""How long a cell waits that is to be interrupted."""


def main() -> int:
    """Run one measurement."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("statistics", "overhead", "scaling", "kill"))
    parser.add_argument("--cells", type=int, default=0, help="cells of the grid; each has its default")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--kills", type=int, default=50)
    arguments = parser.parse_args()
    kills = arguments.kills
    with tempfile.TemporaryDirectory(prefix="sandbox-compare-") as scratch:
        measured = {
            "statistics": statistics,
            "overhead": lambda: overhead(Path(scratch), arguments.cells or 1_000, arguments.workers),
            "scaling": lambda: scaling(Path(scratch), arguments.cells or 12, arguments.workers),
            "kill": lambda: kill(Path(scratch), arguments.cells or 8 * kills, arguments.workers, kills),
        }[arguments.what]()
    print(json.dumps(measured, indent=2))
    return int(not measured["met"])


def statistics() -> dict[str, Any]:
    """Everything that a comparison computes, for ten scenarios, ten agents and ten runs of each."""
    import numpy as np

    from sandbox.statistics import (
        Resampler,
        iqm_interval,
        iqm_intervals,
        optimality_gap_interval,
        performance_profile,
        probabilities_of_improvement,
    )

    rng = np.random.default_rng(0)
    scores = {f"agent-{a}": [rng.normal(a / 10, 1, 10) for _ in range(10)] for a in range(10)}
    wall, cpu = time.perf_counter(), time.process_time()
    resampler = Resampler()
    iqm_intervals(np.stack([values for strata in scores.values() for values in strata], axis=1), resampler)
    for strata in scores.values():
        iqm_interval(strata, resampler)
        optimality_gap_interval(strata, resampler)
        performance_profile(strata, np.linspace(-1, 2, 61))
    probabilities_of_improvement(scores, resampler)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "resamples": resampler.resamples,
        "wall_seconds": round(wall, 3),
        "processor_seconds": round(cpu, 3),
        "limit": STATISTICS_LIMIT,
        "met": min(wall, cpu) < STATISTICS_LIMIT,
    }


def overhead(scratch: Path, cells: int, workers: int) -> dict[str, Any]:
    """Seconds a cell of a grid whose cells do next to nothing; start and summary included."""
    suite = _suite(
        scratch, "{horizon: 5, evaluation.episodes: 1, evaluation.validations: 0}", "still", cells, 20
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, document = _compare(suite, scratch / "runs", workers)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    again, _ = _compare(suite, scratch / "runs", workers)
    return {
        "cells": cells,
        "workers": workers,
        "complete": document["status"] == "complete",
        "seconds": round(seconds, 2),
        "milliseconds_a_cell": round(1000 * seconds / cells, 2),
        "processor_milliseconds_a_cell": round(1000 * cpu / cells, 2),
        "seconds_when_all_is_there": round(again, 2),
        "limit_milliseconds": 1000 * OVERHEAD_LIMIT,
        "met": document["status"] == "complete" and seconds / cells <= OVERHEAD_LIMIT,
    }


def scaling(scratch: Path, cells: int, workers: int) -> dict[str, Any]:
    """Cells a second with one worker and with several, on cells that train with REINFORCE.

    The rate is that of the time between the first and the last cell's end: starting Python and importing
    torch happens once a worker, whatever a grid's size.
    """
    rates = {}
    for count in (1, workers):
        settings = "{evaluation.episodes: 20, evaluation.validations: 0}"
        suite = _suite(scratch, settings, "reinforce", cells, 60_000)
        root = scratch / f"runs-{count}"
        _compare(suite, root, count)
        ends = sorted(file.stat().st_mtime for file in root.glob("cells/*/cell.json"))
        # As many cells as workers end at first; those that follow are the steady state.
        rates[count] = (len(ends) - count) / (ends[-1] - ends[count - 1])
    efficiency = rates[workers] / (workers * rates[1])
    return {
        "cells": cells,
        "workers": workers,
        "cells_a_second": {str(count): round(rate, 4) for count, rate in rates.items()},
        "efficiency": round(efficiency, 3),
        "limit": SCALING_LIMIT,
        "met": efficiency >= SCALING_LIMIT,
    }


def kill(scratch: Path, cells: int, workers: int, kills: int) -> dict[str, Any]:
    """Kills the driver at random moments and starts it again, until nothing is left to do."""
    settings = "{horizon: 5, evaluation.episodes: 1, evaluation.validations: 0}"
    suite = _suite(scratch, settings, "still", cells, 20, CELL_SECONDS)
    root, rng = scratch / "runs", random.Random(0)
    log = scratch / "log.txt"
    done_at_kill, killed = [], 0
    start = time.perf_counter()
    while killed < kills:
        with log.open("ab") as sink:
            driver = subprocess.Popen(_command(suite, root, workers), stdout=sink, stderr=sink)
        before = _finished(root)
        deadline = time.monotonic() + 120
        # Anywhere between the start of the driver and some cells later, but not many: with two workers at
        # most 2 + 2 · 2 cells end before a kill and one a worker after it, so 8 cells a kill are enough.
        wanted, delay = rng.choice((0, 1, 1, 2)), rng.random() * CELL_SECONDS
        while _finished(root) < before + wanted and driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delay)
        if driver.poll() is None:
            driver.send_signal(signal.SIGKILL)
            killed += 1
        driver.wait()
        done_at_kill.append(_finished(root))
        if _finished(root) == cells:
            break
    _, document = _compare(suite, root, workers)
    runs = [json.loads(file.read_text()) for file in root.glob("toy/*/*/*/run.json")]
    trained = Counter(run["cell"] for run in runs if run["status"] == "done")
    attempts = [cell["attempts"] for cell in document["cells"]]
    repeated = sum(count > 1 for count in trained.values())
    lost = cells - len(trained)
    return {
        "cells": cells,
        "workers": workers,
        "kills": killed,
        "cells_done_at_first_and_last_kill": [done_at_kill[0], done_at_kill[-1]],
        "complete": document["status"] == "complete",
        "cells_lost": lost,
        "cells_trained_more_than_once": repeated,
        "runs_not_done": sum(run["status"] != "done" for run in runs),
        "locks_left": len(list(root.glob("cells/*/.lock"))),
        "cells_that_were_interrupted": sum(count > 1 for count in attempts)
        + sum(bool(run.get("resumed")) for run in runs),
        "seconds": round(time.perf_counter() - start, 1),
        "met": document["status"] == "complete" and lost == 0 and repeated == 0 and killed == kills,
    }


def _suite(scratch: Path, settings: str, agent: str, seeds: int, steps: int, seconds: float = 0.0) -> Path:
    hyperparameters = f", hyperparameters: {{seconds: {seconds}}}" if seconds else ""
    file = scratch / f"{agent}.yaml"
    file.write_text(
        f"title: benchmark\nscenarios:\n  - id: toy/corridor\n    set: {settings}\n"
        f"agents: [{{algorithm: {agent}{hyperparameters}}}]\nbaselines: none\n"
        f"seeds: {seeds}\nsteps: {steps}\n"
    )
    return file


def _command(suite: Path, root: Path, workers: int) -> list[str]:
    command = [sys.executable, "-m", "sandbox.cli.main", "compare", str(suite), "--json", "--quiet"]
    return [*command, "--workers", str(workers), "--runs-dir", str(root), *PLUGINS]


def _compare(suite: Path, root: Path, workers: int) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    done = subprocess.run(_command(suite, root, workers), capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(root, ignore_errors=True)
        raise SystemExit(f"the comparison failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - start, json.loads(done.stdout)


def _finished(root: Path) -> int:
    return len(list(root.glob("cells/*/cell.json")))


if __name__ == "__main__":
    sys.exit(main())
