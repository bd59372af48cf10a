"""Searches find the best sequence of actions where it is known."""

import gymnasium as gym
import numpy as np
import pytest

from sandbox.api.errors import MisfitError
from sandbox.backends.models.config import SearchConfig
from sandbox.backends.models.trajectories import TrajectorySearch, mppi_weights

SPACE = gym.spaces.Box(np.array([-1.0, 100.0], np.float32), np.array([1.0, 300.0], np.float32))
GOAL = np.array([0.5, 140.0])


def towards(goal):
    """Returns of sequences: minus the squared distance to a goal, in half ranges."""
    half = np.array([1.0, 100.0])
    return lambda sequences: -(((sequences - goal) / half) ** 2).sum((2, 3))


@pytest.mark.parametrize("method", ["cem", "mppi"])
def test_both_find_the_best_action_in_ranges_that_differ_a_hundredfold(method):
    config = SearchConfig(method=method, horizon=4, candidates=200, iterations=8)
    search = TrajectorySearch(SPACE, config, "planning")
    search.reset(3, np.random.default_rng(0))
    for _ in range(3):
        actions = search.plan(towards(GOAL))
    assert actions.shape == (3, 2)
    assert actions.dtype == np.float32
    np.testing.assert_allclose((actions - GOAL) / [1.0, 100.0], 0.0, atol=0.12)


def test_a_plan_goes_on_where_the_last_one_ended():
    config = SearchConfig(method="cem", horizon=3, candidates=300, iterations=10, momentum=0.0)
    search = TrajectorySearch(SPACE, config, "planning")
    search.reset(1, np.random.default_rng(0))
    goals = np.array([[-0.5, 150.0], [0.0, 200.0], [0.5, 250.0]])
    first = search.plan(towards(goals))
    np.testing.assert_allclose(first[0], goals[0], rtol=0.1, atol=0.1)
    np.testing.assert_allclose(search.plans[0, :2, 0], goals[1:, 0], atol=0.1)
    search.forget(np.array([True]))
    np.testing.assert_array_equal(search.plans[0, 0], [0.0, 200.0])


def test_weights_of_mppi_are_a_softmax_in_deviations():
    weights = mppi_weights(np.array([[1.0, 3.0, -np.inf]]), 1.0)  # of the finite ones, deviation about 0.94
    assert weights[0, 2] == 0.0
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0, 1] > weights[0, 0]
    np.testing.assert_allclose(mppi_weights(np.full((1, 4), -np.inf), 1.0), 0.25)


def test_actions_without_bounds_are_refused():
    with pytest.raises(MisfitError, match="draws actions within their range"):
        TrajectorySearch(gym.spaces.Box(-np.inf, np.inf, (1,)), SearchConfig(), "planning")
