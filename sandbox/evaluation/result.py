"""The result of an evaluation: a table of episodes and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sandbox.api.metric import Metric
from sandbox.api.types import Array
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.bounds import bound_of
from sandbox.evaluation.episodes import episodes_parquet
from sandbox.evaluation.rollout import Episode
from sandbox.records.evaluation import (
    AgentResult,
    BoundRecord,
    DifferenceRecord,
    EvaluationRecord,
    LimitRecord,
)
from sandbox.records.status import Verdict
from sandbox.records.words import MIN_EPISODES
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.statistics import Needed, bootstrap_mean, needed, paired_difference


@dataclass(frozen=True)
class PairedDifference:
    """An agent against the best baseline, episode by episode.

    Attributes:
        baseline: The best baseline's name.
        mean: Mean difference of the metric, agent minus baseline.
        ci95: Bootstrap interval of that mean.
        verdict: ``better`` or ``worse`` where the interval excludes zero, else ``unclear``; always
            ``unclear`` with fewer than five episodes, which also have no interval.
        percent: The mean difference in % of the baseline's mean; NaN where that is zero.
        needed: Where it is unclear, how many episodes would tell.
    """

    baseline: str
    mean: float
    ci95: tuple[float | None, float | None]
    verdict: Verdict
    percent: float
    needed: Needed | None = None

    def record(self) -> DifferenceRecord:
        """The difference as ``evaluation.json`` holds it."""
        return DifferenceRecord(
            baseline=self.baseline,
            difference=self.mean,
            percent=self.percent,
            ci95=self.ci95,
            verdict=self.verdict,
            needed_episodes=self.needed.episodes if self.needed else None,
        )


@dataclass(frozen=True)
class EvaluationResult:
    """A table of episodes and its summary.

    Attributes:
        scenario: What was played.
        seeds: Episode seeds, the same for every agent.
        episodes: Every episode of every agent.
        agents: Who played, in the order given.
        seconds: Wall time.
        kept: How many of the episodes were not played, since the same had been played before.
    """

    scenario: ResolvedScenario
    seeds: tuple[int, ...]
    episodes: tuple[Episode, ...]
    agents: tuple[Agent, ...]
    seconds: float
    kept: int = 0

    @property
    def metric(self) -> Metric:
        """The metric that ranks agents."""
        return self.scenario.metric

    def values(self, agent: str, metric: str | None = None) -> Array:
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
        """The classical method with the best mean. Neither the random agent nor a proven optimum is one."""
        classical = self._classical()
        return next((name for name in self.ranking() if name in classical), None)

    def optimum(self) -> str | None:
        """The agent that is proven to be the best possible in the ranking metric, if it played."""
        proven = self.scenario.optimum
        return next(
            (agent.name for agent in self.agents if agent.baseline and agent.baseline == proven), None
        )

    def limit(self) -> LimitRecord | None:
        """What agents are measured by: the optimum, else the bound, else the best baseline."""
        optimum, bound, best = self.optimum(), self.bound(), self.best_baseline()
        if optimum is not None:
            return _limit("optimum", optimum, self.mean(optimum))
        if bound is not None:
            return _limit("bound", bound.method, bound.value)
        return _limit("best baseline", best, self.mean(best)) if best is not None else None

    def beats(self, agent: str) -> tuple[str, ...]:
        """Classical methods that an agent is clearly better than."""
        rivals = [name for name in self.ranking() if name in self._classical() and name != agent]
        return tuple(name for name in rivals if self._against(agent, name).verdict == "better")

    def compare(self, agent: str) -> PairedDifference | None:
        """An agent against the best other baseline; None where there is none."""
        baseline = self.best_baseline()
        if baseline is None or baseline == agent:
            return None
        return self._against(agent, baseline)

    def _classical(self) -> set[str]:
        optimum = self.optimum()
        return {
            agent.name
            for agent in self.agents
            if agent.baseline not in (None, "random") and agent.name != optimum
        }

    def _against(self, agent: str, baseline: str) -> PairedDifference:
        ours, theirs = self.values(agent), self.values(baseline)
        mean, low, high = paired_difference(ours, theirs)
        enough = len(self.seeds) >= MIN_EPISODES
        verdict: Verdict = "unclear"
        if enough and (high < 0 or low > 0):
            verdict = "better" if (high < 0) == (self.metric.better == "lower") else "worse"
        more = needed((ours - theirs)[None]) if verdict == "unclear" else None
        whole = abs(float(theirs.mean()))
        percent = 100.0 * mean / whole if whole > 0 else float("nan")
        return PairedDifference(
            baseline, mean, (low, high) if enough else (None, None), verdict, percent, more
        )

    def bound(self) -> BoundRecord | None:
        """What no agent's mean over these episodes can be better than; None where none is known."""
        return bound_of(self.scenario, self.seeds)

    def record(self) -> EvaluationRecord:
        """The evaluation as ``evaluation.json`` and the command line's documents hold it."""
        return EvaluationRecord(
            metric=self.metric.name,
            unit=self.metric.unit,
            better=self.metric.better,
            episodes=len(self.seeds),
            seeds=self.seeds,
            seconds=round(self.seconds, 3),
            kept_episodes=self.kept,
            best_baseline=self.best_baseline(),
            optimum=self.optimum(),
            limit=self.limit(),
            bound=self.bound(),
            agents={agent.name: self._agent(agent.name) for agent in self.agents},
        )

    def __str__(self) -> str:
        """The verdict table, and a sentence for every learned agent."""
        from sandbox.evaluation.shown import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        from sandbox.evaluation.shown import as_html

        return as_html(self)

    def to_pandas(self) -> Any:
        """Every episode as a row of a ``pandas.DataFrame``: agent, seed, return, metrics, terms.

        Raises:
            MissingExtraError: Without pandas.
        """
        from sandbox.evaluation.shown import as_frame

        return as_frame(self)

    def to_json(self) -> dict[str, Any]:
        """`record` as plain values."""
        return self.record().to_json()

    def to_parquet(self) -> bytes:
        """One row an episode, as the content of a Parquet file."""
        return episodes_parquet(((episode.agent, episode) for episode in self.episodes), "agent")

    def _agent(self, name: str) -> AgentResult:
        episodes = [episode for episode in self.episodes if episode.agent == name]
        values = self.values(name)
        difference, limit = self.compare(name), self.limit()
        learned = any(agent.name == name and agent.baseline is None for agent in self.agents)
        return AgentResult(
            mean=float(values.mean()),
            std=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
            ci95=bootstrap_mean(values) if len(values) >= MIN_EPISODES else (None, None),
            metrics=_means([episode.metrics for episode in episodes]),
            reward_terms=_means([episode.reward_terms for episode in episodes]),
            ret=float(np.mean([episode.ret for episode in episodes])),
            length=float(np.mean([episode.length for episode in episodes])),
            deterministic=next(agent.deterministic for agent in self.agents if agent.name == name),
            against_best_baseline=difference.record() if difference is not None else None,
            gap=limit.gap(float(values.mean()), self.metric.better) if limit is not None else None,
            beats=self.beats(name) if learned else (),
        )


def _limit(kind: Literal["optimum", "bound", "best baseline"], name: str, value: float) -> LimitRecord | None:
    return LimitRecord(kind=kind, name=name, value=value) if np.isfinite(value) else None


def _means(records: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: float(np.mean([record.get(name, np.nan) for record in records])) for name in names}
