"""The run directory: layout, atomic writes, reading back.

Every file is written beside its place, flushed to the disk and moved in, so that a process that dies
at any instant leaves each file either whole or absent.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import checkpoints
from sandbox.api.errors import BrokenFileError, DamagedRunError, StorageError
from sandbox.artifacts import add_artifact, listed_sums, read_artifact, unlist, write_sums
from sandbox.files import (
    remove_folder,
    remove_litter,
    replace_folder,
    storage_errors,
    write_atomically,
)
from sandbox.lease import Lease
from sandbox.seals import chain, is_sealed, seal, sum_of, unchain, unseal

__all__ = [
    "BEST",
    "FORMAT",
    "POLICY",
    "RECORD",
    "Run",
    "RunWriter",
    "StorageError",
    "add_artifact",
    "progress",
    "read_artifact",
    "replace_folder",
    "runs",
    "storage_errors",
    "strict",
    "write_atomically",
]

FORMAT = 2
"""Version of the run directory's layout. Version 1 had no sums and is still read."""

READABLE = (1, 2)

RECORD = "run.json"
PROGRESS = "progress.jsonl"
POLICY = "policy"
BEST = "policy/best"


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        path: The directory.
        record: Content of ``run.json`` when it was opened.
    """

    path: Path
    record: dict[str, Any] = field(repr=False)

    @staticmethod
    def open(path: str | Path) -> Run:
        """Read a run directory.

        Raises:
            DamagedRunError: If it is not one, is damaged, or was made by another version.
        """
        folder = Path(path)
        file = folder / RECORD
        if not folder.is_dir() or not file.is_file():
            raise DamagedRunError(
                f"'{folder}' is not a run directory: it has no {RECORD}.", "See sandbox runs."
            )
        try:
            content = file.read_bytes()
            record = unseal(content) if is_sealed(content) else json.loads(content)
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedRunError(f"{file} cannot be read: {error}.") from error
        if not isinstance(record, dict) or not isinstance(record.get("format"), int):
            raise DamagedRunError(f"{file} is not the record of a run.")
        if record["format"] not in READABLE:
            packages = record.get("packages")
            maker = packages.get("sandbox-rl") if isinstance(packages, dict) else None
            raise DamagedRunError(
                f"'{folder}' has run format {record['format']}, this version reads format {FORMAT}.",
                f"It was made by sandbox-rl {maker}." if isinstance(maker, str) else "",
            )
        if record["format"] > 1 and not is_sealed(content):
            raise DamagedRunError(f"{file} is damaged: it does not end with its sum.")
        complaint = _complaint(record)
        if complaint:
            raise DamagedRunError(f"{file} is damaged: {complaint}.")
        return Run(folder, record)

    @property
    def algorithm(self) -> str:
        """The algorithm as it was asked for."""
        return str(self.record["algorithm"])

    @property
    def scenario(self) -> Any:
        """The `sandbox.scenarios.Problem` that the run was trained on."""
        from sandbox.scenarios import from_record

        return from_record(self.record["scenario"], Path(self.record.get("folder", ".")))

    @property
    def status(self) -> str:
        """One of running, done, failed, interrupted; dead for a run whose process is gone."""
        status = str(self.record["status"])
        return "dead" if status == "running" and not _alive(self.record.get("process", {})) else status

    def policy_folder(self, which: str = "final") -> Path:
        """Where the final or the best-validation policy lies.

        Raises:
            DamagedRunError: If the run has no such policy (yet).
        """
        folder = self.path / (BEST if which == "best" else POLICY)
        if not (folder / "policy.json").is_file():
            raise DamagedRunError(
                f"The run '{self.path}' has no {which} policy; its status is {self.status}.",
                "Training must end before its policy can be used.",
            )
        return folder

    @property
    def policy(self) -> Any:
        """The final policy, ready to act."""
        from sandbox.policies import load_policy

        return load_policy(self.policy_folder())


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


def runs(root: str | Path) -> Iterator[Run | BrokenFileError]:
    """Every run below a directory, oldest first; a damaged one as the error that says why."""
    folders = [file.parent for file in Path(root).glob(f"*/*/*/*/{RECORD}")]
    for folder in sorted(folders, key=lambda path: (path / RECORD).stat().st_mtime):
        try:
            yield Run.open(folder)
        except DamagedRunError as error:
            yield BrokenFileError(folder, error.message)


def progress(run: Run) -> list[dict[str, Any]]:
    """The records of ``progress.jsonl``; an unfinished last line is left out.

    Raises:
        DamagedRunError: If a line is not what was written.
    """
    file = run.path / PROGRESS
    if not file.is_file():
        if PROGRESS in listed_sums(run.path):
            raise DamagedRunError(f"{file} is missing.")
        return []
    if PROGRESS in listed_sums(run.path):
        read_artifact(run.path, PROGRESS)
    records: list[dict[str, Any]] = []
    total = 0
    try:
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        for line in lines:
            if run.record["format"] == 1:
                records.append(json.loads(line))
                continue
            record, total = unchain(total, line)
            records.append(record)
    except UnicodeDecodeError as error:
        raise DamagedRunError(f"{file} is damaged: {error}.") from error
    except ValueError as error:
        raise DamagedRunError(f"{file}, line {len(records) + 1} is damaged: {error}.") from error
    return records


def strict(value: Any) -> Any:
    """``value`` as strict JSON can hold it: NaN and infinities become null, NumPy scalars plain ones."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


_ENTRIES: dict[str, Any] = {
    "scenario_id": str,
    "scenario": dict,
    "algorithm": str,
    "seed": int,
    "status": str,
    "scenario_hash": str,
    "scenario_file": str | None,
    "folder": str,
    "hyperparameters": dict,
    "reward": dict,
    "packages": dict,
    "process": dict,
    "steps": int,
    "steps_done": int,
    "num_envs": int,
    "init_from": str | None,
    "command": list | None,
    "started": str,
    "error": str,
    "seconds": int | float,
    "train_seconds": int | float,
    "steps_per_second": int | float,
    "best": dict | None,
    "evaluate": int | None,
    "checkpoint_every": int | float,
    "resumed": list,
}
"""Types of what a record holds; more may be there."""

_REQUIRED = ("scenario", "algorithm", "seed", "status", "scenario_id")


def _complaint(record: Mapping[str, Any]) -> str | None:
    """What is wrong with a record; None where it can be relied on."""
    for name in _REQUIRED:
        if name not in record:
            return f"'{name}' is missing"
    for name, kind in _ENTRIES.items():
        value = record.get(name)
        if name in record and (not isinstance(value, kind) or isinstance(value, bool)):
            return f"'{name}' is of the wrong type"
    if not all(isinstance(word, str) for word in record.get("command") or ()):
        return "'command' holds something that is no text"
    best = record.get("best")
    if best is not None and not (
        type(best.get("steps")) is int and type(best.get("metric", "")) in (int, float, type(None))
    ):
        return "'best' must hold steps and metric"
    return None


def _this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": _start_time(os.getpid())}


def _alive(process: Mapping[str, Any]) -> bool:
    """Whether the process that wrote the record still runs; one on another host is believed to."""
    pid = process.get("pid")
    if process.get("host") != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _start_time(pid) == process.get("started")


def _start_time(pid: int) -> str | None:
    """When a process began, in the kernel's ticks; tells a reused process number. None where unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
