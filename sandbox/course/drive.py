"""Makes the measurements that are missing, one process each, the longest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sandbox.api.errors import RunFailedError
from sandbox.course.work import FUNCTION, counts, read_claim
from sandbox.launch import Job, JobLoop, Launcher
from sandbox.launch.base import Payload
from sandbox.records.course import ClaimJob, ClaimRecord
from sandbox.runs.code import changed_plugins


@dataclass
class Progress:
    """How far a course is.

    Attributes:
        jobs: All measurements, by key.
        budget: Minutes that each may take, by key.
        records: What finished ones found.
        running: Keys of those under way.
        outdated: Plugins that have changed since measurements were made, by key; these are made again.
    """

    jobs: Mapping[str, ClaimJob]
    budget: Mapping[str, float]
    records: dict[str, ClaimRecord] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    outdated: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def minutes_left(self) -> float:
        """Processor time that the others may still take."""
        return sum(minutes for key, minutes in self.budget.items() if key not in self.records)


class CourseCallback(Protocol):
    """Receives the progress of a course; the command line shows it."""

    def on_start(self, progress: Progress) -> None:
        """Work starts."""
        ...

    def on_begun(self, job: ClaimJob, progress: Progress) -> None:
        """A measurement has begun."""
        ...

    def on_measured(self, job: ClaimJob, record: ClaimRecord, progress: Progress) -> None:
        """A measurement has ended."""
        ...

    def on_stopping(self) -> None:
        """Work is to stop."""
        ...


class SilentCourse:
    """A callback that does nothing."""

    def on_start(self, progress: Progress) -> None:
        return None

    def on_begun(self, job: ClaimJob, progress: Progress) -> None:
        return None

    def on_measured(self, job: ClaimJob, record: ClaimRecord, progress: Progress) -> None:
        return None

    def on_stopping(self) -> None:
        return None


def survey(jobs: Sequence[ClaimJob], budget: Mapping[str, float], root: Path) -> Progress:
    """What is there already."""
    progress = Progress({job.key: job for job in jobs}, budget)
    for job in jobs:
        record = read_claim(root, job.key)
        if record is None:
            continue
        if counts(record, job):
            progress.records[job.key] = record
        elif changed := changed_plugins(record.code):
            progress.outdated[job.key] = changed
    return progress


def drive(root: Path, progress: Progress, launcher: Launcher, callback: CourseCallback) -> None:
    """Make every measurement that is missing.

    Args:
        root: The runs directory.
        progress: From `survey`; kept up to date.
        launcher: Where measurements are made.
        callback: Receives each.

    Raises:
        RunFailedError: If measurements cannot be made at all.
        KeyboardInterrupt: After Ctrl-C or SIGTERM; what was measured is kept.
    """
    callback.on_start(progress)
    JobLoop(launcher, _Measurements(root, progress, callback), "Claims that were measured").run()


class _Measurements:
    """The measurements that are missing, as jobs; see `sandbox.launch.JobHandler`."""

    def __init__(self, root: Path, progress: Progress, callback: CourseCallback) -> None:
        self._root, self._progress, self._callback = root, progress, callback
        missing = [job for key, job in progress.jobs.items() if key not in progress.records]
        # Verdicts before switches; the longest first, so that no core waits for a long one at the end.
        self._waiting = deque(sorted(missing, key=lambda job: (job.sabotaged, -progress.budget[job.key])))

    @property
    def pending(self) -> bool:
        return bool(self._waiting)

    def next_job(self) -> Job | None:
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        return Job(job.key, FUNCTION, job.to_json())

    def on_start(self, job: Job) -> None:
        self._progress.running.add(job.id)
        self._callback.on_begun(self._progress.jobs[job.id], self._progress)

    def on_progress(self, job: Job, values: Payload) -> None:
        return None

    def on_busy(self, job: Job) -> None:
        self._progress.running.discard(job.id)

    def on_requeued(self, job: Job) -> None:
        self._progress.running.discard(job.id)

    def on_result(self, job: Job, result: Payload) -> None:
        self._progress.running.discard(job.id)
        record = read_claim(self._root, job.id)
        if record is None:
            raise RunFailedError(f"The measurement {job.id} left no result.", "Start again to go on.")
        self._progress.records[job.id] = record
        self._callback.on_measured(self._progress.jobs[job.id], record, self._progress)

    def on_given_up(self, job: Job, losses: int, reason: str) -> None:
        claim = self._progress.jobs[job.id].claim
        raise RunFailedError(
            f"The process that measured {claim} died {losses} times: {reason}.",
            "Claims that were measured are kept; start again to go on, or name others with --only.",
        )

    def on_tick(self, running: int, slots: int) -> None:
        return None

    def on_stopping(self) -> None:
        self._callback.on_stopping()
