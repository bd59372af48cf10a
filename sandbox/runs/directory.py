"""The run directory: its layout, and reading it back.

Every file is written beside its place, flushed to the disk and moved in, so that a process that dies
at any instant leaves each file either whole or absent.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import BrokenFileError, DamagedRunError, InvalidValueError, UnknownNameError
from sandbox.api.files import open_regular
from sandbox.records.base import parse_json, read_bytes
from sandbox.records.evaluation import EvaluationRecord
from sandbox.records.progress import ProgressRow, check_row, readable_rows
from sandbox.records.run import FORMAT, READABLE, RunRecord
from sandbox.records.status import RunState, ShownRunStatus
from sandbox.runs.checksums import ChecksumError, is_sealed, listed_sums, read_artifact, unchain, unseal
from sandbox.runs.guard import require_plain
from sandbox.runs.lock import is_alive
from sandbox.runs.policies import kept_policies

if TYPE_CHECKING:
    from sandbox.api.policy import Policy
    from sandbox.scenarios.resolve import ResolvedScenario

RECORD = "run.json"
PROGRESS = "progress.jsonl"
EVALUATION = "evaluation.json"
EPISODES = "episodes.parquet"
POLICY = "policy"
BEST = "policy/best"
_TAIL = 1 << 15
MAX_NEWS = 64 * 2**20
"""Bytes of a log that are read at a time for a page."""


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        path: The directory.
        record: Content of ``run.json`` when it was opened.
    """

    path: Path
    record: RunRecord = field(repr=False)

    @staticmethod
    def open(path: str | Path) -> Run:
        """Read a run directory.

        Raises:
            DamagedRunError: If it is not one, holds a link, is damaged, or was made by another version.
        """
        folder = Path(path)
        file = folder / RECORD
        if not folder.is_dir() or not file.is_file():
            raise DamagedRunError(
                f"'{folder}' is not a run directory: it has no {RECORD}.", "See sandbox runs."
            )
        require_plain(folder)
        content = read_bytes(file)
        sealed = is_sealed(content)
        try:
            document = unseal(content, file) if sealed else parse_json(content, file)
        except ChecksumError as error:
            raise DamagedRunError(f"{file} cannot be read: {error}.") from error
        _require_readable(document, file)
        if document["format"] > 1 and not sealed:
            raise DamagedRunError(f"{file} is damaged: it does not end with its sum.")
        return Run(folder, RunRecord.check(document, file))

    @property
    def algorithm(self) -> str:
        """The algorithm as it was asked for."""
        return self.record.algorithm

    @property
    def scenario(self) -> ResolvedScenario:
        """The scenario that the run was trained on."""
        from sandbox.scenarios.resolve import from_record

        record = self.record
        try:
            return from_record(record.scenario.to_json(), Path(record.folder), record.scenario_hash)
        except UnknownNameError as error:
            command = list(record.command or ())
            if "--plugin" in command[:-1]:
                plugin = shlex.quote(command[command.index("--plugin") + 1])
                error.hint = f"The run was made with --plugin {plugin}: give that again."
            raise

    @property
    def status(self) -> ShownRunStatus:
        """Status of the run; ``dead`` if it is recorded as running and its process is gone."""
        status = self.record.status
        return "dead" if status == "running" and not is_alive(self.record.process) else status

    @property
    def state(self) -> RunState:
        """Status with the test that ``sandbox run`` makes after training."""
        status = self.status
        if status != "done" or self.record.evaluate is None or (self.path / EVALUATION).is_file():
            return status
        return "evaluating" if is_alive(self.record.process) else "unevaluated"

    @property
    def steps_so_far(self) -> int:
        """Steps that are trained, by the log where the record was not written yet."""
        return max(self.record.steps_done, last_step(self.path / PROGRESS) or 0)

    def policy_folder(self, which: str = "final") -> Path:
        """Where a policy lies.

        Args:
            which: ``final``, ``best`` (on the validation seeds), or the steps of a policy that is kept.

        Raises:
            DamagedRunError: If the run has no such policy (yet).
            InvalidValueError: If no policy of that step is kept; names those that are.
        """
        if which.isdecimal():
            return self._policy_of_step(int(which))
        folder = self.path / (BEST if which == "best" else POLICY)
        if not (folder / "policy.json").is_file():
            raise DamagedRunError(
                f"The run '{self.path}' has no {which} policy; its status is {self.status}.",
                "Training must end before its policy can be used.",
            )
        return folder

    def policies(self) -> dict[int, Path]:
        """Folders of all policies that the run has, by the steps that they were trained for, in order.

        Those that are kept of its training, of its checkpoints, the best one and, once it is done, the final
        one.
        """
        from sandbox.runs.checkpoints import FOLDER, checkpoint_policies

        known = checkpoint_policies(self.path / FOLDER)
        known |= kept_policies(self.path)
        if self.record.best is not None and (self.path / BEST / "policy.json").is_file():
            known[self.record.best.steps] = self.path / BEST
        if self.record.status == "done" and (self.path / POLICY / "policy.json").is_file():
            known[self.record.steps_done] = self.path / POLICY
        return dict(sorted(known.items()))

    def _policy_of_step(self, steps: int) -> Path:
        known = self.policies()
        if steps in known:
            return known[steps]
        there = ", ".join(f"@{step}" for step in known) or "no policy"
        raise InvalidValueError(
            f"The run '{self.path}' keeps no policy of step {steps:,}; it has {there}.",
            "How many a run keeps of its training: --keep N when it is trained.",
        )

    @property
    def policy(self) -> Policy:
        """The final policy, ready to act."""
        from sandbox.registry.policies import load_policy

        return load_policy(self.policy_folder())

    def read(self, name: str) -> bytes:
        """Content of a file whose sum is listed.

        Raises:
            DamagedRunError: If it is missing or not what was written.
        """
        return read_artifact(self.path, name, unlisted=self.record.format == 1)

    def evaluation(self) -> EvaluationRecord | None:
        """The test results; None where there are none (yet).

        Raises:
            DamagedRunError: If the file is damaged.
        """
        file = self.path / EVALUATION
        return EvaluationRecord.parse(self.read(EVALUATION), file) if file.is_file() else None


def load(path: str | Path) -> Run:
    """The run in a directory.

    Raises:
        DamagedRunError: If it is not one.
    """
    return Run.open(path)


def runs(root: str | Path) -> Iterator[Run | BrokenFileError]:
    """Every run below a directory, oldest first; a damaged one as the error that says why."""
    for file in sorted(Path(root).glob(f"*/*/*/*/{RECORD}"), key=_written):
        try:
            yield Run.open(file.parent)
        except DamagedRunError as error:
            yield BrokenFileError(file.parent, error.message)


def latest_run(root: str | Path) -> Path:
    """The run below a directory that was started last.

    Raises:
        InvalidValueError: If there is none that can be read.
    """
    opened: list[Run] = []
    for file in Path(root).rglob(RECORD):
        try:
            opened.append(Run.open(file.parent))
        except DamagedRunError:
            continue  # `sandbox runs` shows it as damaged; the latest that can be used is asked for
    if not opened:
        raise InvalidValueError(
            f"There is no run in '{root}', so there is no latest one.",
            "Make one: sandbox run SCENARIO --algo ALGORITHM.",
        )
    return max(opened, key=lambda run: run.record.started).path


def run_called(root: Path, name: str) -> Path:
    """The run below a directory whose path ends in ``name``.

    Raises:
        InvalidValueError: If there is none, or more than one.
    """
    parts = "/".join(["*"] * (4 - len(name.split("/"))))
    matching = sorted(file.parent for file in root.glob(f"{parts}/{name}/{RECORD}"))
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise InvalidValueError(f"There is no run '{name}' in '{root}'.", "See sandbox runs.")
    raise InvalidValueError(
        f"Several runs in '{root}' are called '{name}'.", f"Name one: {', '.join(map(str, matching[:4]))}."
    )


def progress(run: Run) -> list[ProgressRow]:
    """The records of ``progress.jsonl``; an unfinished last line is left out.

    Raises:
        DamagedRunError: If a line is not what was written.
    """
    file = run.path / PROGRESS
    listed = PROGRESS in listed_sums(run.path)
    if not file.is_file():
        if listed:
            raise DamagedRunError(f"{file} is missing.")
        return []
    content = read_artifact(run.path, PROGRESS) if listed else read_bytes(file)
    rows: list[ProgressRow] = []
    total = 0
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        where = Path(f"{file}, line {number}")
        try:
            if run.record.format == 1:
                row = parse_json(line, where)
            else:
                row, total = unchain(total, line.decode(), where)
        except (ChecksumError, UnicodeDecodeError) as error:
            raise DamagedRunError(f"{where} is damaged: {error}.") from error
        rows.append(check_row(row, where))
    return rows


def new_progress(file: Path, start: int = 0) -> tuple[list[ProgressRow], int]:
    """Records of a progress file from a byte on, and the byte after the last whole line.

    For a page that shows what can be shown: checksums are not looked at.
    """
    try:
        with open_regular(file, links=False) as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(start)
            content = stream.read(min(MAX_NEWS, max(0, size - start)))
    except OSError:
        return [], start
    end = content.rfind(b"\n") + 1
    if not end and len(content) == MAX_NEWS:
        end = MAX_NEWS  # no log has such a line; what comes after it may be one
    return readable_rows(content[:end].splitlines()), start + end


def last_step(file: Path) -> int | None:
    """The steps of the last whole line of a progress file."""
    try:
        with open_regular(file, links=False) as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL))
            rows = readable_rows(stream.read().split(b"\n")[:-1])
    except OSError:
        return None
    return int(rows[-1]["steps"] or 0) if rows else None


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # a link to nothing
        return 0.0


def _require_readable(document: Any, file: Path) -> None:
    """Refuse a document that is no run's record, or one of another format."""
    version = document.get("format") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise DamagedRunError(f"{file} is not the record of a run.")
    if version not in READABLE:
        packages = document.get("packages")
        maker = packages.get("sandbox-rl") if isinstance(packages, dict) else None
        raise DamagedRunError(
            f"'{file.parent}' has run format {str(version)[:20]}, this version reads format {FORMAT}.",
            f"It was made by sandbox-rl {maker}." if isinstance(maker, str) else "",
        )
