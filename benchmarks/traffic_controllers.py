"""Tunes the classical controllers of traffic signals, network by network.

    python -m benchmarks.traffic_controllers SCENARIO… [--episodes 2] [--duration 1800]

Plays every candidate on the same episodes of the tuning seeds, with the scenario's evaluation settings, and
writes the candidate of least delay to ``data/controllers.json``, which the plugin ships, with the command and
the delay of every candidate.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks.mistakes import explained
from sandbox.scenarios.resolve import load_scenario
from sandbox_traffic.baselines.parameters import PARAMETERS_FILE, tuning_key
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.tuning import tune


def main() -> int:
    """Tune, and update the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--episodes", type=int, default=2, help="of every candidate")
    parser.add_argument("--duration", type=int, default=1800, help="of an episode, s")
    arguments = parser.parse_args()
    options = f"--episodes {arguments.episodes} --duration {arguments.duration}"
    for name in arguments.scenarios:
        values = load_scenario(name).evaluation_config.model_dump()
        values["duration"] = min(arguments.duration, values["duration"])
        config = SignalConfig.model_validate(values)
        parameters, delays = tune(config, arguments.episodes)
        command = f"python -m benchmarks.traffic_controllers {name} {options}"
        _write(tuning_key(config), parameters, {"command": command, "delays": delays})
        print(f"{name}: {parameters}", file=sys.stderr, flush=True)
    return 0


def _write(key: str, parameters: dict[str, Any], trials: dict[str, Any]) -> None:
    file = PARAMETERS_FILE
    content = json.loads(file.read_text()) if file.exists() else {"controllers": {}, "trials": {}}
    content["controllers"][key] = parameters
    content["trials"][key] = trials
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    with explained():
        sys.exit(main())
