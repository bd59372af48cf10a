"""Plays many episodes of many agents: here, in a native batch, or spread over worker processes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox.api.errors import RunFailedError
from sandbox.api.policy import Policy
from sandbox.api.processes import (
    Parent,
    follow_parent,
    kill_on_terminate,
    starting_children,
    usable_cores,
)
from sandbox.envs.single import EnvFactory
from sandbox.envs.vector import is_native, native
from sandbox.evaluation.agents import Agent, native_policy, policy_of
from sandbox.evaluation.kept import KeptEpisodes
from sandbox.evaluation.rollout import Episode, play, play_batch
from sandbox.runs.checksums import sum_of
from sandbox.scenarios.resolve import ResolvedScenario

POOL_PAYS_AFTER = 6.0
"""Starting worker processes is worth its time if more seconds of playing than this are left."""

ABANDON_AFTER = 3.0
"""Seconds that running episodes have to end after an interrupt."""


class EpisodeRunner:
    """Plays agents on the evaluation environment of a scenario; keeps its workers for the next call.

    Every episode depends on the scenario, the agent and the seed alone, so the records are the same
    wherever it is played.

    Args:
        scenario: What is played.
        num_workers: Processes to use at most; all usable cores if absent.
        kept: Where episodes of agents that do not learn are kept; all are played if absent.

    Attributes:
        taken_over: Episodes so far that were not played, since they had been before.
    """

    def __init__(
        self,
        scenario: ResolvedScenario,
        num_workers: int | None = None,
        kept: KeptEpisodes | None = None,
    ) -> None:
        self.taken_over = 0
        self._scenario = scenario
        self._kept = kept
        self._limit = num_workers or usable_cores()
        self._pool: ProcessPoolExecutor | None = None
        self._player = _EpisodePlayer(scenario)

    def play(
        self,
        agents: Sequence[Agent],
        seeds: Sequence[int],
        on_episode: Callable[[Episode], None] = lambda episode: None,
    ) -> list[Episode]:
        """One episode of every agent with every seed, in that order.

        Agents with the same weights are played once.

        Args:
            agents: Who plays.
            seeds: Episode seeds, the same for all.
            on_episode: Called with each episode as it ends.

        Raises:
            RunFailedError: If a worker process dies or an episode cannot be played.
        """
        players = _players(agents)
        played: dict[tuple[Agent, int], Episode] = {}

        def keep(agent: Agent, episodes: Sequence[Episode]) -> None:
            played.update({(agent, episode.seed): episode for episode in episodes})
            if self._kept is not None:
                self._kept.add(agent, seeds, episodes)

        missing: list[tuple[Agent, int]] = []
        for agent in dict.fromkeys(players.values()):
            before = self._kept.find(agent, seeds) if self._kept is not None else {}
            played.update({(agent, seed): episode for seed, episode in before.items()})
            missing += [(agent, seed) for seed in seeds if seed not in before]
            self.taken_over += len(before)
            for episode in before.values():
                on_episode(episode)
        if is_native(self._scenario):
            self._play_natively(list(dict.fromkeys(agent for agent, _ in missing)), seeds, keep, on_episode)
        else:
            self._play_each(missing, keep, on_episode)
        episodes = []
        for agent in agents:
            of_agent = [replace(played[players[agent], seed], agent=agent.name) for seed in seeds]
            if players[agent] is not agent:
                for episode in of_agent:
                    on_episode(episode)
            episodes += of_agent
        return episodes

    def _play_each(
        self,
        jobs: Sequence[tuple[Agent, int]],
        keep: Callable[[Agent, Sequence[Episode]], None],
        on_episode: Callable[[Episode], None],
    ) -> None:
        """Play jobs one after the other, or in worker processes once that pays."""
        played: set[tuple[Agent, int]] = set()

        def note(job: tuple[Agent, int], episode: Episode) -> None:
            played.add(job)
            keep(job[0], [episode])
            on_episode(episode)

        for agent, seed in jobs:
            if (agent, seed) in played:
                continue
            start = time.perf_counter()
            if self._pool is None or agent.policy is not None:
                note((agent, seed), self._player.play(agent, seed))
            # What cannot be saved cannot be sent to another process.
            rest = [job for job in jobs if job not in played and job[0].policy is None]
            left = (time.perf_counter() - start) * len(rest)
            pays = left > POOL_PAYS_AFTER and self._limit > 1 and len(rest) > 1
            if pays or (self._pool is not None and rest):
                for job, episode in self._spread(rest):
                    note(job, episode)

    def close(self) -> None:
        """Stop the workers and close the environment."""
        self._player.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> EpisodeRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spread(self, jobs: list[tuple[Agent, int]]) -> Iterator[tuple[tuple[Agent, int], Episode]]:
        if self._pool is None:
            self._player.close()  # this process only waits from here on
            self._pool = ProcessPoolExecutor(
                min(self._limit, len(jobs)),
                mp_context=get_context("spawn"),
                initializer=_start_worker,
                initargs=(Parent.current(), self._scenario),
            )
        waiting: dict[Future[Episode], tuple[Agent, int]] = {}
        try:
            with starting_children():
                for agent, seed in jobs:
                    waiting[self._pool.submit(_play_in_worker, agent, seed)] = (agent, seed)
            kill_on_terminate((self._pool._processes or {}).values())
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            self._pool = None
            who = sorted({agent.name for agent, _ in waiting.values()})
            raise RunFailedError(
                f"A worker process died while playing {', '.join(who)}.",
                "The simulator crashed or memory ran out; the run directory is kept.",
            ) from error
        except (KeyboardInterrupt, GeneratorExit):
            self._abandon_workers()
            raise
        finally:
            for future in waiting:
                future.cancel()

    def _abandon_workers(self) -> None:
        """Kill workers whose episodes do not end soon."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + ABANDON_AFTER
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()

    def _play_natively(
        self,
        agents: Sequence[Agent],
        seeds: Sequence[int],
        keep: Callable[[Agent, Sequence[Episode]], None],
        on_episode: Callable[[Episode], None],
    ) -> None:
        def make(num_envs: int) -> Any:
            return native(self._scenario, num_envs, evaluation=True)

        for agent in agents:
            policy_for = partial(native_policy, self._scenario, agent)
            batch = self._scenario.task.max_num_envs
            episodes = []
            for episode in play_batch(make, policy_for, agent.name, seeds, agent.deterministic, batch):
                on_episode(episode)
                episodes.append(episode)
            keep(agent, episodes)


def _players(agents: Sequence[Agent]) -> dict[Agent, Agent]:
    """Who plays for each agent: the first one with the same weights, mostly the agent itself."""
    learned = [agent for agent in agents if agent.folder is not None]
    if len(learned) < 2:
        return {agent: agent for agent in agents}
    first: dict[tuple[str, bool], Agent] = {}
    return {
        agent: agent
        if agent.folder is None
        else first.setdefault((_weights(agent.folder), agent.deterministic), agent)
        for agent in agents
    }


def _weights(folder: Path) -> str:
    """SHA-256 over the files of a saved policy."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        total.update(f"{file.name}\0{sum_of(file)}\n".encode())
    return total.hexdigest()


class _EpisodePlayer:
    """One environment and the policies that have played on it."""

    def __init__(self, scenario: ResolvedScenario) -> None:
        self._scenario = scenario
        self._env: Any = None
        self._policies: dict[Agent, tuple[float, Policy]] = {}

    def play(self, agent: Agent, seed: int) -> Episode:
        if self._env is None:
            self._env = EnvFactory(self._scenario, evaluation=True)()
        return play(self._env, self._policy(agent), agent.name, seed, agent.deterministic)

    def close(self) -> None:
        self._policies.clear()
        if self._env is not None:
            self._env.close()
            self._env = None

    def _policy(self, agent: Agent) -> Policy:
        # A folder may be written again between two validations.
        stamp = (agent.folder / "policy.json").stat().st_mtime_ns if agent.folder else 0
        cached = self._policies.get(agent)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        bare = getattr(self._env, "parallel", self._env)
        space = getattr(self._env, "row_action_space", self._env.action_space)
        # An environment of several agents has a space of rows, or none that holds for all of them.
        seen = getattr(self._env, "row_observation_space", getattr(self._env, "observation_space", None))
        policy = policy_of(self._scenario, agent, bare.unwrapped, space, seen)
        self._policies[agent] = (stamp, policy)
        return policy


_worker_player: _EpisodePlayer | None = None


def _start_worker(parent: Parent, scenario: ResolvedScenario) -> None:
    global _worker_player  # noqa: PLW0603 - a worker process plays for one runner
    follow_parent(parent)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the cores are shared out to processes, not threads
    _worker_player = _EpisodePlayer(scenario)


def _play_in_worker(agent: Agent, seed: int) -> Episode:
    if _worker_player is None:
        raise RuntimeError("this is not a worker process")
    return _worker_player.play(agent, seed)
