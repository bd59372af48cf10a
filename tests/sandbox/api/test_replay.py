"""Replay files: what fits is kept, what does not is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from sandbox.api import BrokenFileError, InvalidValueError, Moment
from sandbox.api.replay import (
    Clock,
    Episode,
    Kind,
    Lines,
    PictureLog,
    Rectangles,
    Replay,
    Scene,
    Series,
    StepLog,
    Things,
    check_replay,
    read_replay,
    to_json,
    write_replay,
)
from sandbox.api.replay.columns import PackedColumn

CAR = Kind(name="car", length=5.0, width=2.0, colours=["bad", "blue"], limits=(0.0, 14.0))
PLAIN = {"agent": "a", "seed": 0, "frames": 2, "series": [{"name": "s", "values": [1, 2]}]}
MOVING = {"kinds": [{"name": "car"}], "counts": [1, 1], "ids": [0, 0], "x": [0, 1], "y": [0, 0]}


def crossing() -> Episode:
    """A car that drives 11 m in two frames past a second one that leaves."""
    things = Things.of(
        [
            {"id": ["west", "east"], "x": [-20.0, 9.0], "y": [0.0, 3.0], "value": [11.5, 0.0]},
            {"id": ["west"], "x": [-9.0], "y": [0.0], "value": [10.0]},
        ],
        [CAR],
    )
    scene = Scene(shapes=[Lines(paths=[[(-50, 0), (50, 0)]], width=3.2)], things=[things], unit="m")
    return Episode(agent="ppo", seed=1, frames=2, clock=Clock(unit="s", every=5.0), scene=scene)


def document(**changes: Any) -> dict[str, Any]:
    return {"version": 2, "scenario": "toy/x", "episodes": [{**PLAIN, **changes}]}


def test_a_replay_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_replay(path, "toy/x", [crossing()], title="A title", facts={"network": "made up"})
    replay = read_replay(path)
    assert (replay.scenario, replay.title, replay.facts) == ("toy/x", "A title", {"network": "made up"})
    assert json.loads(path.read_text()) == to_json(replay)
    (episode,) = replay.episodes
    assert episode.scene is not None
    (cars,) = episode.scene.things
    assert cars.ids.tolist() == [0, 1, 0], "texts become numbers in the order in which they come"
    assert cars.x.tolist() == [-20.0, 9.0, -9.0]
    assert cars.counts.tolist() == [2, 1]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(100) % 100, "int8"),
        (np.arange(1000), "int16"),
        (np.arange(100) * 1000, "int32"),
        (np.linspace(-3.0, 400.0, 1000), "int16"),
        (np.full(20, 0.1), "int8"),
        (np.array([1.5, np.nan] * 10), "int8"),
        (np.linspace(13564.81, 13564.82, 50), "int16"),
    ],
)
def test_long_columns_are_packed_and_lose_nothing_that_is_seen(values: Any, kind: str) -> None:
    adapter = TypeAdapter(PackedColumn)
    stored = adapter.dump_python(adapter.validate_python(values), mode="json")
    assert stored["type"] == kind
    back = adapter.validate_python(json.loads(json.dumps(stored)))
    step = (np.nanmax(values) - np.nanmin(values)) / 65_000
    exact = np.array_equal(values, np.rint(values))
    assert np.allclose(back, values, rtol=0, atol=0 if exact else step, equal_nan=True)


def test_numpy_is_taken_and_numbers_keep_six_digits() -> None:
    episode = Episode(
        agent="a",
        seed=np.int64(2),
        frames=3,
        metrics={"cost": np.float32(0.5), "none": float("nan")},
        series=[Series(name="s", values=np.array([1 / 3, 123456.789, np.inf]))],
        scene=Scene(shapes=[Rectangles(boxes=np.array([[0, 0, 1 / 3, 2]]))]),
    )
    written = to_json(Replay(scenario="x", episodes=[episode]))["episodes"][0]  # type: ignore[index]
    assert written["series"][0]["values"] == [0.333333, 123457, None]
    assert written["scene"]["shapes"][0]["boxes"] == [[0, 0, 0.333333, 2]]
    assert written["metrics"] == {"cost": 0.5, "none": None}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"series": [{"name": "s", "values": [1]}]}, "the series s has 1 values for 2 frames"),
        ({"texts": [{"name": "action", "values": ["left"]}]}, "the text action has 1 entries for 2 frames"),
        ({"series": []}, "this one shows nothing"),
        ({"frames": 10**9}, "frames"),
        ({"colour": "red"}, "colour"),
        ({"clock": {"times": [0]}}, "1 times for 2 frames"),
        ({"clock": {"times": [1, 0]}}, "do not ascend"),
        ({"clock": {"every": 0}}, "clock.every"),
        ({"series": [{"name": "s", "values": ["1", 2]}]}, "'1' is no number"),
        ({"series": [{"name": "s", "values": [True, 2]}]}, "'True' is no number"),
        ({"series": [{"name": "s", "values": [10**400, 2]}]}, "too large"),
        ({"pictures": {}}, "exactly one of images and video"),
        ({"pictures": {"images": ["x"]}}, "1 pictures for 2 frames"),
        ({"pictures": {"video": "../a.mp4"}}, "video"),
        ({"scene": {"shapes": [{"kind": "star"}]}}, "'star'"),
        ({"scene": {"shapes": [{"kind": "lines", "paths": [[[0, 0]]]}]}}, "at least 2"),
        ({"scene": {"shapes": [{"kind": "lines", "paths": [[[0, 0], [1, 1]]], "line": "#f00"}]}}, "line"),
        ({"scene": {"shapes": [{"kind": "rectangles", "boxes": [[0, 0, 0, 1]]}]}}, "greater than 0"),
        (
            {"scene": {"shapes": [{"kind": "circles", "centres": [[0, 0]], "names": ["a", "b"]}]}},
            "2 entries of names for 1 circles",
        ),
        (
            {
                "scene": {
                    "shapes": [{"kind": "grid", "box": [0, 0, 1, 1], "columns": 2, "rows": 2, "values": [1]}]
                }
            },
            "1 values for 2 columns and 2 rows",
        ),
        ({"scene": {"things": [{**MOVING, "counts": [1, 2]}]}}, "the counts sum up to 3 for 2 rows"),
        ({"scene": {"things": [{**MOVING, "counts": [2]}]}}, "a group of things has 1 counts for 2 frames"),
        ({"scene": {"things": [{**MOVING, "kind": [0, 1]}]}}, "kind: whole numbers from 0 to below 1"),
        ({"scene": {"things": [{**MOVING, "ids": [0, 0.5]}]}}, "ids: whole numbers"),
        ({"scene": {"things": [{**MOVING, "ids": [0, 2**30]}]}}, "ids: whole numbers"),
        ({"scene": {"things": [{**MOVING, "x": [0, None]}]}}, "a value of x is missing"),
        ({"scene": {"things": [{**MOVING, "angle": [0]}]}}, "1 values of angle for 2 rows"),
        (
            {
                "scene": {
                    "things": [{**MOVING, "kinds": [{"name": "k", "colours": ["bad"]}], "value": [0, 1]}]
                }
            },
            "the value of k",
        ),
        ({"scene": {"things": [{**MOVING, "x": {"type": "int8", "data": "!"}}]}}, "cannot be read"),
        ({"scene": {"things": [{**MOVING, "x": {"type": "int32", "data": "AAA="}}]}}, "cannot be read"),
        ({"scene": {"things": [{**MOVING, "x": {"type": "int64", "data": ""}}]}}, "type"),
        (
            {"scene": {"things": [{**MOVING, "x": {"type": "int8", "data": "f38=", "scale": 1e308}}]}},
            "too large",
        ),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(says)):
        check_replay(document(**changes))


def test_an_author_is_told_where_an_episode_is_made() -> None:
    with pytest.raises(ValidationError, match="the series s has 1 values for 2 frames"):
        Episode(agent="a", seed=0, frames=2, series=[Series(name="s", values=[1])])
    with pytest.raises(ValidationError, match="no column of numbers"):
        Series(name="s", values=np.zeros((2, 2)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", "null", "[" * 100_000, '{"version": 3}', '{"version": "2"}', '{"version": [2]}'),
        '{"version": 2, "scenario": "x", "episodes": []}',
        '{"version": 2, "scenario": "x", "episodes": [{"agent": "a", "seed": 0, "frames": 1, '
        '"series": [{"name": "s", "values": [NaN]}]}]}',
    ],
)
def test_a_file_that_is_no_replay_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(BrokenFileError):
        read_replay(tmp_path / "r.json")


def test_a_log_of_steps_gives_the_reward_and_what_each_weighted_term_adds() -> None:
    log = StepLog({"eaten": 2.0, "time": -0.1, "unused": 0.0})
    log.add(Moment(0, None, None, 0.0, {}))
    for step, eaten in enumerate([0.0, 1.0, 0.0], start=1):
        terms = {"eaten": eaten, "time": 1.0, "unused": 5.0}
        info = {"reward_terms": terms, "speed": 3.0, "text": "x", "metrics": {"eaten": 1.0}}
        log.add(Moment(step, None, np.int64(step), 2.0 * eaten - 0.1, info))
    series = {one.name: one.values for one in log.series()}
    assert list(series) == ["eaten", "time", "reward"]
    assert np.isnan(series["reward"][0]), "nothing was rewarded before the first step"
    assert series["reward"][1:] == pytest.approx([-0.1, 1.9, -0.1])
    assert (series["eaten"] + series["time"])[1:] == pytest.approx(series["reward"][1:])
    assert [one.values for one in log.texts()] == [["", "1", "2", "3"]]
    assert "speed" in {one.name for one in log.series(infos=True)}
    spread = {one.name: one.values for one in log.series([0, 2, 3])}
    assert spread["reward"][1:] == pytest.approx([0.9, -0.1]), "means over the steps between two frames"


@pytest.mark.parametrize(("length", "every"), [(5, 1), (9, 2), (100, 16)])
def test_pictures_are_spread_evenly_over_an_episode_of_any_length(length: int, every: int) -> None:
    log = PictureLog(limit=8)
    drawn = 0
    for step in range(length):
        if log.wants(step):
            log.add(step, np.full((4, 6, 3), 10, np.uint8))
            drawn += 1
    assert log.steps == list(range(0, length, every))
    assert len(log.pictures.images) == len(log.steps) <= 8
    assert drawn <= 8 + 4 * np.log2(every) + 1


def test_the_examples_of_the_reference_fit() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/replay.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert examples
    for example in examples:
        check_replay(json.loads(example))
