"""Q-learning, SARSA and Dyna-Q where the answer is known."""

import gymnasium as gym
import numpy as np
import pytest
import toy_shelf
from tabular_support import Grid, copies, trained, walked

from sandbox.api.algorithm import StopTraining
from sandbox.api.errors import MisfitError
from sandbox.backends.tabular.config import DynaConfig, TabularConfig
from sandbox.backends.tabular.planning import evaluate_policy
from sandbox.backends.tabular.temporal_difference import train_dyna_q, train_q_learning, train_sarsa

EXPLORING = {"gamma": 1.0, "epsilon_start": 0.1, "epsilon_final": 0.1}


def test_off_policy_learns_the_edge_of_the_cliff_and_on_policy_the_detour():
    """Sutton & Barto (2018), Example 6.6: both explore alike, Q-learning does not reckon with it."""
    config = TabularConfig(**EXPLORING, learning_rate=0.1, learning_rate_exponent=0)
    make, width = Grid, Grid().width
    ways = {
        train: walked(trained(train, lambda n: copies(make, n), 12_000, config=config), Grid())
        for train in (train_q_learning, train_sarsa)
    }
    edge, detour = ways[train_q_learning], ways[train_sarsa]
    assert len(edge) - 1 == width + 1, "up, along the edge, down"
    assert len(detour) - 1 >= width + 3, "at least one row further from it"
    assert edge[-1] == detour[-1] == width - 1


@pytest.mark.parametrize(
    ("train", "config", "share"),
    [
        (train_q_learning, TabularConfig(gamma=0.95, epsilon_final=0.3), 0.97),
        (train_dyna_q, DynaConfig(gamma=0.95, epsilon_final=0.3, planning_steps=3), 0.99),
    ],
    ids=["q-learning", "dyna-q"],
)
def test_the_shelf_is_learned_almost_to_its_optimum(train, config, share):
    settings = toy_shelf.ShelfConfig()
    reward = toy_shelf.REWARDS["default"]
    model = toy_shelf.finite_model(settings, reward)
    best = np.zeros(model.num_states)
    for _ in range(1_000):
        best = model.action_values(best).max(axis=1)

    def make_envs(num_envs):
        envs = toy_shelf.make_vec(settings, reward, num_envs)
        envs.reset(seed=1)
        return envs

    policy = trained(train, make_envs, 20_000, num_envs=20, config=config)
    seen = model.observe(np.arange(model.num_states))
    values, _ = evaluate_policy(model, policy.act(seen, model.allowed))
    assert (values > share * best).all()


def steps_until_optimal(planning_steps, seed):
    """Steps in the environment after which the greedy way is a shortest one."""
    reached = []

    def update(steps, policy, values=None, state=None):
        if steps % 25 == 0 and len(walked(policy(), Grid(cliff=False))) == 6:
            reached.append(steps)
            raise StopTraining

    config = DynaConfig(**EXPLORING, learning_rate=1, learning_rate_exponent=0, planning_steps=planning_steps)
    with pytest.raises(StopTraining):
        trained(
            train_dyna_q,
            lambda n: copies(lambda: Grid(cliff=False), n),
            20_000,
            config=config,
            update=update,
            seed=seed,
        )
    return reached[0]


def test_a_learned_model_saves_steps():
    without, with_model = (
        [steps_until_optimal(planning_steps, seed) for seed in range(3)] for planning_steps in (0, 20)
    )
    assert np.median(with_model) < np.median(without)


class Bandit(gym.Env):
    """One step; actions 3, 4 and 5 pay 0, 1 and 2, and the mask forbids the last."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(3, start=3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), self.info

    def step(self, action):
        assert action in (3, 4), "the mask is broken"
        return np.ones(1, np.float32), float(action - 3), True, False, self.info

    info = {"action_mask": np.array([True, True, False])}  # noqa: RUF012


@pytest.mark.parametrize("train", [train_q_learning, train_sarsa, train_dyna_q])
def test_masks_are_kept_and_actions_counted_from_where_the_space_begins(train):
    config = DynaConfig() if train is train_dyna_q else TabularConfig()
    policy = trained(train, lambda n: copies(Bandit, n), 300, num_envs=3, config=config)
    assert policy.act(np.zeros((1, 1), np.float32)).tolist() == [4]
    first = policy.values[0]
    assert first[:2].tolist() == pytest.approx([0, 1])
    assert np.isneginf(first[2])


def test_a_task_with_too_many_states_for_a_table_is_refused():
    config = TabularConfig(max_states=5)
    with pytest.raises(MisfitError, match="More than 5 different observations"):
        trained(train_q_learning, lambda n: copies(Grid, n), 2_000, config=config)


class Endless(gym.Env):
    """One state, reward 1, cut off every 4 steps: with discount 0.5 its value is 2 all the same."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.clock = 0
        return 0, {}

    def step(self, action):
        self.clock += 1
        return 0, 1.0, False, self.clock == 4, {}


@pytest.mark.parametrize("train", [train_q_learning, train_sarsa, train_dyna_q])
def test_what_is_cut_off_keeps_its_value(train):
    rates = {"gamma": 0.5, "learning_rate": 0.5, "learning_rate_exponent": 0}
    config = DynaConfig(**rates) if train is train_dyna_q else TabularConfig(**rates)
    policy = trained(train, lambda n: copies(Endless, n), 200, config=config)
    assert policy.values.tolist() == [[pytest.approx(2.0)]]
