"""What the replay of a robot shows: its pictures, speed and height along one clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sandbox.api.replay import read_replay
from sandbox.outputs.render import render

pytest.importorskip("sandbox_locomotion.render")


def test_a_fall_is_shown_step_by_step_and_a_run_for_ten_seconds(tmp_path: Path) -> None:
    path = tmp_path / "fall.json"
    render(["random"], "locomotion/hopper", path, view="replay", seed=30000)
    (fall,) = read_replay(path).episodes
    assert fall.pictures is not None
    assert fall.frames == len(fall.pictures.images) == fall.metrics["steps"] + 1
    assert fall.clock.every == pytest.approx(0.008)
    assert fall.episode_end is None

    render(["zero"], "locomotion/half-cheetah", path, view="replay", seed=30000)
    (run,) = read_replay(path).episodes
    times = run.clock.of(run.frames)
    assert 60 <= run.frames <= 160
    assert times[-1] <= 10
    assert run.episode_end == pytest.approx(50)
    series = {one.name: one.values for one in run.series}
    assert len(series["speed"]) == run.frames
    assert np.abs(series["speed"][-5:]).max() < 1
