"""Many items: days and rules by hand, windows of traces, files that are read and refused, the generator."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, one_day, series

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_inventory.skus.config import SkusConfig
from sandbox_inventory.skus.generator import generated_traces
from sandbox_inventory.skus.model import REWARDS, SMOOTHING, Skus, make
from sandbox_inventory.skus.rules import (
    best_of_each,
    make_min_max,
    min_max,
    reorder_level,
    simulated_cost,
)
from sandbox_inventory.skus.traces import read_traces


@pytest.fixture
def two_items(tmp_path: Path) -> Path:
    """Ten days: apples sell 2 and 6 in turn, pears 10 a day."""
    rows = [f"{day},{sku},{demand}" for day in range(10) for sku, demand in _sold(day)]
    path = tmp_path / "demand.csv"
    path.write_text("\n".join(["period,sku,demand", *rows]) + "\n")
    return path


def _sold(day: int) -> list[tuple[str, int]]:
    return [("apple", 2 if day % 2 == 0 else 6), ("pear", 10)]


def _model(path: Path, **settings: Any) -> Skus:
    defaults: dict[str, Any] = {
        "traces": str(path),
        "part": "all",
        "horizon": 4,
        "lead_time": 2,
        "holding": 0.1,
        "penalty": 2,
        "margin": 1,
        "fixed_cost": 5,
        "orders": "discrete",
        "split": 0.8,
    }
    return Skus(SkusConfig(**{**defaults, **settings}))


def test_two_days_of_two_items_by_hand(two_items: Path) -> None:
    model = _model(two_items)  # means 4 and 10: three periods of them in stock
    states, flows = days(model, quantities=[(7, 0), (0, 9)], demand=[(2, 10), (6, 25)])
    # 12 - 2 = 10 and 30 - 10 = 20; 10 - 6 = 4 and 20 - 25: five lost. The first order then arrives.
    assert series(states, "stock") == [[10, 20], [11, 0]]
    assert series(states, "pipeline") == [[[7, 0]], [[0, 9]]]
    assert [money(flow)["holding"] for flow in flows] == pytest.approx([3.0, 0.4])
    assert [money(flow)["shortage"] for flow in flows] == [0, 10]
    assert [money(flow)["fixed"] for flow in flows] == [5, 5]
    assert [money(flow)["revenue"] for flow in flows] == [12, 26]


def test_the_running_mean_follows_demand(two_items: Path) -> None:
    model = _model(two_items)
    state, _ = one_day(model, (0, 0), (14, 10))
    assert state["recent"].tolist() == [[pytest.approx(4 + SMOOTHING * 10), pytest.approx(10)]]


def test_quantities_are_observed_in_periods_of_each_items_mean(two_items: Path) -> None:
    model = _model(two_items)
    state, _ = one_day(model, (8, 5), (0, 0))
    # Stock 12 and 30, orders 8 and 5, over means of 4 and 10; then the running means.
    observed = model.observe(state)[0].tolist()
    assert observed == pytest.approx([3, 3, 2, 0.5, 1 - SMOOTHING, 1 - SMOOTHING])


def test_the_largest_order_covers_periods_of_mean_demand(two_items: Path) -> None:
    assert _model(two_items, cover=3).orders.max_quantity == (12, 30)


def test_the_reorder_level_is_recent_demand_and_a_safety_stock(two_items: Path) -> None:
    model = _model(two_items)
    # Three periods of 4 and 10; deviations 2 and 0 (0.001 at least), times √3.
    level = reorder_level(model, np.array([[1.5, 1.5]]), model.initial_state(1))
    assert level.tolist() == [[round(12 + 1.5 * 2 * np.sqrt(3)), 30]]


def test_s_S_of_items_orders_a_lot_above_the_level(two_items: Path) -> None:
    model = _model(two_items)
    state = model.initial_state(1)
    state["stock"][0], state["pipeline"][0] = [5, 30], [[2, 0]]
    # Positions 7 and 30, levels 12 and 30: the first is below; a lot of two periods on top of the level.
    assert min_max(model, np.array([[[0.0, 2.0], [0.0, 0.0]]]), state).tolist() == [[12 + 8 - 7, 0]]
    assert min_max(model, np.zeros((1, 2, 1)), state).tolist() == [[5, 0]]


def _small_and_large(path: Path, last: int = 1) -> Path:
    """160 days: one item sells 1 a day, ``last`` in the last 40; the other 20 to 60, with shorter lots."""
    large = np.random.default_rng(3).integers(20, 61, 160)
    rows = [f"{day},small,{1 if day < 120 else last}\n{day},large,{large[day]}" for day in range(160)]
    path.write_text("\n".join(["period,sku,demand", *rows]) + "\n")
    return path


def _parameters(path: Path, **settings: Any) -> Any:
    settings = {"horizon": 40, "split": 0.75, "part": "last", **settings}
    env = make(SkusConfig(traces=str(path), **settings), REWARDS["profit"])
    return env.core.model, np.array(make_min_max(env).parameters["values"])


def test_unlike_items_have_parameters_of_their_own(tmp_path: Path) -> None:
    model, best = _parameters(_small_and_large(tmp_path / "demand.csv"))
    cost = simulated_cost(model, REWARDS["profit"])
    assert best.shape == (2, 2)
    assert not np.allclose(best[0], best[1])
    shared = [[safety, lot] for safety in np.arange(-1, 4, 0.5) for lot in np.arange(0, 30, 1.0)]
    both = cost(np.repeat(np.array(shared)[:, None], 2, 1))
    own = cost(best[None])[0]
    assert own.sum() < both.sum(1).min() - 0.01  # better than any one pair for both
    assert (own < both.min(0) + 0.05).all()  # nearly as good as the best of this finer grid for each


def test_rules_are_tuned_on_the_first_part_alone_and_on_what_the_file_holds_now(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    _, before = _parameters(_small_and_large(path))
    _, later = _parameters(_small_and_large(path, last=30))
    assert later.tolist() == before.tolist()  # the last part is what is played
    _, everything = _parameters(_small_and_large(path, last=30), split=0.99, part="all")
    assert everything.tolist() != before.tolist()


def test_an_item_that_did_not_sell_yet_has_parameters_that_suit_the_others() -> None:
    def cost(candidates: Any) -> Any:
        distance = np.abs(candidates[..., 0] - np.array([2.0, 1.0, 7.0])) + candidates[..., 1]
        return np.where(np.array([True, True, False]), distance, 0.0)

    grid = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 5.0]])
    best, least = best_of_each(cost, grid, np.array([True, True, False]), "test")
    assert best.tolist() == [[2, 0], [1, 0], [1, 0]]
    assert least.tolist() == [0, 0, 0]


# Windows of the traces


def test_training_and_evaluation_play_different_parts_of_the_traces() -> None:
    first = Skus(SkusConfig(items=3, periods=400, part="first"))
    last = Skus(SkusConfig(items=3, periods=400, part="last"))
    whole = generated_traces(0, 3, 400)
    np.testing.assert_array_equal(np.concatenate([first.traces, last.traces]), whole)
    np.testing.assert_array_equal(first.means, last.means)  # what is known before the evaluation


def test_a_part_that_is_shorter_than_an_episode_is_refused(two_items: Path) -> None:
    with pytest.raises(InvalidValueError, match="has 2 periods, less than the horizon of 4"):
        _model(two_items, part="last")


# Files


def test_traces_are_read_from_csv_and_parquet_alike(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = "period,sku,demand\n0,apple,3\n1,pear,2\n3,apple,1.5\n"
    (tmp_path / "demand.csv").write_text(text)
    table = pa.table({"period": [0, 1, 3], "sku": ["apple", "pear", "apple"], "demand": [3.0, 2.0, 1.5]})
    pq.write_table(table, tmp_path / "demand.parquet")
    for name in ("demand.csv", "demand.parquet"):
        traces = read_traces(tmp_path / name)
        assert (traces.names, traces.step) == (["apple", "pear"], "number")
        assert traces.demand.tolist() == [[3, 0], [0, 2], [0, 0], [1.5, 0]]


def test_days_are_periods_and_rows_of_the_same_day_add_up(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    path.write_text("Demand , SKU,period\n3,apple,2024-02-28\n2,apple,2024-02-28\n1,apple,2024-03-01\n")
    assert read_traces(path).demand[:, 0].tolist() == [5, 0, 1]  # 2024 has a 29th of February


def _file(tmp_path: Path, rows: list[str], separator: str = ",", encoding: str = "utf-8") -> Path:
    path = tmp_path / "demand.csv"
    path.write_text("\n".join([separator.join(("period", "sku", "demand")), *rows]), encoding=encoding)
    return path


def _dates(days: int, count: int) -> list[str]:
    first = datetime.date(2024, 1, 1)
    return [f"{first + datetime.timedelta(days * number)},bolt,{number}" for number in range(count)]


@pytest.mark.parametrize(
    ("rows", "step", "periods"),
    [
        (_dates(1, 60), "day", 60),
        (_dates(7, 60), "week", 60),
        ([f"{2019 + m // 12}-{m % 12 + 1:02}-01,bolt,1" for m in range(60)], "month", 60),
        (["2024-01-31,bolt,1", "2024-02-29,bolt,1", "2024-03-31,bolt,1"], "month", 3),
        ([f"2024-W{week:02},bolt,1" for week in range(1, 51)], "week", 50),
        ([f"2024-{month:02},bolt,1" for month in range(1, 13)], "month", 12),
        (["2024-12-30,bolt,1", "2025-01-06,bolt,1", "2025-01-20,bolt,1"], "week", 4),
    ],
)
def test_the_step_is_inferred_from_the_dates(
    tmp_path: Path, rows: list[str], step: str, periods: int
) -> None:
    traces = read_traces(_file(tmp_path, rows))
    assert (traces.step, len(traces.demand)) == (step, periods)


def test_the_step_can_be_stated(tmp_path: Path) -> None:
    path = _file(tmp_path, _dates(7, 3))
    assert read_traces(path, "day").demand[:, 0].tolist() == [0, *[0] * 6, 1, *[0] * 6, 2]
    with pytest.raises(BrokenFileError, match=r"line 3.*no whole number of weeks"):
        read_traces(_file(tmp_path, _dates(3, 3)), "week")


@pytest.mark.parametrize(
    ("rows", "apart", "step"),
    [
        (_dates(14, 20), "2 weeks", "week"),
        (_dates(3, 20), "3 days", "day"),
        ([f"{2019 + m // 4}-{m % 4 * 3 + 1:02}-01,bolt,1" for m in range(20)], "3 months", "month"),
        ([f"{2000 + year}-01-01,bolt,1" for year in range(20)], "12 months", "month"),
        ([f"{period},bolt,1" for period in range(0, 40, 2)], "2 periods", "number"),
    ],
)
def test_rows_that_lie_several_steps_apart_throughout_need_a_stated_step(
    tmp_path: Path, rows: list[str], apart: str, step: Any
) -> None:
    path = _file(tmp_path, rows)
    with pytest.raises(BrokenFileError, match=f"has rows {apart} apart throughout"):
        read_traces(path)
    number = int(apart.partition(" ")[0])
    assert len(read_traces(path, step).demand) == number * (len(rows) - 1) + 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2204-03-01,bolt,5", "line 62.*the year 2204"),
        ("7,bolt,5", "line 62.*a number as period where line 2 has a date"),
        ("2024-W09,bolt,5", "line 62.*a week as period where line 2 has a date"),
        ("2026-03-01,bolt,5", "line 62.*no row in the 730 days before"),
    ],
)
def test_an_odd_year_a_mixture_and_a_long_gap_are_refused(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        read_traces(_file(tmp_path, [*_dates(1, 60), row]))


def test_an_item_that_sells_now_and_then_has_no_gaps(tmp_path: Path) -> None:
    rows = [f"{period},bolt,1" for period in (0, 9, 30, 41, 66, 80)]
    assert len(read_traces(_file(tmp_path, rows)).demand) == 81


@pytest.mark.parametrize(
    ("separator", "encoding"), [(",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-16"), (";", "utf-8-sig")]
)
def test_files_of_spreadsheets_are_read(tmp_path: Path, separator: str, encoding: str) -> None:
    rows = [separator.join(row) for row in (("0", "bolt", "3.5"), ("1", "bolt", "8"))]
    path = _file(tmp_path, [*rows, separator * 2], separator, encoding)
    assert read_traces(path).demand.tolist() == [[3.5], [8]]


def test_a_line_that_tells_a_spreadsheet_the_separator_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    path.write_text("sep=;\nperiod;sku;demand\n0;bolt;3,5\n1;bolt;x\n")
    with pytest.raises(BrokenFileError, match=r"line 4.*'x', which is no number"):
        read_traces(path)
    path.write_text("sep=;\nperiod;sku;demand\n0;bolt;3,5\n1;bolt;4\n")
    assert read_traces(path).demand.tolist() == [[3.5], [4]]


def test_a_decimal_comma_is_read_where_commas_do_not_separate(tmp_path: Path) -> None:
    assert read_traces(_file(tmp_path, ["0;bolt;3,5"], ";")).demand.tolist() == [[3.5]]
    # Separated by commas it would be a fourth field: which of them is the demand cannot be known.
    with pytest.raises(BrokenFileError, match=r"line 2.*4 fields instead of 3"):
        read_traces(_file(tmp_path, ["0,bolt,3,5"]))


@pytest.mark.parametrize("numbers", [("3,5", "1.234"), ("1.234", "3,5"), ("1.234,5", "2")])
def test_a_point_that_may_separate_thousands_is_refused(tmp_path: Path, numbers: tuple[str, str]) -> None:
    rows = [f"{period};bolt;{number}" for period, number in enumerate(numbers)]
    with pytest.raises(BrokenFileError, match=r"line [23].*other of decimal comma and point"):
        read_traces(_file(tmp_path, rows, ";"))


def test_an_item_that_is_launched_late_has_limits_and_scale_of_its_own(tmp_path: Path) -> None:
    rows = [f"{period},old,5" for period in range(60)] + [f"{period},new,25" for period in range(50, 60)]
    model = Skus(SkusConfig(traces=str(_file(tmp_path, rows)), horizon=10, part="last", cover=3))
    assert model.names == ["new", "old"]
    assert model.means.tolist() == [25, 5]
    assert model.orders.max_quantity == (75, 15)
    state, _ = one_day(model, (0, 0), (25, 5))
    assert np.abs(model.observe(state)).max() < 10


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-02,apple,-1", "line 3.*at least 0"),
        ("2024-01-02,apple,many", "line 3.*no number"),
        ("yesterday,apple,1", "line 3.*neither a number"),
        ("2024-01-022,apple,1", "line 3.*neither a number"),
        ("2024-01-02,,1", "line 3.*no sku"),
        ("2024-01-02,apple", "line 3.*2 fields"),
        ("2024-01-02,apple,nan", "line 3.*finite"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "demand.csv"
    path.write_text(f"period,sku,demand\n2024-01-01,apple,1\n{row}\n")
    with pytest.raises(BrokenFileError, match=f"demand.csv, {reason}"):
        read_traces(path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.csv", b"period,sku,demand\n", "no demand"),
        ("column.csv", b"period,item,demand\n0,a,1\n", "no column 'sku'"),
        ("bytes.csv", b"period,sku,demand\n0,\xff\xfe,1\n", "line 2.*not in UTF-8"),
        ("latin.csv", "period;sku;demand\n0;a;1\n1;Dübel;1\n".encode("cp1252"), "line 3.*not in UTF-8"),
        ("table.parquet", b"no parquet", "cannot be read as Parquet"),
        ("missing.csv", None, "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_table_of_demand_is_refused(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BrokenFileError, match=reason):
        read_traces(path)


# The generator


def test_the_generator_repeats_itself_and_a_third_of_the_items_sell_intermittently() -> None:
    demand = generated_traces(3, 60, 730)
    np.testing.assert_array_equal(demand, generated_traces(3, 60, 730))
    assert (demand != generated_traces(4, 60, 730)).any()
    idle = (demand == 0).mean(0)
    assert (idle > 0.45).mean() == pytest.approx(1 / 3, abs=0.2)
    assert (demand % 1 == 0).all()
