"""``backend=fast``: what SB3 computes, computed by the core."""

from __future__ import annotations

import copy
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from pydantic import ValidationError
from sb3_tasks import Corridor, Recorder, config_of, load, trained
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from sandbox.api.errors import MisfitError, RunFailedError
from sandbox.backends.sb3.catalogue import MASKABLE_PPO, PPO
from sandbox.backends.sb3.fast import compiled, plain
from sandbox.backends.sb3.fast.adam import FlatAdam
from sandbox.backends.sb3.fast.arrays import ACTIVATIONS, LOSS, Samples, Settings
from sandbox.backends.sb3.fast.core import Core
from sandbox.backends.sb3.fast.fit import MIN_STEPS, uses_core
from sandbox.backends.sb3.networks import ACTIVATIONS as MODULES

STEPS, ROWS, EPOCHS, BATCH = 24, 4, 3, 40
KERNELS = [pytest.param(compiled, id="compiled"), pytest.param(plain, id="plain")]

BOX = spaces.Box(-1, 1, (3,))
HEADS: list[Any] = [
    pytest.param(sb3.PPO, spaces.Discrete(5), id="discrete"),
    pytest.param(sb3.PPO, spaces.MultiDiscrete([2, 4, 3]), id="multi-discrete"),
    pytest.param(sb3.PPO, spaces.MultiBinary(3), id="bits"),
    pytest.param(sb3.PPO, BOX, id="gaussian"),
    pytest.param(contrib.MaskablePPO, spaces.Discrete(5), id="discrete-masked"),
    pytest.param(contrib.MaskablePPO, spaces.MultiDiscrete([2, 4, 3]), id="multi-discrete-masked"),
    pytest.param(contrib.MaskablePPO, spaces.MultiBinary(3), id="bits-masked"),
]


class Twin:
    """A model of SB3 and a core with the same weights, and the same rollout of random numbers for both."""

    def __init__(self, algorithm: Any, actions: Any, kernels: ModuleType, double: bool, **more: Any) -> None:
        policy: dict[str, Any] = {"net_arch": [16, 12], **more.pop("policy_kwargs", {})}
        env = DummyVecEnv(
            [lambda: Corridor(action_space=actions, observation_space=spaces.Box(-9, 9, (6,)))] * ROWS
        )
        arguments = {"n_steps": STEPS, "batch_size": BATCH, "n_epochs": EPOCHS, "seed": 0, "device": "cpu"}
        self.model = algorithm("MlpPolicy", env, policy_kwargs=policy, **arguments | more)
        self.model.set_logger(Logger(folder=None, output_formats=[]))
        self.model._current_progress_remaining = 1.0
        self.copy = copy.deepcopy(self.model.policy)
        self.double = double
        if double:
            self._compute_in_double()
        self.copy.optimizer = FlatAdam(self.copy.parameters(), self.model.learning_rate)
        self.core = Core(self.copy, kernels)
        self._fill(np.random.default_rng(1))

    def _compute_in_double(self) -> None:
        for policy in (self.model.policy, self.copy):
            policy.double()
            policy.extract_features = lambda observation, *_: observation.double()
        evaluate = self.model.policy.evaluate_actions
        self.model.policy.evaluate_actions = lambda observation, actions, **more: evaluate(
            observation, actions.double() if actions.is_floating_point() else actions, **more
        )
        self.model.policy.optimizer = torch.optim.Adam(
            self.model.policy.parameters(), lr=self.model.learning_rate, eps=1e-5
        )

    def _fill(self, rng: np.random.Generator) -> None:
        buffer, kind = self.model.rollout_buffer, np.float64 if self.double else np.float32
        masked = isinstance(self.model, contrib.MaskablePPO)
        buffer.reset()
        buffer.observations = rng.normal(size=buffer.observations.shape).astype(np.float32)
        for name in ("values", "log_probs", "advantages", "returns", "rewards"):
            setattr(buffer, name, rng.normal(size=(STEPS, ROWS)).astype(kind))
        for step in range(STEPS):
            more = {"action_masks": self._mask(rng)} if masked else {}
            with torch.no_grad():
                actions, _, log_probs = self.model.policy(torch.as_tensor(buffer.observations[step]), **more)
            buffer.actions[step] = actions.numpy().reshape(ROWS, -1)
            # An older policy, so that some ratios are clipped on either side.
            buffer.log_probs[step] = log_probs.numpy() + rng.normal(scale=0.2, size=ROWS)
            if masked:
                buffer.action_masks[step] = more["action_masks"]
        buffer.pos, buffer.full = STEPS, True
        masks = buffer.action_masks > 0 if masked else np.ones((STEPS, ROWS, 0), np.bool_)
        given = (
            buffer.observations, buffer.actions, masks, buffer.log_probs, buffer.values, buffer.advantages,
            buffer.returns,
        )  # fmt: skip
        flat = [np.swapaxes(part, 0, 1).reshape(STEPS * ROWS, *part.shape[2:]) for part in given]
        self.samples = Samples(*(part if part.dtype == np.bool_ else part.astype(kind) for part in flat))

    def _mask(self, rng: np.random.Generator) -> Any:
        outputs = self.core.net.outputs
        mask = rng.random((ROWS, outputs)) < 0.6
        mask[:, [0, *np.cumsum(self.core.head.sizes)[:-1]]] = True
        return mask

    def settings(self) -> Settings:
        model = self.model
        return Settings(
            learning_rate=model.learning_rate, clip=0.2, entropy=model.ent_coef, value=model.vf_coef,
            value_clip=np.inf if model.clip_range_vf is None else model.clip_range_vf(1.0),
            max_norm=model.max_grad_norm, standardise=model.normalize_advantage,
            max_kl=np.inf if model.target_kl is None else 1.5 * model.target_kl,
        )  # fmt: skip

    def update(self) -> list[Any]:
        """Both update; the core's records of the epochs are returned."""
        np.random.seed(2)
        self.model.train()
        np.random.seed(2)
        records = []
        for _ in range(EPOCHS):
            order = np.random.permutation(STEPS * ROWS)
            record, over = self.core.epoch(self.samples, order, self.model.batch_size, self.settings())
            records.append(record)
            if over:
                break
        return records

    def moved(self, before: dict[str, Any]) -> float:
        return max(float((new - before[name]).abs().max()) for name, new in self.copy.state_dict().items())

    def difference(self) -> float:
        theirs = self.model.policy.state_dict()
        return max(float((new - theirs[name]).abs().max()) for name, new in self.copy.state_dict().items())


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize(("algorithm", "actions"), HEADS)
def test_an_update_on_the_same_data_is_sb3s(
    algorithm: Any, actions: Any, double: bool, kernels: ModuleType
) -> None:
    twin = Twin(algorithm, actions, kernels, double, ent_coef=0.02, learning_rate=1e-3)
    before = copy.deepcopy(twin.copy.state_dict())
    twin.update()
    assert twin.moved(before) > 3e-3
    assert twin.difference() < (1e-8 if double else 1e-6)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(
    "settings",
    [
        {"clip_range_vf": 0.1},
        {"normalize_advantage": False, "max_grad_norm": 1e9},
        {"max_grad_norm": 0.01},
        {"vf_coef": 2.0, "ent_coef": 0.3},
        {"batch_size": STEPS * ROWS},
        {"policy_kwargs": {"net_arch": []}},
        {"policy_kwargs": {"net_arch": [300]}},
        {"policy_kwargs": {"log_std_init": -1.5}},
        *({"policy_kwargs": {"activation_fn": MODULES[name]}} for name in ACTIVATIONS),  # type: ignore[index]
    ],
    ids=str,
)
def test_every_setting_has_sb3s_effect(settings: dict[str, Any], kernels: ModuleType) -> None:
    twin = Twin(sb3.PPO, BOX, kernels, True, **copy.deepcopy(settings))
    twin.update()
    assert twin.difference() < 1e-9


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_policy_that_moves_too_far_ends_the_update_where_sb3_ends_it(kernels: ModuleType) -> None:
    twin = Twin(sb3.PPO, spaces.Discrete(4), kernels, True, target_kl=0.03, learning_rate=0.03)
    records = twin.update()
    assert 0 < twin.core.optimizer.steps < EPOCHS * 3
    assert twin.core.optimizer.steps == sum(len(record) for record in records) - 1
    assert twin.difference() < 1e-9


@pytest.mark.parametrize("kernels", KERNELS)
def test_what_is_recorded_of_an_update_is_what_sb3_records(kernels: ModuleType) -> None:
    twin = Twin(sb3.PPO, BOX, kernels, True, ent_coef=0.02)
    records = np.concatenate(every := twin.update()).mean(axis=0)
    said = twin.model.logger.name_to_value
    names = ["policy_gradient_loss", "value_loss", "entropy_loss", "clip_fraction"]
    np.testing.assert_allclose(records[:4], [said[f"train/{name}"] for name in names], rtol=1e-6)
    assert every[-1][:, 4].mean() == pytest.approx(said["train/approx_kl"], rel=1e-6)
    assert every[-1][-1, LOSS] == pytest.approx(said["train/loss"])


@pytest.mark.parametrize(("algorithm", "actions"), HEADS)
def test_samples_and_values_of_both_kernels_are_those_of_sb3(algorithm: Any, actions: Any) -> None:
    twin = Twin(algorithm, actions, compiled, False)
    masks = twin.samples.masks
    more = {"action_masks": masks} if masks.shape[1] else {}
    torch.manual_seed(5)
    with torch.no_grad():
        acted, valued, probable = twin.model.policy(torch.as_tensor(twin.samples.features), **more)
    for kernels in (compiled, plain):
        core = Core(twin.copy, kernels)
        torch.manual_seed(5)
        outputs, values = core.forward(twin.samples.features)
        chosen, log_probs = core.choose(outputs, masks)
        np.testing.assert_allclose(chosen, acted.numpy().reshape(len(chosen), -1), atol=1e-6)
        np.testing.assert_allclose(values, valued.numpy()[:, 0], atol=1e-6)
        np.testing.assert_allclose(log_probs, probable.numpy(), atol=2e-6)


def test_a_row_without_any_allowed_action_learns_nothing_but_gets_one() -> None:
    twin = Twin(contrib.MaskablePPO, spaces.Discrete(5), compiled, True, ent_coef=0.1)
    twin.model.rollout_buffer.action_masks[:] = 0
    twin.samples.masks[:] = False
    actor = copy.deepcopy(twin.copy.action_net.state_dict())
    twin.update()
    assert twin.difference() < 1e-9
    assert torch.equal(actor["weight"], twin.copy.action_net.weight)


def test_advantages_of_both_kernels_are_sb3s_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    model = sb3.PPO("MlpPolicy", DummyVecEnv([Corridor] * 3), n_steps=50, gamma=0.97, gae_lambda=0.9)
    buffer = model.rollout_buffer
    starts = (rng.random((51, 3)) < 0.1).astype(np.float32)
    buffer.rewards[:], buffer.values[:] = rng.normal(size=(2, 50, 3))
    buffer.episode_starts[:] = starts[:-1]
    last = rng.normal(size=3).astype(np.float32)
    buffer.compute_returns_and_advantage(torch.as_tensor(last), starts[-1] > 0)
    for kernels in (compiled, plain):
        ours = kernels.advantages(buffer.rewards, buffer.values, starts, last, 0.97, 0.9)
        assert (ours == buffer.advantages).all()


TASKS: list[Any] = [
    ("ppo", lambda: gym.make("CartPole-v1"), {"n_steps": 64, "batch_size": 32}, False),
    ("ppo", lambda: gym.make("Pendulum-v1"), {"n_steps": 64, "batch_size": 50, "clip_range_vf": 0.3}, False),
    ("ppo", lambda: Corridor(5, True, spaces.MultiBinary(2)), {"n_steps": 32, "batch_size": 16}, False),
    ("ppo", lambda: Corridor(5, False, observation_space=spaces.Discrete(4)), {"n_steps": 32}, False),
    (
        "ppo",
        lambda: Corridor(5, True, observation_space=spaces.MultiDiscrete([3, 2])),
        {"n_steps": 32},
        False,
    ),
    (
        "ppo",
        lambda: Corridor(4, observation_space=spaces.Dict(a=spaces.Box(0, 1, (2,)), b=spaces.Discrete(3))),
        {"n_steps": 32},
        False,
    ),
    ("maskable-ppo", lambda: Corridor(5, True, spaces.Discrete(4), masked=True), {"n_steps": 32}, True),
    (
        "maskable-ppo",
        lambda: Corridor(5, True, spaces.MultiDiscrete([3, 2]), masked=True),
        {"n_steps": 32},
        True,
    ),
    ("maskable-ppo", lambda: Corridor(5, True, spaces.Discrete(4)), {"n_steps": 32}, False),
]


@pytest.mark.parametrize(("name", "make", "hyperparameters", "masks"), TASKS)
def test_whole_trainings_are_sb3s_up_to_rounding(
    name: str, make: Any, hyperparameters: dict[str, Any], masks: bool
) -> None:
    hyperparameters = {"batch_size": 32, "n_epochs": 3, "ent_coef": 0.01, **hyperparameters}
    hyperparameters |= {"learning_rate_schedule": "linear", "clip_range_schedule": "linear"}
    steps, both = 4 * 2 * hyperparameters["n_steps"], []
    for backend in ("sb3", "fast"):
        seen = Recorder()
        policy = trained(
            name, make, hyperparameters | {"backend": backend}, steps=steps, rows=2, masks=masks, update=seen
        )
        both.append((policy.policy.state_dict(), seen.values[-1]))
    for weights in both[0][0]:
        torch.testing.assert_close(both[1][0][weights], both[0][0][weights], atol=3e-6, rtol=0)
    assert both[0][1].keys() == both[1][1].keys()
    # The clip range has fallen to zero at the end: what lies outside of it is decided by rounding.
    for key, value in both[0][1].items():
        if key != "train/clip_fraction":
            assert both[1][1][key] == pytest.approx(value, abs=1e-4, rel=1e-3), key


def test_normalised_training_is_sb3s_up_to_rounding() -> None:
    hyperparameters = {
        "n_steps": 64,
        "batch_size": 32,
        "normalize_observation": True,
        "normalize_reward": True,
    }
    ours, theirs = (
        trained(
            "ppo", lambda: gym.make("Pendulum-v1"), hyperparameters | {"backend": backend}, steps=500, rows=2
        )
        for backend in ("fast", "sb3")
    )
    for name, weights in theirs.policy.state_dict().items():
        torch.testing.assert_close(ours.policy.state_dict()[name], weights, atol=3e-6, rtol=0)
    means = [policy.normaliser.statistics[""].mean for policy in (ours, theirs)]
    np.testing.assert_allclose(*means, rtol=1e-5)


def test_a_fresh_policy_is_sb3s_to_the_last_bit() -> None:
    first = []
    for backend in ("sb3", "fast"):
        seen = Recorder()
        seen.keep_policies = True
        hyperparameters = {"n_steps": 32, "batch_size": 32, "backend": backend}
        trained("ppo", lambda: gym.make("Pendulum-v1"), hyperparameters, steps=64, rows=2, update=seen)
        first.append(seen.policies[0].policy.state_dict())  # type: ignore[attr-defined]
    assert all(torch.equal(first[0][name], first[1][name]) for name in first[0])


def test_its_policies_are_read_started_from_and_exported_like_sb3s(tmp_path: Path) -> None:
    fast = {"n_steps": 32, "batch_size": 32, "backend": "fast"}
    policy = trained("ppo", lambda: gym.make("CartPole-v1"), fast, steps=128, rows=2)
    policy.save(tmp_path)
    observation = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    assert (load(tmp_path).act(observation) == policy.act(observation)).all()
    exported = policy.module()(torch.as_tensor(observation)).numpy()
    assert (exported.reshape(-1) == policy.act(observation)).all()
    for backend in ("fast", "sb3"):
        seen = Recorder()
        seen.keep_policies = True
        trained(
            "ppo",
            lambda: gym.make("CartPole-v1"),
            fast | {"backend": backend},
            steps=64,
            rows=2,
            update=seen,
            initial=tmp_path,
        )
        began: Any = seen.policies[0]
        assert all(
            torch.equal(began.policy.state_dict()[k], v) for k, v in policy.policy.state_dict().items()
        )


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_training_that_diverges_is_reported_in_a_sentence(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoNumber(Corridor):
        def step(self, action: Any) -> Any:
            observation, _, *rest = super().step(action)
            return observation, float("nan"), *rest

    monkeypatch.setattr("sandbox.backends.sb3.fast.core.functions", lambda: kernels)
    with pytest.raises(RunFailedError, match=r"Training diverged: after [0-9]+ steps"):
        trained("ppo", NoNumber, {"n_steps": 16, "batch_size": 16, "backend": "fast"}, steps=64)


def test_images_are_refused_with_a_way_out_before_anything_starts() -> None:
    image = spaces.Box(0, 255, (40, 40, 3), np.uint8)
    for space in (image, spaces.Dict(picture=image)):
        with pytest.raises(MisfitError, match="looks at images") as refused:
            trained(
                "ppo",
                lambda space=space: Corridor(observation_space=space),
                {"n_steps": 8, "batch_size": 8, "backend": "fast"},
            )
        assert "backend=sb3" in str(refused.value.hint)
    with pytest.raises(ValidationError, match="recurrent-ppo needs backend=sb3"):
        config_of("recurrent-ppo")(backend="fast")


def test_auto_takes_the_core_for_small_perceptrons_that_learn_for_long() -> None:
    numbers, image = spaces.Box(-1, 1, (4,)), spaces.Box(0, 255, (40, 40, 3), np.uint8)
    ppo = config_of("ppo")
    assert not uses_core(PPO, ppo(), numbers, MIN_STEPS)
    assert uses_core(PPO, ppo(backend="auto"), numbers, MIN_STEPS)
    assert uses_core(
        MASKABLE_PPO, config_of("maskable-ppo")(backend="auto", net_arch=[256, 256]), numbers, MIN_STEPS
    )
    assert not uses_core(PPO, ppo(backend="auto", net_arch=[2048]), numbers, MIN_STEPS)
    assert uses_core(PPO, ppo(backend="fast", net_arch=[2048]), numbers, MIN_STEPS)
    assert not uses_core(PPO, ppo(backend="auto"), image, MIN_STEPS)
    assert not uses_core(PPO, ppo(backend="auto"), numbers, MIN_STEPS - 1)
    assert uses_core(PPO, ppo(backend="fast"), numbers, 64)
    assert not uses_core(PPO, ppo(backend="auto", convolution=[8]), image, MIN_STEPS)


def test_without_numba_numpy_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.backends.sb3.fast import core

    assert core.functions() is compiled
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert core.functions() is plain
