"""What every launcher does: takes jobs, runs them somewhere, and reports what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from sandbox.records.jobs import JobResult
from sandbox.records.status import JobStatus

Payload = Mapping[str, JsonValue]
"""What a job is given and what it returns; see `sandbox.records.jobs`."""

OnProgress = Callable[[Payload], None]
"""Called by a job with how far it is, as often as it likes."""


@dataclass(frozen=True)
class Job:
    """A call of a function somewhere else.

    Attributes:
        id: Unique among the jobs that are under way.
        function: ``"module:callable"``, taking the payload and an `OnProgress`.
        payload: Its argument.
    """

    id: str
    function: str
    payload: Payload


@dataclass(frozen=True)
class JobProgress:
    """How far a running job is."""

    id: str
    values: Payload


@dataclass(frozen=True)
class Ended:
    """A job has ended: with a result, or with the sentence that explains its failure."""

    id: str
    result: Payload | None
    error: str | None = None

    @property
    def status(self) -> JobStatus | None:
        """Status of a result that has one."""
        if self.result is None or "status" not in self.result:
            return None
        return JobResult.model_validate(self.result).status


@dataclass(frozen=True)
class WorkerLost:
    """The process or machine that ran a job is gone; the job may be submitted again."""

    id: str
    reason: str


Event = JobProgress | Ended | WorkerLost


class Launcher(Protocol):
    """Runs jobs; at most `slots` should be under way."""

    @property
    def slots(self) -> int:
        """How many jobs can run at the same time now."""
        ...

    def submit(self, job: Job) -> None:
        """Start a job."""
        ...

    def events(self, timeout: float) -> list[Event]:
        """What happened since the last call; waits up to ``timeout`` seconds for something to happen."""
        ...

    def stop(self) -> None:
        """Ask running jobs to end at the next safe point; `events` goes on to report them.

        Asking again does no harm.
        """
        ...

    def close(self) -> None:
        """End everything now and give back what was taken."""
        ...
