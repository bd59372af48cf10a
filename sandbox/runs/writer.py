"""Writes one run directory: the only way in, and one process at a time."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from sandbox.api.errors import InvalidValueError
from sandbox.records.base import strict
from sandbox.records.checkpoint import ProgressMark
from sandbox.records.run import FORMAT, RunRecord
from sandbox.runs import checkpoints, policies
from sandbox.runs.atomic import (
    remove_folder,
    remove_litter,
    replace_folder,
    storage_errors,
    write_atomically,
)
from sandbox.runs.checksums import listed_sums, seal, sum_of, unlist, write_sums
from sandbox.runs.directory import PROGRESS, RECORD, Run
from sandbox.runs.guard import RUN, folder_below
from sandbox.runs.lock import Lock, this_process
from sandbox.runs.log import ProgressLog

TENSORBOARD = "tensorboard"


class RunWriter:
    """Writes one run directory; made by `create` or `reopen`, closed by `close`.

    Attributes:
        path: The run directory.

    Raises:
        StorageError: From every method that writes, with the cause and what was kept.
    """

    def __init__(self, path: Path, lock: Lock, record: RunRecord) -> None:
        self.path = path
        self._lock, self._record = lock, record
        self._log: ProgressLog | None = None
        self._before: Path | None = None
        self._empty_above = 3
        """Folders above the run that go with it if it leaves them empty: algorithm, scenario, domain."""

    @staticmethod
    def create(root: Path, record: RunRecord) -> RunWriter:
        """Begin a run directory below ``root``, the directory of all runs.

        Raises:
            InvalidValueError: If its name is not UTF-8, which logs and records must be.
            DamagedRunError: If a folder on the way there is a link.
            StorageError: If it cannot be made.
        """
        name = f"{record.seed}-{secrets.token_hex(4)}"
        path = folder_below(root, *record.scenario_id.split("/"), record.algorithm, name, what=RUN)
        if strict(str(path)) != str(path):
            raise InvalidValueError(f"The runs directory '{strict(str(root))}' has a name that is not UTF-8.")
        with storage_errors(path):
            made_root = not root.exists()
            path.mkdir(parents=True)
            writer = RunWriter(path, Lock.take(path), record)
            writer._empty_above += made_root
            try:
                writer.update(format=FORMAT, process=this_process(), status="running")
                writer._log = ProgressLog(path / PROGRESS)
            except BaseException:
                writer.close()
                raise
        return writer

    @staticmethod
    def reopen(path: Path) -> RunWriter:
        """Go on writing a run directory that no other process is writing.

        What a process that died left half written is removed; all else stays until `rewind`.

        Raises:
            RunBusyError: If another process is writing it.
            DamagedRunError: If it is not a run, or its record is damaged.
            StorageError: If it cannot be written.
        """
        Run.open(path)
        with storage_errors(path):
            lock = Lock.take(path)
            try:
                record = Run.open(path).record  # again: the last writer may have ended just now
                remove_litter(path)
            except BaseException:
                lock.release()
                raise
        return RunWriter(path, lock, record.changed(format=FORMAT))

    @property
    def record(self) -> RunRecord:
        """Content of ``run.json`` as this writer has left it."""
        return self._record

    def rewind(self, checkpoint: checkpoints.Checkpoint | None, mark: ProgressMark | None) -> None:
        """Take back what was written after a checkpoint, or everything, and go on as this process.

        Args:
            checkpoint: Where to go on; None at the beginning.
            mark: What `progress_mark` gave when it was written.
        """
        self._before = checkpoint.path if checkpoint else None
        with self._explained():
            unlist(self.path, lambda name: name == PROGRESS or name.startswith(f"{TENSORBOARD}/"))
            self._record = self._record.without("error")
            self.update(process=this_process(), status="running")
            self._log = ProgressLog(self.path / PROGRESS, mark)
            steps = checkpoint.steps if checkpoint else -1
            checkpoints.drop_newer(self.path / checkpoints.FOLDER, steps)
            policies.drop_newer_policies(self.path, steps)
            if checkpoint is None and (self.path / TENSORBOARD).is_dir():
                remove_folder(self.path / TENSORBOARD)

    def update(self, **entries: object) -> None:
        """Change entries of ``run.json``."""
        record = self._record.changed(**entries)
        with self._explained():
            write_atomically(self.path / RECORD, seal(record.to_json()))
        self._record = record

    def append_progress(self, row: Mapping[str, float | None]) -> None:
        """Add a line to ``progress.jsonl``; a reader must ignore an unfinished last line."""
        with self._explained():
            self._progress().append(row)

    def progress_mark(self) -> ProgressMark:
        """The present end of ``progress.jsonl``, which is on the disk when this returns."""
        with self._explained():
            return self._progress().mark()

    def write_folder(self, name: str, write: Callable[[Path], None]) -> Path:
        """Fill a new folder by ``write`` and move it in; a folder of that name is replaced.

        That it survives a power cut is certain once the record is updated, which says that it is there.
        """
        target = self.path / name
        with self._explained():
            replace_folder(target, write, last=False)
        return target

    def checkpoint(self, steps: int, write: Callable[[Path, Path | None], None]) -> Path:
        """Write a checkpoint, then drop all but the newest ones.

        Args:
            steps: Steps done.
            write: Fills a new folder; the second argument is the checkpoint before, whose files never
                change and may be hard-linked.
        """
        with self._explained():
            root = self.path / checkpoints.FOLDER
            before = self._before
            path = checkpoints.write_checkpoint(root, steps, lambda folder: write(folder, before), before)
            self._before = path
        return path

    def keep_policy(self, steps: int, write: Callable[[Path], None], most: int) -> None:
        """Keep a policy of training; see `sandbox.runs.policies.keep_policy`."""
        with self._explained():
            policies.keep_policy(self.path, steps, write, most)

    def drop_checkpoints(self) -> None:
        """Remove all checkpoints: the run is done and keeps its policies."""
        root = self.path / checkpoints.FOLDER
        self._before = None
        with self._explained():
            if root.is_dir():
                remove_folder(root)

    def scratch(self, name: str) -> Path:
        """A new hidden folder in the run directory, which a later writer clears away."""
        folder = self.path / f".{name}.tmp"
        with self._explained():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        return folder

    def end(self, **entries: object) -> None:
        """Note the sums of the logs, which do not grow any more, and how the run ended."""
        self.close_progress()
        with self._explained():
            files = [self.path / PROGRESS, *(self.path / TENSORBOARD).glob("*")]
            sums = {
                path.relative_to(self.path).as_posix(): (sum_of(path),) for path in files if path.is_file()
            }
            write_sums(self.path, {**listed_sums(self.path), **sums}, last=False)
        self.update(**entries)

    def discard(self) -> None:
        """Remove the run directory, and the folders that were made for it and that it leaves empty."""
        self.close()
        with self._explained():
            shutil.rmtree(self.path)
            for folder in list(self.path.parents)[: self._empty_above]:
                if any(folder.iterdir()):
                    break
                folder.rmdir()

    def close_progress(self) -> None:
        """Close ``progress.jsonl``; it opens again with the next record."""
        if self._log is not None:
            self._log.close()

    def close(self) -> None:
        """Close open files and let others write."""
        try:
            self.close_progress()
        finally:
            self._lock.release()

    def _progress(self) -> ProgressLog:
        if self._log is None:
            raise RuntimeError("a run that was reopened must be rewound before its log goes on")
        return self._log

    def _explained(self) -> AbstractContextManager[None]:
        return storage_errors(self.path)
