"""The pool: what each player must see, and that its moves repeat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from games_support import after

from sandbox.api import InvalidValueError, UnknownNameError
from sandbox_games.games import game_of
from sandbox_games.match import Match
from sandbox_games.players import player_of


def moves_of(name: str, game: str, moves: list[int], seeds: list[int]) -> list[int]:
    """What a player does after some moves, once for every seed."""
    rules: Any = game_of(game)
    count = len(seeds)
    positions = np.repeat(after(rules, moves), count, axis=0)
    history = np.zeros((count, rules.max_length), np.int16)
    history[:, : len(moves)] = moves
    plies = np.full(count, len(moves))
    return player_of(name, game).moves(positions, history, plies, np.array(seeds)).tolist()


ALL = ["random", "alpha-beta-4", "mcts-100", "perfect"]


@pytest.mark.parametrize("name", ["alpha-beta-4", "mcts-100", "perfect"])
def test_who_thinks_takes_a_win_and_stops_a_loss(name: str) -> None:
    win = [3, 0, 3, 0, 3, 1]
    assert set(moves_of(name, "connect-four", win, [1, 2, 3])) == {3}
    loss = [3, 0, 3, 0, 3]
    assert set(moves_of(name, "connect-four", [*loss], [1, 2, 3])) == {3}


@pytest.mark.parametrize("name", ALL)
def test_moves_depend_on_the_seed_alone(name: str) -> None:
    seeds = list(range(12))
    moves = moves_of(name, "tic-tac-toe", [4], seeds)
    assert moves == moves_of(name, "tic-tac-toe", [4], seeds)
    assert moves[5:] == moves_of(name, "tic-tac-toe", [4], seeds[5:])


@pytest.mark.parametrize("name", ["perfect", "alpha-beta-9"])
def test_perfect_play_never_loses_tic_tac_toe_whatever_the_other_does(name: str) -> None:
    player, rules = player_of(name, "tic-tac-toe"), game_of("tic-tac-toe")
    for seat in (0, 1):
        match = Match("tic-tac-toe", "self", "alternate", 0, 1)
        positions, history, plies = rules.start(1), match.history.copy(), np.zeros(1, np.int64)
        games = 0
        stack = [(positions, history, plies)]
        while stack:
            positions, history, plies = stack.pop()
            status = rules.status(positions)
            if status.over[0]:
                games += 1
                assert status.outcome[0] * (1 - 2 * seat) >= 0
                continue
            if status.player[0] == seat:
                options = player.moves(positions, history, plies, np.array([0]))
            else:
                options = np.flatnonzero(rules.legal(positions)[0])
            for move in options:
                following = history.copy()
                following[0, plies[0]] = move
                stack.append((rules.play(positions, np.array([move])), following, plies + 1))
        assert games > 50


def test_players_of_openspiels_games_make_legal_moves() -> None:
    game = "breakthrough(rows=5,columns=4)"
    match = Match(game, "mcts-20", "alternate", 0, 4)
    rngs = [np.random.default_rng(seed) for seed in range(4)]
    match.begin(np.arange(4), rngs, [0, 1, 2, 3])
    player = player_of("alpha-beta-2", game)
    while not match.status.over.all():
        rows = np.flatnonzero(~match.status.over)
        moves = np.zeros(4, np.int64)
        moves[rows] = player.moves(
            match.positions[rows], match.history[rows], match.plies[rows], np.arange(len(rows))
        )
        match.play(np.stack([moves, moves], 1), rngs)
    assert match.forbidden.sum() == 0


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("mcts", UnknownNameError),
        ("mcts-0", UnknownNameError),
        ("mcts-1e3", UnknownNameError),
        ("alpha-beta-99", InvalidValueError),
        ("mcts-99999999", InvalidValueError),
    ],
)
def test_opponents_that_there_are_none_of_are_refused(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        player_of(name, "tic-tac-toe")


def test_only_solved_games_can_be_played_perfectly() -> None:
    with pytest.raises(InvalidValueError, match="not solved"):
        player_of("perfect", "hex(board_size=3)")
