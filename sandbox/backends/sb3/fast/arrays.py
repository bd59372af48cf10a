"""The arrays that the core computes with; what they mean is the same in `compiled` and `plain`.

All weights of a policy stand in one vector θ. Symbols of shapes: n transitions, F features, P numbers an
action consists of, O outputs of the actor, L hidden layers, W weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array

CATEGORICAL, BERNOULLI, GAUSSIAN = range(3)
"""Distributions of actions: one or several categorical choices, independent bits, a diagonal Gaussian."""

TANH, RELU, ELU, GELU, LEAKY_RELU, SILU = range(6)
ACTIVATIONS = {"tanh": TANH, "relu": RELU, "elu": ELU, "gelu": GELU, "leaky_relu": LEAKY_RELU, "silu": SILU}
"""Nonlinearities by the name that the hyperparameter ``activation`` takes."""

LEAK = 0.01
"""Slope of leaky ReLU below zero, PyTorch's default."""

FORBIDDEN = -1e8
"""Logit of a masked action, as in sb3-contrib: a row without any allowed action still gets one."""

ACTOR, CRITIC = 0, 1

POLICY_LOSS, VALUE_LOSS, ENTROPY_LOSS, CLIPPED, KL, LOSS = range(6)
"""Columns of the record of a minibatch, in SB3's order and definitions."""

BETA_1, BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-5
"""Adam's constants, SB3's for PPO."""

NORM_EPSILON, STD_EPSILON = 1e-6, 1e-8
"""Added to the norm of the gradient and to the deviation of the advantages before dividing by them."""


class Net(NamedTuple):
    """Actor and critic: two multilayer perceptrons of the same hidden layers, without shared weights.

    Attributes:
        widths: ``(L + 1,)``: F and the units of each hidden layer.
        weights: ``(2, L + 1)``: where in θ the matrices of actor and critic begin, of shape
            (outputs, inputs); the last column is the output layer.
        biases: ``(2, L + 1)``: where in θ their biases begin.
        outputs: O.
        log_std: Where in θ the P log standard deviations begin, or -1.
        activation: One of `ACTIVATIONS`.
    """

    widths: NDArray[np.int64]
    weights: NDArray[np.int64]
    biases: NDArray[np.int64]
    outputs: int
    log_std: int
    activation: int


class Head(NamedTuple):
    """The distribution of actions.

    Attributes:
        kind: `CATEGORICAL`, `BERNOULLI` or `GAUSSIAN`.
        sizes: ``(P,)``: choices of each categorical part; ones otherwise. Their sum is O.
    """

    kind: int
    sizes: NDArray[np.int64]


class Weights(NamedTuple):
    """Parameters and Adam's state, each ``(W,)`` and of one dtype: float32, or float64 in tests."""

    theta: Array
    gradient: Array
    first: Array
    second: Array


class Samples(NamedTuple):
    """The transitions of a rollout, in θ's dtype but for the masks.

    Attributes:
        features: ``(n, F)``.
        actions: ``(n, P)``, before clipping to bounds; choices as numbers from 0.
        masks: ``(n, O)``, true where allowed, or ``(n, 0)`` without masks.
        log_probs: ``(n,)``, of the policy that played.
        values: ``(n,)``, of the critic then.
        advantages: ``(n,)``.
        returns: ``(n,)``.
    """

    features: Array
    actions: Array
    masks: NDArray[np.bool_]
    log_probs: Array
    values: Array
    advantages: Array
    returns: Array


class Settings(NamedTuple):
    """Hyperparameters of an update; infinite where there is no limit.

    Attributes:
        learning_rate: Step size.
        clip: Largest change of the probability ratio.
        value_clip: Largest change of a value.
        entropy: Weight of the entropy bonus.
        value: Weight of the value loss.
        max_norm: Gradients are clipped to this norm.
        max_kl: An update ends, without a step, at a minibatch whose divergence is larger.
        standardise: Whether advantages are standardised in each minibatch.
    """

    learning_rate: float
    clip: float
    value_clip: float
    entropy: float
    value: float
    max_norm: float
    max_kl: float
    standardise: bool


def matrix(vector: Array, start: int, rows: int, columns: int) -> Array:
    """The part of a vector that holds a matrix, as a view."""
    return vector[start : start + rows * columns].reshape(rows, columns)
