"""Films and views: what is in them, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from calls import Outcome, files

from sandbox.outputs.render import CAPTION_HEIGHT, captioned

Sandbox = Callable[..., Outcome]


def test_a_film_has_a_frame_for_the_start_and_for_every_step(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = sandbox(
        "render", "greedy", "--scenario", "toy/forage", "--out", "eat.gif", "--seed", 3, "--quiet", "--json"
    )
    assert outcome.code == 0, outcome.err
    assert outcome.document == {
        "scenario": "toy/forage", "view": "episode", "agents": ["greedy"], "file": "eat.gif",
    }  # fmt: skip
    frames = imageio.imread(tmp_path / "eat.gif")[..., :3].astype(int)
    red = (np.abs(frames - [255, 0, 0]).sum(-1) < 60).sum((1, 2))
    green = (np.abs(frames - [0, 128, 0]).sum(-1) < 60).sum((1, 2))
    # A picture of 36 x 36 pixels is enlarged sevenfold, so that the caption above it can be read.
    assert frames.shape[1:3] == (36 * 7 + 22, 36 * 7)
    cell = (9 * 7) ** 2
    assert (red == cell).all()  # the forager is one cell in each
    assert green[0] in (cell * 2, cell * 3)  # it may stand on one of three items
    assert green[-1] == 0  # greedy eats everything
    assert files(tmp_path) == {"eat.gif"}


def test_mp4_and_png_show_the_same_episode(sandbox: Sandbox, tmp_path: Path) -> None:
    call = ("render", "greedy", "--scenario", "toy/forage", "--seed", 3, "--quiet")
    assert sandbox(*call, "--out", "eat.mp4").code == 0
    assert sandbox(*call, "--out", "eat.png").code == 0
    film = imageio.imread(tmp_path / "eat.mp4", plugin="FFMPEG")
    still = imageio.imread(tmp_path / "eat.png")
    assert np.abs(film[-1].astype(int) - still).mean() < 12  # as near as lossy colours come


def test_a_film_may_be_shorter_and_skip_steps(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = sandbox(
        *("render", "random", "--scenario", "toy/forage", "--out", "a.gif", "--frames", 4, "--every", 2),
    )
    assert outcome.code == 0, outcome.err
    assert "Rendering ended: 6 steps" in outcome.err  # frames of steps 0, 2, 4 and 6
    assert len(imageio.imread(tmp_path / "a.gif")) <= 4  # frames that do not change are merged


def test_a_view_draws_several_agents_of_a_task_with_several_agents(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = sandbox(
        *("render", "chase", "random", "--scenario", "toy/tag", "--view", "steps", "--episodes", 2),
    )
    assert outcome.code == 0, outcome.err
    assert "Wrote tag-agents-steps.json" in outcome.out
    assert "Rendering ended: 1 file in" in outcome.err
    played = json.loads((tmp_path / "tag-agents-steps.json").read_text())
    assert [(one["agent"], one["seed"]) for one in played] == [
        ("chase", 0), ("chase", 1), ("random", 0), ("random", 1),
    ]  # fmt: skip
    for one in played:
        assert len(one["rewards"]) == one["length"] + 1
        assert one["rewards"][0] == 0


def test_info_lists_what_can_be_drawn(sandbox: Sandbox) -> None:
    forage = sandbox("info", "toy/forage", "--json").document["views"]
    assert [view["name"] for view in forage] == ["episode", "replay"]
    tag = sandbox("info", "toy/tag", "--json").document["views"]
    assert [view["name"] for view in tag] == ["steps", "empty", "replay"]
    assert "Views (sandbox render --view NAME)" in sandbox("info", "toy/tag").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("greedy", "--scenario", "toy/forage", "--out", "a.avi"), 2, "must end in .mp4 or .gif or .png"),
        (("greedy", "random", "--scenario", "toy/forage", "--out", "a.gif"), 2, "One film shows one agent"),
        (("optimal", "--scenario", "toy/corridor"), 2, "cannot render its episodes"),
        (("chase", "--scenario", "toy/tag"), 2, "It offers the views steps, empty, replay"),
        (("chase", "--scenario", "toy/tag", "--view", "step"), 2, "Did you mean steps?"),
        (("chase", "--scenario", "toy/tag", "--view", "steps", "--out", "a.png"), 2, "end in .json or .txt"),
        (("chase", "random", "--scenario", "toy/tag", "--view", "empty"), 2, "shows one agent, not 2"),
        (("chase", "--scenario", "toy/tag", "--view", "empty"), 1, "wrote no file"),
        (("greedy", "--scenario", "toy/forage", "--out", "/proc/none/a.gif"), 1, "another place with --out"),
        (("greedy",), 2, "Add --scenario SCENARIO"),
    ],
)
def test_what_cannot_be_drawn_is_said_and_leaves_no_file(
    arguments: tuple[str, ...], code: int, words: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    outcome = sandbox("render", *arguments, "--quiet")
    assert outcome.code == code, outcome.err
    assert words in outcome.words
    assert "Traceback" not in outcome.err
    assert files(tmp_path) == set()


def test_a_film_that_is_cut_short_leaves_the_old_one(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.gif").write_bytes(b"old")
    monkeypatch.setattr(
        "sandbox.outputs.render._frame", lambda env, scenario: (_ for _ in ()).throw(OSError(28, "x"))
    )
    outcome = sandbox("render", "greedy", "--scenario", "toy/forage", "--out", "a.gif", "--quiet")
    assert outcome.code == 1
    assert "the disk is full" in outcome.words
    assert (tmp_path / "a.gif").read_bytes() == b"old"
    assert files(tmp_path) == {"a.gif"}


def test_info_draws_the_start_of_an_episode(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = sandbox("info", "toy/forage", "--picture", "start.png", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["picture"] == "start.png"
    assert outcome.document["tables"] == []
    image = imageio.imread(tmp_path / "start.png")[..., :3].astype(int)
    assert (np.abs(image - [255, 0, 0]).sum(-1) < 60).sum() == 81  # the forager
    refused = sandbox("info", "toy/regulator", "--picture", "start.png")
    assert refused.code == 2
    assert "draws no pictures" in refused.err


def test_a_frame_says_whose_it_is_below_the_picture_and_a_narrow_one_is_enlarged() -> None:
    frame = np.full((100, 400, 3), 7, np.uint8)
    told = captioned(frame, "ppo on traffic/x, seed 1, step 20")
    assert told.shape == (122, 400, 3)
    assert (told[:100] == frame).all()
    assert (told[100:] < 128).any(), "dark letters"
    narrow = np.arange(2 * 100 * 3, dtype=np.uint8).reshape(2, 100, 3)
    enlarged = captioned(narrow, "ppo")
    assert enlarged.shape == (2 * 3 + CAPTION_HEIGHT, 300, 3)
    assert (enlarged[:6:3, ::3] == narrow).all()
