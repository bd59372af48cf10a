"""What the replay of a placement shows: macros where they were put, nets between their pins."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.api.replay import read_replay
from sandbox.outputs.render import render


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("replay") / "replay.json"
    render(["greedy", "random"], "chip/small", path, view="replay", seed=3)
    return read_replay(path).episodes


def test_macros_appear_one_after_the_other_and_do_not_overlap(episodes) -> None:
    greedy = episodes[0]
    (macros,) = greedy.scene.things
    assert greedy.metrics["placed"] == 1
    assert len(macros.names) == greedy.frames
    assert greedy.opens_at == "end"
    last = {int(thing): row for row, thing in enumerate(macros.ids)}
    assert sorted(last) == list(range(greedy.frames))
    rows = np.array(list(last.values()))
    left, bottom = macros.x[rows], macros.y[rows]
    right, top = left + macros.length[rows], bottom + macros.width[rows]
    for one in range(len(rows)):
        for other in range(one):
            apart_x = left[one] >= right[other] - 1e-2 or left[other] >= right[one] - 1e-2
            apart_y = bottom[one] >= top[other] - 1e-2 or bottom[other] >= top[one] - 1e-2
            assert apart_x or apart_y
    canvas = greedy.scene.shapes[0].boxes[0]
    assert (left >= canvas[0] - 1e-2).all()
    assert (right <= canvas[0] + canvas[2] + 1e-2).all()
    # The latest macro is marked, and the one before it no more.
    assert macros.counts.tolist() == [1, *[2] * (greedy.frames - 1)]
    assert macros.value[-2:].tolist() == [0, 1]


def test_the_wirelength_ends_at_the_metric_and_nets_come_when_both_ends_are_placed(episodes) -> None:
    greedy = episodes[0]
    assert greedy.series[0].values[-1] == pytest.approx(greedy.metrics["hpwl"], rel=1e-4)
    nets = next(shape for shape in greedy.scene.shapes if shape.layer == "nets")
    assert len(nets.since) == len(nets.paths) > 0
    assert 0 < max(nets.since) < greedy.frames
    assert {"RUDY", "density"} <= set(greedy.scene.hidden)
