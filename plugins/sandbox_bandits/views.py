"""Regret against pulls, beside the slope of Lai and Robbins."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox_bandits.bound import slope


def regret(request: ViewRequest) -> None:
    """Mean over the seeds of the regret so far, with a standard error, against the logarithm of the pulls."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axis: Any = figure.subplots()
    axis.set_xscale("log")
    pulls = np.empty(0)
    for agent in request.agents:
        curves = np.array([_curve(request, agent, seed) for seed in request.seeds])
        pulls, mean = np.arange(1, curves.shape[1] + 1), curves.mean(axis=0)
        error = curves.std(axis=0) / np.sqrt(len(curves))
        (line,) = axis.plot(pulls, mean, label=agent.name)
        axis.fill_between(pulls, mean - error, mean + error, color=line.get_color(), alpha=0.2, linewidth=0)
    means = getattr(request.make_env().unwrapped.config, "means", None)
    if means is not None:
        bound = slope(means)
        axis.plot(pulls, bound * np.log(pulls), "k--", linewidth=1, label=f"{bound:.1f} ln T")
    axis.set(xlabel="pulls T", ylabel="regret", title=request.scenario)
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(request.path, dpi=120)


def _curve(request: ViewRequest, agent: ViewAgent, seed: int) -> list[float]:
    """Regret after every pull."""
    curve: list[float] = []

    def watch(env: Any, moment: Moment) -> None:
        if moment.step:
            curve.append(float(env.core.regret[0]))

    request.play(agent, seed, watch)
    return curve
