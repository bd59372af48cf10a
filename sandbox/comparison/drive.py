"""Brings a grid to its end: runs the cells that are missing, and keeps account of all."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sandbox.api.errors import RunFailedError
from sandbox.comparison.cells import Cell
from sandbox.comparison.records import cell_folder, read_cell, write_cell
from sandbox.comparison.work import FUNCTION
from sandbox.launch import Job, JobLoop, Launcher
from sandbox.launch.base import Payload
from sandbox.records.cell import FORMAT, CellRecord
from sandbox.records.jobs import CellJob, JobResult, JobShare
from sandbox.records.status import CellStatus
from sandbox.runs.lock import lock_holder

SAVE_EVERY = 30.0
"""Seconds between two writings of intermediate results."""


class GridCallback(Protocol):
    """Receives the progress of a grid; the command line shows it."""

    def on_start(self, state: State) -> None:
        """Work starts."""
        ...

    def on_update(self, state: State) -> None:
        """Something happened, or a second passed."""
        ...

    def on_stopping(self, state: State) -> None:
        """Work is to stop: running cells are asked to write their checkpoints."""
        ...

    def on_end(self, state: State) -> None:
        """Nothing more will happen."""
        ...


class SilentGrid:
    """A callback that does nothing."""

    def on_start(self, state: State) -> None:
        return None

    def on_update(self, state: State) -> None:
        return None

    def on_stopping(self, state: State) -> None:
        return None

    def on_end(self, state: State) -> None:
        return None


@dataclass
class State:
    """How far a grid is.

    Attributes:
        cells: All that this driver looks after.
        status: By cell id.
        records: What finished cells say.
        reused: Cells that were there before.
        share: Of running cells, how much of training is done, 0 to 1.
        begun: When work began, in monotonic seconds.
        finished_here: Cells that have ended since.
        slots: Cells that can run at the same time.
    """

    cells: Sequence[Cell]
    status: dict[str, CellStatus] = field(default_factory=dict)
    records: dict[str, CellRecord] = field(default_factory=dict)
    reused: int = 0
    share: dict[str, float] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    finished_here: int = 0
    slots: int = 1

    def count(self, *statuses: CellStatus) -> int:
        """Cells in one of these states."""
        return sum(status in statuses for status in self.status.values())

    def seconds_left(self) -> float | None:
        """An estimate from what cells of the same agent and scenario took, or else of the same kind.

        None while nothing is known of a kind that is to come: a baseline that takes a second says nothing
        of a training run that takes an hour.
        """
        took: dict[tuple[str, ...], list[float]] = {}
        for cell in self.cells:
            record = self.records.get(cell.id)
            if record is not None and record.status == "done" and record.seconds is not None:
                for group in ((cell.scenario, cell.agent), (cell.kind,)):
                    took.setdefault(group, []).append(record.seconds)
        left = 0.0
        for cell in self.cells:
            if self.status[cell.id] in ("missing", "running", "busy"):
                similar = took.get((cell.scenario, cell.agent)) or took.get((cell.kind,))
                if similar is None:
                    return None
                left += sum(similar) / len(similar) * (1 - self.share.get(cell.id, 0.0))
        return left / max(1, self.slots)


def survey(root: Path, cells: Sequence[Cell]) -> State:
    """What is there already, without starting anything."""
    state = State(cells)
    for cell in cells:
        record = read_cell(root, cell.id)
        if record is None:
            state.status[cell.id] = "busy" if lock_holder(cell_folder(root, cell.id)) else "missing"
        else:
            state.status[cell.id] = record.status
            state.records[cell.id] = record
    state.reused = state.count("done")
    return state


def drive(
    root: Path,
    state: State,
    launcher: Launcher,
    *,
    retry: bool = False,
    fresh: bool = False,
    callback: GridCallback | None = None,
    on_save: Callable[[State], None] = lambda state: None,
    artifacts: str | None = None,
) -> None:
    """Run every cell of ``state`` that is missing.

    Args:
        root: The runs directory.
        state: From `survey`; kept up to date.
        launcher: Runs the cells.
        retry: Whether cells that failed before are run again.
        fresh: Whether baselines are played again.
        callback: Receives the progress.
        on_save: Called now and then after cells have finished, to write intermediate results.
        artifacts: URL of a store that gets a copy of what each cell leaves.

    Raises:
        RunFailedError: If cells cannot be run at all (not: if a cell fails, which is a result).
        KeyboardInterrupt: After Ctrl-C or SIGTERM, once running cells have written their checkpoints.
    """
    callback = callback or SilentGrid()
    callback.on_start(state)
    try:
        cells = _Cells(root, state, retry, fresh, callback, on_save, artifacts)
        # One more than can run, so that no worker waits for this process.
        JobLoop(launcher, cells, "Cells that were finished", ahead=1).run()
    finally:
        for cell_id, status in state.status.items():
            if status == "running":
                state.status[cell_id] = "missing"
        callback.on_end(state)


class _Cells:
    """The cells that are missing, as jobs; see `sandbox.launch.JobHandler`."""

    def __init__(
        self,
        root: Path,
        state: State,
        retry: bool,
        fresh: bool,
        callback: GridCallback,
        on_save: Callable[[State], None],
        artifacts: str | None,
    ) -> None:
        self._root, self._state, self._retry, self._fresh = root, state, retry, fresh
        self._callback, self._on_save, self._artifacts = callback, on_save, artifacts
        to_run: set[CellStatus] = {"missing", "busy", "interrupted"}
        if retry:
            to_run.add("failed")
        self._cells = {cell.id: cell for cell in state.cells}
        if fresh:
            for cell in state.cells:
                if cell.kind == "baseline" and state.status[cell.id] == "done":
                    state.status[cell.id] = "missing"
        self._waiting = deque(cell.id for cell in state.cells if state.status[cell.id] in to_run)
        self._saved_at = time.monotonic()
        self._unsaved = False

    @property
    def pending(self) -> bool:
        return bool(self._waiting)

    def next_job(self) -> Job | None:
        if not self._waiting:
            return None
        cell = self._cells[self._waiting.popleft()]
        job = CellJob(
            root=str(self._root.resolve()),
            cell=cell.id,
            kind=cell.kind,
            request=cell.request,
            again=self._retry,
            fresh=self._fresh and cell.kind == "baseline",
            artifacts=self._artifacts,
        )
        return Job(cell.id, FUNCTION, job.to_json())

    def on_start(self, job: Job) -> None:
        if self._state.status[job.id] != "busy":
            self._state.status[job.id] = "running"

    def on_progress(self, job: Job, values: Payload) -> None:
        self._state.share[job.id] = JobShare.model_validate(values).share

    def on_busy(self, job: Job) -> None:
        self._state.share.pop(job.id, None)
        self._state.status[job.id] = "busy"

    def on_requeued(self, job: Job) -> None:
        self._state.share.pop(job.id, None)
        self._state.status[job.id] = "missing"

    def on_result(self, job: Job, result: Payload) -> None:
        self._state.share.pop(job.id, None)
        record = read_cell(self._root, job.id)
        if record is None:
            status = JobResult.model_validate(result).status
            raise RunFailedError(
                f"A cell was reported as {status}, but its record is not below '{self._root}'.",
                "The runs directory must be on storage that all workers share.",
            )
        self._state.status[job.id] = record.status
        self._state.records[job.id] = record
        self._state.finished_here += 1
        self._unsaved = True

    def on_given_up(self, job: Job, losses: int, reason: str) -> None:
        self._state.share.pop(job.id, None)
        cell = self._cells[job.id]
        record = CellRecord(
            format=FORMAT,
            id=cell.id,
            kind=cell.kind,
            scenario=cell.scenario,
            seed=cell.seed,
            attempts=losses,
            run_dir=None,
            status="failed",
            error=f"The cell was lost {losses} times: {reason}.",
        )
        write_cell(self._root, record)
        self._state.status[cell.id] = "failed"
        self._state.records[cell.id] = record

    def on_tick(self, running: int, slots: int) -> None:
        self._state.slots = slots
        now = time.monotonic()
        if self._unsaved and now - self._saved_at > SAVE_EVERY:
            self._on_save(self._state)
            self._saved_at, self._unsaved = time.monotonic(), False
        self._callback.on_update(self._state)

    def on_stopping(self) -> None:
        self._callback.on_stopping(self._state)
