"""Plays agents on held-out seeds and fills one table of episodes."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.errors import InvalidValueError, MisfitError, RunFailedError, UnknownNameError
from sandbox.api.metric import Metric
from sandbox.api.policy import Policy
from sandbox.envs import as_problem
from sandbox.players import Agent, Players
from sandbox.progress import Progress, Silent
from sandbox.rollout import Episode
from sandbox.scenarios import Problem
from sandbox.statistics import bootstrap_mean, paired_difference
from sandbox.store import Run
from sandbox.threads import one_thread

FEWEST_EPISODES = 5
"""A bootstrap over fewer episodes is far too narrow to carry a verdict."""


@dataclass(frozen=True)
class Comparison:
    """An agent against the best baseline, episode by episode.

    Attributes:
        baseline: The best baseline's name.
        mean: Mean difference of the metric, agent minus baseline.
        ci95: Bootstrap interval of that mean.
        verdict: ``better`` or ``worse`` where the interval excludes zero, else ``unclear``; always
            ``unclear`` with fewer than five episodes.
    """

    baseline: str
    mean: float
    ci95: tuple[float, float]
    verdict: str


@dataclass(frozen=True)
class Evaluation:
    """A table of episodes and what it says.

    Attributes:
        problem: What was played.
        seeds: Episode seeds, the same for every agent.
        episodes: Every episode of every agent.
        agents: Who played, in the order given.
        seconds: Wall time.
    """

    problem: Problem
    seeds: tuple[int, ...]
    episodes: tuple[Episode, ...]
    agents: tuple[Agent, ...]
    seconds: float

    @property
    def metric(self) -> Metric:
        """The metric that ranks agents."""
        return self.problem.metric

    def values(self, agent: str, metric: str | None = None) -> np.ndarray[Any, Any]:
        """A metric of every episode of an agent, in the order of the seeds."""
        name = metric or self.metric.name
        return np.array([episode.metrics[name] for episode in self.episodes if episode.agent == agent])

    def mean(self, agent: str) -> float:
        """Mean of the ranking metric over the episodes of an agent."""
        return float(self.values(agent).mean())

    def ranking(self) -> list[str]:
        """Names of the agents, best first; agents whose metric is NaN last."""
        sign = 1.0 if self.metric.better == "lower" else -1.0

        def key(name: str) -> tuple[bool, float]:
            mean = self.mean(name)
            return bool(np.isnan(mean)), sign * mean

        return sorted((agent.name for agent in self.agents), key=key)

    def best_baseline(self) -> str | None:
        """The classical method with the best mean; the random agent is none."""
        classical = {agent.name for agent in self.agents if agent.baseline not in (None, "random")}
        return next((name for name in self.ranking() if name in classical), None)

    def compare(self, agent: str) -> Comparison | None:
        """An agent against the best other baseline; None where there is none."""
        baseline = self.best_baseline()
        if baseline is None or baseline == agent:
            return None
        mean, low, high = paired_difference(self.values(agent), self.values(baseline))
        verdict = "unclear"
        if len(self.seeds) >= FEWEST_EPISODES and (high < 0 or low > 0):
            verdict = "better" if (high < 0) == (self.metric.better == "lower") else "worse"
        return Comparison(baseline, mean, (low, high), verdict)

    def to_json(self) -> dict[str, Any]:
        """The evaluation as the command line's JSON documents hold it."""
        return {
            "metric": self.metric.name,
            "unit": self.metric.unit,
            "better": self.metric.better,
            "episodes": len(self.seeds),
            "seeds": list(self.seeds),
            "seconds": round(self.seconds, 3),
            "best_baseline": self.best_baseline(),
            "agents": {agent.name: self._agent_json(agent.name) for agent in self.agents},
        }

    def to_parquet(self) -> bytes:
        """One row an episode, as the content of a Parquet file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [
            {
                "agent": episode.agent,
                "seed": episode.seed,
                "return": episode.ret,
                "length": episode.length,
                "terminated": episode.terminated,
                "truncated": episode.truncated,
                **{f"term/{name}": value for name, value in episode.reward_terms.items()},
                **{f"metric/{name}": value for name, value in episode.metrics.items()},
            }
            for episode in self.episodes
        ]
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        return sink.getvalue()

    def _agent_json(self, name: str) -> dict[str, Any]:
        own = [episode for episode in self.episodes if episode.agent == name]
        values = self.values(name)
        comparison = self.compare(name)
        return {
            "mean": float(values.mean()),
            "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
            "ci95": list(bootstrap_mean(values)),
            "metrics": _means([episode.metrics for episode in own]),
            "reward_terms": _means([episode.reward_terms for episode in own]),
            "return": float(np.mean([episode.ret for episode in own])),
            "length": float(np.mean([episode.length for episode in own])),
            "deterministic": next(agent.deterministic for agent in self.agents if agent.name == name),
            "against_best_baseline": None
            if comparison is None
            else {
                "baseline": comparison.baseline,
                "difference": comparison.mean,
                "ci95": list(comparison.ci95),
                "verdict": comparison.verdict,
            },
        }


def evaluate(
    agents: Sequence[str | Path | Run | Policy],
    scenario: str | Path | Problem,
    *,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    episodes: int | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> Evaluation:
    """Play agents on the scenario's test seeds, all on the same ones.

    Args:
        agents: Run directories (``DIR`` for the final policy, ``DIR@best`` for the best-validation
            one), names of baselines, ``random``, runs, or policies.
        scenario: Name, file or resolved problem.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs.
        episodes: Test episodes an agent plays; the scenario's number if absent.
        num_workers: Most worker processes; all cores if absent.
        progress: Hears of every episode.
        seconds: Wall time that each baseline which searches has for each episode.

    Raises:
        SandboxError: Explains what is wrong with an agent or the scenario.
        RunFailedError: If an episode cannot be played.
    """
    problem = as_problem(scenario, changes, reward)
    seeds = evaluation_seeds(problem, episodes)
    with tempfile.TemporaryDirectory(prefix="sandbox-agents-") as scratch:
        players = timed(resolve_agents(agents, problem, Path(scratch)), problem, seconds)
        with Players(problem, num_workers) as table:
            return play_all(table, problem, players, seeds, progress or Silent())


def play_all(
    table: Players, problem: Problem, agents: Sequence[Agent], seeds: Sequence[int], progress: Progress
) -> Evaluation:
    """Play every agent on every seed and check that what came back can be ranked."""
    start = time.perf_counter()
    total = len(agents) * len(seeds)
    progress.start("evaluate", f"{len(agents)} agents on {len(seeds)} test episodes", total, "episodes")
    try:
        with one_thread():
            episodes = table.play(agents, seeds, heard=_teller(progress, problem.metric))
    finally:
        progress.finish("evaluate")
    for episode in episodes:
        if problem.metric.name not in episode.metrics:
            raise RunFailedError(
                f"The environment of {problem.scenario.task} reported no metric '{problem.metric.name}' "
                f"at the end of the episode with seed {episode.seed}.",
                "Its info must hold 'metrics' in the last step.",
            )
    seconds = time.perf_counter() - start
    return Evaluation(problem, tuple(seeds), tuple(episodes), tuple(agents), seconds)


def evaluation_seeds(problem: Problem, episodes: int | None = None) -> list[int]:
    """The first seeds of the scenario's test range.

    Raises:
        InvalidValueError: If there are fewer than ``episodes`` of them.
    """
    count = problem.scenario.evaluation.episodes if episodes is None else episodes
    return _first(problem.scenario.evaluation.seeds.test, count, "test")


def validation_seeds(problem: Problem) -> list[int]:
    """The first seeds of the scenario's validation range."""
    evaluation = problem.scenario.evaluation
    return _first(evaluation.seeds.validation, evaluation.validation_episodes, "validation")


def resolve_agents(
    agents: Sequence[str | Path | Run | Policy], problem: Problem, scratch: Path
) -> list[Agent]:
    """What the names stand for; policies given as objects are saved below ``scratch``.

    Raises:
        UnknownNameError: For a name that is neither a run directory nor a baseline of the task.
        MisfitError: For a run whose policy was trained on other spaces.
    """
    resolved: list[Agent] = []
    for given in agents:
        agent = _resolve(given, problem, scratch / str(len(resolved)))
        if (agent.baseline, agent.folder) in [(other.baseline, other.folder) for other in resolved]:
            continue
        names = [other.name for other in resolved]
        if agent.name in names:
            number = 2 + sum(name.startswith(f"{agent.name}#") for name in names)
            agent = Agent(f"{agent.name}#{number}", agent.baseline, agent.folder, agent.deterministic)
        resolved.append(agent)
    if not resolved:
        raise InvalidValueError("No agent was named.", "Name run directories, baselines or 'random'.")
    return resolved


def timed(agents: Sequence[Agent], problem: Problem, seconds: float | None) -> list[Agent]:
    """The agents, those that search with a wall time for each episode.

    Raises:
        InvalidValueError: If a time is given and none of them searches, or it is not positive.
    """
    if seconds is None:
        return list(agents)
    if not 0 < seconds < float("inf"):
        raise InvalidValueError(f"The time for an episode must be positive, not {seconds:g} s.")
    search = {baseline.name for baseline in problem.task.baselines if baseline.timed}
    if not search & {agent.baseline for agent in agents}:
        raise InvalidValueError(
            "A time is given, but none of the agents searches.",
            f"These do: {', '.join(sorted(search))}."
            if search
            else f"No baseline of {problem.scenario.task} does.",
        )
    return [replace(agent, seconds=seconds) if agent.baseline in search else agent for agent in agents]


def baseline_agents(problem: Problem) -> list[Agent]:
    """The scenario's baselines and the random agent."""
    names = problem.baselines()
    return [Agent(name, baseline=name) for name in [*names, *({"random"} - set(names))]]


def _resolve(given: str | Path | Run | Policy, problem: Problem, scratch: Path) -> Agent:
    if isinstance(given, Run):
        return _of_run(given, "final", problem)
    if not isinstance(given, str | Path):
        scratch.mkdir()
        given.save(scratch)
        from sandbox.policies import algorithm_of

        return Agent(algorithm_of(scratch), folder=scratch)
    text = str(given)
    known = [baseline.name for baseline in problem.task.baselines]
    if text in [*known, "random"]:
        return Agent(text, baseline=text)
    path, at, which = text.rpartition("@")
    if not at or which not in ("best", "final"):
        path, which = text, "final"
    if Path(path).exists() or "/" in path:
        return _of_run(Run.open(path), which, problem)
    raise UnknownNameError("agent", text, [*known, "random"], "")


def _of_run(run: Run, which: str, problem: Problem) -> Agent:
    task = str(run.record["scenario"].get("task", "")) if isinstance(run.record["scenario"], dict) else ""
    if task != problem.scenario.task:
        raise MisfitError(
            f"The run '{run.path}' was trained on the task {task}, but {problem.scenario.id} is a scenario "
            f"of {problem.scenario.task}."
        )
    return learned_agent(run, which)


def learned_agent(run: Run, which: str = "final") -> Agent:
    """A run's final or best-validation policy as an agent; the latter is called ``<name>-best``."""
    name = run.algorithm if which == "final" else f"{run.algorithm}-{which}"
    sampled = bool(run.record.get("hyperparameters", {}).get("stochastic", False))
    return Agent(name, folder=run.policy_folder(which).resolve(), deterministic=not sampled)


def _teller(progress: Progress, metric: Metric) -> Callable[[Episode], None]:
    heard = 0

    def tell(episode: Episode) -> None:
        nonlocal heard
        heard += 1
        values = {"return": episode.ret}
        if metric.name in episode.metrics:
            values[metric.name] = episode.metrics[metric.name]
        progress.advance("evaluate", heard, values)

    return tell


def _first(bounds: tuple[int, int], count: int, what: str) -> list[int]:
    low, high = bounds
    if not 1 <= count <= high - low:
        raise InvalidValueError(
            f"There are {high - low} {what} seeds, so {count} episodes cannot be played.",
            f"Allowed: 1 to {high - low} episodes.",
        )
    return list(range(low, low + count))


def _means(records: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: float(np.mean([record.get(name, np.nan) for record in records])) for name in names}
