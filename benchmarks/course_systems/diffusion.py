"""Training a diffusion model by reward: tables, curves and samples over training.

    python -m benchmarks.course_systems diffusion [--parts PART…] [--seeds 5] [--images 7936] [--out DIR]

Parts:

- ``baselines``: the pre-trained model and the best of 4, 16 and 64.
- ``algorithms``: ddpo-is, ddpo-sf and rwr on the goal alone, and ddpo-is with what keeps the model from
  exploiting its reward; at several numbers of images (each asks the reward once), by the judge.
- ``goals``: what brightness and compressibility make of digits, with and without the guard.

Prints one JSON document, Markdown tables on stderr, and writes pictures to ``--out``: the samples of the
first seed over training, and the curves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api import Policy, TrainContext
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox.training.plan import make_plan
from sandbox_diffusion.env import make_set_vec
from sandbox_diffusion.pictures import tiled

Array = NDArray[Any]
Table = list[dict[str, Any]]

PARTS = ("baselines", "algorithms", "goals")
METRICS = ("judged", "goal", "frechet", "diversity", "kl")
POINTS = (0, 1024, 2048, 4096, 7936)
"""Images of training after which a model is measured."""

SETS, SHOWN = 4, 24
"""Sets of images that measure a model, and images that are shown of it."""


@dataclass(frozen=True)
class Variant:
    """A way to train.

    Attributes:
        name: In tables.
        scenario: What on.
        algo: What with.
        hp: Hyperparameters in place of the preset's.
        changes: Parameters of the task, as ``--set`` takes them.
        reward: Weights, as ``--reward`` takes them.
    """

    name: str
    scenario: str
    algo: str
    hp: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    reward: tuple[str, ...] = ()


GUARDED = Variant("ddpo-is, guarded", "diffusion/eight", "ddpo-is")
ALGORITHMS = (
    GUARDED,
    Variant("ddpo-is", "diffusion/eight-unguarded", "ddpo-is"),
    Variant("ddpo-sf", "diffusion/eight-unguarded", "ddpo-sf"),
    Variant("rwr", "diffusion/eight-unguarded", "rwr"),
)
GOALS = tuple(
    Variant(f"{goal}{guard}", f"diffusion/{goal}", "ddpo-is", hp, (), reward)
    for goal in ("brightness", "compressibility")
    for guard, hp, reward in (("", {"kl_coef": 0.0}, ("diversity=0",)), (", guarded", {}, ()))
)


def main(arguments: Sequence[str]) -> int:
    """Train, measure, draw, tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.course_systems diffusion")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=POINTS[-1], help="images of a training")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    makers: dict[str, Callable[[], Any]] = {
        "baselines": baselines,
        "algorithms": lambda: trainings("algorithms", ALGORITHMS, given.seeds, given.images, given.out),
        "goals": lambda: trainings("goals", GOALS, min(given.seeds, 2), given.images, given.out),
    }
    print(json.dumps({part: makers[part]() for part in given.parts}, indent=2))
    return 0


def baselines() -> Table:
    """What needs no training."""
    scenario = load_scenario("diffusion/eight")
    table = []
    for name in scenario.baselines():
        envs = _evaluation_envs(scenario)
        policy = policy_of(scenario, Agent(name, baseline=name), envs, envs.row_action_space)
        table.append({"agent": name, **measure(policy, envs)[0]})
    _markdown(table, ["agent", *METRICS])
    return table


def trainings(part: str, variants: Sequence[Variant], seeds: int, images: int, out: Path) -> Table:
    """Every variant with every seed; a table of the means at each number of images."""
    table: Table = []
    grids: dict[str, list[Array]] = {}
    for variant in variants:
        curves = []
        for seed in range(seeds):
            curve, samples = learn(variant, seed, images)
            curves.append(curve)
            if seed == 0:
                grids[variant.name] = samples
            last = {name: round(curve[-1][name], 3) for name in METRICS}
            print(
                f"{variant.name}, seed {seed}: {last}, {curve[-1]['cpu']:.0f} s", file=sys.stderr, flush=True
            )
        table += [_row(variant.name, rows) for rows in zip(*curves, strict=True)]
    _markdown(table, ["agent", "images", *METRICS, "least_judged", "least_diversity", "cpu"])
    out.mkdir(parents=True, exist_ok=True)
    draw_samples(
        grids,
        [row["images"] for row in table if row["agent"] == variants[0].name],
        out / f"diffusion-{part}.png",
    )
    draw_curves(table, out / f"diffusion-{part}-curves.png")
    return table


def learn(variant: Variant, seed: int, images: int) -> tuple[Table, list[Array]]:
    """Train once; figures and samples at the numbers of images of `POINTS`."""
    scenario = load_scenario(variant.scenario, variant.changes, variant.reward)
    steps = images * int(getattr(scenario.config, "steps", 1))
    plan = make_plan(scenario, variant.algo, seed=seed, steps=steps, hp=variant.hp)
    points = [point for point in POINTS if point < images] + [images]
    curve: Table = []
    samples: list[Array] = []
    used = 0.0

    def look(policy: Policy, count: int) -> None:
        nonlocal began
        spent = time.process_time() - began
        figures, shown = measure(policy, _evaluation_envs(scenario))
        curve.append({"images": points[len(curve)], "seen": count, "cpu": used + spent, **figures})
        samples.append(shown)
        began = time.process_time() - spent

    def update(done: int, policy: Callable[[], Policy], *more: Any, **named: Any) -> None:
        count = done * images // steps
        if len(curve) < len(points) and count >= points[len(curve)]:
            look(policy(), count)

    envs = _evaluation_envs(scenario)
    began = time.process_time()
    look(policy_of(scenario, Agent("pretrained", baseline="pretrained"), envs, envs.row_action_space), 0)
    made: list[Any] = []

    def make_envs(num_envs: int) -> Any:
        made.append(make_training(scenario, num_envs, seed))
        return made[-1]

    began = time.process_time()
    resolve(plan.algorithm.train)(
        TrainContext(
            make_envs=make_envs,
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
    return curve, samples


def measure(policy: Policy, envs: Any) -> tuple[dict[str, float], Array]:
    """Mean metrics over sets of images of the test seeds, and some of the images."""
    observation, _ = envs.reset(seed=list(range(envs.num_envs)))
    policy.reset(observation.shape[0] * observation.shape[1], 0)
    shown = None
    process = envs.core.process
    for step in range(process.num_steps):
        rows = observation.reshape(-1, observation.shape[2])
        actions = np.asarray(policy.act(rows)).reshape(*observation.shape[:2], -1)
        if step == process.num_steps - 1:
            shown = np.clip(actions[0, :SHOWN] / 2 + 0.5, 0, 1).reshape(-1, *process.shape)
        observation, *_, info = envs.step(actions)
    metrics = info["final_info"]["metrics"]
    assert shown is not None
    return {name: float(metrics[name].mean()) for name in METRICS}, shown


def draw_samples(grids: Mapping[str, Sequence[Array]], counts: Sequence[int], path: Path) -> None:
    """Images from the same noise over training: a row a variant, a column a number of training images."""
    from matplotlib.figure import Figure

    figure = Figure((2.6 * len(counts), 1.9 * len(grids)), dpi=110, layout="constrained")
    axes = figure.subplots(len(grids), len(counts), squeeze=False)
    for row, (name, samples) in enumerate(grids.items()):
        for column, images in enumerate(samples):
            place = axes[row, column]
            place.imshow(tiled(images, 6, 4), interpolation="nearest")
            place.set_xticks([])
            place.set_yticks([])
            if row == 0:
                place.set_title(f"{counts[column]:,} images" if column else "pre-trained", fontsize=10)
            if column == 0:
                place.set_ylabel(name, fontsize=10)
    figure.savefig(path)


def draw_curves(table: Table, path: Path) -> None:
    """What was rewarded beside what an independent judge measures."""
    from matplotlib.figure import Figure

    figure = Figure((12.5, 3.2), dpi=110, layout="constrained")
    axes = figure.subplots(1, 4)
    titles = {
        "goal": "goal (what is rewarded)",
        "judged": "by the judge",
        "frechet": "Fréchet distance",
        "diversity": "diversity, share of the pre-trained",
    }
    for place, (name, title) in zip(axes, titles.items(), strict=True):
        for agent in dict.fromkeys(row["agent"] for row in table):
            rows = [row for row in table if row["agent"] == agent]
            place.plot(
                [row["images"] for row in rows], [row[name] for row in rows], marker="o", ms=3, label=agent
            )
        place.set_title(title, fontsize=10)
        place.set_xlabel("training images", fontsize=9)
        place.spines[["top", "right"]].set_visible(False)
        if name == "frechet":
            place.set_yscale("log")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path)


def _evaluation_envs(scenario: ResolvedScenario) -> Any:
    return make_set_vec(scenario.evaluation_config, scenario.reward, SETS)


def _row(name: str, rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means over seeds, and the worst of what is to be reached."""
    row: dict[str, Any] = {"agent": name, "images": int(rows[0]["images"]), "seeds": len(rows)}
    row |= {metric: statistics.fmean(curve[metric] for curve in rows) for metric in (*METRICS, "cpu")}
    row["least_judged"] = min(curve["judged"] for curve in rows)
    row["least_diversity"] = min(curve["diversity"] for curve in rows)
    return row


def _markdown(table: Table, columns: Sequence[str]) -> None:
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    for row in table:
        cells = (row[column] for column in columns)
        lines.append(" | ".join(f"{cell:.3g}" if isinstance(cell, float) else f"{cell}" for cell in cells))
    print("\n".join(f"| {line} |" for line in lines), file=sys.stderr, flush=True)
