"""Plays policies in environments and yields episode records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np

from sandbox.api.errors import RunFailedError
from sandbox.api.masks import random_allowed
from sandbox.api.policy import Policy
from sandbox.api.types import Array, Bools, Element, Environment, Info, Space, VectorEnvironment
from sandbox.api.view import Moment
from sandbox.envs.infos import add_terms, final_metrics, floats, rows_of
from sandbox.envs.wrappers import reset_with


@dataclass(frozen=True, slots=True)
class Episode:
    """One played episode.

    Attributes:
        agent: Name of what played.
        seed: The episode's seed.
        ret: Undiscounted return; in a multi-agent task the mean over agents.
        length: Steps.
        terminated: The process itself ended.
        truncated: A limit ended it.
        reward_terms: Sum over the episode of every unweighted reward term; mean over agents.
        metrics: What the environment reports at the end.
    """

    agent: str
    seed: int
    ret: float
    length: int
    terminated: bool
    truncated: bool
    reward_terms: dict[str, float]
    metrics: dict[str, float]


class RandomPolicy:
    """Uniformly random allowed actions; the zero of every scale.

    Args:
        action_space: Space of one row.
    """

    def __init__(self, action_space: Space) -> None:
        self._space = action_space
        self._rng = np.random.default_rng(0)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self._rng = np.random.default_rng(seed)
        self._space.seed(seed)

    def act(self, observation: Element, mask: Bools | None = None, deterministic: bool = True) -> Array:
        """A random action for every row; ``deterministic`` has no meaning here."""
        rows = rows_of(observation)
        if mask is not None:
            return random_allowed(self._space, mask, self._rng)
        if isinstance(self._space, gym.spaces.Discrete):
            return self._rng.integers(self._space.start, self._space.start + self._space.n, rows)
        return np.stack([self._space.sample() for _ in range(rows)])

    def save(self, directory: Path) -> None:
        """A random policy needs no file.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError


def play(
    env: Environment,
    policy: Policy,
    agent: str,
    seed: int,
    deterministic: bool = True,
    on_step: Callable[[Moment], None] = lambda moment: None,
) -> Episode:
    """Play one episode to its end.

    Args:
        env: A single-agent environment or a `sandbox.envs.multiagent.JointEnv`.
        policy: Plays every row.
        agent: Name for the record.
        seed: Seeds the episode and the policy's generator.
        deterministic: Whether the policy takes its mode.
        on_step: Called after the reset and after every step.

    Raises:
        RunFailedError: If a reward is not finite; says after how many steps.
    """
    agents = getattr(env, "agents", None)
    joint = agents is not None
    rows = len(agents) if agents is not None else 1
    observation, info = env.reset(seed=seed)
    policy.reset(rows, seed)
    total, length, terms = 0.0, 0, _Terms()
    on_step(Moment(0, observation, None, 0.0, info))
    while True:
        batch = observation if joint else _batched(observation)
        action = policy.act(batch, _mask(info, joint), deterministic)
        chosen = action if joint else _single(action, env)
        observation, reward, terminated, truncated, info = env.step(chosen)
        length += 1
        total += float(reward)
        on_step(Moment(length, observation, chosen, float(reward), info))
        if not np.isfinite(total):
            raise RunFailedError(
                f"The reward became {reward} in step {length} of the episode with seed {seed} "
                f"played by {agent}."
            )
        terms.add(info.get("reward_terms", {}), rows)
        if terminated or truncated:
            metrics = floats(info.get("metrics", {}))
            return Episode(
                agent, seed, total / rows, length, bool(terminated), bool(truncated), terms.sums, metrics
            )


def play_batch(
    make: Callable[[int], VectorEnvironment],
    policy_for: Callable[[VectorEnvironment], Policy],
    agent: str,
    seeds: Sequence[int],
    deterministic: bool = True,
    batch: int = 256,
) -> Iterator[Episode]:
    """Play one episode for every seed on a natively vectorised environment.

    In a parallel task every agent of every environment is a row of the policy's batch, and an episode is
    recorded as `play` records a `sandbox.envs.multiagent.JointEnv`.

    Args:
        make: Makes a vector environment of the given number of environments, in SAME_STEP mode.
        policy_for: The policy for that environment.
        agent: Name for the records.
        seeds: Episode seeds; environment i plays the i-th of its batch.
        deterministic: Whether the policy takes its mode.
        batch: Environments to play at once, at most.
    """
    for start in range(0, len(seeds), batch):
        chunk = list(seeds[start : start + batch])
        envs = make(len(chunk))
        try:
            yield from _play_chunk(envs, policy_for(envs), agent, chunk, deterministic)
        finally:
            envs.close()


def _play_chunk(
    envs: VectorEnvironment, policy: Policy, agent: str, seeds: list[int], deterministic: bool
) -> list[Episode]:
    agents = len(getattr(envs.unwrapped, "agents", ())) or 1
    observation, info = reset_with(envs, seeds, None)
    policy.reset(len(seeds) * agents, seeds[0])
    returns, lengths = np.zeros(len(seeds)), np.zeros(len(seeds), int)
    sums: dict[str, Array] = {}
    episodes: list[Episode | None] = [None] * len(seeds)
    while any(episode is None for episode in episodes):
        running = np.array([episode is None for episode in episodes])
        mask = info.get("action_mask")
        if agents > 1:
            action = policy.act(_flat(observation), None if mask is None else _flat(mask), deterministic)
            action = np.reshape(action, (len(seeds), agents, *action.shape[1:]))
        else:
            action = policy.act(observation, mask, deterministic)
        observation, reward, terminated, truncated, info = envs.step(action)
        returns += np.where(running, reward, 0.0)
        lengths += running
        if not np.isfinite(returns).all():
            row = int(np.flatnonzero(~np.isfinite(returns))[0])
            raise RunFailedError(
                f"The reward became {reward[row]} in step {lengths[row]} of the episode with seed "
                f"{seeds[row]} played by {agent}."
            )
        done = np.asarray(terminated) | np.asarray(truncated)
        add_terms(sums, info, running, done)
        for row in np.flatnonzero(done & running).tolist():
            episodes[row] = Episode(
                agent,
                seeds[row],
                float(returns[row]) / agents,
                int(lengths[row]),
                bool(terminated[row]),
                bool(truncated[row]),
                {name: float(values[row]) for name, values in sums.items()},
                final_metrics(info, row),
            )
    return [episode for episode in episodes if episode is not None]


def _flat(values: Array) -> Array:
    """Shape ``(num_envs, agents, …)`` as ``(num_envs * agents, …)``."""
    return np.reshape(values, (-1, *np.shape(values)[2:]))


class _Terms:
    """Sums of reward terms over an episode; means over rows where there are several."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}

    def add(self, terms: Mapping[str, Array | float], rows: int) -> None:
        for name, value in terms.items():
            # Looking at each number with NumPy would take a tenth of a step of small environments.
            amount = float(value if isinstance(value, float) else np.sum(value)) / rows
            self.sums[name] = self.sums.get(name, 0.0) + amount


def _batched(observation: Element) -> Element:
    if isinstance(observation, dict):
        return {key: _batched(value) for key, value in observation.items()}
    return np.asarray(observation)[None]


def _single(action: Array, env: Environment) -> Element:
    """The only row of a batch of actions, a Python int for a discrete space as Gymnasium wants it."""
    row = action[0]
    return int(row) if isinstance(env.action_space, gym.spaces.Discrete) else row


def _mask(info: Info, joint: bool) -> Bools | None:
    mask = info.get("action_mask")
    if mask is None:
        return None
    mask = np.asarray(mask, bool)
    return mask if joint else mask[None]
