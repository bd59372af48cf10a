"""SB3's model from hyperparameters and a vector environment, all of it checked first."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import InvalidValueError
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.config.common import Config
from sandbox.backends.sb3.config.off_policy import OffPolicyConfig
from sandbox.backends.sb3.config.on_policy import OnPolicyConfig
from sandbox.backends.sb3.fast.fit import compiles_cells, uses_core
from sandbox.backends.sb3.networks import Arguments, Network, extractor_kwargs, model_class, policy_alias
from sandbox.backends.sb3.spaces import normalisable
from sandbox.backends.sb3.vec_env import VecEnvAdapter

SCHEDULED = ("learning_rate", "clip_range")
"""Arguments that SB3 takes as a function of the remaining progress as well."""

NOT_ARGUMENTS = frozenset(
    {
        *("learning_rate_schedule", "clip_range_schedule", "normalize_observation", "normalize_reward"),
        *("ent_coef_schedule", "stochastic", "backend", "run_ahead"),
        *("action_noise_std", "ortho_init", "log_std_init", "policy", *Network.model_fields),
    }
)
"""Fields that are not arguments of SB3's constructors under the same name."""


def build_model(algorithm: SB3Algorithm, context: TrainContext, env: VecEnvAdapter) -> BaseAlgorithm:
    """The SB3 model, ready to learn.

    Raises:
        InvalidValueError: If hyperparameters contradict each other or the number of rows.
    """
    config: Config = context.config
    if not algorithm.capabilities.vectorised and env.num_envs > 1:
        raise InvalidValueError(
            f"{algorithm.name} scores whole episodes of one environment and cannot use {env.num_envs} rows.",
            "Use num-envs 1.",
        )
    arguments = _arguments(config, env, context.steps)
    network = Network.of(algorithm, config)
    model_type, policy_kwargs = model_class(algorithm), network.policy_kwargs()
    if uses_core(algorithm, config, env.observation_space, context.steps):
        from sandbox.backends.sb3.fast import model as fast

        model_type = fast.fast_class(model_type, algorithm.capabilities.masks)
        arguments, policy_kwargs = arguments | fast.ARGUMENTS, policy_kwargs | fast.POLICY_ARGUMENTS
    compiled = compiles_cells(config)
    if compiled:
        from sandbox.backends.sb3.fast.cell_rollout import lean_rollout

        buffer = lean_rollout(env.observation_space, algorithm.capabilities.masks)
        arguments["rollout_buffer_class"] = buffer
    with warnings.catch_warnings():
        # What SB3 warns of here is either checked before or of no concern (its advice on devices).
        warnings.simplefilter("ignore", UserWarning)
        model = model_type(
            policy_alias(algorithm, env.observation_space, network),
            _normalised(config, env),
            policy_kwargs=policy_kwargs
            | extractor_kwargs(algorithm, env.observation_space, env.action_space, network)
            | _initial_weights(algorithm, config),
            seed=context.seed,
            device="cpu",
            verbose=0,
            **arguments,
        )
    if compiled:
        from sandbox.backends.sb3.convolution import CellFeatures
        from sandbox.backends.sb3.fast.cells import COMPILED

        extractor = model.policy.features_extractor
        assert isinstance(extractor, CellFeatures)
        extractor.compiled = COMPILED
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def _arguments(config: Config, env: VecEnvAdapter, steps: int) -> Arguments:
    """Hyperparameters as arguments of SB3's constructor."""
    arguments = {name: value for name, value in config if name not in NOT_ARGUMENTS}
    if isinstance(config, OnPolicyConfig):
        arguments |= _fitted_rollout(config, env.num_envs, steps)
    if isinstance(config, OffPolicyConfig):
        arguments |= _off_policy_arguments(config, env, steps)
    for name in SCHEDULED:
        if name in arguments:
            arguments[name] = _scheduled(arguments[name], getattr(config, f"{name}_schedule"))
    return arguments


def _normalised(config: Config, env: VecEnvAdapter) -> VecEnv:
    """The environment behind SB3's `VecNormalize`, if the hyperparameters ask for it."""
    rewards = bool(getattr(config, "normalize_reward", False))
    if not config.normalize_observation and not rewards:
        return env
    keys = normalisable(env.observation_space) if config.normalize_observation else None
    if config.normalize_observation and not keys:
        raise InvalidValueError(
            f"normalize_observation needs observations that are numbers, not {env.observation_space}.",
            "Use normalize_observation=false.",
        )
    return VecNormalize(
        env,
        norm_obs=config.normalize_observation,
        norm_reward=rewards,
        gamma=getattr(config, "gamma", 0.99),
        norm_obs_keys=keys if isinstance(keys, list) else None,
    )


def _initial_weights(algorithm: SB3Algorithm, config: Config) -> Arguments:
    """Arguments of the policy's constructor that matter only for untrained weights."""
    if not isinstance(config, OnPolicyConfig):
        return {}
    kwargs: Arguments = {"ortho_init": config.ortho_init}
    if "Box" in algorithm.capabilities.action_spaces:
        kwargs["log_std_init"] = config.log_std_init
    return kwargs


def _off_policy_arguments(config: OffPolicyConfig, env: VecEnvAdapter, steps: int) -> Arguments:
    """Exploration noise, and a replay buffer that fits the number of steps.

    A buffer larger than the training would reserve memory that is never used, and changes nothing else.
    """
    if config.n_steps > 1 and isinstance(env.observation_space, spaces.Dict):
        raise InvalidValueError("n_steps above 1 is not possible with Dict observations.", "Use n_steps=1.")
    capacity = steps + env.num_envs * (config.train_freq + 1)
    arguments: Arguments = {"buffer_size": min(config.buffer_size, capacity)}
    std: float = getattr(config, "action_noise_std", 0.0)
    if std > 0:
        shape = env.action_space.shape
        assert shape is not None
        arguments["action_noise"] = NormalActionNoise(np.zeros(shape), np.full(shape, std))
    return arguments


def _fitted_rollout(config: OnPolicyConfig, rows: int, steps: int) -> Arguments:
    """Sizes of rollout and minibatch that fit the number of rows and of steps.

    A rollout longer than the whole training would overspend the steps that were asked for.
    """
    n_steps = config.n_steps
    batch: int | None = getattr(config, "batch_size", None)
    if config.normalize_advantage and n_steps * rows < 2:
        raise InvalidValueError(
            "normalize_advantage needs rollouts of at least two transitions, but n_steps × rows is 1.",
            "Raise n_steps or num-envs.",
        )
    if batch is not None and batch > n_steps * rows:
        raise InvalidValueError(
            f"batch_size ({batch}) is larger than a rollout of n_steps × rows = "
            f"{n_steps} × {rows} = {n_steps * rows} transitions.",
            "Lower batch_size, or raise n_steps or num-envs.",
        )
    max_steps = max(-(-steps // rows), 2 if rows == 1 else 1)
    if n_steps > max_steps:
        warnings.warn(
            f"A rollout of n_steps={n_steps} on {rows} rows is longer than the training of {steps} steps: "
            f"n_steps={max_steps} is used instead.",
            stacklevel=2,
        )
        n_steps = max_steps
        batch = None if batch is None else min(batch, n_steps * rows)
    elif batch is not None and n_steps * rows % batch:
        warnings.warn(
            f"batch_size={batch} does not divide a rollout of {n_steps} × {rows} = {n_steps * rows} "
            f"transitions: the last minibatch has {n_steps * rows % batch}.",
            stacklevel=2,
        )
    return {"n_steps": n_steps} | ({} if batch is None else {"batch_size": batch})


def _scheduled(value: float, schedule: str) -> float | Callable[[float], float]:
    """A constant, or a function of the share of the training that remains (1 to 0)."""
    if schedule == "constant":
        return value
    # Off-policy training may take a few steps more than asked for.
    return lambda remaining: max(remaining, 0.0) * value
