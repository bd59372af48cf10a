"""Behaviours of stated quality: probabilities by hand, and the share of random actions that is half way."""

import gymnasium as gym
import numpy as np
import pytest

from sandbox.outputs.behaviour import Exploring, shares_of


class Constant:
    """Takes the same action always."""

    def __init__(self, action):
        self.action = action

    def reset(self, num_envs, seed=None):
        """Nothing is remembered."""

    def act(self, observation, mask=None, deterministic=True):
        """The action."""
        return np.array([self.action])


SEEN = np.zeros((1, 1))


def test_a_choice_is_as_likely_as_exploration_and_agent_make_it():
    exploring = Exploring(Constant(2), gym.spaces.Discrete(4), 0.2, True)
    exploring.reset(1, seed=0)
    seen = {}
    for _ in range(200):
        action = int(exploring.act(SEEN)[0])
        seen[action] = float(exploring.probability[0])
    assert seen == pytest.approx({0: 0.05, 1: 0.05, 2: 0.85, 3: 0.05})


def test_masked_choices_are_shared_out_among_those_allowed():
    exploring = Exploring(Constant(2), gym.spaces.Discrete(4), 1.0, True)
    exploring.reset(1, seed=0)
    mask = np.array([[True, False, True, False]])
    actions = [int(exploring.act(SEEN, mask)[0]) for _ in range(50)]
    assert set(actions) == {0, 2}
    assert exploring.probability[0] == 0.5


def test_the_density_of_continuous_actions_integrates_to_one_over_the_bounds():
    exploring = Exploring(Constant([1.9]), gym.spaces.Box(-2, 2, (1,), np.float64), 0.3, True)
    grid = np.linspace(-2, 2, 40_001)[:, None]
    density = exploring._probability(grid, np.full_like(grid, 1.9), None)
    assert np.trapezoid(density, grid[:, 0]) == pytest.approx(1.0, abs=1e-3)
    assert density[0] == pytest.approx(0.3 / 4)


def test_what_is_not_known_is_not_kept():
    for space, share, deterministic in (
        (gym.spaces.Discrete(4), 0.2, False),
        (gym.spaces.Box(-2, 2, (1,), np.float64), 0.0, True),
        (gym.spaces.Box(-np.inf, 2, (1,), np.float64), 0.5, True),
    ):
        action = 1 if isinstance(space, gym.spaces.Discrete) else [0.5]
        exploring = Exploring(Constant(action), space, share, deterministic)
        exploring.reset(1, seed=0)
        exploring.act(SEEN)
        assert exploring.probability is None


def test_medium_is_half_way_and_mixed_takes_all_three():
    shares, noted = shares_of("medium", 4, 0, lambda share: 10 * (1 - share) ** 2)
    assert shares == pytest.approx(np.full(4, 1 - 0.5**0.5), abs=0.02)
    assert noted["score"] == pytest.approx(0.5, abs=0.02)
    shares, noted = shares_of("mixed", 9, 0, lambda share: 10 * (1 - share))
    values, counts = np.unique(shares, return_counts=True)
    assert values == pytest.approx([0, 0.5, 1], abs=0.02)
    assert counts.tolist() == [3, 3, 3]
