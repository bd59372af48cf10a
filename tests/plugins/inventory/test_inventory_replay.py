"""What the replay of an inventory episode shows: stock that follows from orders and demand, and costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api.replay import read_replay
from sandbox.outputs.render import render


def played(tmp_path: Path, scenario: str, *changes: str):
    path = tmp_path / "replay.json"
    agents = ["base-stock"] if "lost" in scenario else ["random"]
    render(agents, scenario, path, view="replay", seed=3, changes=changes)
    (episode,) = read_replay(path).episodes
    return episode, {series.name: series.values for series in episode.series}


SHORT = "evaluation.config={horizon: 60, warmup: 0}"


def test_stock_and_pipeline_balance_and_costs_are_the_metric(tmp_path: Path) -> None:
    episode, series = played(tmp_path, "inventory/lost-sales-l4-p4", SHORT)
    assert (episode.frames, episode.clock.unit, episode.episode_end) == (60, "periods", None)
    sold = series["demand"] - series["not met at once"]
    units = series["on hand"] + series["in transit"]
    assert units[1:] - units[:-1] == pytest.approx(series["order"][1:] - sold[1:])
    assert series["cost"].mean() == pytest.approx(episode.metrics["cost"], rel=1e-4)
    assert series["cost"] == pytest.approx(series["holding"] + series["shortage"], rel=1e-4)
    assert not episode.events


def test_a_long_episode_begins_at_the_end_of_its_warm_up_and_says_so(tmp_path: Path) -> None:
    episode, _ = played(
        tmp_path, "inventory/lost-sales-l4-p4", "evaluation.config={horizon: 600, warmup: 100}"
    )
    assert episode.clock.of(episode.frames)[[0, -1]].tolist() == [51, 450]
    assert episode.episode_end == 600
    (warmup,) = episode.events
    assert (warmup.frame, warmup.until) == (0, 50), "periods 51 to 100"


def test_every_echelon_has_its_orders(tmp_path: Path) -> None:
    _, series = played(tmp_path, "inventory/serial")
    assert {"echelon 1", "echelon 2", "echelon 3"} <= set(series)
