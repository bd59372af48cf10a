"""Finds the parameters of the classical controllers of a network: all candidates on the same episodes.

Fixed-time, Webster, max-pressure and max-wave have nothing that is tuned.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from sandbox.api import Seeds
from sandbox_traffic.adaptive import DelayBased, Sotl
from sandbox_traffic.baselines import Actuated, Controller
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.vector import make_signals_vec

GRIDS: dict[str, tuple[Callable[..., Controller], dict[str, tuple[float, ...]]]] = {
    "actuated": (Actuated, {"passage": (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)}),
    "delay-based": (DelayBased, {"loss": (0.3, 1.0, 3.0, 10.0, 30.0)}),
    "sotl": (Sotl, {"threshold": (20.0, 50.0, 100.0, 200.0, 400.0, 800.0), "platoon": (0.0, 3.0)}),
}
"""Candidates of each controller: all combinations."""


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
