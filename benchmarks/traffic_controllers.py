"""Tunes the classical controllers of traffic signals, network by network.

    python -m benchmarks.traffic_controllers SCENARIO… [--episodes 2] [--duration 1800]

Plays every candidate on the same episodes of the tuning seeds under the scenario's evaluation settings and
keeps the one of least delay. What the plugin ships, ``data/controllers.json``, was found this way: the file
is written anew, and keeps the command and what every candidate came to.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from sandbox.scenarios.resolve import load_scenario
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.tune import tune
from sandbox_traffic.tuned import FILE, place


def main() -> int:
    """Tune, and write the file anew."""
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
        kept, delays = tune(config, arguments.episodes)
        command = f"python -m benchmarks.traffic_controllers {name} {options}"
        _write(place(config), kept, {"command": command, "delays": delays})
        print(f"{name}: {kept}", file=sys.stderr, flush=True)
    return 0


def _write(where: str, kept: dict[str, Any], found: dict[str, Any]) -> None:
    content = json.loads(FILE.read_text()) if FILE.exists() else {"controllers": {}, "found": {}}
    content["controllers"][where] = kept
    content["found"][where] = found
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
