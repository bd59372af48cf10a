"""What lies in a runs directory, as the page shows it. Nothing here leaves that directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.api.errors import DamagedRunError, SandboxError
from sandbox.records.comparison import COMPARISON, ComparisonRecord
from sandbox.records.evaluation import EvaluationRecord
from sandbox.records.labels import LABELS, LabelsRecord
from sandbox.records.moves import MOVES, Find, MovesRecord
from sandbox.records.progress import AXES, ProgressRow, column, validation_figure
from sandbox.records.settings import settings_of
from sandbox.records.tuning import TUNING, TuningRecord
from sandbox.report.data import metric_of
from sandbox.report.media import FILMS, PICTURES, files
from sandbox.report.problems import problem_of, settings_of_problem
from sandbox.runs.directory import EVALUATION, PROGRESS, RECORD, Run, new_progress
from sandbox.runs.labels import change_labels, read_labels

if TYPE_CHECKING:
    from sandbox.api.types import Json


COMPARISONS, STUDIES = "comparisons", "tuning"
REPORT = "report.html"
MOVES_FOLDER, MOVES_PAGE = "moves", "moves.html"
SHOWN = {**PICTURES, **FILMS}
"""Suffixes of files that are handed out, with their media types; reports apart."""

_PASSING = ("running", "evaluating")
"""Statuses that change without a file being written: the run's process may have gone."""

MAX_RUNS = 5000
POINTS = 600


class NotThereError(Exception):
    """There is no such run, comparison or file in the runs directory."""


@dataclass
class Library:
    """A runs directory; remembers what has not changed since it was read.

    Args:
        root: The runs directory.
    """

    root: Path
    _known: dict[str, tuple[tuple[int, ...], Json]] = field(default_factory=dict)

    def index(self) -> Json:
        """Every run, comparison and search for hyperparameters in a line each, newest first."""
        runs = [self._entry(folder) for folder in self._folders("*/*/*/*", RECORD)]
        grids = [
            self._remembered(folder.name, folder, (COMPARISON,), _grid_line)
            for folder in self._folders(f"{COMPARISONS}/*", COMPARISON)
        ]
        studies = [
            self._remembered(folder.name, folder, (TUNING,), _study_line)
            for folder in self._folders(f"{STUDIES}/*", TUNING)
        ]
        runs.sort(key=lambda line: str(line.get("started") or ""), reverse=True)
        grids.sort(key=lambda line: str(line.get("updated") or ""), reverse=True)
        studies.sort(key=lambda line: line["written"], reverse=True)
        moves = self._searches(f"{MOVES_FOLDER}/*/*/*")
        return {"root": str(self.root), "runs": runs, "grids": grids, "studies": studies, "moves": moves}

    def run(self, name: str) -> Json:
        """All that the page shows of one run, but its replays.

        Raises:
            NotThereError: If there is no such run.
            SandboxError: If it is damaged.
        """
        run = self._open(name)
        evaluation, note = _evaluation(run)
        records, offset = new_progress(run.path / PROGRESS)
        metric, unit, better = metric_of(run, evaluation)
        shown = files(run)
        return {
            **self._entry(run.path),
            "metric": {"name": metric, "unit": unit, "better": better},
            "record": {key: value for key, value in run.record.to_json().items() if key != "process"},
            "evaluation": evaluation.model_dump(mode="json", by_alias=True) if evaluation else None,
            "note": note,
            "curves": curves(records),
            "clock": clock(records),
            "offset": offset,
            "pictures": [path.name for path in shown["picture"]],
            "films": [path.name for path in shown["film"]],
            "replays": [path.name for path in shown["replay"]],
            "policies": _policies(run, records, metric),
            "moves": self._searches(f"{name}/{MOVES_FOLDER}/*"),
            "report": (run.path / REPORT).is_file(),
        }

    def grid(self, name: str) -> Json:
        """A comparison as its file holds it.

        Raises:
            NotThereError: If there is no such comparison.
            SandboxError: If it is damaged.
        """
        record = ComparisonRecord.read(self.grid_folder(name) / COMPARISON)
        return {"id": name, "heading": record.heading, **record.model_dump(mode="json", by_alias=True)}

    def study(self, name: str) -> Json:
        """A search for hyperparameters as its file holds it.

        Raises:
            NotThereError: If there is no such search.
            SandboxError: If it is damaged.
        """
        record = TuningRecord.read(self.study_folder(name) / TUNING)
        return {"id": name, **record.model_dump(mode="json", by_alias=True)}

    def moves_page(self, name: str) -> Path:
        """The page of a search for moves.

        Raises:
            NotThereError: If there is no such search, or it is not finished.
        """
        path = self._inside(f"{name}/{MOVES_PAGE}")
        if not path.is_file() or not (path.parent / MOVES).is_file():
            raise NotThereError(name)
        return path

    def label(self, name: str, called: str, tags: list[str]) -> Json:
        """Give a run a name and exactly these tags.

        Raises:
            NotThereError: If there is no such run.
            SandboxError: For a name or a tag that is none, and where they cannot be written.
        """
        run = self._open(name)
        before = read_labels(run.path).tags
        labels = change_labels(run.path, name=called, add=tags, remove=set(before) - set(tags))
        return {"id": name, **_labels(labels)}

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
        return self._folder(COMPARISONS, name, COMPARISON)

    def study_folder(self, name: str) -> Path:
        """The directory of a search.

        Raises:
            NotThereError: If there is no such search.
        """
        return self._folder(STUDIES, name, TUNING)

    def file(self, name: str, file: str) -> Path:
        """A picture or film of a run, by its name; one beside a replay by ``replays/NAME``.

        Raises:
            NotThereError: If there is none, or it is of a kind that is not handed out.
        """
        inner = file.removeprefix("replays/")
        path = self._file(name, file)
        if "/" in inner or path.suffix.lower() not in SHOWN or not path.is_file():
            raise NotThereError(file)
        return path

    def replay(self, name: str, file: str) -> Path:
        """A replay of a run, by its name.

        Raises:
            NotThereError: If there is none.
        """
        path = self._file(name, f"replays/{file}")
        if "/" in file or path.suffix != ".json" or not path.is_file():
            raise NotThereError(file)
        return path

    def stamps(self) -> dict[str, int]:
        """When the record of every run and comparison was written: tells whether the index has changed."""
        stamps: dict[str, int] = {}
        kinds = (
            ("*/*/*/*", RECORD),
            (f"{COMPARISONS}/*", COMPARISON),
            (f"{STUDIES}/*", TUNING),
            (f"{MOVES_FOLDER}/*/*/*", MOVES),
        )
        for pattern, file in kinds:
            for folder in self._folders(pattern, file):
                stamps[str(folder)] = max(_stamp(folder / file), _stamp(folder / LABELS))
        return stamps

    def _folder(self, kind: str, name: str, record: str) -> Path:
        """A folder of a kind that holds a record."""
        folder = self._inside(f"{kind}/{name}")
        if "/" in name or not (folder / record).is_file():
            raise NotThereError(name)
        return folder

    def _file(self, name: str, file: str) -> Path:
        """A path in the directory of a run, below the runs directory."""
        return self._inside(f"{self.run_folder(name).relative_to(self.root.resolve()).as_posix()}/{file}")

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
        except (OSError, RuntimeError) as error:  # the latter for links in a circle
            raise NotThereError(name) from error
        if not path.is_relative_to(root):
            raise NotThereError(name)
        return path

    def _folders(self, pattern: str, file: str) -> list[Path]:
        root = self.root.resolve()
        folders = []
        for path in root.glob(f"{pattern}/{file}"):
            folder = path.parent
            hidden = any(part[0] == "." for part in folder.relative_to(root).parts)
            if not hidden and _is_below(folder, root):
                folders.append(folder)
            if len(folders) >= MAX_RUNS:
                break
        return folders

    def _open(self, name: str) -> Run:
        return Run.open(self.run_folder(name))

    def _entry(self, folder: Path) -> Json:
        """A run's line of the index; read again only when its record or evaluation has changed."""
        name = folder.relative_to(self.root.resolve()).as_posix()
        entry = dict(self._remembered(name, folder, (RECORD, EVALUATION, LABELS), _line))
        if entry["status"] in _PASSING:
            try:
                run = Run.open(folder)
                entry["status"], entry["steps_done"] = run.state, run.steps_so_far
            except DamagedRunError:
                entry["status"] = "damaged"
        return entry

    def _searches(self, pattern: str) -> list[Json]:
        """Finished searches for moves, newest first."""
        found = [
            (_stamp(folder / MOVES), _moves_line(folder.relative_to(self.root.resolve()).as_posix(), folder))
            for folder in self._folders(pattern, MOVES)
        ]
        return [line for _, line in sorted(found, key=lambda pair: -pair[0])]

    def _remembered(
        self, name: str, folder: Path, files: Iterable[str], read: Callable[[str, Path], Json]
    ) -> Json:
        """A folder's line of the index, read again only when one of the files has changed."""
        stamp = tuple(_stamp(folder / file) for file in files)
        key = folder.relative_to(self.root.resolve()).as_posix()
        known = self._known.get(key)
        if known is None or known[0] != stamp:
            known = (stamp, read(name, folder))
            self._known[key] = known
        return known[1]


def _policies(run: Run, records: list[ProgressRow], metric: str) -> list[Json]:
    """Every policy of a run with the validation at its step, as ``@STEP`` names it."""
    figure, record = validation_figure(metric), run.record
    named = {
        "final": record.steps_done if record.status == "done" else None,
        "best": record.best.steps if record.best else None,
    }
    values = {row["steps"]: row[figure] for row in records if row.get(figure) is not None}
    return [
        {
            "steps": steps,
            "names": [name for name, at in named.items() if at == steps],
            "value": values.get(steps),
        }
        for steps in run.policies()
    ]


def curves(records: list[ProgressRow]) -> dict[str, dict[str, list[float]]]:
    """Every figure of a progress file over steps."""
    names = dict.fromkeys(name for record in records for name in record if name not in AXES)
    shown = {}
    for name in names:
        steps, values = column(records, name, POINTS)
        if steps:
            shown[name] = {"x": steps, "y": values}
    return shown


def clock(records: list[ProgressRow]) -> dict[str, list[float]]:
    """Seconds since training began, over steps."""
    known = sorted(
        (steps, seconds)
        for row in records
        if (steps := row["steps"]) is not None and (seconds := row.get("seconds")) is not None
    )
    thin = known[:: max(1, len(known) // POINTS)] + known[-1:]
    return {"x": [steps for steps, _ in thin], "y": [value for _, value in thin]}


def _line(name: str, folder: Path) -> Json:
    line: Json = {"id": name, "status": "damaged", "steps_done": 0, "steps": 0}
    domain, scenario, algorithm, _ = name.split("/")
    line |= {"scenario": f"{domain}/{scenario}", "algorithm": algorithm}
    try:
        run = Run.open(folder)
    except DamagedRunError as error:
        return line | {"error": error.message}
    evaluation, note = _evaluation(run)
    try:
        labels = read_labels(folder)
    except DamagedRunError as error:
        labels, note = LabelsRecord(), note or error.message
    metric, unit, better = metric_of(run, evaluation)
    row = evaluation.agents.get(run.algorithm) if evaluation else None
    against = row.against_best_baseline if row else None
    record = run.record
    return line | {
        "scenario": record.scenario_id,
        "title": record.scenario.title,
        **_labels(labels),
        "algorithm": record.algorithm,
        "seed": record.seed,
        "status": run.state,
        "steps": record.steps or 0,
        "steps_done": run.steps_so_far,
        "started": record.started or None,
        "seconds": record.seconds,
        "metric": {"name": metric, "unit": unit, "better": better},
        "value": row.mean if row else None,
        "gap": row.gap if row else None,
        "metrics": dict(row.metrics) if row else {},
        "settings": settings_of(record),
        "problem": problem_of(run, evaluation).key,
        "tested": settings_of_problem(run, evaluation),
        "verdict": against.verdict if against else None,
        "baseline": against.baseline if against else None,
        "error": record.error or note,
    }


def _grid_line(name: str, folder: Path) -> Json:
    try:
        facts = ComparisonRecord.read(folder / COMPARISON)
    except SandboxError as error:
        return {"id": name, "title": name, "status": "damaged", "error": error.message, "done": 0, "cells": 0}
    return {
        "id": name,
        "title": facts.heading,
        "status": facts.status,
        "updated": facts.updated,
        "done": sum(cell.status == "done" for cell in facts.cells),
        "failed": facts.failed,
        "cells": len(facts.cells),
        "error": None,
    }


def _study_line(name: str, folder: Path) -> Json:
    written = _stamp(folder / TUNING)
    try:
        record = TuningRecord.read(folder / TUNING)
    except SandboxError as error:
        return {"id": name, "title": name, "status": "damaged", "error": error.message, "written": written}
    done = record.counts.complete + record.counts.pruned + record.counts.failed
    return {
        "id": name,
        "title": f"{record.algorithm} on {record.scenario}",
        "status": "complete" if done >= record.wanted else "incomplete",
        "trials": done,
        "wanted": record.wanted,
        "error": None,
        "written": written,
    }


def _proven(find: Find) -> bool:
    return find.verdict in ("confirmed", "exact")


def _moves_line(name: str, folder: Path) -> Json:
    line: Json = {"id": name, "title": folder.name, "error": None}
    try:
        record = MovesRecord.read(folder / MOVES)
    except SandboxError as error:
        return line | {"error": error.message}
    return line | {
        "title": f"{record.agent} on {record.scenario}",
        "against": list(record.against),
        "candidates": record.candidates,
        "better": sum(_proven(find) and (find.advantage or 0.0) > 0 for find in record.best),
        "worse": sum(_proven(find) and (find.advantage or 0.0) < 0 for find in record.worst),
    }


def _labels(labels: LabelsRecord) -> Json:
    return {"called": labels.name, "tags": list(labels.tags), "archived": labels.archived}


def _evaluation(run: Run) -> tuple[EvaluationRecord | None, str | None]:
    try:
        return run.evaluation(), None
    except DamagedRunError as error:
        return None, error.message


def _is_below(folder: Path, root: Path) -> bool:
    try:
        return folder.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
