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

from sandbox.envs.vector import main_module_hidden
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
    """

    def __init__(self, workers: int | None = None) -> None:
        self._size = workers or usable_cores()
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
        found, self._dropped = self._dropped, []
        handles: list[Any] = [worker.pipe for worker in self._workers]
        handles += [worker.process.sentinel for worker in self._workers]
        if not handles:
            time.sleep(0.0 if found else min(timeout, 0.1))
            return found
        ready = set(wait(handles, 0.0 if found else timeout))
        for worker in list(self._workers):
            if worker.pipe in ready:
                found += self._read(worker)
            if worker.process.sentinel in ready and worker in self._workers:
                found += self._read(worker)  # what it sent before it died
                found += self._bury(worker)
        self._feed()
        return found

    def stop(self) -> None:
        """Interrupt every job under way and forget those that wait; told as lost."""
        for worker in self._workers:
            if worker.job is not None and worker.process.pid is not None and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGINT)
        self._dropped += [WorkerLost(job.id, "it was not started") for job in self._waiting]
        self._waiting.clear()

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.pipe.close()  # an idle worker ends by itself
            if worker.job is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()
        self._waiting.clear()

    def _feed(self) -> None:
        while self._waiting:
            worker = next((one for one in self._workers if one.job is None), None)
            if worker is None and len(self._workers) < self._size:
                worker = self._hire()
            if worker is None:
                return
            worker.job = self._waiting.popleft()
            with suppress(OSError):  # it may have died: its sentinel tells, and the job is told as lost
                worker.pipe.send((worker.job.function, worker.job.payload))

    def _hire(self) -> _Worker:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, os.getpid()), name="sandbox-worker")
        before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = "1"  # read when the child imports NumPy, before any code of ours
        try:
            with main_module_hidden():
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
        found: list[Event] = []
        try:
            while worker.pipe.poll():
                kind, value = worker.pipe.recv()
                if kind == "ready":
                    worker.ready = True
                elif worker.job is not None and kind == "told":
                    found.append(JobProgress(worker.job.id, value))
                elif worker.job is not None:
                    error = value if kind == "error" else None
                    found.append(Ended(worker.job.id, None if error else value, error))
                    worker.job = None
                    self._feed()
        except (EOFError, OSError):
            pass
        return found

    def _bury(self, worker: _Worker) -> list[Event]:
        self._workers.remove(worker)
        worker.process.join()
        worker.pipe.close()
        code = worker.process.exitcode
        if not worker.ready and worker.job is not None:
            return [Ended(worker.job.id, None, f"A worker process could not start (exit code {code}).")]
        return [WorkerLost(worker.job.id, _cause(code))] if worker.job is not None else []


def usable_cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = "; memory may have run out" if -code == signal.SIGKILL else ""
        return f"its process was ended by {name}{hint}"
    return f"its process ended with exit code {code}"
