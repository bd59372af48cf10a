"""How fast each family trains, beside the script that somebody would write with the reference library.

    python -m benchmarks.families speed [--only sac,iql] [--repeats 3] [--steps 1000] [--updates 300]

Algorithms of Stable-Baselines3 and sb3-contrib: our training loop (environments, progress reports and all,
but no run directory, which ``python -m benchmarks.overhead`` measures) beside
``MODEL("MlpPolicy", env, …).learn(steps)`` with the same settings, on Gymnasium's CartPole-v1 or
Pendulum-v1. Offline algorithms: ours on records beside TorchRL's objective in a plain loop
(``pip install torchrl==0.14.1``), with networks, batch and records of the same size. Both sides take turns
within one run and are measured in processor time, so that the ratio holds on a busy machine. From each
training the time of a short one is subtracted, so that what is made at the start does not count; a figure is
the median over the repeats, after one that is not counted.
"""

from __future__ import annotations

import argparse
import inspect
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.families._lost_sales import show
from sandbox.api import Dataset, TrainContext
from sandbox.envs.make import make_training
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.scenarios.given import as_scenario
from sandbox.training.plan import make_plan

Run = Callable[[int], object]
"""Trains for so many steps or updates."""

CART_POLE, PENDULUM = "CartPole-v1", "Pendulum-v1"

TASKS = {
    "ppo": CART_POLE, "a2c": CART_POLE, "trpo": CART_POLE, "recurrent-ppo": CART_POLE,
    "dqn": CART_POLE, "qr-dqn": CART_POLE,
    "sac": PENDULUM, "td3": PENDULUM, "tqc": PENDULUM, "crossq": PENDULUM,
}  # fmt: skip
"""Algorithms with a script of SB3 or sb3-contrib, and what they are trained on. Left out are maskable-ppo,
which is ppo here, and ars, whose trainings end with whole sets of episodes, after more or fewer steps."""

UNCOUNTED = 100
"""Steps or updates before those that count."""

ON_POLICY = 8
"""Times as many steps, of whole rollouts, where there are no gradient steps between any two of them."""

OFFLINE = ("bc", "iql", "cql", "td3-bc", "decision-transformer")
"""Algorithms with an objective of TorchRL. It has none of DAgger, whose learning is that of bc, and of GAIL
only the discriminator's."""


def main(arguments: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    known = [*TASKS, *OFFLINE]
    parser.add_argument("--only", default=",".join(known), help=f"of {', '.join(known)}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000, help="of an off-policy training")
    parser.add_argument("--updates", type=int, default=300, help="of an offline training")
    chosen = parser.parse_args(arguments)
    for name in chosen.only.split(","):
        if name not in known:
            parser.error(f"there is no '{name}'; there are {', '.join(known)}")
    return show(*measure(chosen))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Steps or updates a processor second of both sides, and the ratio."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    document: dict[str, Any] = {}
    lines = ["| algorithm | reference | counted | ours, 1/s | reference, 1/s | ratio | range |",
             "| --- | --- | --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for name in chosen.only.split(","):
        offline = name in OFFLINE
        count, first = (chosen.updates, UNCOUNTED) if offline else _steps(name, chosen.steps)
        try:
            sides = offline_sides(name) if offline else online_sides(name)
        except ImportError as error:
            document[name] = f"not installed: {error}"
            lines.append(f"| {name} | not installed | | | | | |")
            continue
        rows = alternated(sides, count, first, chosen.repeats)
        ours, theirs = ([count / row[side] for row in rows] for side in range(2))
        ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
        what = "updates" if offline else "steps"
        reference = "TorchRL" if offline else _library(name)
        document[name] = {"counted": what, "count": count, "ours": ours, "reference": theirs}
        lines.append(
            f"| {name} | {reference} | {what} | {statistics.median(ours):,.0f} | "
            f"{statistics.median(theirs):,.0f} | {statistics.median(ratios):.2f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} |"
        )
        print(f"{name}: {statistics.median(ratios):.2f}", file=sys.stderr, flush=True)
    return document, lines


def alternated(sides: tuple[Run, Run], count: int, first: int, repeats: int) -> list[tuple[float, float]]:
    """Processor seconds of both sides by turns, of ``count`` steps after the ``first`` ones.

    The first round, in which much is loaded and compiled, is left out.
    """

    def seconds(run: Run, steps: int) -> float:
        begun = time.process_time()
        run(steps)
        return time.process_time() - begun

    rows = []
    for _ in range(repeats + 1):
        each = [seconds(run, first + count) - seconds(run, first) for run in sides]
        rows.append((each[0], each[1]))
    return rows[1:]


def _steps(name: str, steps: int) -> tuple[int, int]:
    """Steps that count, and those before."""
    fields = resolve(registry().algorithm(name).config).model_fields
    if "buffer_size" in fields:
        return steps, UNCOUNTED
    rollout = int(fields["n_steps"].default)
    return -(-ON_POLICY * steps // rollout) * rollout, rollout


def _library(name: str) -> str:
    return "sb3-contrib" if name in ("trpo", "recurrent-ppo", "qr-dqn", "tqc", "crossq") else "SB3"


def online_sides(name: str) -> tuple[Run, Run]:
    """Our training and the script, with SB3's defaults; off-policy ones learn once steps count."""
    import gymnasium as gym
    from stable_baselines3.common.env_util import make_vec_env

    from sandbox.backends.sb3.catalogue import rows as catalogue

    algorithm = registry().algorithm(name)
    scenario = as_scenario(f"gym:{TASKS[name]}", ["evaluation.validations=0"])
    fields = resolve(algorithm.config).model_fields
    hp = {"learning_starts": UNCOUNTED} if "learning_starts" in fields else {}
    hp |= {"buffer_size": 10_000} if "buffer_size" in fields else {}
    plan = make_plan(scenario, name, seed=0, steps=10**6, num_envs=1, hp=hp)
    model = resolve(catalogue()[name].model)
    accepted = inspect.signature(model.__init__).parameters
    settings = {key: value for key, value in plan.config if key in accepted and key not in ("policy",)}
    policy = "MlpLstmPolicy" if name == "recurrent-ppo" else "MlpPolicy"

    def ours(steps: int) -> None:
        context = TrainContext(
            make_envs=lambda num_envs: make_training(plan.scenario, num_envs, 0),
            observation_space=plan.observation_space,
            action_space=plan.action_space,
            config=plan.config,
            steps=steps,
            seed=0,
            num_envs=1,
            update=lambda steps, policy, values=None, state=None: None,
        )
        resolve(algorithm.train)(context)

    def theirs(steps: int) -> None:
        envs = make_vec_env(lambda: gym.make(TASKS[name]), n_envs=1, seed=0)
        model(policy, envs, seed=0, device="cpu", **settings).learn(steps)
        envs.close()

    return ours, theirs


def records(episodes: int = 40, length: int = 200, inputs: int = 3) -> Dataset:
    """Random numbers of the size of a pendulum's records."""
    rng, count = np.random.default_rng(0), episodes * length
    last = np.arange(count) % length == length - 1
    return Dataset(
        observations=rng.standard_normal((count + episodes, inputs)).astype(np.float32),
        actions=rng.uniform(-1, 1, (count, 1)).astype(np.float32),
        rewards=rng.standard_normal(count),
        terminated=np.zeros(count, np.bool_),
        truncated=last,
        lengths=np.full(episodes, length),
    )


def offline_sides(name: str) -> tuple[Run, Run]:
    """Our learner on records, and TorchRL's objective on the same with networks of the same sizes."""
    import gymnasium as gym

    from benchmarks.families._torchrl import LOOPS

    algorithm, dataset = registry().algorithm(name), records()
    config = resolve(algorithm.config)()
    loop = LOOPS[name](config, dataset)

    def refuse(num_envs: int) -> Any:
        raise AssertionError("an environment was asked for in training")

    def ours(updates: int) -> None:
        context = TrainContext(
            make_envs=refuse,
            observation_space=gym.spaces.Box(-10.0, 10.0, (dataset.observations.shape[1],)),  # type: ignore[union-attr]
            action_space=gym.spaces.Box(-1.0, 1.0, (1,)),
            config=config,
            steps=updates,
            seed=0,
            num_envs=1,
            update=lambda steps, policy, values=None, state=None: None,
            dataset=dataset,
        )
        resolve(algorithm.train)(context)

    return ours, loop
