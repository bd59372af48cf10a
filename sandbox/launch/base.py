"""What every launcher does: takes jobs, runs them somewhere, and reports what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Payload = Mapping[str, Any]
"""What a job is given and what it returns: plain values that JSON can hold."""

OnProgress = Callable[[Payload], None]
"""Called by a job with how far it is, as often as it likes."""

BUSY = "busy"
"""Status of a result: another process is working on the same; to be tried again later."""

INTERRUPTED = "interrupted"
"""Status of a result: the job ended at a request to stop, and can be started again."""


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
