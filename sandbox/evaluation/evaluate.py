"""Plays agents on held-out seeds and fills one table of episodes."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox.api.errors import RunFailedError
from sandbox.api.metric import Metric
from sandbox.api.policy import Policy
from sandbox.api.processes import one_thread
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.kept import KeptEpisodes
from sandbox.evaluation.named_agents import resolve_agents, timed
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.result import EvaluationResult
from sandbox.evaluation.rollout import Episode
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.records.progress import metric_figure
from sandbox.runs.directory import Run
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario


def evaluate(
    agents: Sequence[str | Path | Run | Policy | Callable[..., Any]],
    scenario: str | Path | ResolvedScenario,
    *,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    episodes: int | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
    kept_in: str | Path | None = None,
    fresh: bool = False,
) -> EvaluationResult:
    """Play agents on the scenario's test seeds, all on the same ones.

    Args:
        agents: Run directories (``DIR`` for the final policy, ``DIR@best`` for the best-validation
            one), names of baselines, ``random``, runs, policies, or anything that acts: an object with
            a method ``act`` or a function, which take a batch of observations (and ``mask``, if they
            have a parameter of that name). What cannot be saved is played in this process.
        scenario: Name, file or resolved scenario.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs.
        episodes: Test episodes an agent plays; the scenario's number if absent.
        num_workers: Worker processes at most; all usable cores if absent.
        progress: Receives the progress, episode by episode.
        seconds: Wall time that each baseline which searches has for each episode.
        kept_in: A runs directory in which episodes of baselines are kept, so that they are played once.
        fresh: Whether baselines are played although their episodes are kept.

    Raises:
        SandboxError: Explains what is wrong with an agent or the scenario.
        RunFailedError: If an episode cannot be played.
    """
    resolved = as_scenario(scenario, changes, reward)
    seeds = evaluation_seeds(resolved, episodes)
    with tempfile.TemporaryDirectory(prefix="sandbox-agents-") as scratch:
        players = timed(resolve_agents(agents, resolved, Path(scratch)), resolved, seconds)
        kept = KeptEpisodes(Path(kept_in), resolved, fresh=fresh) if kept_in is not None else None
        with EpisodeRunner(resolved, num_workers, kept) as runner:
            return play_all(runner, resolved, players, seeds, progress or Silent())


def play_all(
    runner: EpisodeRunner,
    scenario: ResolvedScenario,
    agents: Sequence[Agent],
    seeds: Sequence[int],
    progress: Progress,
) -> EvaluationResult:
    """Play every agent on every seed and check that what came back can be ranked.

    Raises:
        RunFailedError: If an episode cannot be played, or has no value of the ranking metric.
    """
    start, before = time.perf_counter(), runner.taken_over
    total = len(agents) * len(seeds)
    names = [agent.name for agent in agents]
    who = ", ".join(names[:3]) + (f" and {len(names) - 3} others" if len(names) > 3 else "")
    progress.start("evaluate", f"{who} on {len(seeds)} test episodes", total, "episodes")
    try:
        with one_thread():
            episodes = runner.play(agents, seeds, on_episode=_reporter(progress, scenario.metric))
    finally:
        progress.finish("evaluate")
    for episode in episodes:
        if scenario.metric.name not in episode.metrics:
            raise RunFailedError(
                f"The environment of {scenario.spec.task} reported no metric '{scenario.metric.name}' "
                f"at the end of the episode with seed {episode.seed}.",
                "Its info must hold 'metrics' in the last step.",
            )
        if math.isnan(episode.metrics[scenario.metric.name]):
            raise RunFailedError(
                f"The metric '{scenario.metric.name}' of {episode.agent} is nan after {episode.length} steps "
                f"of the episode with seed {episode.seed}, so nothing can be ranked.",
                "Where a metric has no value, the task must say what stands for it.",
            )
    seconds = time.perf_counter() - start
    kept = runner.taken_over - before
    return EvaluationResult(scenario, tuple(seeds), tuple(episodes), tuple(agents), seconds, kept)


def _reporter(progress: Progress, metric: Metric) -> Callable[[Episode], None]:
    """A callback that advances ``progress`` by each episode."""
    played = 0

    def report(episode: Episode) -> None:
        nonlocal played
        played += 1
        values = {"return": episode.ret}
        if metric.name in episode.metrics:
            values[metric_figure(metric.name)] = episode.metrics[metric.name]
        progress.advance("evaluate", played, values)

    return report
