"""The gradient through the simulator on inventory: exact gaps to the optimum.

    python -m benchmarks.families pathwise [--seeds 1] [--only lost-sales] [--steps 6000000]

One setting for all instances, the defaults of ``pathwise``. The gap is that of the exact average cost of the
policy, whose orders the environment rounds, over the exact optimum; the serial system, which has no finite
states, is simulated beside its optimum on the same demand. ``--into FILE`` keeps finished instances, and the
next call goes on from there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.families._lost_sales import show
from sandbox.api import TrainContext
from sandbox.api.task_models import TaskModels
from sandbox.envs.models import models_of
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.scenarios.given import as_scenario

LOST_SALES = [
    f"inventory/lost-sales-l{lead}-p{penalty}" for lead in (1, 2, 3, 4) for penalty in (4, 9, 19, 39)
]
DUAL_SOURCING = [f"inventory/dual-sourcing-l{lead}-c{price}" for lead in (2, 3, 4) for price in (105, 110)]
CHANGES = {
    f"inventory/dual-sourcing-l4-c{price}": (
        f"inventory/dual-sourcing-l3-c{price}",
        "config.regular_lead_time=4",
    )
    for price in (105, 110)
}
"""Instances that are no scenario: the one that they are made from, and what is changed."""

SERIAL = ["inventory/serial", "inventory/serial-four-stages"]
DCL = 0.2
"""Percent: the largest gap that Temizöz et al. (arXiv 2011.15122) report for deep controlled learning."""
SIMULATED = {"episodes": 64, "horizon": 20_000, "warmup": 500}


def main(arguments: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6_000_000, help="simulated periods of an instance")
    parser.add_argument("--only", default="", help="instances whose name contains this")
    parser.add_argument("--into", type=Path, default=None, help="file that keeps what is finished")
    return show(*measure(parser.parse_args(arguments)))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Gaps of all instances."""
    kept: dict[str, Any] = json.loads(chosen.into.read_text()) if chosen.into and chosen.into.exists() else {}
    lines = ["| instance | optimum | gap | CPU |", "| --- | ---: | ---: | ---: |"]
    for name in [*LOST_SALES, *DUAL_SOURCING, *SERIAL]:
        if chosen.only not in name:
            continue
        for seed in range(chosen.seeds):
            key = f"{name} {seed} {chosen.steps}"
            if key not in kept:
                kept[key] = trained(name, seed, chosen.steps)
                if chosen.into:
                    chosen.into.write_text(json.dumps(kept, indent=2))
        rows = [kept[f"{name} {seed} {chosen.steps}"] for seed in range(chosen.seeds)]
        gaps = [row["gap"] for row in rows]
        seconds = statistics.fmean(row["seconds"] for row in rows)
        worst = f" (worst {max(gaps):.3f})" if len(gaps) > 1 else ""
        lines.append(
            f"| {name.partition('/')[2]} | {rows[0]['optimum']:.4f} | "
            f"{statistics.median(gaps):.3f} %{worst} | {seconds:.0f} s |"
        )
    return {"instances": kept, "published_dcl": DCL}, lines


def trained(name: str, seed: int, steps: int) -> dict[str, float]:
    """What `pathwise` reaches on an instance, and the CPU time that it learned for."""
    base, *changes = CHANGES.get(name, (name,))
    scenario, algorithm = as_scenario(base, changes), registry().algorithms.get("pathwise")
    models = models_of(scenario)
    probe = resolve(scenario.task.make)(scenario.config, scenario.reward)

    def make_envs(num_envs: int) -> Any:
        raise AssertionError("an environment was asked for in training")

    begun = time.process_time()
    policy = resolve(algorithm.train)(
        TrainContext(
            make_envs=make_envs,
            observation_space=probe.observation_space,
            action_space=probe.action_space,
            config=resolve(algorithm.config)(),
            steps=steps,
            seed=seed,
            num_envs=1,
            update=lambda steps, policy, values=None, state=None: None,
            models=models,
        )
    )
    seconds = time.process_time() - begun
    cost = simulated_costs if "serial" in name else exact_costs
    own, best = cost(scenario, policy, models)
    return {"optimum": best, "cost": own, "gap": 100 * (own / best - 1), "seconds": seconds}


def exact_costs(scenario: Any, policy: Any, models: TaskModels) -> tuple[float, float]:
    """Exact average cost of the policy and of the optimum, with all costs weighing 1."""
    from sandbox_inventory.core.solvers.markov_chain import average_cost

    reward = resolve(scenario.task.rewards)["cost"]
    env = resolve(scenario.task.make)(scenario.config, reward)
    model = env.core.model

    def of(choose: Callable[[Any], Any]) -> float:
        return float(average_cost(model, choose, reward, max_states=3_000_000, max_value=50 * model.scale))

    best = next(rule for rule in scenario.task.baselines if rule.name == "optimal")
    own = of(lambda state: policy.act((model.observe(state) / model.scale).astype(np.float32)))
    return own, float(resolve(best.make)(env).parameters["cost"]) if "dual" in scenario.spec.id else lost(env)


def lost(env: Any) -> float:
    """The optimum of lost sales."""
    from sandbox_inventory.lost_sales.exact import optimal

    return optimal(env.core.model.config, env.reward.weights).cost


def simulated_costs(scenario: Any, policy: Any, models: TaskModels) -> tuple[float, float]:
    """Cost a period of the policy and of the optimum on the same demand."""
    reward = resolve(scenario.task.rewards)["cost"]
    config = scenario.config.model_copy(
        update={"horizon": SIMULATED["horizon"], "warmup": SIMULATED["warmup"]}
    )
    costs = []
    for which in (policy, "optimal"):
        envs = resolve(scenario.task.make_vec)(config, reward, SIMULATED["episodes"])
        observation, _ = envs.reset(seed=500_000)
        rule = next(rule for rule in scenario.task.baselines if rule.name == "optimal")
        player = resolve(rule.make)(envs) if which == "optimal" else policy
        total, counted = 0.0, 0
        for period in range(config.horizon):
            observation, earned, *_ = envs.step(player.act(observation))
            if period >= config.warmup:
                total, counted = total - float(earned.mean()), counted + 1
        costs.append(total / counted)
    return costs[0], costs[1]
