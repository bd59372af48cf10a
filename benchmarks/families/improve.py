"""From logs to a policy: how often is what is deployed worse than what made the log?

    python -m benchmarks.families improve [--datasets 200] [--spoiled 100]

Logs of two tasks, each by a behaviour drawn at random. Lost sales: a base-stock rule of level 7 to 16
that orders at random in 15 to 60 % of the periods; 40, 80 or 160 episodes of 100 periods. CartPole: a
tilt rule with random pushes in 20 to 60 % of the steps; 60, 120 or 240 episodes of at most 200 steps.
The simulator plays what is deployed and the behaviour afterwards, for judgement alone. Spoiled logs are
sound ones with one fault.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from benchmarks.families._lost_sales import BaseStock, lost_sales, show
from sandbox.api import Dataset, TrainContext
from sandbox.api.errors import SandboxError
from sandbox.datasets.arrays import read_arrays, write_arrays
from sandbox.datasets.fit import require_fit
from sandbox.improvement.candidates import decisions_of, episodes_of, split, steps_of
from sandbox.improvement.checks import Reference, require_sound
from sandbox.improvement.estimators import log_of
from sandbox.improvement.judge import Verdict, judge
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

CANDIDATES: dict[str, dict[str, Any]] = {
    "one round": {"features": 12, "iterations": 1},
    "two rounds": {"features": 12, "iterations": 2},
    "ten rounds": {"features": 12, "iterations": 10},
}
PERIODS, JUDGED = 100, 200
FEATURES = 16

Act = Callable[[Any], Any]


@dataclass(frozen=True)
class Task:
    """A task with behaviours.

    Attributes:
        gamma: Discount factor.
        spaces: Of observations and actions.
        behaviour: ``(seed) -> (act, share, episodes)``: a rule, its share of random actions, and how many
            episodes are logged.
        play: ``(act, share, episodes, seed) -> Dataset``.
        reference: What random play shows.
    """

    gamma: float
    spaces: tuple[Any, Any]
    behaviour: Callable[[int], tuple[Act, float, int]]
    play: Callable[[Act, float, int, int], Dataset]
    reference: Reference


def main(arguments: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--spoiled", type=int, default=100)
    return show(*measure(parser.parse_args(arguments)))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Shares of harm, improvement and refusal."""
    document: dict[str, Any] = {}
    columns = "logs | refused | deployed | worse, of these | worse, of all | better, of all | median gain"
    lines = [
        f"| task | {columns} |",
        "| --- |" + " ---: |" * 7,
    ]
    tasks = {"lost sales": lost_sales_task(), "CartPole": cart_pole_task()}
    for name, task in tasks.items():
        rows = []
        for seed in range(chosen.datasets):
            rows.append(outcome(task, seed))
            print(name, seed, rows[-1], file=sys.stderr, flush=True)
        document[name] = rows
        lines.append(_line(name, rows))
    lines += ["", "| fault | logs | refused |", "| --- | ---: | ---: |"]
    spoiled = {
        fault: [_refused(tasks["lost sales"], fault, seed) for seed in range(chosen.spoiled)]
        for fault in FAULTS
    }
    document["spoiled"] = spoiled
    for fault, refused in spoiled.items():
        lines.append(f"| {fault} | {len(refused)} | {100 * statistics.fmean(refused):.0f} % |")
    every = [each for refused in spoiled.values() for each in refused]
    lines.append(f"| all | {len(every)} | {100 * statistics.fmean(every):.1f} % |")
    return document, lines


def outcome(task: Task, seed: int) -> dict[str, Any]:
    """What came of one log: refused, kept or deployed, and both true returns where it was deployed."""
    act, share, episodes = task.behaviour(seed)
    dataset = task.play(act, share, episodes, seed)
    try:
        require_sound(dataset, task.spaces[1], task.spaces[0], task.reference)
    except SandboxError as error:
        return {"refused": error.message, "deployed": None}
    verdict, policies = improved(task, dataset, seed)
    if verdict.deployed is None:
        return {"refused": None, "deployed": None}
    policy = policies[verdict.deployed]
    new, before = (
        float(task.play(player, share_of, JUDGED, 10_000 + seed).returns.mean())
        for player, share_of in ((policy.act, 0.0), (act, share))
    )
    return {"refused": None, "deployed": verdict.deployed, "policy": new, "behaviour": before}


def improved(task: Task, dataset: Dataset, seed: int) -> tuple[Verdict, dict[str, Any]]:
    """What `sandbox improve` does, without run directories."""
    learned_from, held_out = split(dataset, seed)
    policies = {
        name: _trained("lspi", {"gamma": task.gamma, **settings}, learned_from, task, seed)
        for name, settings in CANDIDATES.items()
    }
    steps = steps_of(held_out, task.spaces[1])
    log = log_of(steps, np.asarray(held_out.probabilities), task.gamma, FEATURES, seed)
    decided = {name: decisions_of(each, held_out, task.spaces[1]) for name, each in policies.items()}
    return judge(log, decided, seed), policies


def _trained(name: str, settings: dict[str, Any], dataset: Dataset, task: Task, seed: int) -> Any:
    algorithm = registry().algorithms.get(name)

    def make_envs(num_envs: int) -> Any:
        raise AssertionError("an environment was asked for in training")

    context = TrainContext(
        make_envs=make_envs,
        observation_space=task.spaces[0],
        action_space=task.spaces[1],
        config=resolve(algorithm.config)(**settings),
        steps=20,
        seed=seed,
        num_envs=1,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=dataset,
    )
    return resolve(algorithm.train)(context)


def _line(name: str, rows: list[dict[str, Any]]) -> str:
    refused = sum(row["refused"] is not None for row in rows)
    deployed = [row for row in rows if row["deployed"] is not None]
    harmful = sum(row["policy"] < row["behaviour"] for row in deployed)
    gains = [row["policy"] - row["behaviour"] for row in deployed]
    count = len(rows)
    cells = [
        f"{count}",
        f"{refused}",
        f"{len(deployed)}",
        f"{100 * harmful / max(len(deployed), 1):.1f} %",
        f"{100 * harmful / count:.1f} %",
        f"{100 * (len(deployed) - harmful) / count:.1f} %",
        f"{statistics.median(gains):.1f}" if gains else "",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def lost_sales_task() -> Task:
    """The task of `benchmarks.families._lost_sales`, with short episodes."""
    from sandbox_inventory.lost_sales.model import LostSales, make_vec

    config, reward = lost_sales()
    config = config.model_copy(update={"horizon": PERIODS})
    scale, probe = LostSales(config).scale, make_vec(config, reward, 1)

    def behaviour(seed: int) -> tuple[Act, float, int]:
        rng = np.random.default_rng([1, seed])
        rule = BaseStock(int(rng.integers(7, 17)), scale)
        return rule.act, float(rng.uniform(0.15, 0.6)), int(rng.choice([40, 80, 160]))

    def play(act: Act, share: float, episodes: int, seed: int) -> Dataset:
        envs, rng = make_vec(config, reward, episodes), np.random.default_rng([2, seed])
        observation, _ = envs.reset(seed=1_000_000 + 1_000 * seed)
        seen, actions, rewards, probabilities = [np.array(observation)], [], [], []
        for _ in range(PERIODS):
            rule = np.asarray(act(observation))
            order = np.where(rng.random(episodes) < share, rng.integers(11, size=episodes), rule)
            probabilities.append(share / 11 + (1 - share) * (order == rule))
            observation, earned, _, truncated, info = envs.step(order)
            last = np.array(observation)
            for row in np.flatnonzero(truncated):
                last[row] = info["final_obs"][row]
            seen.append(last)
            actions.append(order)
            rewards.append(np.array(earned, np.float64))
        envs.close()
        cut = np.zeros((episodes, PERIODS), np.bool_)
        cut[:, -1] = True
        return Dataset(
            observations=np.stack(seen, axis=1).reshape(-1, *seen[0].shape[1:]),
            actions=np.stack(actions, axis=1).reshape(-1),
            rewards=np.stack(rewards, axis=1).reshape(-1),
            terminated=np.zeros(cut.size, np.bool_),
            truncated=cut.reshape(-1),
            lengths=np.full(episodes, PERIODS),
            probabilities=np.stack(probabilities, axis=1).reshape(-1),
        )

    spaces = probe.single_observation_space, probe.single_action_space
    random = play(lambda rows: np.zeros(len(rows), np.int64), 1.0, 6, 777)
    return Task(0.95, spaces, behaviour, play, _reference(random))


def cart_pole_task() -> Task:
    """Gymnasium's CartPole-v1 in episodes of at most 200 steps: how long does the pole stand?"""
    env = gymnasium.make("CartPole-v1").unwrapped

    def behaviour(seed: int) -> tuple[Act, float, int]:
        rng = np.random.default_rng([3, seed])
        speed = float(rng.uniform(-0.1, 0.4))  # how far ahead the tilt is looked at
        share, episodes = float(rng.uniform(0.2, 0.6)), int(rng.choice([60, 120, 240]))
        return (lambda rows: (rows[:, 2] + speed * rows[:, 3] > 0).astype(np.int64)), share, episodes

    spaces = env.observation_space, env.action_space
    random = _cart_poles(lambda rows: np.zeros(len(rows), np.int64), 1.0, 10, 777)
    return Task(0.98, spaces, behaviour, _cart_poles, _reference(random))


def _cart_poles(act: Act, share: float, episodes: int, seed: int) -> Dataset:
    """Episodes side by side, in Gymnasium's own vector environment."""
    from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

    limit, rng = 200, np.random.default_rng([4, seed])
    envs = CartPoleVectorEnv(episodes, max_episode_steps=10_000)
    seen, _ = envs.reset(seed=2_000_000 + 1_000 * seed)
    kept: list[tuple[Any, ...]] = []
    alive = np.ones(episodes, np.bool_)
    for _ in range(limit):
        rule = np.asarray(act(seen))
        action = np.where(rng.random(episodes) < share, rng.integers(2, size=episodes), rule)
        following, _, terminated, _, _ = envs.step(action)
        probability = share / 2 + (1 - share) * (action == rule)
        kept.append((seen.copy(), action, probability, terminated & alive, alive.copy(), following.copy()))
        alive &= ~terminated
        seen = following
        if not alive.any():
            break
    envs.close()
    before, actions, probabilities, ended, present, after = (
        np.stack(part, 1) for part in zip(*kept, strict=True)
    )
    lengths = present.sum(1)
    rows = [np.concatenate([before[e, :n], after[e, n - 1 : n]]) for e, n in enumerate(lengths)]
    terminated = ended[present]
    last = np.cumsum(lengths) - 1
    truncated = np.zeros(len(terminated), np.bool_)
    truncated[last] = ~terminated[last]
    return Dataset(
        observations=np.concatenate(rows),
        actions=actions[present],
        rewards=np.ones(len(terminated)),
        terminated=terminated,
        truncated=truncated,
        lengths=lengths,
        probabilities=probabilities[present],
    )


def _reference(dataset: Dataset) -> Reference:
    from sandbox.improvement.checks import columns

    largest = {name: float(np.abs(values).max()) for name, values in columns(dataset)}
    return Reference(largest, float(np.abs(dataset.rewards).max()))


def _half(values: Any, change: Callable[[Any], Any]) -> Any:
    """The same with its last third changed."""
    changed, begin = np.array(values, np.float64), 2 * len(values) // 3
    changed[begin:] = change(changed[begin:])
    return changed


def _drifted(task: Task, dataset: Dataset, seed: int) -> Dataset:
    """The last third by another behaviour: the rule of another log."""
    act, share, _ = task.behaviour(seed)
    other = task.play(
        lambda rows: np.clip(act(rows) + 3, 0, 10), share, dataset.num_episodes // 3, 5_000 + seed
    )
    kept = episodes_of(dataset, np.arange(dataset.num_episodes - other.num_episodes))

    def joined(name: str) -> Any:
        return np.concatenate([getattr(kept, name), getattr(other, name)])

    names = ("observations", "actions", "rewards", "terminated", "truncated", "lengths", "probabilities")
    return replace(kept, **{name: joined(name) for name in names})


FAULTS: dict[str, Callable[[Task, Dataset, int], Dataset]] = {
    "no probabilities": lambda task, data, seed: replace(data, probabilities=None),
    "probabilities in percent": lambda task, data, seed: replace(
        data, probabilities=100 * data.probabilities
    ),
    "probabilities of 0": lambda task, data, seed: replace(
        data, probabilities=np.where(np.arange(len(data)) % 97 == seed % 97, 0.0, data.probabilities)
    ),
    "another behaviour in the last third": _drifted,
    "observations in another unit, all": lambda task, data, seed: replace(
        data, observations=data.observations * (100.0 if seed % 2 else 0.01)
    ),
    "observations in another unit, last third": lambda task, data, seed: replace(
        data, observations=_half(data.observations, lambda part: part * 10.0)
    ),
    "rewards in another unit, all": lambda task, data, seed: replace(
        data, rewards=data.rewards * (100.0 if seed % 2 else 0.01)
    ),
    "rewards in another unit, last third": lambda task, data, seed: replace(
        data, rewards=_half(data.rewards, lambda part: part / 10.0)
    ),
    "NaN": lambda task, data, seed: replace(
        data, rewards=np.where(np.arange(len(data)) == seed, np.nan, data.rewards)
    ),
    "cut off": lambda task, data, seed: replace(data, rewards=data.rewards[: -1 - seed]),
    "empty": lambda task, data, seed: episodes_of(data, np.array([0])),
    "actions of another task": lambda task, data, seed: replace(data, actions=data.actions + 1 + seed % 3),
}
"""Ways to spoil a log."""


def _refused(task: Task, fault: str, seed: int) -> bool:
    """Whether a spoiled log is refused on its way through a file."""
    import tempfile

    act, share, episodes = task.behaviour(seed)
    dataset = FAULTS[fault](task, task.play(act, share, episodes, seed), seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.npz"
        write_arrays(path, dataset)
        try:
            again = read_arrays(path)
            require_fit(again, *task.spaces, "lost sales")
            require_sound(again, task.spaces[1], task.spaces[0], task.reference)
        except SandboxError:
            return True
    return False
