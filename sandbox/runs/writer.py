"""Writes one run directory: the only way in, and one process at a time."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.runs import checkpoints
from sandbox.runs.artifacts import (
    add_artifact,
    listed_sums,
    unlist,
    write_sums,
)
from sandbox.runs.atomic import (
    remove_folder,
    remove_litter,
    replace_folder,
    storage_errors,
    write_atomically,
)
from sandbox.runs.checksums import (
    chain,
    seal,
    sum_of,
)
from sandbox.runs.directory import FORMAT, PROGRESS, RECORD, Run, strict
from sandbox.runs.lock import Lease
from sandbox.runs.process import _this_process


class RunWriter:
    """Writes one run directory; the only way in, and one process at a time.

    Args:
        root: The directory of all runs.
        record: First content of ``run.json``; must hold ``scenario_id``, ``algorithm`` and ``seed``.

    Raises:
        StorageError: From every method that writes, with the cause and what was kept.
    """

    def __init__(self, root: Path, record: Mapping[str, Any]) -> None:
        domain, name = str(record["scenario_id"]).split("/")
        parent = root / domain / name / str(record["algorithm"])
        self.path = parent / f"{record['seed']}-{secrets.token_hex(4)}"
        self._record = {**record, "format": FORMAT, "process": _this_process()}
        self._progress: Any = None
        self._chain = 0
        self._before: Path | None = None
        with self._explained():
            self.path.mkdir(parents=True)
            self._lease = Lease.take(self.path)
            try:
                self.update(status="running")
            except BaseException:
                self.close()
                raise

    @staticmethod
    def reopen(path: Path) -> RunWriter:
        """Go on writing a run directory that no other process is writing.

        What a process that died left half written is removed; all else stays until `rewind`.

        Raises:
            RunBusyError: If another process is writing it.
            DamagedRunError: If it is not a run, or its record is damaged.
            StorageError: If it cannot be written.
        """
        writer = RunWriter.__new__(RunWriter)
        writer.path = path
        writer._progress, writer._chain, writer._before = None, 0, None
        Run.open(path)
        with storage_errors(path):
            writer._lease = Lease.take(path)
            try:
                record = Run.open(path).record  # again: the last writer may have ended just now
                writer._record = {**record, "format": FORMAT}
                remove_litter(path)
            except BaseException:
                writer.close()
                raise
        return writer

    @property
    def record(self) -> dict[str, Any]:
        """Content of ``run.json`` as this writer has left it."""
        return self._record

    def rewind(self, checkpoint: checkpoints.Checkpoint | None, mark: Mapping[str, int] | None) -> None:
        """Take back what was written after a checkpoint, or everything, and go on as this process.

        Args:
            checkpoint: Where to go on; None at the beginning.
            mark: What `progress_mark` gave when it was written.
        """
        length, self._chain = (int(mark["bytes"]), int(mark["sum"])) if mark else (0, 0)
        self._before = checkpoint.path if checkpoint else None
        with self._explained():
            unlist(self.path, lambda name: name == PROGRESS or name.startswith("tensorboard/"))
            self._record.pop("error", None)
            self._record["process"] = _this_process()
            self.update(status="running")
            file = self.path / PROGRESS
            if file.exists():
                os.truncate(file, min(length, file.stat().st_size))
            checkpoints.drop_newer(self.path / checkpoints.FOLDER, checkpoint.steps if checkpoint else -1)
            if checkpoint is None and (self.path / "tensorboard").is_dir():
                remove_folder(self.path / "tensorboard")

    def update(self, **values: Any) -> None:
        """Change entries of ``run.json``."""
        self._record.update(values)
        with self._explained():
            write_atomically(self.path / RECORD, seal(strict(self._record)))

    def write_json(self, name: str, document: Any) -> None:
        """Write a JSON file and list its sum; NaN becomes null, which strict readers accept."""
        text = json.dumps(strict(document), indent=2, ensure_ascii=False, allow_nan=False)
        with self._explained():
            add_artifact(self.path, name, f"{text}\n".encode())

    def append_progress(self, record: Mapping[str, Any]) -> None:
        """Add a line to ``progress.jsonl``; a reader must ignore an unfinished last line."""
        with self._explained():
            if self._progress is None:
                self._progress = (self.path / PROGRESS).open("a", encoding="utf-8")
            line, self._chain = chain(self._chain, strict(record))
            self._progress.write(line)
            self._progress.flush()
            self._lease.renew()

    def progress_mark(self) -> dict[str, int]:
        """The present end of ``progress.jsonl``, which is on the disk when this returns."""
        with self._explained():
            if self._progress is None:
                file = self.path / PROGRESS
                return {"bytes": file.stat().st_size if file.exists() else 0, "sum": self._chain}
            os.fsync(self._progress.fileno())
            return {"bytes": os.fstat(self._progress.fileno()).st_size, "sum": self._chain}

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

    def end(self, **values: Any) -> None:
        """Note the sums of the logs, which do not grow any more, and how the run ended."""
        self.close_progress()
        with self._explained():
            files = [self.path / PROGRESS, *(self.path / "tensorboard").glob("*")]
            found = {
                path.relative_to(self.path).as_posix(): [sum_of(path)] for path in files if path.is_file()
            }
            write_sums(self.path, {**listed_sums(self.path), **found}, last=False)
        self.update(**values)

    def discard(self) -> None:
        """Remove the run directory, and the folders above it that it leaves empty."""
        self.close()
        with self._explained():
            shutil.rmtree(self.path)
            for folder in list(self.path.parents)[:4]:
                if any(folder.iterdir()):
                    break
                folder.rmdir()

    def close_progress(self) -> None:
        """Close ``progress.jsonl``; it opens again with the next record."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def close(self) -> None:
        """Close open files and let others write."""
        try:
            self.close_progress()
        finally:
            self._lease.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with storage_errors(self.path):
            yield
