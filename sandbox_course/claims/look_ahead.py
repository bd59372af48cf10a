"""Idea 1 in play: one step of look-ahead over a rule is better than the rule."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="look-ahead",
    sentence="One step of look-ahead over the tuned base-stock rule, with the simulator, closes more than "
    "half of its gap to the optimum; nothing is learned.",
    idea="5 · Models",
    switch="It looks at the present period alone, so that an order costs nothing later.",
    measure=f"{__name__}:measure",
    requires=("numba",),
    extra="inventory",
)

SCENARIO = "inventory/lost-sales-l2-p4"
CHANGES = ("config.orders=discrete", "evaluation.config.horizon=500", "evaluation.config.warmup=100")


def measure(trial: Trial) -> Measured:
    """Cost a period on the same demand, and the share of the gap that look-ahead closes."""
    import sandbox
    from sandbox_course.learning import first_name, mean_of, played

    run = sandbox.train(
        SCENARIO,
        "rollout",
        seed=trial.seed,
        changes=[*CHANGES, "evaluation.validations=0"],
        hp={"horizon": 1 if trial.sabotaged else 24, "scenarios": 64},
        expert="base-stock",
        runs_dir=trial.scratch,
    )
    table = played(
        [run, "base-stock", "optimal"],
        SCENARIO,
        seed=trial.seed,
        episodes=trial.settings["episodes"],
        changes=CHANGES,
    )
    costs = {
        "base-stock": mean_of(table, "base-stock"),
        "look-ahead over it": mean_of(table, first_name(table)),
        "optimum": mean_of(table, "optimal"),
    }
    rule, ahead, best = costs.values()
    plot = Plot("Lost sales, lead time 2: cost a period", bars=costs)
    return Measured({"share_closed": (rule - ahead) / (rule - best), "cost": ahead}, plot)
