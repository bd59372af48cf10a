"""The inventory agent: the gradient through the simulator comes within half a percent of the optimum."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="inventory-optimum",
    sentence="Following the gradient through the simulator, the inventory agent comes within 0.5 % of the "
    "exact optimum of lost sales.",
    idea="7 · Systems",
    switch="An order is held responsible for the costs until it arrives, and for nothing that comes later.",
    measure=f"{__name__}:measure",
    requires=("torch", "numba"),
    extra="inventory",
)

SCENARIO = "inventory/lost-sales-l1-p4"


def measure(trial: Trial) -> Measured:
    """Exact average cost of the learned policies over that of the optimum."""
    from sandbox_course.learning import learn, seeds_of

    settings: dict[str, Any] = {"segment": 1, "tail": 1} if trial.sabotaged else {}
    gaps, best = [], 0.0
    for seed in seeds_of(trial.seed, trial.settings["seeds"]):
        policy = learn(SCENARIO, "pathwise", seed=seed, steps=trial.settings["steps"], hp=settings)
        own, best = costs(SCENARIO, policy)
        gaps.append(100 * (own / best - 1))
    bars = {f"seed {seed}": value for seed, value in enumerate(gaps, trial.seed)}
    plot = Plot("Lost sales: exact cost above the optimum", y="%", bars=bars, marks={"bound": 0.5})
    return Measured({"gap_percent": max(gaps), "optimum": best, "median_gap": float(np.median(gaps))}, plot)


def costs(name: str, policy: Any) -> tuple[float, float]:
    """Exact average cost a period of a policy, whose orders are rounded, and of the optimum."""
    from sandbox.registry.resolve import resolve
    from sandbox.scenarios.given import as_scenario
    from sandbox_inventory.core.solvers.markov_chain import average_cost
    from sandbox_inventory.lost_sales.exact import optimal

    scenario = as_scenario(name)
    reward = resolve(scenario.task.rewards)["cost"]
    model = resolve(scenario.task.make)(scenario.config, reward).core.model

    def choose(state: Any) -> Any:
        return policy.act((model.observe(state) / model.scale).astype(np.float32))

    own = average_cost(model, choose, reward, max_states=1_000_000, max_value=50 * model.scale)
    return float(own), float(optimal(model.config, reward.weights).cost)
