"""What lies in a runs directory, as the page shows it. Nothing here leaves that directory."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.api.errors import DamagedRunError, SandboxError
from sandbox.report.files import (
    COMPARISON,
    PROGRESS,
    ComparisonFile,
    EvaluationFile,
    column,
    metric_of,
    read_comparison,
    read_evaluation,
    read_progress,
)
from sandbox.report.media import FILMS, PICTURES, files
from sandbox.runs.directory import RECORD, Run

COMPARISONS = "comparisons"
REPORT = "report.html"
SHOWN = {**PICTURES, **FILMS}
"""Suffixes of files that are handed out, with their media types; reports apart."""

MAX_RUNS = 5000
POINTS = 600
_TAIL = 1 << 15


class NotThereError(Exception):
    """There is no such run, comparison or file in the runs directory."""


@dataclass
class Library:
    """A runs directory; remembers what has not changed since it was read.

    Args:
        root: The runs directory.
    """

    root: Path
    _known: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = field(default_factory=dict)

    def index(self) -> dict[str, Any]:
        """Every run and comparison in a line each, newest first."""
        runs = [self._entry(folder) for folder in self._folders("*/*/*/*", RECORD)]
        grids = [self._grid_entry(folder) for folder in self._folders(f"{COMPARISONS}/*", COMPARISON)]
        runs.sort(key=lambda one: str(one.get("started") or ""), reverse=True)
        grids.sort(key=lambda one: str(one.get("updated") or ""), reverse=True)
        return {"root": str(self.root), "runs": runs, "grids": grids}

    def run(self, name: str) -> dict[str, Any]:
        """All that the page shows of one run, but its replays.

        Raises:
            NotThereError: If there is no such run.
            SandboxError: If it is damaged.
        """
        run = self._open(name)
        evaluation, note = _evaluation(run)
        records, offset = read_progress(run.path / PROGRESS)
        metric, unit, better = metric_of(run, evaluation)
        found = files(run)
        return {
            **self._entry(run.path),
            "metric": {"name": metric, "unit": unit, "better": better},
            "record": {key: value for key, value in run.record.items() if key != "process"},
            "evaluation": evaluation.model_dump(by_alias=True) if evaluation else None,
            "note": note,
            "curves": curves(records),
            "offset": offset,
            "pictures": [path.name for path in found["picture"]],
            "films": [path.name for path in found["film"]],
            "replays": [path.name for path in found["replay"]],
            "report": (run.path / REPORT).is_file(),
        }

    def grid(self, name: str) -> dict[str, Any]:
        """A comparison as its file holds it.

        Raises:
            NotThereError: If there is no such comparison.
            SandboxError: If it is damaged.
        """
        folder = self._inside(f"{COMPARISONS}/{name}")
        if "/" in name or not (folder / COMPARISON).is_file():
            raise NotThereError(name)
        return {"id": name, **read_comparison(folder).model_dump(by_alias=True)}

    def run_folder(self, name: str) -> Path:
        """The directory of a run.

        Raises:
            NotThereError: If there is no such run.
        """
        folder = self._inside(name)
        if name.count("/") != 3 or not (folder / RECORD).is_file():
            raise NotThereError(name)
        return folder

    def grid_folder(self, name: str) -> Path:
        """The directory of a comparison.

        Raises:
            NotThereError: If there is no such comparison.
        """
        folder = self._inside(f"{COMPARISONS}/{name}")
        if "/" in name or not (folder / COMPARISON).is_file():
            raise NotThereError(name)
        return folder

    def file(self, name: str, file: str) -> Path:
        """A picture or film of a run, by its name; one beside a replay by ``replays/NAME``.

        Raises:
            NotThereError: If there is none, or it is of a kind that is not handed out.
        """
        inner = file.removeprefix("replays/")
        path = self._inside(f"{self.run_folder(name).relative_to(self.root.resolve()).as_posix()}/{file}")
        if "/" in inner or path.suffix.lower() not in SHOWN or not path.is_file():
            raise NotThereError(file)
        return path

    def replay(self, name: str, file: str) -> Path:
        """A replay of a run, by its name.

        Raises:
            NotThereError: If there is none.
        """
        path = self._inside(
            f"{self.run_folder(name).relative_to(self.root.resolve()).as_posix()}/replays/{file}"
        )
        if "/" in file or path.suffix != ".json" or not path.is_file():
            raise NotThereError(file)
        return path

    def stamps(self) -> dict[str, int]:
        """When the record of every run and comparison was written: tells whether the index has changed."""
        found: dict[str, int] = {}
        for pattern, file in (("*/*/*/*", RECORD), (f"{COMPARISONS}/*", COMPARISON)):
            for folder in self._folders(pattern, file):
                try:
                    found[str(folder)] = (folder / file).stat().st_mtime_ns
                except OSError:
                    continue
        return found

    def _inside(self, name: str) -> Path:
        """A path below the runs directory, links followed.

        Raises:
            NotThereError: For one that leaves it, or that is hidden.
        """
        parts = name.split("/")
        if any(part in ("", ".", "..") or part[0] == "." or "\\" in part or "\0" in part for part in parts):
            raise NotThereError(name)
        root = self.root.resolve()
        try:
            path = root.joinpath(*parts).resolve()
        except OSError as error:
            raise NotThereError(name) from error
        if not path.is_relative_to(root):
            raise NotThereError(name)
        return path

    def _folders(self, pattern: str, file: str) -> list[Path]:
        root = self.root.resolve()
        found = []
        for path in root.glob(f"{pattern}/{file}"):
            folder = path.parent
            hidden = any(part[0] == "." for part in folder.relative_to(root).parts)
            if not hidden and folder.resolve().is_relative_to(root):
                found.append(folder)
            if len(found) >= MAX_RUNS:
                break
        return found

    def _open(self, name: str) -> Run:
        return Run.open(self.run_folder(name))

    def _entry(self, folder: Path) -> dict[str, Any]:
        """A run's line of the index; read again only when its record or evaluation has changed."""
        name = folder.relative_to(self.root.resolve()).as_posix()
        stamp = tuple(_stamp(folder / file) for file in (RECORD, "evaluation.json"))
        known = self._known.get(name)
        if known is None or known[0] != stamp:
            known = (stamp, _line(name, folder))
            self._known[name] = known
        entry = dict(known[1])
        if entry["status"] == "running":
            try:
                entry["status"] = Run.open(folder).status  # its process may have gone since
            except DamagedRunError:
                entry["status"] = "damaged"
            entry["steps_done"] = _last_step(folder / PROGRESS) or entry["steps_done"]
        return entry

    def _grid_entry(self, folder: Path) -> dict[str, Any]:
        name = folder.name
        stamp = (_stamp(folder / COMPARISON),)
        known = self._known.get(f"{COMPARISONS}/{name}")
        if known is None or known[0] != stamp:
            known = (stamp, _grid_line(name, folder))
            self._known[f"{COMPARISONS}/{name}"] = known
        return known[1]


def curves(records: list[dict[str, float | None]]) -> dict[str, dict[str, list[float]]]:
    """Every figure of a progress file over steps."""
    names = dict.fromkeys(name for record in records for name in record if name not in ("steps", "seconds"))
    found = {}
    for name in names:
        steps, values = column(records, name, POINTS)
        if steps:
            found[name] = {"x": steps, "y": values}
    return found


def _line(name: str, folder: Path) -> dict[str, Any]:
    line: dict[str, Any] = {"id": name, "status": "damaged", "steps_done": 0, "steps": 0}
    domain, scenario, algorithm, _ = name.split("/")
    line |= {"scenario": f"{domain}/{scenario}", "algorithm": algorithm}
    try:
        run = Run.open(folder)
    except DamagedRunError as error:
        return line | {"error": error.message}
    evaluation, note = _evaluation(run)
    metric, unit, better = metric_of(run, evaluation)
    row = evaluation.agents.get(run.algorithm) if evaluation else None
    against = row.against_best_baseline if row else None
    return line | {
        "scenario": run.record["scenario_id"],
        "title": str(run.record["scenario"].get("title", "")),
        "algorithm": run.algorithm,
        "seed": run.record["seed"],
        "status": run.record["status"],
        "steps": run.record.get("steps", 0),
        "steps_done": run.record.get("steps_done", 0),
        "started": run.record.get("started"),
        "seconds": run.record.get("seconds"),
        "metric": {"name": metric, "unit": unit, "better": better},
        "value": row.mean if row else None,
        "verdict": against.verdict if against else None,
        "baseline": against.baseline if against else None,
        "error": run.record.get("error") or note,
    }


def _grid_line(name: str, folder: Path) -> dict[str, Any]:
    try:
        facts: ComparisonFile = read_comparison(folder)
    except SandboxError as error:
        return {"id": name, "title": name, "status": "damaged", "error": error.message, "done": 0, "cells": 0}
    return {
        "id": name,
        "title": facts.title or facts.suite,
        "status": facts.status,
        "updated": facts.updated,
        "done": sum(cell.status == "done" for cell in facts.cells),
        "failed": facts.failed,
        "cells": len(facts.cells),
        "error": None,
    }


def _evaluation(run: Run) -> tuple[EvaluationFile | None, str | None]:
    try:
        return read_evaluation(run), None
    except DamagedRunError as error:
        return None, error.message


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _last_step(file: Path) -> int | None:
    """The steps of the last whole line of a progress file."""
    try:
        with file.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL))
            lines = stream.read().split(b"\n")[:-1]
    except OSError:
        return None
    for line in reversed(lines):
        try:
            return int(json.loads(line)["steps"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return None
