"""Jobs one after the other in this process: for debuggers, and where starting processes would not pay."""

from __future__ import annotations

import time
from collections import deque

from sandbox.launch.base import Ended, Event, Job, JobProgress, Payload
from sandbox.launch.worker import carry_out


class InlineLauncher:
    """Runs each job when somebody asks for events. A job that is killed takes this process with it."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()

    @property
    def slots(self) -> int:
        """One at a time."""
        return 1

    def submit(self, job: Job) -> None:
        """Keep the job until `events` is called."""
        self._waiting.append(job)

    def events(self, timeout: float) -> list[Event]:
        """Run the next job and tell what came of it."""
        if not self._waiting:
            time.sleep(min(timeout, 0.1))
            return []
        job = self._waiting.popleft()
        told: list[Event] = []

        def tell(values: Payload) -> None:
            told.append(JobProgress(job.id, values))

        kind, value = carry_out(job.function, job.payload, tell)
        if kind == "error" and value == "Interrupted.":
            raise KeyboardInterrupt
        if kind == "result" and value.get("status") == "interrupted":
            raise KeyboardInterrupt  # Ctrl-C came to this process and is meant for all that it does
        return [*told, Ended(job.id, None, value) if kind == "error" else Ended(job.id, value)]

    def stop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def close(self) -> None:
        """Nothing is held."""
        self._waiting.clear()
