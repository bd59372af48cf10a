"""The core's arithmetic as loops that Numba compiles; `plain` holds the same in NumPy.

A minibatch is worked through in tiles of rows, so that the outputs of a layer are still in the cache when the
next one reads them, and what stands between products of matrices is fused into loops.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array
from sandbox.backends.sb3.fast import arrays
from sandbox.backends.sb3.fast.activations import activate, exp
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
from sandbox.backends.sb3.fast.products import PAD, ROWS, aligned, multiply, padded

TILE = 64
"""Rows that are worked on together."""

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)

matrix = njit(arrays.matrix)


class _Space(NamedTuple):
    """Memory for a tile, padded for `multiply`, and the weights in that form.

    Attributes:
        sizes: ``(2, L + 2)``: of actor and critic, F, the units of each layer and the outputs.
        starts: ``(2, L + 1)``: where the matrices of layers begin in the next three.
        straight: Matrices of weights, (outputs, inputs).
        turned: Their transposes.
        gradient: By the matrices.
        bias_starts: ``(2, L + 1)``: where the biases of layers begin in the next two.
        biases, bias_gradient: Of all layers.
        features: ``(rows, F)``.
        hidden, slope: ``(2, rows · units)``: the layers of actor and critic one after another.
        outputs, values: ``(rows, O)`` and ``(rows, 1)``.
        up_outputs, up_values: Derivatives of the loss by them.
        up: ``(2, rows · units)``: by the outputs of the layers, by turns.
        log_probs: ``(rows,)``: of actions.
        distances: ``(O, rows)``: of actions from their means, in standard deviations.
    """

    sizes: NDArray[np.int64]
    starts: NDArray[np.int64]
    straight: Array
    turned: Array
    gradient: Array
    bias_starts: NDArray[np.int64]
    biases: Array
    bias_gradient: Array
    features: Array
    hidden: Array
    slope: Array
    outputs: Array
    values: Array
    up_outputs: Array
    up_values: Array
    up: Array
    log_probs: Array
    distances: Array


@njit
def _space(net: Net, theta: Array, rows: int, learns: bool) -> _Space:
    """Memory for tiles of ``rows`` rows, going back through the layers or not."""
    layers = len(net.widths)
    sizes = np.empty((2, layers + 1), np.int64)
    sizes[:, :layers] = net.widths
    sizes[ACTOR, layers], sizes[CRITIC, layers] = net.outputs, 1
    starts, bias_starts = np.zeros((2, layers), np.int64), np.zeros((2, layers), np.int64)
    size, bias_size, units = 0, 0, 0
    for which in range(2):
        for layer in range(layers):
            starts[which, layer], bias_starts[which, layer] = size, bias_size
            size += padded(sizes[which, layer]) * padded(sizes[which, layer + 1])
            bias_size += padded(sizes[which, layer + 1])
    for width in net.widths[1:]:
        units += padded(width)
    rows = -(-rows // ROWS) * ROWS
    widest, outputs = padded(net.widths.max()), padded(net.outputs)
    back = 1 if learns else 0
    return _Space(
        sizes, starts, aligned(back * size, theta), aligned(size, theta), aligned(back * size, theta),
        bias_starts, aligned(bias_size, theta), aligned(back * bias_size, theta),
        aligned(rows * padded(net.widths[0]), theta).reshape(rows, -1),
        aligned(2 * rows * units, theta).reshape(2, -1), aligned(2 * rows * units, theta).reshape(2, -1),
        aligned(rows * outputs, theta).reshape(rows, -1), aligned(rows * PAD, theta).reshape(rows, -1),
        aligned(rows * outputs, theta).reshape(rows, -1), aligned(rows * PAD, theta).reshape(rows, -1),
        aligned(2 * back * rows * widest, theta).reshape(2, -1),
        aligned(rows, theta), aligned(net.outputs * rows, theta).reshape(-1, rows),
    )  # fmt: skip


@njit
def _pack(net: Net, theta: Array, space: _Space, learns: bool) -> None:
    """Copy the weights to padded memory, and begin with a gradient of 0."""
    for which in range(2):
        for layer in range(len(net.widths)):
            inputs, units = space.sizes[which, layer], space.sizes[which, layer + 1]
            weights = matrix(theta, net.weights[which, layer], units, inputs)
            start, width = space.starts[which, layer], padded(inputs)
            turned = matrix(space.turned, start, width, padded(units))
            for column in range(inputs):
                for unit in range(units):
                    turned[column, unit] = weights[unit, column]
            if learns and layer > 0:
                straight = matrix(space.straight, start, padded(units), width)
                for unit in range(units):
                    straight[unit, :inputs] = weights[unit]
            start, bias = space.bias_starts[which, layer], net.biases[which, layer]
            space.biases[start : start + units] = theta[bias : bias + units]
    space.gradient[:] = 0
    space.bias_gradient[:] = 0


@njit
def _unpack(net: Net, space: _Space, gradient: Array) -> None:
    """Copy the gradient out of padded memory."""
    for which in range(2):
        for layer in range(len(net.widths)):
            inputs, units = space.sizes[which, layer], space.sizes[which, layer + 1]
            weights = matrix(gradient, net.weights[which, layer], units, inputs)
            packed = matrix(space.gradient, space.starts[which, layer], padded(units), padded(inputs))
            for unit in range(units):
                weights[unit] = packed[unit, :inputs]
            start, bias = space.bias_starts[which, layer], net.biases[which, layer]
            gradient[bias : bias + units] = space.bias_gradient[start : start + units]


@njit
def _pass(net: Net, which: int, rows: int, space: _Space, out: Array) -> None:
    """Forward through the actor or the critic; ``out`` becomes the outputs of its last layer."""
    below, start, last = space.features, 0, len(net.widths) - 1
    for layer in range(last + 1):
        inputs, units = space.sizes[which, layer], padded(space.sizes[which, layer + 1])
        weights = matrix(space.turned, space.starts[which, layer], padded(inputs), units)
        bias = space.biases[space.bias_starts[which, layer] :][:units]
        if layer == last:
            multiply(below, False, weights, inputs, rows, out, False)
            for row in range(rows):
                for unit in range(units):
                    out[row, unit] += bias[unit]
        else:
            hidden = matrix(space.hidden[which], start, len(below), units)
            multiply(below, False, weights, inputs, rows, hidden, False)
            slope = matrix(space.slope[which], start, len(below), units)
            activate(net.activation, hidden[:rows], bias, slope)
            below, start = hidden, start + len(below) * units


@njit
def _back(net: Net, which: int, rows: int, space: _Space, up: Array) -> None:
    """Back through the actor or the critic; adds to the gradient.

    Args:
        net: The networks.
        which: `ACTOR` or `CRITIC`.
        rows: Of the tile.
        space: What `_pass` has left there.
        up: ``(rows, outputs)``, the derivative of the loss by the outputs of the last layer.
    """
    last = len(net.widths) - 1
    _add_columns(up[:rows], space.bias_gradient[space.bias_starts[which, last] :])
    start = 0
    for width in net.widths[1:]:
        start += len(up) * padded(width)
    for layer in range(last, -1, -1):
        units, inputs = space.sizes[which, layer + 1], padded(space.sizes[which, layer])
        start -= len(up) * inputs
        below = space.features if layer == 0 else matrix(space.hidden[which], start, len(up), inputs)
        begin = space.starts[which, layer]
        multiply(up, True, below, rows, units, matrix(space.gradient, begin, padded(units), inputs), True)
        if layer > 0:
            down = matrix(space.up[layer % 2], 0, len(up), inputs)
            multiply(
                up, False, matrix(space.straight, begin, padded(units), inputs), units, rows, down, False
            )
            slope = matrix(space.slope[which], start, len(up), inputs)
            _scale(down[:rows], slope, space.bias_gradient[space.bias_starts[which, layer - 1] :])
            up = down


@njit
def _add_columns(values: Array, sums: Array) -> None:
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            sums[column] += values[row, column]


@njit
def _scale(values: Array, factors: Array, sums: Array) -> None:
    """Multiply by the slopes of a layer, and add the rows to the gradient of its biases."""
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            product = values[row, column] * factors[row, column]
            values[row, column] = product
            sums[column] += product


@njit
def forward(net: Net, theta: Array, features: Array) -> tuple[Array, Array]:
    """Outputs of the actor ``(n, O)`` and values ``(n,)`` for features ``(n, F)``."""
    rows, width = features.shape
    space = _space(net, theta, min(rows, TILE), False)
    _pack(net, theta, space, False)
    outputs, values = np.empty((rows, net.outputs), theta.dtype), np.empty(rows, theta.dtype)
    for start in range(0, rows, TILE):
        count = min(TILE, rows - start)
        for row in range(count):
            space.features[row, :width] = features[start + row]
        _pass(net, ACTOR, count, space, space.outputs)
        _pass(net, CRITIC, count, space, space.values)
        for row in range(count):
            outputs[start + row] = space.outputs[row, : net.outputs]
            values[start + row] = space.values[row, 0]
    return outputs, values


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
def _choice_slopes(
    head: Head, samples: Samples, rows: Array, advantages: Array, settings: Settings, size: int,
    space: _Space, record: Array,
) -> None:  # fmt: skip
    """Derivatives of the loss by the actor's outputs: categorical choices or bits."""
    bonus = settings.entropy / size
    log_probs = np.empty(space.outputs.shape[1], space.outputs.dtype)
    for index in range(len(rows)):
        row, outputs, up = rows[index], space.outputs[index], space.up_outputs[index]
        action, mask, old = samples.actions[row], samples.masks[row], samples.log_probs[row]
        chosen, entropy = 0.0, 0.0
        if head.kind == CATEGORICAL:
            chosen, entropy = _categorical_row(head, outputs, mask, action, log_probs)
        else:
            for part in range(len(head.sizes)):
                chosen += _bit(action[part], outputs[part])
                probability = 1 / (1 + math.exp(-outputs[part]))
                entropy -= _bit(probability, outputs[part])
        slope = _surrogate(chosen, old, advantages[index], settings, size, record)
        record[ENTROPY_LOSS] -= entropy / size
        if head.kind == CATEGORICAL:
            _categorical_slope(head, mask, action, log_probs, slope, bonus, up)
        else:
            for part in range(len(head.sizes)):
                probability = 1 / (1 + math.exp(-outputs[part]))
                up[part] = slope * (action[part] - probability)
                up[part] += bonus * outputs[part] * probability * (1 - probability)


@njit
def _gaussian_slopes(
    net: Net, weights: Weights, samples: Samples, rows: Array, advantages: Array, settings: Settings,
    size: int, space: _Space, record: Array,
) -> None:  # fmt: skip
    """Derivatives of the loss by means and log standard deviations, one vector of rows after another."""
    kind, parts, count = weights.theta.dtype.type, samples.actions.shape[1], len(rows)
    log_std = weights.theta[net.log_std : net.log_std + parts]
    std_slope = weights.gradient[net.log_std : net.log_std + parts]
    chosen, half = space.log_probs[:count], kind(0.5)
    constant, entropy = kind(0), 0.0
    for part in range(parts):
        constant += log_std[part] + kind(_HALF_LOG_2_PI)
        entropy += 0.5 + _HALF_LOG_2_PI + log_std[part]
    record[ENTROPY_LOSS] -= entropy * count / size
    chosen[:] = -constant
    for part in range(parts):
        inverse = np.exp(-log_std[part])
        for row in range(count):
            distance = (samples.actions[rows[row], part] - space.outputs[row, part]) * inverse
            space.distances[part, row] = distance
            chosen[row] -= half * distance * distance
    _surrogates(chosen, samples, rows, advantages, settings, size, record)
    bonus = kind(settings.entropy / size) * kind(count)
    for part in range(parts):
        inverse, total = np.exp(-log_std[part]), kind(0)
        for row in range(count):
            distance = space.distances[part, row]
            space.up_outputs[row, part] = chosen[row] * distance * inverse
            total += chosen[row] * (distance * distance - kind(1))
        std_slope[part] += total - bonus


@njit
def _surrogates(
    log_probs: Array, samples: Samples, rows: Array, advantages: Array, settings: Settings, size: int,
    record: Array,
) -> None:  # fmt: skip
    """`_surrogate` of a tile: log-probabilities become the derivatives of the policy loss by them."""
    kind = log_probs.dtype.type
    unity, none, share, clip = kind(1), kind(0), kind(1 / size), kind(settings.clip)
    low, high = unity - clip, unity + clip
    for row in range(len(rows)):
        log_probs[row] -= samples.log_probs[rows[row]]
    loss, divergence, clipped = none, none, 0
    for row in range(len(rows)):
        change = log_probs[row]
        ratio = exp(change)
        bounded = low if ratio < low else (high if ratio > high else ratio)
        gain, least = ratio * advantages[row], bounded * advantages[row]
        inside = gain <= least
        loss += gain if inside else least
        divergence += ratio - unity - change
        clipped += abs(ratio - unity) > clip
        log_probs[row] = -gain * share if inside else none
    record[POLICY_LOSS] -= loss / size
    record[KL] += divergence / size
    record[CLIPPED] += clipped / size


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
    _pack(net, theta, space, True)
    for start in range(0, size, TILE):
        tile = rows[start : start + TILE]
        count = len(tile)
        _gather(samples.features, tile, space.features)
        _pass(net, ACTOR, count, space, space.outputs)
        _pass(net, CRITIC, count, space, space.values)
        part = advantages[start : start + TILE]
        if head.kind == GAUSSIAN:
            _gaussian_slopes(net, weights, samples, tile, part, settings, size, space, record)
        else:
            _choice_slopes(head, samples, tile, part, settings, size, space, record)
        _critic_slopes(samples, tile, settings, size, space, record)
        _back(net, ACTOR, count, space, space.up_outputs)
        _back(net, CRITIC, count, space, space.up_values)
    _unpack(net, space, weights.gradient)
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
    space = _space(net, weights.theta, min(batch, TILE, len(order)), True)
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
