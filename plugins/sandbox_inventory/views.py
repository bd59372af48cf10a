"""Pictures of episodes and policies: trajectories, policy heat maps, cost against level, bullwhip, replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError, Moment, ViewAgent, ViewRequest
from sandbox.api.replay import Clock, Episode, Event, Series, StepLog, write_replay
from sandbox_inventory.core.envs import InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow
from sandbox_inventory.core.render import draw_orders, draw_stock
from sandbox_inventory.core.search import Simulated

SHOWN = 120
"""Periods of an episode that a picture shows."""

REPLAYED = 400
"""Periods of an episode that a replay holds."""

LEAD = 50
"""Periods of the warm-up that it begins with."""

MOST_ECHELONS = 8
"""Echelons whose orders a replay shows."""


def trajectories(request: ViewRequest) -> None:
    """Stock, pipeline, orders and demand of the first periods, one column an agent."""
    figure = _figure(5.2 * len(request.agents), 6.0)
    axes = figure.subplots(3, len(request.agents), sharex=True, sharey="row", squeeze=False)
    for column, agent in enumerate(request.agents):
        flows, ways, metrics = _watched(request, agent, request.seeds[0])
        periods = np.arange(1, min(len(flows), SHOWN) + 1)
        draw_stock(axes[0, column], periods, flows[:SHOWN])
        axes[1, column].step(periods, ways[:SHOWN], where="mid", color="#b279a2", label="on the way")
        axes[1, column].set_ylabel("units")
        axes[1, column].legend(loc="upper right", fontsize=8)
        draw_orders(axes[2, column], periods, flows[:SHOWN])
        axes[0, column].set_title(
            f"{agent.name}: cost {metrics.get('cost', float('nan')):.3f} a period", fontsize=10
        )
    _save(figure, request)


def heat_map(request: ViewRequest) -> None:
    """The order in every state of stock and next arrival, the rest of the pipeline at the mean demand."""
    env = request.make_env()
    model, reward = env.model, env.reward_spec
    if "pipeline" not in model.start(1) or not hasattr(model, "way"):
        raise InvalidValueError("A policy heat map is drawn for tasks with one stock and one pipeline.")
    across = np.arange(0, int(4 * model.scale) + 1)
    up = np.arange(0, int(2.4 * model.scale) + 1) if model.way else np.zeros(1, int)
    states = np.stack(np.meshgrid(across, up, indexing="ij"), -1).reshape(-1, 2).astype(float)
    figure = _figure(3.8 * len(request.agents) + 0.8, 3.6)
    axes = figure.subplots(1, len(request.agents), sharey=True, squeeze=False)[0]
    image = None
    tables = [
        _orders_in(model, reward, agent, states).reshape(len(across), len(up)) for agent in request.agents
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


def _orders_in(model: Any, reward: Any, agent: ViewAgent, states: Array) -> Array:
    envs = InventoryVectorEnv(model, reward, len(states))
    envs.reset(seed=0)
    policy = agent.make(envs)
    policy.reset(len(states), 0)
    state = {name: part.copy() for name, part in envs.sim.state.items()}
    stock = "stock" if "stock" in state else "net" if "net" in state else "ages"
    if state[stock].ndim == 1:
        state[stock] = states[:, 0].copy()
    else:
        state[stock][:, -1] = states[:, 0]
    if model.way:
        state["pipeline"][:] = np.rint(model.scale)
        state["pipeline"][:, 0] = states[:, 1]
    envs.sim.state = state
    quantity: Array = model.orders.quantities(policy.act(envs.sim.observe(), None, True))
    return quantity if quantity.ndim == 1 else quantity.sum(1)


def cost_levels(request: ViewRequest) -> None:
    """Cost a period against the base-stock level, simulated on common demand, and the agents' own cost."""
    env = request.make_env()
    rule = _base_stock_of(env.model)
    middle = np.ceil(env.model.scale * (getattr(env.model.config, "lead_time", 0) + 1))
    levels = np.arange(max(middle - 2 * env.model.scale, 0), middle + 3 * env.model.scale + 1)
    weights = dict.fromkeys(env.reward_spec.weights, -1.0) | (
        {"revenue": 0.0} if "revenue" in env.reward_spec.weights else {}
    )
    spec = env.reward_spec.reweighted(weights)
    simulated = Simulated(env.model, rule, env.model.orders.actions, spec, periods=20_000)
    costs = simulated(levels[:, None])
    figure = _figure(6.4, 4.0)
    axes = figure.subplots()
    axes.plot(levels, costs, marker="o", markersize=3, color="#4c78a8", label="base-stock at this level")
    best = int(costs.argmin())
    axes.annotate(f"S = {levels[best]:g}", (levels[best], costs[best]), (-12, 10), textcoords="offset points")
    for number, agent in enumerate(request.agents):
        cost = float(np.mean([_watched(request, agent, seed)[2]["cost"] for seed in request.seeds]))
        axes.axhline(cost, linestyle="--", color=f"C{number + 1}", label=f"{agent.name}: {cost:.3f}")
    axes.set_ylim(top=3 * costs.min())
    axes.set_xlabel("base-stock level S, units")
    axes.set_ylabel("cost, money a period")
    axes.legend(fontsize=8)
    env.close()
    _save(figure, request)


def _base_stock_of(model: Any) -> Any:
    from sandbox_inventory import lost_sales_rules, perishable

    names = {"LostSales": lost_sales_rules.base_stock, "Perishable": perishable.base_stock}
    if type(model).__name__ not in names:
        raise InvalidValueError("Cost against level is drawn for lost sales and perishable items.")
    return names[type(model).__name__]


def bullwhip(request: ViewRequest) -> None:
    """Standard deviation of demand and of every echelon's orders, downstream first."""
    figure = _figure(6.4, 4.0)
    axes = figure.subplots()
    for number, agent in enumerate(request.agents):
        rows = []
        for seed in request.seeds:
            flows, _, _ = _watched(request, agent, seed)
            orders = np.array([flow.orders[0] for flow in flows])
            demand = np.array([flow.demand[0] for flow in flows])
            rows.append([demand.std(), *orders.std(0)])
        spread = np.mean(rows, 0)
        width = 0.8 / len(request.agents)
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
    log = StepLog()
    warmup: list[int] = []

    def watch(env: Any, moment: Moment) -> None:
        log.add(moment)
        if not warmup:
            warmup.append(int(env.model.config.warmup))

    flows, ways, metrics = _watched(request, agent, seed, watch)
    first = max(min(warmup[0], len(flows)) - LEAD, 0)
    last = min(first + REPLAYED, len(flows))
    shown, counted_from = flows[first:last], warmup[0] - first
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(shown),
        clock=Clock(unit="periods", start=first + 1.0),
        episode_end=float(len(flows)) if last < len(flows) else None,
        metrics=metrics,
        series=[
            *_stock(shown, ways[first:last]),
            *_flows(shown),
            *_costs(shown),
            *log.series(range(first + 1, last + 1)),
        ],
        events=[Event(frame=0, until=counted_from, text="warm-up, not counted")] if counted_from > 0 else [],
    )


def _stock(flows: list[Flow], ways: list[float]) -> list[Series]:
    """Units on hand and in transit at the end of every period."""
    stock = [float(flow.stock[0]) for flow in flows]
    return [
        Series(name="on hand", unit="units", panel="stock", style="step", colour="blue", values=stock),
        Series(name="in transit", unit="units", panel="stock", style="step", colour="purple", values=ways),
    ]


def _flows(flows: list[Flow]) -> list[Series]:
    """Demand, what of it was not met at once, and orders: of every echelon where there are several."""
    demand = [float(flow.demand[0]) for flow in flows]
    short = [float(flow.demand[0] - flow.filled[0]) for flow in flows]
    orders = np.array([flow.orders[0] for flow in flows])
    names = [f"echelon {place + 1}" for place in range(orders.shape[1])][:MOST_ECHELONS]
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


def _watched(
    request: ViewRequest,
    agent: ViewAgent,
    seed: int,
    also: Callable[[Any, Moment], None] = lambda env, moment: None,
) -> tuple[list[Flow], list[float], dict[str, float]]:
    """Flows of an episode, units on the way after each period, and the episode's metrics."""
    flows: list[Flow] = []
    ways: list[float] = []

    def watch(env: Any, moment: Moment) -> None:
        also(env, moment)
        flow = env.last_flow
        if moment.step and flow is not None:
            flows.append(flow)
            ways.append(float(max(env.model.units(env.sim.state)[0] - flow.stock[0], 0.0)))

    record = request.play(agent, seed, watch)
    return flows, ways, dict(record.metrics)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _save(figure: Any, request: ViewRequest) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    figure.savefig(request.path)
