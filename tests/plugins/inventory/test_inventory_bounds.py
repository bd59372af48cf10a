"""Bounds of what any policy can reach: never beyond the optimum of 200 random solvable instances."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from sandbox.cli.main import main
from sandbox.evaluation.bounds import bound_of
from sandbox.evaluation.evaluate import evaluate
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.scenarios.resolve import load_scenario
from sandbox_inventory.core.demand.distribution import convolved, moments, probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.simulation import Simulation, demand_of_episodes
from sandbox_inventory.core.solvers.positions import expected_cost
from sandbox_inventory.core.solvers.transitions import pack
from sandbox_inventory.core.solvers.value_iteration import solve
from sandbox_inventory.joint_replenishment import bound as joint_bound
from sandbox_inventory.joint_replenishment import model as joint
from sandbox_inventory.joint_replenishment import relaxation
from sandbox_inventory.joint_replenishment.config import JointReplenishmentConfig
from sandbox_inventory.joint_replenishment.exact import optimal as joint_optimal
from sandbox_inventory.network import model as network
from sandbox_inventory.network import relaxation as relaxation_of_networks
from sandbox_inventory.network.config import NetworkConfig
from sandbox_inventory.network.program import Program
from sandbox_inventory.network.relaxation import Charges
from sandbox_inventory.serial.config import SerialConfig
from sandbox_inventory.serial.exact import optimal as clark_scarf
from sandbox_inventory.skus.bound import least_lots
from sandbox_inventory.skus.config import SkusConfig
from sandbox_inventory.warehouse import bound as warehouse_bound
from sandbox_inventory.warehouse import model as warehouse
from sandbox_inventory.warehouse import prices
from sandbox_inventory.warehouse.bound import Balanced
from sandbox_inventory.warehouse.config import WarehouseConfig

INSTANCES = 200
"""Of each kind; `pytest.mark.slow` where they take more than a minute."""

COIN = Demand(kind="uniform", low=0, high=1, whole=True)


def _rate(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 2)


def test_one_retailer_is_bounded_by_the_optimum_of_the_serial_system() -> None:
    # With one retailer nothing is exchanged: the bound is the optimum of Clark and Scarf.
    rng = np.random.default_rng(1)
    for _ in range(INSTANCES):
        holding, added, penalty = _rate(rng, 0.2, 2), _rate(rng, 0.2, 2), _rate(rng, 2, 20)
        demand = Demand(mean=_rate(rng, 0.3, 3))
        lead_times = (int(rng.integers(0, 3)), int(rng.integers(0, 3)))
        serial = SerialConfig(
            lead_times=lead_times,
            echelon_holding=(added, holding),
            penalty=penalty,
            demand=demand,
            orders="discrete",
        )
        model = warehouse.Warehouse(
            WarehouseConfig(
                retailers=1,
                retailer_lead_time=lead_times[0],
                warehouse_lead_time=lead_times[1],
                warehouse_holding=holding,
                holding=holding + added,
                penalty=penalty,
                demand=demand,
            )
        )
        optimum = clark_scarf(serial, {"holding": -1, "transport": -1, "shortage": -1}).cost
        in_transit = holding * moments(demand)[0] * lead_times[0]  # free in this warehouse
        least = Balanced.of(model, [probabilities(demand)]).least(lead_times[1])
        assert least == pytest.approx(optimum - in_transit, rel=1e-6)


def _optimum_of_two_retailers(model: Any, lowest: int) -> float:
    """Long-run optimum by value iteration; backlog beyond the edge of the grid is never optimal."""
    actions = np.array(list(product(range(4), range(3), range(3))))
    low, high = [0, lowest, lowest], [4, 3, 3]
    return solve(model, low, high, actions, warehouse.REWARDS["cost"]).cost


def _balanced_by_hand(config: WarehouseConfig, mass: Any) -> float:
    """The least E F(Y - D) of two retailers from the definition of F, trying all positions."""
    places, stock = np.arange(-30, 60), np.arange(-30, 60)
    cost = expected_cost(convolved(mass, config.retailer_lead_time + 1), config.holding, config.penalty)
    each = cost(places)
    both, sums = (each[:, None] + each).ravel(), (places[:, None] + places).ravel()
    kept = config.warehouse_holding * (stock[:, None] - sums) + both
    divided = np.where(sums <= stock[:, None], kept, np.inf).min(1)
    demand = convolved(np.convolve(mass, mass), config.warehouse_lead_time)
    return float(np.convolve(divided, demand, "valid").min())


@pytest.mark.parametrize("lead_time", [0, 1, 4, 8])
@pytest.mark.parametrize("rates", [(0.5, 1.0), (2.0, 1.0), (5.0, 0.5)])
def test_free_exchange_costs_what_all_positions_cost_at_best(
    lead_time: int, rates: tuple[float, float]
) -> None:
    # Also where stock at the warehouse is dearer than at the retailers, which then hold all of it.
    config = WarehouseConfig(
        retailers=2,
        warehouse_lead_time=lead_time,
        retailer_lead_time=0,
        warehouse_holding=rates[0],
        holding=rates[1],
        penalty=4,
        demand=COIN,
    )
    mass = probabilities(COIN)
    least = Balanced.of(warehouse.Warehouse(config), [mass, mass]).least(lead_time)
    assert least == pytest.approx(_balanced_by_hand(config, mass))


@pytest.mark.slow
@pytest.mark.parametrize("lost", [False, True])
def test_the_bound_of_a_warehouse_is_below_its_optimum(lost: bool) -> None:
    rng = np.random.default_rng([2, lost])
    below = []
    for _ in range(INSTANCES):
        config = WarehouseConfig(
            retailers=2,
            warehouse_lead_time=1,
            retailer_lead_time=int(rng.integers(0, 2)),
            warehouse_holding=_rate(rng, 0.2, 2),
            holding=_rate(rng, 0.5, 3),
            penalty=_rate(rng, 4, 15),
            lost=lost,
            demand=COIN,
            horizon=2_000,
        )
        env = warehouse.make(config, warehouse.REWARDS["cost"])
        optimum = _optimum_of_two_retailers(env.core.model, 0 if lost else -4)
        bound = warehouse_bound.bound(env, "cost", [0])
        assert bound is not None
        # A start without stock costs more than the long run: two periods without sales, and a backlog.
        start = 6 * config.penalty / config.horizon
        assert bound.value <= optimum + start
        below.append(bound.value / optimum)
    assert np.mean(below) > (0.97 if lost else 0.75)


def _optimum_of_an_episode(model: Any) -> float:
    """Least expected cost of the counted periods with at most three units in each place, by hand.

    Plans that need more units anywhere are left out, so that this is never below the optimum.
    """
    config = model.config
    actions = np.array(list(product(range(4), range(3), range(3))), float)
    sizes = (4, *[4] * model.inbound_length, 4, 4)
    states = np.array(list(product(*map(range, sizes))), float)
    rows = np.repeat(np.arange(len(states)), len(actions))
    batch, played = states[rows], np.tile(actions, (len(states), 1))
    columns = 1 + model.inbound_length
    outcomes = []
    for demand in product(range(2), repeat=2):
        state = {
            "warehouse": batch[:, 0],
            "inbound": batch[:, 1:columns],
            "net": batch[:, columns:],
            "in_transit": np.zeros((len(batch), 0, 2)),
        }
        after, flow = model.step(state, model.orders.actions(played), np.tile(demand, (len(batch), 1)))
        left = np.concatenate([after["warehouse"][:, None], after["inbound"], after["net"]], 1)
        inside = (left < sizes).all(1)
        places = np.ravel_multi_index(tuple(np.where(inside[:, None], left, 0).astype(int).T), sizes)
        outcomes.append((places, np.where(inside, 0.0, np.inf), sum(flow.terms.values())))
    value = np.zeros(len(states))
    for period in reversed(range(config.horizon)):
        counts = float(period >= config.warmup)
        costs = sum(value[places] + outside + counts * cost for places, outside, cost in outcomes) / 4
        value = costs.reshape(len(states), len(actions)).min(1)
    start = [config.initial_warehouse, *[0] * model.inbound_length, *[config.initial_stock] * 2]
    least = float(value[np.ravel_multi_index(tuple(np.array(start, int)), sizes)])
    return least / (config.horizon - config.warmup)


@pytest.mark.slow
def test_prices_of_a_warehouse_bound_an_episode_from_its_first_period_to_its_last() -> None:
    rng, below, plain = np.random.default_rng(11), [], []
    for _ in range(INSTANCES):
        config = WarehouseConfig(
            retailers=2,
            orders="discrete",
            warehouse_lead_time=int(rng.integers(0, 3)),
            retailer_lead_time=int(rng.integers(0, 2)),
            warehouse_holding=_rate(rng, 0, 2),
            holding=_rate(rng, 0.5, 3),
            penalty=_rate(rng, 2, 15),
            transit=_rate(rng, 0, 0.5),
            lost=True,
            demand=COIN,
            horizon=int(rng.integers(3, 12)),
            warmup=int(rng.choice([0, 0, 2])),
            initial_stock=int(rng.integers(0, 3)),
            initial_warehouse=int(rng.choice([0, 0, 1, 2])),
        )
        model = warehouse.Warehouse(config)
        masses = [probabilities(demand) for demand in model.demands]
        priced = warehouse_bound._priced(model, masses)
        assert priced is not None
        optimum = _optimum_of_an_episode(model)
        counted = config.horizon - config.warmup
        assert priced / counted <= optimum + 1e-7
        below.append(priced / counted / optimum)
        plain.append(
            sum(warehouse_bound._lost(model, mass, int(config.retailer_lead_time)) for mass in masses)
        )
        plain[-1] /= counted * optimum
    assert np.mean(below) > np.mean(plain) + 0.05


@pytest.mark.parametrize("lead_time", [1, 2, 3])
def test_prices_meet_their_conditions_in_every_period(lead_time: int) -> None:
    total = np.ones(1)
    for _ in range(2):
        total = np.convolve(total, probabilities(Demand(mean=2)))
    history = prices.History.of(total, lead_time)
    rates = prices.Rates(0.5, 1.0, 9.0, 0.0)
    kinds: list[Any] = []
    for warmup, supplied in ((0, lead_time), (0, 0), (7, 0)):
        timing = prices.Timing(30, warmup, lead_time, 0, supplied)
        problem = prices.Prices(history, kinds, rates, timing)
        rows, mean = problem.conditions()
        # The dearest and the cheapest prices that the conditions allow, in any direction.
        levels = linprog(
            np.random.default_rng(lead_time).normal(size=len(mean)) * mean,
            A_ub=rows,
            b_ub=np.full(len(rows), rates.warehouse_holding),
            A_eq=mean[None],
            b_eq=[0.0],
            bounds=(problem.lowest, rates.penalty),
        ).x
        now = levels[history.sums]
        expected = (levels[history.next_sums] * history.chances).sum(1)
        scales = np.append(problem.scales(levels, timing), 0.0)
        first = lead_time if supplied else problem.begin()
        for period in range(first, 30):
            multiplier = scales[period] * now - scales[period + 1] * expected + rates.warehouse_holding
            assert multiplier.min() > -1e-9
        assert abs(history.shares @ now) < 1e-9
        assert scales.max() > 0.9
        assert scales[29] == 0


@pytest.mark.slow
def test_the_bounds_of_joint_replenishment_are_below_its_optimum() -> None:
    rng = np.random.default_rng(3)
    gaps, gains = [], []
    for _ in range(INSTANCES):
        high = int(rng.integers(1, 4))
        config = JointReplenishmentConfig(
            fixed_cost=_rate(rng, 1, 15),
            item_costs=(_rate(rng, 0, 5), _rate(rng, 0, 5)),
            means=(1, 1),
            demand=Demand(kind="uniform", low=0, high=high, whole=True),
            holdings=(_rate(rng, 0.5, 2), _rate(rng, 0.5, 2)),
            penalty=_rate(rng, 3, 20),
        )
        env = joint.make(config, joint.REWARDS["cost"])
        optimum = joint_optimal(env).parameters["cost"]
        mass, fixed = probabilities(config.demand), config.fixed_cost
        rates = list(zip(config.holdings or (), config.item_costs, strict=True))
        costs = [joint_bound._item_cost(mass, holding, config.penalty) for holding, _ in rates]
        plain, shares = joint_bound.shared_cost(costs, np.array(config.item_costs), fixed)
        alone = [
            relaxation.item_alone(mass, holding, config.penalty, setup, float(share) * fixed, fixed)
            for (holding, setup), share in zip(rates, shares, strict=True)
        ]
        # Little effort, so that 200 instances take a minute: every share is a bound.
        mean, error = relaxation.penalised_cost(alone, shares, fixed, paths=6, periods=60, rounds=30)
        assert plain <= optimum + 1e-5
        assert mean - relaxation.CERTAINTY * error <= optimum + 1e-5
        assert mean >= plain - 1e-6
        gaps.append(optimum / plain - 1)
        gains.append(mean / plain - 1)
    assert np.mean(gaps) < 0.1
    assert np.mean(gains) > 0.002


def _least_by_hand(items: Any, fixed: float, demand: Any, start: Any) -> float:
    """The least penalised cost of a path by trying every position of every item in every period."""
    if not len(demand):
        return 0.0
    best, choices = np.inf, [range(place, len(item.values)) for place, item in zip(start, items, strict=True)]
    for after in product(*choices):
        ordered = [raised > place for raised, place in zip(after, start, strict=True)]
        cost = fixed * any(ordered)
        for item, place, raised, placed in zip(items, start, after, ordered, strict=True):
            cost += item.setup * placed + item.after[raised] - item.values[place]
        left = [max(raised - int(fell), 0) for raised, fell in zip(after, demand[0], strict=True)]
        best = min(best, cost + _least_by_hand(items, fixed, demand[1:], left))
    return best


def test_shares_of_an_order_bound_what_known_demand_costs_at_best() -> None:
    mass, rng = np.array([0.25, 0.5, 0.25]), np.random.default_rng(8)
    items = [
        relaxation.item_alone(mass, holding, 3.0, setup, 1.0, 2.0)
        for holding, setup in ((1.0, 0.5), (1.5, 0.2))
    ]
    reached = []
    for _ in range(4):
        demand = rng.choice(3, (3, 1, 2), p=mass)
        relaxed = relaxation._Relaxed.of(items, demand)
        starts = product(*(range(len(item.values)) for item in items))
        least = min(_least_by_hand(items, 2.0, demand[:, 0], start) for start in starts)
        share = np.full(demand.shape, 0.5)
        values = []
        for number in range(300):
            cost, ordered = relaxed.solve(2.0 * share)
            values.append(float(cost[0]))
            step = 0.15 / np.sqrt(number + 1.0)
            share = relaxation.on_simplex(share + step * (ordered - ordered.mean(-1, keepdims=True)))
        assert max(values) <= least + 1e-9
        reached.append(max(values) > values[0] + 1e-9 or max(values) > least - 1e-6)
    assert all(reached)


def test_an_item_alone_is_paid_for_at_its_optimum_on_every_path() -> None:
    # With one item nothing has to coincide: the penalty leaves no path better than the optimum.
    mass = probabilities(Demand(mean=2))
    item = relaxation.item_alone(mass, 1.0, 9.0, 3.0, 5.0, 5.0)
    mean, error = relaxation.penalised_cost([item], np.ones(1), 5.0, paths=8, periods=50, rounds=1)
    optimum = joint_bound._item_cost(mass, 1.0, 9.0)(8.0)
    assert mean == pytest.approx(optimum, rel=1e-6)
    assert error < 1e-6


def test_the_nearest_point_of_a_simplex() -> None:
    points = np.array([[0.2, 0.2], [2.0, 0.0], [0.5, 0.5], [-1.0, 0.9]])
    assert relaxation.on_simplex(points).tolist() == [[0.5, 0.5], [1, 0], [0.5, 0.5], [0, 1]]


def test_trucks_cost_at_least_their_share_of_the_units() -> None:
    config = JointReplenishmentConfig(
        fixed_cost=12,
        item_costs=(0,),
        means=(1, 1),
        truck_capacity=4,
        demand=Demand(kind="uniform", low=1, high=1, whole=True),
        max_order=8,
    )
    env = joint.make(config, joint.REWARDS["cost"])
    bound = joint_bound.bound(env, "cost", [0])
    assert bound is not None
    # Two units a period fill half a truck: 6 a period; stock and backlog of a truck's load come on top.
    assert 6 - 1e-9 <= bound.value <= joint_optimal(env).parameters["cost"]


def _plans(limit: int, periods: int) -> Any:
    """All sequences of orders, shape ``(plans, periods)``."""
    return np.array(list(product(range(limit + 1), repeat=periods)))


def test_known_lots_of_an_item_cost_no_more_than_the_best_of_all_plans() -> None:
    rng = np.random.default_rng(4)
    plans, attained = _plans(12, 4), 0
    for _ in range(INSTANCES):
        config = SkusConfig(
            lead_time=1,
            holding=_rate(rng, 0.01, 1),
            penalty=_rate(rng, 0.1, 2),
            margin=_rate(rng, 0.1, 2),
            fixed_cost=_rate(rng, 0, 4),
        )
        demand = rng.integers(0, 4, 5).astype(float)
        stock, cost = np.zeros(len(plans)), np.zeros(len(plans))
        for period, wanted in enumerate(demand):
            sold = np.minimum(stock, wanted)
            stock = stock - sold
            cost += config.holding * stock + (config.penalty + config.margin) * (wanted - sold)
            if period < 4:
                cost += config.fixed_cost * (plans[:, period] > 0)
                stock = stock + plans[:, period]
        bound = float(least_lots(demand, config))
        assert bound <= cost.min() + 1e-9
        attained += bound == pytest.approx(cost.min(), abs=1e-9)
    # Beyond it is only what a plan with stock might keep for later: the model sells whatever there is.
    assert attained > 0.9 * INSTANCES


def test_demand_is_looked_at_until_the_longest_way_to_a_market_however_many_there_are() -> None:
    names = [f"n{place}" for place in range(40)]  # each supplies all after it: 2³⁸ ways to the market
    links = [
        {"source": source, "target": target, "lead_time": 1}
        for place, source in enumerate(names)
        for target in names[place + 1 :]
    ]
    config = {"nodes": [{"name": name} for name in names], "links": links, "markets": [{"node": "n39"}]}
    model = network.Network(NetworkConfig.model_validate(config))
    assert relaxation_of_networks._windows(model, 0) == [2, 40]  # into n1, from which 38 links lead on
    assert relaxation_of_networks._windows(model, len(links) - 1) == [2]


def test_the_plan_of_a_network_earns_at_least_the_best_of_all_orders() -> None:
    rng = np.random.default_rng(5)
    plans = _plans(3, 4)
    for number in range(INSTANCES):
        lead_time = int(rng.integers(0, 3))
        config = NetworkConfig.model_validate(
            {
                "horizon": 4,
                "event_order": str(rng.choice(["sandbox", "or-gym"])),
                "backlog": bool(rng.random() < 0.5),
                "nodes": [
                    {"name": "shop", "initial_stock": int(rng.integers(0, 3)), "holding": _rate(rng, 0, 0.5)},
                    {"name": "mine", "operating": _rate(rng, 0, 0.5), "capacity": int(rng.integers(2, 4))},
                ],
                "links": [
                    {
                        "source": "mine",
                        "target": "shop",
                        "lead_time": lead_time,
                        "price": _rate(rng, 0, 1),
                        "transit": _rate(rng, 0, 0.2) if lead_time else 0.0,
                        "capacity": 3,
                    }
                ],
                "markets": [
                    {
                        "node": "shop",
                        "price": _rate(rng, 0.5, 3),
                        "penalty": _rate(rng, 0, 1),
                        "demand": {"kind": "uniform", "low": 0, "high": 3, "whole": True},
                    }
                ],
            }
        )
        env = network.make(config, network.REWARDS["profit"])
        (demand,) = demand_of_episodes(env.core.model, [number])
        state, earned = env.core.model.initial_state(len(plans)), np.zeros(len(plans))
        for period in range(4):
            state, flow = env.core.model.step(
                state, plans[:, period : period + 1], np.tile(demand[period], (len(plans), 1))
            )
            costs = sum(values for name, values in flow.terms.items() if name != "revenue")
            earned += flow.terms["revenue"] - costs
        program = Program.of(env.core.model, earns=True)
        assert program is not None
        best = program.best(demand)
        assert best == pytest.approx(earned.max() / 4, abs=1e-7)  # nothing is shared: it is attained


def _chain(rng: np.random.Generator) -> NetworkConfig:
    """A shop, half of the time with a depot before it; three periods, at most two units each."""
    depot = bool(rng.random() < 0.5)
    nodes = [
        {"name": "shop", "initial_stock": int(rng.integers(0, 2)), "holding": _rate(rng, 0.1, 1)},
        {"name": "mine"},
    ]
    times = rng.integers(0, 2, 2).tolist()
    links = [{"source": "mine", "target": "shop", "lead_time": times[0], "capacity": 2, "price": 0.1}]
    if depot:
        nodes.append(
            {"name": "depot", "initial_stock": int(rng.integers(0, 3)), "holding": _rate(rng, 0, 0.3)}
        )
        links = [
            {"source": "depot", "target": "shop", "lead_time": times[0], "capacity": 2},
            {"source": "mine", "target": "depot", "lead_time": times[1], "capacity": 2, "price": 0.1},
        ]
    market = {"node": "shop", "penalty": _rate(rng, 1, 5), "price": _rate(rng, 0, 3)}
    market["demand"] = {"kind": "uniform", "low": 0, "high": 2, "whole": True}
    return NetworkConfig.model_validate(
        {
            "horizon": 3,
            "event_order": str(rng.choice(["sandbox", "or-gym"])),
            "backlog": bool(rng.random() < 0.5),
            "nodes": nodes,
            "links": links,
            "markets": [market],
        }
    )


def _best_of_all_policies(model: Any, sign: float) -> float:
    """Optimal expected profit (sign 1) or cost (-1) a period, over all that depends on the past alone."""
    actions = np.array(list(product(range(3), repeat=len(model.config.links))))
    known: dict[tuple[int, bytes], float] = {}

    def value(period: int, state: Any) -> float:
        if period == model.config.horizon:
            return 0.0
        key = (period, pack(state).tobytes())
        if key not in known:
            total = np.zeros(len(actions))
            for wanted in range(3):
                batch = {name: np.repeat(part, len(actions), 0) for name, part in state.items()}
                after, flow = model.step(batch, actions, np.full((len(actions), 1), float(wanted)))
                costs = sum(part for name, part in flow.terms.items() if name != "revenue")
                earned = (flow.terms["revenue"] - costs) if sign > 0 else -costs
                later = [
                    value(period + 1, {name: part[row : row + 1] for name, part in after.items()})
                    for row in range(len(actions))
                ]
                total += (earned + np.array(later)) / 3
            known[key] = float(total.max())
        return known[key]

    return sign * value(0, model.initial_state(1)) / model.config.horizon


@pytest.mark.slow
def test_no_charge_for_knowledge_puts_the_bound_of_a_network_beyond_its_optimum() -> None:
    rng, gained = np.random.default_rng(9), []
    paths = [np.array(path, float)[:, None] for path in product(range(3), repeat=3)]
    for number in range(INSTANCES):
        model, earns = network.Network(_chain(rng)), bool(number % 2)
        program = Program.of(model, earns=earns)
        assert program is not None
        optimum = _best_of_all_policies(model, 1.0 if earns else -1.0)
        charges = Charges.of(model)
        plain = float(np.mean([program.best(path) for path in paths]))
        weights = [
            relaxation_of_networks.fit(program, charges, paths),
            rng.normal(0, 0.3, len(charges.links)),
        ]
        # All paths are equally likely: the mean over them is exact, and the bound must hold without an error.
        tight, loose = (
            float(np.mean([relaxation_of_networks.charged(program, charges, each, path) for path in paths]))
            for each in weights
        )
        sign = 1.0 if earns else -1.0
        assert sign * optimum <= sign * tight + 1e-7
        assert sign * optimum <= sign * loose + 1e-7
        assert sign * tight <= sign * plain + 1e-7
        gap = abs(plain - optimum)
        if gap > 1e-6:
            gained.append(abs(plain - tight) / gap)
    assert np.mean(gained) > 0.3  # of the plain bound's distance to the optimum


def test_charges_are_nothing_on_average_for_orders_that_do_not_know_the_demand() -> None:
    model = network.Network(_chain(np.random.default_rng(10)))
    charges = Charges.of(model)
    paths = [np.array(path, float)[:, None] for path in product(range(3), repeat=3)]
    weights = np.stack([charges.weights(path) for path in paths])
    for period in range(3):
        for past in product(range(3), repeat=period):
            alike = [list(path[:period, 0]) == list(past) for path in paths]
            np.testing.assert_allclose(weights[alike][:, :, period].mean(0), 0.0, atol=1e-12)


def test_demand_of_episodes_is_what_the_environment_plays() -> None:
    env = network.make(NetworkConfig(horizon=12), network.REWARDS["profit"])
    seeds = [3, 9]
    for seed, demand in zip(seeds, demand_of_episodes(env.core.model, seeds), strict=True):
        env.reset(seed=seed)
        sim: Simulation = env.core.sim
        for period in range(12):
            assert sim.demand_paths.demand(period)[0].tolist() == demand[period].tolist()


# What users see


@pytest.mark.parametrize(
    ("scenario", "agent"),
    [
        ("warehouse-backorders", "base-stock"),
        ("warehouse-lost", "base-stock"),
        ("or-gym-v0", "echelon-base-stock"),
        ("network-diamond", "echelon-base-stock"),
        ("skus", "s-S"),
    ],
)
@pytest.mark.slow
def test_no_rule_is_beyond_the_bound_of_a_scenario(scenario: str, agent: str) -> None:
    result = evaluate([agent, "random"], f"inventory/{scenario}", episodes=32)
    bound = result.bound()
    assert bound is not None
    sign = 1 if result.metric.better == "lower" else -1
    for name in (agent, "random"):
        # The bound is of the expected value: the mean of some episodes may lie a little beyond it.
        values = sign * np.asarray(result.values(name), float).ravel()
        assert values.mean() + 3 * values.std(ddof=1) / np.sqrt(len(values)) > sign * bound.value


def test_where_the_demand_has_no_probabilities_there_is_no_bound() -> None:
    problem = load_scenario(
        "inventory/warehouse-backorders", ["demand={kind: ar1, mean: 3, std: 1, whole: true}"]
    )
    assert bound_of(problem, evaluation_seeds(problem)) is None


def test_info_and_eval_show_the_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "inventory/warehouse-backorders"]) == 0
    assert "retailers exchange stock freely" in " ".join(capsys.readouterr().out.split())
    command = ["eval", "random", "--scenario", "inventory/or-gym-v0", "--episodes", "5"]
    assert main(command) == 0
    assert "upper bound" in capsys.readouterr().out
