"""Statuses of runs, cells, comparisons, trials and jobs, each defined once."""

from __future__ import annotations

from typing import Literal

RunStatus = Literal["running", "done", "failed", "interrupted"]
"""Status of a run in ``run.json``."""

ShownRunStatus = Literal["running", "done", "failed", "interrupted", "dead"]
"""Status of a run: ``dead`` if it is ``running`` in ``run.json`` and its process is gone."""

RunState = Literal["running", "evaluating", "done", "unevaluated", "failed", "interrupted", "dead"]
"""Status of a run as it is shown: one that is trained and is to be tested is ``evaluating``, or
``unevaluated`` if its process is gone."""

CellOutcome = Literal["done", "failed"]
"""Status of a cell in ``cell.json``, which is written at its end."""

CellStatus = Literal["done", "failed", "running", "busy", "missing", "interrupted", "dead"]
"""Status of a cell in a grid; ``busy`` while a worker of another driver runs it."""

ComparisonStatus = Literal["complete", "incomplete"]

TrialOutcome = Literal["done", "pruned", "failed"]
"""Status of a trial in its ``result.json``, which is written at its end."""

TrialState = Literal["complete", "pruned", "failed", "running"]
"""State of a trial in ``tuning.json``."""

JobStatus = Literal["done", "failed", "pruned", "busy", "interrupted"]
"""How a job ended: ``busy`` if another worker runs it, ``interrupted`` after a request to stop."""

AgentKind = Literal["learned", "baseline"]
Verdict = Literal["better", "worse", "unclear"]
Better = Literal["lower", "higher"]
