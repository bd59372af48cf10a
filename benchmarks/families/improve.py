"""From logs to a policy: how often is what is deployed worse than what made the log?

    python -m benchmarks.families improve [--datasets 200] [--spoiled 100] [--store FOLDER]

Logs of four tasks, as `benchmarks.families._logs` describes them, each by a behaviour drawn at random. What
``sandbox improve --updates 400`` would do with each is done, with 2000 updates on Pendulum, without run
directories. The simulator plays what is deployed and the behaviour afterwards, for judgement alone, in the
same episodes. Spoiled logs are sound ones with one fault. With ``--store`` each log's result is kept as soon
as it is there, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.families._logs import FAULTS, Behaviour, Task, tasks
from benchmarks.families._lost_sales import show
from sandbox.api import Dataset, TrainContext
from sandbox.api.errors import SandboxError
from sandbox.datasets.arrays import read_arrays, write_arrays
from sandbox.datasets.fit import require_fit
from sandbox.improvement.candidates import split
from sandbox.improvement.checks import require_sound
from sandbox.improvement.improve import candidates_of, settings_of, verdict_of
from sandbox.improvement.judge import Verdict
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

JUDGED = {"lost sales": 60, "junction": 30, "CartPole": 60, "Pendulum": 60}
"""Episodes by which the simulator says what is better."""

SPOILED = {"lost sales": None, "junction": 40}
"""Tasks whose logs are spoiled, and how many episodes these have; as many as drawn if None."""


def main(arguments: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--spoiled", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first log")
    parser.add_argument("--tasks", default="lost sales,junction,CartPole,Pendulum")
    parser.add_argument("--store", type=Path, help="folder with what has been measured")
    chosen = parser.parse_args(arguments)
    for name in chosen.tasks.split(","):
        if name not in tasks():
            parser.error(f"there is no task '{name}'; there are {', '.join(tasks())}")
    return show(*measure(chosen))


class Store:
    """Results by name, kept in a file of lines where there is a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "improve.jsonl"
        self._known: dict[str, Any] = {}
        if self._path is not None and self._path.exists():
            for line in self._path.read_text().splitlines():
                try:
                    kept = json.loads(line)
                except json.JSONDecodeError:  # blank, or cut off when the run was stopped
                    continue
                self._known[kept["name"]] = kept["result"]

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The result of this name, made if it is not there."""
        if name not in self._known:
            self._known[name] = result = make()
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a") as file:  # begins a line: the last may have been cut off
                    file.write("\n" + json.dumps({"name": name, "result": result}))
            print(name, result, file=sys.stderr, flush=True)
        return self._known[name]


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Shares of harm, improvement and refusal."""
    store, made = Store(chosen.store), {name: tasks()[name]() for name in chosen.tasks.split(",")}
    seeds = range(chosen.first, chosen.first + chosen.datasets)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in made}
    for seed in seeds:  # side by side, so that a run that is stopped has as many of each
        for name, task in made.items():
            result = store.get(f"{name} {seed}", lambda n=name, t=task, s=seed: outcome(t, s, JUDGED[n]))
            rows[name].append(result)
    spoiled: dict[str, dict[str, list[bool]]] = {
        name: {fault: [] for fault in FAULTS} for name in SPOILED if name in made
    }
    for seed in range(chosen.first, chosen.first + chosen.spoiled):
        for name, faults in spoiled.items():
            refused = store.get(
                f"{name} {seed} spoiled", lambda n=name, s=seed: refusals(made[n], s, SPOILED[n])
            )
            for fault, whether in refused.items():
                faults[fault].append(whether)
    return {**rows, "spoiled": spoiled}, [*_outcomes(rows), "", *_refusals(spoiled)]


def outcome(task: Task, seed: int, judged: int) -> dict[str, Any]:
    """What came of one log: refused, kept or deployed, and both true returns where it was deployed."""
    behaviour = task.behaviour(seed)
    dataset = task.log(behaviour, seed)
    try:
        require_sound(dataset, task.spaces[1], task.spaces[0], task.reference)
    except SandboxError as error:
        return {"refused": error.message, "deployed": None}
    verdict, policies = improved(task, dataset, seed)
    reasons = {name: judgement.reason for name, judgement in verdict.candidates.items()}
    if verdict.deployed is None:
        return {"refused": None, "deployed": None, "reasons": reasons}
    policy = policies[verdict.deployed]

    def act(seen: Any, mask: Any) -> Any:
        return policy.act(seen, mask)

    policy.reset(judged, seed=0)
    new, before = (
        task.play(player, behaviour, judged, 10_000 + seed).returns
        for player in (Behaviour(act, 0.0, judged), behaviour)
    )
    difference = new - before
    return {
        "refused": None,
        "deployed": verdict.deployed,
        "policy": float(new.mean()),
        "behaviour": float(before.mean()),
        "error": float(difference.std(ddof=1)) / judged**0.5,
        "reasons": reasons,
    }


def improved(task: Task, dataset: Dataset, seed: int) -> tuple[Verdict, dict[str, Any]]:
    """What `sandbox improve` does, without run directories."""
    halves = split(dataset, seed)
    policies = {
        label: _trained(name, settings_of(name, task.gamma, settings), halves[0], task, seed)
        for label, (name, settings) in candidates_of((), task.spaces).items()
    }
    return verdict_of(policies, halves, task.spaces[1], task.gamma, seed), policies


def _trained(name: str, settings: dict[str, Any], dataset: Dataset, task: Task, seed: int) -> Any:
    algorithm = registry().algorithms.get(name)

    def make_envs(num_envs: int) -> Any:
        raise AssertionError("an environment was asked for in training")

    context = TrainContext(
        make_envs=make_envs,
        observation_space=task.spaces[0],
        action_space=task.spaces[1],
        config=resolve(algorithm.config)(**settings),
        steps=task.updates,
        seed=seed,
        num_envs=1,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=dataset,
    )
    return resolve(algorithm.train)(context)


def _outcomes(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    columns = "logs | refused | deployed | worse, of these | worse, of all | better, of all | median gain"
    return [f"| task | {columns} |", "| --- |" + " ---: |" * 7] + [
        _line(*each) for each in rows.items() if each[1]
    ]


def _line(name: str, rows: list[dict[str, Any]]) -> str:
    refused = sum(row["refused"] is not None for row in rows)
    deployed = [row for row in rows if row["deployed"] is not None]
    harmful = sum(row["policy"] < row["behaviour"] for row in deployed)
    gains = [row["policy"] - row["behaviour"] for row in deployed]
    better = sum(gain > 0 for gain in gains)
    count = len(rows)
    cells = [
        f"{count}",
        f"{refused}",
        f"{len(deployed)}",
        f"{100 * harmful / max(len(deployed), 1):.1f} %",
        f"{100 * harmful / count:.1f} %",
        f"{100 * better / count:.1f} %",
        f"{statistics.median(gains):.1f}" if gains else "",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _refusals(spoiled: dict[str, dict[str, list[bool]]]) -> list[str]:
    lines = ["| fault | " + " | ".join(spoiled) + " |", "| --- |" + " ---: |" * len(spoiled)]
    for fault in FAULTS:
        lines.append(
            f"| {fault} | " + " | ".join(_share(faults[fault]) for faults in spoiled.values()) + " |"
        )
    every = [[each for refused in faults.values() for each in refused] for faults in spoiled.values()]
    return [*lines, "| all | " + " | ".join(map(_share, every)) + " |"]


def _share(refused: list[bool]) -> str:
    return f"{sum(refused)} of {len(refused)}"


def refusals(task: Task, seed: int, episodes: int | None) -> dict[str, bool]:
    """Whether a log is refused with each fault, on its way through a file."""
    behaviour = task.behaviour(seed)
    behaviour = replace(behaviour, episodes=episodes or behaviour.episodes)
    sound = task.log(behaviour, seed)
    return {fault: _refused(task, spoil(task, sound, seed)) for fault, spoil in FAULTS.items()}


def _refused(task: Task, dataset: Dataset) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.npz"
        write_arrays(path, dataset)
        try:
            again = read_arrays(path)
            require_fit(again, *task.spaces, "the task")
            require_sound(again, task.spaces[1], task.spaces[0], task.reference)
        except SandboxError:
            return True
    return False
