"""Idea 1: acting by the argmax of Q is nowhere worse, and ends at the optimum."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from sandbox.api import Claim, FiniteModel, Measured, Plot, Trial

claim = Claim(
    id="policy-iteration",
    sentence="Policy iteration gets nowhere worse from round to round and ends at the optimum of lost sales.",
    idea="2 · Values",
    switch="The argmax is taken of the reward alone: what follows is worth nothing (discount 0).",
    measure=f"{__name__}:measure",
    requires=("numba",),
    extra="inventory",
)


def measure(trial: Trial) -> Measured:
    """Cost of every round, and the distance of the last from the optimum that value iteration finds."""
    from sandbox.backends.tabular.planning import begin, improve, sweep
    from sandbox_course.lost_sales import lost_sales
    from sandbox_inventory.lost_sales.finite import finite_model

    model = finite_model(*lost_sales())
    known = begin(model)
    while not known.done:
        known = sweep(model, known, 1e-10)
    best = -known.figures["gain"]
    solved = replace(model, discount=1e-9) if trial.sabotaged else model
    solution = begin(solved)
    costs: list[float] = []
    while not solution.done and len(costs) < trial.settings["rounds"]:
        solution = improve(solved, solution, 1e-10)
        costs.append(_cost(model, solution.chosen))
    rises = [after - before for before, after in pairwise(costs)]
    plot = Plot(
        "Policy iteration on lost sales", "round", "cost a period",
        lines={"policy iteration": (list(range(1, len(costs) + 1)), costs)}, marks={"optimum": best},
    )  # fmt: skip
    figures = {"gap_percent": 100 * (costs[-1] / best - 1), "largest_rise": max([0.0, *rises])}
    return Measured(figures | {"rounds": float(len(costs)), "optimum": best}, plot)


def _cost(model: FiniteModel, chosen: Any) -> float:
    """Average cost a period of a policy from an empty start, by sweeps of its own chain."""
    states = np.arange(model.num_states)
    rewards, successors = model.rewards[states, chosen], model.successors[states, chosen]
    chances, held = model.probabilities[states, chosen], model.initial.copy()
    gains = []
    for _ in range(4_000):
        following = np.zeros_like(held)
        np.add.at(following, successors, chances * held[:, None])
        held = 0.5 * (held + following)  # half of it stays, or a chain that alternates would for ever
        gains.append(float(held @ rewards))
    return -gains[-1]
