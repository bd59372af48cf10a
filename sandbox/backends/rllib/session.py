"""An RLlib algorithm on a Ray cluster: start, update, access to its parts, shutdown."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import InvalidValueError
from sandbox.api.types import Array
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.rllib.config import RllibPPOConfig
from sandbox.registry.ray_cluster import connect

if TYPE_CHECKING:
    from ray.rllib.algorithms.ppo import PPOConfig

    from sandbox.backends.rllib.runner import BatchedEnvRunner, Report

T = TypeVar("T")

MODULE = "default_policy"
"""RLlib's name for the only module."""

SAMPLE_TIMEOUT = 120.0
"""Seconds that an update waits for a process that steps environments before going on without it."""


class Session:
    """RLlib's PPO, set up for a training context.

    The process that makes it learns; environments step in it or, with ``env_runners``, in as many processes
    of the cluster that ``RAY_ADDRESS`` names, or of a cluster that is started for the session.

    Args:
        context: The training.
        policy: Gives the shape and the first weights of the networks.

    Raises:
        InvalidValueError: If the environments cannot be shared out evenly.
        RunFailedError: If the cluster cannot be reached.
    """

    def __init__(self, context: TrainContext, policy: ActorPolicy) -> None:
        config: RllibPPOConfig = context.config
        self._runners = config.env_runners
        share, rest = divmod(context.num_envs, max(1, self._runners))
        if rest or not share:
            raise InvalidValueError(
                f"{context.num_envs} environments do not divide evenly by env_runners={self._runners}.",
                f"Take a multiple of it: --num-envs {max(1, share) * self._runners}.",
            )
        self._owns_cluster = connect("rllib-ppo", os.environ.get("RAY_ADDRESS"), self._runners)
        from sandbox.backends.rllib.runner import LOCAL_ENVS

        self._key = secrets.token_hex(8)
        LOCAL_ENVS[self._key] = context.make_envs
        try:
            torch.manual_seed(context.seed)
            settings = _settings(context, share, self._key, policy)
            self._algorithm: Any = settings.algo_class(config=settings)
            self.module.actor.load_state_dict(policy.actor.state_dict())
            self.share_weights()
        except BaseException:
            self.close()
            raise

    @property
    def learner(self) -> Any:
        """RLlib's learner, which lives in this process."""
        return self._algorithm.learner_group._learner

    @property
    def module(self) -> Any:
        """Actor and critic that are being trained."""
        return self.learner.module[MODULE].unwrapped()

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Adam, of both networks."""
        optimizer: torch.optim.Optimizer = self.learner.get_optimizer(MODULE)
        return optimizer

    @property
    def local_runner(self) -> BatchedEnvRunner | None:
        """The runner of this process, or None where other processes step the environments."""
        return None if self._runners else self._algorithm.env_runner

    def learn(self, learning_rate: float) -> dict[str, float]:
        """Collect a rollout from all environments and update the networks.

        Returns:
            The losses and other diagnostics of the update.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        results = self._algorithm.train()["learners"][MODULE]
        return {
            "policy_loss": float(results["policy_loss"]),
            "value_loss": float(results["vf_loss"]),
            "entropy": float(results["entropy"]),
            "explained_variance": float(results["vf_explained_var"]),
            "learning_rate": learning_rate,
        }

    def reports(self) -> list[Report]:
        """The progress of every runner; see `BatchedEnvRunner.report`."""
        return self._foreach_runner(lambda runner: runner.report())

    def set_normaliser(self, arrays: dict[str, Array]) -> None:
        """Use these statistics of the observations in every runner from now on."""
        self._foreach_runner(lambda runner: runner.set_normaliser(arrays))

    def share_weights(self) -> None:
        """Send the weights to every runner; RLlib does so itself after an update."""
        self._algorithm.env_runner_group.sync_weights(
            from_worker_or_learner_group=self._algorithm.learner_group, inference_only=True
        )

    def close(self) -> None:
        """Stop the algorithm, and the cluster if it was started for the session."""
        import ray

        from sandbox.backends.rllib.runner import LOCAL_ENVS

        LOCAL_ENVS.pop(self._key, None)
        algorithm = getattr(self, "_algorithm", None)
        if algorithm is not None:
            algorithm.stop()
        if self._owns_cluster:
            ray.shutdown()

    def _foreach_runner(self, function: Callable[[BatchedEnvRunner], T]) -> list[T]:
        group = self._algorithm.env_runner_group
        results: list[T] = group.foreach_env_runner(function, local_env_runner=not self._runners)
        return results


def _settings(context: TrainContext, share: int, key: str, policy: ActorPolicy) -> PPOConfig:
    """RLlib's configuration."""
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.core.rl_module.rl_module import RLModuleSpec

    from sandbox.backends.rllib.flat_envs import flat_observations, raw_actions
    from sandbox.backends.rllib.module import ActorCritic
    from sandbox.backends.rllib.runner import BatchedEnvRunner

    config: RllibPPOConfig = context.config
    network = {
        "net_arch": list(config.net_arch),
        "activation": config.activation,
        "log_std": config.log_std_init,
    }
    runner = {
        "training": key,
        "make_envs": context.remote_envs.make_envs if context.remote_envs is not None else None,
        "reward_scale": config.reward_scale,
        "normalize": policy.normaliser is not None,
    }
    return (
        PPOConfig()
        .api_stack(enable_rl_module_and_learner=True, enable_env_runner_and_connector_v2=True)
        .framework("torch")
        .environment(
            "sandbox",
            env_config=runner,
            observation_space=flat_observations(context.observation_space),
            action_space=raw_actions(context.action_space),
            normalize_actions=False,
            clip_actions=False,
        )
        .env_runners(
            env_runner_cls=BatchedEnvRunner,
            num_env_runners=config.env_runners,
            num_envs_per_env_runner=share,
            rollout_fragment_length=config.n_steps,
            sample_timeout_s=SAMPLE_TIMEOUT,
        )
        .learners(num_learners=0, num_gpus_per_learner=0)
        .training(
            train_batch_size_per_learner=config.n_steps * context.num_envs,
            minibatch_size=min(config.minibatch_size, config.n_steps * context.num_envs),
            num_epochs=config.n_epochs,
            lr=config.learning_rate,
            gamma=config.gamma,
            lambda_=config.gae_lambda,
            clip_param=config.clip_range,
            entropy_coeff=config.entropy_coef,
            vf_loss_coeff=config.value_coef,
            vf_clip_param=float("inf"),
            use_kl_loss=False,
            grad_clip=config.max_grad_norm,
            grad_clip_by="global_norm",
        )
        .rl_module(rl_module_spec=RLModuleSpec(module_class=ActorCritic, model_config=network))
        .reporting(min_time_s_per_iteration=0, min_sample_timesteps_per_iteration=0)
        .debugging(seed=context.seed, log_level="ERROR")
    )
