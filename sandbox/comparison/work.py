"""Runs one cell wherever it is sent: training, evaluation, and a record that appears whole."""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.errors import DamagedRunError, RunBusyError, SandboxError, StorageError
from sandbox.comparison.artifacts import copy_cell
from sandbox.comparison.lease import Lease, take
from sandbox.comparison.records import EPISODES, cell_folder, read_cell, write_cell
from sandbox.envs.vector import restorable
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.evaluate import play_all
from sandbox.evaluation.named_agents import learned_agent
from sandbox.evaluation.progress import Phase, Silent
from sandbox.evaluation.rollout import Episode
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.launch.base import BUSY, INTERRUPTED, OnProgress
from sandbox.registry.discover import use_plugins
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import Run
from sandbox.runs.provenance import packages
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.resolve import ResolvedScenario, from_record
from sandbox.training.plan import Plan, make_plan
from sandbox.training.train import resume_plan, train_plan

FUNCTION = "sandbox.comparison.work:run_cell"
PROGRESS_EVERY = 1.0
"""Seconds between two reports of progress."""


def run_cell(payload: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
    """Run a cell unless it is done, or another worker is at it.

    Args:
        payload: ``root``, the runs directory; ``cell``, its id; ``kind``; ``request``; ``again``,
            whether to run it although it failed before; ``artifacts``, the URL of a store that gets a copy.
        on_progress: Called with ``{"phase", "done", "total"}``.

    Returns:
        ``{"status"}``: ``done`` or ``failed`` as its record now says, ``busy`` while another worker has
        it, ``interrupted`` after a request to stop.

    Raises:
        StorageError: If the runs directory cannot be written; no fault of the cell.
    """
    root, cell = Path(payload["root"]), str(payload["cell"])
    use_plugins(payload["request"].get("plugins", ""))
    known = read_cell(root, cell)
    if known is not None and _is_settled(known, bool(payload.get("again"))):
        return {"status": known["status"]}
    folder = cell_folder(root, cell)
    with storage_errors(root):
        folder.mkdir(parents=True, exist_ok=True)
        lease = take(folder)
    if lease is None:
        return {"status": BUSY}
    try:
        known = read_cell(root, cell)  # another worker may have finished it while the lease was taken
        if known is not None and _is_settled(known, bool(payload.get("again"))):
            return {"status": known["status"]}
        return _attempt(root, cell, payload, (known or {}).get("attempts", 0) + 1, lease, on_progress)
    except KeyboardInterrupt:
        return {"status": INTERRUPTED}
    finally:
        lease.release()


def _is_settled(record: Mapping[str, Any], again: bool) -> bool:
    return record["status"] == "done" or (record["status"] == "failed" and not again)


def _attempt(
    root: Path, cell: str, payload: Mapping[str, Any], attempts: int, lease: Lease, on_progress: OnProgress
) -> dict[str, Any]:
    start = time.perf_counter()
    request = payload["request"]
    record: dict[str, Any] = {
        "kind": payload["kind"],
        "scenario": request["scenario"]["id"],
        "scenario_hash": request["scenario_hash"],
        "algorithm": request.get("algorithm") or request.get("baseline"),
        "seed": request.get("seed"),
        "attempts": attempts,
        "packages": packages(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "run_dir": None,
    }
    try:
        scenario = scenario_of(request)
        if payload["kind"] == "learned":
            run = _trained(root, cell, scenario, request, on_progress)
            record["run_dir"] = str(run.path.relative_to(root))
            record["train_seconds"] = run.record.get("train_seconds")
            record["steps_per_second"] = run.record.get("steps_per_second")
            played = _play_learned(scenario, run)
        else:
            agent = Agent(request["baseline"], baseline=request["baseline"])
            played = {"final": _play(scenario, [agent])[agent.name]}
        if not lease.held():
            return {"status": BUSY}
        with storage_errors(root):
            write_atomically(cell_folder(root, cell) / EPISODES, _table(played), last=False)
        record |= {"status": "done", "results": _results(scenario, played)}
    except RunBusyError:
        return {"status": BUSY}  # a worker that is about to end still writes the run directory
    except StorageError:
        raise
    except Exception as error:  # whatever goes wrong inside a cell is that cell's result
        record |= {"status": "failed", "error": _sentence(error), "run_dir": _failed_run(root, cell, request)}
    record["seconds"] = round(time.perf_counter() - start, 3)
    record["ended"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    with storage_errors(root):
        write_cell(root, cell, record)
    if payload.get("artifacts"):
        copy_cell(root, cell, record["run_dir"], payload["artifacts"])
    return {"status": record["status"]}


def _trained(
    root: Path, cell: str, scenario: ResolvedScenario, request: Mapping[str, Any], on_progress: OnProgress
) -> Run:
    """The finished training run of a cell: an earlier attempt's, resumed exactly where possible, or new."""
    plan = _plan(scenario, request)
    stopped = None
    for run in _attempts(root, cell, request):
        if run.record["status"] == "done":
            return run
        if run.record["status"] != "failed":
            stopped = run
    progress = _TrainingProgress(on_progress)
    with EpisodeRunner(scenario, num_workers=1) as runner:
        if stopped is not None:
            writer = RunWriter.reopen(stopped.path)
            if restorable(scenario) and plan.algorithm.capabilities.exact_resume:
                return resume_plan(plan, writer, runner, progress)
            # The same cell must give the same numbers however often it was stopped.
            writer.discard()
        return train_plan(plan, root, runner, progress, {"cell": cell, "command": request.get("command")})


def _attempts(root: Path, cell: str, request: Mapping[str, Any]) -> list[Run]:
    """Run directories of this cell, of earlier attempts."""
    domain, name = str(request["scenario"]["id"]).split("/")
    attempts = []
    for folder in (root / domain / name / str(request["algorithm"])).glob(f"{request['seed']}-*"):
        try:
            run = Run.open(folder)
        except DamagedRunError:
            continue
        if run.record.get("cell") == cell:
            attempts.append(run)
    return attempts


def _failed_run(root: Path, cell: str, request: Mapping[str, Any]) -> str | None:
    if "algorithm" not in request:
        return None
    runs = _attempts(root, cell, request)
    return str(runs[-1].path.relative_to(root)) if runs else None


def _play_learned(scenario: ResolvedScenario, run: Run) -> dict[str, list[Episode]]:
    """Test episodes of the final and of the best-validation policy; played once where they are the same."""
    best = run.record.get("best")
    same = best is not None and best["steps"] == run.record.get("steps_done")
    which = ["final"] if best is None or same else ["final", "best"]
    agents = {name: learned_agent(run, name) for name in which}
    episodes = _play(scenario, list(agents.values()))
    played = {name: episodes[agent.name] for name, agent in agents.items()}
    return played | ({"best": played["final"]} if same else {})


def _play(scenario: ResolvedScenario, agents: list[Agent]) -> dict[str, list[Episode]]:
    with EpisodeRunner(scenario, num_workers=1) as runner:
        evaluation = play_all(runner, scenario, agents, evaluation_seeds(scenario), Silent())
    return {
        agent.name: [episode for episode in evaluation.episodes if episode.agent == agent.name]
        for agent in agents
    }


def _results(scenario: ResolvedScenario, played: Mapping[str, list[Episode]]) -> dict[str, Any]:
    return {which: _summary(scenario, episodes) for which, episodes in played.items()}


def _summary(scenario: ResolvedScenario, episodes: list[Episode]) -> dict[str, Any]:
    return {
        "seeds": [episode.seed for episode in episodes],
        "values": [episode.metrics[scenario.metric.name] for episode in episodes],
        "metrics": _means(episode.metrics for episode in episodes),
        "reward_terms": _means(episode.reward_terms for episode in episodes),
        "return": float(np.mean([episode.ret for episode in episodes])),
        "length": float(np.mean([episode.length for episode in episodes])),
        "terminated": float(np.mean([episode.terminated for episode in episodes])),
    }


def _means(records: Iterable[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.items():
            sums.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _table(played: Mapping[str, list[Episode]]) -> bytes:
    """One row an episode, as the content of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "policy": which,
            "seed": episode.seed,
            "return": episode.ret,
            "length": episode.length,
            "terminated": episode.terminated,
            "truncated": episode.truncated,
            **{f"term/{name}": value for name, value in episode.reward_terms.items()},
            **{f"metric/{name}": value for name, value in episode.metrics.items()},
        }
        for which, episodes in played.items()
        for episode in episodes
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


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
            self._on_progress({"phase": phase, "done": done, "total": self._total})


# A worker stays warm: what many cells share is made once. Few are kept, since scenarios may hold file lists.
_scenarios: OrderedDict[str, ResolvedScenario] = OrderedDict()
_plans: OrderedDict[str, Plan] = OrderedDict()
_KEPT = 32


def scenario_of(request: Mapping[str, Any]) -> ResolvedScenario:
    """The scenario of a request; refused if it differs from that where the request was made."""
    key = repr((request["scenario_hash"], request["scenario"]["id"], request["folder"]))
    if key not in _scenarios:
        scenario = from_record(request["scenario"], Path(request["folder"]))
        if scenario.hash != request["scenario_hash"]:
            raise DamagedRunError(
                f"{scenario.spec.id} is another scenario here than where the grid was made: its hash is "
                f"{scenario.hash[:12]}, not {request['scenario_hash'][:12]}.",
                "The same files and the same version of the task must be on every machine.",
            )
        _keep(_scenarios, key, scenario)
    return _scenarios[key]


def _plan(scenario: ResolvedScenario, request: Mapping[str, Any]) -> Plan:
    same = ("scenario_hash", "algorithm", "hyperparameters", "steps", "num_envs", "folder")
    key = repr([request[name] for name in same])
    if key not in _plans:
        made = make_plan(
            scenario,
            request["algorithm"],
            steps=request["steps"],
            num_envs=request["num_envs"],
            hp=request["hyperparameters"],
        )
        _keep(_plans, key, made)
    return replace(_plans[key], scenario=scenario, seed=request["seed"])


def _keep(cache: OrderedDict[str, Any], key: str, value: Any) -> None:
    cache[key] = value
    while len(cache) > _KEPT:
        cache.popitem(last=False)
