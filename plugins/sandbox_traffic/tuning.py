"""Tunes the parameters of the classical controllers for a network: all candidates on the same episodes.

Webster's plan and what SUMO runs by itself have no parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

from sandbox.api import Seeds
from sandbox_traffic.baselines.actuated import Actuated, DelayBased
from sandbox_traffic.baselines.adaptive import Scats, Scoot
from sandbox_traffic.baselines.controller import Controller
from sandbox_traffic.baselines.cycles import Coordinated
from sandbox_traffic.baselines.greedy import GreedyReward, MaxPressure, MaxWave
from sandbox_traffic.baselines.metering import Alinea
from sandbox_traffic.baselines.self_organising import Sotl
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.vector import SignalsVectorEnv, make_signals_vec

Values = tuple[float, ...]
"""One candidate: a value for each parameter."""

HOLD: dict[str, Values] = {"hold": (5.0, 10.0, 15.0, 20.0)}

GRIDS: dict[str, tuple[Callable[..., Controller], dict[str, Values]]] = {
    "max-pressure": (MaxPressure, HOLD),
    "max-wave": (MaxWave, HOLD),
    **{f"greedy-{name}": (partial(GreedyReward, reward=reward), HOLD) for name, reward in PRESETS.items()},
    "actuated": (Actuated, {"passage": (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)}),
    "delay-based": (DelayBased, {"loss": (0.3, 1.0, 3.0, 10.0, 30.0)}),
    "coordinated": (Coordinated, {"cycle": (0.7, 0.85, 1.0, 1.2), "pace": (0.8, 1.0)}),
    "scats-like": (Scats, {"target": (0.7, 0.8, 0.9)}),
    "scoot-like": (Scoot, {"step": (2.0, 4.0, 8.0)}),
    "alinea": (Alinea, {"target": (5.0, 10.0, 15.0, 20.0), "gain": (35.0, 70.0)}),
    "sotl": (Sotl, {"threshold": (20.0, 50.0, 100.0, 200.0, 400.0, 800.0), "platoon": (0.0, 3.0)}),
}
"""Candidates of each controller: all combinations, and values beyond where the best is first or last."""

MAX_EXTENSIONS = 4
"""How many times an axis of candidates may be extended."""


def tune(config: SignalConfig, episodes: int) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Tune all controllers.

    Args:
        config: The network and its demand.
        episodes: Episodes that each candidate plays.

    Returns:
        The best parameters of each controller, and each candidate's mean delay as ``[*values, delay in s]``.
    """
    envs = make_signals_vec(config, PRESETS["queue"], episodes)
    try:
        parameters: dict[str, dict[str, float]] = {}
        trials: dict[str, Any] = {}
        meters = any(signal.is_meter for signal in envs.batch.network.signals)
        for name, (make, grid) in GRIDS.items():
            if name == "alinea" and not meters:
                continue
            delays = search(list(grid.values()), _candidate_delay(envs, make, tuple(grid)))
            best = min(delays, key=delays.__getitem__)
            parameters[name] = dict(zip(grid, best, strict=True))
            trials[name] = [[*values, round(delay, 2)] for values, delay in delays.items()]
        return parameters, trials
    finally:
        envs.close()


def search(axes: Sequence[Sequence[float]], evaluate: Callable[[Values], float]) -> dict[Values, float]:
    """Evaluate all combinations of the axes, and extend axes until the best value is not at an end.

    An axis of three values or more goes on in its last ratio where the best candidate lies at its end, at
    most `MAX_EXTENSIONS` times; an axis of two values is a switch.

    Returns:
        The result of every candidate.
    """
    extended = [sorted(axis) for axis in axes]
    results: dict[Values, float] = {}
    for _ in range(MAX_EXTENSIONS + 1):
        for values in product(*extended):
            if values not in results:
                results[values] = evaluate(values)
        best = min(results, key=results.__getitem__)
        longer = [_extend(axis, value) for axis, value in zip(extended, best, strict=True)]
        if longer == extended:
            break
        extended = longer
    return results


def _extend(axis: list[float], best: float) -> list[float]:
    """An axis with one more value beyond the end at which the best value lies, if it lies at one."""
    if len(axis) > 2 and best == axis[-1]:
        return [*axis, float(f"{axis[-1] ** 2 / axis[-2]:.3g}")]
    if len(axis) > 2 and best == axis[0]:
        return [float(f"{axis[0] ** 2 / axis[1]:.3g}"), *axis]
    return axis


def _candidate_delay(
    envs: SignalsVectorEnv, make: Callable[..., Controller], names: tuple[str, ...]
) -> Callable[[Values], float]:
    """Function that plays a candidate."""
    return lambda values: _mean_delay(envs, make(envs, **dict(zip(names, values, strict=True))))


def _mean_delay(envs: SignalsVectorEnv, controller: Controller) -> float:
    """Mean delay of one episode in each environment, s."""
    low = Seeds().tuning[0]
    envs.reset(seed=[low + index for index in range(envs.num_envs)])
    controller.reset(envs.num_envs)
    shape = (envs.num_envs, len(envs.agents))
    while True:
        *_, info = envs.step(controller.act(None).reshape(shape))
        if "final_info" in info:
            return float(info["final_info"]["metrics"]["delay"].mean())
