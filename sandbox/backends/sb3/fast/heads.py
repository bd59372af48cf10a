"""Distributions of actions as loops that Numba compiles: samples, and the derivatives of the loss."""

from __future__ import annotations

import math

import numpy as np

from sandbox.api.types import Array
from sandbox.backends.sb3.fast.activations import exp
from sandbox.backends.sb3.fast.arrays import (
    CATEGORICAL,
    CLIPPED,
    ENTROPY_LOSS,
    FORBIDDEN,
    GAUSSIAN,
    KL,
    POLICY_LOSS,
    Head,
    Net,
    Samples,
    Settings,
    Weights,
)
from sandbox.backends.sb3.fast.jit import njit
from sandbox.backends.sb3.fast.passes import Space

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


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
def choice_slopes(
    head: Head, samples: Samples, rows: Array, advantages: Array, settings: Settings, size: int,
    space: Space, record: Array,
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
def gaussian_slopes(
    net: Net, weights: Weights, samples: Samples, rows: Array, advantages: Array, settings: Settings,
    size: int, space: Space, record: Array,
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
