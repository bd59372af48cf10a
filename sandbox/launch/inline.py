"""Jobs one after the other in this process: for debuggers, and where starting processes would not pay."""

from __future__ import annotations

import time
from collections import deque

from sandbox.launch.base import Ended, Event, Job, JobProgress, Payload, WorkerLost
from sandbox.launch.worker import carry_out


class InlineLauncher:
    """Runs a job whenever events are asked for. A job that is killed takes this process with it."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._dropped: list[Event] = []

    @property
    def slots(self) -> int:
        """One at a time."""
        return 1

    def submit(self, job: Job) -> None:
        """Keep the job until `events` is called."""
        self._waiting.append(job)

    def events(self, timeout: float) -> list[Event]:
        """Run the next job and report what became of it.

        Raises:
            KeyboardInterrupt: If the job was interrupted: Ctrl-C came to this process and is meant for all
                that it does. The job's end is reported by the next call.
        """
        events, self._dropped = self._dropped, []
        if events or not self._waiting:
            time.sleep(0.0 if events else min(timeout, 0.1))
            return events
        job = self._waiting.popleft()

        def on_progress(values: Payload) -> None:
            events.append(JobProgress(job.id, values))

        kind, value = carry_out(job.function, job.payload, on_progress)
        ended = Ended(job.id, None, value) if kind == "error" else Ended(job.id, value)
        if ended.status == "interrupted":
            self._dropped.append(ended)
            raise KeyboardInterrupt
        return [*events, ended]

    def stop(self) -> None:
        """Drop what waits."""
        self._dropped += [WorkerLost(job.id, "it was not started") for job in self._waiting]
        self._waiting.clear()

    def close(self) -> None:
        """Nothing is held."""
        self._waiting.clear()
