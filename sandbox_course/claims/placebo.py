"""Who tests on the data that chose finds what is not there: placebo searches for moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="placebo",
    sentence="Tested on fresh futures, searches for moves in which there is nothing to find (both actions "
    "are the same) find something in about one of twenty, as their intervals say.",
    idea="8 · Evidence",
    switch="The futures that chose the candidates test them as well: test seeds leak into the choice.",
    measure=f"{__name__}:measure",
    requires=("numba",),
    extra="inventory",
)

SCENARIO = "inventory/lost-sales-l2-p9"
CHANGES = ("config.orders=discrete", "evaluation.config.horizon=400", "evaluation.config.warmup=0")
CANDIDATES, SCREENED, FUTURES, WINDOW = 6, 60, 24, 40


def measure(trial: Trial) -> Measured:
    """Share of whole searches with a false find."""
    from sandbox.evaluation.agents import Agent
    from sandbox.moves.native import NativeBrancher
    from sandbox.moves.scan import scan
    from sandbox.moves.stage import Stage
    from sandbox.scenarios.given import as_scenario

    scenario = as_scenario(SCENARIO, CHANGES)
    agent, stage = Agent("base-stock", baseline="base-stock"), Stage(scenario)
    record = scan(scenario, stage, [agent, agent], trial.seed)
    native = NativeBrancher(scenario, "return", WINDOW)
    states: list[Any] = []
    stage.reset(record.seed)
    for action in record.actions[:300]:
        actions: Any = action
        states.append((stage.save().state["env"], actions[0]))
        stage.step(np.asarray(actions, stage.space.dtype))
    rng, false = np.random.default_rng([11, trial.seed]), 0
    for _ in range(trial.settings["searches"]):
        false += _found(native, agent, states, rng, trial.sabotaged)
    stage.close()
    share = false / trial.settings["searches"]
    plot = Plot(
        "Searches with a find where there is none, share", bars={"searches": share}, marks={"5 %": 0.05}
    )
    return Measured({"false_finds": share}, plot)


def _found(native: Any, agent: Any, states: Any, rng: np.random.Generator, leaked: bool) -> bool:
    """Whether a search confirms one of its candidates; any is false."""
    from sandbox.moves.estimate import interval

    def differences(place: int) -> Any:
        # Futures that are not shared: with common ones the difference would be 0 to the last bit.
        state, action = states[place]
        seeds = rng.integers(2**31, size=2 * FUTURES).tolist()
        values = native.rollout(state, agent, np.full(2 * FUTURES, action), seeds)[0]
        return values[:FUTURES] - values[FUTURES:]

    chosen = rng.choice(len(states), SCREENED, replace=False).tolist()
    drawn = {place: differences(place) for place in chosen}
    best = sorted(chosen, key=lambda place: -drawn[place].mean())[:CANDIDATES]
    tested = (drawn[place] if leaked else differences(place) for place in best)
    return any(interval(each, CANDIDATES)[0] > 0 for each in tested)
