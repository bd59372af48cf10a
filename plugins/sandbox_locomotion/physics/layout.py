"""MuJoCo's integration state as a row of numbers, and where its parts lie within it."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
"""Everything that the next step depends on, the solver's warm start included."""
PARTS = {
    name: int(getattr(mujoco.mjtState, f"mjSTATE_{name}"))
    for name in ("TIME", "QPOS", "QVEL", "ACT", "WARMSTART", "CTRL", "QFRC_APPLIED", "XFRC_APPLIED")
}
"""Bits of ``mjtState`` by name."""


def state_size(model: mujoco.MjModel) -> int:
    """Length of the integration state."""
    return int(mujoco.mj_stateSize(model, STATE))


def part_slice(model: mujoco.MjModel, part: int) -> slice:
    """Where one part lies within the integration state: parts follow each other in the order of bits."""
    start = mujoco.mj_stateSize(model, STATE & (part - 1))
    return slice(start, start + mujoco.mj_stateSize(model, part))


def part_columns(model: mujoco.MjModel, parts: int) -> slice | NDArray[np.int64]:
    """Columns of the integration state that hold several parts; a slice where they are contiguous."""
    columns = np.concatenate(
        [
            np.arange(state_size(model))[part_slice(model, 1 << bit)]
            for bit in range(STATE.bit_length())
            if parts & STATE & (1 << bit)
        ]
    )
    contiguous = columns[-1] - columns[0] == len(columns) - 1
    return slice(int(columns[0]), int(columns[-1]) + 1) if contiguous else columns
