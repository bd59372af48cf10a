"""Tunes an algorithm on a scenario: equal budgets, several seeds a trial, and a winner proven anew."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from sandbox.api.errors import InvalidValueError, RunBusyError, RunFailedError
from sandbox.comparison.api import Compared, run_grid
from sandbox.comparison.cells import cell_id, make_grid, request_of
from sandbox.comparison.drive import Watcher
from sandbox.comparison.lease import take
from sandbox.comparison.suites import Suite
from sandbox.envs import as_problem
from sandbox.launch import Ended, Job, Launcher, Launching, Lost, Told, open_launcher
from sandbox.plans import Plan, make_plan
from sandbox.registry import resolve
from sandbox.scenarios import Problem, from_record
from sandbox.store import storage_errors, strict, write_atomically
from sandbox.tuning.pictures import draw_history, draw_importances
from sandbox.tuning.presets import check_target, write_preset
from sandbox.tuning.spaces import Space, as_json, space_of
from sandbox.tuning.study import (
    FOLDER,
    as_parameters,
    best_trial,
    check_url,
    importances,
    open_study,
    stale,
    suggest,
)
from sandbox.tuning.work import FUNCTION, PRUNE, read_values

FORMAT = 1
FIRST_SEED = 1_000_000
"""Training seeds of trials begin here, so that the winner's own seeds 0, 1, … are fresh."""

MAX_LOSSES = 3


class Listener(Protocol):
    """Hears how a search goes."""

    def trial(self, document: Mapping[str, Any], running: int) -> None:
        """A trial has ended, or a second passed; ``document`` is what ``tuning.json`` will hold."""
        ...

    def message(self, text: str) -> None:
        """Something that the user should read."""
        ...


@dataclass(frozen=True)
class Tuned:
    """A search and what it found.

    Attributes:
        folder: Where it lies.
        document: Content of ``tuning.json``; see docs/reference/tuning.md.
        comparison: The winner beside the settings from before, on fresh seeds and test episodes; None
            where that was not asked for.
    """

    folder: Path
    document: Mapping[str, Any]
    comparison: Compared | None

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """The winner's settings, without those that are the algorithm's defaults."""
        found: Mapping[str, Any] = self.document["preset"]["hyperparameters"]
        return found


@dataclass(frozen=True)
class _Search:
    """Everything about a search, decided."""

    problem: Problem  # its validation seeds are tuning seeds
    original: Problem
    plan: Plan
    space: Space
    seeds: tuple[int, ...]
    episodes: tuple[int, ...]
    folder: Path
    name: str
    trials: int


def tune(
    scenario: str | Path | Problem,
    algo: str,
    *,
    trials: int = 30,
    seeds: int = 2,
    steps: int | None = None,
    num_envs: int | None = None,
    episodes: int | None = None,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    hp: Sequence[str] | Mapping[str, Any] = (),
    params: Sequence[str] = (),
    only: Sequence[str] = (),
    retrain: int = 5,
    preset: str | Path | None = None,
    storage: str | None = None,
    seed: int = 0,
    runs_dir: str | Path = "runs",
    launching: Launching | None = None,
    listener: Listener | None = None,
    watcher: Watcher | None = None,
    command: Sequence[str] | None = None,
) -> Tuned:
    """Search hyperparameters, then train the winner anew on seeds that the search has not seen.

    Every trial has the same budget: ``seeds`` training runs of ``steps`` steps. Trials are judged, and
    pruned, on episodes from the scenario's tuning range alone; test episodes are played once, by the
    winner and by the settings from before, at the very end.

    Args:
        scenario: Name, file or resolved problem.
        algo: Name of the algorithm.
        trials: Trials in all, those of earlier calls included.
        seeds: Training runs of each trial.
        steps: Training steps of each run; the preset's, then the scenario's number if absent.
        num_envs: Environment copies; the preset's if absent.
        episodes: Tuning episodes that a run is judged on; as many as test episodes if absent.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs.
        hp: Settings that are the same in all trials, in place of the preset's.
        params: Ranges in place of the derived ones: ``name=low:high``, ``name=low:high:log``, ``name=a,b``.
        only: Search these hyperparameters alone.
        retrain: Fresh training runs of the winner and of the settings from before; 0 for none.
        preset: Scenario file to write the winner into; a new file becomes a copy of the scenario's.
        storage: URL of the study's database; a journal file in the search's folder if absent.
        seed: Seeds the search.
        runs_dir: Where everything is kept; shared by all workers.
        launching: Where trials run; in processes of this machine if absent.
        listener: Hears how the search goes.
        watcher: Hears how the final comparison goes.
        command: The command line to record.

    Raises:
        SandboxError: For an impossible request, before anything starts.
        RunFailedError: If no trial could be finished.
        KeyboardInterrupt: After an interrupt; the same call goes on.
    """
    if not 1 <= trials <= 100_000:
        raise InvalidValueError(f"trials must be between 1 and 100,000, not {trials}.")
    if not 1 <= seeds <= 1_000:
        raise InvalidValueError(f"A trial needs between 1 and 1,000 training seeds, not {seeds}.")
    if not 0 <= retrain <= 10_000:
        raise InvalidValueError(f"retrain must be between 0 and 10,000, not {retrain}.")
    root = Path(runs_dir)
    how = launching or Launching()
    search = _decide(
        as_problem(scenario, changes, reward),
        algo,
        trials,
        seeds,
        steps,
        num_envs,
        episodes,
        hp,
        params,
        only,
        root,
    )
    if preset is not None:
        check_target(search.original.path, Path(preset), algo)
    if storage is not None:
        check_url(storage)
    with storage_errors(root):
        search.folder.mkdir(parents=True, exist_ok=True)
        lease = take(search.folder)
    if lease is None:
        raise RunBusyError(
            f"Another process works on the search in '{search.folder}'.", "Wait for it, or stop it."
        )
    try:
        lower = search.problem.metric.better == "lower"
        study = open_study(search.folder, search.name, lower=lower, storage=storage, seed=seed, trials=trials)
        launcher = open_launcher(how, str(root / "launch"))
        try:
            document = _Driver(search, study, launcher, listener, command).run()
        finally:
            launcher.close()
    finally:
        lease.release()
    best = document["preset"]
    if preset is not None:
        write_preset(search.original.path, Path(preset), algo, best)
    compared = None
    if retrain:
        compared = _prove(search, best, retrain, root, how, watcher, command)
        document = {**document, "comparison": str(compared.folder)}
        _write(search.folder, "tuning.json", document)
    return Tuned(search.folder, document, compared)


def _decide(
    original: Problem,
    algo: str,
    trials: int,
    seeds: int,
    steps: int | None,
    num_envs: int | None,
    episodes: int | None,
    hp: Sequence[str] | Mapping[str, Any],
    params: Sequence[str],
    only: Sequence[str],
    root: Path,
) -> _Search:
    problem = tuning_problem(original)
    plan = make_plan(problem, algo, steps=steps, num_envs=num_envs, hp=hp)
    model = resolve(plan.algorithm.config)
    space = space_of(plan.algorithm.name, model, plan.config, plan.steps, plan.num_envs, params, only)
    low, high = problem.scenario.evaluation.seeds.tuning
    count = episodes or problem.scenario.evaluation.episodes
    if not 1 <= count <= high - low:
        raise InvalidValueError(f"A run can be judged on 1 to {high - low} tuning episodes, not {count}.")
    content = {
        "scenario": problem.hash,
        "algorithm": plan.algorithm.name,
        "fixed": plan.config.model_dump(mode="json"),
        "space": as_json(space),
        "steps": plan.steps,
        "num_envs": plan.num_envs,
        "seeds": seeds,
        "episodes": count,
    }
    name = f"{problem.scenario.id.replace('/', '-')}-{plan.asked}-{cell_id(content)[:8]}"
    return _Search(
        problem,
        original,
        plan,
        space,
        tuple(range(FIRST_SEED, FIRST_SEED + seeds)),
        tuple(range(low, low + count)),
        root / "tuning" / name,
        name,
        trials,
    )


def tuning_problem(problem: Problem) -> Problem:
    """The scenario as a search sees it: validation and objective share out the tuning range.

    The scenario's own validation seeds stay unseen, so that they can choose checkpoints of the winner;
    its test seeds stay unseen in any case.
    """
    raw = problem.scenario.model_dump(mode="json")
    seeds = raw["evaluation"]["seeds"]
    low, high = seeds["tuning"]
    middle = low + (high - low) // 2
    if middle - low < raw["evaluation"]["validation_episodes"] or high <= middle:
        raise InvalidValueError(
            f"The tuning range [{low}, {high}) of {problem.scenario.id} is too short for a search.",
            "Widen evaluation.seeds.tuning in the scenario file.",
        )
    seeds["validation"], seeds["tuning"] = [low, middle], [middle, high]
    return replace(from_record(raw, problem.folder), path=None)


class _Driver:
    def __init__(
        self,
        search: _Search,
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

    def run(self) -> dict[str, Any]:
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
            done = sum(one["state"] == "complete" for one in self._document()["trials"])
            raise KeyboardInterrupt(
                f"Interrupted with {done} of {self._search.trials} trials done. Run the same command again "
                f"to go on; the study is in {self._search.folder}."
            ) from None
        document = self._document()
        if document["preset"] is None:
            errors = [one["error"] for one in document["trials"] if one["error"]]
            raise RunFailedError(
                f"No trial of {len(document['trials'])} could be finished.",
                errors[-1] if errors else "See its folder.",
            )
        self._keep(document)
        return document

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
        request = request_of(self._search.problem) | {
            "algorithm": self._search.plan.asked,
            "hyperparameters": settings,
            "steps": self._search.plan.steps,
            "num_envs": self._search.plan.num_envs,
        }
        payload = {
            "folder": str(folder.resolve()),
            "request": request,
            "seeds": list(self._search.seeds),
            "episodes": list(self._search.episodes),
        }
        job = str(trial.number)
        self._under_way[job] = trial
        self._launcher.submit(Job(job, FUNCTION, payload))

    def _folder(self, number: int) -> Path:
        return self._search.folder / "trials" / f"{number:05d}"

    def _hear(self, event: Any) -> None:
        if isinstance(event, Told):
            return
        trial = self._under_way.pop(event.id)
        if isinstance(event, Lost):
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
        _write(self._search.folder, "tuning.json", self._document(whole=False))

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
                    elif not isinstance(event, Told):
                        self._under_way.pop(event.id, None)
        except KeyboardInterrupt:
            pass  # asked twice: at once

    def _tell(self) -> None:
        if self._listener is not None:
            self._listener.trial(self._document(whole=False), len(self._under_way))

    def _document(self, whole: bool = True) -> dict[str, Any]:
        search = self._search
        trials = [_described(trial) for trial in self._study.get_trials(deepcopy=False)]
        trials = [one for one in trials if one["state"] != "waiting"]
        best = best_trial(self._study)
        preset = None
        if best is not None:
            chosen = json.loads(best.user_attrs["hyperparameters"])
            preset = _preset(search.plan, {**search.plan.config.model_dump(mode="json"), **chosen})
        counts = {
            state: sum(one["state"] == state for one in trials)
            for state in ("complete", "pruned", "failed", "running")
        }
        return {
            "format": FORMAT,
            "scenario": search.problem.scenario.id,
            "scenario_hash": search.original.hash,
            "algorithm": search.plan.asked,
            "metric": search.problem.metric.name,
            "unit": search.problem.metric.unit,
            "better": search.problem.metric.better,
            "folder": str(search.folder),
            "study": search.name,
            "command": list(self._command) if self._command is not None else None,
            "budget": {
                "steps": search.plan.steps,
                "seeds": list(search.seeds),
                "episodes": len(search.episodes),
            },
            "space": as_json(search.space),
            "wanted": search.trials,
            "counts": counts,
            "steps_spent": sum(one["steps"] for one in trials),
            "best": None if best is None else {"trial": best.number, "value": best.value},
            "preset": preset,
            "importances": importances(self._study) if whole else {},
            "trials": trials,
            "comparison": None,
        }

    def _keep(self, document: dict[str, Any]) -> None:
        _write(self._search.folder, "tuning.json", document)
        metric = f"{document['metric']} ({document['unit']})"
        pictures = {
            "history.png": draw_history(document["trials"], metric, document["better"]),
            "importances.png": draw_importances(document["importances"]),
        }
        with storage_errors(self._search.folder):
            for name, content in pictures.items():
                if content is not None:
                    write_atomically(self._search.folder / name, content)


def _described(trial: Any) -> dict[str, Any]:
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
    seconds = None
    if trial.datetime_start is not None and trial.datetime_complete is not None:
        seconds = round((trial.datetime_complete - trial.datetime_start).total_seconds(), 1)
    return {
        "number": trial.number,
        "state": names.get(trial.state.name, "waiting"),
        "value": trial.value,
        "values": json.loads(trial.user_attrs.get("values", "[]")),
        "hyperparameters": json.loads(trial.user_attrs.get("hyperparameters", "{}")),
        "steps": int(trial.user_attrs.get("steps", 0)),
        "seconds": seconds,
        "error": trial.user_attrs.get("error"),
    }


def _preset(plan: Plan, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as a scenario file holds them: what differs from the algorithm's defaults."""
    model = resolve(plan.algorithm.config)
    full = model.model_validate(dict(settings)).model_dump(mode="json")
    defaults = {
        name: info.get_default(call_default_factory=True)
        for name, info in model.model_fields.items()
        if not info.is_required()
    }
    plain = json.loads(json.dumps(defaults, default=list))
    own = {name: value for name, value in full.items() if name not in plain or plain[name] != value}
    return {"steps": plan.steps, "num_envs": plan.num_envs, "hyperparameters": own}


def _prove(
    search: _Search,
    best: Mapping[str, Any],
    retrain: int,
    root: Path,
    how: Launching,
    watcher: Watcher | None,
    command: Sequence[str] | None,
) -> Compared:
    """The winner and the settings from before, on fresh training seeds and the test episodes."""
    before = search.plan.config.model_dump(mode="json")
    tuned = dict(best["hyperparameters"])  # all others are the algorithm's defaults
    full = resolve(search.plan.algorithm.config).model_validate(tuned)
    common = {"algorithm": search.plan.asked, "steps": search.plan.steps, "num_envs": search.plan.num_envs}
    agents = [
        {**common, "name": f"{search.plan.asked}-tuned", "hyperparameters": full.model_dump(mode="json")}
    ]
    if full != search.plan.config:
        agents.append({**common, "name": f"{search.plan.asked}-before", "hyperparameters": before})
    suite = Suite.model_validate(
        {
            "title": f"{search.plan.asked} tuned on {search.problem.scenario.id}, on fresh seeds",
            "scenarios": [search.problem.scenario.id],
            "agents": agents,
            "seeds": retrain,
        }
    )
    grid = make_grid(suite, f"tuned-{search.name}", problems={search.problem.scenario.id: search.original})
    return run_grid(grid, root, launching=how, watcher=watcher, command=command)


def _write(folder: Path, name: str, document: Mapping[str, Any]) -> None:
    text = json.dumps(strict(document), indent=1, allow_nan=False)
    with storage_errors(folder):
        write_atomically(folder / name, f"{text}\n".encode())
