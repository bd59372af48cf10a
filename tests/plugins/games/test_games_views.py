"""Pictures, replays, the ladder and the held-out positions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from sandbox.api import InvalidValueError
from sandbox.api.replay import read_replay
from sandbox.outputs.render import render
from sandbox_games.match import Match
from sandbox_games.solver.positions import SolvedPositions
from sandbox_games.views import BANDS, place

TIC_TAC_TOE = ["config.game=tic-tac-toe", "evaluation.config.opponent=random"]


def test_the_final_board_and_the_replay_are_drawn(tmp_path: Path) -> None:
    board = render(["perfect", "random"], "games/tic-tac-toe", tmp_path / "board.png", view="board")
    assert board.stat().st_size > 5000
    path = render(["mcts-100"], "games/tic-tac-toe", tmp_path / "replay.json", view="replay")
    (episode,) = read_replay(path).episodes
    assert episode.pictures is not None
    assert len(episode.pictures.images) == episode.frames == len(episode.series[0].values)
    values = episode.series[0].values
    assert np.isnan(values[-1])
    assert (np.abs(values[~np.isnan(values)]) <= 1).all()


def test_games_of_openspiel_are_drawn_as_their_text(tmp_path: Path) -> None:
    changes = ["config.game=hex(board_size=3)", "evaluation.config.opponent=random"]
    path = render(["random"], "games/hex", tmp_path / "hex.png", view="board", changes=changes)
    assert path.stat().st_size > 2000


def test_the_ladder_puts_perfect_play_above_random_moves(tmp_path: Path) -> None:
    path = render(
        ["perfect", "random"], "games/tic-tac-toe", tmp_path / "ladder.json", view="ladder", episodes=2
    )
    document = json.loads(path.read_text())
    assert [rating["name"] for rating in document["ratings"]] == ["perfect", "random"]
    assert document["ratings"][1]["elo"] == 0.0
    assert document["ratings"][0]["low"] > 100
    assert len(document["results"]) == 20
    with pytest.raises(InvalidValueError, match="two agents"):
        render(["random"], "games/tic-tac-toe", tmp_path / "one.json", view="ladder")


def test_perfect_play_is_right_on_every_held_out_position_and_chance_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox_games.solver import positions

    whole = positions.held_out()
    late = np.flatnonzero(whole.stones >= 19)[::8]
    few = SolvedPositions(whole.moves[late], whole.stones[late], whole.scores[late])
    monkeypatch.setattr(positions, "held_out", lambda: few)
    monkeypatch.setattr("sandbox_games.views.BANDS", BANDS[1:])
    path = render(["perfect", "random"], "games/connect-four", tmp_path / "shares.json", view="held-out")
    agents = json.loads(path.read_text())["agents"]
    assert agents["perfect"]["keeps_result"] == agents["perfect"]["best"] == 1.0
    assert abs(agents["random"]["keeps_result"] - agents["random"]["random"]) < 0.15
    assert sum(band["positions"] for band in agents["random"]["bands"]) == len(late)
    with pytest.raises(InvalidValueError, match="Connect Four only"):
        render(["random"], "games/tic-tac-toe", tmp_path / "x.json", view="held-out")


def test_placed_games_stand_where_their_moves_led() -> None:
    moves = np.array([[3, 3, 2, 0], [0, 1, 0, 0]], np.int8)
    match: Any = place(moves, np.array([3, 2]))
    expected = Match("connect-four", "self", "alternate", 0, 1)
    rngs = [np.random.default_rng(0)]
    expected.begin(np.array([0]), rngs, [0])
    for move in (3, 3, 2):
        expected.play(np.array([[move, move]]), rngs)
    assert (match.positions[0] == expected.positions[0]).all()
    assert match.status.player.tolist() == [1, 0]
