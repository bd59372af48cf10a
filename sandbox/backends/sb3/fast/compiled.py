"""The core's arithmetic as loops that Numba compiles; `plain` holds the same in NumPy.

Products of matrices are BLAS calls, everything between them is fused into loops. A minibatch is worked
through in tiles of rows, so that the outputs of a layer are still in the cache when the next one reads them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - Numba's products; loaded here, before its threads are limited
from numpy.typing import NDArray

from sandbox.api.types import Array
from sandbox.backends.sb3.fast import arrays
from sandbox.backends.sb3.fast.activations import activate
from sandbox.backends.sb3.fast.arrays import (
    ACTOR,
    ADAM_EPSILON,
    BETA_1,
    BETA_2,
    CATEGORICAL,
    CLIPPED,
    CRITIC,
    ENTROPY_LOSS,
    FORBIDDEN,
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
from sandbox.backends.sb3.fast.jit import exact, njit

TILE = 256
"""Rows that are worked on together."""

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)

matrix = njit(arrays.matrix)


class _Space(NamedTuple):
    """Memory for a tile. Layers lie one after another in the rows of ``hidden`` and ``slope``."""

    features: Array
    hidden: Array
    slope: Array
    outputs: Array
    values: Array
    up_outputs: Array
    up_values: Array
    up: Array
    product: Array


@njit
def _space(net: Net, theta: Array, rows: int) -> _Space:
    widths, kind = net.widths, theta.dtype
    units = max(1, widths[1:].sum())
    widest = widths.max()
    return _Space(
        np.empty((rows, widths[0]), kind),
        np.empty((2, rows * units), kind),
        np.empty((2, rows * units), kind),
        np.empty((rows, net.outputs), kind),
        np.empty((rows, 1), kind),
        np.empty((rows, net.outputs), kind),
        np.empty((rows, 1), kind),
        np.empty((2, rows * widest), kind),
        np.empty(widest * max(widest, net.outputs), kind),
    )


@njit
def _pass(net: Net, theta: Array, which: int, features: Array, space: _Space, out: Array) -> None:
    """Forward through the actor or the critic; ``out`` becomes the outputs of its last layer."""
    below, start, rows = features, 0, len(features)
    for layer in range(len(net.widths) - 1):
        inputs, units = net.widths[layer], net.widths[layer + 1]
        hidden = matrix(space.hidden[which], start, rows, units)
        np.dot(below, matrix(theta, net.weights[which, layer], units, inputs).T, hidden)
        bias = theta[net.biases[which, layer] : net.biases[which, layer] + units]
        activate(net.activation, hidden, bias, matrix(space.slope[which], start, rows, units))
        below, start = hidden, start + rows * units
    last, inputs, units = len(net.widths) - 1, net.widths[-1], out.shape[1]
    np.dot(below, matrix(theta, net.weights[which, last], units, inputs).T, out)
    bias = theta[net.biases[which, last] : net.biases[which, last] + units]
    for row in range(rows):
        for unit in range(units):
            out[row, unit] += bias[unit]


@njit
def _back(
    net: Net, weights: Weights, which: int, features: Array, space: _Space, up: Array, first: bool
) -> None:
    """Back through the actor or the critic; adds to the gradient, or begins it with the first tile.

    Args:
        up: ``(rows, outputs)``, the derivative of the loss by the outputs of the last layer.
    """
    rows = len(features)
    start = rows * net.widths[1:].sum()
    for layer in range(len(net.widths) - 1, -1, -1):
        inputs, units = net.widths[layer], up.shape[1]
        start -= rows * inputs
        below = features if layer == 0 else matrix(space.hidden[which], start, rows, inputs)
        gradient = matrix(weights.gradient, net.weights[which, layer], units, inputs)
        if first:
            np.dot(up.T, below, gradient)
        else:
            product = matrix(space.product, 0, units, inputs)
            np.dot(up.T, below, product)
            gradient += product
        _add_columns(up, weights.gradient[net.biases[which, layer] :], first)
        if layer > 0:
            down = matrix(space.up[layer % 2], 0, rows, inputs)
            np.dot(up, matrix(weights.theta, net.weights[which, layer], units, inputs), down)
            _multiply(down, matrix(space.slope[which], start, rows, inputs))
            up = down


@njit
def _add_columns(values: Array, sums: Array, first: bool) -> None:
    if first:
        sums[: values.shape[1]] = 0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            sums[column] += values[row, column]


@njit
def _multiply(values: Array, factors: Array) -> None:
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            values[row, column] *= factors[row, column]


@njit
def forward(net: Net, theta: Array, features: Array) -> tuple[Array, Array]:
    """Outputs of the actor ``(n, O)`` and values ``(n,)`` for features ``(n, F)``."""
    rows = len(features)
    space = _space(net, theta, min(rows, TILE))
    outputs, values = np.empty((rows, net.outputs), theta.dtype), np.empty((rows, 1), theta.dtype)
    for start in range(0, rows, TILE):
        end = min(start + TILE, rows)
        _pass(net, theta, ACTOR, features[start:end], space, outputs[start:end])
        _pass(net, theta, CRITIC, features[start:end], space, values[start:end])
    return outputs, values[:, 0]


@njit
def _softmax(logits: Array, mask: Array, log_probs: Array) -> None:
    """Log-probabilities of one row of one categorical choice; an empty mask allows everything."""
    masked = len(mask) > 0
    largest = logits.dtype.type(-np.inf)
    for choice in range(len(logits)):
        if masked and not mask[choice]:
            log_probs[choice] = FORBIDDEN
        else:
            log_probs[choice] = logits[choice]
        largest = max(largest, log_probs[choice])
    total = logits.dtype.type(0)
    for choice in range(len(logits)):
        log_probs[choice] -= largest
        total += math.exp(log_probs[choice])
    shift = math.log(total)
    for choice in range(len(logits)):
        log_probs[choice] -= shift


@njit
def choose(head: Head, outputs: Array, log_std: Array, noise: Array, masks: Array) -> tuple[Array, Array]:
    """Sample actions.

    Args:
        head: The distribution.
        outputs: ``(n, O)``, of the actor.
        log_std: ``(P,)`` of a Gaussian.
        noise: ``(n, O)``: exponentially distributed for categorical choices, of which that with the
            largest ratio of probability and noise is taken; standard normal for a Gaussian; the drawn
            bits themselves otherwise.
        masks: ``(n, O)``, or ``(n, 0)``.

    Returns:
        Actions ``(n, P)`` and their log-probabilities ``(n,)``.
    """
    rows, parts = len(outputs), len(head.sizes)
    actions, log_probs = np.zeros((rows, parts), outputs.dtype), np.zeros(rows, outputs.dtype)
    scratch = np.empty(outputs.shape[1], outputs.dtype)
    for row in range(rows):
        if head.kind == CATEGORICAL:
            start = 0
            for part in range(parts):
                end = start + head.sizes[part]
                _softmax(outputs[row, start:end], masks[row, start:end], scratch[start:end])
                best = start
                for choice in range(start + 1, end):
                    ratio = math.exp(scratch[choice]) / noise[row, choice]
                    if ratio > math.exp(scratch[best]) / noise[row, best]:
                        best = choice
                actions[row, part] = best - start
                log_probs[row] += scratch[best]
                start = end
        elif head.kind == GAUSSIAN:
            for part in range(parts):
                actions[row, part] = outputs[row, part] + math.exp(log_std[part]) * noise[row, part]
                log_probs[row] += _normal(actions[row, part], outputs[row, part], log_std[part])
        else:
            for part in range(parts):
                actions[row, part] = noise[row, part]
                log_probs[row] += _bit(actions[row, part], outputs[row, part])
    return actions, log_probs


@njit
def _normal(action: float, mean: float, log_std: float) -> float:
    distance = (action - mean) * math.exp(-log_std)
    return -0.5 * distance * distance - log_std - _HALF_LOG_2_PI


@njit
def _bit(action: float, logit: float) -> float:
    """log p of a bit: action · logit − log(1 + e^logit)."""
    return action * logit - max(logit, 0) - math.log1p(math.exp(-abs(logit)))


@njit
def _surrogate(
    log_prob: float, old: float, advantage: float, settings: Settings, size: int, record: Array
) -> float:
    """The derivative of the policy loss by a log-probability; adds the transition to the record."""
    change = log_prob - old
    ratio = math.exp(change)
    clipped = min(max(ratio, 1 - settings.clip), 1 + settings.clip)
    record[POLICY_LOSS] -= min(ratio * advantage, clipped * advantage) / size
    record[CLIPPED] += (abs(ratio - 1) > settings.clip) / size
    record[KL] += (ratio - 1 - change) / size
    return -ratio * advantage / size if ratio * advantage <= clipped * advantage else 0.0


@njit
def _categorical_row(
    head: Head, logits: Array, mask: Array, action: Array, log_probs: Array
) -> tuple[float, float]:
    """Log-probability of an action and entropy; ``log_probs`` becomes those of all choices."""
    chosen, entropy, start = 0.0, 0.0, 0
    for part in range(len(head.sizes)):
        end = start + head.sizes[part]
        _softmax(logits[start:end], mask[start:end], log_probs[start:end])
        chosen += log_probs[start + int(action[part])]
        for choice in range(start, end):
            if len(mask) == 0 or mask[choice]:
                entropy -= math.exp(log_probs[choice]) * log_probs[choice]
        start = end
    return chosen, entropy


@njit
def _categorical_slope(
    head: Head, mask: Array, action: Array, log_probs: Array, slope: float, bonus: float, up: Array
) -> None:
    """Derivative by the logits; a masked one has none, whatever was chosen."""
    start = 0
    for part in range(len(head.sizes)):
        end, chosen = start + head.sizes[part], start + int(action[part])
        entropy = 0.0
        for choice in range(start, end):
            if len(mask) == 0 or mask[choice]:
                entropy -= math.exp(log_probs[choice]) * log_probs[choice]
        for choice in range(start, end):
            if len(mask) == 0 or mask[choice]:
                probability = math.exp(log_probs[choice])
                up[choice] = slope * ((choice == chosen) - probability)
                up[choice] += bonus * probability * (log_probs[choice] + entropy)
            else:
                up[choice] = 0
        start = end


@njit
def _actor_slopes(
    net: Net, head: Head, weights: Weights, samples: Samples, rows: Array, advantages: Array,
    settings: Settings, size: int, space: _Space, record: Array,
) -> None:  # fmt: skip
    """Derivatives of the loss by the actor's outputs, and by the log standard deviations."""
    parts = len(head.sizes)
    log_std = weights.theta[net.log_std : net.log_std + parts] if net.log_std >= 0 else weights.theta[:0]
    std_slope = weights.gradient[net.log_std : net.log_std + parts] if net.log_std >= 0 else log_std
    bonus = settings.entropy / size
    log_probs = np.empty(net.outputs, weights.theta.dtype)
    for index in range(len(rows)):
        row, outputs, up = rows[index], space.outputs[index], space.up_outputs[index]
        action, mask, old = samples.actions[row], samples.masks[row], samples.log_probs[row]
        chosen, entropy = 0.0, 0.0
        if head.kind == CATEGORICAL:
            chosen, entropy = _categorical_row(head, outputs, mask, action, log_probs)
        elif head.kind == GAUSSIAN:
            for part in range(parts):
                chosen += _normal(action[part], outputs[part], log_std[part])
                entropy += 0.5 + _HALF_LOG_2_PI + log_std[part]
        else:
            for part in range(parts):
                chosen += _bit(action[part], outputs[part])
                probability = 1 / (1 + math.exp(-outputs[part]))
                entropy -= _bit(probability, outputs[part])
        slope = _surrogate(chosen, old, advantages[index], settings, size, record)
        record[ENTROPY_LOSS] -= entropy / size
        if head.kind == CATEGORICAL:
            _categorical_slope(head, mask, action, log_probs, slope, bonus, up)
        elif head.kind == GAUSSIAN:
            for part in range(parts):
                inverse = math.exp(-log_std[part])
                distance = (action[part] - outputs[part]) * inverse
                up[part] = slope * distance * inverse
                std_slope[part] += slope * (distance * distance - 1) - bonus
        else:
            for part in range(parts):
                probability = 1 / (1 + math.exp(-outputs[part]))
                up[part] = slope * (action[part] - probability)
                up[part] += bonus * outputs[part] * probability * (1 - probability)


@njit
def _critic_slopes(
    samples: Samples, rows: Array, settings: Settings, size: int, space: _Space, record: Array
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
def _gradient(
    net: Net, head: Head, weights: Weights, samples: Samples, rows: Array, settings: Settings,
    space: _Space, record: Array,
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
    for start in range(0, size, TILE):
        tile = rows[start : start + TILE]
        count = len(tile)
        features = space.features[:count]
        for index in range(count):
            features[index] = samples.features[tile[index]]
        _pass(net, theta, ACTOR, features, space, space.outputs[:count])
        _pass(net, theta, CRITIC, features, space, space.values[:count])
        _actor_slopes(
            net, head, weights, samples, tile, advantages[start : start + TILE], settings, size, space, record
        )
        _critic_slopes(samples, tile, settings, size, space, record)
        _back(net, weights, ACTOR, features, space, space.up_outputs[:count], start == 0)
        _back(net, weights, CRITIC, features, space, space.up_values[:count], start == 0)
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
    space = _space(net, weights.theta, min(batch, TILE, len(order)))
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
        values: Likewise, of the observations that were acted on.
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
