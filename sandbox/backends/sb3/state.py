"""The full state of a training with SB3: what must be saved to go on bit by bit.

Weights (target networks and batch statistics among them), optimisers, counters, the last observations,
running statistics, the adapter's episodes, the replay buffer, and every generator that is drawn from.
It is taken between two rollouts, when rollout buffers are empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from sandbox.api import DamagedRunError, Resume, read_state, write_state
from sandbox.backends.sb3.replay import read_replay, write_replay
from sandbox.backends.sb3.vec_env import VecEnvAdapter
from sandbox.backends.tensors import generators, load_module, load_optimizer, packed, restore_generators

NAME = "sb3"

_COUNTERS = ("num_timesteps", "_episode_num", "_n_updates", "_n_calls", "_current_progress_remaining",
             "exploration_rate", "old_count")  # fmt: skip
_ARRAYS = ("_last_obs", "_last_episode_starts", "_last_original_obs")


def write_training(model: BaseAlgorithm, adapter: VecEnvAdapter, folder: Path, before: Path | None) -> None:
    """Write a model's state and that of its normaliser and adapter; see `sandbox.api.WriteState`."""
    names, variables = model._get_torch_save_params()
    modules = {name: packed(attrgetter(name)(model).state_dict()) for name in names}
    tensors = {
        name: packed(attrgetter(name)(model)) for name in variables if attrgetter(name)(model) is not None
    }
    buffer = getattr(model, "replay_buffer", None)
    lstm = getattr(model, "_last_lstm_states", None)
    write_state(
        folder,
        NAME,
        {
            "algorithm": type(model).__name__,
            "modules": modules,
            "tensors": tensors,
            "counters": {name: getattr(model, name) for name in _COUNTERS if hasattr(model, name)},
            "arrays": {name: getattr(model, name, None) for name in _ARRAYS},
            "weights": packed(model.weights) if hasattr(model, "weights") else None,
            "lstm": None if lstm is None else packed(lstm),
            "episodes": [dict(one) for one in model.ep_info_buffer or ()],
            "normaliser": _normaliser(model.get_vec_normalize_env()),
            "adapter": adapter.state(),
            "action_space": packed_generator(model.action_space),
            "generators": generators(),
        },
    )
    if buffer is not None:
        write_replay(buffer, model.num_timesteps // adapter.num_envs, folder, before)


def restore_training(model: BaseAlgorithm, adapter: VecEnvAdapter, resume: Resume) -> None:
    """Bring a freshly built model into a saved state.

    Raises:
        DamagedRunError: If the state does not fit the model.
    """
    state = read_state(resume.state, NAME)
    try:
        _restore(model, adapter, state, resume)
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise DamagedRunError(f"The training state in {resume.state} does not fit: {error}.") from error


def _restore(model: BaseAlgorithm, adapter: VecEnvAdapter, state: Mapping[str, Any], resume: Resume) -> None:
    for name, saved in state["modules"].items():
        target = attrgetter(name)(model)
        load = load_optimizer if isinstance(target, torch.optim.Optimizer) else load_module
        load(target, saved)
    for name, saved in state["tensors"].items():
        attrgetter(name)(model).data.copy_(torch.from_numpy(np.asarray(saved)))
    for name, value in state["counters"].items():
        setattr(model, name, value)
    if state["weights"] is not None:
        model.weights = torch.from_numpy(state["weights"])  # type: ignore[attr-defined]
    model.ep_info_buffer = deque(state["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    _restore_normaliser(model.get_vec_normalize_env(), state["normaliser"])
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        read_replay(buffer, model.num_timesteps // adapter.num_envs, resume.state)
    if resume.environments:
        for name, value in state["arrays"].items():
            setattr(model, name, value)
        if state["lstm"] is not None:
            _restore_lstm(model, state["lstm"])
        adapter.restore(state["adapter"])
    model.action_space.np_random.bit_generator.state = state["action_space"]
    restore_generators(state["generators"])


def packed_generator(space: Any) -> dict[str, Any]:
    """State of the generator that a space samples from."""
    found: dict[str, Any] = space.np_random.bit_generator.state
    return found


def _restore_lstm(model: Any, saved: Any) -> None:
    (pi, vf) = saved
    kind = type(model._last_lstm_states)
    model._last_lstm_states = kind(tuple(map(torch.from_numpy, pi)), tuple(map(torch.from_numpy, vf)))


_NORMALISER_ARRAYS = ("returns", "old_reward", "old_obs")


def _normaliser(env: VecNormalize | None) -> dict[str, Any] | None:
    if env is None:
        return None
    obs_rms = getattr(env, "obs_rms", None)
    many = obs_rms if isinstance(obs_rms, dict) else {"": obs_rms} if obs_rms is not None else {}
    state: dict[str, Any] = {
        "observation": {key: _statistics(rms) for key, rms in many.items()},
        "return": _statistics(env.ret_rms),
    }
    return state | {name: getattr(env, name, None) for name in _NORMALISER_ARRAYS}


def _restore_normaliser(env: VecNormalize | None, state: Mapping[str, Any] | None) -> None:
    if env is None or state is None:
        return
    for key, saved in state["observation"].items():
        _set_statistics(env.obs_rms[key] if isinstance(env.obs_rms, dict) else env.obs_rms, saved)
    _set_statistics(env.ret_rms, state["return"])
    for name in _NORMALISER_ARRAYS:
        if state[name] is not None:
            setattr(env, name, state[name])


def _statistics(rms: RunningMeanStd) -> dict[str, Any]:
    return {"mean": np.asarray(rms.mean), "var": np.asarray(rms.var), "count": float(rms.count)}


def _set_statistics(rms: RunningMeanStd, saved: Mapping[str, Any]) -> None:
    rms.mean, rms.var, rms.count = saved["mean"], saved["var"], saved["count"]
