"""Pictures of episodes and policies: trajectories, order maps, cost against level, bullwhip, replay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sandbox.api import Moment, RewardSpec, ViewAgent, ViewRequest
from sandbox.api.replay import Clock, Episode, Event, Series, StepLog, write_replay
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.lead_times import mean_of
from sandbox_inventory.core.model import Flow, Model, State
from sandbox_inventory.core.render import draw_orders, draw_stock
from sandbox_inventory.core.solvers.search import SimulatedCost

MAX_PERIODS = 120
"""Most periods of an episode that a picture shows."""

MAX_REPLAY_PERIODS = 400
"""Most periods of an episode in a replay."""

WARMUP_SHOWN = 50
"""Periods of the warm-up that a replay begins with."""

MAX_ECHELONS = 8
"""Most echelons whose orders a replay shows."""


@dataclass
class Recording:
    """One episode of an agent.

    Attributes:
        flows: What moved in each period.
        in_transit: Units in the pipeline after each period.
        metrics: The episode's metrics.
        warmup: Periods at the beginning that the metrics leave out.
        log: Rewards of every period.
    """

    flows: list[Flow] = field(default_factory=list)
    in_transit: list[float] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    warmup: int = 0
    log: StepLog = field(default_factory=StepLog)


def record(request: ViewRequest, agent: ViewAgent, seed: int) -> Recording:
    """Play one episode and record it."""
    recording = Recording()

    def on_step(env: Any, moment: Moment) -> None:
        recording.log.add(moment)
        recording.warmup = int(env.core.model.config.warmup)
        flow = env.core.last_flow
        if moment.step and flow is not None:
            recording.flows.append(flow)
            units = env.core.model.units(env.core.sim.state)[0]
            recording.in_transit.append(float(max(units - flow.stock[0], 0.0)))

    recording.metrics = dict(request.play(agent, seed, on_step).metrics)
    return recording


def trajectories(request: ViewRequest) -> None:
    """Stock, pipeline, orders and demand of the first periods, one column an agent."""
    figure = _figure(5.2 * len(request.agents), 6.0)
    axes = figure.subplots(3, len(request.agents), sharex=True, sharey="row", squeeze=False)
    for column, agent in enumerate(request.agents):
        recording = record(request, agent, request.seeds[0])
        flows = recording.flows[:MAX_PERIODS]
        periods = np.arange(1, len(flows) + 1)
        stock, pipeline, orders = axes[:, column]
        draw_stock(stock, periods, flows)
        in_transit = recording.in_transit[:MAX_PERIODS]
        pipeline.step(periods, in_transit, where="mid", color="#b279a2", label="in transit")
        pipeline.set_ylabel("units")
        pipeline.legend(loc="upper right", fontsize=8)
        draw_orders(orders, periods, flows)
        cost = recording.metrics.get("cost", float("nan"))
        stock.set_title(f"{agent.name}: cost {cost:.3f} a period", fontsize=10)
    _save(figure, request)


def order_map(request: ViewRequest) -> None:
    """The order in every state of stock and next arrival, the rest of the pipeline at the mean demand."""
    env = request.make_env()
    model, reward = env.core.model, env.reward
    stock = np.arange(0, int(4 * model.scale) + 1)
    next_arrival = np.arange(0, int(2.4 * model.scale) + 1) if model.pipeline_length else np.zeros(1, int)
    states = np.stack(np.meshgrid(stock, next_arrival, indexing="ij"), -1).reshape(-1, 2).astype(float)
    figure = _figure(3.8 * len(request.agents) + 0.8, 3.6)
    axes = figure.subplots(1, len(request.agents), sharey=True, squeeze=False)[0]
    tables = [
        orders_in_states(model, reward, agent, states).reshape(len(stock), len(next_arrival))
        for agent in request.agents
    ]
    top = max(float(table.max()) for table in tables)
    for axis, agent, table in zip(axes, request.agents, tables, strict=True):
        image = axis.imshow(table.T, origin="lower", aspect="auto", vmin=0, vmax=top, cmap="viridis")
        axis.set_title(agent.name, fontsize=10)
        axis.set_xlabel("stock after receipt, units")
    axes[0].set_ylabel("arrives next period, units")
    figure.colorbar(image, ax=list(axes), label="order, units")
    env.close()
    _save(figure, request)


def orders_in_states(model: Any, reward: RewardSpec, agent: ViewAgent, states: Array) -> Array:
    """The agent's order, all sources together, in states of (stock, next arrival); shape ``(states,)``."""
    envs = env_makers(type(model)).make_vec(model.config, reward, len(states))
    envs.reset(seed=0)
    policy = agent.make(envs)
    policy.reset(len(states), 0)
    state = {name: part.copy() for name, part in envs.core.sim.state.items()}
    on_hand = next(state[name] for name in ("stock", "net", "ages") if name in state)
    (on_hand if on_hand.ndim == 1 else on_hand[:, -1])[:] = states[:, 0]
    if model.pipeline_length:
        state["pipeline"][:] = np.rint(model.scale)
        state["pipeline"][:, 0] = states[:, 1]
    envs.core.sim.state = state
    quantity: Array = model.orders.quantities(policy.act(envs.core.sim.observe(), None, True))
    return quantity if quantity.ndim == 1 else quantity.sum(1)


def cost_levels(request: ViewRequest) -> None:
    """Cost a period against the base-stock level, simulated on common demand, and each agent's cost.

    For tasks whose inventory position is all units in the system.
    """
    env = request.make_env()
    model: Model = env.core.model
    middle = np.ceil(model.scale * (mean_of(model.config) + 1))
    levels = np.arange(max(middle - 2 * model.scale, 0), middle + 3 * model.scale + 1)

    def base_stock(parameters: Array, state: State) -> Array:
        return positive(parameters[:, 0] - model.units(state))

    weights = {name: 0.0 if name == "revenue" else -1.0 for name in env.reward.weights}
    cost_only = env.reward.reweighted(weights)
    costs = SimulatedCost(model, base_stock, cost_only, periods=20_000)(levels[:, None])
    figure = _figure(6.4, 4.0)
    axes = figure.subplots()
    axes.plot(levels, costs, marker="o", markersize=3, color="#4c78a8", label="base-stock at this level")
    best = int(costs.argmin())
    axes.annotate(f"S = {levels[best]:g}", (levels[best], costs[best]), (-12, 10), textcoords="offset points")
    for number, agent in enumerate(request.agents):
        cost = float(np.mean([record(request, agent, seed).metrics["cost"] for seed in request.seeds]))
        axes.axhline(cost, linestyle="--", color=f"C{number + 1}", label=f"{agent.name}: {cost:.3f}")
    axes.set_ylim(top=3 * costs.min())
    axes.set_xlabel("base-stock level S, units")
    axes.set_ylabel("cost, money a period")
    axes.legend(fontsize=8)
    env.close()
    _save(figure, request)


def bullwhip(request: ViewRequest) -> None:
    """Standard deviation of demand and of every echelon's orders, downstream first."""
    figure = _figure(6.4, 4.0)
    axes = figure.subplots()
    width = 0.8 / len(request.agents)
    for number, agent in enumerate(request.agents):
        rows = []
        for seed in request.seeds:
            flows = record(request, agent, seed).flows
            orders = np.array([flow.orders[0] for flow in flows])
            demand = np.array([flow.demand[0] for flow in flows])
            rows.append([demand.std(), *orders.std(0)])
        spread = np.mean(rows, 0)
        axes.bar(np.arange(len(spread)) + number * width, spread, width, label=agent.name)
    axes.set_xticks(np.arange(len(spread)) + 0.4 - width / 2)
    axes.set_xticklabels(["demand", *(f"echelon {i + 1}" for i in range(len(spread) - 1))])
    axes.set_ylabel("standard deviation, units")
    axes.legend(fontsize=8)
    _save(figure, request)


def replay(request: ViewRequest) -> None:
    """Stock, pipeline, demand, orders and cost of the first episode's periods, for each agent."""
    episodes = [_replay(request, agent, request.seeds[0]) for agent in request.agents]
    write_replay(request.path, request.scenario, episodes)


def _replay(request: ViewRequest, agent: ViewAgent, seed: int) -> Episode:
    recording = record(request, agent, seed)
    periods = len(recording.flows)
    first = max(min(recording.warmup, periods) - WARMUP_SHOWN, 0)
    last = min(first + MAX_REPLAY_PERIODS, periods)
    flows, warmup = recording.flows[first:last], recording.warmup - first
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(flows),
        clock=Clock(unit="periods", start=first + 1.0),
        episode_end=float(periods) if last < periods else None,
        metrics=recording.metrics,
        series=[
            *_stock(flows, recording.in_transit[first:last]),
            *_flows(flows),
            *_costs(flows),
            *recording.log.series(range(first + 1, last + 1)),
        ],
        events=[Event(frame=0, until=warmup, text="warm-up, not counted")] if warmup > 0 else [],
    )


def _stock(flows: list[Flow], in_transit: list[float]) -> list[Series]:
    """Units on hand and in transit at the end of every period."""
    stock = [float(flow.stock[0]) for flow in flows]
    return [
        Series(name="on hand", unit="units", panel="stock", style="step", colour="blue", values=stock),
        Series(
            name="in transit", unit="units", panel="stock", style="step", colour="purple", values=in_transit
        ),
    ]


def _flows(flows: list[Flow]) -> list[Series]:
    """Demand, what of it was not met at once, and orders: of every echelon where there are several."""
    demand = [float(flow.demand[0]) for flow in flows]
    short = [float(flow.demand[0] - flow.filled[0]) for flow in flows]
    orders = np.array([flow.orders[0] for flow in flows])
    names = [f"echelon {place + 1}" for place in range(orders.shape[1])][:MAX_ECHELONS]
    several = len(names) > 1
    shown = [
        Series(
            name="demand",
            unit="units",
            panel="demand and orders",
            style="step",
            colour="orange",
            values=demand,
        ),
        Series(
            name="not met at once",
            unit="units",
            panel="demand and orders",
            style="bars",
            colour="bad",
            values=short,
        ),
    ]
    if not several:
        names = ["order"]
    panel = "orders" if several else "demand and orders"
    return shown + [
        Series(
            name=name,
            unit="units",
            panel=panel,
            style="step",
            colour=None if several else "green",
            values=orders[:, place],
        )
        for place, name in enumerate(names)
    ]


def _costs(flows: list[Flow]) -> list[Series]:
    """Costs of every period, and what they are made of."""
    names = [name for name in flows[0].terms if name != "revenue"]
    terms = {name: np.array([float(flow.terms[name][0]) for flow in flows]) for name in names}
    paid = {name: money for name, money in terms.items() if money.any()}
    total = np.sum(list(terms.values()), axis=0)
    parts = paid if len(paid) > 1 else {}
    return [
        *(Series(name=name, unit="money", panel="cost", values=money) for name, money in parts.items()),
        Series(name="cost", unit="money", panel="cost", values=total, colour="ink"),
    ]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _save(figure: Any, request: ViewRequest) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    figure.savefig(request.path)
