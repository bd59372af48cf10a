"""Carries out many jobs: sends them to a launcher, repeats what was lost, and stops in an orderly way."""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from sandbox.api.errors import RunFailedError
from sandbox.api.stop_signals import StopSignals
from sandbox.launch.base import Ended, Event, Job, JobProgress, Launcher, Payload, WorkerLost

MAX_LOSSES = 3
"""Times that a job's process may die under it before the job is given up."""

BUSY_EVERY = 1.0
"""Seconds until a job is started again that another process is working on."""

STOP_WAIT = 25.0
"""Seconds that jobs have to write their checkpoints after a request to stop."""

POLL = 1.0


class JobHandler(Protocol):
    """What a loop works for: gives the jobs and takes in what becomes of each."""

    @property
    def pending(self) -> bool:
        """Whether `next_job` has, or may yet have, another job."""
        ...

    def next_job(self) -> Job | None:
        """Another job to start now; None where there is none at present."""
        ...

    def on_start(self, job: Job) -> None:
        """A job was given to the launcher, for the first time or again."""
        ...

    def on_progress(self, job: Job, values: Payload) -> None:
        """A running job has reported how far it is."""
        ...

    def on_busy(self, job: Job) -> None:
        """Another process is working on it; it will be started again."""
        ...

    def on_requeued(self, job: Job) -> None:
        """It was interrupted, or its process is gone; it will be started again."""
        ...

    def on_result(self, job: Job, result: Payload) -> None:
        """It has ended."""
        ...

    def on_given_up(self, job: Job, losses: int, reason: str) -> None:
        """Its process died once too often; ``reason`` says how the last time."""
        ...

    def on_tick(self, running: int, slots: int) -> None:
        """Called after every look at the launcher, about once a second."""
        ...

    def on_stopping(self) -> None:
        """Work is to stop: running jobs are asked to write their checkpoints."""
        ...


class JobLoop:
    """Starts jobs as places become free, until the handler has no more and all have ended.

    A job's result may have the status ``busy`` (another process is working on it) or ``interrupted``: then
    it is started again, as is a job whose process died.

    Args:
        launcher: Where jobs run.
        handler: Where they come from.
        kept: What is kept if the jobs cannot go on: the subject of a sentence.
        ahead: Jobs to give to the launcher beyond those that can run, so that no worker has to wait.
    """

    def __init__(self, launcher: Launcher, handler: JobHandler, kept: str, ahead: int = 0) -> None:
        self._launcher, self._handler = launcher, handler
        self._kept, self._ahead = kept, ahead
        self._running: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._later: list[tuple[float, Job]] = []
        self._losses: dict[str, int] = {}

    def run(self) -> None:
        """Carry out all jobs.

        Raises:
            RunFailedError: If a job could not be carried out at all.
            KeyboardInterrupt: After Ctrl-C or SIGTERM, once running jobs have ended or `STOP_WAIT` is over.
        """
        with StopSignals() as stop:
            try:
                while self._running or self._queue or self._later or self._handler.pending:
                    if stop.requested:
                        raise KeyboardInterrupt
                    self._fill()
                    for event in self._launcher.events(POLL):
                        self._react(event)
                    self._handler.on_tick(len(self._running), self._launcher.slots)
            except KeyboardInterrupt:
                self._stop()
                raise

    def _fill(self) -> None:
        now = time.monotonic()
        due = [job for when, job in self._later if when <= now]
        self._later = [(when, job) for when, job in self._later if when > now]
        self._queue.extend(due)
        while len(self._running) < self._launcher.slots + self._ahead:
            job = self._queue.popleft() if self._queue else self._handler.next_job()
            if job is None:
                return
            self._running[job.id] = job
            self._handler.on_start(job)
            self._launcher.submit(job)

    def _react(self, event: Event) -> None:
        if isinstance(event, JobProgress):
            if event.id in self._running:
                self._handler.on_progress(self._running[event.id], event.values)
            return
        job = self._running.pop(event.id)
        if isinstance(event, WorkerLost):
            self._repeat(job, event.reason)
        elif event.error is not None:
            raise RunFailedError(event.error, f"{self._kept} are kept; start again to go on.")
        else:
            self._take(job, event)

    def _take(self, job: Job, event: Ended) -> None:
        if event.status == "busy":
            self._later.append((time.monotonic() + BUSY_EVERY, job))
            self._handler.on_busy(job)
        elif event.status == "interrupted":
            self._later.append((time.monotonic() + BUSY_EVERY, job))
            self._handler.on_requeued(job)
        else:
            self._handler.on_result(job, event.result or {})

    def _repeat(self, job: Job, reason: str) -> None:
        """The process is gone, not the job: start it again, unless it keeps killing its process."""
        losses = self._losses[job.id] = self._losses.get(job.id, 0) + 1
        if losses > MAX_LOSSES:
            self._handler.on_given_up(job, losses, reason)
        else:
            self._queue.append(job)
            self._handler.on_requeued(job)

    def _stop(self) -> None:
        """Let running jobs write their checkpoints; what is finished meanwhile counts."""
        self._handler.on_stopping()
        deadline = time.monotonic() + STOP_WAIT
        try:
            while self._running and time.monotonic() < deadline:
                self._launcher.stop()  # repeated: a worker may have been about to begin a job
                for event in self._launcher.events(POLL):
                    self._react_to_end(event)
        except KeyboardInterrupt:
            pass  # asked twice: at once

    def _react_to_end(self, event: Event) -> None:
        if isinstance(event, JobProgress):
            return
        job = self._running.pop(event.id, None)
        if job is None or not isinstance(event, Ended) or event.result is None:
            return
        if event.status not in ("busy", "interrupted"):
            self._handler.on_result(job, event.result)
