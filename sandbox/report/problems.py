"""Which runs may be ranked together: those that solved the same problem and were tested on the same episodes.

A scenario's name does not say so: its parameters, its reward, its test seeds and the code of its domain may
differ. Runs are grouped by all of them, and groups of one scenario are named by what differs between them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.records.evaluation import EvaluationRecord
from sandbox.records.settings import Settings, differing, problem_settings, worded
from sandbox.runs.directory import Run

Evaluations = Mapping[Path, EvaluationRecord | None]
"""Test results by run directory."""


@dataclass(frozen=True)
class Problem:
    """What a run was trained and tested on.

    Attributes:
        scenario: Its id.
        hash: The scenario's hash.
        code: Digest of the domain's sources; empty where it was not recorded.
        seeds: Seeds of the test episodes; None where there was no test (yet).
    """

    scenario: str
    hash: str
    code: str
    seeds: tuple[int, ...] | None

    @property
    def key(self) -> str:
        """A short text that is the same for the same problem."""
        content = [self.scenario, self.hash, self.code, self.seeds]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def problem_of(run: Run, evaluation: EvaluationRecord | None) -> Problem:
    """The problem of a run."""
    code = next((part.digest or "" for part in run.record.code if part.name.startswith("domain ")), "")
    seeds = None
    if evaluation is not None:
        seeds = evaluation.seeds or tuple(range(evaluation.episodes))
    return Problem(run.record.scenario_id, run.record.scenario_hash, code, seeds)


def settings_of_problem(run: Run, evaluation: EvaluationRecord | None) -> Settings:
    """What may differ between the problems of one scenario, by name."""
    problem = problem_of(run, evaluation)
    known = problem_settings(run.record)
    if problem.seeds is not None:
        known["test episodes"] = len(problem.seeds)
        known["first test seed"] = problem.seeds[0] if problem.seeds else None
    if problem.code:
        known["code of the domain"] = problem.code[:8]
    return known


def by_problem(runs: Sequence[Run], evaluations: Evaluations) -> dict[str, list[Run]]:
    """Runs by the name of their problem, in the order given.

    Runs without a test join those that were trained on the same problem.
    """
    groups: dict[Problem, list[Run]] = {}
    for run in sorted(runs, key=lambda run: evaluations[run.path] is None):
        problem = problem_of(run, evaluations[run.path])
        alike = (other for other in groups if _same_training(other, problem))
        groups.setdefault(next(alike, problem) if problem.seeds is None else problem, []).append(run)
    place = {run.path: number for number, run in enumerate(runs)}
    for members in groups.values():
        members.sort(key=lambda run: place[run.path])
    ordered = sorted(groups, key=lambda problem: place[groups[problem][0].path])
    return {_name(problem, groups, evaluations): groups[problem] for problem in ordered}


def _same_training(first: Problem, second: Problem) -> bool:
    return (first.scenario, first.hash, first.code) == (second.scenario, second.hash, second.code)


def _name(problem: Problem, groups: Mapping[Problem, list[Run]], evaluations: Evaluations) -> str:
    """The scenario's id, with what differs from the other problems of that scenario."""
    rivals = [other for other in groups if other.scenario == problem.scenario]
    if len(rivals) == 1:
        return problem.scenario
    known = {other: _settings(groups[other], evaluations) for other in rivals}
    names = differing(list(known.values()))
    what = worded(known[problem], names)
    if any(other != problem and worded(known[other], names) == what for other in rivals):
        what = ", ".join(filter(None, (what, f"hash {problem.hash[:8]}")))
    return f"{problem.scenario} ({what})"


def _settings(runs: Sequence[Run], evaluations: Evaluations) -> Settings:
    return settings_of_problem(runs[0], evaluations[runs[0].path])
