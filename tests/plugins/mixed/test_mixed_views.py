"""Pictures and the replay of a small ring and a small platoon, and the trace that a command writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("matplotlib")

from sandbox.api.replay import read_replay
from sandbox.cli.main import app
from sandbox.outputs.render import render
from sandbox_mixed.platoon.traces import read_trace

RING = ["config.vehicles=6", "config.length=[60,75]", "config.bunching=5", "config.warmup=5"]
RING += ["config.horizon=20", "config.measured=10", "config.without=null"]
PLATOON = ["config.platoon=3", "config.horizon=20"]


@pytest.mark.parametrize(
    ("scenario", "view", "changes"),
    [("ring", "space-time", RING), ("ring", "fundamental", RING), ("platoon", "space-time", PLATOON)],
)
def test_diagrams_are_drawn(scenario: str, view: str, changes: list[str], tmp_path: Path) -> None:
    path = tmp_path / "view.png"
    render(["human", "pi-tuned"], f"mixed-autonomy/{scenario}", path, view=view, changes=changes)
    assert path.stat().st_size > 10_000


def test_a_replay_of_the_ring_begins_with_the_warm_up_and_keeps_vehicles_on_the_road(tmp_path: Path) -> None:
    path = render(["human"], "mixed-autonomy/ring", tmp_path / "replay.json", view="replay", changes=RING)
    (episode,) = read_replay(path).episodes
    assert episode.clock.start <= -3.0
    assert episode.events[0].text == "warm-up: human driving"
    (things,) = episode.scene.things
    radius = np.hypot(things.x, things.y)
    assert radius == pytest.approx(episode.metrics["length"] / (2 * np.pi), rel=1e-3)
    assert things.kind.reshape(episode.frames, 6).sum(1).tolist() == [1] * episode.frames


def test_the_leader_of_a_platoon_stays_in_front_in_its_replay(tmp_path: Path) -> None:
    path = render(
        ["human"], "mixed-autonomy/platoon", tmp_path / "replay.json", view="replay", changes=PLATOON
    )
    (episode,) = read_replay(path).episodes
    places = episode.scene.things[0].x.reshape(episode.frames, 5)
    assert (places[:, 4] == 0).all()
    assert (np.diff(places, axis=1) > 5.0).all()


def test_the_command_writes_a_trace_that_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "leader.csv"
    result = CliRunner().invoke(app, ["mixed-autonomy", "trace", str(file), "--seconds", "30"])
    assert result.exit_code == 0, result.output
    assert read_trace(file).duration == pytest.approx(30.0)
