"""Tasks with several decision makers: a batch plays what PettingZoo's environment plays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandbox.envs.multiagent import JointEnv
from sandbox.envs.single import EnvFactory
from sandbox.envs.vector import native
from sandbox.evaluation.agents import policy_of
from sandbox.evaluation.named_agents import baseline_agents
from sandbox.evaluation.rollout import play
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.scenarios.resolve import load_scenario

GAMES = ("inventory/beer-game", "inventory/serial-four-stages-agents")


@pytest.mark.parametrize("scenario", GAMES)
@pytest.mark.parametrize("orders", ["discrete", "continuous"])
def test_every_environment_of_a_batch_plays_the_single_environments_episodes(
    scenario: str, orders: str
) -> None:
    problem = load_scenario(scenario, ["horizon=7", "warmup=0", f"orders={orders}"])
    envs: Any = native(problem, 3, evaluation=True).unwrapped
    singles = [JointEnv(EnvFactory(problem)().parallel) for _ in range(3)]
    assert envs.row_observation_space == singles[0].row_observation_space
    assert envs.row_action_space == singles[0].row_action_space
    rng = np.random.default_rng(0)
    observation, _ = envs.reset(seed=[5, 6, 7])
    alone = [env.reset(seed=seed)[0] for env, seed in zip(singles, (5, 6, 7), strict=True)]
    for _step in range(7 * 5):
        np.testing.assert_array_equal(observation, np.stack(alone))
        shape = (3, *envs.single_action_space.shape)
        wanted = (
            rng.integers(0, int(envs.row_action_space.n), shape)
            if orders == "discrete"
            else rng.uniform(-1, 1, shape)
        )
        observation, _, terminated, truncated, info = envs.step(wanted)
        for index, env in enumerate(singles):
            after, _, over, cut, last_info = env.step(wanted[index])
            assert (over, cut) == (terminated[index], truncated[index])
            rewards = info["agent_rewards"][index]
            np.testing.assert_allclose(last_info["agent_rewards"], rewards, rtol=1e-12)
            if over or cut:
                np.testing.assert_array_equal(after, info["final_obs"][index])
                metrics = info["final_info"]["metrics"]
                assert {name: metrics[name][index] for name in last_info["metrics"]} == last_info["metrics"]
                after, _ = env.reset()
            alone[index] = after


def test_an_evaluation_of_a_batch_is_that_of_single_games() -> None:
    problem = load_scenario("inventory/beer-game")
    agents = baseline_agents(problem)
    with EpisodeRunner(problem) as players:
        batch = players.play(agents, [11, 12, 13])
    assert len(batch) == 3 * len(agents)
    env = EnvFactory(problem)()
    for agent in agents:
        policy = policy_of(problem, agent, env.parallel.unwrapped, env.row_action_space)
        for episode in batch:
            if episode.agent == agent.name and agent.name != "random":  # whose actions belong to a batch
                single = play(env, policy, agent.name, episode.seed)
                assert single.metrics == pytest.approx(episode.metrics)
                assert single.reward_terms == pytest.approx(episode.reward_terms)


@pytest.mark.parametrize("scenario", ["inventory/beer-game-central", "inventory/or-gym-v0"])
def test_numbers_drawn_ahead_leave_every_path_as_it_was(scenario: str) -> None:
    """Also where some environments get a new seed while numbers are left, and after a restored state."""
    problem = load_scenario(scenario, ["horizon=5"])
    envs: Any = native(problem, 2, evaluation=True).unwrapped
    singles = [EnvFactory(problem)().unwrapped for _ in range(2)]

    def play_episode(envs: Any) -> None:
        action = np.zeros(envs.action_space.shape, envs.action_space.dtype)
        for _ in range(5):
            envs.step(action)

    def demands(envs: Any) -> Any:
        sim = envs.core.sim
        return np.concatenate([sim.demand_paths._block[:, env] for env in range(sim.num_envs)], 1)

    def follow(episodes: int) -> None:
        for _ in range(episodes):
            alone = np.concatenate([demands(env) for env in singles], 1)
            np.testing.assert_array_equal(demands(envs), alone)
            play_episode(envs)
            for env in singles:
                env.reset()

    envs.reset(seed=[1, 2])
    for env, seed in zip(singles, (1, 2), strict=True):
        env.reset(seed=seed)
    follow(60)
    envs.reset(seed=[None, 9])
    singles[0].reset()
    singles[1].reset(seed=9)
    follow(60)
    other: Any = native(problem, 2, evaluation=True).unwrapped
    other.reset(seed=[3, 4])
    other.set_state(envs.get_state())
    for _ in range(60):
        np.testing.assert_array_equal(demands(envs), demands(other))
        play_episode(envs)
        play_episode(other)
