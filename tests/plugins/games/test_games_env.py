"""Turns, seats, masks, forbidden moves, metrics and state of the environments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from games_support import solved_batch, solved_env, versus_env

from sandbox.api import InvalidValueError

FIRST_WINS = [0, 3, 1, 4, 2]
"""Tic-tac-toe: the player who begins fills the upper row."""


def play(env: Any, moves: list[int]) -> Any:
    """Both agents name the move; only the mover's counts."""
    answer = None
    for move in moves:
        answer = env.step(dict.fromkeys(env.agents, move))
    return answer


def test_the_mover_has_the_games_moves_and_who_waits_has_one_action() -> None:
    env = solved_env(game="tic-tac-toe")
    _, infos = env.reset(seed=0)
    assert infos["first"]["action_mask"].sum() == 9
    assert infos["second"]["action_mask"].tolist() == [True] + [False] * 8
    infos = env.step({"first": 4, "second": 0})[4]
    assert infos["second"]["action_mask"].tolist() == [True] * 4 + [False] + [True] * 4
    assert infos["first"]["action_mask"].tolist() == [True] + [False] * 8


def test_the_winner_gets_one_and_the_loser_minus_one_at_the_end_alone() -> None:
    env = solved_env(game="tic-tac-toe", judge_from=0)
    env.reset(seed=0)
    for move in FIRST_WINS[:-1]:
        assert set(play(env, [move])[1].values()) == {0.0}
    _, rewards, terminated, truncated, infos = play(env, FIRST_WINS[-1:])
    assert rewards == {"first": 1.0, "second": -1.0}
    assert terminated == {"first": True, "second": True}
    assert not any(truncated.values())
    assert env.agents == []
    metrics = infos["second"]["metrics"]
    assert (metrics["score"], metrics["won"], metrics["drawn"], metrics["length"]) == (1.0, 1.0, 0.0, 5.0)


def test_moves_that_give_something_away_are_counted_against_whoever_made_them() -> None:
    """After 0 3 the first player wins, so 3 was a mistake; after 1 too, where 4 did not stop the row."""
    env = solved_env(game="tic-tac-toe", judge_from=0)
    env.reset(seed=0)
    metrics = play(env, FIRST_WINS)[4]["first"]["metrics"]
    assert (metrics["judged"], metrics["mistakes"]) == (5.0, 1.0)
    later = solved_env(game="tic-tac-toe", judge_from=2)
    later.reset(seed=0)
    metrics = play(later, FIRST_WINS)[4]["first"]["metrics"]
    assert (metrics["judged"], metrics["mistakes"]) == (3.0, 0.0)


def test_a_forbidden_action_becomes_the_next_legal_one_and_is_counted() -> None:
    env = versus_env(game="tic-tac-toe", opponent="perfect", seat="first")
    env.reset(seed=0)
    env.step(8)
    taken = np.flatnonzero(~env.match.game.legal(env.match.positions)[0])
    assert len(taken) == 2  # 8, and the answer
    _, reward, _, _, info = env.step(8)
    legal_after_eight = [cell for cell in range(9) if cell not in taken]
    assert env.match.history[0, 2] == legal_after_eight[0]
    assert info["reward_terms"]["forbidden"] == 1.0
    assert reward == pytest.approx(-0.1)


def test_even_seeds_begin_and_odd_seeds_are_second_against_an_opponent() -> None:
    env = solved_env(game="tic-tac-toe", opponent="random")
    for seed in range(6):
        observations, _ = env.reset(seed=seed)
        assert env.agents == [("first", "second")[seed % 2]]
        assert set(observations) == set(env.agents)
        assert env.match.plies[0] == seed % 2
    seats = []
    for _ in range(4):
        env.reset()
        seats.append(env.agents[0])
    assert seats == ["first", "second", "first", "second"]


def test_an_opening_is_random_but_leaves_something_to_play() -> None:
    envs = solved_batch(64, game="tic-tac-toe", opening=5)
    envs.reset(seed=list(range(64)))
    assert not envs.match.status.over.any()
    assert envs.match.plies.max() == 5
    assert len({tuple(row[:5]) for row in envs.match.history.tolist()}) > 32


def test_the_opponents_rows_are_absent_and_see_nothing() -> None:
    envs = solved_batch(2, game="tic-tac-toe", opponent="random")
    seen, info = envs.reset(seed=[0, 1])
    assert info["active"].tolist() == [[True, False], [False, True]]
    assert not seen[0, 1].any()
    assert not seen[1, 0].any()
    assert seen[1, 1, 1].sum() == 1  # the opponent has moved
    _, reward, _, _, info = envs.step(np.array([[0, 0], [8, 8]]))
    assert info["acted"].tolist() == [[True, False], [False, True]]
    assert reward.shape == (2,)


def test_a_state_restores_positions_moves_seats_and_generators() -> None:
    envs, other = (solved_batch(3, game="connect-four", opponent="random", opening=2) for _ in range(2))
    envs.reset(seed=[5, 6, 7])
    for _ in range(9):
        envs.step(np.full((3, 2), 3))
    other.set_state(envs.get_state())
    assert (other.positions == envs.positions).all()
    for _ in range(30):
        mine, theirs = (batch.step(np.full((3, 2), 2)) for batch in (envs, other))
        assert (mine[0] == theirs[0]).all()
        assert (mine[1] == theirs[1]).all()


def test_one_agent_needs_an_opponent() -> None:
    with pytest.raises(InvalidValueError, match="opponent"):
        versus_env(opponent="self")
