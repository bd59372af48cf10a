"""The search: how simulations are shared out, what it proves, and what it makes of a network."""

from __future__ import annotations

import numpy as np
import pytest
from alphazero_support import Nim, ignorant, searched

from sandbox.backends.alphazero.search import Settings, search, searchers
from sandbox.backends.alphazero.tree import considered_visits


def test_sequential_halving_gives_the_better_half_twice_the_visits() -> None:
    """16 simulations, 4 actions: two visits for each of four, then four for each of two."""
    row = considered_visits(4, 16)[4].tolist()
    assert row == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_single_action_gets_every_visit() -> None:
    assert considered_visits(4, 5)[1].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("simulations", [2, 3, 7, 32])
def test_every_simulation_visits_the_root_once(simulations: int) -> None:
    found = searched([10, 7, 3, 1], simulations)
    assert (found.visits.sum(1) == simulations).all()
    assert np.allclose(found.policies.sum(1), 1.0)
    assert np.allclose(found.priors.sum(1), 1.0)
    assert found.visits[3].tolist() == [simulations, 0, 0]  # one stone is left: one move


def test_a_move_that_wins_is_found_and_proven() -> None:
    found = searched([1, 2, 3], 6)
    assert found.actions.tolist() == [0, 1, 2]
    assert found.proven.all()
    assert found.values.tolist() == [1.0, 1.0, 1.0]
    assert found.policies[2].tolist() == [0.0, 0.0, 1.0]


def test_piles_of_four_are_proven_lost_and_the_others_are_won_by_leaving_four() -> None:
    """Nim's theory, found without a network that knows anything."""
    piles = list(range(1, 9))
    found = searched(piles, 200)
    assert found.proven.all()
    assert found.values.tolist() == [-1.0 if pile % 4 == 0 else 1.0 for pile in piles]
    for pile, action in zip(piles, found.actions.tolist(), strict=True):
        if pile % 4:
            assert (pile - action - 1) % 4 == 0


def test_values_of_actions_are_those_of_the_player_to_move() -> None:
    found = searched([5], 200)
    assert found.q[0].tolist() == [1.0, -1.0, -1.0]


def test_both_players_see_the_same_game() -> None:
    """Whoever moves, the search is the same: no value keeps the wrong sign."""
    settings = Settings(9, 3, 50.0, 0.2)
    results = [
        search(Nim(), ignorant, np.array([[10, player]]), settings, np.zeros((1, 3))) for player in (0, 1)
    ]
    assert results[0].visits.tolist() == results[1].visits.tolist()
    assert results[0].q.tolist() == results[1].q.tolist()


def test_a_network_that_knows_the_theory_needs_two_simulations() -> None:
    def wise(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        piles = planes[:, 0, 0].argmax(1)
        logits = np.full((len(piles), 3), -4.0, np.float32)
        won = piles % 4 > 0
        logits[won, (piles[won] % 4) - 1] = 4.0
        return logits, np.where(won, 0.9, -0.9).astype(np.float32)

    found = searched([10, 9, 7], 2, wise)
    assert found.actions.tolist() == [1, 0, 2]
    assert (found.policies.max(1) > 0.95).all()


def test_search_improves_on_the_network() -> None:
    """The winning move is more probable after search than before (Danihelka et al., section 4)."""
    found = searched([5], 20)
    assert found.policies[0, 0] > found.priors[0, 0]


def test_games_are_searched_alone_whatever_else_is_in_the_batch() -> None:
    together, alone = searched([10, 7, 6], 16), searched([7], 16)
    assert together.visits[1].tolist() == alone.visits[0].tolist()
    assert together.policies[1].tolist() == alone.policies[0].tolist()


def test_threads_share_the_batch_and_change_nothing() -> None:
    positions = np.array([[pile, 0] for pile in range(4, 11)])
    settings, noise = Settings(16, 3, 50.0, 0.2), np.random.default_rng(0).gumbel(size=(7, 3))
    expected = search(Nim(), ignorant, positions, settings, noise)
    with searchers(3) as pool:
        found = pool.run(Nim(), ignorant, positions, settings, noise)
    assert found.actions.tolist() == expected.actions.tolist()
    assert found.policies.tolist() == expected.policies.tolist()


def test_noise_decides_between_moves_that_are_equally_good() -> None:
    positions, settings = np.tile(np.array([[8, 0]]), (200, 1)), Settings(4, 3, 50.0, 0.2)
    noise = np.random.default_rng(0).gumbel(size=(200, 3))
    found = search(Nim(), ignorant, positions, settings, noise)
    assert np.bincount(found.actions, minlength=3).min() > 20
