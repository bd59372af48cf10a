"""Fine-tuning a language model by preferences: best of n, four algorithms, and over-optimisation.

    python -m benchmarks.course_systems language [--parts PART…] [--seeds 5] [--steps 90000] [--out DIR]

Parts:

- ``best-of-n``: the best of 1 to 64 texts by the reward model, with their KL, log n − (n − 1)/n.
- ``penalty``: grpo with several weights of the KL penalty, over training: what the reward model gives, and
  what people's held-out ratings say.
- ``algorithms``: rlhf-ppo, rejection-sampling and dpo beside grpo.
- ``limit``: the most that any policy can have at the KL of the best of n with this reward model.
- ``equal-kl``: grpo with more and smaller steps on every prompt, beside the best of n on the same prompts
  with the real n whose KL is the same.

Prints one JSON document, Markdown tables on stderr, and writes pictures to ``--out``.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.course_systems._equal_kl import Texts, begun, compared, judged, limits
from sandbox.api import Policy, TrainContext
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox.training.plan import make_plan
from sandbox_language.config import LanguageConfig
from sandbox_language.env import make_texts_vec
from sandbox_language.networks.load import material

KL_TICKS = (0.2, 0.5, 1.0, 2.0, 5.0)

Table = list[dict[str, Any]]

DRAWN = ("best-of-n", "penalty", "algorithms")
"""Parts that the picture of the frontier needs."""

PARTS = (*DRAWN, "limit", "equal-kl")
METRICS = ("true_reward", "score", "kl", "rating", "sentences", "perplexity", "distinct_2", "length")
SHARES = (0.1, 0.25, 0.5, 1.0)
"""Of a training, after which a model is measured."""

EPISODES = 4
"""Episodes of 64 texts that measure a model."""

COUNTS = (1, 2, 4, 8, 16, 32, 64)

LIMITS = (2, 4, 8)
"""n of the part ``limit``."""

SAMPLE, TRAINED_SAMPLE = 128, 16
"""Texts of every prompt by the pre-trained model and by a trained one."""


@dataclass(frozen=True)
class Variant:
    """A way to train.

    Attributes:
        name: In tables.
        algo: What with.
        penalty: Weight of the KL in the reward.
        hp: Hyperparameters in place of the preset's.
        steps: Instead of those of the command.
    """

    name: str
    algo: str
    penalty: float
    hp: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None


PENALTIES = tuple(Variant(f"grpo, β = {beta:g}", "grpo", beta) for beta in (0.4, 0.1, 0.0))
ALGORITHMS = (
    Variant("rlhf-ppo, β = 0.4", "rlhf-ppo", 0.4),
    Variant("rejection-sampling", "rejection-sampling", 0.0),
    Variant("dpo, β = 0.1", "dpo", 0.0, steps=160),
)

SMALL_STEPS = (
    Variant(
        "grpo, β = 0.38, small steps",
        "grpo",
        0.38,
        {"num_iterations": 4, "batch_size": 32},
        steps=200_000,
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Train, measure, draw, tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.course_systems language")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=90_000, help="tokens of a training")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Table] = {}
    if "best-of-n" in given.parts:
        tables["best-of-n"] = best_of_n(256, COUNTS)
        _markdown(tables["best-of-n"], ["agent", "n", *METRICS[:5]])
    for part, variants in (("penalty", PENALTIES), ("algorithms", ALGORITHMS)):
        if part in given.parts:
            tables[part] = trainings(variants, given.seeds, given.steps)
            _markdown(tables[part], ["agent", "steps", *METRICS, "least_true", "most_true", "cpu"])
    if {"limit", "equal-kl"} & set(given.parts):
        sample = every_prompt(SAMPLE)
        if "limit" in given.parts:
            tables["limit"] = limits(sample, LIMITS)
            _markdown(tables["limit"], list(tables["limit"][0]))
        if "equal-kl" in given.parts:
            tables["equal-kl"] = at_equal_kl(sample, SMALL_STEPS, given.seeds, given.steps)
            _markdown(tables["equal-kl"], list(tables["equal-kl"][0]))
    draw(tables, given.out)
    print(json.dumps(tables, indent=2))
    return 0


def best_of_n(count: int, sizes: Sequence[int]) -> Table:
    """The best of n texts, by the reward model, on ``count`` prompts; the same texts serve every n."""
    shared, most = material(LanguageConfig()), max(sizes)
    rng = np.random.default_rng(10_000)
    prompts = rng.integers(len(shared.prompts), size=count)
    texts = judged(shared.model.complete(*begun(prompts, most), rng)[0], count)
    table = []
    for size in sizes:
        # Every prompt's texts are cut into groups of n, the best of each is taken.
        best = texts.score.reshape(count, -1, size).argmax(axis=2)[..., None]
        score, value, right = (
            np.take_along_axis(part.reshape(count, -1, size), best, 2)
            for part in (texts.score, texts.rating, texts.sentence)
        )
        table.append(
            {
                "agent": f"best of {size}",
                "n": size,
                "true_reward": float((value * right).mean()),
                "score": float(score.mean()),
                "kl": math.log(size) - (size - 1) / size,
                "rating": float(value.mean()),
                "sentences": float(right.mean()),
            }
        )
    return table


def every_prompt(count: int) -> Texts:
    """Texts of the pre-trained model on every prompt."""
    shared = material(LanguageConfig())
    prompts = np.arange(len(shared.prompts))
    rng = np.random.default_rng(20_000)
    return judged(shared.model.complete(*begun(prompts, count), rng)[0], len(prompts))


def at_equal_kl(sample: Texts, variants: Sequence[Variant], seeds: int, steps: int) -> Table:
    """Every variant's final policies beside the best of n with their KL, a row a seed."""
    table: Table = []
    for variant in variants:
        for seed in range(seeds):
            (last,) = learn(variant, seed, variant.steps or steps, _written, shares=(1.0,))
            row = compared(sample, judged(last["windows"], len(sample.score)), last["kl"], seed)
            table.append({"agent": variant.name, "seed": seed, **row, "cpu": last["cpu"]})
            print(table[-1], file=sys.stderr, flush=True)
    return table


def _written(policy: Any, scenario: ResolvedScenario) -> dict[str, Any]:
    """Texts of a policy on every prompt, and its KL on each: the mean of log π − log π₀ over them."""
    policy.bind(None, models_of(scenario))
    policy.reset(0, 0)
    reference = material(LanguageConfig()).model
    prompts = np.arange(len(material(LanguageConfig()).prompts))
    windows, limits = begun(prompts, TRAINED_SAMPLE)
    ratio = np.zeros(len(windows))
    while (writing := ~reference.finished(windows, limits)).any():
        rows = np.flatnonzero(writing)
        tokens, known = policy.draw(windows, writing)
        before = reference.next_log_probs(windows[rows])[np.arange(len(rows)), tokens[rows]]
        ratio[rows] += known[rows] - before
        windows[rows, (windows[rows] != reference.model.blank).sum(axis=1)] = tokens[rows]
    return {"windows": windows, "kl": ratio.reshape(len(prompts), -1).mean(axis=1)}


def trainings(variants: Sequence[Variant], seeds: int, steps: int) -> Table:
    """Every variant with every seed; a table of the means at each share of the training."""
    table: Table = []
    for variant in variants:
        curves = []
        for seed in range(seeds):
            curve = learn(variant, seed, variant.steps or steps)
            curves.append(curve)
            last = {name: round(curve[-1][name], 3) for name in METRICS}
            print(
                f"{variant.name}, seed {seed}: {last}, {curve[-1]['cpu']:.0f} s", file=sys.stderr, flush=True
            )
        table += [_row(variant, rows) for rows in zip(*curves, strict=True)]
    return table


def learn(
    variant: Variant,
    seed: int,
    steps: int,
    look: Callable[[Any, ResolvedScenario], dict[str, Any]] | None = None,
    shares: Sequence[float] = SHARES,
) -> Table:
    """Train once; what ``look`` (`measure` if absent) sees of the policy after shares of the training."""
    scenario = load_scenario("language/reviews", (), (f"kl={-variant.penalty}",))
    plan = make_plan(scenario, variant.algo, seed=seed, steps=steps, hp=variant.hp)
    curve: Table = []
    used, begun = 0.0, time.process_time()

    def update(done: int, policy: Callable[[], Policy], *more: Any, **named: Any) -> None:
        nonlocal used, begun
        if len(curve) < len(shares) and done >= shares[len(curve)] * steps:
            used += time.process_time() - begun
            curve.append({"steps": done, "cpu": used, **(look or measure)(policy(), scenario)})
            begun = time.process_time()

    resolve(plan.algorithm.train)(
        TrainContext(
            make_envs=lambda num_envs: make_training(scenario, num_envs, seed),
            observation_space=plan.observation_space,
            action_space=plan.action_space,
            config=plan.config,
            steps=plan.steps,
            seed=seed,
            num_envs=plan.num_envs,
            update=update,
            models=models_of(scenario),
        )
    )
    return curve


def measure(policy: Any, scenario: ResolvedScenario) -> dict[str, float]:
    """Mean metrics over `EPISODES` episodes, always of the same prompts."""
    envs = make_texts_vec(scenario.evaluation_config, scenario.reward, EPISODES)
    policy.bind(envs, None)
    observation, _ = envs.reset(seed=[10_000 + number for number in range(EPISODES)])
    policy.reset(observation.shape[0] * observation.shape[1], 0)
    left = np.ones(EPISODES, np.bool_)
    found: dict[str, list[float]] = {name: [] for name in METRICS}
    while left.any():
        actions = policy.act(observation.reshape(-1, observation.shape[2]))
        observation, _, _, _, info = envs.step(np.asarray(actions).reshape(observation.shape[:2]))
        ended = np.asarray(info.get("_final_info", np.zeros(EPISODES, np.bool_))) & left
        for name, values in found.items():
            values += [float(info["final_info"]["metrics"][name][row]) for row in np.flatnonzero(ended)]
        left &= ~ended
    return {name: statistics.fmean(values) for name, values in found.items()}


def draw(tables: Mapping[str, Table], out: Path) -> None:
    """Pictures of what there is."""
    if "penalty" in tables:
        draw_overoptimisation(tables["penalty"], out / "language-overoptimisation.png")
    if set(DRAWN) <= set(tables):
        draw_frontier(tables, out / "language-frontier.png")


def draw_overoptimisation(table: Table, path: Path) -> None:
    """The reward model's value, people's ratings, sentences and variety over the distance from the model."""
    from matplotlib.figure import Figure

    figure = Figure((12.5, 3.2), dpi=110, layout="constrained")
    titles = {
        "score": "reward model (what is rewarded)",
        "true_reward": "held-out ratings of sentences",
        "sentences": "share of sentences",
        "distinct_2": "distinct pairs of words",
    }
    for place, (name, title) in zip(figure.subplots(1, 4), titles.items(), strict=True):
        for agent in dict.fromkeys(row["agent"] for row in table):
            rows = [row for row in table if row["agent"] == agent]
            place.plot(
                [row["steps"] for row in rows], [row[name] for row in rows], marker="o", ms=3, label=agent
            )
        place.set_title(title, fontsize=10)
        place.set_xlabel("tokens", fontsize=9)
        place.spines[["top", "right"]].set_visible(False)
        if name == "score":
            place.legend(frameon=False, fontsize=8)
    figure.savefig(path)


def draw_frontier(tables: Mapping[str, Table], path: Path) -> None:
    """Reward over KL: best of n as a line, trained models as points, one a seed's mean at the end."""
    from matplotlib.figure import Figure

    figure = Figure((9.0, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2)
    best = [row for row in tables["best-of-n"] if row["n"] > 1]
    last = {row["agent"]: row for part in ("penalty", "algorithms") for row in tables[part]}
    for place, (name, title) in zip(
        axes, {"score": "reward model", "true_reward": "held-out ratings of sentences"}.items(), strict=True
    ):
        place.plot([row["kl"] for row in best], [row[name] for row in best], "k.-", label="best of 2 … 64")
        for agent, row in last.items():
            place.plot(row["kl"], row[name], "o", ms=6, label=agent)
        place.set_xscale("log")
        place.set_xticks(KL_TICKS, [f"{tick:g}" for tick in KL_TICKS])
        place.xaxis.set_minor_formatter("")
        place.set_xlabel("KL from the pre-trained model (nats)", fontsize=9)
        place.set_title(title, fontsize=10)
        place.spines[["top", "right"]].set_visible(False)
    axes[1].legend(frameon=False, fontsize=8)
    figure.savefig(path)


def _row(variant: Variant, rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means over seeds, and the range of the true reward."""
    row: dict[str, Any] = {"agent": variant.name, "steps": int(rows[0]["steps"]), "seeds": len(rows)}
    row |= {metric: statistics.fmean(curve[metric] for curve in rows) for metric in (*METRICS, "cpu")}
    row["least_true"] = min(curve["true_reward"] for curve in rows)
    row["most_true"] = max(curve["true_reward"] for curve in rows)
    return row


def _markdown(table: Table, columns: Sequence[str]) -> None:
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    for row in table:
        cells = (row[column] for column in columns)
        lines.append(" | ".join(f"{cell:.3g}" if isinstance(cell, float) else f"{cell}" for cell in cells))
    print("\n".join(f"| {line} |" for line in lines), file=sys.stderr, flush=True)
