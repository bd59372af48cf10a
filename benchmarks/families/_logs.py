"""Logs of four tasks, each by a behaviour drawn at random, and ways to spoil them.

Lost sales: a base-stock rule of level 7 to 16 that orders at random in 15 to 60 % of the periods; 40, 80 or
160 episodes of 100 periods. CartPole: a tilt rule with random pushes in 20 to 60 % of the steps; 60, 120 or
240 episodes of at most 200 steps. Junction: green for the most loaded phase, or a fixed cycle, with random
requests in 15 to 60 % of the decisions; 40, 80 or 160 times ten minutes with traffic already on the road.
Pendulum is in `benchmarks.families._pendulum_logs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from numpy.typing import NDArray

from benchmarks.families._lost_sales import BaseStock, lost_sales
from sandbox.api import Dataset
from sandbox.improvement.candidates import episodes_of
from sandbox.improvement.checks import Reference
from sandbox.improvement.improve import reference_of
from sandbox.scenarios.resolve import load_scenario

PERIODS = 100
"""Of an episode of lost sales."""

PUSHES = 200
"""Of an episode of CartPole at most."""

START_UP, WATCHED = 48, 120
"""Decisions at the junction before the log begins, and of an episode in it; 5 s each."""

Masks: TypeAlias = NDArray[np.bool_] | None
Act: TypeAlias = Callable[[Any, Masks], NDArray[np.generic]]
"""Actions for rows of observations and their masks."""


@dataclass(frozen=True)
class Behaviour:
    """What made a log.

    Attributes:
        act: Its rule.
        share: Of its actions that are drawn from those allowed instead.
        episodes: How many are logged.
    """

    act: Act
    share: float
    episodes: int


@dataclass(frozen=True)
class Task:
    """A task with behaviours.

    Attributes:
        gamma: Discount factor.
        spaces: Of observations and actions.
        behaviour: Drawn by a seed.
        other: One of another kind, for logs that drift.
        play: ``(player, start, episodes, seed) -> Dataset``: what a player does after the start-up, if the
            task has any, which is the behaviour's.
        reference: What random play shows.
        updates: Of each fit; least squares has rounds instead.
    """

    gamma: float
    spaces: tuple[Any, Any]
    behaviour: Callable[[int], Behaviour]
    other: Callable[[int], Behaviour]
    play: Callable[[Behaviour, Behaviour, int, int], Dataset]
    reference: Reference
    updates: int = 400

    def log(self, behaviour: Behaviour, seed: int) -> Dataset:
        """What the behaviour's episodes show."""
        return self.play(behaviour, behaviour, behaviour.episodes, seed)


class Recorder:
    """Steps of rows side by side, and the actions of a player with random ones among them.

    Args:
        player: Acts.
        rng: Draws.
        count: Actions that there are.
    """

    def __init__(self, player: Behaviour, rng: np.random.Generator, count: int) -> None:
        self._player, self._rng, self._count = player, rng, count

    def choose(self, seen: Any, mask: Masks) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Actions and their probabilities."""
        rows, share, rng = len(seen), self._player.share, self._rng
        allowed = np.ones((rows, self._count), np.bool_) if mask is None else np.asarray(mask, np.bool_)
        rule = np.asarray(self._player.act(seen, mask), np.int64)
        drawn = np.where(allowed, rng.random(allowed.shape), -1.0).argmax(1)
        action = np.where(rng.random(rows) < share, drawn, rule)
        return action, share / allowed.sum(1) + (1 - share) * (action == rule)


def random_player(share: float = 1.0) -> Behaviour:
    """Draws all its actions."""
    return Behaviour(lambda seen, mask: np.zeros(len(seen), np.int64), share, 10)


def tasks() -> dict[str, Callable[[], Task]]:
    """How each is made."""
    from benchmarks.families._pendulum_logs import pendulum_task

    made: dict[str, Callable[[], Task]] = {"lost sales": lost_sales_task, "junction": junction_task}
    return {**made, "CartPole": cart_pole_task, "Pendulum": pendulum_task}


def lost_sales_task() -> Task:
    """The task of `benchmarks.families._lost_sales`, with short episodes."""
    from sandbox_inventory.lost_sales.model import LostSales, make_vec

    config, reward = lost_sales()
    config = config.model_copy(update={"horizon": PERIODS})
    scale, probe = LostSales(config).scale, make_vec(config, reward, 1)

    def behaviour(seed: int, more: int = 0) -> Behaviour:
        rng = np.random.default_rng([1, seed])
        rule = BaseStock(int(rng.integers(7, 17)), scale)
        share, episodes = float(rng.uniform(0.15, 0.6)), int(rng.choice([40, 80, 160]))
        return Behaviour(lambda seen, mask: np.clip(rule.act(seen) + more, 0, 10), share, episodes)

    def play(player: Behaviour, start: Behaviour, episodes: int, seed: int) -> Dataset:
        envs = make_vec(config, reward, episodes)
        recorder = Recorder(player, np.random.default_rng([2, seed]), 11)
        seen, _ = envs.reset(seed=1_000_000 + 1_000 * seed)
        steps = Steps(seen)
        for _ in range(PERIODS):
            action, probability = recorder.choose(seen, None)
            seen, earned, _, truncated, info = envs.step(action)
            last = np.stack(info["final_obs"]) if truncated.all() else seen
            steps.add(action, probability, earned, last)
        envs.close()
        return steps.dataset()

    spaces = probe.single_observation_space, probe.single_action_space
    random = random_player()
    reference = reference_from(play(random, random, 6, 777))
    return Task(0.95, spaces, behaviour, lambda seed: behaviour(seed, 3), play, reference)


def junction_task() -> Task:
    """The generated junction of ``traffic/twin``: four minutes of start-up, then ten minutes."""
    from sandbox_traffic.vector import make_signal_vec

    duration = 5 * (START_UP + WATCHED)
    scenario = load_scenario("traffic/twin", [f"duration={duration}", f"window={3600 - duration}"])
    probe = make_signal_vec(scenario.config, scenario.reward, 1)
    count, serves = int(probe.single_action_space.n), probe.batch.network.signals[0].serves > 0
    parts, place = {}, 0
    for field in probe.batch.observer.fields(0):
        width = max(len(field.entries), 1)
        parts[field.name], place = slice(place, place + width), place + width

    def loaded(block: str, patience: float) -> Act:
        """Green for the phase of the largest sum; the present one's counts so many times."""

        def act(seen: Any, mask: Masks) -> NDArray[np.int64]:
            load = seen[:, parts[block]] @ serves.T + 1e-3 * seen[:, parts["occupied"]] @ serves.T
            load = load * np.where(seen[:, parts["phase"]] > 0, patience, 1.0)
            return np.where(mask, load, -1.0).argmax(1).astype(np.int64)

        return act

    def cycle(green: float) -> Act:
        """Phases in turn, each for so long, s."""

        def act(seen: Any, mask: Masks) -> NDArray[np.int64]:
            shown = seen[:, parts["phase"]].argmax(1)
            wanted = (
                np.where(60 * seen[:, parts["green time"]][:, 0] < green - 1e-3, shown, shown + 1) % count
            )
            allowed = np.take_along_axis(np.asarray(mask), wanted[:, None], 1)[:, 0]
            return np.where(allowed, wanted, np.asarray(mask).argmax(1)).astype(np.int64)

        return act

    def drawn(seed: int, other: bool) -> Behaviour:
        rng = np.random.default_rng([5, seed])
        cycles, green, patience = bool(rng.random() < 0.3), 5.0 * rng.integers(2, 9), rng.uniform(1.0, 2.5)
        block = str(rng.choice(["slow", "occupied", "standing", "waiting"]))
        share, episodes = float(rng.uniform(0.15, 0.6)), int(rng.choice([40, 80, 160]))
        act = cycle(green) if cycles != other else loaded(block, patience)
        return Behaviour(act, share, episodes)

    def play(player: Behaviour, start: Behaviour, episodes: int, seed: int) -> Dataset:
        envs, rng = (
            make_signal_vec(scenario.config, scenario.reward, episodes),
            np.random.default_rng([6, seed]),
        )
        before, recorder = Recorder(start, rng, count), Recorder(player, rng, count)
        seen, info = envs.reset(seed=3_000_000 + 1_000 * seed)
        for _ in range(START_UP):
            seen, _, _, _, info = envs.step(before.choose(seen, info["action_mask"])[0])
        steps = Steps(seen, info["action_mask"])
        for _ in range(WATCHED):
            action, probability = recorder.choose(seen, info["action_mask"])
            seen, earned, _, truncated, info = envs.step(action)
            last, mask = seen, info["action_mask"]
            if truncated.all():
                last, mask = np.stack(info["final_obs"]), info["final_info"]["action_mask"]
            steps.add(action, probability, earned, last, mask)
        envs.close()
        return steps.dataset()

    spaces = probe.single_observation_space, probe.single_action_space
    random = random_player()
    reference = reference_of(scenario, play(random, random, 1, 777))
    return Task(
        0.97, spaces, lambda seed: drawn(seed, False), lambda seed: drawn(seed, True), play, reference
    )


class Steps:
    """Steps of episodes of the same length, side by side."""

    def __init__(self, seen: Any, mask: Masks = None) -> None:
        self._seen, self._masks = [np.array(seen)], [] if mask is None else [np.array(mask)]
        self._parts: list[tuple[Any, ...]] = []

    def add(self, action: Any, probability: Any, earned: Any, seen: Any, mask: Masks = None) -> None:
        """A step of every episode, and what is seen after it."""
        self._parts.append((action, probability, np.array(earned, np.float64)))
        self._seen.append(np.array(seen))
        if mask is not None:
            self._masks.append(np.array(mask))

    def dataset(self) -> Dataset:
        """One episode after the other, each cut off at its end."""
        actions, probabilities, rewards = (
            np.stack(part, 1).reshape(-1) for part in zip(*self._parts, strict=True)
        )
        length, episodes = len(self._parts), len(self._seen[0])
        cut = np.zeros((episodes, length), np.bool_)
        cut[:, -1] = True
        rows = [np.stack(each, 1).reshape(-1, each[0].shape[1]) for each in (self._seen, self._masks) if each]
        return Dataset(
            observations=rows[0],
            actions=actions,
            rewards=rewards,
            terminated=np.zeros(cut.size, np.bool_),
            truncated=cut.reshape(-1),
            lengths=np.full(episodes, length),
            masks=rows[1] if self._masks else None,
            probabilities=probabilities,
        )


def cart_pole_task() -> Task:
    """Gymnasium's CartPole-v1 in episodes of at most 200 steps: how long does the pole stand?"""
    env = gymnasium.make("CartPole-v1").unwrapped

    def behaviour(seed: int, sign: int = 1) -> Behaviour:
        rng = np.random.default_rng([3, seed])
        speed = float(rng.uniform(-0.1, 0.4))  # how far ahead the tilt is looked at
        share, episodes = float(rng.uniform(0.2, 0.6)), int(rng.choice([60, 120, 240]))
        return Behaviour(
            lambda seen, mask: (sign * (seen[:, 2] + speed * seen[:, 3]) > 0).astype(np.int64),
            share,
            episodes,
        )

    random = random_player()
    reference = reference_from(_cart_poles(random, random, 10, 777))
    spaces = env.observation_space, env.action_space
    return Task(0.98, spaces, behaviour, lambda seed: behaviour(seed, -1), _cart_poles, reference)


def _cart_poles(player: Behaviour, start: Behaviour, episodes: int, seed: int) -> Dataset:
    """Episodes side by side, in Gymnasium's own vector environment."""
    from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

    envs = CartPoleVectorEnv(episodes, max_episode_steps=10_000)
    recorder = Recorder(player, np.random.default_rng([4, seed]), 2)
    seen, _ = envs.reset(seed=2_000_000 + 1_000 * seed)
    kept: list[tuple[Any, ...]] = []
    alive = np.ones(episodes, np.bool_)
    for _ in range(PUSHES):
        action, probability = recorder.choose(seen, None)
        following, _, terminated, _, _ = envs.step(action)
        ones = np.ones(episodes)
        kept.append(
            (seen.copy(), action, probability, ones, terminated & alive, alive.copy(), following.copy())
        )
        alive &= ~terminated
        seen = following
        if not alive.any():
            break
    envs.close()
    return joined_episodes(kept)


def joined_episodes(kept: list[tuple[Any, ...]]) -> Dataset:
    """Episodes of different lengths, one after the other, from steps of rows side by side.

    Args:
        kept: Of every step what was seen, the actions, their probabilities, the rewards, which rows
            terminated, which were in their first episode, and what was seen next.
    """
    before, actions, probabilities, rewards, ended, present, after = (
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
        rewards=np.asarray(rewards[present], np.float64),
        terminated=terminated,
        truncated=truncated,
        lengths=lengths,
        probabilities=probabilities[present],
    )


def reference_from(dataset: Dataset) -> Reference:
    """Largest sizes in a log of random play."""
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
    behaviour, other_kind = task.behaviour(seed), task.other(seed)
    other = task.play(other_kind, behaviour, dataset.num_episodes // 3, 5_000 + seed)
    kept = episodes_of(dataset, np.arange(dataset.num_episodes - other.num_episodes))

    def joined(name: str) -> Any:
        return np.concatenate([getattr(kept, name), getattr(other, name)])

    names = ["observations", "actions", "rewards", "terminated", "truncated", "lengths", "probabilities"]
    names += ["masks"] if dataset.masks is not None else []
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
