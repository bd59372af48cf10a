"""Finds the parameters of the classical controllers of a network: all candidates on the same episodes.

Fixed-time, Webster, max-pressure and max-wave have nothing that is tuned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
"""Candidates of each controller: all combinations, and beyond where the best is the first or the last."""

WIDENINGS = 4
"""How often an axis of candidates is made longer."""


def tune(config: SignalConfig, episodes: int) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """The best parameters of every controller, and the mean delay of every candidate, s."""
    envs = make_signals_vec(config, PRESETS["queue"], episodes)
    try:
        kept: dict[str, dict[str, float]] = {}
        told: dict[str, Any] = {}
        for rule, (make, grid) in GRIDS.items():
            delays = search(list(grid.values()), _player(envs, make, tuple(grid)))
            best = min(delays, key=delays.__getitem__)
            kept[rule] = dict(zip(grid, best, strict=True))
            told[rule] = [[*values, round(delay, 2)] for values, delay in delays.items()]
        return kept, told
    finally:
        envs.close()


def search(
    axes: Sequence[Sequence[float]], play: Callable[[tuple[float, ...]], float]
) -> dict[tuple[float, ...], float]:
    """What every candidate comes to, so that the best is not one merely because none was tried beyond it.

    An axis of three values or more goes on in its last ratio where the best candidate lies at its end, up to
    `WIDENINGS` times; one of two values is a switch.
    """
    tried = [sorted(axis) for axis in axes]
    found: dict[tuple[float, ...], float] = {}
    for _ in range(WIDENINGS + 1):
        for values in product(*tried):
            if values not in found:
                found[values] = play(values)
        best = min(found, key=found.__getitem__)
        longer = [_longer(axis, value) for axis, value in zip(tried, best, strict=True)]
        if longer == tried:
            break
        tried = longer
    return found


def _longer(axis: list[float], best: float) -> list[float]:
    if len(axis) > 2 and best == axis[-1]:
        return [*axis, float(f"{axis[-1] ** 2 / axis[-2]:.3g}")]
    if len(axis) > 2 and best == axis[0]:
        return [float(f"{axis[0] ** 2 / axis[1]:.3g}"), *axis]
    return axis


def _player(
    envs: Any, make: Callable[..., Controller], names: tuple[str, ...]
) -> Callable[[tuple[float, ...]], float]:
    return lambda values: _delay(envs, make(envs, **dict(zip(names, values, strict=True))))


def _delay(envs: Any, controller: Controller) -> float:
    low = Seeds().tuning[0]
    envs.reset(seed=[low + copy for copy in range(envs.num_envs)])
    controller.reset(envs.num_envs)
    shape = (envs.num_envs, len(envs.agents))
    while True:
        *_, info = envs.step(controller.act(None).reshape(shape))
        if "final_info" in info:
            return float(info["final_info"]["metrics"]["delay"].mean())
