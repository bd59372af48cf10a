"""REINFORCE's ladder: what each improvement of the estimator does to its noise and to learning.

    python -m benchmarks.families ladder [--seeds 5] [--steps 60000] [--task gym:CartPole-v1] [--out FILE.png]

Five rungs: the sum of the trajectory's rewards, reward-to-go, less a constant, less V(s), generalised
advantages. The variance of the gradient is the trace of the covariance of estimates, measured on the same
episodes for all rungs, with the first policy and with one in the middle of learning, and given as a share
of the first rung's. Learning curves have a run for each rung and seed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.families._lost_sales import show
from sandbox.backends.reinforce.train import train
from sandbox_course.gradients import COMMON, RUNGS, Task, play, shares, variances

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "reinforce-ladder.png"

Curve = list[tuple[int, float]]


def main(arguments: list[str]) -> int:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--task", default="gym:CartPole-v1", help="a scenario, or gym:ID")
    parser.add_argument("--out", type=Path, default=PICTURE, help="picture to write")
    chosen = parser.parse_args(arguments)
    document, lines, curves = measure(chosen)
    draw(curves, document["variance"], chosen.task, chosen.out)
    return show(document, lines)


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str], dict[str, list[Curve]]]:
    """Runs of every rung, and the variance of its gradients at two moments."""
    task = Task(chosen.task)
    curves: dict[str, list[Curve]] = {}
    seconds: dict[str, float] = {}
    middle: Any = None
    for name, settings in RUNGS.items():
        begun = time.perf_counter()
        runs = [_run(task, COMMON | settings, chosen.steps, seed) for seed in range(chosen.seeds)]
        seconds[name] = (time.perf_counter() - begun) / chosen.seeds
        curves[name] = [curve for curve, _ in runs]
        if name == "V(s)":
            middle = runs[0][1]
    variance = shares([variances(play(task, policy)) for policy in (None, middle)])
    finals = {name: [_final(curve) for curve in runs] for name, runs in curves.items()}
    lines = ["| rung | gradient variance, start | middle | final returns | mean |", "| --- |" + " ---: |" * 4]
    for name, returns in finals.items():
        start, later = variance[name]
        each = " ".join(f"{value:.0f}" for value in returns)
        lines.append(f"| {name} | {start:.2f} | {later:.2f} | {each} | {np.mean(returns):.0f} |")
    document = {
        "task": chosen.task,
        "steps": chosen.steps,
        "settings": COMMON,
        "variance": variance,
        "finals": finals,
        "seconds": seconds,
    }
    return document, lines, curves


def _run(task: Task, settings: dict[str, Any], steps: int, seed: int) -> tuple[Curve, Any]:
    """The return of every update, and the policy half-way."""
    curve: Curve = []
    half: list[Any] = []

    def update(done: int, policy: Any, values: Any = None, state: Any = None) -> None:
        curve.append((done, float(values["episode_return"])))
        if not half and done >= steps / 2:
            half.append(policy())

    train(task.context(settings, steps, seed, update))
    return curve, half[0]


def _final(curve: Curve) -> float:
    """Mean return of the last tenth of the updates' steps."""
    last = curve[-1][0]
    return float(np.mean([value for done, value in curve if done >= 0.9 * last]))


def draw(curves: dict[str, list[Curve]], variance: dict[str, list[float]], title: str, path: Path) -> None:
    """Learning curves beside the bars of the variances."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    for name, runs in curves.items():
        steps = np.linspace(0, max(curve[-1][0] for curve in runs), 61)[1:]
        returns = [np.interp(steps, *np.transpose(curve)) for curve in runs]
        (line,) = left.plot(steps, np.mean(returns, axis=0), label=name)
        low, high = np.min(returns, axis=0), np.max(returns, axis=0)
        left.fill_between(steps, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    left.set(xlabel="steps", ylabel="return of an update's episodes", title=title)
    left.legend(frameon=False)
    places = np.arange(len(variance))
    for offset, moment in ((-0.2, "start"), (0.2, "middle")):
        shares = [values[moment == "middle"] for values in variance.values()]
        right.barh(places + offset, shares, 0.4, label=moment)
    right.set_yticks(places, list(variance))
    right.invert_yaxis()
    right.set(xscale="log", xlabel="gradient variance, share of the first")
    right.legend(frameon=False)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
