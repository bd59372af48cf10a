"""Jobs as jobs of Slurm, submitted with submitit."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from sandbox.api.errors import InvalidValueError, MissingExtraError
from sandbox.launch.base import Ended, Event, Job, Payload, WorkerLost
from sandbox.launch.worker import carry_out
from sandbox.registry.resolve import missing_modules
from sandbox.runs.guard import folder_below

MAX_JOBS = 500
"""Jobs in the queue at the same time where nobody says how many."""

LOOK_EVERY = 2.0


class SlurmLauncher:
    """Submits one Slurm job for each job, and polls their results.

    Args:
        folder: Where submitit keeps scripts, logs and results; on storage that the nodes share.
        workers: Most jobs in the queue at the same time.
        cores: Cores of each job.
        partition: Slurm partition; the cluster's default if absent.
        minutes: Time limit of each job.
        cluster: What submitit submits to: ``slurm``, or ``local`` for processes of this machine.

    Raises:
        MissingExtraError: If submitit is not installed.
        InvalidValueError: If there is no Slurm here.
    """

    def __init__(
        self,
        folder: str,
        workers: int | None,
        cores: float,
        partition: str | None = None,
        minutes: int = 24 * 60,
        cluster: str = "slurm",
    ) -> None:
        if missing_modules(("submitit",)):
            raise MissingExtraError("The launcher slurm", ("submitit",), "slurm")
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise InvalidValueError(
                "There is no Slurm on this machine: the command sbatch is not found.",
                "Submit from a login node, or use --launcher local or ray.",
            )
        import submitit

        place = folder_below(Path(folder).parent, Path(folder).name, "slurm", what="folder of jobs")
        place.mkdir(parents=True, exist_ok=True)
        self._executor: Any = submitit.AutoExecutor(folder=place, cluster=cluster)
        self._executor.update_parameters(
            name="sandbox",
            timeout_min=minutes,
            cpus_per_task=max(1, round(cores)),
            **({"slurm_partition": partition} if partition else {}),
        )
        self._limit = workers or MAX_JOBS
        self._jobs: dict[str, Any] = {}
        self._cancelled: set[str] = set()

    @property
    def slots(self) -> int:
        """Jobs that may stand in the queue."""
        return self._limit

    def submit(self, job: Job) -> None:
        """Put a job into the queue."""
        self._cancelled.discard(job.id)
        self._jobs[job.id] = self._executor.submit(_run, job.function, dict(job.payload))

    def events(self, timeout: float) -> list[Event]:
        """See `sandbox.launch.base.Launcher`; looks at the results' files every two seconds at most."""
        deadline = time.monotonic() + timeout
        while True:
            events: list[Event] = [
                self._ended(name, submitted)
                for name, submitted in list(self._jobs.items())
                if submitted.done()
            ]
            left = deadline - time.monotonic()
            if events or left <= 0:
                return events
            time.sleep(min(LOOK_EVERY, left))

    def stop(self) -> None:
        """Ask every job once to end; Slurm sends SIGTERM, which training answers with a checkpoint."""
        for name, submitted in self._jobs.items():
            if name not in self._cancelled:
                self._cancelled.add(name)
                submitted.cancel(check=False)

    def close(self) -> None:
        """Take every job out of the queue."""
        self.stop()
        self._jobs.clear()

    def _ended(self, name: str, submitted: Any) -> Event:
        del self._jobs[name]
        error = submitted.exception()
        if error is not None:
            return WorkerLost(name, str(error).strip().partition("\n")[0] or type(error).__name__)
        kind, value = submitted.result()
        return Ended(name, None, value) if kind == "error" else Ended(name, value)


def _run(function: str, payload: Payload) -> tuple[str, Any]:
    return carry_out(function, payload, lambda values: None)
