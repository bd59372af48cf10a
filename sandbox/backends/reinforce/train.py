"""REINFORCE from top to bottom; `estimator` has the mathematics, `collect` plays the episodes."""

from __future__ import annotations

import numpy as np
import torch

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import RunFailedError
from sandbox.api.types import Array, VectorEnvironment
from sandbox.backends.policy_files import read_policy
from sandbox.backends.reinforce.collect import Collector
from sandbox.backends.reinforce.config import ReinforceConfig
from sandbox.backends.reinforce.estimator import Episodes, policy_loss, returns_to_go, standardised, weights
from sandbox.backends.reinforce.policy import ReinforcePolicy
from sandbox.backends.reinforce.state import Progress

ENDLESS = 100_000
"""An episode of more steps, and of more than the training has, is taken to be endless."""

CHUNK = 65_536
"""Steps of a forward pass; the gradient is the same for any number."""


def train(context: TrainContext) -> ReinforcePolicy:
    """Train by the policy gradient; see `sandbox.api.Algorithm.train`.

    Stops at the first update that ends at or after ``context.steps``: episodes are never cut short.

    Raises:
        MisfitError: If the spaces are not supported, episodes do not end, or the initial policy differs.
        RunFailedError: If the loss is no longer a finite number.
    """
    config: ReinforceConfig = context.config
    policy = ReinforcePolicy(context.observation_space, context.action_space, config, context.seed)
    if context.initial is not None and context.resume is None:
        policy.load_weights(read_policy(context.initial), context.initial)
    num_envs = min(context.num_envs, config.episodes_per_update)
    envs = context.make_envs(num_envs)
    try:
        _learn(context, config, policy, envs, num_envs)
    finally:
        envs.close()
    return policy


def _learn(
    context: TrainContext,
    config: ReinforceConfig,
    policy: ReinforcePolicy,
    envs: VectorEnvironment,
    num_envs: int,
) -> None:
    draws, order = (np.random.default_rng([context.seed, stream]) for stream in (1, 2))
    collector = Collector(envs, num_envs, policy.distribution.action, max(context.steps, ENDLESS))
    optimizers = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = optimizers[config.optimizer](policy.actor.parameters(), lr=config.learning_rate)
    value_optimizer = None
    if policy.critic is not None:
        value_optimizer = torch.optim.Adam(policy.critic.parameters(), lr=config.value_learning_rate)

    progress = Progress(policy, optimizer, value_optimizer, collector, draws, order)
    if context.resume is not None:
        progress.restore(context.resume)
        context.update(progress.steps, policy.snapshot, None, progress.write)
    steps = progress.steps
    while steps < context.steps:
        rate = config.learning_rate * (1 - steps / context.steps if config.schedule == "linear" else 1)

        # 1. Play N whole episodes with the policy as it is.
        episodes, taken = collector.collect(
            lambda rows, mask: policy.draw(rows, mask, draws), config.episodes_per_update
        )
        steps += taken

        # 2. Weight every action by the rewards that followed.
        values = last_values = None
        if policy.critic is not None:
            values = policy.values(episodes.observations)
            last_values = policy.values(episodes.last_observations)
        psi = weights(episodes, config, values, last_values)
        targets = psi + values if config.gae else returns_to_go(episodes, config.gamma, last_values)
        if config.normalize_advantage:
            psi = standardised(psi)

        # 3. One step along the estimated gradient.
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        figures = accumulate_gradient(policy, episodes, psi, config.entropy_coef)
        if not np.isfinite(list(figures.values())).all():
            raise RunFailedError(
                f"The policy's loss is no longer a finite number after {steps} steps.",
                "Lower learning_rate, or set max_grad_norm, normalize_advantage or normalize_observation.",
            )
        if config.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(policy.actor.parameters(), config.max_grad_norm)
        optimizer.step()

        # 4. Fit the values, then update the normaliser: both are used from the next update on.
        if value_optimizer is not None and values is not None:
            figures |= fit_values(policy, value_optimizer, episodes, targets, config, order)
            figures["explained_variance"] = _explained(targets, values)
        if policy.normaliser is not None:
            policy.normaliser.update(episodes.observations)

        # 5. Report; this also validates, writes checkpoints and may end the training.
        figures |= {
            "learning_rate": rate,
            "episodes": float(episodes.count),
            "episode_return": float(episodes.returns.mean()),
            "episode_length": float(episodes.lengths.mean()),
            "truncated": float((~episodes.terminated).mean()),
            "weight_std": float(psi.std()),
        }
        progress.steps = steps
        context.update(steps, policy.snapshot, figures, progress.write if steps < context.steps else None)


def accumulate_gradient(
    policy: ReinforcePolicy, episodes: Episodes, psi: Array, entropy_coef: float = 0.0
) -> dict[str, float]:
    """Add minus the estimate of ∇J to the gradients of the policy's parameters.

    Args:
        policy: The policy that played.
        episodes: Its episodes.
        psi: Ψ of every step, shape ``(M,)``.
        entropy_coef: Weight of the entropy bonus.

    Returns:
        ``policy_loss``, ``entropy`` (mean over steps, nats) and ``gradient_norm`` (Euclidean).
    """
    loss_sum = entropy_sum = 0.0
    dtype = next(policy.actor.parameters()).dtype
    for start in range(0, len(psi), CHUNK):
        part = slice(start, start + CHUNK)
        params = policy.actor(policy.inputs(episodes.observations[part]).to(dtype))
        masks = None if episodes.masks is None else torch.from_numpy(episodes.masks[part])
        actions = torch.from_numpy(episodes.actions[part])
        if actions.is_floating_point():
            actions = actions.to(dtype)
        loss = policy_loss(
            policy.distribution,
            params,
            actions,
            masks,
            torch.as_tensor(psi[part], dtype=dtype),
            episodes.count,
            entropy_coef,
        )
        loss.backward()  # type: ignore[no-untyped-call]
        loss_sum += loss.item()
        with torch.no_grad():
            entropy_sum += policy.distribution.entropy(params, masks).sum().item()
    gradients = [p.grad for p in policy.actor.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients).item()
    return {"policy_loss": loss_sum, "entropy": entropy_sum / len(psi), "gradient_norm": norm}


def fit_values(
    policy: ReinforcePolicy,
    optimizer: torch.optim.Optimizer,
    episodes: Episodes,
    targets: Array,
    config: ReinforceConfig,
    order: np.random.Generator,
) -> dict[str, float]:
    """Least squares of V(s) against targets, in shuffled batches.

    Returns:
        ``value_loss``, the mean squared error of the last pass, in standardised units.
    """
    critic = policy.critic
    assert critic is not None
    inputs = policy.inputs(episodes.observations)
    wanted = torch.as_tensor(targets, dtype=torch.float32)
    critic.rescale(wanted)
    loss_sum = 0.0
    for _ in range(config.value_epochs):
        loss_sum = 0.0
        for batch in torch.split(torch.from_numpy(order.permutation(len(targets))), config.value_batch_size):
            errors = (critic(inputs[batch]) - wanted[batch]) / critic.std
            optimizer.zero_grad()
            errors.square().mean().backward()
            optimizer.step()
            loss_sum += errors.detach().square().sum().item()
    return {"value_loss": loss_sum / len(targets)}


def _explained(targets: Array, values: Array) -> float:
    """Share of the targets' variance that the values account for; 0 if there is none."""
    variance = targets.var()
    return float(1 - (targets - values).var() / variance) if variance > 0 else 0.0
