"""The core's arithmetic in NumPy: what runs without Numba, and what `compiled` is compared with.

The functions have the names, arguments and results of those in `compiled`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sandbox.api.types import Array
from sandbox.backends.sb3.fast.arrays import (
    ACTOR,
    ADAM_EPSILON,
    BETA_1,
    BETA_2,
    CATEGORICAL,
    CRITIC,
    ELU,
    FORBIDDEN,
    GAUSSIAN,
    GELU,
    KL,
    LEAK,
    LEAKY_RELU,
    NORM_EPSILON,
    RELU,
    STD_EPSILON,
    TANH,
    Head,
    Net,
    Samples,
    Settings,
    Weights,
    matrix,
)

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def packed(net: Net, theta: Array) -> Array:
    """The weights as `forward` reads them: as they are."""
    return theta


def forward(net: Net, theta: Array, features: Array) -> tuple[Array, Array]:
    """Outputs of the actor and values; see `compiled.forward`."""
    outputs = _pass(net, theta, ACTOR, features)[0][-1]
    values: Array = _pass(net, theta, CRITIC, features)[0][-1][:, 0]
    return outputs, values


def choose(head: Head, outputs: Array, log_std: Array, noise: Array, masks: Array) -> tuple[Array, Array]:
    """Sample actions; see `compiled.choose`."""
    if head.kind == CATEGORICAL:
        log_probs = _log_softmax(head, outputs, masks)
        ratios = np.split(np.exp(log_probs) / noise, np.cumsum(head.sizes)[:-1], axis=1)
        actions = np.stack([part.argmax(axis=1) for part in ratios], axis=1).astype(outputs.dtype)
    elif head.kind == GAUSSIAN:
        actions = outputs + np.exp(log_std) * noise
    else:
        actions = noise.astype(outputs.dtype)
    return actions, log_probs_of(head, outputs, log_std, actions, masks)


def log_probs_of(head: Head, outputs: Array, log_std: Array, actions: Array, masks: Array) -> Array:
    """Log-probabilities ``(n,)`` of actions ``(n, P)``; the other arguments are those of `choose`."""
    return _distribution(head, outputs, log_std, actions, masks)[0]


def epoch(
    net: Net, head: Head, weights: Weights, steps: int, samples: Samples, order: NDArray[np.int64],
    batch: int, settings: Settings, records: NDArray[np.float64],
) -> tuple[int, bool]:  # fmt: skip
    """One pass over a rollout in minibatches; see `compiled.epoch`."""
    done = 0
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        chosen = Samples(*(part[rows] for part in samples))
        records[done] = _gradient(net, head, weights, chosen, settings)
        done += 1
        if records[done - 1, KL] > settings.max_kl:
            return done, True
        _adam(weights, steps + done, settings)
    return done, False


def advantages(
    rewards: Array, values: Array, starts: Array, last_values: Array, gamma: float, gae_lambda: float
) -> Array:
    """Generalised advantage estimates; see `compiled.advantages`."""
    kind = rewards.dtype.type
    discount, decay = kind(gamma), kind(gamma * gae_lambda)
    result, ahead, after = np.empty_like(rewards), np.zeros_like(last_values), last_values
    for step in range(len(rewards) - 1, -1, -1):
        goes_on = 1 - starts[step + 1]
        error = rewards[step] + discount * after * goes_on - values[step]
        result[step] = ahead = error + decay * goes_on * ahead
        after = values[step]
    return result


def _pass(net: Net, theta: Array, which: int, features: Array) -> tuple[list[Array], list[Array]]:
    """Inputs of every layer and the outputs of the last, and the slopes of the hidden layers."""
    layers, slopes = [features], []
    units = [*net.widths[1:], net.outputs if which == ACTOR else 1]
    for layer, width in enumerate(units):
        start = net.biases[which, layer]
        weights = matrix(theta, net.weights[which, layer], width, layers[-1].shape[1])
        products = layers[-1] @ weights.T + theta[start : start + width]
        if layer < len(units) - 1:
            products, slope = _activate(net.activation, products)
            slopes.append(slope)
        layers.append(products)
    return layers, slopes


def _activate(kind: int, x: Array) -> tuple[Array, Array]:
    """A nonlinearity and its derivative."""
    if kind == TANH:
        result = np.tanh(x)
        return result, 1 - result * result
    if kind in (RELU, LEAKY_RELU):
        slope = np.where(x > 0, x.dtype.type(1), x.dtype.type(0 if kind == RELU else LEAK))
        return x * slope, slope
    if kind == ELU:
        below = np.expm1(np.minimum(x, 0))
        return np.where(x > 0, x, below), below + 1
    if kind == GELU:
        share = special.ndtr(x)
        return x * share, share + x * np.exp(-0.5 * x * x) / x.dtype.type(math.sqrt(2 * math.pi))
    share = special.expit(x)
    return x * share, share * (1 + x * (1 - share))


def _back(
    net: Net, weights: Weights, which: int, layers: list[Array], slopes: list[Array], up: Array
) -> None:
    """Back through the actor or the critic; fills its part of the gradient."""
    for layer in range(len(net.widths) - 1, -1, -1):
        units, inputs = up.shape[1], layers[layer].shape[1]
        start = net.biases[which, layer]
        matrix(weights.gradient, net.weights[which, layer], units, inputs)[:] = up.T @ layers[layer]
        weights.gradient[start : start + units] = up.sum(axis=0)
        if layer > 0:
            up = up @ matrix(weights.theta, net.weights[which, layer], units, inputs)
            up *= slopes[layer - 1]


def _log_softmax(head: Head, logits: Array, masks: Array) -> Array:
    """Log-probabilities of the choices of each part, side by side."""
    if masks.shape[1]:
        logits = np.where(masks, logits, logits.dtype.type(FORBIDDEN))
    parts = np.split(logits, np.cumsum(head.sizes)[:-1], axis=1)
    shifted = [part - part.max(axis=1, keepdims=True) for part in parts]
    logs = [part - np.log(np.exp(part).sum(axis=1, keepdims=True)) for part in shifted]
    return np.concatenate(logs, axis=1)


def _distribution(
    head: Head, outputs: Array, log_std: Array, actions: Array, masks: Array
) -> tuple[Array, Array, Array, Array]:
    """Log-probabilities and entropies ``(n,)``, and their derivatives by the outputs ``(n, O)``."""
    if head.kind == GAUSSIAN:
        distance = (actions - outputs) * np.exp(-log_std)
        log_probs = (-0.5 * distance * distance - log_std - outputs.dtype.type(_HALF_LOG_2_PI)).sum(axis=1)
        entropy = np.full_like(log_probs, (0.5 + _HALF_LOG_2_PI + log_std).sum())
        return log_probs, entropy, distance * np.exp(-log_std), np.zeros_like(outputs)
    if head.kind == CATEGORICAL:
        return _categorical(head, outputs, actions, masks)
    share = special.expit(outputs)
    softplus = np.maximum(outputs, 0) + np.log1p(np.exp(-np.abs(outputs)))
    entropy = (softplus - share * outputs).sum(axis=1)
    log_probs = (actions * outputs - softplus).sum(axis=1)
    return log_probs, entropy, actions - share, -outputs * share * (1 - share)


def _categorical(
    head: Head, outputs: Array, actions: Array, masks: Array
) -> tuple[Array, Array, Array, Array]:
    logs = _log_softmax(head, outputs, masks)
    shares = np.exp(logs)
    allowed = masks if masks.shape[1] else np.ones_like(logs, dtype=np.bool_)
    starts = np.concatenate([[0], np.cumsum(head.sizes)[:-1]])
    places = actions.astype(np.int64) + starts
    surprise = np.where(allowed, -shares * logs, 0)
    entropies = np.add.reduceat(surprise, starts, axis=1)
    by_log_prob = -shares
    np.put_along_axis(by_log_prob, places, np.take_along_axis(by_log_prob, places, 1) + 1, 1)
    by_entropy = -shares * (logs + np.repeat(entropies, head.sizes, axis=1))
    return (
        np.take_along_axis(logs, places, 1).sum(axis=1),
        entropies.sum(axis=1),
        np.where(allowed, by_log_prob, 0),
        np.where(allowed, by_entropy, 0),
    )


def _gradient(
    net: Net, head: Head, weights: Weights, samples: Samples, settings: Settings
) -> NDArray[np.float64]:
    """The gradient of the loss over a minibatch; returns its record."""
    size, kind = len(samples.actions), weights.theta.dtype
    deviations = slice(net.log_std, net.log_std + len(head.sizes)) if net.log_std >= 0 else slice(0, 0)
    advantage = samples.advantages
    if settings.standardise and size > 1:
        advantage = (advantage - advantage.mean()) / kind.type(advantage.std(ddof=1) + STD_EPSILON)
    actor, actor_slopes = _pass(net, weights.theta, ACTOR, samples.features)
    critic, critic_slopes = _pass(net, weights.theta, CRITIC, samples.features)
    log_probs, entropy, by_log_prob, by_entropy = _distribution(
        head, actor[-1], weights.theta[deviations], samples.actions, samples.masks
    )
    change = log_probs - samples.log_probs
    ratio = np.exp(change)
    clipped = np.clip(ratio, 1 - settings.clip, 1 + settings.clip)
    surrogate = np.minimum(ratio * advantage, clipped * advantage)
    slope = np.where(ratio * advantage <= clipped * advantage, -ratio * advantage / size, 0)[:, None]
    up = slope * by_log_prob - settings.entropy / size * by_entropy
    _back(net, weights, ACTOR, actor, actor_slopes, up.astype(kind))
    if head.kind == GAUSSIAN:
        distance = (samples.actions - actor[-1]) * np.exp(-weights.theta[deviations])
        weights.gradient[deviations] = (slope * (distance * distance - 1)).sum(axis=0) - settings.entropy
    values = critic[-1][:, 0]
    moved = values - samples.values
    predicted = samples.values + np.clip(moved, -settings.value_clip, settings.value_clip)
    inside = np.abs(moved) <= settings.value_clip
    predicted[inside] = values[inside]
    error = predicted - samples.returns
    up = np.where(inside, 2 * settings.value * error / size, 0)[:, None]
    _back(net, weights, CRITIC, critic, critic_slopes, up.astype(kind))
    policy_loss, value_loss, entropy_loss = -surrogate.mean(), (error * error).mean(), -entropy.mean()
    far = (np.abs(ratio - 1) > settings.clip).mean()
    loss = policy_loss + settings.entropy * entropy_loss + settings.value * value_loss
    return np.array([policy_loss, value_loss, entropy_loss, far, (ratio - 1 - change).mean(), loss])


def _adam(weights: Weights, step: int, settings: Settings) -> None:
    """Clip the gradient to its largest norm, and take Adam's step number ``step``."""
    theta, gradient, first, second = weights
    norm = math.sqrt(float(gradient @ gradient))
    factor = settings.max_norm / (norm + NORM_EPSILON)
    gradient *= theta.dtype.type(1.0 if factor > 1 else factor)
    first += theta.dtype.type(1 - BETA_1) * (gradient - first)
    second *= theta.dtype.type(BETA_2)
    second += theta.dtype.type(1 - BETA_2) * gradient * gradient
    spread = np.sqrt(second) / theta.dtype.type(math.sqrt(1 - BETA_2**step))
    rate = settings.learning_rate / (1 - BETA_1**step)
    theta -= theta.dtype.type(rate) * first / (spread + theta.dtype.type(ADAM_EPSILON))
