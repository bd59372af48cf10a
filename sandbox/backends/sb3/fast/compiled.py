"""The core's arithmetic as loops that Numba compiles; `plain` holds the same in NumPy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array
from sandbox.backends.sb3.fast.arrays import (
    ACTOR,
    ADAM_EPSILON,
    BETA_1,
    BETA_2,
    CRITIC,
    ENTROPY_LOSS,
    GAUSSIAN,
    KL,
    LOSS,
    NORM_EPSILON,
    POLICY_LOSS,
    STD_EPSILON,
    VALUE_LOSS,
    Head,
    Net,
    Samples,
    Settings,
    Weights,
)
from sandbox.backends.sb3.fast.heads import choice_slopes, choose, gaussian_slopes
from sandbox.backends.sb3.fast.jit import exact, njit
from sandbox.backends.sb3.fast.passes import (
    TILE,
    Space,
    backward_pass,
    forward,
    forward_pass,
    new_space,
    pack,
    packed,
    unpack,
)
from sandbox.backends.sb3.fast.products import PAD

__all__ = ["advantages", "choose", "epoch", "forward", "packed"]


@njit
def _critic_slopes(
    samples: Samples, rows: Array, settings: Settings, size: int, space: Space, record: Array
) -> None:
    """Derivatives of the loss by the values."""
    for index in range(len(rows)):
        row = rows[index]
        value, old = space.values[index, 0], samples.values[row]
        change = value - old
        inside = abs(change) <= settings.value_clip
        predicted = value if inside else old + math.copysign(settings.value_clip, change)
        error = predicted - samples.returns[row]
        record[VALUE_LOSS] += error * error / size
        space.up_values[index, 0] = 2 * settings.value * error / size if inside else 0


@njit
def _gather(features: Array, rows: Array, out: Array) -> None:
    """Copy rows: short ones column by column, because a loop of a few rounds costs more than its rounds."""
    if features.shape[1] < PAD:
        for feature in range(features.shape[1]):
            for index in range(len(rows)):
                out[index, feature] = features[rows[index], feature]
    else:
        for index in range(len(rows)):
            out[index, : features.shape[1]] = features[rows[index]]


@njit
def _gradient(
    net: Net, head: Head, weights: Weights, samples: Samples, rows: Array, settings: Settings,
    space: Space, record: Array,
) -> None:  # fmt: skip
    """The gradient of the loss over the transitions ``rows``, and their record."""
    size, theta = len(rows), weights.theta
    advantages = samples.advantages[rows]
    if settings.standardise and size > 1:
        mean = advantages.mean()
        deviation = math.sqrt(((advantages - mean) ** 2).sum() / (size - 1))
        advantages = (advantages - mean) / theta.dtype.type(deviation + STD_EPSILON)
    if net.log_std >= 0:
        weights.gradient[net.log_std : net.log_std + len(head.sizes)] = 0
    record[:] = 0
    pack(net, theta, space, True)
    for start in range(0, size, TILE):
        tile = rows[start : start + TILE]
        count = len(tile)
        _gather(samples.features, tile, space.features)
        forward_pass(net, ACTOR, count, space, space.outputs)
        forward_pass(net, CRITIC, count, space, space.values)
        part = advantages[start : start + TILE]
        if head.kind == GAUSSIAN:
            gaussian_slopes(net, weights, samples, tile, part, settings, size, space, record)
        else:
            choice_slopes(head, samples, tile, part, settings, size, space, record)
        _critic_slopes(samples, tile, settings, size, space, record)
        backward_pass(net, ACTOR, count, space, space.up_outputs)
        backward_pass(net, CRITIC, count, space, space.up_values)
    unpack(net, space, weights.gradient)
    entropy, value = settings.entropy * record[ENTROPY_LOSS], settings.value * record[VALUE_LOSS]
    record[LOSS] = record[POLICY_LOSS] + entropy + value


@njit
def _adam(weights: Weights, step: int, settings: Settings) -> None:
    """Clip the gradient to its largest norm, and take Adam's step number ``step``."""
    theta, gradient, first, second = weights
    kind = theta.dtype.type
    square = 0.0
    for index in range(len(gradient)):
        square += gradient[index] * gradient[index]
    factor = settings.max_norm / (math.sqrt(square) + NORM_EPSILON)
    clip = kind(1.0 if factor > 1 else factor)
    rate = kind(settings.learning_rate / (1 - BETA_1**step))
    spread = kind(1 / math.sqrt(1 - BETA_2**step))
    beta, new_1, new_2, epsilon = kind(BETA_2), kind(1 - BETA_1), kind(1 - BETA_2), kind(ADAM_EPSILON)
    for index in range(len(theta)):
        slope = gradient[index] * clip
        first[index] += new_1 * (slope - first[index])
        second[index] = beta * second[index] + new_2 * slope * slope
        theta[index] -= rate * first[index] / (np.sqrt(second[index]) * spread + epsilon)


@njit
def epoch(
    net: Net, head: Head, weights: Weights, steps: int, samples: Samples, order: NDArray[np.int64],
    batch: int, settings: Settings, records: NDArray[np.float64],
) -> tuple[int, bool]:  # fmt: skip
    """One pass over a rollout in minibatches.

    Args:
        net: The networks.
        head: The distribution of actions.
        weights: Changed in place.
        steps: Steps that Adam has taken so far.
        samples: The rollout.
        order: ``(n,)``, the transitions in the order of the pass.
        batch: Transitions of a minibatch; the last one has the rest.
        settings: Hyperparameters.
        records: ``(minibatches, 6)``; becomes the records of the minibatches.

    Returns:
        Minibatches looked at, and whether the last of them was too far from the policy that played, so that
        no step was taken on it and the update is over.
    """
    space = new_space(net, weights.theta, min(batch, TILE, len(order)), True)
    done = 0
    for start in range(0, len(order), batch):
        record = records[done]
        done += 1
        _gradient(net, head, weights, samples, order[start : start + batch], settings, space, record)
        if record[KL] > settings.max_kl:
            return done, True
        _adam(weights, steps + done, settings)
    return done, False


@exact
def advantages(
    rewards: Array, values: Array, starts: Array, last_values: Array, gamma: float, gae_lambda: float
) -> Array:
    """Generalised advantage estimates (Schulman et al. 2016, arXiv 1506.02438), ``(steps, rows)``.

    Args:
        rewards: ``(steps, rows)``.
        values: ``(steps, rows)``, of the observations that were acted on.
        starts: ``(steps + 1, rows)``, 1 where an episode began with that observation.
        last_values: ``(rows,)``, of the observations after the last step.
        gamma: Discount factor per step.
        gae_lambda: λ.
    """
    steps, rows = rewards.shape
    kind = rewards.dtype.type
    discount, decay = kind(gamma), kind(gamma * gae_lambda)
    result = np.empty_like(rewards)
    for row in range(rows):
        ahead = kind(0)
        for step in range(steps - 1, -1, -1):
            goes_on = kind(1) - starts[step + 1, row]
            after = last_values[row] if step == steps - 1 else values[step + 1, row]
            error = rewards[step, row] + discount * after * goes_on - values[step, row]
            ahead = error + decay * goes_on * ahead
            result[step, row] = ahead
    return result
