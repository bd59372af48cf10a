"""How near does learning come to the optimum, or to the best rule that is known?

    python -m benchmarks.inventory_learning [SCENARIO…] [--seeds 5] [--workers 2] [--runs-dir DIR]

Trains PPO with the presets of the scenarios, all of them if none is named: lost sales with certain and
random lead times, dual sourcing, perishables, joint replenishment, one warehouse and the beer game. A gap
is a cost over the optimum, in percent. Where the optimum is known, the final policy is judged by its exact
average cost over all the states that it can reach, so these gaps carry no noise of evaluation. The beer
game and the warehouse have no known optimum: they are judged on their test episodes, over the best
classical rule. Runs of the same scenario files that ``--runs-dir`` holds are not made again, so a stopped
benchmark goes on. Prints one JSON document; Markdown tables on stderr.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import sandbox
from benchmarks.mistakes import explained
from sandbox.evaluation.evaluate import evaluate
from sandbox.registry.policies import load_policy
from sandbox.runs.directory import Run
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario

LOST_SALES = tuple(
    f"inventory/lost-sales-l{lead}-p{penalty}" for lead in (1, 2, 3, 4) for penalty in (4, 9, 19, 39)
)
DUAL_SOURCING = tuple(f"inventory/dual-sourcing-l{lead}-c{cost}" for lead in (2, 3) for cost in (105, 110))
BEER = ("inventory/beer-game",)
PERISHABLE = tuple(f"inventory/perishable-{issuing}" for issuing in ("fifo", "lifo"))
JOINT = ("inventory/joint-replenishment",)
RANDOM_LEAD = ("inventory/lost-sales-random-lead",)
WAREHOUSE = tuple(f"inventory/warehouse-{kind}" for kind in ("backorders", "lost"))
ALL = (*LOST_SALES, *RANDOM_LEAD, *DUAL_SOURCING, *PERISHABLE, *JOINT, *WAREHOUSE, *BEER)


@dataclass(frozen=True)
class Judge:
    """What a family's policies are measured by.

    Attributes:
        reference: Cost a period that gaps are counted from.
        rules: Costs of the classical rules, by name.
        cost: Cost a period of the final policy in a run's folder.
    """

    reference: float
    rules: dict[str, float]
    cost: Callable[[Path], float]


def main() -> int:
    """Train what is missing, judge, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenarios", nargs="*", default=list(ALL))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1, help="training runs at a time")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/inventory-learning"))
    arguments = parser.parse_args()
    scenarios = {name: load_scenario(name) for name in arguments.scenarios}
    if other := [name for name, scenario in scenarios.items() if scenario.spec.task not in JUDGES]:
        parser.error(f"{other[0]} is not measured here; tasks: {', '.join(JUDGES)}")
    judges = {name: JUDGES[scenario.spec.task](scenario) for name, scenario in scenarios.items()}
    cells = [(name, seed) for name in scenarios for seed in range(arguments.seeds)]
    found = _run(cells, scenarios, judges, arguments.runs_dir, arguments.workers)
    rows = []
    for name, judge in judges.items():
        own = [found[name, seed] for seed in range(arguments.seeds)]
        rows.append(
            {
                "scenario": name,
                "reference": judge.reference,
                "rules, %": {rule: _gap(cost, judge) for rule, cost in judge.rules.items()},
                "ppo, %": [_gap(cell["cost"], judge) for cell in own],
                "seconds": [cell["seconds"] for cell in own],
                "processor seconds": [cell["processor seconds"] for cell in own],
            }
        )
    print(json.dumps(rows, indent=2))
    print(table(rows), file=sys.stderr)
    return 0


def _gap(cost: float, judge: Judge) -> float:
    return 100 * (cost / judge.reference - 1)


def _run(
    cells: list[tuple[str, int]],
    scenarios: dict[str, ResolvedScenario],
    judges: dict[str, Judge],
    root: Path,
    workers: int,
) -> dict[tuple[str, int], Any]:
    """All cells, from the ledgers of earlier calls where they are known."""
    root.mkdir(parents=True, exist_ok=True)
    ledgers = {cell: root / f"{_key(scenarios[cell[0]], cell[1])}.json" for cell in cells}
    open_cells = [cell for cell in cells if not ledgers[cell].exists()]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting = {pool.submit(train, *cell, root): cell for cell in open_cells}
        for future in as_completed(waiting):
            cell, result = waiting[future], future.result()
            judge = judges[cell[0]]
            result["cost"] = judge.cost(root / result["run"])
            ledgers[cell].write_text(json.dumps(result))
            told = f"{_gap(result['cost'], judge):+.3f} % in {result['seconds']:.0f} s"
            spent = f"{result['processor seconds']:.0f} s of processor time"
            print(f"{cell[0]} seed {cell[1]}: {told}, {spent}", file=sys.stderr, flush=True)
    return {cell: json.loads(ledger.read_text()) for cell, ledger in ledgers.items()}


def _key(scenario: ResolvedScenario, seed: int) -> str:
    content = json.dumps(scenario.spec.model_dump(mode="json"), sort_keys=True)
    return f"{scenario.spec.id.split('/')[1]}-s{seed}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def train(scenario: str, seed: int, root: Path) -> dict[str, Any]:
    """One run with the scenario's preset; where it lies under ``root`` and what it took."""
    begun, used = time.perf_counter(), time.process_time()
    run = sandbox.train(scenario, "ppo", seed=seed, runs_dir=root)
    return {
        "run": str(run.path.relative_to(root)),
        "seconds": time.perf_counter() - begun,
        "processor seconds": time.process_time() - used,
    }


def _lost_sales(scenario: ResolvedScenario) -> Judge:
    from sandbox_inventory.lost_sales.config import LostSalesConfig
    from sandbox_inventory.lost_sales.model import REWARDS, LostSales, make
    from sandbox_inventory.lost_sales.rules import (
        capped_base_stock,
        exact_cost,
        make_capped_base_stock,
        make_optimal,
    )

    config, cost = LostSalesConfig.model_validate(scenario.config.model_dump()), REWARDS["cost"]
    env = make(config, cost)
    best = np.asarray(make_capped_base_stock(env).parameters["values"])
    rules = {"capped base-stock": exact_cost(env, capped_base_stock, best)}
    optimum = float(make_optimal(env).parameters["cost"])
    return Judge(optimum, rules, _exact(LostSales(config), cost, {}))


def _perishable(scenario: ResolvedScenario) -> Judge:
    from sandbox_inventory.perishable import rules
    from sandbox_inventory.perishable.model import REWARDS, Perishable, make

    config, cost = scenario.config, REWARDS["cost"]
    env = make(config, cost)
    makers = {"capped base-stock": rules.make_capped_base_stock, "base-stock": rules.make_base_stock}
    costs = {name: float(maker(env).parameters["cost"]) for name, maker in makers.items()}
    optimum = float(rules.make_optimal(env).parameters["cost"])
    return Judge(optimum, costs, _exact(Perishable(config), cost, {}))


def _joint_replenishment(scenario: ResolvedScenario) -> Judge:
    from sandbox_inventory.core.rules import exact_rule_cost
    from sandbox_inventory.joint_replenishment import rules
    from sandbox_inventory.joint_replenishment.model import REWARDS, JointReplenishment, make

    config, cost = scenario.config, REWARDS["cost"]
    env = make(config, cost)
    costs = {}
    for name, maker, rule in (
        ("can-order", rules.make_can_order, rules.can_order),
        ("total trigger", rules.make_total_trigger, rules.total_trigger),
    ):
        values = np.asarray(maker(env).parameters["values"])
        costs[name] = exact_rule_cost(env, rule, values, max_states=400_000)
    optimum = float(rules.make_optimal(env).parameters["cost"])
    limits = {"max_value": 200.0, "min_value": -200.0}
    return Judge(optimum, costs, _exact(JointReplenishment(config), cost, limits))


def _dual_sourcing(scenario: ResolvedScenario) -> Judge:
    from sandbox_inventory.dual_sourcing import rules
    from sandbox_inventory.dual_sourcing.config import DualSourcingConfig
    from sandbox_inventory.dual_sourcing.model import REWARDS, DualSourcing, make

    config, cost = DualSourcingConfig.model_validate(scenario.config.model_dump()), REWARDS["cost"]
    env = make(config, cost)
    makers = {
        "capped dual index": rules.make_capped_dual_index,
        "dual index": rules.make_dual_index,
        "single index": rules.make_single_index,
        "tailored base-surge": rules.make_tailored_base_surge,
    }
    costs = {name: float(maker(env).parameters["cost"]) for name, maker in makers.items()}
    optimum = float(rules.make_optimal(env).parameters["cost"])
    limits = {"max_states": rules.MAX_STATES, "max_value": rules.MAX_STOCK * env.core.model.scale}
    return Judge(optimum, costs, _exact(DualSourcing(config), cost, limits))


def _exact(model: Any, reward: Any, limits: dict[str, Any]) -> Callable[[Path], float]:
    """Average cost a period of a deterministic policy over the states that it can reach."""
    from sandbox_inventory.core.solvers.markov_chain import average_cost

    def cost(run: Path) -> float:
        policy = load_policy(Run.open(run).policy_folder("final"))

        def choose(state: Any) -> Any:
            observation = (model.observe(state) / model.scale).astype(np.float32)
            policy.reset(len(observation), 0)
            return policy.act(observation)

        return average_cost(model, choose, reward, **limits)

    return cost


def _beer_game(scenario: ResolvedScenario) -> Judge:
    return _played(scenario, ["echelon-base-stock", "base-stock", "sterman"])


def _warehouse(scenario: ResolvedScenario) -> Judge:
    return _played(scenario, ["base-stock"])


def _played(scenario: ResolvedScenario, rules: list[str]) -> Judge:
    """By the test episodes, over the best of these rules."""
    found = evaluate(rules, scenario)
    costs = {agent.name: found.mean(agent.name) for agent in found.agents}

    def cost(run: Path) -> float:
        own = evaluate([run], scenario)
        return float(own.mean(own.agents[0].name))

    return Judge(min(costs.values()), costs, cost)


JUDGES: dict[str, Callable[[ResolvedScenario], Judge]] = {
    "inventory/lost-sales": _lost_sales,
    "inventory/dual-sourcing": _dual_sourcing,
    "inventory/beer-game": _beer_game,
    "inventory/perishable": _perishable,
    "inventory/joint-replenishment": _joint_replenishment,
    "inventory/warehouse": _warehouse,
}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, one table for scenarios with the same rules."""
    lines: list[str] = []
    heads: list[str] = []
    for row in rows:
        rules = list(row["rules, %"])
        if rules != heads:
            heads = rules
            columns = ["scenario", "reference", *heads, "PPO, mean (worst)", "runs", "s a run", "processor s"]
            lines += ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        gaps = row["ppo, %"]
        cells = [
            f"`{row['scenario']}`",
            f"{row['reference']:.4f}",
            *(f"{gap:.2f} %" for gap in row["rules, %"].values()),
            f"{statistics.mean(gaps):.2f} % ({max(gaps):.2f} %)",
            str(len(gaps)),
            f"{max(row['seconds']):.0f}",
            f"{max(row['processor seconds']):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    with explained():
        sys.exit(main())
