"""Value iteration and policy iteration where the optimum is worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import toy_shelf
from tabular_support import chain, planned

from sandbox.api.algorithm import Resume, StopTraining
from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.backends.tabular.planning import (
    begin,
    evaluate_policy,
    improve,
    sweep,
    train_policy_iteration,
    train_value_iteration,
)

SOLVERS = pytest.mark.parametrize("train", [train_value_iteration, train_policy_iteration])
ROUNDS = pytest.mark.parametrize("better", [sweep, improve])


def solved(model, better, tolerance=1e-10):
    """Where a solver ends."""
    solution = begin(model)
    for _ in range(5_000):
        solution = better(model, solution, tolerance)
        if solution.done:
            return solution
    raise AssertionError("it did not end")


# In state 0 staying pays 1 and going pays 0; in state 1 every step pays 2: V(1) = 2/(1 - 0.9) = 20,
# V(0) = max(1 + 0.9 V(0), 0.9 · 20) = 18.
PATIENCE = chain([[0, 1], [1, 1]], [[1, 0], [2, 2]], discount=0.9)

# Three cells and an end; waiting costs 1, walking 2. At once waiting is better, and it never ends.
WALK = chain([[0, 1], [1, 2], [2, 3], [3, 3]], [[-1, -2]] * 4, terminal=np.array([False, False, False, True]))

# The same where only arriving pays: every action has the same value, and only one of them arrives.
GOAL = chain(
    [[0, 1], [1, 2], [2, 3], [3, 3]],
    [[0, 0], [0, 0], [0, 1], [0, 0]],
    terminal=np.array([False, False, False, True]),
)

# Going round pays 1 and 3 in turn, 2 a step; staying in state 0 pays 1.5.
PERIODIC = chain([[1, 0], [0, 0]], [[1, 1.5], [3, 3]])


# The soonest way to the end costs 10, the detour 1 + 1.
DETOUR = chain(
    [[2, 1], [2, 2], [2, 2]], [[-10, -1], [-1, -1], [0, 0]], terminal=np.array([False, False, True])
)


@ROUNDS
def test_discounted_values(better):
    solution = solved(PATIENCE, better)
    np.testing.assert_allclose(solution.values, [18, 20], rtol=1e-7)
    assert solution.chosen[0] == 1


@ROUNDS
def test_total_values_of_a_walk_whose_first_greedy_policy_never_ends(better):
    np.testing.assert_allclose(solved(WALK, better).values, [-6, -4, -2, 0], atol=1e-9)


@ROUNDS
def test_the_longer_way_is_taken_where_it_is_cheaper(better):
    solution = solved(DETOUR, better)
    assert solution.values.tolist() == [-2.0, -1.0, 0.0]
    assert solution.chosen[0] == 1


@ROUNDS
def test_the_gain_of_a_periodic_chain(better):
    solution = solved(PERIODIC, better)
    assert solution.figures["gain"] == pytest.approx(2.0, abs=1e-8)
    assert solution.chosen[0] == 0
    # V(1) - V(0) = 3 - g = 1 from V(1) = 3 - g + V(0).
    assert solution.values[1] - solution.values[0] == pytest.approx(1.0, abs=1e-7)


@SOLVERS
def test_of_equal_actions_the_one_that_arrives_is_taken(train):
    policy = planned(train, GOAL)
    assert policy.act(np.array([[0.0], [1.0], [2.0]])).tolist() == [1, 1, 1]


@SOLVERS
def test_the_shelf_is_solved_as_repeated_action_values_solve_it(train):
    model = toy_shelf.finite_model(toy_shelf.ShelfConfig(capacity=8), toy_shelf.REWARDS["default"])
    values = np.zeros(model.num_states)
    for _ in range(2_000):
        values = model.action_values(values).max(axis=1)
    policy = planned(train, model)
    np.testing.assert_allclose(policy.values.max(axis=1), values, atol=1e-6)
    best = model.action_values(values).argmax(axis=1)
    seen = model.observe(np.arange(model.num_states))
    assert policy.act(seen, model.allowed).tolist() == best.tolist()


def test_policy_iteration_never_makes_a_policy_worse_and_reports_every_round():
    model = toy_shelf.finite_model(toy_shelf.ShelfConfig(capacity=12), toy_shelf.REWARDS["default"])
    log = []
    planned(train_policy_iteration, model, log=log)
    steps, figures = zip(*log, strict=True)
    assert steps == tuple(range(1, len(log) + 1))
    assert 2 < len(log) < 12
    assert np.all(np.diff([round_["value"] for round_ in figures]) >= -1e-9)
    assert [round_["states_changed"] == 0 for round_ in figures] == [False] * (len(log) - 1) + [True]


def test_parts_that_never_meet_have_a_gain_each():
    apart = chain([[0], [1]], [[1], [2]])
    assert evaluate_policy(apart, np.zeros(2, np.int64))[1].tolist() == [1, 2]


def test_a_policy_that_may_end_in_either_of_two_parts_has_the_mean_of_their_gains():
    # State 0 costs 3 and goes to 1 or 2, alike likely; 1 pays 1 for ever, 2 and 3 pay 2 and 4 in turn.
    successors, probabilities = np.array([[1, 2], [1, 1], [3, 3], [2, 2]])[:, None], np.full((4, 1, 2), 0.5)
    rewards = np.array([[-3.0], [1.0], [2.0], [4.0]])
    model = replace(chain([[1], [1], [3], [2]], rewards), successors=successors, probabilities=probabilities)
    values, gains = evaluate_policy(model, np.zeros(4, np.int64))
    np.testing.assert_allclose(gains, [2, 1, 3, 3])
    # h(3) - h(2) = 4 - 3 of the pair, h(0) = -3 - 2 + the mean of 0 and 0.
    np.testing.assert_allclose(values - values[1], [-5, 0, 0, 1])


def test_policy_iteration_leaves_a_part_for_one_with_a_larger_gain():
    # Staying in 0 pays 1; leaving costs 10 once and leads to 1, which pays 2 for ever.
    model = chain([[0, 1], [1, 1]], [[1, -10], [2, 2]])
    solution = begin(model)
    assert solution.chosen[0] == 0
    while not solution.done:
        solution = improve(model, solution, 1e-9)
    assert solution.chosen[0] == 1
    assert solution.figures["gain"] == pytest.approx(2)


def test_a_total_that_is_paid_for_ever_is_refused():
    endless = chain([[0, 1], [1, 1]], [[1, 0], [0, 0]], terminal=np.array([False, True]))
    with pytest.raises(MisfitError, match="never ends"):
        planned(train_policy_iteration, endless)


def test_states_that_look_the_same_are_refused():
    model = chain([[1], [0]], [[1], [3]])
    blind = replace(model, observe=lambda states: np.ones((len(states), 1), np.float32))
    with pytest.raises(MisfitError, match="look the same"):
        planned(train_value_iteration, blind)


@SOLVERS
@pytest.mark.parametrize("model", [PATIENCE, DETOUR, PERIODIC], ids=["discounted", "total", "average"])
def test_a_stopped_solver_goes_on_to_the_same_table(train, model, tmp_path):
    whole = planned(train, model)

    def stop(steps, policy, values=None, state=None):
        if state is not None:
            state(tmp_path, None)
            raise StopTraining

    with pytest.raises(StopTraining):
        planned(train, model, update=stop)
    resumed = planned(train, model, resume=Resume(tmp_path, environments=True))
    np.testing.assert_array_equal(resumed.values, whole.values)
    other = chain([[0], [0], [0], [0], [0]], [[1]] * 5, discount=0.5)
    with pytest.raises(DamagedRunError, match="other states"):
        planned(train, other, resume=Resume(tmp_path, environments=True))


def test_terminal_states_may_hold_anything():
    model = chain(
        [[1], [0]], [[5], [np.nan]], terminal=np.array([False, True]), allowed=np.array([[True], [False]])
    )
    for better in (sweep, improve):
        assert solved(model, better).values.tolist() == [5.0, 0.0]
