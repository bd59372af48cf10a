"""What all learners of this package share: how they begin, step sizes, gradients, state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import PluginError, RunFailedError
from sandbox.api.types import Json
from sandbox.backends.multi_agent.config import LearningConfig
from sandbox.backends.multi_agent.layout import Layout
from sandbox.backends.multi_agent.policy import JointPolicy
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, load_optimizer, packed


def layout_of(context: TrainContext) -> Layout:
    """The agents that a training is given."""
    if context.agents is None:
        raise PluginError("Several learners need the agents of a parallel task; this training has none.")
    return Layout(context.agents, context.observation_space, context.action_space)


def begin_from(context: TrainContext, policy: JointPolicy) -> None:
    """Load the policy that the training is to start from, if there is one."""
    if context.initial is not None and context.resume is None:
        policy.load_weights(read_policy(context.initial), context.initial)


def generators(seed: int, count: int) -> list[np.random.Generator]:
    """Independent generators of a training."""
    return [np.random.default_rng([seed, stream]) for stream in range(1, count + 1)]


def set_learning_rate(optimizer: torch.optim.Optimizer, config: LearningConfig, share_done: float) -> float:
    """The step size at this moment, set and returned."""
    left = max(0.0, 1.0 - share_done) if config.learning_rate_schedule == "linear" else 1.0
    rate = config.learning_rate * left
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def clip_gradients(groups: Iterable[Iterable[nn.Parameter]], limit: float | None) -> None:
    """Clip the norm of every group's gradient on its own."""
    if limit is not None:
        for parameters in groups:
            torch.nn.utils.clip_grad_norm_(parameters, limit)


def gradient_groups(*modules: nn.Module, shared: bool) -> list[list[nn.Parameter]]:
    """Parameters whose gradients are clipped together: all, or those of each network of `AgentNetworks`."""
    if shared:
        return [[weight for module in modules for weight in module.parameters()]]
    groups: dict[str, list[nn.Parameter]] = {}
    for number, module in enumerate(modules):
        for name, weight in module.named_parameters():
            path = name.split(".")
            agent = path[path.index("nets") + path.count("nets")] if "nets" in path else f"module {number}"
            groups.setdefault(agent, []).append(weight)
    return list(groups.values())


def require_finite(figures: Json, steps: int) -> None:
    """End a training whose losses are no numbers.

    Raises:
        RunFailedError: If one is not finite.
    """
    if not np.isfinite(list(figures.values())).all():
        raise RunFailedError(
            f"The loss is no longer a finite number after {steps} steps.",
            "Lower learning_rate, or set max_grad_norm or normalize_observation.",
        )


def packed_state(
    policy: JointPolicy, optimizer: torch.optim.Optimizer, rngs: Iterable[np.random.Generator]
) -> Json:
    """Networks, optimiser, normaliser and generators, as `sandbox.api.write_state` takes them."""
    return {
        "actors": packed(policy.actors.state_dict()),
        "others": {name: packed(module.state_dict()) for name, module in policy.others.items()},
        "optimizer": packed(optimizer.state_dict()),
        "normaliser": None if policy.normaliser is None else policy.normaliser.arrays(),
        "rngs": [rng.bit_generator.state for rng in rngs],
    }


def load_state(
    state: Json, policy: JointPolicy, optimizer: torch.optim.Optimizer, rngs: Iterable[np.random.Generator]
) -> None:
    """Go on from what `packed_state` gave."""
    load_module(policy.actors, state["actors"])
    for name, module in policy.others.items():
        load_module(module, state["others"][name])
    load_optimizer(optimizer, state["optimizer"])
    if policy.normaliser is not None:
        policy.normaliser.load(_arrays(state["normaliser"]))
    for rng, saved in zip(rngs, state["rngs"], strict=True):
        rng.bit_generator.state = saved


def _arrays(saved: Json) -> dict[str, Any]:
    return {name: np.asarray(values) for name, values in saved.items()}
