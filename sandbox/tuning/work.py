"""Runs one trial wherever it is sent: some training runs with the same settings, and their mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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

Tell = Callable[[Mapping[str, Any]], None]


def run_trial(payload: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Train with each of the trial's seeds and play the tuning episodes.

    Intermediate values go to a file of the trial's folder, where the driver reads them; if it puts a
    file ``prune`` beside them, the trial ends at the next chance. Files work over every launcher.

    Args:
        payload: ``folder`` of the trial; ``request`` as a cell has it; ``seeds``; ``episodes``, the seeds of
            the objective's episodes.
        tell: Hears of progress.

    Returns:
        ``{"status", "value", "values", "steps", "error"}``; status ``done``, ``pruned``, ``failed``,
        ``interrupted`` or ``busy``.
    """
    folder = Path(payload["folder"])
    known = read_result(folder)
    if known is not None:
        return known
    request = payload["request"]
    use_plugins(request.get("plugins", ""))
    scenario = scenario_of(request)
    values: list[float] = []
    steps = 0
    try:
        for place, seed in enumerate(payload["seeds"]):
            plan = make_plan(
                scenario,
                request["algorithm"],
                seed=seed,
                steps=request["steps"],
                num_envs=request["num_envs"],
                hp=request["hyperparameters"],
            )
            listener = _Listener(
                folder, place, values, scenario.metric.name, tell, plan, len(payload["seeds"])
            )
            run = _trained(folder, plan, listener)
            steps += int(run.record.get("steps_done", 0))
            if listener.pruned:
                return _kept(folder, {"status": "pruned", "value": None, "values": values, "steps": steps})
            values.append(_objective(scenario, run, payload["episodes"]))
    except KeyboardInterrupt:
        return {"status": "interrupted"}
    except RunBusyError:
        return {"status": "busy"}
    except StorageError:
        raise
    except Exception as error:  # diverged or impossible settings are a result of the search
        text = f"{error.message} {error.hint}".strip() if isinstance(error, SandboxError) else f"{error}"
        return _kept(
            folder, {"status": "failed", "value": None, "values": values, "steps": steps, "error": text}
        )
    mean = float(np.mean(values))
    status = "done" if np.isfinite(mean) else "failed"
    return _kept(folder, {"status": status, "value": mean, "values": values, "steps": steps})


def read_result(folder: Path) -> dict[str, Any] | None:
    """What a finished trial came to, or None."""
    try:
        found = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "status" in found else None


def read_values(folder: Path) -> list[tuple[int, float]]:
    """Intermediate values so far: step in the trial and value; an unfinished last line is left out."""
    try:
        lines = (folder / VALUES).read_text(encoding="utf-8").split("\n")[:-1]
    except OSError:
        return []
    found = []
    for line in lines:
        step, value = json.loads(line)
        found.append((int(step), float("nan") if value is None else float(value)))
    return found


def _trained(folder: Path, plan: Plan, listener: _Listener) -> Run:
    """The finished run of a seed: an earlier attempt's, one that goes on, or a new one."""
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
                return resume_plan(plan, writer, runner, listener)
            writer.discard()
        return train_plan(plan, folder, runner, listener, {"trial": folder.name})


def _objective(scenario: ResolvedScenario, run: Run, seeds: list[int]) -> float:
    agent = learned_agent(run, "final")
    with EpisodeRunner(scenario, num_workers=1) as runner:
        evaluation = play_all(runner, scenario, [agent], seeds, Silent())
    return evaluation.mean(agent.name)


def _kept(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    from sandbox.runs.directory import strict

    plain: dict[str, Any] = strict(result)
    with storage_errors(folder):
        write_atomically(folder / RESULT, (json.dumps(plain) + "\n").encode())
    return plain


class _Listener(Silent):
    """Passes validation values on, and ends the training when the driver asks for it."""

    def __init__(
        self,
        folder: Path,
        place: int,
        before: list[float],
        metric: str,
        tell: Tell,
        plan: Plan,
        seeds: int,
    ) -> None:
        self.pruned = False
        self._folder, self._place, self._before = folder, place, list(before)
        self._name, self._tell, self._plan, self._seeds = f"validation/{metric}", tell, plan, seeds
        self._each = max(1, plan.scenario.spec.evaluation.validations)
        self._seen = len(read_values(folder))

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        if phase != "train":
            return
        total = self._plan.steps
        self._tell({"done": self._place * total + done, "total": self._seeds * total})
        self._pass_on()
        if (self._folder / PRUNE).exists():
            self.pruned = True
            raise StopTraining

    def _pass_on(self) -> None:
        """Write new validation values of this run, averaged with the runs of the trial before it."""
        log = next(self._folder.glob(f"*/*/*/{self._plan.seed}-*/progress.jsonl"), None)
        if log is None:
            return
        own = [
            entry[self._name]
            for entry in map(json.loads, log.read_text(encoding="utf-8").split("\n")[:-1])
            if entry.get(self._name) is not None
        ]
        first = self._place * self._each
        fresh = [(first + number, value) for number, value in enumerate(own) if first + number >= self._seen]
        if fresh:
            with (self._folder / VALUES).open("a", encoding="utf-8") as file:
                for step, value in fresh:
                    file.write(json.dumps([step, float(np.mean([*self._before, value]))]) + "\n")
            self._seen = fresh[-1][0] + 1
