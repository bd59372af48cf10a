"""Products of small matrices, in vector registers.

BLAS copies both matrices into an order of its own before it multiplies, and loops that Numba vectorises keep
no block of results in registers. Here a block of `ROWS` rows and up to `VECTORS` vectors of results stays in
registers while it is summed up. Its loop is written in LLVM's vector types, so that Numba is all it needs. A
result is the sum of its terms in their order, however many rows are computed together.

Matrices lie in padded memory, so that no block is cut: a row has a multiple of `PAD` numbers, and there is a
multiple of `ROWS` rows of results.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils as _cgutils
from numba.core import types
from numba.extending import intrinsic

from sandbox.api.types import Array
from sandbox.backends.sb3.fast.jit import njit

cgutils: Any = _cgutils  # its functions say no types

_FEATURES = binding.get_host_cpu_features()

VECTOR_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx2") else 16
"""Size of a vector register."""

ROWS = 8 if VECTOR_BYTES == 64 or platform.machine() in ("aarch64", "arm64") else 4
VECTORS = 2
"""Size of a block, half of the registers: there are 32 with AVX-512 and on ARM, else 16."""

PAD = 16
"""Rows of matrices have a multiple of this many numbers: whole vectors, in either precision."""


@njit
def padded(count: int) -> int:
    """``count``, rounded up to a multiple of `PAD`."""
    return (count + PAD - 1) // PAD * PAD


@njit
def aligned(size: int, like: Array) -> Array:
    """A vector of zeros of the dtype of ``like`` that begins where a vector register's worth begins."""
    memory = np.zeros(size + VECTOR_BYTES // like.itemsize, like.dtype)
    start = -memory.ctypes.data % VECTOR_BYTES // like.itemsize
    return memory[start : start + size]


@njit
def multiply(
    left: Array, transposed: bool, right: Array, depth: int, rows: int, out: Array, add: bool
) -> None:
    """Compute ``rows`` rows of a product of matrices, and what is left of their last block.

    Args:
        left: ``(rows, depth)``, or ``(depth, rows)`` if it is ``transposed`` before it is multiplied.
        transposed: See ``left``.
        right: ``(depth, columns)``.
        depth: Terms of a sum.
        rows: Rows of the result.
        out: ``(rows, columns)``.
        add: Whether the product is added to ``out``, or replaces what is there.
    """
    columns = right.shape[1]
    across, down = (1, left.shape[1]) if transposed else (left.shape[1], 1)
    lanes = VECTOR_BYTES // left.itemsize
    column = 0
    while column + VECTORS * lanes <= columns:
        for row in range(0, rows, ROWS):
            at = row * columns + column
            _wide_block(left, row * across, across, down, right, column, columns, depth, out, at, add)
        column += VECTORS * lanes
    while column < columns:
        for row in range(0, rows, ROWS):
            at = row * columns + column
            _narrow_block(left, row * across, across, down, right, column, columns, depth, out, at, add)
        column += lanes


def _block(vectors: int) -> Any:
    """Code for one block of results, of `ROWS` rows and ``vectors`` vectors.

    Its arguments are those of a loop over k: ``out[at + r · columns + c]`` becomes, or grows by, the sum of
    ``left[start + r · across + k · down]`` times ``right[column + k · columns + c]``.
    """

    def block(
        _: Any, left: Any, start: Any, across: Any, down: Any, right: Any, column: Any, columns: Any,
        depth: Any, out: Any, at: Any, add: Any,
    ) -> Any:  # fmt: skip
        del start, across, down, column, columns, depth, at, add
        size = types.intp
        signature = types.void(
            left, size, size, size, right, size, size, size, out, size, types.boolean
        )  # fmt: skip
        return signature, lambda *compiler: _write(vectors, *compiler)

    return intrinsic(block)


def _write(vectors: int, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Write the instructions of a block."""
    left, start, across, down, right, column, columns, depth, out, at, add = arguments
    dtype, size = signature.args[0].dtype, ir.IntType(64)
    number, bytes_each = context.get_data_type(dtype), dtype.bitwidth // 8
    lanes = VECTOR_BYTES // bytes_each
    vector = ir.VectorType(number, lanes)
    fused = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{lanes}f{dtype.bitwidth}"
    )

    def data(position: int, array: Any, offset: Any) -> Any:
        pointer = context.make_array(signature.args[position])(context, builder, array).data
        return builder.gep(pointer, [offset])

    def address(pointer: Any, place: int) -> Any:
        return builder.bitcast(builder.gep(pointer, [size(place * lanes)]), vector.as_pointer())

    def spread(value: Any) -> Any:
        nothing = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(nothing, value, ir.IntType(32)(0))
        return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), lanes), None))

    lefts, rights, outs = data(0, left, start), data(4, right, column), data(8, out, at)
    rows = [builder.gep(outs, [builder.mul(columns, size(row))]) for row in range(ROWS)]
    cells = [(row, place) for row in range(ROWS) for place in range(vectors)]
    sums = {cell: cgutils.alloca_once(builder, vector) for cell in cells}  # LLVM turns these into registers
    with builder.if_else(add) as (grows, begins):
        with grows:
            for row, place in cells:
                builder.store(builder.load(address(rows[row], place), align=bytes_each), sums[row, place])
        with begins:
            for cell in cells:
                builder.store(ir.Constant(vector, None), sums[cell])
    with cgutils.for_range(builder, depth) as loop:
        line = builder.gep(rights, [builder.mul(loop.index, columns)])
        terms = [builder.load(address(line, place), align=bytes_each) for place in range(vectors)]
        column_of_left = builder.gep(lefts, [builder.mul(loop.index, down)])
        for row in range(ROWS):
            factor = builder.load(builder.gep(column_of_left, [builder.mul(across, size(row))]))
            factors = spread(factor)
            for place in range(vectors):
                total = sums[row, place]
                builder.store(builder.call(fused, [factors, terms[place], builder.load(total)]), total)
    for row, place in cells:
        builder.store(builder.load(sums[row, place]), address(rows[row], place), align=bytes_each)
    return context.get_dummy_value()


_wide_block, _narrow_block = _block(VECTORS), _block(1)
