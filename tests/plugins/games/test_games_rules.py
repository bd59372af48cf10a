"""The compiled rules are those of OpenSpiel, and images of a game are games."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from games_support import after

from sandbox.api import InvalidValueError, UnknownNameError
from sandbox_games.boards import drawing
from sandbox_games.match import Match
from sandbox_games.rules.lines import CONNECT_FOUR, TIC_TAC_TOE
from sandbox_games.rules.openspiel import OpenSpielGame

NATIVE = [(TIC_TAC_TOE, "tic_tac_toe"), (CONNECT_FOUR, "connect_four")]


def random_moves(legal: Any, rng: np.random.Generator) -> Any:
    return np.where(legal, rng.random(legal.shape), -1.0).argmax(1)


@pytest.mark.parametrize(("rules", "name"), NATIVE)
def test_random_games_are_those_of_openspiel_move_by_move(rules: Any, name: str) -> None:
    theirs, rng = OpenSpielGame(name), np.random.default_rng(0)
    mine, other = rules.start(200), theirs.start(200)
    for _ in range(rules.max_length):
        legal = rules.legal(mine)
        assert (legal == theirs.legal(other)).all()
        moves = random_moves(legal, rng)
        mine, other = rules.play(mine, moves), theirs.play(other, moves)
        status, expected = rules.status(mine), theirs.status(other)
        assert (status.over == expected.over).all()
        assert (status.outcome == expected.outcome).all()
        assert (status.player == expected.player)[~status.over].all()
    assert status.over.all()
    assert {-1.0, 0.0, 1.0} >= set(status.outcome.tolist()) >= {-1.0, 1.0}


@pytest.mark.parametrize("rules", [TIC_TAC_TOE, CONNECT_FOUR, OpenSpielGame("othello")])
def test_the_image_of_a_game_is_the_game_of_the_images(rules: Any) -> None:
    """Play the image of every move: observations, legal moves and the result are the images at every step."""
    rng = np.random.default_rng(1)
    assert rules.symmetries
    for symmetry in rules.symmetries:
        image_of = np.argsort(symmetry.actions)  # the action of the image that stands for an action
        mine, images = rules.start(10), rules.start(10)
        while not rules.status(mine).over.all():
            moves = random_moves(rules.legal(mine), rng)
            mine, images = rules.play(mine, moves), rules.play(images, image_of[moves])
            status, image_status = rules.status(mine), rules.status(images)
            assert (status.outcome == image_status.outcome).all()
            assert (rules.legal(images) == rules.legal(mine)[:, symmetry.actions]).all()
            seen = rules.observe(mine, status.player).reshape(10, rules.observation_shape[0], -1)
            shown = rules.observe(images, status.player).reshape(seen.shape)
            assert (shown == seen[:, :, symmetry.cells]).all()


def test_tic_tac_toe_has_eight_symmetries_and_connect_four_two() -> None:
    assert len(TIC_TAC_TOE.symmetries) == 7
    assert len(CONNECT_FOUR.symmetries) == 1


def test_a_player_sees_own_stones_first_and_whether_it_is_its_move() -> None:
    positions = after(CONNECT_FOUR, [3, 3, 2])
    second = CONNECT_FOUR.observe(positions, np.array([1], np.int8))[0]
    assert second[0].sum() == 1
    assert second[0, 1, 3] == 1  # row 0 is the bottom one
    assert second[1].sum() == 2
    assert second[1, 0, [2, 3]].tolist() == [1, 1]
    assert second[2].min() == 1
    first = CONNECT_FOUR.observe(positions, np.array([0], np.int8))[0]
    assert (first[0] == second[1]).all()
    assert first[2].max() == 0


def test_playing_leaves_the_positions_before_as_they_were() -> None:
    before = after(CONNECT_FOUR, [0])
    kept = before.copy()
    CONNECT_FOUR.play(before, np.array([0]))
    assert (before == kept).all()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("backgammon", "chance"),
        ("kuhn_poker", "chance"),
        ("matrix_rps", "turns"),
        ("catch", "not for two"),
        ("breakthrough(rows=)", "cannot make the game"),
        ("hex(board_size=0)", "no moves"),
    ],
)
def test_games_of_another_kind_are_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        OpenSpielGame(name)


def test_a_game_that_is_not_there_is_answered_with_the_nearest_and_openspiel_prints_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        OpenSpielGame("breakthroug(rows=5)")
    assert "Did you mean breakthrough?" in caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_moves_on_a_board_that_is_larger_than_its_letters_are_called_by_number() -> None:
    match = Match("hex(board_size=99)", "self", "first", 0, 1)
    labels = drawing(match).labels
    assert len(set(labels.values())) == 99 * 99
    assert labels[99 * 99 - 1] == str(99 * 99 - 1)
