"""What pictures show: lanes where the network has them, vehicles, and signal states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api.replay import read_replay
from sandbox.outputs.render import render
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv, make_signal
from sandbox_traffic.network.phases import stop_line_light
from sandbox_traffic.network.shapes import read_shapes
from sandbox_traffic.render import FREE_SPEED, LIGHTS, Painter, _colour, outlines
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.sumo.interface import NO_VEHICLES, Vehicles

SHORT = ["evaluation.config={duration: 100, window: 0, jam: 0, demand_spread: 0}"]


def test_a_light_is_the_best_of_a_lanes_links() -> None:
    assert stop_line_light("rGry", (0, 1)) == "G"
    assert stop_line_light("rgry", (2, 3)) == "y"
    assert stop_line_light("rgry", (0, 2)) == "r"
    assert stop_line_light("rguy", (0, 2)) == "u"


def test_stop_lines_lie_at_the_ends_of_the_signals_lanes(signal_env: Callable[..., SignalEnv]) -> None:
    """Arms of 400 m around (400, 400); vehicles from the north keep right, that is west."""
    env = signal_env()
    shapes = read_shapes(env.batch.network.roads)
    assert len(shapes.stops) == 12
    for stop, lane in zip(shapes.stops, env.batch.network.signals[0].incoming, strict=True):
        assert np.hypot(*(stop.ends[1] - stop.ends[0])) == pytest.approx(3.2)
        assert np.abs(stop.middle - 400).max() < 30
        toward = {"n": (0, -1), "e": (-1, 0), "s": (0, 1), "w": (1, 0)}[lane[0]]
        assert stop.heading == pytest.approx(toward, abs=1e-6)
    assert all(stop.middle[0] < 400 for stop in shapes.stops[:3])
    assert (shapes.low < 10).all()
    assert (shapes.high > 790).all()


def test_outlines_lie_behind_the_front_bumper() -> None:
    car = Vehicles(
        ("a",), ("passenger",), np.array([[10.0, 20.0]]), np.array([90.0]), np.zeros(1), np.array([5.0])
    )
    (corners,) = outlines(car)  # heading east
    assert corners[:, 0] == pytest.approx([10, 10, 5, 5])
    assert sorted(corners[:, 1].tolist()) == pytest.approx([19.1, 19.1, 20.9, 20.9])


def test_colours_go_from_red_to_blue() -> None:
    red, _, blue = _colour(0)
    assert red > blue
    red, _, blue = _colour(FREE_SPEED)
    assert blue > red


def test_a_frame_shows_signals_and_vehicles(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env()
    env.reset(seed=0)
    painter = Painter(env.batch)
    empty = painter.frame(NO_VEHICLES)
    assert empty.dtype == np.uint8
    assert empty.ndim == 3
    assert all(side % 2 == 0 for side in empty.shape[:2]), "films need even sides"

    def pixels(frame: Any, colour: str) -> int:
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        return int((frame == wanted).all(axis=2).sum())

    assert 0 < pixels(empty, LIGHTS["G"]) < pixels(empty, LIGHTS["r"])
    for _ in range(20):
        env.step(np.int64(0))
    frame = painter.frame(env.simulation.vehicles())
    assert pixels(frame, LIGHTS["r"]) > pixels(empty, LIGHTS["r"]), "those who stand are red"
    env.step(np.int64(2))  # three of five seconds are yellow
    assert env.simulation.clocks[0].shown == env.batch.network.signals[0].greens[2]


def test_rendering_changes_nothing() -> None:
    plain, drawn = (
        make_signal(SignalConfig(duration=50), PRESETS["delay"], mode) for mode in (None, "rgb_array")
    )
    plain.reset(seed=1)
    drawn.reset(seed=1)
    assert plain.render() is None
    for _ in range(10):
        assert drawn.render().shape[2] == 3
        assert (plain.step(np.int64(1))[0] == drawn.step(np.int64(1))[0]).all()
    assert drawn.render().ndim == 3, "after the end too"
    plain.close()
    drawn.close()


@pytest.mark.parametrize(("view", "suffix"), [("time-space", "png"), ("delays", "svg")])
def test_views_are_drawn(tmp_path: Path, view: str, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    render(["actuated", "fixed-time"], "traffic/single-intersection", path, view=view, changes=SHORT)
    assert path.stat().st_size > 10_000


def test_a_replay_holds_the_episode_from_above(tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    render(["actuated"], "traffic/cologne1", path, view="replay", changes=SHORT)
    (episode,) = read_replay(path).episodes
    assert episode.clock.unit == "s"
    assert episode.clock.every == 5
    assert episode.frames == 20  # 0, 5, … 95 s; after 100 s SUMO has ended
    assert episode.episode_end is None, "nothing was cut"
    assert episode.metrics["delay"] > 0
    assert episode.scene is not None
    signals, vehicles = episode.scene.things
    assert signals.counts[0] > 0
    assert set(signals.value) <= {0, 1, 2, 3}
    series = {one.name: one.values for one in episode.series}
    assert vehicles.counts.tolist() == series["on the road"].tolist()
    assert vehicles.counts[-1] > 0
    (west, south, width, height) = episode.scene.view
    inside = (
        (vehicles.x > west)
        & (vehicles.x < west + width)
        & (vehicles.y > south)
        & (vehicles.y < south + height)
    )
    assert inside.any()


def test_a_replay_says_that_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox_traffic.views.REPLAY_SECONDS", 40)
    path = tmp_path / "replay.json"
    render(["actuated"], "traffic/single-intersection", path, view="replay", changes=SHORT)
    (episode,) = read_replay(path).episodes
    assert episode.clock.of(episode.frames)[-1] == 40
    assert episode.episode_end == 100
