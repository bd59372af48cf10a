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
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.families._lost_sales import show
from sandbox.api import TrainContext
from sandbox.backends.reinforce.collect import Collector
from sandbox.backends.reinforce.config import ReinforceConfig
from sandbox.backends.reinforce.estimator import Episodes, returns_to_go, weights
from sandbox.backends.reinforce.policy import ReinforcePolicy
from sandbox.backends.reinforce.train import accumulate_gradient, fit_values, train
from sandbox.envs.make import make_training
from sandbox.scenarios.resolve import load_scenario
from sandbox.training.plan import make_plan

RUNGS: dict[str, dict[str, Any]] = {
    "trajectory sum": {},
    "reward-to-go": {"reward_to_go": True},
    "constant baseline": {"reward_to_go": True, "constant_baseline": True},
    "V(s)": {"reward_to_go": True, "baseline": True},
    "GAE(.95)": {"baseline": True, "gae": True},
}
COMMON = {"episodes_per_update": 8, "learning_rate": 5e-3, "gamma": 0.99}
NUM_ENVS = 8
BATCHES = 40
"""Updates' worth of episodes from which a variance is measured."""
FITTED = 8
"""Further ones from which V is fitted."""
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "reinforce-ladder.png"

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Task:
    """What is learned: environments and spaces."""

    name: str

    def context(self, settings: dict[str, Any], steps: int, seed: int, update: Callable[..., None]) -> Any:
        """A training context of REINFORCE."""
        scenario = load_scenario(self.name)
        plan = make_plan(scenario, "reinforce", seed=seed, steps=steps, num_envs=NUM_ENVS, hp=settings)
        return TrainContext(
            make_envs=lambda num_envs: make_training(scenario, num_envs, seed),
            observation_space=plan.observation_space,
            action_space=plan.action_space,
            config=plan.config,
            steps=steps,
            seed=seed,
            num_envs=NUM_ENVS,
            update=update,
            masks=plan.masks,
        )


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
    variance = _shares([_variances(task, policy, chosen.steps) for policy in (None, middle)])
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


def _variances(task: Task, policy: ReinforcePolicy | None, steps: int) -> dict[str, float]:
    """Trace of the covariance of each rung's gradient estimates, all from the same episodes."""
    context = task.context(COMMON | RUNGS["V(s)"], steps, 1_000, lambda *_: None)
    config: ReinforceConfig = context.config
    if policy is None:
        policy = ReinforcePolicy(context.observation_space, context.action_space, config, seed=0)
    player, rng = policy, np.random.default_rng(7)
    envs = context.make_envs(NUM_ENVS)
    collector = Collector(envs, NUM_ENVS, player.distribution.action, 10**6)
    draw = partial(_draw, player, rng)
    batches = [collector.collect(draw, config.episodes_per_update)[0] for _ in range(FITTED + BATCHES)]
    envs.close()
    _fit(player, batches[:FITTED], config)
    return {
        name: _trace(player, batches[FITTED:], config.model_copy(update=settings | {"gae_lambda": 0.95}))
        for name, settings in ((name, _plain() | settings) for name, settings in RUNGS.items())
    }


def _plain() -> dict[str, Any]:
    return {"reward_to_go": False, "baseline": False, "constant_baseline": False, "gae": False}


def _draw(policy: ReinforcePolicy, rng: np.random.Generator, rows: Any, mask: Any) -> Any:
    return policy.draw(rows, mask, rng)


def _fit(policy: ReinforcePolicy, batches: list[Episodes], config: ReinforceConfig) -> None:
    """V of this policy, from episodes of its own."""
    import torch

    assert policy.critic is not None
    optimizer = torch.optim.Adam(policy.critic.parameters(), lr=config.value_learning_rate)
    order = np.random.default_rng(0)
    for episodes in batches * 2:
        targets = returns_to_go(episodes, config.gamma, policy.values(episodes.last_observations))
        fit_values(policy, optimizer, episodes, targets, config, order)


def _trace(policy: ReinforcePolicy, batches: list[Episodes], config: ReinforceConfig) -> float:
    gradients = []
    for episodes in batches:
        values = last = None
        if config.baseline:
            values, last = policy.values(episodes.observations), policy.values(episodes.last_observations)
        psi = weights(episodes, config, values, last)
        for parameter in policy.actor.parameters():
            parameter.grad = None
        accumulate_gradient(policy, episodes, psi)
        parts = [parameter.grad.numpy().ravel() for parameter in policy.actor.parameters()]
        gradients.append(np.concatenate(parts))
    return float(np.var(gradients, axis=0, ddof=1).sum())


def _shares(moments: list[dict[str, float]]) -> dict[str, list[float]]:
    first = next(iter(RUNGS))
    return {name: [moment[name] / moment[first] for moment in moments] for name in RUNGS}


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
