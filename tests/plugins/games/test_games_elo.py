"""Elo: differences that can be worked out by hand, intervals, and what cannot be rated."""

from __future__ import annotations

import math

import pytest

from sandbox_games.elo import PRIOR, Result, ratings


def test_two_players_differ_by_400_times_the_log_of_their_points() -> None:
    """Three wins to one, and half a draw that is added: log10((3 + 1/4)/(1 + 1/4)) · 400."""
    results = [Result("a", "b", 1.0)] * 3 + [Result("b", "a", 1.0)]
    table = {rating.name: rating for rating in ratings(results, "b", samples=50)}
    expected = 400 * math.log10((3 + PRIOR / 2) / (1 + PRIOR / 2))
    assert table["a"].elo == pytest.approx(expected, abs=1e-4)
    assert table["b"].elo == 0.0
    assert (table["a"].games, table["a"].score) == (4, 0.75)


def test_ratings_add_up_along_a_chain() -> None:
    """a meets b and b meets c with the same points: a is twice as far from c as b is."""
    chain = [Result("a", "b", 1.0)] * 20 + [Result("a", "b", 0.0)] * 10
    chain += [Result("b", "c", 1.0)] * 20 + [Result("b", "c", 0.0)] * 10
    table = {rating.name: rating.elo for rating in ratings(chain, "c", samples=5)}
    assert table["a"] == pytest.approx(2 * table["b"], abs=1e-3)


def test_who_won_everything_is_far_above_but_finite_and_intervals_hold_the_rating() -> None:
    results = [Result("best", "worst", 1.0)] * 50 + [Result("middle", "worst", 0.5)] * 50
    results += [Result("best", "middle", float(index % 4 > 0)) for index in range(40)]
    table = ratings(results, "worst", samples=200)
    assert table[0].name == "best"
    for rating in table:
        assert math.isfinite(rating.elo)
        assert rating.low <= rating.elo + 1e-6
        assert rating.elo - 1e-6 <= rating.high


def test_more_games_give_narrower_intervals() -> None:
    def width(games: int) -> float:
        results = [Result("a", "b", float(index % 3 > 0)) for index in range(games)]
        (rating,) = [one for one in ratings(results, "b", samples=300) if one.name == "a"]
        return rating.high - rating.low

    assert width(300) < 0.5 * width(30)


def test_the_anchor_must_have_played() -> None:
    with pytest.raises(ValueError, match="played no game"):
        ratings([Result("a", "b", 1.0)], "c")
