"""A move 37: a decision that no classical rule takes, found, tested on fresh futures, and proven."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="move-37",
    sentence="A search finds orders that neither tuned rule would have placed, confirms them on fresh "
    "futures, and the exact model agrees that they are worth more.",
    idea="6 · Games",
    switch="Two fresh futures test a candidate instead of thousands.",
    measure=f"{__name__}:measure",
    requires=("numba",),
    extra="inventory",
)

SCENARIO = "inventory/lost-sales-l2-p9"
CHANGES = ("config.orders=discrete", "evaluation.config.horizon=400", "evaluation.config.warmup=0")
AGENT, AGAINST = "myopic-2", ("capped-base-stock", "base-stock")


def measure(trial: Trial) -> Measured:
    """Confirmed finds, and how many of them are worth more by the exact values of the optimum."""
    from sandbox.launch import Launching
    from sandbox.moves.api import find_moves
    from sandbox.moves.settings import Settings

    sizes = trial.settings
    first = trial.seed % 90_000
    record = find_moves(
        AGENT,
        SCENARIO,
        against=AGAINST,
        changes=[*CHANGES, f"evaluation.seeds.test=[{first},100000]"],
        settings=Settings(
            episodes=6,
            screen=sizes["screen"],
            futures=60,
            finds=6,
            fresh=2 if trial.sabotaged else sizes["fresh"],
            window=60,
            films=0,
            seed=trial.seed,
        ),
        runs_dir=trial.scratch,
        launching=Launching("inline"),
    ).record
    confirmed = [find for find in record.best if find.verdict == "confirmed"]
    exact = [_exact(find) for find in confirmed]
    figures = {
        "confirmed": float(len(confirmed)),
        "exact_agrees": float(np.mean([value > 0 for value in exact])) if exact else float("nan"),
        "different": float(record.different),
        "best_worth": max((_worth(find) for find in confirmed), default=float("nan")),
    }
    bars = {find.id: _worth(find) for find in record.best}
    return Measured(figures, Plot("Candidates: worth over the best classical order", bars=bars))


def _worth(find: Any) -> float:
    return float(find.advantage)


def _exact(find: Any) -> float:
    """What the agent's order is worth over the better of the rules' if the optimum goes on, exactly."""
    quality, index = _qualities()
    row = quality[index(np.array([[value for _, value in find.observation]]))[0]]
    others = [int(other.action) for other in find.alternatives if int(other.action) < len(row)]
    return float(row[int(find.action)] - max(row[other] for other in others))


@cache
def _qualities() -> tuple[Any, Any]:
    """Q of every state and order under the optimum, and the index of an observation's state."""
    from sandbox.envs.models import models_of
    from sandbox.scenarios.given import as_scenario

    model = models_of(as_scenario(SCENARIO, CHANGES)).finite
    values = np.zeros(model.num_states)
    for _ in range(5_000):
        new = model.action_values(values).max(1)
        change = new - values
        values = 0.5 * (new + values)  # half of the old values, or a chain that alternates would for ever
        values -= values[0]
        if np.ptp(change) < 1e-10:
            break
    return model.action_values(values), model.state_index
