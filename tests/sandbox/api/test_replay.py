"""Replay files: what fits is kept, what does not is named."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox.api.replay import check_replay, read_replay, write_replay

CROSSING = {
    "agent": "ppo",
    "seed": 30000,
    "seconds_per_frame": 1.0,
    "roads": [{"points": [[-50, 0], [50, 0]]}],
    "signals": [[[-5, -2], [-5, 2]]],
    "frames": [
        {"vehicles": [[7, -20.0, 0.0, 90.0, 11.5, 0]], "signals": "r"},
        {"vehicles": [[7, -9.0, 0.0, 90.0, 10.0, 0]], "signals": "G"},
    ],
    "series": [{"name": "queue", "unit": "veh", "values": [0, 1]}],
}
CHIP = {
    "agent": "greedy",
    "seed": 1,
    "canvas": {"width": 100, "height": 80},
    "macros": [{"name": "a", "width": 10, "height": 20}, {"name": "b", "width": 5, "height": 5}],
    "nets": [[[0, 5, 5], [-1, 0, 0]], [[0, 1, 1], [1, 2, 2]]],
    "frames": [{"macro": 0, "x": 0, "y": 0}, {"macro": 1, "x": 20, "y": 0, "orientation": "FN"}],
}
STOCK = {
    "agent": "base-stock",
    "seed": 2,
    "periods": 3,
    "locations": [{"name": "shop", "on_hand": [4, 0, 2], "order": [3, 3, 3]}],
}


def test_a_replay_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for viewer, episode in (("intersection", CROSSING), ("chip", CHIP), ("inventory", STOCK)):
        path = tmp_path / f"{viewer}.json"
        write_replay(path, viewer, "toy/x", [episode], title="A title")
        replay = read_replay(path)
        assert replay.viewer == viewer
        assert replay.episodes[0].agent == episode["agent"]
        assert replay.model_dump() == check_replay(json.loads(path.read_text())).model_dump()
    assert not list(tmp_path.glob(".*"))


def test_numpy_is_taken_and_numbers_keep_six_digits(tmp_path: Path) -> None:
    episode = {
        **STOCK,
        "seed": np.int64(2),
        "locations": [{"name": "shop", "on_hand": np.array([1 / 3, 123456.789, np.inf])}],
    }
    write_replay(tmp_path / "r.json", "inventory", "toy/x", [episode])
    assert json.loads((tmp_path / "r.json").read_text())["episodes"][0]["locations"][0]["on_hand"] == [
        0.333333,
        123457.0,
        None,
    ]


@pytest.mark.parametrize(
    ("viewer", "episode", "says"),
    [
        ("movie", STOCK, "viewer"),
        ("inventory", {**STOCK, "periods": 4}, "3 values of on_hand, 4 periods"),
        ("inventory", {**STOCK, "colour": "red"}, "colour"),
        ("chip", {**CHIP, "frames": [{"macro": 2, "x": 0, "y": 0}]}, "macro 2 of 2"),
        ("chip", {**CHIP, "nets": [[[5, 0, 0], [0, 0, 0]]]}, "unknown macro"),
        ("chip", {**CHIP, "canvas": {"width": float("nan"), "height": 1}}, "canvas.width"),
        ("intersection", {**CROSSING, "signals": []}, "1 signal letters for 0 signals"),
        ("intersection", {**CROSSING, "series": [{"name": "q", "values": [1]}]}, "1 values for 2 frames"),
        ("frames", {"agent": "a", "seed": 0, "fps": 25}, "exactly one of images and video"),
        ("frames", {"agent": "a", "seed": 0, "fps": 25, "video": "../a.mp4"}, "video"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, viewer: str, episode: dict, says: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(says)):
        write_replay(tmp_path / "r.json", viewer, "toy/x", [episode])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"viewer": ["frames"]}', "[" * 100_000, '{"viewer": "chip"}']
)
def test_a_file_that_is_no_replay_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(BrokenFileError):
        read_replay(tmp_path / "r.json")


def test_the_examples_of_the_reference_fit() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/replay.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert examples
    for example in examples:
        check_replay(json.loads(example))
