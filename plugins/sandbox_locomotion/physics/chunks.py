"""Division of a batch into chunks of rows, which processes take from a pipe one by one."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

MAX_CHUNKS = 255
"""The index of a chunk is a byte, and 255 stands for `NO_MORE`."""
NO_MORE = 255
"""Written to the pipe after the chunks of a step, once for every process."""


def guided_chunks(rows: int, processes: int, min_rows: int = 1) -> list[range]:
    """Chunks of rows, large ones first, so that few are taken and no process waits long for the last.

    Each is half of a process's share of what is left (Polychronopoulos and Kuck 1987, Guided
    self-scheduling), but at least ``min_rows``, and large enough to keep the number of chunks below
    `MAX_CHUNKS`.
    """
    chunks, start, min_rows = [], 0, max(min_rows, 1 + rows // 128)
    while start < rows:
        size = max((rows - start) // (2 * processes), min_rows)
        chunks.append(range(start, min(start + size, rows)))
        start += size
    return chunks


def encoded_chunks(chunks: Sequence[range], processes: int) -> bytes:
    """What is written to the pipe for one step."""
    return bytes(range(len(chunks))) + bytes([NO_MORE]) * processes


def take_chunks(pipe: io.FileIO, chunks: Sequence[range]) -> Iterator[range]:
    """The chunks of a step that no other process has taken; reading a byte takes a chunk."""
    while (byte := pipe.read(1)) and byte[0] != NO_MORE:
        yield chunks[byte[0]]
