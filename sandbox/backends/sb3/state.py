"""The full state of a training with SB3: what must be saved to go on bit by bit.

Weights (target networks and batch statistics among them), optimisers, counters, the last observations,
running statistics, the adapter's episodes, the replay buffer, and every generator that is drawn from.
It is taken between two rollouts, when rollout buffers are empty.
"""

from __future__ import annotations

from collections import deque
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from sandbox.api import DamagedRunError, Resume, read_state, write_state
from sandbox.api.types import Json
from sandbox.backends.sb3.ahead import AheadPlayer
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.normaliser import observation_statistics
from sandbox.backends.sb3.replay_buffer import read_replay_buffer, write_replay_buffer
from sandbox.backends.sb3.vec_env import VecEnvAdapter
from sandbox.backends.tensors import generators, load_module, load_optimizer, packed, restore_generators

NAME = "sb3"

COUNTERS = ("num_timesteps", "_episode_num", "_n_updates", "_current_progress_remaining")
"""Numbers of every model; a row of the catalogue names further ones."""

_ARRAYS = ("_last_obs", "_last_episode_starts", "_last_original_obs")
_NORMALISER_ARRAYS = ("returns", "old_reward", "old_obs")


class Training(NamedTuple):
    """What a training consists of: everything that its state is taken from."""

    algorithm: SB3Algorithm
    model: BaseAlgorithm
    adapter: VecEnvAdapter
    player: AheadPlayer | None = None


def write_training(training: Training, folder: Path, before: Path | None) -> None:
    """Write the state of a training; see `sandbox.api.algorithm.WriteState`."""
    algorithm, model, adapter, player = training
    names, variables = model._get_torch_save_params()
    values = {name: attrgetter(name)(model) for name in variables}
    lstm = getattr(model, "_last_lstm_states", None)
    write_state(
        folder,
        NAME,
        {
            "algorithm": type(model).__name__,
            "modules": {name: packed(attrgetter(name)(model).state_dict()) for name in names},
            "tensors": {name: packed(value) for name, value in values.items() if value is not None},
            "counters": {name: getattr(model, name) for name in (*COUNTERS, *algorithm.counters)},
            "arrays": {name: getattr(model, name, None) for name in _ARRAYS},
            "lstm": None if lstm is None else packed(lstm),
            "episodes": [dict(episode) for episode in model.ep_info_buffer or ()],
            "normaliser": _normaliser_state(model.get_vec_normalize_env()),
            "adapter": adapter.state(),
            "action_space": model.action_space.np_random.bit_generator.state,
            "generators": generators(),
            "ahead": None if player is None else player.state(),
        },
    )
    if (buffer := _replay_buffer(model)) is not None:
        write_replay_buffer(buffer, model.num_timesteps // adapter.num_envs, folder, before)


def restore_training(training: Training, resume: Resume) -> None:
    """Bring a newly built model into a saved state.

    Raises:
        DamagedRunError: If the state does not fit the model.
    """
    state = read_state(resume.state, NAME)
    try:
        _restore(training, state, resume)
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise DamagedRunError(f"The training state in {resume.state} does not fit: {error}.") from error


def _restore(training: Training, state: Json, resume: Resume) -> None:
    _, model, adapter, player = training
    for name, saved in state["modules"].items():
        target = attrgetter(name)(model)
        load = load_optimizer if isinstance(target, torch.optim.Optimizer) else load_module
        load(target, saved)
    for name, saved in state["tensors"].items():
        attrgetter(name)(model).data.copy_(torch.from_numpy(np.asarray(saved)))
    for name, value in state["counters"].items():
        setattr(model, name, value)
    model.ep_info_buffer = deque(state["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    _restore_normaliser(model.get_vec_normalize_env(), state["normaliser"])
    if (buffer := _replay_buffer(model)) is not None:
        read_replay_buffer(buffer, model.num_timesteps // adapter.num_envs, resume.state)
    if resume.environments:
        for name, value in state["arrays"].items():
            setattr(model, name, value)
        if state["lstm"] is not None:
            _restore_lstm(model, state["lstm"])
        adapter.restore(state["adapter"])
    model.action_space.np_random.bit_generator.state = state["action_space"]
    restore_generators(state["generators"])
    if player is not None:
        player.restore(state["ahead"])


def _replay_buffer(model: BaseAlgorithm) -> ReplayBuffer | None:
    return getattr(model, "replay_buffer", None)


def _restore_lstm(model: BaseAlgorithm, saved: Json) -> None:
    states = type(model._last_lstm_states)  # type: ignore[attr-defined]
    model._last_lstm_states = states(*(tuple(map(torch.from_numpy, part)) for part in saved))  # type: ignore[attr-defined]


def _normaliser_state(env: VecNormalize | None) -> Json | None:
    if env is None:
        return None
    state: Json = {
        "observation": {key: _statistics(rms) for key, rms in observation_statistics(env).items()},
        "return": _statistics(env.ret_rms),
    }
    return state | {name: getattr(env, name, None) for name in _NORMALISER_ARRAYS}


def _restore_normaliser(env: VecNormalize | None, state: Json | None) -> None:
    if env is None or state is None:
        return
    running = observation_statistics(env)
    for key, saved in state["observation"].items():
        _set_statistics(running[key], saved)
    _set_statistics(env.ret_rms, state["return"])
    for name in _NORMALISER_ARRAYS:
        if state[name] is not None:
            setattr(env, name, state[name])


def _statistics(rms: RunningMeanStd) -> Json:
    return {"mean": np.asarray(rms.mean), "var": np.asarray(rms.var), "count": float(rms.count)}


def _set_statistics(rms: RunningMeanStd, saved: Json) -> None:
    rms.mean, rms.var, rms.count = saved["mean"], saved["var"], saved["count"]
