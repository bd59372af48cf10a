"""Jobs in processes of this machine, which stay warm from one job to the next."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from sandbox.api.processes import Parent, describe_exit, starting_children, usable_cores
from sandbox.launch.base import Ended, Event, Job, JobProgress, WorkerLost
from sandbox.launch.worker import serve


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Job | None = None
    ready: bool = False


class LocalLauncher:
    """Worker processes with one numerical thread each.

    A worker that dies loses its own job only; another takes its place.

    Args:
        workers: Jobs at the same time; all usable cores if absent.
        fresh: Whether every job has a process of its own, which ends with it.
    """

    def __init__(self, workers: int | None = None, fresh: bool = False) -> None:
        self._size, self._fresh = workers or usable_cores(), fresh
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._dropped: list[Event] = []

    @property
    def slots(self) -> int:
        """One a worker."""
        return self._size

    def submit(self, job: Job) -> None:
        """Give the job to a free worker, or keep it until one is free."""
        self._waiting.append(job)
        self._feed()

    def events(self, timeout: float) -> list[Event]:
        """See `sandbox.launch.base.Launcher`."""
        events, self._dropped = self._dropped, []
        handles: list[Any] = [worker.pipe for worker in self._workers]
        handles += [worker.process.sentinel for worker in self._workers]
        if not handles:
            time.sleep(0.0 if events else min(timeout, 0.1))
            return events
        ready = set(wait(handles, 0.0 if events else timeout))
        for worker in list(self._workers):
            if worker.pipe in ready:
                events += self._read(worker)
            if worker.process.sentinel in ready and worker in self._workers:
                events += self._read(worker)  # what it sent before it died
                events += self._bury(worker)
        self._feed()
        return events

    def stop(self) -> None:
        """Ask every job under way to end, and drop those that wait, which are reported as lost."""
        for worker in self._workers:
            if worker.job is not None and worker.process.pid is not None and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGTERM)
        self._dropped += [WorkerLost(job.id, "it was not started") for job in self._waiting]
        self._waiting.clear()

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.pipe.close()  # an idle worker ends by itself
            if worker.job is not None:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()
        self._waiting.clear()

    def _feed(self) -> None:
        while self._waiting:
            worker = next((worker for worker in self._workers if worker.job is None), None)
            if worker is None and len(self._workers) < self._size:
                worker = self._hire()
            if worker is None:
                return
            worker.job = self._waiting.popleft()
            with suppress(OSError):  # it may have died: its sentinel tells, and the job is lost
                worker.pipe.send((worker.job.function, worker.job.payload))

    def _hire(self) -> _Worker:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, Parent.current()), name="sandbox-worker")
        before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = "1"  # read when the child imports NumPy, before any code of ours
        try:
            with starting_children():
                process.start()
        finally:
            if before is None:
                del os.environ["OMP_NUM_THREADS"]
            else:
                os.environ["OMP_NUM_THREADS"] = before
        there.close()
        worker = _Worker(process, here)
        self._workers.append(worker)
        return worker

    def _read(self, worker: _Worker) -> list[Event]:
        events: list[Event] = []
        try:
            while worker.pipe.poll():
                kind, value = worker.pipe.recv()
                if kind == "ready":
                    worker.ready = True
                elif worker.job is not None and kind == "progress":
                    events.append(JobProgress(worker.job.id, value))
                elif worker.job is not None:
                    error = value if kind == "error" else None
                    events.append(Ended(worker.job.id, None if error else value, error))
                    worker.job = None
                    if self._fresh:
                        self._dismiss(worker)
                        return events
                    self._feed()
        except (EOFError, OSError):
            pass
        return events

    def _dismiss(self, worker: _Worker) -> None:
        """Let an idle worker end; the next job gets a new one."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(5)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()

    def _bury(self, worker: _Worker) -> list[Event]:
        self._workers.remove(worker)
        worker.process.join()
        worker.pipe.close()
        how = describe_exit(worker.process.exitcode)
        if not worker.ready and worker.job is not None:
            return [Ended(worker.job.id, None, f"A worker process could not start ({how}).")]
        return [WorkerLost(worker.job.id, f"its process ended ({how})")] if worker.job is not None else []
