"""Does the learned policy beat the classical methods? Several training seeds, final policies, test seeds.

    python -m benchmarks.learning [SCENARIO…] [--algo ppo] [--seeds 5] [--steps N] [--workers 1]
                                  [--set KEY=VALUE] [--hp NAME=VALUE] [--runs-dir DIR]

Trains with the scenario's preset once a seed, then plays every final policy, every best-validation policy
and every baseline on the same test episodes. The unit of analysis is the training run: its episodes are
averaged first. A finished run of the same plan under DIR is used again, so a call that was stopped goes
on. Prints one JSON document, and a Markdown table on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from sandbox.api.errors import SandboxError
from sandbox.evaluation.evaluate import play_all
from sandbox.evaluation.named_agents import baseline_agents, learned_agent
from sandbox.evaluation.progress import Silent
from sandbox.evaluation.result import EvaluationResult
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.records.base import strict
from sandbox.runs.directory import Run, runs
from sandbox.scenarios.resolve import load_scenario
from sandbox.training.plan import Plan, make_plan
from sandbox.training.train import train_plan

DEFAULT = ("traffic/single-intersection", "traffic/cologne1", "traffic/ingolstadt1")


@dataclass(frozen=True)
class Asked:
    """One training run to make or to find."""

    scenario: str
    algo: str
    seed: int
    steps: int | None
    sets: tuple[str, ...]
    hp: tuple[str, ...]
    root: Path
    init_from: Path | None = None

    def plan(self) -> Plan:
        """The run with everything decided."""
        scenario = load_scenario(self.scenario, self.sets)
        given = {"seed": self.seed, "steps": self.steps, "hp": self.hp, "init_from": self.init_from}
        return make_plan(scenario, self.algo, **given)

    def carry_out(self) -> Path:
        """Train; where the run lies."""
        plan = self.plan()
        with EpisodeRunner(plan.scenario) as runner:
            return train_plan(plan, self.root, runner, Silent()).path


def main() -> int:
    """Train, evaluate, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenarios", nargs="*", default=DEFAULT)
    parser.add_argument("--algo", default="ppo")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--workers", type=int, default=1, help="training runs at a time")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    parser.add_argument("--hp", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    common = (arguments.steps, tuple(arguments.sets), tuple(arguments.hp), arguments.runs_dir)
    if arguments.seeds < 1 or arguments.workers < 1:
        parser.error("--seeds and --workers must be at least 1")
    cells = {
        name: [Asked(name, arguments.algo, seed, *common) for seed in range(arguments.seeds)]
        for name in dict.fromkeys(arguments.scenarios)
    }

    def results() -> list[dict[str, Any]]:
        for asked in cells.values():  # all mistakes before the first run
            if not baseline_agents(asked[0].plan().scenario):
                parser.error(f"{asked[0].scenario} has no baseline to compare with")
        return [judge(asked[0], trained(asked, arguments.workers)) for asked in cells.values()]

    return report(results, table)


def report(compute: Callable[[], list[dict[str, Any]]], table: Callable[[dict[str, Any]], str]) -> int:
    """Print results as JSON, and as tables on stderr; a mistake in a sentence. The exit code."""
    try:
        results = compute()
    except SandboxError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    print(json.dumps(strict(results), indent=2))
    for result in results:
        print(table(result), file=sys.stderr)
    return 0


def trained(asked: Sequence[Asked], workers: int) -> list[Run]:
    """A finished run for each, in their order: found, or trained now."""
    done = {one: run for one in asked if (run := finished(one)) is not None}
    missing = [one for one in asked if one not in done]
    context = get_context("spawn")
    stopped = context.Event()
    pool = ProcessPoolExecutor(workers, context, _listen, (stopped,))
    try:
        waiting = {pool.submit(train, one): one for one in missing}
        for future in as_completed(waiting):
            one = waiting[future]
            done[one] = Run.open(future.result())
            told = f"trained in {done[one].record.seconds or 0:.0f} s"
            print(f"{one.scenario} seed {one.seed}: {told}", file=sys.stderr, flush=True)
    finally:
        stopped.set()  # an interrupt ends the runs that go on; those that wait in the workers must not begin
        pool.shutdown(cancel_futures=True)
    return [done[one] for one in asked]


_STOPPED: list[Event] = []
"""In a worker: what tells that the benchmark has been stopped."""


def _listen(stopped: Event) -> None:
    _STOPPED.append(stopped)


def train(asked: Asked) -> Path:
    """Carry out one run; where it lies."""
    parent = parent_process()
    if any(event.is_set() for event in _STOPPED) or (parent is not None and not parent.is_alive()):
        raise RuntimeError("The benchmark that asked for this run has been stopped.")
    return asked.carry_out()


def finished(asked: Asked) -> Run | None:
    """A run under the root that did exactly what is asked for."""
    plan = asked.plan()
    wanted = {
        "scenario_id": plan.scenario.spec.id,
        "task_version": plan.scenario.task.version,
        "config": plan.scenario.config.model_dump(mode="json"),
        "reward": plan.scenario.reward.weights,
        "algorithm": plan.asked,
        "hyperparameters": plan.config.model_dump(mode="json"),
        "seed": plan.seed,
        "steps": plan.steps,
        "num_envs": plan.num_envs,
        "init_from": str(plan.initial) if plan.initial else None,
        "status": "done",
    }
    validated = plan.scenario.spec.evaluation.model_dump(mode="json", exclude={"episodes"})
    for run in runs(asked.root):
        if not isinstance(run, Run) or any(
            run.record.to_json().get(key) != value for key, value in wanted.items()
        ):
            continue
        recorded = run.record.to_json()["scenario"]["evaluation"]
        if all(recorded.get(key) == value for key, value in validated.items()):
            return run
    return None


def judge(asked: Asked, trained_runs: Sequence[Run]) -> dict[str, Any]:
    """Set runs beside the scenario's baselines on the test episodes."""
    scenario = load_scenario(asked.scenario, asked.sets)
    agents = [replace(learned_agent(run), name=f"final {seed}") for seed, run in enumerate(trained_runs)]
    agents += [
        replace(learned_agent(run, "best"), name=f"best {seed}")
        for seed, run in enumerate(trained_runs)
        if run.record.best is not None
    ]
    baselines = baseline_agents(scenario)
    with EpisodeRunner(scenario) as runner:
        found = play_all(runner, scenario, [*agents, *baselines], evaluation_seeds(scenario), Silent())
    best = found.optimum() or found.best_baseline()
    assert best is not None
    finals = [f"final {seed}" for seed in range(len(trained_runs))]
    final = [found.mean(name) for name in finals]
    sign = 1 if found.metric.better == "lower" else -1
    return {
        "scenario": asked.scenario,
        "algorithm": asked.algo,
        "metric": found.metric.name,
        "unit": found.metric.unit,
        "better": found.metric.better,
        "test_episodes": len(found.seeds),
        "steps": trained_runs[0].record.steps,
        "train_seconds": [run.record.seconds for run in trained_runs],
        "final": final,
        "final_returns": [_return(found, name) for name in finals],
        "best_validation": [found.mean(agent.name) for agent in agents if agent.name.startswith("best ")],
        "baselines": {agent.name: found.mean(agent.name) for agent in baselines},
        "baseline_returns": {agent.name: _return(found, agent.name) for agent in baselines},
        "best_baseline": best,
        "ratio_to_best_baseline": [value / found.mean(best) for value in final],
        "seeds_that_beat_every_baseline": sum(sign * value < sign * found.mean(best) for value in final),
        "packages": trained_runs[0].record.packages,
    }


def _return(found: EvaluationResult, agent: str) -> float:
    """Mean return of an agent: what learning went by, where the metric is what counts."""
    return statistics.mean(episode.ret for episode in found.episodes if episode.agent == agent)


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lower = result["better"] == "lower"
    final, worst = result["final"], max if lower else min
    rows = [
        f"| agent | {result['metric']} ({result['unit']}) | return |",
        "|---|---|---|",
        f"| {result['algorithm']}, final policies, mean of {len(final)} seeds (worst seed) "
        f"| **{_told(statistics.mean(final))}** ({_told(worst(final))}) "
        f"| {statistics.mean(result['final_returns']):.0f} ({min(result['final_returns']):.0f}) |",
    ]
    if result["best_validation"]:
        chosen = _told(statistics.mean(result["best_validation"]))
        rows.append(f"| {result['algorithm']}, best-validation policies | {chosen} | |")
    for name, value in sorted(result["baselines"].items(), key=lambda item: item[1], reverse=not lower):
        mark = " (best baseline)" if name == result["best_baseline"] else ""
        rows.append(f"| {name}{mark} | {_told(value)} | {result['baseline_returns'][name]:.0f} |")
    slowest = max(result["train_seconds"])
    return "\n".join(
        [f"\n{result['scenario']}, {result['steps']:,} steps, at most {slowest:.0f} s a run", *rows]
    )


def _told(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
