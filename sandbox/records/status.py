"""The words for how things stand, each written in one place."""

from __future__ import annotations

from typing import Literal

RunStatus = Literal["running", "done", "failed", "interrupted"]
"""How a run stands, as ``run.json`` says."""

ShownRunStatus = Literal["running", "done", "failed", "interrupted", "dead"]
"""How a run is shown: ``dead`` where ``run.json`` says running and its process is gone."""

CellOutcome = Literal["done", "failed"]
"""What a cell came to, as ``cell.json`` says."""

CellStatus = Literal["done", "failed", "running", "busy", "missing", "interrupted", "dead"]
"""How a cell of a grid stands; ``busy``: another driver's worker has it."""

ComparisonStatus = Literal["complete", "incomplete"]

TrialOutcome = Literal["done", "pruned", "failed"]
"""What a trial came to, as its ``result.json`` says."""

TrialState = Literal["complete", "pruned", "failed", "running"]
"""How a trial stands in a search."""

JobStatus = Literal["done", "failed", "pruned", "busy", "interrupted"]
"""How a worker leaves a cell or a trial: with an outcome; to another worker; after a request to stop."""

AgentKind = Literal["learned", "baseline"]
Verdict = Literal["better", "worse", "unclear"]
Better = Literal["lower", "higher"]
