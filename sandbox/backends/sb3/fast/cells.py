"""The layers of a policy that scores cells, as loops that Numba compiles; `sandbox.backends.sb3.convolution`.

PyTorch writes every intermediate result of a convolution to memory: at 84 × 84 cells and eight channels that
takes several times as long as the arithmetic. Here an image is worked through in strips of rows that stay in
the cache: their neighbourhoods as columns, products of small matrices by BLAS, and the rest as fused loops.
Nothing but scores and summaries is kept for the backward pass, which computes the strip again.

Layers are ReLU, the first of 3 × 3 cells, the others of the cell alone. B images, P planes, C the channels of
the last layer, S the sum of the channels of all layers, A actions of a cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - Numba's products
import torch
from torch import Tensor

from sandbox.api.types import Array
from sandbox.backends.sb3.convolution import CompiledCells, Images
from sandbox.backends.sb3.fast.arrays import FORBIDDEN
from sandbox.backends.sb3.fast.jit import njit

STRIP = 512
"""Cells that are worked on together, about: their columns and layers fit a processor's second cache."""

Results = tuple[Tensor, Tensor, Tensor]
"""Scores, shape ``(B, A · height · width)``, and mean and greatest of the last layer, ``(B, C)`` each."""


class CellLayers(torch.autograd.Function):
    """Scores of all cells and summaries of the last layer, with gradients for weights and context."""

    @staticmethod
    def forward(
        ctx: Any, stack: Tensor, rows: Tensor, context: Tensor, direct: Tensor, *weights: Tensor
    ) -> Results:
        """Compute the layers.

        Args:
            ctx: Kept for the backward pass.
            stack: Planes of images, shape ``(N, P, height, width)``, float32.
            rows: Which of them, shape ``(B,)``, int64.
            context: Added before the nonlinearity of every layer, its bias included, shape ``(B, S)``.
            direct: From the planes to the scores, shape ``(A, P)``.
            weights: Of every layer, shape ``(channels, inputs)``, the first with inputs P · 9; then from the
                last layer to the scores, shape ``(A, C)``.
        """
        planes, chosen, added = _plain(stack), _plain(rows), _plain(context)
        matrices = tuple(_plain(matrix) for matrix in (*weights, direct))
        count, channels, actions = len(chosen), matrices[-3].shape[0], matrices[-1].shape[0]
        scores = np.empty((count, actions * planes.shape[2] * planes.shape[3]), np.float32)
        mean, greatest = np.empty((count, channels), np.float32), np.empty((count, channels), np.float32)
        ties = np.empty((count, channels), np.float32)
        _forward(planes, chosen, added, matrices, scores, mean, greatest, ties)
        ctx.kept = planes, chosen, added, matrices, greatest, ties
        return torch.from_numpy(scores), torch.from_numpy(mean), torch.from_numpy(greatest)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of all inputs but the images."""
        planes, chosen, added, matrices, greatest, ties = ctx.kept
        by_score, by_mean, by_greatest = (_plain(part) for part in upstream)
        by_context = np.zeros_like(added)
        by_matrices = tuple(np.zeros_like(matrix) for matrix in matrices)
        by_last = by_mean, by_greatest
        _backward(planes, chosen, added, matrices, greatest, ties, by_score, by_last, by_context, by_matrices)
        *by_weights, by_direct = (torch.from_numpy(matrix) for matrix in by_matrices)
        return None, None, torch.from_numpy(by_context), by_direct, *by_weights


class Choice(torch.autograd.Function):
    """Log-probabilities and entropies of a choice among the actions that a mask allows.

    What a chain of distributions keeps of 7,000 scores for the backward pass takes longer than the gradient
    itself, which is known: of log π(a) it is [a] − π, and of the entropy H it is −π · (log π + H).
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, actions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy, shape ``(B,)`` each, of ``actions``, shape ``(B,)``."""
        allowed = _allowed(scores, mask)
        logs = torch.log_softmax(allowed, 1)
        # Not the exponential of the logarithms, which is slow where it is zero.
        shares = torch.softmax(allowed, 1)
        entropy = -(shares * logs).sum(1)
        ctx.save_for_backward(logs, shares, entropy, actions)
        return logs.gather(1, actions[:, None]).squeeze(1), entropy

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the scores, 0 for those that are not allowed."""
        by_log, by_entropy = upstream
        logs, shares, entropy, actions = ctx.saved_tensors
        slope = logs.add(entropy[:, None]).mul_(-by_entropy[:, None]).sub_(by_log[:, None]).mul_(shares)
        return slope.scatter_add_(1, actions[:, None], by_log[:, None]), None, None


def cell_layers(images: Images, context: Tensor, direct: Tensor, *weights: Tensor) -> Results:
    """See `CellLayers.forward`."""
    results: Results = CellLayers.apply(  # type: ignore[no-untyped-call]
        images.stack, images.rows, context, direct, *weights
    )
    return results


def plane_means(images: Images) -> Tensor:
    """Mean of every plane, shape ``(B, P)``."""
    return torch.from_numpy(_plane_means(_plain(images.stack), _plain(images.rows)))


def _allowed(scores: Tensor, mask: Tensor | None) -> Tensor:
    return scores if mask is None else scores.masked_fill(~mask, FORBIDDEN)


def draw_choice(scores: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Actions, drawn as SB3's distributions draw them, and their log-probabilities, shape ``(B,)`` each.

    Raises:
        ValueError: If scores are not finite, as SB3's distributions do: the training has diverged.
    """
    if not torch.isfinite(scores).all():
        raise ValueError("The scores of actions are not finite.")
    allowed = _allowed(scores, mask)
    actions = torch.multinomial(torch.softmax(allowed, 1), 1)
    return actions.squeeze(1), torch.log_softmax(allowed, 1).gather(1, actions).squeeze(1)


def judge_choice(scores: Tensor, actions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """See `Choice.forward`."""
    results: tuple[Tensor, Tensor] = Choice.apply(scores, actions, mask)  # type: ignore[no-untyped-call]
    return results


COMPILED = CompiledCells(cell_layers, plane_means, draw_choice, judge_choice)


def _plain(tensor: Tensor) -> Array:
    plain: Array = tensor.detach().contiguous().numpy()
    return plain


@njit
def _plane_means(planes: Array, rows: Array) -> Array:
    """Mean of every plane of the chosen images, shape ``(B, P)``."""
    inputs, height, width = planes.shape[1:]
    means = np.empty((len(rows), inputs), np.float32)
    for at in range(len(rows)):
        for plane in range(inputs):
            cells = planes[rows[at], plane].reshape(-1)
            total = np.float32(0.0)
            for cell in range(len(cells)):
                total += cells[cell]
            means[at, plane] = total / np.float32(height * width)
    return means


@njit
def _forward(
    planes: Array,
    chosen: Array,
    added: Array,
    matrices: tuple[Array, ...],
    scores: Array,
    mean: Array,
    greatest: Array,
    ties: Array,
) -> None:
    """See `CellLayers.forward`; the last of ``matrices`` are those to the scores: hidden, then direct.

    ``ties`` is written, shape ``(B, C)``: how many cells have the greatest value of a channel.
    """
    inputs, height, width = planes.shape[1:]
    actions, channels = matrices[-1].shape[0], mean.shape[1]
    layers, rows = len(matrices) - 2, _strip_rows(width, height)
    memory, near = np.empty(_hidden_size(matrices, rows * width), np.float32), inputs * rows * width
    columns, centre = np.empty(9 * near, np.float32), np.empty(near, np.float32)
    out = np.empty(actions * rows * width, np.float32)
    more = np.empty(actions * rows * width, np.float32)
    # Values of a layer are not negative, so that their bits as integers are in the same order.
    peaks, equals = np.empty(channels, np.int32), np.empty(channels, np.int64)
    for image in range(len(chosen)):
        mean[image] = 0.0
        peaks[:] = 0
        equals[:] = 0
        for first in range(0, height, rows):
            strip = min(rows, height - first)
            cells = strip * width
            _neighbourhoods(planes[chosen[image]], first, strip, columns, centre)
            last = _hidden_layers(columns, cells, added[image], matrices, layers, memory)
            block = out[: actions * cells].reshape(actions, cells)
            extra = more[: actions * cells].reshape(actions, cells)
            np.dot(matrices[layers], last, block)
            np.dot(matrices[layers + 1], centre[: inputs * cells].reshape(inputs, cells), extra)
            for action in range(actions):
                begin = (action * height + first) * width
                for cell in range(cells):
                    scores[image, begin + cell] = block[action, cell] + extra[action, cell]
            _summarise(last, mean[image], peaks, equals)
        for channel in range(channels):
            greatest[image, channel] = peaks.view(np.float32)[channel]
            ties[image, channel] = equals[channel]
        for channel in range(channels):
            mean[image, channel] /= np.float32(height * width)


@njit
def _summarise(last: Array, total: Array, peaks: Array, equals: Array) -> None:
    """Add a strip to the sum, greatest value (as bits) and number of greatest values of every channel.

    In loops of their own, and with integers, these become vector instructions.
    """
    bits = last.view(np.int32)
    for channel in range(last.shape[0]):
        part, peak, equal = np.float32(0.0), np.int32(0), np.int32(0)
        for cell in range(last.shape[1]):
            part += last[channel, cell]
        for cell in range(last.shape[1]):
            peak = max(peak, bits[channel, cell])
        total[channel] += part
        if peak > peaks[channel]:
            peaks[channel], equals[channel] = peak, 0
        if peak == peaks[channel]:
            for cell in range(last.shape[1]):
                equal += np.int32(bits[channel, cell] == peak)
            equals[channel] += equal


@njit
def _backward(
    planes: Array,
    chosen: Array,
    added: Array,
    matrices: tuple[Array, ...],
    greatest: Array,
    ties: Array,
    by_score: Array,
    by_last: tuple[Array, Array],
    by_context: Array,
    by_matrices: tuple[Array, ...],
) -> None:
    """See `CellLayers.backward`; gradients are added to ``by_context`` and ``by_matrices``.

    Cells that share the greatest value share its gradient, as PyTorch has it. Where that is zero there is
    none, because that of ReLU is zero there.
    """
    by_mean, by_greatest = by_last
    inputs, height, width = planes.shape[1:]
    actions, channels = matrices[-1].shape[0], greatest.shape[1]
    layers, rows = len(matrices) - 2, _strip_rows(width, height)
    size, near = _hidden_size(matrices, rows * width), inputs * rows * width
    memory, slopes = np.empty(size, np.float32), np.empty(size, np.float32)
    columns, centre = np.empty(9 * near, np.float32), np.empty(near, np.float32)
    out = np.empty(actions * rows * width, np.float32)
    shares = np.empty(channels, np.float32)
    for image in range(len(chosen)):
        for channel in range(channels):
            alive = greatest[image, channel] > 0.0
            shares[channel] = by_greatest[image, channel] / ties[image, channel] if alive else np.float32(0.0)
        for first in range(0, height, rows):
            strip = min(rows, height - first)
            cells = strip * width
            _neighbourhoods(planes[chosen[image]], first, strip, columns, centre)
            last = _hidden_layers(columns, cells, added[image], matrices, layers, memory)
            up = out[: actions * cells].reshape(actions, cells)
            for action in range(actions):
                begin = (action * height + first) * width
                for cell in range(cells):
                    up[action, cell] = by_score[image, begin + cell]
            near_cells = centre[: inputs * cells].reshape(inputs, cells)
            _add(by_matrices[layers + 1], np.dot(up, near_cells.T))
            _add(by_matrices[layers], np.dot(up, last.T))
            end = _size_of(matrices, layers, cells)
            begin = end - channels * cells
            slope = slopes[begin:end].reshape(channels, cells)
            np.dot(matrices[layers].T, up, slope)
            for channel in range(channels):
                level = by_mean[image, channel] / np.float32(height * width)
                for cell in range(cells):
                    slope[channel, cell] += level
                if shares[channel] != 0.0:
                    for cell in range(cells):
                        if last[channel, cell] == greatest[image, channel]:
                            slope[channel, cell] += shares[channel]
            _hidden_gradients(
                columns, cells, matrices, layers, memory, slopes, by_context[image], by_matrices
            )


@njit
def _strip_rows(width: int, height: int) -> int:
    return min(max(STRIP // width, 1), height)


@njit
def _size_of(matrices: tuple[Array, ...], layers: int, cells: int) -> int:
    """Numbers of the first ``layers`` layers of a strip."""
    total = 0
    for layer in range(layers):
        total += matrices[layer].shape[0]
    return total * cells


@njit
def _hidden_size(matrices: tuple[Array, ...], cells: int) -> int:
    return _size_of(matrices, len(matrices) - 2, cells)


@njit
def _neighbourhoods(planes: Array, first: int, rows: int, columns: Array, centre: Array) -> None:
    """The 3 × 3 cells around every cell of a strip, shape ``(P · 9, cells)``, and the cells, ``(P, cells)``.

    Beyond the edge of the image lie zeros.
    """
    inputs, height, width = planes.shape
    pixels, zero = planes.reshape(-1), np.float32(0.0)
    cells = rows * width
    for plane in range(inputs):
        for up in range(3):
            source = first + up - 1
            begin = width if source < 0 else 0
            end = cells - width if source + rows > height else cells
            for side in range(3):
                # The same cells of the image in one piece, moved by up to a row and a column; what then comes
                # from beyond an edge is overwritten.
                at = (plane * 9 + up * 3 + side) * cells
                low, high = begin + (side == 0), end - (side == 2)
                moved = (plane * height + source) * width + side - 1
                _copy(pixels, moved + low, columns, at + low, high - low)
                columns[at : at + begin] = zero
                columns[at + end : at + cells] = zero
                if side != 1:
                    edge = at if side == 0 else at + width - 1
                    for _ in range(rows):
                        columns[edge] = zero
                        edge += width
        _copy(pixels, (plane * height + first) * width, centre, plane * cells, cells)


@njit
def _copy(source: Array, begin: int, out: Array, at: int, count: int) -> None:
    """Copy ``count`` numbers, if that is above 0."""
    # Counted without signs, so that Numba leaves out its test for a negative index.
    here, there = np.uint64(begin), np.uint64(at)
    for cell in range(np.uint64(max(count, 0))):
        out[there + cell] = source[here + cell]


@njit
def _hidden_layers(
    columns: Array, cells: int, added: Array, matrices: tuple[Array, ...], layers: int, memory: Array
) -> Array:
    """The hidden layers of a strip, one after another in ``memory``; the last, shape ``(C, cells)``."""
    inputs = matrices[0].shape[1]
    before = columns[: inputs * cells].reshape(inputs, cells)
    at, offset = 0, 0
    for layer in range(layers):
        channels = matrices[layer].shape[0]
        hidden = memory[at : at + channels * cells].reshape(channels, cells)
        np.dot(matrices[layer], before, hidden)
        for channel in range(channels):
            level = added[offset + channel]
            for cell in range(cells):
                hidden[channel, cell] = max(hidden[channel, cell] + level, np.float32(0.0))
        before = hidden
        at += channels * cells
        offset += channels
    return before


@njit
def _hidden_gradients(
    columns: Array,
    cells: int,
    matrices: tuple[Array, ...],
    layers: int,
    memory: Array,
    slopes: Array,
    by_context: Array,
    by_matrices: tuple[Array, ...],
) -> None:
    """From the gradient of the last layer in ``slopes`` down to that of the first layer's weights."""
    end, offset = _size_of(matrices, layers, cells), len(by_context)
    for layer in range(layers - 1, -1, -1):
        channels, inputs = matrices[layer].shape
        begin = end - channels * cells
        offset -= channels
        hidden = memory[begin:end].reshape(channels, cells)
        slope = slopes[begin:end].reshape(channels, cells)
        for channel in range(channels):
            total = np.float32(0.0)
            for cell in range(cells):
                value = slope[channel, cell] if hidden[channel, cell] > 0.0 else np.float32(0.0)
                slope[channel, cell] = value
                total += value
            by_context[offset + channel] += total
        if layer == 0:
            _add(by_matrices[0], np.dot(slope, columns[: inputs * cells].reshape(inputs, cells).T))
            return
        lower = begin - inputs * cells
        _add(by_matrices[layer], np.dot(slope, memory[lower:begin].reshape(inputs, cells).T))
        np.dot(matrices[layer].T, slope, slopes[lower:begin].reshape(inputs, cells))
        end = begin


@njit
def _add(total: Array, part: Array) -> None:
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            total[i, j] += part[i, j]
