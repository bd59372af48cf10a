"""Compiled layers of policies that score cells: PyTorch's numbers, gradients, minibatches and trainings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from pydantic import ValidationError
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer, MaskableRolloutBuffer
from sb3_tasks import Corridor, trained
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer

pytest.importorskip("numba")

from sandbox.backends.sb3.catalogue import MASKABLE_PPO, PPO
from sandbox.backends.sb3.config.on_policy import MaskablePpoConfig, PpoConfig
from sandbox.backends.sb3.convolution import CellFeatures, Images
from sandbox.backends.sb3.fast import cells
from sandbox.backends.sb3.fast.cell_rollout import lean_rollout
from sandbox.backends.sb3.fast.fit import compiles_cells, uses_core
from sandbox.backends.sb3.networks import Network, build_policy


def observation_space(height: int, width: int) -> spaces.Dict:
    planes = spaces.Box(0, 1, (2, height, width), np.float32)
    return spaces.Dict(planes=planes, features=spaces.Box(0, 1, (3,), np.float32))


def observations(count: int, height: int, width: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random planes of which a part is flat, so that many cells of a layer are the greatest together."""
    torch.manual_seed(seed)
    planes = torch.rand(count, 2, height, width)
    planes[:, :, height // 2 :] = 1.0
    return {"planes": planes, "features": torch.rand(count, 3)}


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=2e-4, atol=2e-4 * max(float(a.detach().abs().max()), 1e-6))


@pytest.mark.parametrize("channels", [(4,), (4, 3), (5, 4, 3)])
@pytest.mark.parametrize(("height", "width", "per_cell"), [(1, 1, 1), (4, 5, 1), (3, 70, 2), (9, 6, 8)])
def test_scores_summaries_and_gradients_are_pytorchs(
    channels: tuple[int, ...], height: int, width: int, per_cell: int
) -> None:
    extractor = CellFeatures(observation_space(height, width), channels, per_cell, torch.nn.ReLU)
    torch.manual_seed(1)
    for layer in (extractor.score, extractor.direct):
        torch.nn.init.normal_(layer.weight)
    seen = observations(5, height, width)
    upstream = torch.randn(5, extractor.features_dim)
    results = []
    for extractor.compiled in (None, cells.COMPILED):
        extractor.zero_grad()
        features = extractor(seen)
        (features * upstream).sum().backward()
        results.append([features, *(weights.grad for weights in extractor.parameters())])
    for plain, compiled in zip(*results, strict=True):
        close(plain, compiled)


def test_an_image_is_worked_through_in_strips() -> None:
    assert cells.STRIP < 60 * 70 / 2
    test_scores_summaries_and_gradients_are_pytorchs((4, 3), 60, 70, 1)


@pytest.mark.parametrize("masked", [False, True])
def test_actions_are_judged_as_by_sb3s_distributions(masked: bool) -> None:
    algorithm, config = (MASKABLE_PPO, MaskablePpoConfig) if masked else (PPO, PpoConfig)
    network = Network.of(algorithm, config(convolution=(4, 4), net_arch=(8,), activation="relu"))
    policy: Any = build_policy(algorithm, observation_space(4, 5), spaces.Discrete(20), network)
    policy.requires_grad_(True)  # a built policy is frozen
    for layer in (policy.features_extractor.score, policy.features_extractor.direct):
        torch.nn.init.normal_(layer.weight, std=0.05)
    seen = observations(6, 4, 5)
    mask = torch.rand(6, 20) < 0.5
    mask[:, 7] = True
    allowed = (mask.float(),) if masked else ()
    results = []
    for policy.features_extractor.compiled in (None, cells.COMPILED):
        policy.zero_grad()
        parts = policy.evaluate_actions(seen, torch.full((6,), 7.0), *allowed)
        sum((part.flatten() * torch.linspace(-1, 2, 6)).sum() for part in parts).backward()
        results.append([*parts, *(weights.grad for weights in policy.parameters())])
    for plain, compiled in zip(*results, strict=True):
        close(plain, compiled)


@pytest.mark.parametrize("masked", [False, True])
def test_actions_are_drawn_as_by_sb3s_distributions(masked: bool) -> None:
    algorithm, config = (MASKABLE_PPO, MaskablePpoConfig) if masked else (PPO, PpoConfig)
    network = Network.of(algorithm, config(convolution=(4, 4), net_arch=(8,), activation="relu"))
    policy: Any = build_policy(algorithm, observation_space(4, 5), spaces.Discrete(20), network)
    torch.nn.init.normal_(policy.features_extractor.score.weight, std=0.05)
    seen = observations(64, 4, 5)
    mask = np.random.default_rng(0).random((64, 20)) < 0.5
    mask[:, 7] = True
    allowed = {"action_masks": mask} if masked else {}
    results = []
    for policy.features_extractor.compiled in (None, cells.COMPILED):
        torch.manual_seed(5)
        results.append(policy.forward(seen, **allowed))
    assert torch.equal(results[0][0], results[1][0])
    assert len(results[0][0].unique()) > 3
    assert not masked or mask[np.arange(64), results[1][0]].all()
    for plain, compiled in zip(results[0][1:], results[1][1:], strict=True):
        close(plain, compiled)
    torch.nn.init.constant_(policy.features_extractor.score.weight, np.nan)
    with pytest.raises(ValueError, match="not finite"):
        policy.forward(seen, **allowed)


SB3S = {
    (False, False): RolloutBuffer,
    (True, False): DictRolloutBuffer,
    (False, True): MaskableRolloutBuffer,
    (True, True): MaskableDictRolloutBuffer,
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_minibatches_of_the_lean_buffer_are_those_of_sb3s(masked: bool, several: bool) -> None:
    image = observation_space(2, 3)
    space = image if several else image["planes"]
    kinds = SB3S[several, masked], lean_rollout(space, masked)
    rng, batches = np.random.default_rng(0), []
    steps = [
        (rng.random((2, 2, 2, 3), np.float32), rng.random((2, 3), np.float32), rng.integers(6, size=(2, 1)))
        for _ in range(4)
    ]
    for kind in kinds:
        buffer: Any = kind(4, space, spaces.Discrete(6), device="cpu", n_envs=2)
        buffer.reset()
        for at, (planes, features, action) in enumerate(steps):
            seen = {"planes": planes, "features": features} if several else planes
            number, options = (
                np.full(2, float(at)),
                {"action_masks": action == np.arange(6)} if masked else {},
            )
            tensor = torch.tensor([at, at + 0.5])
            buffer.add(seen, action, number, number, tensor, tensor, **options)
        buffer.compute_returns_and_advantage(torch.zeros(2), np.zeros(2))
        np.random.seed(3)
        batches.append(list(buffer.get(5)))
    for plain, given in zip(*batches, strict=True):
        for before, after in zip(plain, given, strict=True):
            parts = (
                ((before[key], after[key]) for key in before)
                if isinstance(before, dict)
                else [(before, after)]
            )
            for a, b in parts:
                in_place = b.stack[b.rows] if isinstance(b, Images) else b
                assert torch.equal(torch.as_tensor(a), torch.as_tensor(in_place))


def test_which_trainings_have_compiled_layers() -> None:
    cells_of = {"convolution": [8], "net_arch": [8]}
    assert not compiles_cells(PpoConfig(**cells_of, activation="relu"))
    assert compiles_cells(PpoConfig(**cells_of, activation="relu", backend="fast"))
    assert compiles_cells(PpoConfig(**cells_of, activation="relu", backend="auto"))
    assert not compiles_cells(PpoConfig(**cells_of, activation="tanh", backend="auto"))
    assert not compiles_cells(PpoConfig(backend="fast"))
    assert not uses_core(
        PPO, PpoConfig(**cells_of, activation="relu", backend="fast"), observation_space(4, 5), 64
    )
    with pytest.raises(ValidationError, match="needs activation=relu"):
        PpoConfig(**cells_of, backend="fast")


@pytest.mark.parametrize(("name", "masked"), [("ppo", False), ("maskable-ppo", True)])
def test_whole_trainings_are_pytorchs_up_to_rounding(name: str, masked: bool) -> None:
    def make() -> Corridor:
        return Corridor(
            5, True, spaces.Discrete(20), masked=masked, observation_space=observation_space(4, 5)
        )

    hyperparameters = {"n_steps": 32, "batch_size": 16, "n_epochs": 3, "ent_coef": 0.01, "activation": "relu"}
    hyperparameters |= {"convolution": [4, 4], "net_arch": [8]}
    ours, theirs = (
        trained(name, make, hyperparameters | {"backend": backend}, steps=256, rows=2, masks=masked)
        for backend in ("fast", "sb3")
    )
    weights = ours.policy.state_dict()
    for key, plain in theirs.policy.state_dict().items():
        torch.testing.assert_close(weights[key], plain, atol=1e-4, rtol=0)
    fresh = build_policy(ours.algorithm, ours.observation_space, ours.action_space, ours.network)
    assert any(not torch.allclose(weights[key], plain) for key, plain in fresh.state_dict().items())
