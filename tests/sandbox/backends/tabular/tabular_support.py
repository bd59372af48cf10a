"""Small processes whose values are worked out by hand, and training contexts over them."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sandbox.api import FiniteModel, TrainContext
from sandbox.api.task_models import TaskModels
from sandbox.backends.tabular.config import PlanningConfig, TabularConfig


def chain(moves, rewards, **rest):
    """A model without chance: ``moves[s][a]`` is the next state."""
    moves, rewards = np.array(moves), np.array(rewards, float)
    count = len(moves)
    return FiniteModel(
        successors=moves[:, :, None],
        probabilities=np.ones((*moves.shape, 1)),
        rewards=rewards,
        initial=np.eye(count)[0],
        actions=np.arange(moves.shape[1]),
        state_index=lambda seen: np.asarray(seen, np.int64)[:, 0],
        observe=lambda states: states[:, None].astype(np.float32),
        **rest,
    ).check()


def planned(train, model, steps=10_000, log=None, update=None, **rest):
    """The policy of a solver; ``log`` collects ``(steps, values)`` of every round."""
    models = replace(TaskModels("a/chain", None, None), make_finite=lambda config, reward: model)

    def collect(steps, policy, values=None, state=None):
        if log is not None:
            log.append((steps, values))

    return train(
        TrainContext(
            make_envs=lambda n: None,
            observation_space=gym.spaces.Box(0, np.inf, (1,)),
            action_space=gym.spaces.Discrete(model.num_actions),
            config=PlanningConfig(),
            steps=steps,
            seed=0,
            num_envs=1,
            update=update or collect,
            models=models,
            **rest,
        )
    )


class Grid(gym.Env):
    """Cliff walking (Sutton & Barto 2018, Example 6.6) of any width: from the lower left to the lower right.

    Every step costs 1. The cells between start and goal are a cliff: -100 and back to the start. Actions
    up, right, down, left are numbered from 5, as a Discrete space may begin anywhere.
    """

    FIRST = 5

    def __init__(self, width=6, height=4, cliff=True):
        self.width, self.height, self.cliff = width, height, cliff
        self.observation_space = gym.spaces.Discrete(width * height)
        self.action_space = gym.spaces.Discrete(4, start=self.FIRST)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x = self.y = self.clock = 0
        return 0, {}

    def step(self, action):
        dx, dy = ((0, 1), (1, 0), (0, -1), (-1, 0))[int(action) - self.FIRST]
        x, y = np.clip(self.x + dx, 0, self.width - 1), np.clip(self.y + dy, 0, self.height - 1)
        self.clock += 1
        reward, arrived = -1.0, bool(y == 0 and x == self.width - 1)
        if self.cliff and y == 0 and 0 < x < self.width - 1:
            x, y, reward = 0, 0, -100.0
        self.x, self.y = int(x), int(y)
        return self.y * self.width + self.x, reward, arrived, not arrived and self.clock >= 500, {}


def copies(make, num_envs, seed=0):
    """Copies of an environment in one, which the seed starts."""
    envs = SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=seed)
    return envs


def trained(train, make_envs, steps, *, num_envs=1, seed=0, config=None, update=None, **rest):
    """The policy of a learner."""
    probe = make_envs(1)
    spaces = probe.single_observation_space, probe.single_action_space
    probe.close()
    return train(
        TrainContext(
            make_envs=make_envs,
            observation_space=spaces[0],
            action_space=spaces[1],
            config=config or TabularConfig(),
            steps=steps,
            seed=seed,
            num_envs=num_envs,
            update=update or (lambda steps, policy, values=None, state=None: None),
            **rest,
        )
    )


def walked(policy, env):
    """Observations on the greedy way from the start, at most 100."""
    seen, ended = [env.reset(seed=0)[0]], False
    while not ended and len(seen) < 100:
        observation, _, terminated, truncated, _ = env.step(policy.act(np.array([seen[-1]]))[0])
        seen.append(observation)
        ended = terminated or truncated
    return seen
