"""Runs one trial wherever it is sent: several training runs with the same settings, and their mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from sandbox.api.algorithm import StopTraining
from sandbox.api.errors import DamagedRunError, RunBusyError, SandboxError, StorageError
from sandbox.comparison.work import scenario_of
from sandbox.envs.vector import restorable
from sandbox.evaluation.evaluate import play_all
from sandbox.evaluation.named_agents import learned_agent
from sandbox.evaluation.progress import Phase, Silent
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.launch.base import OnProgress, Payload
from sandbox.records.base import Count, Figure, complaint, parse_json, read_bytes
from sandbox.records.jobs import JobResult, JobShare, TrialJob
from sandbox.records.progress import points, validation_figure
from sandbox.records.status import TrialOutcome
from sandbox.records.tuning import RESULT, TrialResult
from sandbox.registry.discover import use_plugins
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import PROGRESS, Run, new_progress, runs
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.plan import Plan, make_plan
from sandbox.training.train import resume_plan, train_plan

FUNCTION = "sandbox.tuning.work:run_trial"
VALUES = "values.jsonl"
PRUNE = "prune"

_VALUE: TypeAdapter[tuple[int, float | None]] = TypeAdapter(tuple[Count, Figure])


def run_trial(payload: Payload, on_progress: OnProgress) -> Payload:
    """Train with each of the trial's seeds and play the tuning episodes.

    Intermediate values go to a file of the trial's folder, where the driver reads them; if it puts a
    file ``prune`` beside them, the trial ends at the next chance. Files work over every launcher.

    Args:
        payload: A `sandbox.records.jobs.TrialJob`.
        on_progress: Called with a `sandbox.records.jobs.JobShare`.

    Returns:
        A `sandbox.records.tuning.TrialResult`, or a `sandbox.records.jobs.JobResult` that says
        ``interrupted`` or ``busy``.
    """
    job = TrialJob.model_validate(payload)
    known = read_result(Path(job.folder))
    if known is not None:
        return known.to_json()
    use_plugins(job.scenario.plugins)
    try:
        result = _train_all(job, on_progress)
    except KeyboardInterrupt:
        return JobResult(status="interrupted").to_json()
    except RunBusyError:
        return JobResult(status="busy").to_json()
    with storage_errors(Path(job.folder)):
        write_atomically(Path(job.folder) / RESULT, result.encode())
    return result.to_json()


def _train_all(job: TrialJob, on_progress: OnProgress) -> TrialResult:
    """Train and judge a run of every seed, unless the trial is pruned or fails before."""
    folder = Path(job.folder)
    scenario = scenario_of(job.scenario)
    values: list[float] = []
    steps = 0
    try:
        for index, seed in enumerate(job.seeds):
            plan = make_plan(
                scenario,
                job.training.algorithm,
                seed=seed,
                steps=job.training.steps,
                num_envs=job.training.num_envs,
                hp=job.training.hyperparameters,
                keep=0,
            )
            plan = replace(plan, trial=folder.name)
            progress = _TrialProgress(folder, plan, index, len(job.seeds), values, on_progress)
            run = _trained(folder, plan, progress)
            steps += run.record.steps_done
            if progress.pruned:
                return TrialResult(status="pruned", value=None, values=tuple(values), steps=steps)
            values.append(_objective(scenario, run, job.episodes))
    except (RunBusyError, StorageError):
        raise
    except Exception as error:  # diverged or impossible settings are a result of the search
        text = f"{error.message} {error.hint}".strip() if isinstance(error, SandboxError) else f"{error}"
        return TrialResult(status="failed", value=None, values=tuple(values), steps=steps, error=text)
    mean = float(np.mean(values))
    status: TrialOutcome = "done" if np.isfinite(mean) else "failed"
    return TrialResult(status=status, value=mean, values=tuple(values), steps=steps)


def read_result(folder: Path) -> TrialResult | None:
    """What a finished trial came to; None where that cannot be read, so that it is run again."""
    file = folder / RESULT
    if not file.exists():
        return None
    try:
        return TrialResult.read(file)
    except DamagedRunError:
        return None


def read_values(folder: Path) -> list[tuple[int, float]]:
    """Intermediate values so far: step in the trial and value; an unfinished last line is left out.

    Raises:
        DamagedRunError: If a line is not what was written.
    """
    file = folder / VALUES
    if not file.exists():
        return []
    values = []
    for line in read_bytes(file).split(b"\n")[:-1]:
        try:
            step, value = _VALUE.validate_python(parse_json(line, file))
        except ValidationError as error:
            raise DamagedRunError(f"{file} is damaged: {complaint(error)}.") from error
        values.append((step, float("nan") if value is None else value))
    return values


def _trained(folder: Path, plan: Plan, progress: _TrialProgress) -> Run:
    """The finished run of a seed: an earlier attempt's, resumed where possible, or new."""
    stopped = None
    for run in runs(folder):
        if isinstance(run, Run) and run.record.seed == plan.seed:
            if run.record.status == "done":
                return run
            if run.record.status != "failed":
                stopped = run
    with EpisodeRunner(plan.scenario, num_workers=1) as runner:
        if stopped is not None:
            writer = RunWriter.reopen(stopped.path)
            if restorable(plan.scenario):
                return resume_plan(plan, writer, runner, progress)
            writer.discard()
        return train_plan(plan, folder, runner, progress)


def _objective(scenario: ResolvedScenario, run: Run, seeds: Sequence[int]) -> float:
    agent = learned_agent(run, "final")
    with EpisodeRunner(scenario, num_workers=1) as runner:
        evaluation = play_all(runner, scenario, [agent], seeds, Silent())
    return evaluation.mean(agent.name)


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
        self._on_progress(JobShare(done=self._index * total + done, total=self._runs * total).to_json())
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
        log = next(self._folder.glob(f"*/*/*/{self._plan.seed}-*/{PROGRESS}"), None)
        if log is None:
            return []
        return points(new_progress(log)[0], validation_figure(self._plan.scenario.metric.name))[1]
