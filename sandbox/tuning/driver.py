"""Carries a search out: runs trials of Optuna's study as jobs, reports their values, prunes the hopeless."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sandbox.api.errors import RunFailedError
from sandbox.comparison.cells import request_of, training_request
from sandbox.launch import Job, JobLoop, Launcher
from sandbox.launch.base import Payload
from sandbox.records.jobs import TrialJob
from sandbox.records.tuning import TrialResult, TuningRecord
from sandbox.records.words import metric_label
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.tuning.document import Search, record_of, write_record
from sandbox.tuning.pictures import draw_history, draw_importances
from sandbox.tuning.study import FOLDER, as_parameters, stale, suggest
from sandbox.tuning.work import FUNCTION, PRUNE, read_values

if TYPE_CHECKING:
    from optuna import Study, Trial

MAX_ERROR = 1000
"""Characters of an error that the study keeps."""


class SearchCallback(Protocol):
    """Receives the progress of a search."""

    def on_update(self, record: TuningRecord, running: int) -> None:
        """A trial has ended, or a second passed; ``record`` is what ``tuning.json`` will hold."""
        ...

    def on_message(self, text: str) -> None:
        """Something that the user should read."""
        ...


class SilentSearch:
    """A callback that does nothing."""

    def on_update(self, record: TuningRecord, running: int) -> None:
        return None

    def on_message(self, text: str) -> None:
        return None


def carry_out_search(
    search: Search,
    study: Study,
    launcher: Launcher,
    callback: SearchCallback | None = None,
    command: Sequence[str] | None = None,
) -> TuningRecord:
    """Run all trials of a search.

    Args:
        search: What to search.
        study: Optuna's study.
        launcher: Where trials run.
        callback: Receives the progress.
        command: The command line to record.

    Returns:
        What ``tuning.json`` now holds.

    Raises:
        RunFailedError: If no trial could be finished.
        KeyboardInterrupt: After Ctrl-C or SIGTERM; the same search goes on where it was.
    """
    try:
        trials = _Trials(search, study, callback or SilentSearch(), command)
        JobLoop(launcher, trials, "Trials that were finished").run()
    except KeyboardInterrupt:
        done = record_of(search, study, command, whole=False).counts.complete
        raise KeyboardInterrupt(
            f"Interrupted with {done} of {search.trials} trials done. Run the same "
            f"command again to go on; the study is in {search.folder}."
        ) from None
    record = record_of(search, study, command)
    if record.preset is None:
        errors = [trial.error for trial in record.trials if trial.error]
        raise RunFailedError(
            f"No trial of {len(record.trials)} could be finished.",
            errors[-1] if errors else "See its folder.",
        )
    _save(search, record)
    return record


class _Trials:
    """The trials that are to run, as jobs; see `sandbox.launch.JobHandler`."""

    def __init__(
        self, search: Search, study: Study, callback: SearchCallback, command: Sequence[str] | None
    ) -> None:
        import optuna

        self._search, self._study = search, study
        self._callback, self._command = callback, command
        self._trials: dict[str, Trial] = {}
        self._last_step: dict[str, int] = {}
        # Whoever ran a stale trial is gone: its training goes on from the last checkpoint.
        self._stale = deque(
            optuna.trial.Trial(study, trial._trial_id) for trial in stale(study, search.folder)
        )
        self._enqueue_present_settings()

    def _enqueue_present_settings(self) -> None:
        """The first trial is the preset, so that the winner is never worse on the tuning episodes."""
        if not self._study.get_trials(deepcopy=False):
            present = as_parameters(self._search.plan.config.model_dump(mode="json"), self._search.space)
            if present:
                self._study.enqueue_trial(present)

    @property
    def pending(self) -> bool:
        return bool(self._stale) or self._begun() < self._search.trials

    def next_job(self) -> Job | None:
        if self._stale:
            return self._job(self._stale.popleft())
        if self._begun() >= self._search.trials:
            return None
        trial = self._study.ask()
        trial.set_user_attr(FOLDER, str(self._search.folder.resolve()))
        return self._job(trial)

    def _begun(self) -> int:
        """Trials of the study, waiting ones aside."""
        import optuna

        states = [trial.state for trial in self._study.get_trials(deepcopy=False)]
        return sum(state != optuna.trial.TrialState.WAITING for state in states)

    def _job(self, trial: Trial) -> Job:
        suggested = suggest(trial, self._search.space)
        plan = self._search.plan
        trial.set_user_attr("hyperparameters", json.dumps(suggested))
        folder = self._folder(trial)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        settings = {**plan.config.model_dump(mode="json"), **suggested}
        request = TrialJob(
            folder=str(folder.resolve()),
            scenario=request_of(self._search.scenario),
            training=training_request(plan).changed(hyperparameters=settings),
            seeds=self._search.seeds,
            episodes=self._search.episodes,
        )
        job = Job(str(trial.number), FUNCTION, request.to_json())
        self._trials[job.id] = trial
        return job

    def _folder(self, trial: Trial) -> Path:
        return self._search.folder / "trials" / f"{trial.number:05d}"

    def on_start(self, job: Job) -> None:
        return None

    def on_progress(self, job: Job, values: Payload) -> None:
        return None

    def on_busy(self, job: Job) -> None:
        return None

    def on_requeued(self, job: Job) -> None:
        return None

    def on_result(self, job: Job, result: Payload) -> None:
        self._tell(job, TrialResult.model_validate(result))

    def on_given_up(self, job: Job, losses: int, reason: str) -> None:
        self._tell(job, TrialResult(status="failed", value=None, error=f"Lost {losses} times: {reason}."))

    def on_tick(self, running: int, slots: int) -> None:
        self._prune()
        self._callback.on_update(self._record(), running)

    def on_stopping(self) -> None:
        self._callback.on_message("Stopping: running trials write their checkpoints.")

    def _tell(self, job: Job, result: TrialResult) -> None:
        """Tell the study how a trial ended."""
        import optuna

        trial = self._trials.pop(job.id)
        self._report(job.id, trial)
        trial.set_user_attr("steps", result.steps)
        trial.set_user_attr("values", json.dumps(result.values))
        if result.error:
            trial.set_user_attr("error", result.error[:MAX_ERROR])
        states = optuna.trial.TrialState
        if result.status == "done":
            self._study.tell(trial, result.value)
        else:
            self._study.tell(trial, state=states.PRUNED if result.status == "pruned" else states.FAIL)
        write_record(self._search.folder, self._record())

    def _report(self, job_id: str, trial: Trial) -> None:
        """Report the intermediate values to the study that have come since the last look."""
        last = self._last_step.get(job_id, -1)
        for step, value in read_values(self._folder(trial)):
            if step > last:
                trial.report(value, step)
                self._last_step[job_id] = step

    def _prune(self) -> None:
        for job_id, trial in self._trials.items():
            before = self._last_step.get(job_id, -1)
            self._report(job_id, trial)
            if self._last_step.get(job_id, -1) > before and trial.should_prune():
                (self._folder(trial) / PRUNE).touch()

    def _record(self) -> TuningRecord:
        return record_of(self._search, self._study, self._command, whole=False)


def _save(search: Search, record: TuningRecord) -> None:
    """Write ``tuning.json`` and its pictures."""
    write_record(search.folder, record)
    metric = metric_label(record.metric, record.unit)
    pictures = {
        "history.png": draw_history(record.trials, metric, record.better),
        "importances.png": draw_importances(record.importances),
    }
    with storage_errors(search.folder):
        for name, content in pictures.items():
            if content is not None:
                write_atomically(search.folder / name, content)
