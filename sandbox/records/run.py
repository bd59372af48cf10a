"""``run.json``: the settings of a training run, what it depends on, and its outcome."""

from __future__ import annotations

from pydantic import Field

from sandbox.records.base import Count, Figure, Number, OpenRecord, Plain, Text, Whole
from sandbox.records.code import Code
from sandbox.records.status import Better, RunStatus

FORMAT = 2
"""Version of the run directory's layout. Version 1 had no sums and is still read."""

READABLE = (1, 2)


class ProcessRecord(OpenRecord):
    """A process, identified so that a dead one is recognised.

    Attributes:
        pid: Its number.
        host: Name of its machine.
        started: Start time in kernel ticks: distinguishes a process number that is used again.
    """

    pid: int | None = Field(None, strict=True, ge=1, lt=2**31)
    host: Text | None = None
    started: Text | None = None


class ReferenceRecord(OpenRecord):
    """A known value of a scenario: an optimum, a published figure."""

    name: Text
    value: Number
    source: Text = ""
    note: Text = ""
    metric: Text | None = None


class ScenarioRecord(OpenRecord):
    """The scenario with all overrides applied; see docs/reference/scenario-file.md for the other entries."""

    title: Text = ""
    task: Text = ""
    metric: Text | None = None
    references: tuple[ReferenceRecord, ...] = ()


class MetricRecord(OpenRecord):
    """The metric that ranks agents."""

    name: Text
    unit: Text = ""
    better: Better


class BestRecord(OpenRecord):
    """The best policy on the validation seeds: its training step and validation metric."""

    steps: Count
    metric: Figure = None


class ResumeRecord(OpenRecord):
    """One resumption of a stopped run."""

    steps: Count
    time: Text = ""
    exact: bool = False


class DataRecord(OpenRecord):
    """The dataset that a run learned from: its path and a digest of its content."""

    path: Text
    digest: Text


class BudgetRecord(OpenRecord):
    """What the policy that a run starts from has cost already, its own beginnings included."""

    environment_steps: Count = 0
    offline_updates: Count = 0


class RunRecord(OpenRecord):
    """Content of ``run.json``; docs/reference/run-directory.md explains every entry."""

    scenario_id: Text = Field(pattern=r"^[^/]+/[^/]+$")
    scenario: ScenarioRecord
    scenario_hash: Text = ""
    scenario_file: Text | None = None
    folder: Text = "."
    task_version: Whole | None = None
    metric: MetricRecord | None = None
    config: Plain = {}
    reward: dict[Text, Figure] = {}
    algorithm: Text
    trained_by: Text = ""
    algorithm_version: Whole | None = None
    hyperparameters: Plain = {}
    seed: Whole
    steps: Count | None = None
    num_envs: Count | None = None
    init_from: Text | None = None
    init_budget: BudgetRecord | None = None
    data: DataRecord | None = None
    expert: Text | None = None
    started: Text = ""
    packages: dict[Text, Text] = {}
    code: Code = ()
    platform: Plain | None = None
    source: Plain | None = None
    command: tuple[Text, ...] | None = None
    checkpoint_every: Number | None = Field(None, ge=0)
    keep: Count | None = None
    track: tuple[Text, ...] = ()
    evaluate: Count | None = None
    cell: Text | None = None
    trial: Text | None = None
    format: Whole
    process: ProcessRecord = ProcessRecord()
    status: RunStatus
    error: Text | None = None
    resumed: tuple[ResumeRecord, ...] = ()
    steps_done: Count = 0
    train_seconds: Figure = None
    validation_seconds: Figure = None
    seconds: Figure = None
    steps_per_second: Figure = None
    best: BestRecord | None = None
    ended: Text = ""
