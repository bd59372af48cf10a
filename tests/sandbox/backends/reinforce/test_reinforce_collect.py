"""Whole episodes of a policy, none preferred for being short."""

import gymnasium as gym
import numpy as np
import pytest
import toy_tag
from support import SeededSync, context, rows

from sandbox.api import MisfitError
from sandbox.backends.reinforce.collect import Collector
from sandbox.backends.reinforce.config import ReinforceConfig
from sandbox.backends.reinforce.policy import ReinforcePolicy
from sandbox.backends.reinforce.train import train
from sandbox.envs.multiagent import JointEnv, Rows


class Dice(gym.Env):
    """Lasts 1 or 50 steps by the toss of a coin; observes the step's number; reward 1 a step."""

    observation_space = gym.spaces.Box(0, 100, (1,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def __init__(self, lengths=(1, 50), terminates=True):
        self.lengths, self.terminates = lengths, terminates

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.length, self.clock = int(self.np_random.choice(self.lengths)), 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.clock += 1
        over = self.clock >= self.length
        terminated = over and self.terminates
        return np.full(1, self.clock, np.float32), 1.0, terminated, over and not terminated, {}


def always(action):
    return lambda seen, mask: np.full((len(seen), 1), action)


def collector(envs, num_envs, max_length=1000):
    return Collector(envs, num_envs, lambda raw: raw[:, 0], max_length)


def test_short_episodes_are_not_preferred():
    envs = SeededSync(Dice, 8, seed=0)
    play = collector(envs, 8)
    lengths = np.concatenate([play.collect(always(0), 16)[0].lengths for _ in range(40)])
    assert set(lengths) == {1, 50}
    # Half of 640 episodes are long, ± 4 standard errors; the first to finish would be short ones.
    assert abs((lengths == 50).mean() - 0.5) < 4 * 0.5 / np.sqrt(640)


@pytest.mark.parametrize(("num_envs", "count"), [(4, 4), (4, 10), (3, 7), (1, 3)])
def test_exactly_the_asked_for_number_of_whole_episodes_is_returned(num_envs, count):
    episodes, steps = collector(SeededSync(Dice, num_envs, seed=1), num_envs).collect(always(0), count)
    assert episodes.count == count
    assert steps % num_envs == 0
    assert steps >= len(episodes.rewards)
    for number in range(count):
        mine = episodes.episode == number
        np.testing.assert_array_equal(np.sort(episodes.time[mine]), np.arange(mine.sum()))
        # Each step was seen where it happened, and the last observation is that of the end itself.
        np.testing.assert_array_equal(episodes.observations[mine][:, 0], episodes.time[mine])
        assert episodes.last_observations[number, 0] == mine.sum()
    assert episodes.terminated.all()


def test_every_step_belongs_to_the_policy_that_is_learning_from_it():
    play = collector(SeededSync(Dice, 4, seed=2), 4)
    for action in (0, 1, 2, 1):
        episodes, _ = play.collect(always(action), 6)
        np.testing.assert_array_equal(episodes.actions, action)
        assert np.bincount(episodes.episode[episodes.time == 0]).tolist() == [1] * 6


def test_environments_that_end_together_are_not_reset_twice():
    resets = []

    class Counted(Dice):
        def reset(self, *, seed=None, options=None):
            resets.append(1)
            return super().reset(seed=seed, options=options)

    play = collector(SeededSync(lambda: Counted(lengths=(5,), terminates=False), 3, seed=0), 3)
    for _ in range(4):
        episodes, steps = play.collect(always(0), 3)
        assert steps == 15
        assert not episodes.terminated.any()
    assert len(resets) == 3 + 4 * 3


def test_an_episode_without_end_is_refused_with_a_reason():
    with pytest.raises(MisfitError, match=r"whole episodes.*did not end in 30 steps"):
        collector(SeededSync(lambda: Dice(lengths=(10**9,)), 2, seed=0), 2, max_length=30).collect(
            always(0), 2
        )


def tag_rows(num_envs, seed=5):
    def make():
        return JointEnv(toy_tag.make(toy_tag.TagConfig(), toy_tag.REWARDS["touch"]))

    return Rows(SeededSync(make, num_envs, seed), make)


def test_an_agents_presence_is_an_episode_and_its_absence_is_not_recorded():
    envs = tag_rows(2)
    policy = ReinforcePolicy(envs.single_observation_space, envs.single_action_space, ReinforceConfig())
    rng = np.random.default_rng(0)
    play = Collector(envs, 2, policy.distribution.action, 1000)
    for _ in range(5):
        episodes, steps = play.collect(lambda seen, mask: policy.draw(seen, mask, rng), 7)
        assert episodes.count == 7 * 3
        assert len(episodes.rewards) < steps
        # A hunter pays 1 a step and earns 5 if it left by touching, which is a termination.
        np.testing.assert_allclose(episodes.returns, 5 * episodes.terminated - episodes.lengths)
        assert set(episodes.lengths[~episodes.terminated]) <= {50}
        for number in range(episodes.count):
            clock = np.sort(episodes.time[episodes.episode == number])
            np.testing.assert_array_equal(clock, np.arange(len(clock)))


def test_recorded_actions_never_break_the_recorded_masks():
    envs = tag_rows(3)
    policy = ReinforcePolicy(envs.single_observation_space, envs.single_action_space, ReinforceConfig())
    rng = np.random.default_rng(1)
    play = Collector(envs, 3, policy.distribution.action, 1000)
    episodes, _ = play.collect(lambda seen, mask: policy.draw(seen, mask, rng), 30)
    assert len(episodes.actions) > 1000
    assert not episodes.masks.all(1).all()
    assert np.take_along_axis(episodes.masks, episodes.actions, 1).all()


def test_progress_is_counted_in_steps_over_all_rows_and_training_ends_with_an_update():
    seen = []

    def update(steps, policy, values=None, state=None):
        seen.append((steps, policy(), values))

    def make_envs(n):
        return SeededSync(lambda: Dice(lengths=(5,)), n, seed=0)

    final = train(context(make_envs, ReinforceConfig(episodes_per_update=8), steps=90, update=update))
    assert [steps for steps, _, _ in seen] == [40, 80, 120]
    assert seen[0][2]["episode_return"] == 5.0
    assert seen[0][2]["episodes"] == 8.0
    # A policy that was given out is not changed by further training.
    column = rows(1.0)
    assert not np.array_equal(_logits(seen[0][1], column), _logits(final, column))
    np.testing.assert_array_equal(_logits(seen[-1][1], column), _logits(final, column))


def _logits(policy, column):
    return policy.actor(policy.inputs(column)).detach().numpy()
