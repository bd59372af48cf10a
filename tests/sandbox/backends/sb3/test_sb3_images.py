"""Images go through a convolutional network, in training, in play and when read back."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from sandbox.api.algorithm import TrainContext
from sandbox.backends.sb3.catalogue import PPO, SAC
from sandbox.backends.sb3.config.off_policy import SacConfig
from sandbox.backends.sb3.config.on_policy import PpoConfig

SPACE = spaces.Box(0, 255, (36, 36, 3), np.uint8)


class Brightness(gym.Env):
    """Reward for saying how bright the picture is, from -1 (black) to 1 (white)."""

    observation_space = SPACE
    action_space = spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.level, self.steps = int(self.np_random.integers(256)), 0
        return np.full(SPACE.shape, self.level, np.uint8), {}

    def step(self, action):
        wanted = self.level / 127.5 - 1
        self.steps += 1
        self.level = int(self.np_random.integers(256))
        reward = -abs(float(action[0]) - wanted)
        return np.full(SPACE.shape, self.level, np.uint8), reward, False, self.steps >= 16, {}


@pytest.mark.parametrize(
    ("algorithm", "config"),
    [(PPO, PpoConfig(n_steps=16, batch_size=16)), (SAC, SacConfig(learning_starts=16))],
    ids=["ppo", "sac"],
)
def test_images_are_convolved_and_read_back_the_same(algorithm, config, tmp_path: Path) -> None:
    context = TrainContext(
        make_envs=lambda n: gym.vector.SyncVectorEnv(
            [Brightness] * n, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP
        ),
        observation_space=SPACE,
        action_space=Brightness.action_space,
        config=config,
        steps=32,
        seed=0,
        num_envs=1,
        update=lambda *report, **more: None,
    )
    policy = algorithm.train(context)
    layers = [m for m in policy.policy.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(layers) >= 3
    policy.save(tmp_path)
    again = algorithm.load(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (4, *SPACE.shape), np.uint8)
    assert np.array_equal(policy.act(images), again.act(images))
    assert np.ptp(policy.act(images)) > 0
