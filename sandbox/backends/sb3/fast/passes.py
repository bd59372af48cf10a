"""Forward and backward pass of actor and critic as loops that Numba compiles.

A minibatch is worked through in tiles of rows, so that the outputs of a layer are still in the cache when the
next one reads them, and what stands between products of matrices is fused into loops.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array
from sandbox.backends.sb3.fast import arrays
from sandbox.backends.sb3.fast.activations import activate
from sandbox.backends.sb3.fast.arrays import ACTOR, CRITIC, Net
from sandbox.backends.sb3.fast.jit import njit
from sandbox.backends.sb3.fast.products import PAD, ROWS, aligned, multiply, padded

TILE = 64
"""Rows that are worked on together."""

matrix = njit(arrays.matrix)


class Space(NamedTuple):
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
def new_space(net: Net, theta: Array, rows: int, learns: bool) -> Space:
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
    return Space(
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
def pack(net: Net, theta: Array, space: Space, learns: bool) -> None:
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
def unpack(net: Net, space: Space, gradient: Array) -> None:
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
def forward_pass(net: Net, which: int, rows: int, space: Space, out: Array) -> None:
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
def backward_pass(net: Net, which: int, rows: int, space: Space, up: Array) -> None:
    """Back through the actor or the critic; adds to the gradient.

    Args:
        net: The networks.
        which: `ACTOR` or `CRITIC`.
        rows: Of the tile.
        space: What `forward_pass` has left there.
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
def packed(net: Net, theta: Array) -> Space:
    """The weights as `forward` reads them, and its memory; of use until the weights change."""
    space = new_space(net, theta, TILE, False)
    pack(net, theta, space, False)
    return space


@njit
def forward(net: Net, space: Space, features: Array) -> tuple[Array, Array]:
    """Outputs of the actor ``(n, O)`` and values ``(n,)`` for features ``(n, F)``.

    Args:
        net: The networks.
        space: What `packed` has made.
        features: Of the observations.
    """
    rows, width = features.shape
    kind = space.turned.dtype
    outputs, values = np.empty((rows, net.outputs), kind), np.empty(rows, kind)
    for start in range(0, rows, TILE):
        count = min(TILE, rows - start)
        for row in range(count):
            space.features[row, :width] = features[start + row]
        forward_pass(net, ACTOR, count, space, space.outputs)
        forward_pass(net, CRITIC, count, space, space.values)
        for row in range(count):
            outputs[start + row] = space.outputs[row, : net.outputs]
            values[start + row] = space.values[row, 0]
    return outputs, values
