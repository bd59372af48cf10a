"""The policy that scores cells: its shape, what it refuses, and that it learns from an image."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from sandbox.api.errors import MisfitError
from sandbox.backends.sb3.catalogue import MASKABLE_PPO, PPO
from sandbox.backends.sb3.config.on_policy import MaskablePpoConfig, RecurrentPpoConfig
from sandbox.backends.sb3.convolution import CellFeatures
from sandbox.backends.sb3.networks import Network, build_policy
from sandbox.backends.sb3.policy import SB3Policy

IMAGE = spaces.Dict(
    planes=spaces.Box(0, 1, (2, 4, 5), np.float32), features=spaces.Box(0, 1, (3,), np.float32)
)
CELLS = spaces.Discrete(20)
NETWORK = Network.of(MASKABLE_PPO, MaskablePpoConfig(convolution=(4, 4), net_arch=(8,)))


def test_scores_follow_the_image_when_it_is_shifted() -> None:
    torch.manual_seed(0)
    extractor = CellFeatures(IMAGE, (4,), 1, torch.nn.ReLU)
    torch.nn.init.normal_(extractor.score.weight)
    planes = torch.zeros(1, 2, 4, 5)
    planes[0, 0, 1, 1] = 1.0
    features = torch.zeros(1, 3)
    here = extractor({"planes": planes, "features": features})[0, :20].reshape(4, 5)
    moved = extractor({"planes": planes.roll((1, 2), (2, 3)), "features": features})[0, :20].reshape(4, 5)
    assert torch.allclose(here[1, 1], moved[2, 3])
    assert not torch.allclose(here[1, 1], moved[1, 1])


def test_a_new_policy_is_uniform_over_allowed_cells_and_survives_saving(tmp_path) -> None:
    network = build_policy(MASKABLE_PPO, IMAGE, CELLS, NETWORK)
    policy = SB3Policy(MASKABLE_PPO, IMAGE, CELLS, NETWORK, network)
    batch = {
        "planes": np.random.rand(6, 2, 4, 5).astype(np.float32),
        "features": np.zeros((6, 3), np.float32),
    }
    mask = np.zeros((6, 20), bool)
    mask[:, [3, 7, 9]] = True
    policy.reset(6, seed=0)
    seen = {int(action) for _ in range(30) for action in policy.act(batch, mask, deterministic=False)}
    assert seen == {3, 7, 9}
    policy.save(tmp_path)
    again = MASKABLE_PPO.load(tmp_path)
    assert (again.act(batch, mask) == policy.act(batch, mask)).all()


@pytest.mark.parametrize(
    ("observation", "action"),
    [
        (spaces.Box(0, 1, (7,), np.float32), CELLS),
        (IMAGE, spaces.Discrete(21)),
        (IMAGE, spaces.Box(-1, 1, (20,), np.float32)),
    ],
)
def test_tasks_without_cells_are_refused(observation: gym.Space, action: gym.Space) -> None:
    with pytest.raises(MisfitError, match="convolution needs"):
        build_policy(PPO, observation, action, NETWORK)


def test_no_convolution_with_an_lstm() -> None:
    with pytest.raises(ValueError, match="not offered with an LSTM"):
        RecurrentPpoConfig(convolution=(4,))
