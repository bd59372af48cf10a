"""Runs one cell wherever it is sent: training, evaluation, and a record that is written at the end."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.errors import DamagedRunError, RunBusyError, SandboxError, StorageError
from sandbox.comparison.artifacts import copy_cell
from sandbox.comparison.records import cell_folder, read_cell, write_cell
from sandbox.envs.vector import restorable
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.episodes import episodes_parquet
from sandbox.evaluation.evaluate import play_all
from sandbox.evaluation.kept import KeptEpisodes
from sandbox.evaluation.named_agents import learned_agent
from sandbox.evaluation.progress import Phase, Silent
from sandbox.evaluation.rollout import Episode
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.launch.base import OnProgress, Payload
from sandbox.records.cell import FORMAT, CellRecord, CellResults, EpisodesRecord
from sandbox.records.code import Code
from sandbox.records.jobs import CellJob, CellRequest, JobResult, JobShare, ScenarioRequest, TrainingRequest
from sandbox.records.status import JobStatus
from sandbox.registry.discover import use_plugins
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.code import code_of, digest_of_code
from sandbox.runs.directory import EPISODES, Run
from sandbox.runs.lock import STALE_WORK, Lock
from sandbox.runs.provenance import local_time, packages
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.resolve import ResolvedScenario, from_record
from sandbox.training.plan import Plan, make_plan
from sandbox.training.train import resume_plan, train_plan

FUNCTION = "sandbox.comparison.work:run_cell"
PROGRESS_EVERY = 1.0
"""Seconds between two reports of progress."""


def run_cell(payload: Payload, on_progress: OnProgress) -> Payload:
    """Run a cell unless it is done or another worker has it.

    Args:
        payload: A `sandbox.records.jobs.CellJob`.
        on_progress: Called with a `sandbox.records.jobs.JobShare`.

    Returns:
        A `sandbox.records.jobs.JobResult`: ``done`` or ``failed`` as its record now says, ``busy`` while
        another worker has it, ``interrupted`` after a request to stop.

    Raises:
        StorageError: If the runs directory cannot be written; no fault of the cell.
    """
    job = CellJob.model_validate(payload)
    return JobResult(status=_run(job, Path(job.root), on_progress)).to_json()


def _run(job: CellJob, root: Path, on_progress: OnProgress) -> JobStatus:
    use_plugins(job.request.scenario.plugins)
    known = read_cell(root, job.cell)
    if known is not None and _is_settled(known, job):
        return known.status
    folder = cell_folder(root, job.cell)
    try:
        with storage_errors(root):
            folder.mkdir(parents=True, exist_ok=True)
            lock = Lock.take(folder, STALE_WORK)
    except RunBusyError:
        return "busy"
    try:
        known = read_cell(root, job.cell)  # another worker may have finished it while the lock was taken
        if known is not None and _is_settled(known, job):
            return known.status
        return _attempt(job, root, known.attempts + 1 if known is not None else 1, lock, on_progress)
    except KeyboardInterrupt:
        return "interrupted"
    finally:
        lock.release()


def _is_settled(record: CellRecord, job: CellJob) -> bool:
    if record.status == "done":
        return not job.fresh
    return record.status == "failed" and not job.again


def _attempt(job: CellJob, root: Path, attempts: int, lock: Lock, on_progress: OnProgress) -> JobStatus:
    start = time.perf_counter()
    record = _begun(job, attempts)
    try:
        scenario = scenario_of(job.request.scenario)
        code = _require_code(scenario, job.request)
        record = record.changed(packages=packages(scenario.domain), code=code)
        if job.request.training is not None:
            run = _trained(root, job.cell, scenario, job.request.training, on_progress)
            record = record.changed(
                run_dir=run.path.relative_to(root).as_posix(),
                packages=run.record.packages,
                train_seconds=run.record.train_seconds,
                steps_per_second=run.record.steps_per_second,
            )
            played = _play_learned(scenario, run)
        else:
            name = str(job.request.baseline)
            kept = KeptEpisodes(root, scenario, fresh=job.fresh)
            played = {"final": _play(scenario, [Agent(name, baseline=name)], kept)[name]}
        if not lock.held():
            return "busy"
        with storage_errors(root):
            rows = ((which, episode) for which, episodes in played.items() for episode in episodes)
            write_atomically(
                cell_folder(root, job.cell) / EPISODES, episodes_parquet(rows, "policy"), last=False
            )
        record = record.changed(status="done", results=_results(scenario, played))
    except RunBusyError:
        return "busy"  # a worker that is about to end still writes the run directory
    except StorageError:
        raise
    except Exception as error:  # whatever goes wrong inside a cell is that cell's result
        record = record.changed(
            status="failed", error=_sentence(error), run_dir=_failed_run(root, job.cell, job.request)
        )
    record = record.changed(seconds=round(time.perf_counter() - start, 3), ended=local_time())
    with storage_errors(root):
        write_cell(root, record)
    if job.artifacts is not None:
        copy_cell(root, job.cell, record.run_dir, job.artifacts)
    return record.status


def _require_code(scenario: ResolvedScenario, request: CellRequest) -> Code:
    """The code of this process for a cell; refused if it differs from that where the request was made."""
    algorithm = _plan(scenario, request.training).algorithm if request.training is not None else None
    code = code_of(scenario, algorithm, request.baseline or "")
    if request.code and digest_of_code(code) != request.code:
        raise DamagedRunError(
            f"The code of {', '.join(part.name for part in code)} is not that of where the grid was made.",
            "Have the same on every machine, and leave it as it is while a grid is being computed.",
        )
    return code


def _begun(job: CellJob, attempts: int) -> CellRecord:
    """The record of a cell as it stands before it is run: failed until it is done."""
    training = job.request.training
    return CellRecord(
        format=FORMAT,
        id=job.cell,
        kind=job.kind,
        scenario=str(job.request.scenario.spec["id"]),
        scenario_hash=job.request.scenario.hash,
        algorithm=training.algorithm if training is not None else job.request.baseline,
        seed=training.seed if training is not None else None,
        attempts=attempts,
        packages=packages(),
        started=local_time(),
        run_dir=None,
        status="failed",
    )


def _trained(
    root: Path, cell: str, scenario: ResolvedScenario, request: TrainingRequest, on_progress: OnProgress
) -> Run:
    """The finished training run of a cell: an earlier attempt's, resumed exactly where possible, or new."""
    plan = replace(_plan(scenario, request), cell=cell)
    stopped = None
    for run in _attempts(root, cell, scenario.spec.id, request):
        if run.record.status == "done":
            return run
        if run.record.status != "failed":
            stopped = run
    progress = _TrainingProgress(on_progress)
    with EpisodeRunner(scenario, num_workers=1) as runner:
        if stopped is not None:
            writer = RunWriter.reopen(stopped.path)
            if restorable(scenario) and plan.algorithm.capabilities.exact_resume:
                return resume_plan(plan, writer, runner, progress)
            # The same cell must give the same numbers however often it was stopped.
            writer.discard()
        return train_plan(plan, root, runner, progress)


def _attempts(root: Path, cell: str, scenario: str, request: TrainingRequest) -> list[Run]:
    """Run directories of this cell, of earlier attempts."""
    attempts = []
    for folder in root.joinpath(*scenario.split("/"), request.algorithm).glob(f"{request.seed}-*"):
        try:
            run = Run.open(folder)
        except DamagedRunError:
            continue
        if run.record.cell == cell:
            attempts.append(run)
    return attempts


def _failed_run(root: Path, cell: str, request: CellRequest) -> str | None:
    if request.training is None:
        return None
    runs = _attempts(root, cell, str(request.scenario.spec["id"]), request.training)
    return runs[-1].path.relative_to(root).as_posix() if runs else None


def _play_learned(scenario: ResolvedScenario, run: Run) -> dict[str, list[Episode]]:
    """Test episodes of the final and of the best-validation policy; played once where they are the same."""
    best = run.record.best
    same = best is not None and best.steps == run.record.steps_done
    which = ["final"] if best is None or same else ["final", "best"]
    agents = {name: learned_agent(run, name) for name in which}
    episodes = _play(scenario, list(agents.values()))
    played = {name: episodes[agent.name] for name, agent in agents.items()}
    return played | ({"best": played["final"]} if same else {})


def _play(
    scenario: ResolvedScenario, agents: list[Agent], kept: KeptEpisodes | None = None
) -> dict[str, list[Episode]]:
    with EpisodeRunner(scenario, num_workers=1, kept=kept) as runner:
        evaluation = play_all(runner, scenario, agents, evaluation_seeds(scenario), Silent())
    return {
        agent.name: [episode for episode in evaluation.episodes if episode.agent == agent.name]
        for agent in agents
    }


def _results(scenario: ResolvedScenario, played: Mapping[str, list[Episode]]) -> CellResults:
    return CellResults.model_validate(
        {which: _summary(scenario, episodes) for which, episodes in played.items()}
    )


def _summary(scenario: ResolvedScenario, episodes: list[Episode]) -> EpisodesRecord:
    return EpisodesRecord(
        seeds=tuple(episode.seed for episode in episodes),
        values=tuple(episode.metrics[scenario.metric.name] for episode in episodes),
        metrics=_means(episode.metrics for episode in episodes),
        reward_terms=_means(episode.reward_terms for episode in episodes),
        ret=float(np.mean([episode.ret for episode in episodes])),
        length=float(np.mean([episode.length for episode in episodes])),
        terminated=float(np.mean([episode.terminated for episode in episodes])),
    )


def _means(records: Iterable[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.items():
            sums.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _sentence(error: Exception) -> str:
    if isinstance(error, SandboxError):
        return f"{error.message} {error.hint}".strip()
    return f"{type(error).__name__}: {error}"


class _TrainingProgress(Silent):
    """Reports how far training is, about once a second."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._total = 0
        self._reported_at = 0.0

    def start(self, phase: Phase, title: str, total: int, unit: str, done: int = 0) -> None:
        if phase == "train":
            self._total = total

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        now = time.monotonic()
        if phase == "train" and now - self._reported_at >= PROGRESS_EVERY:
            self._reported_at = now
            self._on_progress(JobShare(done=done, total=self._total).to_json())


# A worker stays warm: what many cells share is made once. Few are kept, since scenarios may hold file lists.
_scenarios: OrderedDict[str, ResolvedScenario] = OrderedDict()
_plans: OrderedDict[str, Plan] = OrderedDict()
_KEPT = 32


def scenario_of(request: ScenarioRequest) -> ResolvedScenario:
    """The scenario of a request; refused if it differs from that where the request was made."""
    key = repr((request.hash, request.spec["id"], request.folder))
    if key not in _scenarios:
        scenario = from_record(request.spec, Path(request.folder))
        if scenario.hash != request.hash:
            raise DamagedRunError(
                f"{scenario.spec.id} is another scenario here than where the grid was made: its hash is "
                f"{scenario.hash[:12]}, not {request.hash[:12]}.",
                "The same files and the same version of the task must be on every machine.",
            )
        _keep(_scenarios, key, scenario)
    return _scenarios[key]


def _plan(scenario: ResolvedScenario, request: TrainingRequest) -> Plan:
    key = repr((scenario.hash, str(scenario.folder), request.without("seed")))
    if key not in _plans:
        plan = make_plan(
            scenario,
            request.algorithm,
            steps=request.steps,
            num_envs=request.num_envs,
            hp=request.hyperparameters,
        )
        _keep(_plans, key, plan)
    return replace(_plans[key], scenario=scenario, seed=request.seed or 0)


def _keep(cache: OrderedDict[str, Any], key: str, value: Any) -> None:
    cache[key] = value
    while len(cache) > _KEPT:
        cache.popitem(last=False)
