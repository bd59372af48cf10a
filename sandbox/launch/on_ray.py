"""Jobs as tasks of a Ray cluster: one task a job with declared cores, tried again when its node dies."""

from __future__ import annotations

import time
from typing import Any

from sandbox.api.processes import usable_cores
from sandbox.launch.base import Ended, Event, Job, JobProgress, Payload, WorkerLost
from sandbox.launch.worker import carry_out
from sandbox.registry.ray_cluster import connect

MAX_RETRIES = 3
"""Times that Ray starts a task again when its process or node has died."""

SLOTS_EVERY = 5.0
PROGRESS_EVERY = 2.0


class RayLauncher:
    """Sends jobs to a Ray cluster and streams their results back.

    Args:
        address: ``host:port`` of a running cluster, ``auto`` for the one of this machine, or None for one
            that lives as long as this launcher.
        workers: Most jobs at the same time; what the cluster's cores allow if absent.
        cores: Cores that each job declares.

    Raises:
        MissingExtraError: If Ray is not installed.
        InvalidValueError: If Ray was imported without token authentication.
        RunFailedError: If the cluster cannot be reached.
    """

    def __init__(self, address: str | None, workers: int | None, cores: float) -> None:
        most = round((workers or usable_cores()) * cores)
        self._started_here = connect("The launcher ray", address, most)
        import ray

        self._ray: Any = ray
        self._limit, self._cores = workers, cores
        self._mail: Any = ray.remote(num_cpus=0, max_restarts=-1)(_Mailbox).remote()
        task: Any = ray.remote(_run)
        self._task = task.options(num_cpus=cores, max_retries=MAX_RETRIES)
        self._refs: dict[Any, str] = {}
        self._cancelled: set[Any] = set()
        self._slots, self._slots_read_at = 1, 0.0
        self._collecting: Any = None
        self._collected_at = 0.0

    @property
    def slots(self) -> int:
        """What the cluster's cores allow now; nodes may join and leave."""
        now = time.monotonic()
        if now - self._slots_read_at > SLOTS_EVERY or not self._slots_read_at:
            self._slots_read_at = now
            total = float(self._ray.cluster_resources().get("CPU", 0.0))
            self._slots = max(1, int(total / self._cores))
        return min(self._slots, self._limit or self._slots)

    def submit(self, job: Job) -> None:
        """Start a task."""
        reference = self._task.remote(job.id, job.function, dict(job.payload), self._mail)
        self._refs[reference] = job.id

    def events(self, timeout: float) -> list[Event]:
        """See `sandbox.launch.base.Launcher`."""
        events = self._progress()
        if not self._refs:
            time.sleep(0.0 if events else min(timeout, 0.1))
            return events
        done, _ = self._ray.wait(list(self._refs), num_returns=1, timeout=timeout)
        if done:  # and whatever else is ready by now
            done, _ = self._ray.wait(list(self._refs), num_returns=len(self._refs), timeout=0)
        for reference in done:
            events.append(self._ended(self._refs.pop(reference), reference))
        return events

    def stop(self) -> None:
        """Interrupt every task once: training writes its checkpoint."""
        for reference in self._refs:
            if reference not in self._cancelled:
                self._cancelled.add(reference)
                self._ray.cancel(reference, force=False)

    def close(self) -> None:
        """Cancel what is under way, and end a cluster that was started here."""
        for reference in self._refs:
            self._ray.cancel(reference, force=True)
        self._refs.clear()
        if self._started_here:
            self._ray.shutdown()

    def _ended(self, job: str, reference: Any) -> Event:
        exceptions = self._ray.exceptions
        try:
            kind, value = self._ray.get(reference)
        except exceptions.TaskCancelledError:
            return WorkerLost(job, "it was cancelled")
        except exceptions.RayTaskError as error:
            return Ended(job, None, f"{type(error.cause).__name__}: {error.cause}")
        except exceptions.RayError as error:
            return WorkerLost(job, str(error).partition("\n")[0])
        return Ended(job, None, value) if kind == "error" else Ended(job, value)

    def _progress(self) -> list[Event]:
        """Progress that tasks have left in the mailbox, asked for without waiting."""
        events: list[Event] = []
        if self._collecting is not None:
            ready, _ = self._ray.wait([self._collecting], timeout=0)
            if ready:
                try:
                    latest = self._ray.get(self._collecting)
                    running = set(self._refs.values())
                    events = [JobProgress(job, values) for job, values in latest.items() if job in running]
                except self._ray.exceptions.RayError:
                    pass  # its node died; it starts again elsewhere, and progress is only progress
                self._collecting = None
        now = time.monotonic()
        if self._collecting is None and now - self._collected_at > PROGRESS_EVERY:
            self._collected_at = now
            self._collecting = self._mail.collect.remote()
        return events


class _Mailbox:
    """An actor in which tasks leave their latest progress."""

    def __init__(self) -> None:
        self._latest: dict[str, Payload] = {}

    def leave(self, job: str, values: Payload) -> None:
        self._latest[job] = values

    def collect(self) -> dict[str, Payload]:
        latest, self._latest = self._latest, {}
        return latest


def _run(job: str, function: str, payload: Payload, mail: Any) -> tuple[str, Any]:
    """The task: one job in a worker process of the cluster."""
    reported_at = 0.0

    def on_progress(values: Payload) -> None:
        nonlocal reported_at
        now = time.monotonic()
        if now - reported_at >= PROGRESS_EVERY:
            reported_at = now
            mail.leave.remote(job, dict(values))

    return carry_out(function, payload, on_progress)
