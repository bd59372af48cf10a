"""Regret of the classical ways to explore, beside the slope of Lai and Robbins and another implementation.

    python -m benchmarks.families bandits [--seeds 200] [--mabwiser-seeds 60] [--out FOLDER]

Five Bernoulli arms of .5 to .7: the regret after 200, 2,000 and 20,000 pulls, and what the agents of mabwiser
have on the same arms, where it is installed. Then two arms of unknown chances and 20 pulls, where the best
exploration is known. Draws the regret against the logarithm of the pulls.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.families._lost_sales import show

PULLS = (200, 2_000, 20_000)
MEANS = (0.5, 0.55, 0.6, 0.65, 0.7)
CHECKED = 2_000
"""Pulls after which regret is compared with mabwiser's."""
IMAGES = Path(__file__).parents[2] / "docs" / "images"


def main(arguments: list[str]) -> int:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--mabwiser-seeds", type=int, default=60)
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the picture")
    chosen = parser.parse_args(arguments)
    curves = {name: _regret(name, chosen.seeds) for name in _agents()}
    draw(curves, chosen.out / "bandits-regret.png")
    return show(*tables(curves, _mabwiser(chosen.mabwiser_seeds)))


def tables(curves: dict[str, Any], others: dict[str, dict[str, float]]) -> tuple[dict[str, Any], list[str]]:
    """Means and standard deviations over the episodes."""
    from sandbox_bandits.bound import slope

    bound, seeds = slope(MEANS), next(iter(curves.values())).shape[1]
    document: dict[str, Any] = {"means": MEANS, "seeds": seeds, "slope": bound, "regret": {}}
    document |= {"mabwiser": others, "two arms": _two_arms()}
    header = " | ".join(f"{pulls:,} pulls" for pulls in PULLS)
    lines = [f"| agent | {header} | growth / ln 10 | mabwiser, {CHECKED:,} |", "| --- |" + " ---: |" * 5]
    for name, regret in curves.items():
        at = {pulls: regret[pulls - 1] for pulls in PULLS}
        growth = (at[20_000].mean() - at[2_000].mean()) / np.log(10)
        document["regret"][name] = {
            str(pulls): {"mean": float(x.mean()), "std": float(x.std(ddof=1))} for pulls, x in at.items()
        }
        cells = " | ".join(f"{x.mean():.0f} ± {x.std(ddof=1):.0f}" for x in at.values())
        other = others.get(name)
        seen = f"{other['mean']:.0f} ± {other['std']:.0f}" if other else ""
        lines.append(f"| {name} | {cells} | {growth:.1f} | {seen} |")
    cells = " | ".join(f"{bound * np.log(pulls):.0f}" for pulls in PULLS)
    lines += [f"| Lai-Robbins, {bound:.2f} ln T | {cells} | {bound:.1f} | |", ""]
    lines += ["| two unknown arms, 20 pulls | paid a pull |", "| --- | ---: |"]
    lines += [f"| {name} | {value:.4f} |" for name, value in document["two arms"].items()]
    return document, lines


def _agents() -> dict[str, Callable[[Any], Any]]:
    from sandbox_bandits import agents

    return {
        "random": lambda env: agents.Scored(env, lambda core, rng: np.zeros_like(core.pulls)),
        "greedy": agents.greedy,
        "epsilon-greedy": agents.epsilon_greedy,
        "ucb1": agents.upper_bound,
        "thompson": agents.beta_sampling,
        "gradient": agents.gradient_bandit,
    }


def _play(config: Any, make: Callable[[Any], Any], num_envs: int, seed: int) -> tuple[Any, Any]:
    """Regret so far after every pull, ``(T, num_envs)``, and what was paid a pull, ``(num_envs,)``."""
    from sandbox_bandits import core

    envs = core.bernoulli_vec(config, core.REWARDS["paid"], num_envs)
    observation, _ = envs.reset(seed=seed)
    agent = make(envs)
    agent.reset(num_envs, seed)
    regret, info = np.zeros((config.horizon, num_envs), np.float32), {}
    for pull in range(config.horizon):
        observation, _, _, _, info = envs.step(agent.act(observation))
        regret[pull] = info["reward_terms"]["regret"]
    return regret.cumsum(axis=0), info["final_info"]["metrics"]["reward"]


def _regret(name: str, seeds: int) -> Any:
    from sandbox_bandits.config import BernoulliConfig

    return _play(BernoulliConfig(means=MEANS, horizon=max(PULLS)), _agents()[name], seeds, seed=0)[0]


def _two_arms() -> dict[str, float]:
    """What is paid a pull on average; of the best agent exactly, of the others in 20,000 episodes."""
    from sandbox_bandits.config import BernoulliConfig
    from sandbox_bandits.core import REWARDS
    from sandbox_bandits.exact import finite_model

    config = BernoulliConfig(arms=2, means=None, horizon=20)
    model = finite_model(config, REWARDS["paid"])
    values = np.zeros(model.num_states)
    for _ in range(config.horizon):
        values = np.where(model.terminal, 0.0, model.action_values(values).max(axis=1))
    exact = {"best (value iteration)": float(model.initial @ values) / config.horizon}
    played = {name: float(_play(config, make, 20_000, 0)[1].mean()) for name, make in _agents().items()}
    return exact | dict(sorted(played.items(), key=lambda entry: -entry[1]))


def _mabwiser(seeds: int) -> dict[str, dict[str, float]]:
    """Regret of mabwiser's agents on the same arms; nothing where it is not installed."""
    try:
        from mabwiser.mab import MAB, LearningPolicy
    except ImportError:
        return {}
    policies = {
        "greedy": LearningPolicy.EpsilonGreedy(epsilon=0.0),
        "epsilon-greedy": LearningPolicy.EpsilonGreedy(epsilon=0.1),
        "ucb1": LearningPolicy.UCB1(alpha=1.0),
        "thompson": LearningPolicy.ThompsonSampling(),
    }
    arms, result = list(range(len(MEANS))), {}
    for name, policy in policies.items():
        regrets = []
        for seed in range(seeds):
            rng = np.random.default_rng([seed, 1])
            means, luck, agent = rng.permutation(MEANS), rng.random(CHECKED), MAB(arms, policy, seed=seed)
            pulled = arms[:] if name != "thompson" else arms[:1]
            agent.fit(pulled, [float(luck[pull] < means[arm]) for pull, arm in enumerate(pulled)])
            for pull in range(len(pulled), CHECKED):
                pulled.append(agent.predict())
                agent.partial_fit(pulled[-1:], [float(luck[pull] < means[pulled[-1]])])
            regrets.append(float((means.max() - means[pulled]).sum()))
        result[name] = {"mean": float(np.mean(regrets)), "std": float(np.std(regrets, ddof=1))}
    return result


def draw(curves: dict[str, Any], path: Path) -> None:
    """Mean regret with its standard error, the pulls on a logarithmic axis."""
    from matplotlib.figure import Figure

    from sandbox_bandits.bound import slope

    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axis: Any = figure.subplots()
    pulls = np.unique(np.geomspace(1, max(PULLS), 200).astype(int))
    for name, regret in curves.items():
        chosen = regret[pulls - 1]
        mean, error = chosen.mean(axis=1), chosen.std(axis=1) / np.sqrt(chosen.shape[1])
        (line,) = axis.plot(pulls, mean, label=name)
        axis.fill_between(pulls, mean - error, mean + error, color=line.get_color(), alpha=0.25, linewidth=0)
    axis.plot(pulls, slope(MEANS) * np.log(pulls), "k--", linewidth=1, label="Lai-Robbins slope")
    axis.set(xscale="log", xlabel="pulls", ylabel="regret", ylim=(0, 420))
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
