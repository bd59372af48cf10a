"""What `extras` names: observations and a baseline."""

import gymnasium as gym
import numpy as np


class Squared:
    """The square of what is observed."""

    def __init__(self, env):
        self.space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)

    def __call__(self, observation):
        return observation**2


class WithTime:
    """The stock, and the share of the evenings that is left, read from the core."""

    def __init__(self, env):
        self.core = env.core
        self.space = gym.spaces.Box(0.0, 1.0, (2,), np.float32)

    def __call__(self, observation):
        left = 1 - self.core.steps / self.core.config.horizon
        return np.column_stack((observation, left)).astype(np.float32)


class Halved:
    """Half of what is observed."""

    def __init__(self, env):
        space = getattr(env, "single_observation_space", env.observation_space)
        self.space = gym.spaces.Box(space.low / np.float32(2), space.high / np.float32(2), dtype=np.float32)

    def __call__(self, observation):
        return observation / 2


class WithSteps:
    """Position and time; reads an attribute of the environment itself."""

    def __init__(self, env):
        self.env = env
        space = getattr(env, "single_observation_space", env.observation_space)
        low, high = (np.append(bound, np.float32(end)) for bound, end in ((space.low, 0), (space.high, 1)))
        self.space = gym.spaces.Box(low, high, dtype=np.float32)

    def __call__(self, observation):
        time = np.full((len(observation), 1), self.env.steps / self.env.config.horizon)
        return np.column_stack((observation, time)).astype(np.float32)


def order_nothing(env):
    return lambda observation: np.zeros(len(observation), np.int64)
