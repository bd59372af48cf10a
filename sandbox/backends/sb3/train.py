"""Training with Stable-Baselines3 and sb3-contrib."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from threadpoolctl import threadpool_limits

from sandbox.api.algorithm import TrainContext, WriteState
from sandbox.api.errors import RunFailedError
from sandbox.backends.sb3.ahead import AheadPlayer, on_ray, require_ahead
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.config.common import Config
from sandbox.backends.sb3.fast.fit import compiles_cells
from sandbox.backends.sb3.fine_tuning import explore_by_policy, start_from
from sandbox.backends.sb3.model import build_model
from sandbox.backends.sb3.networks import Arguments, Network, build_policy
from sandbox.backends.sb3.normaliser import Normaliser
from sandbox.backends.sb3.policy import SB3Policy, network_observation_space
from sandbox.backends.sb3.spaces import sb3_action_space
from sandbox.backends.sb3.state import Training, restore_training, write_training
from sandbox.backends.sb3.vec_env import VecEnvAdapter

UPDATE_STEPS = 1000
"""Steps after which progress is reported, where iterations are shorter than that."""

UPDATE_SECONDS = 2.0
"""Progress is reported at least this often, also in the middle of a long rollout."""


def train(algorithm: SB3Algorithm, context: TrainContext) -> SB3Policy:
    """Train an algorithm of the catalogue; ``context.config`` is of its config model.

    SB3 trains in whole rollouts (on-policy), whole update intervals (off-policy) or whole sets of
    episodes (evolution): the last one is finished, so up to that many steps more than asked for are done.

    Returns:
        The final policy.

    Raises:
        MisfitError, InvalidValueError: Before learning, if spaces, hyperparameters, masks and rows do
            not go together, or ``context.initial`` does not fit.
        RunFailedError: If the weights cease to be finite.
        StopTraining: Passed through from ``context.update``.
    """
    threads = torch.get_num_threads()
    run_ahead = getattr(context.config, "run_ahead", False)
    envs = on_ray(context) if run_ahead == "ray" else context.make_envs(context.num_envs)
    try:
        # One thread is the fastest for networks of this size, and results depend on the number.
        torch.set_num_threads(1)
        ahead = require_ahead(envs) if run_ahead else None
        adapter = VecEnvAdapter(envs, context.masks)
        model = build_model(algorithm, context, adapter)
        player = None
        if ahead is not None:
            assert isinstance(model, OnPolicyAlgorithm)
            player = AheadPlayer(model, adapter, ahead, context.seed)
        training = Training(algorithm, model, adapter, player)
        options: Arguments = {"log_interval": None, "callback": _callbacks(training, context)}
        steps = steps_taken(model, context.steps)
        if context.resume is not None:
            restore_training(training, context.resume)
            steps -= model.num_timesteps  # SB3 counts from here, and adds what has been done
            options["reset_num_timesteps"] = False
        elif context.initial is not None:
            start_from(model, algorithm, context.config, context.initial)
        if context.initial is not None:
            explore_by_policy(model)
        if algorithm.capabilities.masks:
            options["use_masking"] = context.masks
        if compiles_cells(context.config):
            with threadpool_limits(
                1, user_api="blas"
            ):  # as torch's threads, of the products in compiled loops
                _learn(model, steps, options)
        else:
            _learn(model, steps, options)
        return snapshot(algorithm, model, context)
    finally:
        torch.set_num_threads(threads)
        envs.close()


def steps_taken(model: BaseAlgorithm, steps: int) -> int:
    """The steps that a training of ``steps`` will take: whole rollouts, where it learns on-policy.

    Schedules fall by these steps, so that they end at zero and not below.
    """
    if not isinstance(model, OnPolicyAlgorithm):
        return steps
    rollout = model.n_steps * model.n_envs
    return -(-steps // rollout) * rollout


def _callbacks(training: Training, context: TrainContext) -> list[BaseCallback]:
    callbacks: list[BaseCallback] = [_Progress(training, context)]
    if getattr(context.config, "ent_coef_schedule", "constant") == "linear":
        callbacks.append(_FallingEntropy(context.config.ent_coef))
    return callbacks


def _learn(model: BaseAlgorithm, steps: int, options: Arguments) -> None:
    try:
        model.learn(steps, **options)
    except ValueError:
        # PyTorch refuses distributions with NaN parameters; if that is the cause, say what it means.
        require_finite(model)
        raise
    require_finite(model)


def require_finite(model: BaseAlgorithm) -> None:
    """Refuse to go on with weights that are NaN or infinite.

    Raises:
        RunFailedError: If the training has diverged.
    """
    if not all(bool(weights.isfinite().all()) for weights in model.policy.parameters()):
        raise RunFailedError(
            f"Training diverged: after {model.num_timesteps} steps the policy's weights are not finite.",
            "Lower learning_rate, or check the task's rewards and observations for NaN and huge values.",
        )


def snapshot(algorithm: SB3Algorithm, model: BaseAlgorithm, context: TrainContext) -> SB3Policy:
    """The model's current policy, frozen: it does not change when training goes on."""
    config: Config = context.config
    network = Network.of(algorithm, config)
    policy = build_policy(
        algorithm,
        network_observation_space(context.observation_space),
        sb3_action_space(context.action_space),
        network,
    )
    policy.load_state_dict(model.policy.state_dict())
    normaliser = None
    if config.normalize_observation and (env := model.get_vec_normalize_env()) is not None:
        normaliser = Normaliser.of(env)
    return SB3Policy(
        algorithm,
        context.observation_space,
        context.action_space,
        network,
        policy,
        normaliser,
        stochastic=getattr(config, "stochastic", False),
    )


class _Progress(BaseCallback):
    """Calls ``context.update``, with the full state between rollouts.

    SB3 calls `_on_rollout_start` before each rollout, that is after all learning from the one before:
    there, policy, step count and diagnostics belong together, and rollout buffers are empty. Whether
    diagnostics are reported may depend on the clock, whether a safe point is reported may not.
    """

    def __init__(self, training: Training, context: TrainContext) -> None:
        super().__init__()
        self._training, self._context = training, context
        self._interval = min(UPDATE_STEPS, max(1, context.steps // 100))
        # Off-policy rollouts are a few steps long and need no report within.
        self._within_rollouts = training.algorithm.kind != "off-policy"
        self._reported_steps = 0
        self._reported_at = time.monotonic()

    def _on_training_start(self) -> None:
        self._reported_steps = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        steps = self.model.num_timesteps - self._reported_steps
        due = steps >= self._interval or (steps > 0 and self._seconds_ago() >= UPDATE_SECONDS)
        safe = self._training.algorithm.resumable
        if due or safe:
            self._report(due, self._write_state if safe else None)

    def _on_step(self) -> bool:
        if self._within_rollouts and self._seconds_ago() >= UPDATE_SECONDS:
            self._report(True, None)
        return True

    def _on_training_end(self) -> None:
        self._report(True, None)

    def _seconds_ago(self) -> float:
        return time.monotonic() - self._reported_at

    def _report(self, in_full: bool, state: WriteState | None) -> None:
        values = None
        if in_full:
            require_finite(self.model)
            values = diagnostics(self.model)
            self._reported_steps = self.model.num_timesteps
        self._context.update(self.model.num_timesteps, self._snapshot, values, state)
        if in_full:
            self._reported_at = time.monotonic()

    def _snapshot(self) -> SB3Policy:
        return snapshot(self._training.algorithm, self.model, self._context)

    def _write_state(self, folder: Path, before: Path | None) -> None:
        write_training(self._training, folder, before)


class _FallingEntropy(BaseCallback):
    """The weight of the entropy bonus falls linearly to zero, as SB3's own schedules do.

    SB3 reads it in the update after each rollout, when the rollout's steps have been counted.
    """

    def __init__(self, first: float) -> None:
        super().__init__()
        self._first = first

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        done = self.model.num_timesteps / self.model._total_timesteps
        self.model.ent_coef = self._first * max(1.0 - done, 0.0)  # type: ignore[attr-defined]


def diagnostics(model: BaseAlgorithm) -> dict[str, float]:
    """What SB3 last recorded about its learning, and about the latest training episodes.

    Returns:
        For example ``train/loss``, ``train/approx_kl``, ``rollout/ep_rew_mean`` (mean return of the
        last 100 training episodes), ``rollout/ep_len_mean``; finite values only.
    """
    values = {
        name: float(value)
        for name, value in model.logger.name_to_value.items()
        if not name.startswith("time/") and np.ndim(value) == 0 and not isinstance(value, str)
    }
    if episodes := model.ep_info_buffer:
        values["rollout/ep_rew_mean"] = float(np.mean([episode["r"] for episode in episodes]))
        values["rollout/ep_len_mean"] = float(np.mean([episode["l"] for episode in episodes]))
    return {name: value for name, value in values.items() if math.isfinite(value)}
