"""What the inventory domain offers; importing this file loads neither NumPy nor pydantic."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task

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

_PACKAGE = "sandbox_inventory"


def _baseline(name: str, make: str, description: str, source: str = "") -> Baseline:
    return Baseline(name, f"{_PACKAGE}.{make}", description, source)


LOST_SALES = Task(
    name="lost-sales",
    version=1,
    title="Lost sales with a lead time",
    config=f"{_PACKAGE}.lost_sales:LostSalesConfig",
    make=f"{_PACKAGE}.lost_sales:make",
    make_vec=f"{_PACKAGE}.lost_sales:make_vec",
    rewards=f"{_PACKAGE}.lost_sales:REWARDS",
    default_reward="cost",
    metrics=METRICS,
    cheap=True,
    resume="state",
    baselines=(
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
    sources=("Zipkin 2008, Operations Research 56(5), 1256-1263",),
)

domain = Domain(
    name="inventory",
    title="Inventory control",
    tasks=(LOST_SALES,),
    default_scenario="inventory/lost-sales",
    requires=("scipy",),
    extra="inventory",
    sources=(
        "Zipkin 2000, Foundations of Inventory Management",
        "Snyder & Shen 2019, Fundamentals of Supply Chain Theory",
    ),
)
