"""Finds the parameters of the classical controllers, network by network.

    python -m sandbox_traffic.tune [SCENARIO…] [--episodes 2] [--duration 1800]

Plays every candidate on the same episodes of the tuning seeds under the scenario's evaluation settings and
keeps the one of least delay. What is shipped in ``data/controllers.json`` was found this way; the command and
every candidate's delay are kept in the file. Fixed-time, Webster, max-pressure and max-wave have nothing that
is tuned.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

from sandbox.api import Seeds
from sandbox_traffic.adaptive import DelayBased, Sotl
from sandbox_traffic.baselines import Actuated, Controller
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.tuned import FILE, place
from sandbox_traffic.vector import make_signals_vec

GRIDS: dict[str, tuple[Callable[..., Controller], dict[str, tuple[float, ...]]]] = {
    "actuated": (Actuated, {"passage": (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)}),
    "delay-based": (DelayBased, {"loss": (0.3, 1.0, 3.0, 10.0, 30.0)}),
    "sotl": (Sotl, {"threshold": (20.0, 50.0, 100.0, 200.0, 400.0, 800.0), "platoon": (0.0, 3.0)}),
}
"""Candidates of each controller: all combinations."""


def main() -> int:
    """Tune, and write the file anew."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--episodes", type=int, default=2, help="of every candidate")
    parser.add_argument("--duration", type=int, default=1800, help="of an episode, s")
    arguments = parser.parse_args()
    for name in arguments.scenarios:
        config = _config(name, arguments.duration)
        kept, told = tune(config, arguments.episodes)
        _write(place(config), kept, {"command": _command(name, arguments), "delays": told})
        print(f"{name}: {kept}", file=sys.stderr, flush=True)
    return 0


def _config(scenario: str, duration: int) -> SignalConfig:
    from sandbox.scenarios import load_problem

    values = load_problem(scenario).evaluation_config.model_dump()
    values["duration"] = min(duration, values["duration"])
    return SignalConfig.model_validate(values)


def _command(name: str, arguments: argparse.Namespace) -> str:
    options = f"--episodes {arguments.episodes} --duration {arguments.duration}"
    return f"python -m sandbox_traffic.tune {name} {options}"


def tune(config: SignalConfig, episodes: int) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """The best parameters of every controller, and the mean delay of every candidate, s."""
    envs = make_signals_vec(config, PRESETS["queue"], episodes)
    try:
        kept: dict[str, dict[str, float]] = {}
        told: dict[str, Any] = {}
        for rule, (make, grid) in GRIDS.items():
            candidates = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
            delays = [_delay(envs, make(envs, **candidate)) for candidate in candidates]
            kept[rule] = candidates[delays.index(min(delays))]
            told[rule] = [
                [*candidate.values(), round(delay, 2)]
                for candidate, delay in zip(candidates, delays, strict=True)
            ]
        return kept, told
    finally:
        envs.close()


def _delay(envs: Any, controller: Controller) -> float:
    low = Seeds().tuning[0]
    envs.reset(seed=[low + copy for copy in range(envs.num_envs)])
    controller.reset(envs.num_envs)
    shape = (envs.num_envs, len(envs.agents))
    while True:
        *_, info = envs.step(controller.act(None).reshape(shape))
        if "final_info" in info:
            return float(info["final_info"]["metrics"]["delay"].mean())


def _write(where: str, kept: dict[str, Any], told: dict[str, Any]) -> None:
    content = json.loads(FILE.read_text()) if FILE.exists() else {"controllers": {}, "found": {}}
    content["controllers"][where] = kept
    content["found"][where] = told
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
