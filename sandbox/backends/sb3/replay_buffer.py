"""A replay buffer in pieces: each transition is written once, however often the state is saved.

A piece holds the transitions of a range of steps. Pieces are never changed, so the next state shares
them by hard links, drops those that the ring has overwritten, and adds a piece for the new transitions.
Only small pieces are written again, joined with the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer

from sandbox.api import DamagedRunError
from sandbox.api.types import Array

MIN_PIECE = 4096
"""A piece of fewer steps is joined with the next."""

_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def write_replay_buffer(buffer: ReplayBuffer, added: int, folder: Path, before: Path | None) -> None:
    """Write the content of a replay buffer.

    Args:
        buffer: Of SB3, with or without Dict observations.
        added: Steps (of all rows together) added to it since it was empty.
        folder: Where to write.
        before: The folder of an earlier state of the same buffer, or None.
    """
    oldest = max(0, added - buffer.buffer_size)
    start = oldest
    for first, last, path in _pieces(before) if before is not None else ():
        if first > start or last > added or (last - first < MIN_PIECE and last < added):
            break
        if last > start:
            _share(path, folder / path.name)
            start = last
    if start < added:
        rows = np.arange(start, added) % buffer.buffer_size
        arrays = {name: array[rows] for name, array in _arrays(buffer).items()}
        with (folder / f"replay-{start:012d}-{added:012d}.npz").open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]


def read_replay_buffer(buffer: ReplayBuffer, added: int, folder: Path) -> None:
    """Fill an empty buffer with what `write_replay_buffer` wrote.

    Raises:
        DamagedRunError: If pieces are missing or do not fit.
    """
    reached = max(0, added - buffer.buffer_size)
    arrays = _arrays(buffer)
    for first, last, path in _pieces(folder):
        with np.load(path, allow_pickle=False) as piece:
            for name, array in arrays.items():
                steps = np.arange(max(first, reached), last)
                try:
                    array[steps % buffer.buffer_size] = piece[name][steps - first]
                except (KeyError, ValueError, IndexError) as error:
                    raise DamagedRunError(f"{path} does not fit the replay buffer: {error}.") from error
        reached = max(reached, last)
    if reached != added:
        raise DamagedRunError(f"The replay buffer in {folder} is not complete.")
    buffer.pos, buffer.full = added % buffer.buffer_size, added >= buffer.buffer_size


def _arrays(buffer: ReplayBuffer) -> dict[str, Array]:
    """Everything that the buffer stores, by name; the first axis is the ring."""
    arrays: dict[str, Array] = {}
    for name in _ARRAYS:
        value: Array | dict[str, Array] = getattr(buffer, name)
        arrays |= (
            {f"{name}.{key}": part for key, part in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return arrays


def _pieces(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """First step, step after the last, and file of every piece, in order."""
    for path in sorted(folder.glob("replay-*-*.npz")):
        _, first, last = path.stem.split("-")
        yield int(first), int(last), path


def _share(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
