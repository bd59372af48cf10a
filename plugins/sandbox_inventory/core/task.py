"""What every inventory task declares; importing this file loads neither NumPy nor pydantic.

To add a metric, declare it in `METRICS` and compute it in `sandbox_inventory.core.metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from sandbox.api import Baseline, Metric, Task, View

METRICS = (
    Metric("cost", "money/period", "lower", "all costs a period, after the warm-up"),
    Metric("profit", "money/period", "higher", "revenue less all costs a period"),
    Metric("fill_rate", "1", "higher", "share of demand met from stock at once (type 2 service)"),
    Metric("service_level", "1", "higher", "share of periods whose demand was all met at once (type 1)"),
    Metric("stockouts", "periods", "lower", "periods in which some demand was not met at once"),
    Metric("turnover", "1/period", "higher", "units sold a period over mean stock on hand, 0 without stock"),
    Metric("stock", "units", "lower", "mean stock on hand at the end of a period, whole system"),
    Metric("spoiled", "units/period", "lower", "units thrown away"),
    Metric("bullwhip", "1", "lower", "variance of the orders to the outside over variance of demand"),
)

TRAJECTORIES = View(
    "trajectories", "sandbox_inventory.views:trajectories", "stock, pipeline, orders and demand over time"
)
REPLAY = View("replay", "sandbox_inventory.views:replay", "the episode for the web page", formats=("json",))
ORDER_MAP = View(
    "policy", "sandbox_inventory.views:order_map", "the order in every state, agents side by side"
)
COST_LEVELS = View("levels", "sandbox_inventory.views:cost_levels", "cost against the base-stock level")
BULLWHIP = View("bullwhip", "sandbox_inventory.views:bullwhip", "how orders vary, echelon by echelon")

PADDED_PIPELINE = {
    "no-constant-observation": (
        "pipelines are padded to the longest lead time; what takes one period has arrived before it is seen"
    )
}
FINITE_HORIZON = {"truncation": "the horizon is the end of the problem itself, and the period is observed"}
"""Checks of the contract suite that some tasks cannot pass, with the reason."""


def inventory_task(
    name: str,
    title: str,
    *,
    family: str,
    config: str,
    baselines: tuple[Baseline, ...],
    sources: tuple[str, ...],
    version: int = 1,
    agents: Literal["single", "parallel"] = "single",
    default_reward: str = "cost",
    bound: bool = False,
    views: tuple[View, ...] = (),
    finite_model: bool = False,
    dynamics: bool = False,
    simulator: bool = True,
    remembering: tuple[str, ...] = (),
    expected_failures: Mapping[str, str] | None = None,
) -> Task:
    """A task of this package.

    Args:
        name: The task's name in scenario files.
        title: One line of what it is.
        family: Folder of the family. Its ``config`` module has the class ``config``; its ``model`` module
            has ``REWARDS``, ``make`` and ``make_vec`` (``make_parallel`` and ``make_parallel_vec`` for
            parallel tasks).
        config: Name of the class of the task's parameters.
        baselines: The classical rules, and the optimum where it can be computed.
        sources: Papers in which the system is defined.
        version: Raised when dynamics, observations, orders or baselines change.
        agents: ``"parallel"`` for one agent an order.
        default_reward: The preset used when a scenario names none.
        bound: Whether the family's module ``bound`` has a function of that name, for `Task.bound`.
        views: Views beyond trajectories and replay.
        finite_model: Whether the family's ``finite`` module has the function ``finite_model``.
        dynamics: Whether the ``model`` module has ``dynamics``, the model in operations of any library.
        simulator: Whether a task of one agent offers copies for planning: not where its demand is no chance.
        remembering: Baselines whose orders depend on more than the present state.
        expected_failures: Checks of the contract suite that the task cannot pass, each with the reason.
    """
    module = f"sandbox_inventory.{family}.model"
    make = "make" if agents == "single" else "make_parallel"
    return Task(
        name=name,
        version=version,
        title=title,
        config=f"sandbox_inventory.{family}.config:{config}",
        make=f"{module}:{make}",
        make_vec=f"{module}:{make}_vec",
        rewards=f"{module}:REWARDS",
        default_reward=default_reward,
        metrics=METRICS,
        agents=agents,
        observation_fields="sandbox_inventory.core.fields:"
        + ("observation_fields" if agents == "single" else "agents_fields"),
        cheap=True,
        resume="state",
        baselines=tuple(replace(rule, memoryless=rule.name not in remembering) for rule in baselines),
        bound=f"sandbox_inventory.{family}.bound:bound" if bound else None,
        sources=sources,
        views=(TRAJECTORIES, REPLAY, *views),
        dynamics=f"{module}:dynamics" if dynamics else None,
        simulator=f"{module}:simulator" if simulator and agents == "single" else None,
        finite_model=f"sandbox_inventory.{family}.finite:finite_model" if finite_model else None,
        expected_failures=expected_failures or {},
    )
