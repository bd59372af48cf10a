"""The solvers against plain minimax, against what is known, and against themselves."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from games_support import after

from sandbox_games.rules.lines import CONNECT_FOUR, TIC_TAC_TOE, Lines
from sandbox_games.solver.connect_four import NO_MOVE, ConnectFourSolver, read_book
from sandbox_games.solver.positions import held_out
from sandbox_games.solver.shallow import root_values
from sandbox_games.solver.tic_tac_toe import TicTacToeSolver


def minimax(rules: Lines) -> Any:
    """Scores by going through every game; no pruning, no bitboards."""

    @cache
    def score(position: bytes) -> int:
        board = np.frombuffer(position, np.int8)[None]
        stones = int(np.count_nonzero(board[0, :-2]))
        best = -1000
        for move in np.flatnonzero(rules.legal(board)[0]):
            following = rules.play(board, np.array([move]))[0]
            if following[-1] == 3:
                best = max(best, 0)
            elif following[-1] != 0:
                best = max(best, (rules.max_length + 1 - stones) // 2)
            else:
                best = max(best, -score(following.tobytes()))
        return best

    return score


@pytest.mark.parametrize(
    ("rows", "columns", "stones"), [(3, 4, 2), (4, 4, 8), (4, 5, 12), (5, 4, 12), (6, 4, 16)]
)
def test_small_boards_have_the_scores_that_plain_minimax_gives(rows: int, columns: int, stones: int) -> None:
    rules = Lines(rows, columns, 4, gravity=True)
    solver, score = ConnectFourSolver(rules, table_size=100_003), minimax(rules)
    rng = np.random.default_rng(0)
    seen = 0
    while seen < 6:
        positions = rules.start(1)
        for _ in range(stones):
            if rules.status(positions).over[0]:
                break
            positions = rules.play(
                positions, np.array([rng.choice(np.flatnonzero(rules.legal(positions)[0]))])
            )
        if rules.status(positions).over[0]:
            continue
        seen += 1
        expected = score(positions[0].tobytes())
        assert solver.score(positions[0]) == expected
        assert solver.result(positions[0]) == np.sign(expected)
        values = solver.move_scores(positions[0], strict=True)
        assert values.max() == expected
        assert (values == NO_MOVE).tolist() == (~rules.legal(positions)[0]).tolist()


def test_a_win_scores_more_the_sooner_it_comes() -> None:
    """Three in a row at the bottom: the fourth wins with the fourth of 21 own stones, 18 stones early."""
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=1009)
    position = after(CONNECT_FOUR, [2, 2, 3, 3, 4, 4])[0]
    assert solver.score(position) == 18
    values = solver.move_scores(position, strict=False)
    assert values[1] == values[5] == 1


def test_a_double_threat_loses_for_whoever_must_answer() -> None:
    """Two in the middle of an empty bottom row become three that are open at both ends."""
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=100_003)
    assert solver.result(after(CONNECT_FOUR, [2, 2, 3, 3, 4])[0]) == -1


def test_the_book_says_what_is_known_of_the_first_moves() -> None:
    """The middle wins, its neighbours draw, the outer columns lose (Allis 1988, Allen 1988)."""
    book = read_book()
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=1009, book=book)
    assert solver.result(CONNECT_FOUR.start(1)[0]) == 1
    replies = [-solver.result(after(CONNECT_FOUR, [column])[0]) for column in range(7)]
    assert replies == [-1, -1, 0, 1, 0, -1, -1]
    assert solver.best_move(CONNECT_FOUR.start(1)[0]) == 3
    assert solver.visited[0] == 0


def test_mirror_images_are_answered_by_mirror_images() -> None:
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=1009, book=read_book())
    for moves in ([2, 1], [3, 2, 3], [1, 5, 4]):
        image = [6 - move for move in moves]
        answers = [solver.best_move(after(CONNECT_FOUR, played)[0]) for played in (moves, image)]
        assert answers[0] == 6 - answers[1]


@pytest.mark.parametrize("seat", [0, 1])
def test_perfect_play_reads_the_book_until_twelve_stones(seat: int) -> None:
    """From any two first moves on, against random ones; no position has to be searched."""
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=1009, book=read_book())
    rng = np.random.default_rng(seat)
    for _ in range(10):
        positions = CONNECT_FOUR.start(1)
        for ply in range(12):
            moves = np.flatnonzero(CONNECT_FOUR.legal(positions)[0])
            if not len(moves):
                break
            perfect = ply % 2 == seat and ply >= 2
            move = solver.best_move(positions[0]) if perfect else int(rng.choice(moves))
            positions = CONNECT_FOUR.play(positions, np.array([move]))
    assert solver.visited[0] == 0


@pytest.mark.parametrize("moves", [[3, 3, 3, 3, 4, 2, 2, 2, 6, 5, 0], [5, 4, 5, 5, 0, 3, 2, 3, 4, 3, 3]])
def test_the_search_agrees_with_the_book(moves: list[int]) -> None:
    position = after(CONNECT_FOUR, moves)[0]
    search = ConnectFourSolver(CONNECT_FOUR, table_size=1_000_003)
    assert read_book()[search.key(position)] == search.result(position)


def test_a_sample_of_the_book_and_of_the_held_out_positions_is_solved_again_to_the_same_values() -> None:
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=1_000_003)
    solved = held_out()
    positions = solved.positions()
    late = np.flatnonzero(solved.stones >= 18)
    for row in np.random.default_rng(0).choice(late, 25, replace=False):
        assert solver.move_scores(positions[row], strict=True).tolist() == solved.scores[row].tolist()


def test_held_out_positions_can_be_got_wrong_and_no_two_are_the_same() -> None:
    solved = held_out()
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=1009)
    positions = solved.positions()
    assert len(positions) == 1050
    assert (positions[:, -1] == 0).all()
    assert len({solver.key(position) for position in positions}) == len(positions)
    legal = solved.scores != NO_MOVE
    assert (legal == CONNECT_FOUR.legal(positions)).all()
    assert (solved.keeps_result() & legal).any(1).all()
    assert (~solved.keeps_result() & legal).any(1).all()
    assert (solved.keeps_result() | ~solved.best()).all()


def test_tic_tac_toe_is_a_draw_and_corner_openings_are_answered_by_the_middle_alone() -> None:
    solver = TicTacToeSolver()
    assert solver.result(TIC_TAC_TOE.start(1)[0]) == 0
    replies = solver.move_scores(after(TIC_TAC_TOE, [0])[0], strict=False)
    assert replies.tolist() == [NO_MOVE, -1, -1, -1, 0, -1, -1, -1, -1]
    assert len(solver._known) <= 5478


def test_alpha_beta_sees_as_far_as_it_is_deep() -> None:
    """An open pair: taking the third makes two threats, which wins three plies on."""
    position = after(CONNECT_FOUR, [2, 2, 3, 3])[0]
    shallow, deep = root_values(position, CONNECT_FOUR, 2), root_values(position, CONNECT_FOUR, 3)
    assert max(shallow.values()) < 0.5
    assert max(deep.values()) >= 1.0
    assert max(deep, key=deep.__getitem__) in (1, 4)
