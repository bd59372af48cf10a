"""What the inventory domain offers; importing this file loads neither NumPy nor pydantic."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task, View

METRICS = (
    Metric("cost", "money/period", "lower", "all costs a period, after the warm-up"),
    Metric("profit", "money/period", "higher", "revenue less all costs a period"),
    Metric("fill_rate", "1", "higher", "share of demand met from stock at once (type 2 service)"),
    Metric("service_level", "1", "higher", "share of periods whose demand was all met at once (type 1)"),
    Metric("stockouts", "periods", "lower", "periods in which some demand was not met at once"),
    Metric("turnover", "1/period", "higher", "units sold a period over mean stock on hand"),
    Metric("stock", "units", "lower", "mean stock on hand at the end of a period, whole system"),
    Metric("spoiled", "units/period", "lower", "units thrown away"),
    Metric("bullwhip", "1", "lower", "variance of the orders to the outside over variance of demand"),
)

VIEWS = (
    View(
        "trajectories", "sandbox_inventory.views:trajectories", "stock, pipeline, orders and demand over time"
    ),
    View("replay", "sandbox_inventory.views:replay", "the episode for the web page", formats=("json",)),
)
ORDERS = (
    View("policy", "sandbox_inventory.views:heat_map", "the order in every state, agents side by side"),
)
LEVELS = (View("levels", "sandbox_inventory.views:cost_levels", "cost against the base-stock level"),)
BULLWHIP = (View("bullwhip", "sandbox_inventory.views:bullwhip", "how orders vary, echelon by echelon"),)
EXTRA = {
    "lost-sales": (*ORDERS, *LEVELS),
    "perishable": (*ORDERS, *LEVELS),
    "backorders": ORDERS,
    "dual-sourcing": ORDERS,
    "serial": BULLWHIP,
    "serial-agents": BULLWHIP,
    "beer-game": BULLWHIP,
    "beer-game-central": BULLWHIP,
    "warehouse": BULLWHIP,
}

_PADDED = "pipelines are padded to the longest lead time; what takes one period has arrived before it is seen"
_FINITE = "the horizon is the end of the problem itself, and the period is observed"
NOT_KEPT = {
    "serial": {"no-constant-observation": _PADDED},
    "beer-game": {"truncation": _FINITE},
    "beer-game-central": {
        "no-constant-observation": _PADDED,
        "seeds-matter": "the board game's customer is the same in every game",
        "truncation": _FINITE,
    },
    "network": {"no-constant-observation": _PADDED, "truncation": _FINITE},
}
"""What the tasks do not keep of the contract, and why."""

_PACKAGE = "sandbox_inventory"


def _baseline(name: str, make: str, description: str, source: str = "") -> Baseline:
    return Baseline(name, f"{_PACKAGE}.{make}", description, source)


def _task(
    name: str,
    title: str,
    module: str,
    model: str,
    baselines: tuple[Baseline, ...],
    sources: tuple[str, ...],
    parallel: bool = False,
) -> Task:
    make = "make_parallel" if parallel else "make"
    return Task(
        name=name,
        version=1,
        title=title,
        config=f"{_PACKAGE}.{module}:{model}Config",
        make=f"{_PACKAGE}.{module}:{make}",
        make_vec=f"{_PACKAGE}.{module}:{make}_vec",
        rewards=f"{_PACKAGE}.{module}:REWARDS",
        default_reward="profit" if module in ("network", "skus") else "cost",
        metrics=METRICS,
        agents="parallel" if parallel else "single",
        cheap=True,
        resume="state",
        baselines=baselines,
        sources=sources,
        views=(*VIEWS, *EXTRA.get(name, ())),
        expected_failures=NOT_KEPT.get(name, {}),
    )


LOST_SALES = _task(
    "lost-sales",
    "Lost sales with a lead time",
    "lost_sales",
    "LostSales",
    (
        _baseline(
            "optimal",
            "lost_sales_rules:make_optimal",
            "the exact optimum of the average cost, by value iteration",
            "Zipkin 2008, Operations Research 56(5)",
        ),
        _baseline(
            "capped-base-stock",
            "lost_sales_rules:make_capped_base_stock",
            "order up to S, at most a cap; both optimised",
            "Xin 2021, Operations Research 69(1)",
        ),
        _baseline(
            "base-stock",
            "lost_sales_rules:make_base_stock",
            "order up to S, optimised",
            "Zipkin 2008, Operations Research 56(5)",
        ),
        _baseline(
            "myopic",
            "lost_sales_rules:make_myopic",
            "least expected cost in the period when the order arrives",
            "Morton 1971; Zipkin 2008",
        ),
        _baseline(
            "myopic-2",
            "lost_sales_rules:make_myopic2",
            "least expected cost in that period and the next",
            "Zipkin 2008, Operations Research 56(5)",
        ),
        _baseline("s-S", "lost_sales_rules:make_min_max", "(s, S), both optimised", "Bijvank et al. 2015"),
        _baseline(
            "constant-order",
            "lost_sales_rules:make_constant",
            "the same quantity every period, optimised",
            "Goldberg et al. 2016, Mathematics of Operations Research 41(3)",
        ),
    ),
    ("Zipkin 2008, Operations Research 56(5), 1256-1263",),
)

NEWSVENDOR = _task(
    "newsvendor",
    "Newsvendor: one order for one period",
    "newsvendor",
    "Newsvendor",
    (
        _baseline(
            "optimal", "newsvendor:make_optimal", "the critical fractile", "Arrow, Harris & Marschak 1951"
        ),
        _baseline("mean-demand", "newsvendor:make_mean", "order the mean demand"),
    ),
    ("Arrow, Harris & Marschak 1951, Econometrica 19(3)",),
)

BACKORDERS = _task(
    "backorders",
    "One item with backorders and a fixed cost",
    "backorders",
    "Backorders",
    (
        _baseline(
            "optimal",
            "backorders_rules:make_optimal",
            "the best (s, S), optimal among all policies",
            "Zheng & Federgruen 1991, Operations Research 39(4)",
        ),
        _baseline(
            "r-Q",
            "backorders_rules:make_batches",
            "the best (r, nQ): lots of Q when the position is at r or below",
            "Zheng & Chen 1992, Naval Research Logistics 39(4)",
        ),
        _baseline("base-stock", "backorders_rules:make_base_stock", "order up to the best S every period"),
    ),
    ("Zheng & Federgruen 1991, Operations Research 39(4), 654-665",),
)

_GIJSBRECHTS = "Gijsbrechts, Boute, Van Mieghem & Zhang 2022, MSOM 24(3)"

DUAL_SOURCING = _task(
    "dual-sourcing",
    "Dual sourcing: cheap and slow, or dear and fast",
    "dual_sourcing",
    "DualSourcing",
    (
        _baseline(
            "optimal", "dual_sourcing:make_optimal", "the exact optimum, by value iteration", _GIJSBRECHTS
        ),
        _baseline(
            "capped-dual-index",
            "dual_sourcing:make_capped_dual_index",
            "two order-up-to levels, regular orders capped; all optimised",
            "Sun & Van Mieghem 2019, MSOM 21(4)",
        ),
        _baseline(
            "dual-index",
            "dual_sourcing:make_dual_index",
            "an order-up-to level for each source, optimised",
            "Veeraraghavan & Scheller-Wolf 2008, Operations Research 56(4)",
        ),
        _baseline(
            "single-index",
            "dual_sourcing:make_single_index",
            "both sources look at the whole position; optimised",
            "Scheller-Wolf, Veeraraghavan & van Houtum 2007",
        ),
        _baseline(
            "tailored-base-surge",
            "dual_sourcing:make_tailored_base_surge",
            "a constant regular order, the fast source tops up; optimised",
            "Allon & Van Mieghem 2010, Management Science 56(1)",
        ),
    ),
    (_GIJSBRECHTS,),
)

_CLARK_SCARF = "Clark & Scarf 1960, Management Science 6(4)"
_SERIAL_BASELINES = (
    _baseline("optimal", "serial:make_optimal", "echelon base-stock with the optimal levels", _CLARK_SCARF),
    _baseline("base-stock", "serial:make_local", "local base-stock levels, optimised by simulation"),
)

SERIAL = _task(
    "serial",
    "Serial multi-echelon system, one decision maker",
    "serial",
    "Serial",
    _SERIAL_BASELINES,
    (_CLARK_SCARF, "Snyder & Shen 2019, Fundamentals of Supply Chain Theory, section 6.2"),
)

SERIAL_AGENTS = _task(
    "serial-agents",
    "Serial multi-echelon system, one agent a stage",
    "serial",
    "Serial",
    (
        _baseline(
            "optimal", "serial:make_optimal", "echelon base-stock with the optimal levels", _CLARK_SCARF
        ),
        _baseline("base-stock", "serial:make_local", "local base-stock levels, optimised by simulation"),
    ),
    (_CLARK_SCARF,),
    parallel=True,
)

_STERMAN = "Sterman 1989, Management Science 35(3)"
_BEER_BASELINES = (
    _baseline(
        "echelon-base-stock", "beer:make_echelon", "echelon order-up-to levels, optimised", _CLARK_SCARF
    ),
    _baseline("base-stock", "beer:make_base_stock", "local order-up-to levels, optimised"),
    _baseline("sterman", "beer:make_sterman", "the average player: anchor and adjust", _STERMAN),
)

BEER = _task(
    "beer-game", "The beer game, four players", "beer", "Beer", _BEER_BASELINES, (_STERMAN,), parallel=True
)

BEER_CENTRAL = _task(
    "beer-game-central",
    "The beer game, one player for all stations",
    "beer",
    "Beer",
    _BEER_BASELINES,
    (_STERMAN,),
)

_KAYNOV = "Kaynov et al. 2024, International Journal of Production Economics 267"

WAREHOUSE = _task(
    "warehouse",
    "One warehouse, many retailers",
    "warehouse",
    "Warehouse",
    (
        _baseline(
            "base-stock",
            "warehouse:make_base_stock",
            "echelon level at the warehouse, one level at the retailers; both optimised",
            _KAYNOV,
        ),
    ),
    (_KAYNOV,),
)

_DE_MOOR = "De Moor, Gijsbrechts & Boute 2022, European Journal of Operational Research 301(2)"

PERISHABLE = _task(
    "perishable",
    "A perishable item with a fixed life",
    "perishable",
    "Perishable",
    (
        _baseline("optimal", "perishable:make_optimal", "the exact optimum, by value iteration", _DE_MOOR),
        _baseline(
            "base-stock",
            "perishable:make_base_stock",
            "order up to S, whatever the ages; optimised",
            _DE_MOOR,
        ),
        _baseline("capped-base-stock", "perishable:make_capped_base_stock", "order up to S, at most a cap"),
    ),
    (_DE_MOOR,),
)

_VANVUCHELEN = "Vanvuchelen, Gijsbrechts & Boute 2020, Computers in Industry 119"

JOINT = _task(
    "joint-replenishment",
    "Joint replenishment of several items",
    "joint",
    "Joint",
    (
        _baseline(
            "optimal", "joint:make_optimal", "the exact optimum, by value iteration; two or three items"
        ),
        _baseline(
            "can-order", "joint:make_can_order", "can-order levels (s, c, S), optimised", "Balintfy 1964"
        ),
        _baseline(
            "total-trigger",
            "joint:make_total_trigger",
            "(Q, S): all items are raised when the total shortfall reaches Q; optimised",
            "Renberg & Planche 1967",
        ),
    ),
    (_VANVUCHELEN,),
)

_PEREZ = "Perez, Hubbs, Li & Grossmann 2021, Processes 9(1), 102"

NETWORK = _task(
    "network",
    "A supply network: any acyclic graph",
    "network",
    "Network",
    (
        _baseline(
            "echelon-base-stock", "network:make_echelon", "echelon order-up-to levels, optimised", _PEREZ
        ),
        _baseline("base-stock", "network:make_base_stock", "local order-up-to levels, optimised", _PEREZ),
    ),
    (_PEREZ, "Hubbs et al. 2020, OR-Gym, arXiv 2008.06319"),
)

SKUS = _task(
    "skus",
    "Many items with demand from traces",
    "skus",
    "Skus",
    (
        _baseline(
            "base-stock",
            "skus:make_base_stock",
            "recent demand over the lead time, and an optimised safety stock",
        ),
        _baseline("s-S", "skus:make_min_max", "the same level with an optimised lot"),
    ),
    ("Silver, Pyke & Thomas 2017, Inventory and Production Management in Supply Chains",),
)

domain = Domain(
    name="inventory",
    title="Inventory control",
    tasks=(
        LOST_SALES,
        NEWSVENDOR,
        BACKORDERS,
        DUAL_SOURCING,
        SERIAL,
        SERIAL_AGENTS,
        BEER,
        BEER_CENTRAL,
        WAREHOUSE,
        PERISHABLE,
        JOINT,
        NETWORK,
        SKUS,
    ),
    default_scenario="inventory/lost-sales",
    requires=("scipy", "networkx", "pettingzoo"),
    extra="inventory",
    sources=(
        "Zipkin 2000, Foundations of Inventory Management",
        "Snyder & Shen 2019, Fundamentals of Supply Chain Theory",
    ),
)
