"""What reports and the web page read, checked before it is shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.api.errors import DamagedRunError
from sandbox.runs.artifacts import read_artifact
from sandbox.runs.directory import Run

EVALUATION = "evaluation.json"
COMPARISON = "comparison.json"
PROGRESS = "progress.jsonl"

_Figure = float | None
_M = TypeVar("_M", bound=BaseModel)


class _Lenient(BaseModel):
    """More keys may be there: other versions write them."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Against(_Lenient):
    """An agent's difference to the best baseline."""

    baseline: str
    difference: _Figure = None
    ci95: tuple[_Figure, _Figure] = (None, None)
    verdict: str = "unclear"
    p: _Figure = None
    p_holm: _Figure = None
    unit: str = "episodes"


class Result(_Lenient):
    """An agent's row of an evaluation."""

    mean: _Figure
    std: _Figure = None
    ci95: tuple[_Figure, _Figure] = (None, None)
    metrics: dict[str, _Figure] = {}
    reward_terms: dict[str, _Figure] = {}
    ret: _Figure = Field(None, alias="return")
    length: _Figure = None
    deterministic: bool = True
    against_best_baseline: Against | None = None


class EvaluationFile(_Lenient):
    """``evaluation.json``."""

    metric: str
    unit: str
    better: str = "lower"
    episodes: int
    best_baseline: str | None = None
    agents: dict[str, Result]


class Anchor(_Lenient):
    """What the normalised score calls 0 or 1."""

    name: str
    value: _Figure


class KnownValue(_Lenient):
    """A published figure or an optimum."""

    name: str
    value: float
    source: str = ""
    note: str = ""
    metric: str | None = None


class ScenarioFacts(_Lenient):
    """A scenario of a comparison."""

    title: str = ""
    task: str = ""
    task_version: int | None = None
    hash: str = ""
    metric: str
    unit: str = ""
    better: str = "lower"
    episodes: int = 0
    anchors: dict[str, Anchor] | None = None
    references: list[KnownValue] = []


class BestPolicy(_Lenient):
    """Scores of the best-validation policies."""

    mean: _Figure = None
    iqm: _Figure = None
    ci95: tuple[_Figure, _Figure] | None = None


class Score(_Lenient):
    """An agent's score on a scenario."""

    kind: str
    runs: int = 1
    failed: int = 0
    values: list[_Figure] = []
    mean: _Figure = None
    std: _Figure = None
    iqm: _Figure = None
    ci95: tuple[_Figure, _Figure] | None = None
    normalised: _Figure = None
    normalised_ci95: tuple[_Figure, _Figure] | None = None
    best: BestPolicy | None = None
    metrics: dict[str, _Figure] = {}
    reward_terms: dict[str, _Figure] = {}
    weights: dict[str, _Figure] = {}
    ret: _Figure = Field(None, alias="return")
    length: _Figure = None
    sampled: bool = False
    against_best_baseline: Against | None = None


class CurveFacts(_Lenient):
    """A learning curve, with a band where there are several runs."""

    steps: list[float]
    mean: list[_Figure]
    low: list[_Figure] | None = None
    high: list[_Figure] | None = None
    runs: int = 1


class AgentCurves(_Lenient):
    """An agent's learning curves."""

    training: CurveFacts | None = None
    validation: CurveFacts | None = None
    returns: CurveFacts | None = Field(None, alias="return")
    terms: dict[str, CurveFacts | None] = {}


class Overall(_Lenient):
    """An agent over all scenarios, normalised."""

    scenarios: int = 0
    runs: int = 0
    mean: _Figure = None
    median: _Figure = None
    iqm: _Figure = None
    iqm_ci95: tuple[_Figure, _Figure] | None = None
    optimality_gap: _Figure = None


class Chance(_Lenient):
    """Probability of improvement."""

    p: _Figure = None
    ci95: tuple[_Figure, _Figure] | None = None


class ProfileFacts(_Lenient):
    """A performance profile."""

    share: list[_Figure]
    low: list[_Figure] | None = None
    high: list[_Figure] | None = None


class Profiles(_Lenient):
    """Performance profiles of all agents."""

    thresholds: list[float] = []
    agents: dict[str, ProfileFacts] = {}


class AgentFacts(_Lenient):
    """Who takes part."""

    kind: str = "learned"
    algorithm: str | None = None
    hyperparameters: dict[str, Any] | None = None
    steps: int | None = None


class CellFacts(_Lenient):
    """One cell of the grid."""

    scenario: str
    agent: str
    seed: int | None = None
    status: str = "missing"
    value: _Figure = None
    best_value: _Figure = None
    seconds: _Figure = None
    run_dir: str | None = None
    error: str | None = None


class ComparisonFile(_Lenient):
    """``comparison.json``; see docs/reference/comparison.md."""

    format: int
    suite: str = "compare"
    title: str = ""
    status: str = "incomplete"
    exploratory: bool = False
    command: list[str] | str | None = None
    updated: str | None = None
    seconds: _Figure = None
    versions: dict[str, list[str]] = {}
    agents: dict[str, AgentFacts] = {}
    scenarios: dict[str, ScenarioFacts] = {}
    cells: list[CellFacts] = []
    scores: dict[str, dict[str, Score]] = {}
    overall: dict[str, Overall] = {}
    probability_of_improvement: dict[str, dict[str, Chance]] = {}
    profiles: Profiles | None = None
    curves: dict[str, dict[str, AgentCurves]] = {}
    failed: int = 0


def read_evaluation(run: Run) -> EvaluationFile | None:
    """The evaluation in a run directory; None where there is none (yet).

    Raises:
        DamagedRunError: If the file is not one.
    """
    file = run.path / EVALUATION
    if not file.is_file():
        return None
    return _read(file, EvaluationFile, read_artifact(run.path, EVALUATION))


def read_comparison(folder: Path) -> ComparisonFile:
    """The comparison in a folder.

    Raises:
        DamagedRunError: If there is none, or the file is not one or of another version.
    """
    file = folder / COMPARISON
    found = _read(file, ComparisonFile)
    if found.format != 1:
        raise DamagedRunError(f"{file} has format {found.format}, this version reads format 1.")
    return found


def read_progress(file: Path, start: int = 0) -> tuple[list[dict[str, float | None]], int]:
    """Records of a progress file from a byte on, and the byte after the last whole line.

    Lines that are no flat record of numbers are left out: a page must show what can be shown.
    """
    try:
        with file.open("rb") as stream:
            stream.seek(start)
            content = stream.read()
    except OSError:
        return [], start
    end = content.rfind(b"\n") + 1
    records = []
    for line in content[:end].splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("steps"), int | float):
            record.pop("crc", None)  # the line's sum, no figure
            records.append({str(name): _number(value) for name, value in record.items()})
    return records, start + end


def metric_of(run: Run, evaluation: EvaluationFile | None) -> tuple[str, str, str]:
    """Name, unit and direction of the ranking metric."""
    if evaluation is not None:
        return evaluation.metric, evaluation.unit, evaluation.better
    recorded = run.record.get("metric")
    if isinstance(recorded, dict):
        return tuple(str(recorded.get(key, "")) for key in ("name", "unit", "better"))  # type: ignore[return-value]
    named = run.record["scenario"].get("metric")
    return str(named or "return"), "", "lower" if named else "higher"


def column(
    records: Iterable[Mapping[str, float | None]], name: str, most: int = 400
) -> tuple[list[float], list[float]]:
    """A figure over steps, at most ``most`` points; of several records of one step the last counts."""
    found: dict[float, float] = {}
    for record in records:
        value, steps = record.get(name), record.get("steps")
        if value is not None and steps is not None:
            found[steps] = value
    ordered = sorted(found)
    if len(ordered) > most:
        last = len(ordered) - 1
        ordered = [ordered[round(place * last / (most - 1))] for place in range(most)]
    return ordered, [found[steps] for steps in ordered]


def _number(value: Any) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return value if plain and math.isfinite(value) else None


def _read(file: Path, model: type[_M], content: bytes | None = None) -> _M:
    try:
        return model.model_validate(json.loads(file.read_bytes() if content is None else content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DamagedRunError(f"{file} is damaged: {place or 'the whole'}: {first['msg']}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedRunError(f"{file} cannot be read: {error}.") from error
