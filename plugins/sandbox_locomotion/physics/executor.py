"""Steps the rows of a batch on several processors: in threads at first, later with worker processes too."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import mujoco
import numpy as np

from sandbox.api import RunFailedError, usable_cores
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.physics.chunks import guided_chunks
from sandbox_locomotion.physics.stepper import Stepper
from sandbox_locomotion.physics.workers import SUPPORTED, WorkerPool

CHUNKS_PER_THREAD = 4
"""Rows differ in how many contacts they solve, so threads are given several small chunks."""
WORKERS_AFTER = 1.0
"""Time of stepping after which worker processes start, s; starting takes at least half a second."""
MIN_ROWS_PER_WORKER = 8
"""Rows per process below which a step is too short to be shared."""


class RowExecutor:
    """Steps all rows of a batch.

    Args:
        stepper: Class that steps rows.
        models: The model of each row.
        shared_model: Whether all rows have the same one, as worker processes need.
        gathered: Fields of ``MjData`` in each stepper's ``views``.
        arrays: ``state`` of the batch and the fields stored after a step, by name. The entries are
            replaced by shared memory when worker processes start, and replaced again when they end.
        threads: Threads or processes, the caller's included; 0 for one per processor.
        forces: Whether contact forces are computed after each step.
    """

    def __init__(
        self,
        stepper: type[Stepper],
        models: Sequence[mujoco.MjModel],
        shared_model: bool,
        gathered: Sequence[str],
        arrays: dict[str, Floats],
        threads: int,
        forces: bool,
    ) -> None:
        self._stepper, self._models, self._gathered = stepper, models, gathered
        self._arrays, self._forces = arrays, forces
        rows = len(models)
        self._threads = max(1, min(threads or usable_cores(), rows))
        self._local = threading.local()
        self._pool: ThreadPoolExecutor | None = None
        bounds = np.linspace(0, rows, min(rows, self._threads * CHUNKS_PER_THREAD) + 1).astype(int).tolist()
        self._chunks = [range(low, high) for low, high in pairwise(bounds)]
        self._workers: WorkerPool | None = None
        self._workers_ready = False
        enough = rows >= MIN_ROWS_PER_WORKER * self._threads > MIN_ROWS_PER_WORKER
        self._may_use_workers = SUPPORTED and shared_model and enough
        self._stepping_time = 0.0

    def stepper(self) -> Stepper:
        """The calling thread's stepper."""
        stepper: Stepper | None = getattr(self._local, "stepper", None)
        if stepper is None:
            stepper = self._local.stepper = self._stepper(self._models[0], self._gathered)
        return stepper

    def step(self, frame_skip: int) -> None:
        """Advance every row by ``frame_skip`` simulation steps."""
        if self._threads == 1:
            self._step_rows(range(len(self._models)), frame_skip)
        elif self.workers_ready():
            self._step_with_workers(frame_skip)
        else:
            self._step_in_threads(frame_skip)

    def close(self) -> None:
        """Stop threads and end worker processes."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._end_workers()

    def workers_ready(self) -> bool:
        """Whether worker processes take part; starts them when it is time."""
        if self._workers_ready:
            return True
        try:
            if self._workers is not None:
                self._workers_ready = self._workers.ready
            elif self._may_use_workers and self._stepping_time >= WORKERS_AFTER:
                self._start_workers()
        except (OSError, RunFailedError) as error:
            self._end_workers()
            self._may_use_workers = False
            warnings.warn(f"Robots are stepped in threads, without worker processes: {error}", stacklevel=5)
        return self._workers_ready

    def _step_rows(self, rows: range, frame_skip: int) -> None:
        self.stepper().step(self._models, rows, frame_skip, self._arrays, self._forces)

    def _step_in_threads(self, frame_skip: int) -> None:
        start = time.perf_counter()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "physics")
        for future in [self._pool.submit(self._step_rows, chunk, frame_skip) for chunk in self._chunks]:
            future.result()
        self._stepping_time += time.perf_counter() - start

    def _step_with_workers(self, frame_skip: int) -> None:
        assert self._workers is not None
        try:
            self._workers.begin(frame_skip)
            for rows in self._workers.take_chunks():
                self._step_rows(rows, frame_skip)
            self._workers.wait()
        except BaseException:  # such as an interrupt: answers to this step must not be taken for the next's
            self._end_workers()
            raise

    def _start_workers(self) -> None:
        chunks = guided_chunks(len(self._models), self._threads, self._stepper.min_rows)
        model = self._models[0]
        self._workers = WorkerPool(
            self._threads - 1, chunks, self._stepper, model, self._forces, self._arrays
        )
        self._move_to(self._workers.shared.arrays)

    def _end_workers(self) -> None:
        if self._workers is not None:
            self._move_to({name: np.empty_like(values) for name, values in self._arrays.items()})
            self._workers.close()
            self._workers, self._workers_ready = None, False

    def _move_to(self, arrays: dict[str, Floats]) -> None:
        """Keep the rows in these arrays from now on."""
        for name, values in self._arrays.items():
            arrays[name][:] = values
        self._arrays.update(arrays)
