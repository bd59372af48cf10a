"""Requests to workers and their results: plain values for every launcher, typed at both ends."""

from __future__ import annotations

from sandbox.records.base import Count, Plain, Record, Text, Whole
from sandbox.records.status import AgentKind, JobStatus


class ScenarioRequest(Record):
    """A scenario, to be resolved again where the job runs.

    Attributes:
        spec: Content of its file, overrides applied.
        hash: Its hash where the request was made; another one there is refused.
        folder: Where relative paths in it start.
        plugins: Plugins named on the command line, as the environment variable holds them.
    """

    spec: Plain
    hash: Text
    folder: Text
    plugins: Text = ""


class TrainingRequest(Record):
    """A training run; the seed is absent where one job trains with several."""

    algorithm: Text
    hyperparameters: Plain
    steps: Count
    num_envs: Count
    seed: Whole | None = None


class CellRequest(Record):
    """A cell: a training run and its test episodes, or a baseline on them.

    Attributes:
        code: Digest of the code where the request was made; another one there is refused.
    """

    scenario: ScenarioRequest
    training: TrainingRequest | None = None
    baseline: Text | None = None
    code: Text = ""


class CellJob(Record):
    """A cell as a job.

    Attributes:
        root: The runs directory.
        cell: The cell's id.
        again: Whether to run it although it failed before.
        fresh: Whether a baseline is played although its result, or its episodes, are kept.
        artifacts: URL of a store that gets a copy of what the cell leaves.
    """

    root: Text
    cell: Text
    kind: AgentKind
    request: CellRequest
    again: bool = False
    fresh: bool = False
    artifacts: Text | None = None


class TrialJob(Record):
    """A trial of a search as a job.

    Attributes:
        folder: The trial's folder.
        seeds: Training seeds.
        episodes: Seeds of the episodes that it is judged on.
    """

    folder: Text
    scenario: ScenarioRequest
    training: TrainingRequest
    seeds: tuple[Whole, ...]
    episodes: tuple[Whole, ...]


class JobShare(Record):
    """How far a job is: training steps done, and steps of all its training runs."""

    done: Count
    total: Count

    @property
    def share(self) -> float:
        """What is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


class JobResult(Record):
    """How a job ended."""

    status: JobStatus
