"""Carries out the jobs of one stage of a search, those whose file is there aside."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sandbox.api.errors import DamagedRunError, RunFailedError
from sandbox.evaluation.progress import Progress
from sandbox.launch import Job, JobLoop, Launcher
from sandbox.launch.base import Payload
from sandbox.moves.work import FUNCTION
from sandbox.records.base import Record
from sandbox.records.moves import BranchesRecord, MovesJob, ScanRecord


def carry_out(
    jobs: Sequence[MovesJob], launcher: Launcher, progress: Progress, title: str, unit: str
) -> list[Record]:
    """Run the jobs that have left no file yet.

    Args:
        jobs: All of one stage.
        launcher: Where they run.
        progress: Receives the progress, job by job.
        title: What they are together.
        unit: What a job's share is counted in.

    Returns:
        What the jobs left, in their order.

    Raises:
        RunFailedError: If one cannot be carried out.
        KeyboardInterrupt: After Ctrl-C or SIGTERM; the same command goes on where it was.
    """
    sizes = [max(1, sum(len(point.branches) for point in job.points)) for job in jobs]
    results = {job.file: _result(job) for job in jobs}
    missing = [job for job in jobs if results[job.file] is None]
    done = sum(size for job, size in zip(jobs, sizes, strict=True) if results[job.file] is not None)
    progress.start("evaluate", title, sum(sizes), unit, done)
    try:
        if missing:
            by_file = {job.file: size for job, size in zip(jobs, sizes, strict=True)}
            handler = _Jobs(missing, by_file, progress, done)
            JobLoop(launcher, handler, "Branches that were played", ahead=1).run()
    finally:
        progress.finish("evaluate")
    records = [results[job.file] or _result(job) for job in jobs]
    lost = [job.file for job, record in zip(jobs, records, strict=True) if record is None]
    if lost:
        raise RunFailedError(f"{len(lost)} jobs left no result: {lost[0]}.", "Start again to go on.")
    return [record for record in records if record is not None]


def _result(job: MovesJob) -> Record | None:
    kind: type[Record] = ScanRecord if job.seed is not None else BranchesRecord
    file = Path(job.folder) / job.file
    with suppress(DamagedRunError):
        return kind.read(file) if file.is_file() else None
    return None


class _Jobs:
    """Jobs that are independent of one another; see `sandbox.launch.JobHandler`."""

    def __init__(
        self, jobs: Sequence[MovesJob], sizes: Mapping[str, int], progress: Progress, done: int
    ) -> None:
        self._waiting = deque(jobs)
        self._sizes, self._progress, self._done = sizes, progress, done

    @property
    def pending(self) -> bool:
        return bool(self._waiting)

    def next_job(self) -> Job | None:
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        return Job(job.file, FUNCTION, job.to_json())

    def on_start(self, job: Job) -> None:
        return None

    def on_progress(self, job: Job, values: Payload) -> None:
        return None

    def on_busy(self, job: Job) -> None:
        return None

    def on_requeued(self, job: Job) -> None:
        return None

    def on_result(self, job: Job, result: Payload) -> None:
        self._done += self._sizes[job.id]
        self._progress.advance("evaluate", self._done, {})

    def on_given_up(self, job: Job, losses: int, reason: str) -> None:
        raise RunFailedError(
            f"A worker process died {losses} times while playing {job.id}: {reason}.",
            "Branches that were played are kept; start again to go on.",
        )

    def on_tick(self, running: int, slots: int) -> None:
        return None

    def on_stopping(self) -> None:
        return None
