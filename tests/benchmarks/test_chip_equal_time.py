"""The equal-time benchmark of chips: what it measures, that it goes on where it stopped, and its table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from benchmarks import chip_equal_time
from benchmarks.chip_equal_time import Ledger, Row, draw, generated, measure, table
from sandbox_chip.placers.greedy import start_placement
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem


class FirstLegal:
    """Puts every macro at its first legal cell."""

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any, deterministic: bool = True) -> Any:
        return mask.argmax(1)


def stand_in(problem: Problem, budget: SearchBudget, seed: int, start: Any = None) -> SearchResult:
    """A search that leaves its start as it is."""
    assert budget.seconds is None or budget.seconds <= 0.05
    begin = start_placement(problem, start)
    return SearchResult(begin.cost, begin.places)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    for name in chip_equal_time.ALONE:
        monkeypatch.setitem(chip_equal_time.ALONE, name, stand_in)
    monkeypatch.setattr(chip_equal_time, "GRID", 16)
    monkeypatch.setattr(chip_equal_time, "for_grid", lambda policy, config: policy)
    return list(generated(1, [8]))


def test_a_search_goes_on_from_the_policys_placement_and_nothing_is_measured_twice(
    small: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)
    measure(ledger, lambda scenario, seed: SimpleNamespace(policy=FirstLegal()), small, [0.05], 1)
    costs = {row.agent: row.hpwl for row in ledger.rows}
    assert set(costs) == {
        "rebuild",
        "go-with-the-winners",
        "overlap-annealing",
        "policy",
        "policy + rebuild",
        "policy + go-with-the-winners",
    }
    assert all(np.isfinite(cost) for cost in costs.values())
    assert costs["policy"] > costs["rebuild"]  # begins with greedy here
    for search in ("rebuild", "go-with-the-winners"):
        assert costs[f"policy + {search}"] == pytest.approx(costs["policy"])

    def never(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("measured again")

    monkeypatch.setattr(chip_equal_time, "make", never)
    again = Ledger(tmp_path)
    measure(again, lambda scenario, seed: SimpleNamespace(policy=FirstLegal()), small, [0.05], 1)
    assert again.rows == ledger.rows


def test_a_training_that_failed_leaves_the_searches_alone(
    small: list[tuple[str, Any]], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    measure(ledger, lambda scenario, seed: None, small, [0.01], 1)
    assert [row.agent for row in ledger.rows] == ["rebuild", "go-with-the-winners", "overlap-annealing"]


def test_costs_are_over_those_of_rebuild_with_the_same_seed_and_time() -> None:
    rows = [
        Row("a", "rebuild", 1.0, 0, 100.0),
        Row("a", "policy", 1.0, 0, 120.0),
        Row("a", "rebuild", 1.0, 1, 200.0),
        Row("a", "policy", 1.0, 1, 160.0),
        Row("b", "rebuild", 1.0, 0, 50.0),
        Row("b", "policy", 1.0, 0, 55.0),
    ]
    lines = table(rows).splitlines()
    assert "| a | 1 | 150 | 1.000 | 1.000 |" in lines
    assert "| b | 1 | 50 | 1.000 | 1.100 |" in lines
    assert "| 1 | policy | 1.0500 | 0 of 2 |" in lines


def test_designs_are_of_all_families_and_sizes() -> None:
    designs = dict(generated(8, [60, 120]))
    assert len(designs) == 8
    assert {config.netlist for config in designs.values()} == {
        f"generated:{family}" for family in ("heavy", "banks", "tiles", "blocks")
    }
    assert {config.macros_max for config in designs.values()} == {60, 120}


def test_the_picture_has_a_panel_for_each_design_with_all_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        Row(design, agent, seconds, seed, 100.0 / seconds + seed)
        for design, times in (("a", (0.3, 1.0)), ("b", (0.3,)), ("c", (0.3, 1.0)))
        for agent in ("rebuild", "policy", "policy + rebuild")
        for seconds in times
        for seed in (0, 1)
    ]
    drawn = []
    monkeypatch.setattr(
        chip_equal_time,
        "FigureCanvasAgg",
        lambda figure: SimpleNamespace(print_figure=lambda path, dpi: drawn.append(figure)),
    )
    draw(rows, tmp_path / "curves.png")
    panels = [panel for panel in drawn[0].axes if panel.get_title()]
    assert [panel.get_title() for panel in panels] == ["a", "c"]
    assert [line.get_label() for line in panels[0].get_lines()] == ["rebuild", "policy + rebuild"]
    np.testing.assert_allclose(panels[0].get_lines()[0].get_ydata(), [100.0 / 0.3 + 0.5, 100.5])


def test_a_folder_without_results_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "curves.png"
    arguments = ["--only-table", "--runs-dir", str(tmp_path / "none"), "--picture", str(picture)]
    monkeypatch.setattr("sys.argv", ["chip_equal_time", *arguments])
    with pytest.raises(SystemExit) as stopped:
        chip_equal_time.main()
    assert stopped.value.code == 2
    assert "Nothing has been measured" in capsys.readouterr().err
    assert not picture.exists()
