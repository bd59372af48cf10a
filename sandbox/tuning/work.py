"""Runs one trial wherever it is sent: some training runs with the same settings, and their mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.algorithm import StopTraining
from sandbox.api.errors import RunBusyError, SandboxError, StorageError
from sandbox.comparison.work import scenario_of
from sandbox.envs.vector import restorable
from sandbox.evaluation.evaluate import play_all
from sandbox.evaluation.named_agents import learned_agent
from sandbox.evaluation.progress import Phase, Silent
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.launch.base import BUSY, INTERRUPTED, OnProgress
from sandbox.registry.discover import use_plugins
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import Run, runs
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.plan import Plan, make_plan
from sandbox.training.train import resume_plan, train_plan

FUNCTION = "sandbox.tuning.work:run_trial"
VALUES = "values.jsonl"
PRUNE = "prune"
RESULT = "result.json"


def run_trial(payload: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
    """Train with each of the trial's seeds and play the tuning episodes.

    Intermediate values go to a file of the trial's folder, where the driver reads them; if it puts a
    file ``prune`` beside them, the trial ends at the next chance. Files work over every launcher.

    Args:
        payload: ``folder`` of the trial; ``request`` as a cell has it; ``seeds``; ``episodes``, the seeds of
            the objective's episodes.
        on_progress: Called with ``{"done", "total"}``.

    Returns:
        ``{"status", "value", "values", "steps", "error"}``; status ``done``, ``pruned``, ``failed``,
        ``interrupted`` or ``busy``.
    """
    folder = Path(payload["folder"])
    finished = read_result(folder)
    if finished is not None:
        return finished
    request = payload["request"]
    use_plugins(request.get("plugins", ""))
    scenario = scenario_of(request)
    values: list[float] = []
    steps = 0
    try:
        for index, seed in enumerate(payload["seeds"]):
            plan = make_plan(
                scenario,
                request["algorithm"],
                seed=seed,
                steps=request["steps"],
                num_envs=request["num_envs"],
                hp=request["hyperparameters"],
            )
            progress = _TrialProgress(folder, plan, index, len(payload["seeds"]), values, on_progress)
            run = _trained(folder, plan, progress)
            steps += int(run.record.get("steps_done", 0))
            if progress.pruned:
                return _save(folder, {"status": "pruned", "value": None, "values": values, "steps": steps})
            values.append(_objective(scenario, run, payload["episodes"]))
    except KeyboardInterrupt:
        return {"status": INTERRUPTED}
    except RunBusyError:
        return {"status": BUSY}
    except StorageError:
        raise
    except Exception as error:  # diverged or impossible settings are a result of the search
        text = f"{error.message} {error.hint}".strip() if isinstance(error, SandboxError) else f"{error}"
        return _save(
            folder, {"status": "failed", "value": None, "values": values, "steps": steps, "error": text}
        )
    mean = float(np.mean(values))
    status = "done" if np.isfinite(mean) else "failed"
    return _save(folder, {"status": status, "value": mean, "values": values, "steps": steps})


def read_result(folder: Path) -> dict[str, Any] | None:
    """What a finished trial came to, or None."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and "status" in result else None


def read_values(folder: Path) -> list[tuple[int, float]]:
    """Intermediate values so far: step in the trial and value; an unfinished last line is left out."""
    try:
        lines = (folder / VALUES).read_text(encoding="utf-8").split("\n")[:-1]
    except OSError:
        return []
    values = []
    for line in lines:
        step, value = json.loads(line)
        values.append((int(step), float("nan") if value is None else float(value)))
    return values


def _trained(folder: Path, plan: Plan, progress: _TrialProgress) -> Run:
    """The finished run of a seed: an earlier attempt's, resumed where possible, or new."""
    stopped = None
    for run in runs(folder):
        if isinstance(run, Run) and run.record["seed"] == plan.seed:
            if run.record["status"] == "done":
                return run
            if run.record["status"] != "failed":
                stopped = run
    with EpisodeRunner(plan.scenario, num_workers=1) as runner:
        if stopped is not None:
            writer = RunWriter.reopen(stopped.path)
            if restorable(plan.scenario):
                return resume_plan(plan, writer, runner, progress)
            writer.discard()
        return train_plan(plan, folder, runner, progress, {"trial": folder.name})


def _objective(scenario: ResolvedScenario, run: Run, seeds: list[int]) -> float:
    agent = learned_agent(run, "final")
    with EpisodeRunner(scenario, num_workers=1) as runner:
        evaluation = play_all(runner, scenario, [agent], seeds, Silent())
    return evaluation.mean(agent.name)


def _save(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    from sandbox.runs.directory import strict

    plain: dict[str, Any] = strict(result)
    with storage_errors(folder):
        write_atomically(folder / RESULT, (json.dumps(plain) + "\n").encode())
    return plain


class _TrialProgress(Silent):
    """Writes a run's validation values down for the driver, and ends the training when the driver asks.

    Args:
        folder: The trial's folder.
        plan: The run.
        index: Which of the trial's runs it is.
        runs: Runs of the trial.
        results: What the runs before it came to.
        on_progress: Called with how far the trial is.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        index: int,
        runs: int,
        results: Sequence[float],
        on_progress: OnProgress,
    ) -> None:
        self.pruned = False
        self._folder, self._plan, self._on_progress = folder, plan, on_progress
        self._index, self._runs, self._results = index, runs, list(results)
        self._first_step = index * max(1, plan.scenario.spec.evaluation.validations)
        self._next_step = len(read_values(folder))

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        if phase != "train":
            return
        total = self._plan.steps
        self._on_progress({"done": self._index * total + done, "total": self._runs * total})
        self._write_new_values()
        if (self._folder / PRUNE).exists():
            self.pruned = True
            raise StopTraining

    def _write_new_values(self) -> None:
        """New validation values of this run, averaged with the results of the trial's runs before it."""
        values = self._validation_values()
        steps = range(self._first_step, self._first_step + len(values))
        new = [(step, value) for step, value in zip(steps, values, strict=True) if step >= self._next_step]
        if not new:
            return
        with (self._folder / VALUES).open("a", encoding="utf-8") as file:
            for step, value in new:
                file.write(json.dumps([step, float(np.mean([*self._results, value]))]) + "\n")
        self._next_step = new[-1][0] + 1

    def _validation_values(self) -> list[float]:
        log = next(self._folder.glob(f"*/*/*/{self._plan.seed}-*/progress.jsonl"), None)
        if log is None:
            return []
        name = f"validation/{self._plan.scenario.metric.name}"
        records = map(json.loads, log.read_text(encoding="utf-8").split("\n")[:-1])
        return [record[name] for record in records if record.get(name) is not None]
