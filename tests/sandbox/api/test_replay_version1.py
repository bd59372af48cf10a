"""Replays that sandbox-rl 0.1 wrote, for one of four domains' viewers, still play."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.api import InvalidValueError
from sandbox.api.replay import Episode, check_replay, read_replay, to_json

OLD = Path(__file__).parents[2] / "fixtures" / "replays"


def episode_of(viewer: str) -> Episode:
    return read_replay(OLD / f"{viewer}.json").episodes[0]


@pytest.mark.parametrize("viewer", ["intersection", "chip", "inventory", "frames"])
def test_an_old_file_is_read_as_a_replay_of_this_version(viewer: str) -> None:
    replay = read_replay(OLD / f"{viewer}.json")
    assert replay.version == 2
    assert to_json(check_replay(to_json(replay))) == to_json(replay)


def test_vehicles_keep_their_places_and_signals_their_colours() -> None:
    episode = episode_of("intersection")
    assert (episode.clock.unit, episode.clock.every, episode.frames) == ("s", 5.0, 2)
    assert episode.scene is not None
    signals, vehicles = episode.scene.things
    assert signals.value is not None
    assert [signals.kinds[0].colours[int(value)] for value in signals.value] == ["bad", "good"]
    assert (signals.x.tolist(), signals.y.tolist()) == ([-5, -5], [0, 0])
    assert signals.angle is not None
    assert signals.angle.tolist() == [90, 90], "along the line, which runs from south to north"
    assert vehicles.counts.tolist() == [2, 1]
    assert vehicles.ids.tolist() == [0, 1, 0]
    assert vehicles.angle is not None
    assert vehicles.angle.tolist() == [0, 90, 0], "90 degrees clockwise from north is east"
    assert [kind.name for kind in vehicles.kinds] == ["car", "automated"]


def test_macros_keep_their_places_and_nets_end_at_their_pins() -> None:
    episode = episode_of("chip")
    assert episode.opens_at == "end"
    assert episode.scene is not None
    (macros,) = episode.scene.things
    assert macros.keep
    assert macros.names == ["a", "b"]
    assert macros.length is not None
    assert macros.width is not None
    assert macros.length.tolist() == [10, 8], "turned W, b is 8 wide and 5 high"
    assert macros.width.tolist() == [20, 5]
    lines = next(shape for shape in episode.scene.shapes if shape.layer == "nets")
    # Pin (1, 2) of b, which is 5 wide and 8 high and turned W at (20, 10), is at (20 + 8 - 2, 10 + 1).
    assert lines.kind == "lines"
    assert [path[0] for path in lines.paths] == [(5, 5), (0, 0), (1, 1), (26, 11)]
    assert lines.since == [0, 0, 0, 1]
    assert "RUDY" in episode.scene.hidden


def test_stock_becomes_series_and_the_warm_up_an_event() -> None:
    episode = episode_of("inventory")
    assert episode.clock.unit == "days"
    assert [(series.name, series.panel) for series in episode.series] == [
        ("on hand", "shop: stock"),
        ("order", "shop: flows"),
    ]
    assert [(event.frame, event.until, event.text) for event in episode.events] == [(0, 0, "warm-up")]


def test_pictures_and_films_are_kept() -> None:
    pictures, film = read_replay(OLD / "frames.json").episodes
    assert pictures.frames == 2
    assert pictures.clock.every == pytest.approx(0.1)
    assert pictures.series[0].values.tolist() == [0.0, 0.4]
    assert film.pictures is not None
    assert film.pictures.video == "hopper.mp4"


@pytest.mark.parametrize(
    ("viewer", "changes"),
    [
        ("intersection", {"signals": []}),
        ("intersection", {"kinds": []}),
        ("intersection", {"roads": [{"points": [[0, 0]]}]}),
        ("intersection", {"frames": []}),
        ("chip", {"frames": [{"macro": 2, "x": 0, "y": 0}]}),
        ("chip", {"nets": [[[5, 0, 0], [0, 0, 0]]]}),
        ("chip", {"canvas": {"width": float("nan"), "height": 1}}),
        ("chip", {"colour": "red"}),
        ("chip", {"maps": [{"name": "m", "columns": 2, "rows": 2, "values": [1]}]}),
        ("inventory", {"periods": 4}),
        ("inventory", {"periods": 10**12}),
        ("frames", {"video": "../a.mp4", "images": []}),
        ("frames", {"images": []}),
    ],
)
def test_what_does_not_fit_is_refused(viewer: str, changes: dict[str, Any]) -> None:
    document = json.loads((OLD / f"{viewer}.json").read_text())
    document["episodes"][0] |= changes
    with pytest.raises(InvalidValueError, match="does not fit"):
        check_replay(document)


@pytest.mark.parametrize("viewer", [None, 3, "movie", ["chip"]])
def test_an_unknown_viewer_is_refused(viewer: Any) -> None:
    with pytest.raises(InvalidValueError, match="does not fit"):
        check_replay({"viewer": viewer, "version": 1, "scenario": "x", "episodes": []})
