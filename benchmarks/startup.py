"""How long the command line takes to start, and what it imports for it.

    python -m benchmarks.startup

Prints one JSON document: the median wall time of ``sandbox --help`` and ``sandbox list`` over ten or
more runs, each a new process, the processor time it took (what another machine's load does not
change), and the heavy packages that were imported. Exits with 1 if a limit is passed or a heavy
package is imported.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from sandbox.api.processes import usable_cores

LIMITS = {"--help": 0.3, "list": 0.5}
"""Seconds that a command may take."""

HEAVY = (
    "gymnasium",
    "libsumo",
    "matplotlib",
    "mujoco",
    "numpy",
    "pandas",
    "pettingzoo",
    "pyarrow",
    "sb3_contrib",
    "scipy",
    "stable_baselines3",
    "sumolib",
    "supersuit",
    "torch",
    "traci",
)
"""Packages that neither command has a use for; pydantic is not among them, as Typer itself imports it."""

_RUN = "import sys; from sandbox.cli.main import main; sys.exit(main(sys.argv[1:]))"
_MODULES = (
    "import sys; from sandbox.cli.main import main; code = main(sys.argv[1:]); "
    "print(*sys.modules, sep='\\n', file=sys.stderr); sys.exit(code)"
)


def measure(command: str, runs: int) -> dict[str, Any]:
    """Wall times and heavy imports of one command."""
    _call(_RUN, command)  # writes bytecode and fills the disk cache
    before = os.times()
    seconds = [_call(_RUN, command)[0] for _ in range(runs)]
    after = os.times()
    cpu = (after.children_user + after.children_system - before.children_user - before.children_system) / runs
    heavy = heavy_imports(command)
    median = statistics.median(seconds)
    return {
        "median_seconds": round(median, 3),
        "fastest_seconds": round(min(seconds), 3),
        "slowest_seconds": round(max(seconds), 3),
        "mean_cpu_seconds": round(cpu, 3),
        "limit_seconds": LIMITS[command],
        "runs": runs,
        "heavy_imports": heavy,
        "ok": median <= LIMITS[command] and not heavy,
    }


def heavy_imports(command: str) -> list[str]:
    """Heavy packages that one command imports."""
    modules = {name.partition(".")[0] for name in _call(_MODULES, command)[1].split()}
    return sorted(modules & set(HEAVY))


def _call(program: str, command: str) -> tuple[float, str]:
    start = time.perf_counter()
    # As users have it: with bytecode that is kept.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", program, command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"sandbox {command} failed:\n{done.stderr}")
    return seconds, done.stderr


def main() -> int:
    """Measure, print, and say by the exit code whether all limits are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=11, help="timed runs a command, at least 10")
    runs = max(10, parser.parse_args().runs)
    commands = {f"sandbox {command}": measure(command, runs) for command in LIMITS}
    print(json.dumps({"cores": usable_cores(), "commands": commands}, indent=2))
    return 0 if all(result["ok"] for result in commands.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
