"""The run directory: layout, atomic writes, reading back.

Every file is written beside its place, flushed to the disk and moved in, so that a process that dies
at any instant leaves each file either whole or absent.
"""

from __future__ import annotations

import errno
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

from sandbox.api.errors import BrokenFileError, DamagedRunError, StorageError

FORMAT = 1
"""Version of the run directory's layout."""

RECORD = "run.json"
POLICY = "policy"
BEST = "policy/best"
CHECKPOINTS = "checkpoints"
KEPT_CHECKPOINTS = 2


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
            record = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedRunError(f"{file} cannot be read: {error}.") from error
        if not isinstance(record, dict) or not isinstance(record.get("format"), int):
            raise DamagedRunError(f"{file} is not the record of a run.")
        if record["format"] != FORMAT:
            raise DamagedRunError(
                f"'{folder}' has run format {record['format']}, this version reads format {FORMAT}.",
                f"It was made by sandbox-rl {record.get('packages', {}).get('sandbox-rl', '?')}.",
            )
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
    """Writes one run directory; the only way in.

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
        with self._explained():
            self.path.mkdir(parents=True)
            self.update(status="running")

    def update(self, **values: Any) -> None:
        """Change entries of ``run.json``."""
        self._record.update(values)
        self.write_json(RECORD, self._record)

    def write_json(self, name: str, document: Any) -> None:
        """Write a JSON file atomically; NaN becomes null, which strict readers accept."""
        text = json.dumps(strict(document), indent=2, ensure_ascii=False, allow_nan=False)
        self.write_bytes(name, f"{text}\n".encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        with self._explained():
            write_atomically(self.path / name, content)

    def append_progress(self, record: Mapping[str, Any]) -> None:
        """Add a line to ``progress.jsonl``; a reader must ignore an unfinished last line."""
        with self._explained():
            if self._progress is None:
                self._progress = (self.path / "progress.jsonl").open("a", encoding="utf-8")
            self._progress.write(json.dumps(strict(record), allow_nan=False) + "\n")
            self._progress.flush()

    def write_folder(self, name: str, write: Callable[[Path], None]) -> Path:
        """Fill a new folder by ``write`` and move it in; a folder of that name is replaced."""
        target = self.path / name
        with self._explained():
            replace_folder(target, write)
        return target

    def checkpoint(self, steps: int, write: Callable[[Path], None], keep: int | None = None) -> Path:
        """Write a checkpoint, then drop all but the newest ones and the one of step ``keep``."""
        path = self.write_folder(f"{CHECKPOINTS}/{steps:012d}", write)
        complete = sorted(child for child in path.parent.iterdir() if child.name.isdigit())
        for old in complete[:-KEPT_CHECKPOINTS]:
            if keep is None or int(old.name) != keep:
                shutil.rmtree(old)
        return path

    def discard(self) -> None:
        """Remove the run directory, and the folders above it that it leaves empty."""
        self.close()
        with self._explained():
            shutil.rmtree(self.path)
            for folder in list(self.path.parents)[:4]:
                if any(folder.iterdir()):
                    break
                folder.rmdir()

    def close(self) -> None:
        """Close open files."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with storage_errors(self.path):
            yield


@contextmanager
def storage_errors(path: Path, option: str = "--runs-dir") -> Iterator[None]:
    """Turn the operating system's refusals into sentences.

    Args:
        path: What is written.
        option: The option that chooses another place.

    Raises:
        StorageError: Names the path, the cause and what was kept.
    """
    try:
        yield
    except OSError as error:
        causes = {errno.ENOSPC: "the disk is full", errno.EACCES: "permission denied"}
        cause = causes.get(error.errno or 0, error.strerror or str(error))
        kept = "Everything written before is kept." if path.exists() else "Nothing was written."
        raise StorageError(
            f"Cannot write to '{path}': {cause}.", f"{kept} Choose another place with {option}."
        ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is at all times either the old one or the new one, also after a crash."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def replace_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Fill a folder beside ``target`` and move it there; subfolders of an old ``target`` are kept."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        write(temporary)
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync_file(file)
        if target.exists():
            old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
            target.rename(old)
            temporary.rename(target)
            for child in old.iterdir():
                if child.is_dir() and not (target / child.name).exists():
                    child.rename(target / child.name)
            shutil.rmtree(old)
        else:
            temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(target.parent)


def runs(root: str | Path) -> Iterator[Run | BrokenFileError]:
    """Every run below a directory, oldest first; a damaged one as the error that says why."""
    folders = [file.parent for file in Path(root).glob(f"*/*/*/*/{RECORD}")]
    for folder in sorted(folders, key=lambda path: (path / RECORD).stat().st_mtime):
        try:
            yield Run.open(folder)
        except DamagedRunError as error:
            yield BrokenFileError(folder, error.message)


def progress(run: Run) -> list[dict[str, Any]]:
    """The records of ``progress.jsonl``; an unfinished last line is left out."""
    file = run.path / "progress.jsonl"
    if not file.is_file():
        return []
    records = []
    for line in file.read_text(encoding="utf-8").split("\n")[:-1]:
        records.append(json.loads(line))
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


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
