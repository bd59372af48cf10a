"""A bound of what a network can earn: the best plan for demand that is known in advance, or known at a price.

Without a price, the mean over the test episodes of their best plans: no policy does better on these
episodes, whatever it knows. With the charges of `relaxation`, the mean over demand of its own, corrected by
how much more or less is asked for than on average, and less its error; it needs demand on the integers that
is independent from period to period. The tighter of the two is the bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox.api import Bound
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.sampling import draw
from sandbox_inventory.core.rules import InventoryEnvironment
from sandbox_inventory.core.simulation import demand_of_episodes
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.progress import ProgressLine
from sandbox_inventory.network import relaxation
from sandbox_inventory.network.model import Network
from sandbox_inventory.network.program import Program
from sandbox_inventory.network.relaxation import Charges

KNOWN = "the best plan for demand known in advance"
CHARGED = "the best plan for demand known at a price, 99 % certain"
BROWN = "Brown, Smith & Sun 2010, Operations Research 58(4)"

FIT_COLUMNS, MIN_FIT, MAX_FIT = 60_000, 12, 48
"""Paths of demand that the weights of the charges are found on: as many as the columns allow."""

TRIED = 16
"""Paths on which it is tried how much of the weights is good."""

PATHS = 160
"""Paths of demand that the bound is the mean over."""

SEED = 1_414_213_562
"""Of that demand."""

CERTAINTY = 2.326
"""Standard errors that a mean is moved by, so that the bound holds with a certainty of 99 %."""


def bound(env: InventoryEnvironment, metric: str, seeds: Sequence[int]) -> Bound | None:
    """The bound of the mean profit or cost of an episode; see `sandbox.api.Task.bound`."""
    model: Network = env.core.model
    if metric not in ("profit", "cost") or model.config.warmup:
        return None
    return best_plan(model, metric == "profit", seeds)


def best_plan(model: Network, earns: bool, seeds: Sequence[int] | None) -> Bound | None:
    """The bound of a network; None where it is too large.

    Args:
        model: The network.
        earns: Whether what is bounded is the profit, and not the cost.
        seeds: Of the test episodes; None leaves out the plans for demand known in advance.
    """
    program = Program.of(model, earns=earns)
    if program is None:
        return None
    bounds = []
    if seeds is not None:
        values = [program.best(demand) for demand in demand_of_episodes(model, seeds)]
        bounds.append(Bound(float(np.mean(values)), KNOWN))
    whole = all(demand.integer and demand.independent for demand in model.demands)
    if whole and len(program.money) * MIN_FIT <= FIT_COLUMNS:
        bounds.append(Bound(_charged(model, program), CHARGED, BROWN))
    if not bounds:
        return None
    return (min if earns else max)(bounds, key=lambda each: each.value)


def _charged(model: Network, program: Program) -> float:
    """The bound with charges, less its error; from the cache if it is known."""
    question = {
        "config": model.config.model_dump(mode="json", exclude={"orders"}),
        "earns": program.earns,
        "effort": [FIT_COLUMNS, MAX_FIT, PATHS, TRIED, list(relaxation.LEVELS)],
    }

    def search() -> dict[str, Any]:
        mean, error = charged_mean(model, program)
        return {"value": mean + CERTAINTY * error if program.earns else mean - CERTAINTY * error}

    return float(cached("network-charged", 1, question, search)["value"])


def charged_mean(model: Network, program: Program, *, paths: int = PATHS) -> tuple[float, float]:
    """Mean and standard error of the best plans with charges, money a period.

    Args:
        model: The network, with demand on the integers.
        program: Its linear program.
        paths: Paths of demand to take the mean over.
    """
    charges, rng = Charges.of(model), np.random.default_rng(SEED)
    fitted_on = [_path(model, rng) for _ in range(min(MAX_FIT, FIT_COLUMNS // len(program.money)))]
    progress = ProgressLine("bound of the network")
    progress(f"weights from {len(fitted_on)} paths")
    weights = relaxation.fit(program, charges, fitted_on)
    weights = relaxation.shrunk(program, charges, weights, [_path(model, rng) for _ in range(TRIED)])
    slopes = _slopes(
        model, fitted_on, [relaxation.charged(program, charges, weights, path) for path in fitted_on]
    )
    values = []
    for number in range(paths):
        path = _path(model, rng)
        value = relaxation.charged(program, charges, weights, path)
        values.append(value - float(_unusual(model, path) @ slopes))
        progress(f"{number + 1} of {paths} paths, {np.mean(values):.5g}")
    progress.done()
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(paths))


def _path(model: Network, rng: np.random.Generator) -> Array:
    """Demand of an episode, shape ``(periods, markets)``, units."""
    periods = model.config.horizon
    return np.concatenate([draw(demand, rng, periods, 1, None)[0] for demand in model.demands], 1)


def _unusual(model: Network, path: Array) -> Array:
    """Demand of each market beyond its mean, units a period."""
    unusual: Array = path.mean(0) - np.array([mean_and_std(demand)[0] for demand in model.demands])
    return unusual


def _slopes(model: Network, paths: Sequence[Array], values: Sequence[float]) -> Array:
    """How a plan's value changes with the demand of each market: a control variate's coefficients."""
    unusual = np.stack([_unusual(model, path) for path in paths])
    centred = np.asarray(values) - np.mean(values)
    slopes: Array = np.linalg.lstsq(unusual - unusual.mean(0), centred, rcond=None)[0]
    return slopes
