"""``comparison.json`` and ``grid.json``: the results of a grid so far, and its cells as requested."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from sandbox.records.base import Count, Figure, Interval, Number, Plain, Record, Text, Whole
from sandbox.records.evaluation import BoundRecord, DifferenceRecord, LimitRecord
from sandbox.records.run import ReferenceRecord
from sandbox.records.status import AgentKind, Better, CellStatus, ComparisonStatus
from sandbox.records.words import listed

FORMAT = 1
COMPARISON = "comparison.json"
GRID = "grid.json"


def require_alike(length: int, **columns: tuple[float | None, ...] | None) -> None:
    """Refuse columns of another length.

    Raises:
        ValueError: Names the column.
    """
    for name, values in columns.items():
        if values is not None and len(values) != length:
            raise ValueError(f"{name} has {len(values)} entries, not {length}")


class AgentFacts(Record):
    """An agent of a comparison."""

    kind: AgentKind = "learned"
    algorithm: Text | None = None
    hyperparameters: Plain | None = None
    steps: Count | None = None


class Anchor(Record):
    """What the normalised score calls 0 or 1."""

    name: Text
    value: Figure


class AnchorPair(Record):
    """Both ends of the normalised scale."""

    zero: Anchor
    one: Anchor
    axis: Literal["linear", "log-gap"] = "linear"


class ScenarioFacts(Record):
    """A scenario of a comparison."""

    title: Text = ""
    task: Text = ""
    task_version: Whole | None = None
    hash: Text = ""
    metric: Text
    unit: Text = ""
    better: Better = "lower"
    episodes: Count = 0
    anchors: AnchorPair | None = None
    references: tuple[ReferenceRecord, ...] = ()
    bound: BoundRecord | None = None
    optimum: Text | None = None
    limit: LimitRecord | None = None


class CellFacts(Record):
    """One cell of the grid."""

    id: Text = ""
    scenario: Text
    agent: Text
    kind: AgentKind = "learned"
    seed: Whole | None = None
    status: CellStatus = "missing"
    value: Figure = None
    best_value: Figure = None
    normalised: Figure = None
    seconds: Figure = None
    run_dir: Text | None = None
    error: Text | None = None
    attempts: Count = 0


class BestScore(Record):
    """Scores of the best-validation policies."""

    mean: Figure = None
    iqm: Figure = None
    ci95: Interval | None = None


class Score(Record):
    """An agent's score on a scenario.

    Attributes:
        values: One a training run; a baseline has one.
        sampled: Whether its policy samples its actions; known in reports of runs only.
        gap: How much worse its mean is than the scenario's limit, %.
        beats: Classical methods that it is clearly better than.
    """

    kind: AgentKind
    runs: Count = 1
    failed: Count = 0
    values: tuple[Figure, ...] = ()
    mean: Figure = None
    std: Figure = None
    iqm: Figure = None
    ci95: Interval | None = None
    normalised: Figure = None
    normalised_ci95: Interval | None = None
    best: BestScore | None = None
    metrics: dict[Text, Figure] = {}
    reward_terms: dict[Text, Figure] = {}
    weights: dict[Text, Figure] = {}
    ret: Figure = Field(None, alias="return")
    length: Figure = None
    against_best_baseline: DifferenceRecord | None = None
    sampled: bool = False
    gap: Figure = None
    beats: tuple[Text, ...] = ()


class Curve(Record):
    """A learning curve, with a band where there are several runs."""

    steps: tuple[Number, ...]
    mean: tuple[Figure, ...]
    low: tuple[Figure, ...] | None = None
    high: tuple[Figure, ...] | None = None
    runs: Count = 1

    @model_validator(mode="after")
    def _alike(self) -> Self:
        require_alike(len(self.steps), mean=self.mean, low=self.low, high=self.high)
        return self


class AgentCurves(Record):
    """An agent's learning curves."""

    training: Curve | None = None
    validation: Curve | None = None
    returns: Curve | None = Field(None, alias="return")
    terms: dict[Text, Curve | None] = {}


class Overall(Record):
    """An agent over all scenarios, normalised.

    Attributes:
        gap: How much worse its means are than each scenario's limit, %, averaged over scenarios.
    """

    kind: AgentKind = "learned"
    scenarios: Count = 0
    runs: Count = 0
    mean: Figure = None
    median: Figure = None
    iqm: Figure = None
    optimality_gap: Figure = None
    gap: Figure = None
    iqm_ci95: Interval | None = None
    mean_ci95: Interval | None = None
    optimality_gap_ci95: Interval | None = None


class Improvement(Record):
    """Probability that a run of one agent beats a run of another, overall and by scenario."""

    p: Figure = None
    ci95: Interval | None = None
    scenarios: dict[Text, Figure] = {}


class Profile(Record):
    """Share of an agent's runs above each threshold, with its band."""

    share: tuple[Figure, ...]
    low: tuple[Figure, ...] | None = None
    high: tuple[Figure, ...] | None = None


class Profiles(Record):
    """Performance profiles of all agents."""

    thresholds: tuple[Number, ...] = ()
    agents: dict[Text, Profile] = {}

    @model_validator(mode="after")
    def _alike(self) -> Self:
        for profile in self.agents.values():
            require_alike(len(self.thresholds), share=profile.share, low=profile.low, high=profile.high)
        return self


class Statistics(Record):
    """How intervals were made."""

    level: Number
    resamples: Count
    band_resamples: Count
    seed: Whole
    unit: Text


class MissingCell(Record):
    """A cell without a result."""

    scenario: Text
    agent: Text
    seed: Whole | None = None
    status: CellStatus


class OtherCode(Record):
    """Earlier cells with the settings of this comparison that were made by other code, and do not count.

    Attributes:
        cells: How many.
        differs: What differs, in words.
    """

    scenario: Text
    agent: Text
    cells: Count
    differs: tuple[Text, ...] = ()


class ComparisonRecord(Record):
    """Content of ``comparison.json``; docs/reference/comparison.md explains every entry."""

    readable = (FORMAT,)

    format: Literal[1]
    suite: Text = "compare"
    title: Text = ""
    folder: Text = ""
    status: ComparisonStatus = "incomplete"
    exploratory: bool = False
    metric: Text | None = None
    unit: Text | None = None
    better: Better | None = None
    statistics: Statistics | None = None
    command: tuple[Text, ...] | None = None
    updated: Text | None = None
    seconds: Figure = None
    versions: dict[Text, tuple[Text, ...]] = {}
    agents: dict[Text, AgentFacts] = {}
    scenarios: dict[Text, ScenarioFacts] = {}
    cells: tuple[CellFacts, ...] = ()
    scores: dict[Text, dict[Text, Score]] = {}
    overall: dict[Text, Overall] = {}
    probability_of_improvement: dict[Text, dict[Text, Improvement]] = {}
    profiles: Profiles | None = None
    curves: dict[Text, dict[Text, AgentCurves]] = {}
    missing: tuple[MissingCell, ...] = ()
    failed: Count = 0
    other_code: tuple[OtherCode, ...] = ()
    unrecorded_code: Count = 0

    @property
    def heading(self) -> str:
        """The title, else the suite's name; of a grid named on the command line, agents and scenarios."""
        learned = [name for name, agent in self.agents.items() if agent.kind == "learned"]
        if self.title or self.suite != "compare" or not self.scenarios:
            return self.title or self.suite
        return f"{listed(learned or list(self.agents))} on {listed(list(self.scenarios))}"


class GridCell(Record):
    """A cell with its settings."""

    id: Text
    scenario: Text
    agent: Text
    kind: AgentKind
    seed: Whole | None
    algorithm: Text | None
    hyperparameters: Plain | None
    steps: Count | None
    num_envs: Count | None
    scenario_hash: Text
    settings: Text = ""


class GridRecord(Record):
    """Content of ``grid.json``: the cells of a grid with their settings."""

    readable = (FORMAT,)

    format: Literal[1]
    suite: Text
    title: Text
    command: tuple[Text, ...] | None
    cells: tuple[GridCell, ...]
