"""What the learners reach in games whose solutions are known."""

import numpy as np
import pytest
import torch

import sandbox
from sandbox.backends.multi_agent.policy import load

pytestmark = pytest.mark.learning

UNIFORM = {"exploration_initial": 1.0, "exploration_final": 1.0, "normalize_reward": False, "gamma": 0.99}
STATES = np.repeat(np.eye(3, dtype=np.float32)[:, None], 2, axis=1)


def payoff(scenario, algo, steps, tmp_path, **options):
    run = sandbox.train(scenario, algo, steps=steps, num_envs=8, runs_dir=tmp_path, **options)
    result = sandbox.evaluate([run], scenario, episodes=20)
    return result.to_json()["agents"][algo]["mean"], load(run.path / "policy")


def utilities(policy):
    """Of both agents, in the three states of the game of two steps; shape (3, 2, 2)."""
    with torch.inference_mode():
        return policy.actors(policy.inputs(policy.layout.flat(STATES.reshape(-1, 3)))).numpy()


def test_a_sum_cannot_represent_2b_so_vdn_gets_7_with_the_values_of_least_squares(tmp_path):
    reached, policy = payoff("cooperation/two-step", "vdn", 40_000, tmp_path, hp=UNIFORM)
    assert reached == 7
    first, second = utilities(policy)[2]
    # ((0, 1), (1, 8)): row means 0.5 and 4.5, mean 2.5.
    assert first[:, None] + second == pytest.approx(np.array([[-1.5, 2.5], [2.5, 6.5]]), abs=0.6)


def test_independent_learners_value_the_mean_over_the_others_and_get_7(tmp_path):
    reached, policy = payoff("cooperation/two-step", "iql-marl", 40_000, tmp_path, hp=UNIFORM)
    assert reached == 7
    assert utilities(policy)[2] == pytest.approx(np.array([[0.5, 4.5]] * 2), abs=0.6)


def test_under_uniform_play_a_sum_prefers_the_safe_corner_of_the_climbing_game(tmp_path):
    # Row means -19/3, -17/3, 5/3: the third row and column, which pay 5, not 11.
    assert payoff("cooperation/matrix", "vdn", 24_000, tmp_path, hp=UNIFORM)[0] == 5


def test_unlike_agents_that_leave_learn_to_hunt(tmp_path):
    run = sandbox.train(
        "toy/tag",
        "ippo",
        steps=120_000,
        num_envs=8,
        runs_dir=tmp_path,
        hp={"learning_rate": 0.003},
    )
    agents = sandbox.evaluate([run, "chase", "random"], "toy/tag", episodes=60).to_json()["agents"]
    best, random = agents["chase"]["mean"], agents["random"]["mean"]
    assert agents["ippo"]["mean"] < best + 0.2 * (random - best)
