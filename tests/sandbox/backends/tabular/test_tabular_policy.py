"""The greedy policy of a table: masks, new states, samples, and files that do not hold together."""

import numpy as np
import pytest
import torch
import toy_corridor

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.backends.policy_files import write_policy
from sandbox.backends.tabular.policy import TablePolicy, load
from sandbox.backends.tabular.states import StateTable, keys

STATES = np.array([[0.0], [1.0]])
VALUES = np.array([[1.0, 2.0, -np.inf], [5.0, 4.0, 3.0]])


def policy(epsilon=0.0):
    return TablePolicy("sarsa", STATES, VALUES, np.arange(7, 10), epsilon)


def test_the_largest_value_is_taken_and_the_nearest_state_stands_in():
    assert policy().act(np.array([[0.0], [1.0], [0.9], [-4.0]])).tolist() == [8, 7, 7, 8]


def test_a_mask_is_kept_even_where_the_table_knows_only_other_actions():
    masks = np.array([[True, False, True], [False, False, True]])
    assert policy().act(np.array([[0.0], [0.0]]), masks).tolist() == [7, 9]


def test_samples_are_random_in_a_share_of_epsilon_among_allowed_actions():
    """Sutton & Barto's ε-greedy right of the short corridor, ε = 0.1: p = 0.95, v = -44.2."""
    greedy = TablePolicy("sarsa", np.ones((1, 1)), np.array([[0.0, 1.0]]), np.arange(2), 0.1)
    greedy.reset(20_000, seed=0)
    right = greedy.act(np.ones((20_000, 1)), deterministic=False).mean()
    assert right == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 20_000))
    assert toy_corridor.value(0.95) == pytest.approx(-44.2, abs=0.05)
    masked = policy(epsilon=1.0)
    masked.reset(1000, seed=0)
    drawn = masked.act(np.zeros((1000, 1)), np.tile([True, False, True], (1000, 1)), deterministic=False)
    assert set(drawn) == {7, 9}


def test_the_mask_of_several_choices_is_not_taken_for_one_of_whole_actions():
    pairs = TablePolicy(
        "value-iteration",
        np.zeros((1, 1)),
        np.array([[1.0, 4, 3, 2]]),
        np.array([[0, 0], [0, 1], [1, 0], [1, 1]]),
    )
    assert pairs.act(np.zeros((1, 1)), np.array([[True, False, True, True]])).tolist() == [[0, 1]]


def test_what_is_saved_acts_alike(tmp_path):
    policy(0.25).save(tmp_path)
    again = load(tmp_path)
    np.testing.assert_array_equal(again.values, VALUES)
    assert (again.algorithm, again.epsilon, again.act(STATES).tolist()) == ("sarsa", 0.25, [8, 7])


def test_a_policy_that_has_seen_nothing_can_be_saved(tmp_path):
    TablePolicy("sarsa", np.empty((0, 1)), np.empty((0, 3)), np.arange(3)).save(tmp_path)
    assert load(tmp_path).act(np.zeros((2, 1))).tolist() == [0, 0]


@pytest.mark.parametrize(
    "damage",
    [
        {"values": np.zeros((3, 3))},
        {"values": np.full((2, 3), np.nan)},
        {"states": np.zeros((2, 1))},
        {"states": np.array([[np.inf], [0.0]])},
        {"actions": np.empty(0, np.int64)},
        {"states": None},
        {"epsilon": 1.5},
        {"epsilon": "often"},
        {"epsilon": None},
    ],
    ids=["sizes", "nan", "twice", "infinite", "no action", "missing", "too much", "a word", "nothing"],
)
def test_a_table_that_does_not_hold_together_is_refused(tmp_path, damage):
    parts = {"states": STATES, "values": VALUES, "actions": np.arange(3), "epsilon": 0.0} | damage
    epsilon = parts.pop("epsilon")
    tensors = {name: torch.from_numpy(part) for name, part in parts.items() if part is not None}
    write_policy(tmp_path, {"algorithm": "sarsa", "epsilon": epsilon}, tensors)
    with pytest.raises(DamagedRunError, match="no table of values"):
        load(tmp_path)


def test_too_many_states_are_refused_in_a_sentence():
    table = StateTable(most=2)
    assert table.index(np.array([[1.0], [2.0], [1.0]])).tolist() == [0, 1, 0]
    with pytest.raises(MisfitError, match="More than 2 different observations were seen"):
        table.index(np.array([[3.0]]))


def test_parts_of_a_dictionary_are_one_key_whatever_their_order():
    first, second = np.array([[1.0], [2.0]]), np.array([3, 4])
    expected = [[1.0, 3.0], [2.0, 4.0]]
    assert keys({"a": first, "b": second}).tolist() == keys({"b": second, "a": first}).tolist() == expected
    assert keys(np.array([[-0.0]])).tobytes() == keys(np.array([[0.0]])).tobytes()
