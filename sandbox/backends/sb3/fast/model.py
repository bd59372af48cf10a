"""SB3's PPO and maskable PPO with the core in place of their rollout and update loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.common.utils import explained_variance, obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from threadpoolctl import threadpool_limits

from sandbox.api.types import Array, Json
from sandbox.backends.sb3.fast.adam import FlatAdam
from sandbox.backends.sb3.fast.arrays import (
    CLIPPED,
    ENTROPY_LOSS,
    KL,
    LOSS,
    POLICY_LOSS,
    VALUE_LOSS,
    Settings,
)
from sandbox.backends.sb3.fast.core import Core
from sandbox.backends.sb3.fast.rollout import Rollout
from sandbox.backends.sb3.vec_env import VecEnvAdapter

ARGUMENTS: dict[str, Any] = {"rollout_buffer_class": Rollout}
POLICY_ARGUMENTS: dict[str, Any] = {"optimizer_class": FlatAdam}
"""What SB3's constructor is given, so that weights and transitions are kept as the core needs them."""


def fast_class(base: type[BaseAlgorithm], masks: bool) -> type[BaseAlgorithm]:
    """SB3's PPO, or maskable PPO, on the core."""
    return type(f"Fast{base.__name__}", (FastOnPolicy, base), {"masks": masks})


class FastOnPolicy(OnPolicyAlgorithm):
    """Collects and learns through a `Core`; all else is that of the class it is mixed into.

    Random numbers are drawn from the generators, and in the order, that SB3 draws them in, so that training
    is SB3's up to rounding.
    """

    masks: bool
    rollout_buffer: Rollout  # type: ignore[assignment]
    clip_range: Any
    clip_range_vf: Any
    batch_size: int
    n_epochs: int
    normalize_advantage: bool
    target_kl: float | None

    def _setup_model(self) -> None:
        super()._setup_model()
        self.core = Core(self.policy)
        theta = self.core.optimizer.weights.theta
        mask = self.core.net.outputs if self.masks else 0
        self.rollout_buffer.allocate(
            int(self.core.net.widths[0]), len(self.core.head.sizes), mask, theta.dtype
        )

    def learn(self, *arguments: Any, **options: Any) -> Any:
        """Learn with one thread: the fastest for such products, and results depend on the number."""
        with threadpool_limits(1, user_api="blas"):
            return super().learn(*arguments, **options)

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: Any,
        n_rollout_steps: int,
        use_masking: bool = False,
    ) -> bool:
        """Play ``n_rollout_steps`` steps in every row, and estimate advantages."""
        rollout: Rollout = rollout_buffer
        adapter = _adapter(env)
        dones = np.zeros(env.num_envs, dtype=np.bool_)
        callback.on_rollout_start()
        packed = self.core.packed()  # no weight changes within a rollout
        for step in range(n_rollout_steps):
            features = self._features(self._last_obs)
            outputs, values = self.core.forward(features, packed)
            if use_masking:
                rollout.masks[step] = adapter.action_masks()
            actions, log_probs = self.core.choose(outputs, rollout.masks[step])
            observation, rewards, dones, infos = env.step(self._env_actions(actions))
            self.num_timesteps += env.num_envs
            if not callback.on_step():
                return False
            ended = np.flatnonzero(dones)
            if len(ended):
                self._end_episodes(ended, rewards, infos, dones)
            rollout.features[step], rollout.actions[step] = features, actions
            rollout.rewards[step], rollout.values[step] = rewards, values
            rollout.log_probs[step], rollout.starts[step] = log_probs, self._last_episode_starts
            self._last_obs, self._last_episode_starts = observation, dones  # type: ignore[assignment]
        rollout.starts[n_rollout_steps] = dones
        self._estimate(rollout)
        callback.on_rollout_end()
        return True

    def train(self) -> None:
        """Update the policy with the rollout that was collected last."""
        self._update_learning_rate(self.policy.optimizer)
        rollout, settings = self.rollout_buffer, self._settings()
        samples = rollout.samples()
        records, last = [], np.empty((0, 6))
        for _ in range(self.n_epochs):
            last, over = self.core.epoch(samples, rollout.order(), self.batch_size, settings)
            records.append(last)
            self._n_updates += 1
            if over:
                break
        if not np.isfinite(self.core.optimizer.weights.theta).all():
            raise ValueError("The weights are no longer finite.")
        self._record(np.concatenate(records), last, settings)

    def _features(self, observation: Any) -> Array:
        """What the first layers read: observations as flat rows of numbers, discrete ones one-hot."""
        space = self.observation_space
        if isinstance(space, spaces.Box) and space.dtype.kind == "f":
            flat: Array = np.asarray(observation, np.float32).reshape(len(observation), -1)
            return flat
        with torch.no_grad():
            seen: PyTorchObs = obs_as_tensor(observation, self.device)
            features: Any = self.policy.extract_features(seen)
        plain: Array = features.numpy()
        return plain

    def _env_actions(self, actions: Array) -> Array:
        """Actions in the form that SB3 steps environments with: within the bounds of a Box."""
        space = self.action_space
        shaped = actions.reshape(-1, *(space.shape or ()))
        if isinstance(space, spaces.Box):
            # `np.clip` takes four times as long for small batches.
            clipped: Array = np.minimum(np.maximum(shaped, space.low), space.high)
            return clipped
        return shaped if isinstance(space, spaces.MultiBinary) else shaped.astype(np.int64)

    def _end_episodes(self, ended: Array, rewards: Array, infos: list[Json], dones: Array) -> None:
        """Note ended episodes; one that was cut off is worth the value of where it stood."""
        self._update_info_buffer([infos[row] for row in ended], dones[ended])
        cut = [row for row in ended.tolist() if infos[row].get("TimeLimit.truncated", False)]
        if cut:
            final = [infos[row]["terminal_observation"] for row in cut]
            values = self.core.forward(self._features(_stacked(final)))[1]
            rewards[cut] += self.gamma * values

    def _estimate(self, rollout: Rollout) -> None:
        last = self.core.forward(self._features(self._last_obs))[1]
        rollout.advantages[:] = self.core.kernels.advantages(
            rollout.rewards, rollout.values, rollout.starts, last, rollout.gamma, rollout.gae_lambda
        )
        rollout.returns[:] = rollout.advantages + rollout.values

    def _settings(self) -> Settings:
        left = self._current_progress_remaining
        return Settings(
            learning_rate=self.core.optimizer.learning_rate,
            clip=float(self.clip_range(left)),
            value_clip=np.inf if self.clip_range_vf is None else float(self.clip_range_vf(left)),
            entropy=float(self.ent_coef),
            value=float(self.vf_coef),
            max_norm=float(self.max_grad_norm),
            max_kl=np.inf if self.target_kl is None else 1.5 * self.target_kl,
            standardise=self.normalize_advantage,
        )

    def _record(self, records: NDArray[np.float64], last: NDArray[np.float64], settings: Settings) -> None:
        """The diagnostics of an update, under SB3's names."""
        record, rollout, means = self.logger.record, self.rollout_buffer, records.mean(axis=0)
        record("train/entropy_loss", means[ENTROPY_LOSS])
        record("train/policy_gradient_loss", means[POLICY_LOSS])
        record("train/value_loss", means[VALUE_LOSS])
        record("train/approx_kl", last[:, KL].mean())
        record("train/clip_fraction", means[CLIPPED])
        record("train/loss", last[-1, LOSS])
        record(
            "train/explained_variance",
            explained_variance(rollout.values.flatten(), rollout.returns.flatten()),
        )
        if len(self.core.log_std):
            record("train/std", float(np.exp(self.core.log_std).mean()))
        record("train/n_updates", self._n_updates, exclude="tensorboard")
        record("train/clip_range", settings.clip)
        if self.clip_range_vf is not None:
            record("train/clip_range_vf", settings.value_clip)


def _adapter(env: VecEnv) -> VecEnvAdapter:
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    assert isinstance(env, VecEnvAdapter)
    return env


def _stacked(observations: list[Any]) -> Any:
    if isinstance(observations[0], dict):
        return {key: np.stack([part[key] for part in observations]) for key in observations[0]}
    return np.stack(observations)
