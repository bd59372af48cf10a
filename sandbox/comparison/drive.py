"""Drives a grid to its end: sends out what is missing, hears of it, tries again what was lost."""

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
from sandbox.launch import Ended, Event, Job, JobProgress, Launcher, WorkerLost
from sandbox.records.cell import FORMAT, CellRecord
from sandbox.records.status import CellStatus
from sandbox.runs.lock import lock_holder

MAX_LOSSES = 3
"""Times that a cell's process may die under it before the cell counts as failed."""

BUSY_EVERY = 1.0
"""Seconds between two looks at a cell that another driver's worker has."""


class Watcher(Protocol):
    """Hears how a grid goes; the command line shows it."""

    def begin(self, state: State) -> None:
        """Work starts."""
        ...

    def changed(self, state: State) -> None:
        """Something happened, or a second passed."""
        ...

    def end(self, state: State) -> None:
        """Nothing more will happen."""
        ...


class Unwatched:
    """Hears nothing."""

    def begin(self, state: State) -> None:
        return None

    def changed(self, state: State) -> None:
        return None

    def end(self, state: State) -> None:
        return None


@dataclass
class State:
    """How far a grid is.

    Attributes:
        cells: All that this driver looks after.
        status: By cell id: ``done``, ``failed``, ``running``, ``busy`` (with another driver),
            ``missing``.
        records: What finished cells say.
        reused: Cells that were there before.
        share: Of running cells, how much of training is done, 0 to 1.
        started: When work began, and each running cell, in monotonic seconds.
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
        """An estimate from what like cells took; None before anything is known."""
        took: dict[tuple[str, str], list[float]] = {}
        for cell in self.cells:
            record = self.records.get(cell.id)
            if record is not None and record.status == "done" and record.seconds is not None:
                took.setdefault((cell.scenario, cell.agent), []).append(record.seconds)
        known = [seconds for many in took.values() for seconds in many]
        if not known:
            return None
        usual = sum(known) / len(known)
        left = 0.0
        for cell in self.cells:
            if self.status[cell.id] in ("missing", "running", "busy"):
                like = took.get((cell.scenario, cell.agent), [usual])
                left += sum(like) / len(like) * (1 - self.share.get(cell.id, 0.0))
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
    watcher: Watcher | None = None,
    settled: Callable[[State], None] = lambda state: None,
    artifacts: str | None = None,
) -> None:
    """Run every cell of ``state`` that is missing.

    Args:
        root: The runs directory.
        state: From `survey`; kept up to date.
        launcher: Runs the cells.
        retry: Whether cells that failed before are run again.
        watcher: Hears how it goes.
        settled: Called now and then after cells have finished, to write intermediate results.
        artifacts: URL of a store that gets a copy of what each cell leaves.

    Raises:
        RunFailedError: If cells cannot be run at all (not: if a cell fails, which is a result).
        KeyboardInterrupt: After an interrupt, once running cells have written their checkpoints.
    """
    _Drive(root, state, launcher, retry, watcher or Unwatched(), settled, artifacts).run()


class _Drive:
    def __init__(
        self,
        root: Path,
        state: State,
        launcher: Launcher,
        retry: bool,
        watcher: Watcher,
        settled: Callable[[State], None],
        artifacts: str | None,
    ) -> None:
        self._root, self._state, self._launcher, self._retry = root, state, launcher, retry
        self._watcher, self._settled, self._artifacts = watcher, settled, artifacts
        open_ones: tuple[CellStatus, ...] = (
            "missing",
            "busy",
            "interrupted",
            *(("failed",) if retry else ()),
        )
        self._cells = {cell.id: cell for cell in state.cells}
        self._waiting = deque(cell.id for cell in state.cells if state.status[cell.id] in open_ones)
        self._later: dict[str, float] = {}
        self._under_way: set[str] = set()
        self._losses: dict[str, int] = {}
        self._saved = time.monotonic()
        self._unsaved = False

    def run(self) -> None:
        self._watcher.begin(self._state)
        try:
            while self._waiting or self._later or self._under_way:
                self._send()
                for event in self._launcher.events(1.0):
                    self._hear(event)
                self._save_now_and_then()
                self._watcher.changed(self._state)
        except KeyboardInterrupt:
            self._stop()
            raise
        finally:
            self._watcher.end(self._state)

    def _send(self) -> None:
        now = time.monotonic()
        for known in [one for one, when in self._later.items() if when <= now]:
            del self._later[known]
            self._waiting.append(known)
        self._state.slots = self._launcher.slots
        # One more than can run, so that no worker waits for this process.
        while self._waiting and len(self._under_way) <= self._launcher.slots:
            cell = self._cells[self._waiting.popleft()]
            payload = {
                "root": str(self._root.resolve()),
                "cell": cell.id,
                "kind": cell.kind,
                "request": cell.request.to_json(),
                "again": self._retry,
                "artifacts": self._artifacts,
            }
            self._under_way.add(cell.id)
            if self._state.status[cell.id] != "busy":
                self._state.status[cell.id] = "running"
            self._launcher.submit(Job(cell.id, FUNCTION, payload))

    def _hear(self, event: Event) -> None:
        if isinstance(event, JobProgress):
            total = event.values.get("total") or 0
            if total:
                self._state.share[event.id] = min(1.0, event.values.get("done", 0) / total)
            return
        self._under_way.discard(event.id)
        self._state.share.pop(event.id, None)
        if isinstance(event, WorkerLost):
            self._lose(event)
        elif event.error is not None:
            raise RunFailedError(event.error, "Cells that were finished are kept; start again to go on.")
        else:
            self._settle(event)

    def _settle(self, event: Ended) -> None:
        status = str((event.result or {}).get("status"))
        if status == "busy":
            self._state.status[event.id] = "busy"
            self._later[event.id] = time.monotonic() + BUSY_EVERY
            return
        if status == "interrupted":
            self._state.status[event.id] = "missing"
            self._waiting.append(event.id)
            return
        record = read_cell(self._root, event.id)
        if record is None:
            raise RunFailedError(
                f"A cell was reported as {status}, but its record is not below '{self._root}'.",
                "The runs directory must be on storage that all workers share.",
            )
        self._state.status[event.id] = record.status
        self._state.records[event.id] = record
        self._state.finished_here += 1
        self._unsaved = True

    def _lose(self, event: WorkerLost) -> None:
        """The process is gone, not the cell: run it again, unless it keeps killing its process."""
        losses = self._losses[event.id] = self._losses.get(event.id, 0) + 1
        if losses <= MAX_LOSSES:
            self._state.status[event.id] = "missing"
            self._waiting.append(event.id)
            return
        cell = self._cells[event.id]
        error = f"The cell was lost {losses} times: {event.reason}."
        record = CellRecord(
            format=FORMAT,
            id=cell.id,
            kind=cell.kind,
            scenario=cell.scenario,
            seed=cell.seed,
            attempts=losses,
            run_dir=None,
            status="failed",
            error=error,
        )
        write_cell(self._root, record)
        self._state.status[cell.id] = "failed"
        self._state.records[cell.id] = record

    def _save_now_and_then(self) -> None:
        now = time.monotonic()
        if self._unsaved and now - self._saved > 30.0:
            self._settled(self._state)
            self._saved, self._unsaved = time.monotonic(), False

    def _stop(self) -> None:
        """Let running cells write their checkpoints; what is finished meanwhile counts."""
        self._launcher.stop()
        deadline = time.monotonic() + 60.0
        try:
            while self._under_way and time.monotonic() < deadline:
                for event in self._launcher.events(0.5):
                    if isinstance(event, Ended) and (event.result or {}).get("status") in ("done", "failed"):
                        self._hear(event)
                    elif not isinstance(event, JobProgress):
                        self._under_way.discard(event.id)
        except KeyboardInterrupt:
            pass  # asked twice: at once
        for cell, status in self._state.status.items():
            if status == "running":
                self._state.status[cell] = "missing"
