"""Carries a search out: the loop between Optuna's study and the launcher that runs trials."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sandbox.api.errors import RunFailedError
from sandbox.comparison.cells import request_of, training_request
from sandbox.launch import Ended, Job, JobProgress, Launcher, WorkerLost
from sandbox.records.jobs import TrialJob
from sandbox.records.tuning import TuningRecord
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.tuning.document import Search, record_of, write_record
from sandbox.tuning.pictures import draw_history, draw_importances
from sandbox.tuning.study import FOLDER, as_parameters, stale, suggest
from sandbox.tuning.work import FUNCTION, PRUNE, read_values

MAX_LOSSES = 3


class Listener(Protocol):
    """Hears how a search goes."""

    def trial(self, record: TuningRecord, running: int) -> None:
        """A trial has ended, or a second passed; ``record`` is what ``tuning.json`` will hold."""
        ...

    def message(self, text: str) -> None:
        """Something that the user should read."""
        ...


class Driver:
    """Asks the study for trials, sends them out, hears how they go and prunes them, until all are done.

    Args:
        search: What to search.
        study: Optuna's study.
        launcher: Where trials run.
        listener: Hears how it goes.
        command: The command line to record.
    """

    def __init__(
        self,
        search: Search,
        study: Any,
        launcher: Launcher,
        listener: Listener | None,
        command: Sequence[str] | None,
    ) -> None:
        self._search, self._study, self._launcher = search, study, launcher
        self._listener, self._command = listener, command
        self._under_way: dict[str, Any] = {}
        self._reported: dict[str, int] = {}
        self._losses: dict[str, int] = {}
        self._later: list[tuple[float, Any]] = []
        self._results: dict[int, Mapping[str, Any]] = {}

    def run(self) -> TuningRecord:
        """Carry the search out; its record.

        Raises:
            RunFailedError: If no trial could be finished.
            KeyboardInterrupt: After an interrupt; the same search goes on where it was.
        """
        import optuna

        for trial in stale(self._study, self._search.folder):
            # Whoever ran it is gone: its training goes on from the last checkpoint.
            self._send(optuna.trial.Trial(self._study, trial._trial_id))
        self._enqueue_what_is_used_now()
        try:
            while self._under_way or self._later or self._asked() < self._search.trials:
                self._ask()
                for event in self._launcher.events(1.0):
                    self._hear(event)
                self._prune()
                self._tell()
        except KeyboardInterrupt:
            self._stop()
            done = self._record().counts.complete
            raise KeyboardInterrupt(
                f"Interrupted with {done} of {self._search.trials} trials done. Run the same command again "
                f"to go on; the study is in {self._search.folder}."
            ) from None
        record = self._record()
        if record.preset is None:
            errors = [trial.error for trial in record.trials if trial.error]
            raise RunFailedError(
                f"No trial of {len(record.trials)} could be finished.",
                errors[-1] if errors else "See its folder.",
            )
        self._keep(record)
        return record

    def _asked(self) -> int:
        """Trials of the study, waiting ones aside."""
        import optuna

        states = [trial.state for trial in self._study.get_trials(deepcopy=False)]
        return sum(state != optuna.trial.TrialState.WAITING for state in states)

    def _enqueue_what_is_used_now(self) -> None:
        """The first trial is the preset, so that the winner is never worse on the tuning episodes."""
        if not self._study.get_trials(deepcopy=False):
            now = as_parameters(self._search.plan.config.model_dump(mode="json"), self._search.space)
            if now:
                self._study.enqueue_trial(now)

    def _ask(self) -> None:
        now = time.monotonic()
        for when, trial in list(self._later):
            if when <= now:
                self._later.remove((when, trial))
                self._send(trial)
        while len(self._under_way) < self._launcher.slots and self._asked() < self._search.trials:
            trial = self._study.ask()
            trial.set_user_attr(FOLDER, str(self._search.folder.resolve()))
            self._send(trial)

    def _send(self, trial: Any) -> None:
        chosen = suggest(trial, self._search.space)
        settings = {**self._search.plan.config.model_dump(mode="json"), **chosen}
        trial.set_user_attr("hyperparameters", json.dumps(chosen))
        folder = self._folder(trial.number)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        trial_job = TrialJob(
            folder=str(folder.resolve()),
            scenario=request_of(self._search.scenario),
            training=training_request(self._search.plan).changed(hyperparameters=settings),
            seeds=self._search.seeds,
            episodes=self._search.episodes,
        )
        job = str(trial.number)
        self._under_way[job] = trial
        self._launcher.submit(Job(job, FUNCTION, trial_job.to_json()))

    def _folder(self, number: int) -> Path:
        return self._search.folder / "trials" / f"{number:05d}"

    def _hear(self, event: Any) -> None:
        if isinstance(event, JobProgress):
            return
        trial = self._under_way.pop(event.id)
        if isinstance(event, WorkerLost):
            losses = self._losses[event.id] = self._losses.get(event.id, 0) + 1
            if losses <= MAX_LOSSES:
                self._send(trial)
            else:
                self._end(trial, {"status": "failed", "error": f"Lost {losses} times: {event.reason}."})
        elif event.error is not None:
            raise RunFailedError(event.error, "Trials that were finished are kept; start again to go on.")
        else:
            self._settle(event, trial)

    def _settle(self, event: Ended, trial: Any) -> None:
        result = event.result or {}
        if result.get("status") in ("busy", "interrupted"):
            self._later.append((time.monotonic() + 1.0, trial))
        else:
            self._end(trial, result)

    def _end(self, trial: Any, result: Mapping[str, Any]) -> None:
        import optuna

        self._report(trial)
        trial.set_user_attr("steps", result.get("steps", 0))
        trial.set_user_attr("values", json.dumps(result.get("values", [])))
        if result.get("error"):
            trial.set_user_attr("error", result["error"][:1000])
        states = optuna.trial.TrialState
        if result["status"] == "done":
            self._study.tell(trial, result["value"])
        else:
            self._study.tell(trial, state=states.PRUNED if result["status"] == "pruned" else states.FAIL)
        write_record(self._search.folder, self._record(whole=False))

    def _report(self, trial: Any) -> None:
        """Tell the study the intermediate values that have come since the last look."""
        job = str(trial.number)
        seen = self._reported.get(job, -1)
        for step, value in read_values(self._folder(trial.number)):
            if step > seen:
                trial.report(value, step)
                self._reported[job] = step

    def _prune(self) -> None:
        for trial in self._under_way.values():
            before = self._reported.get(str(trial.number), -1)
            self._report(trial)
            if self._reported.get(str(trial.number), -1) > before and trial.should_prune():
                (self._folder(trial.number) / PRUNE).touch()

    def _stop(self) -> None:
        self._launcher.stop()
        deadline = time.monotonic() + 60.0
        try:
            while self._under_way and time.monotonic() < deadline:
                for event in self._launcher.events(0.5):
                    if isinstance(event, Ended) and (event.result or {}).get("status") in ("done", "pruned"):
                        self._hear(event)
                    elif not isinstance(event, JobProgress):
                        self._under_way.pop(event.id, None)
        except KeyboardInterrupt:
            pass  # asked twice: at once

    def _tell(self) -> None:
        if self._listener is not None:
            self._listener.trial(self._record(whole=False), len(self._under_way))

    def _record(self, whole: bool = True) -> TuningRecord:
        return record_of(self._search, self._study, self._command, whole)

    def _keep(self, record: TuningRecord) -> None:
        write_record(self._search.folder, record)
        metric = f"{record.metric} ({record.unit})"
        pictures = {
            "history.png": draw_history(record.trials, metric, record.better),
            "importances.png": draw_importances(record.importances),
        }
        with storage_errors(self._search.folder):
            for name, content in pictures.items():
                if content is not None:
                    write_atomically(self._search.folder / name, content)
