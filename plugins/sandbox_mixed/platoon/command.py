"""``sandbox mixed-autonomy trace``: writes a generated speed trace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.api import StorageError


def trace(
    file: Annotated[Path, typer.Argument(help="CSV file to write: time (s), speed (m/s).")],
    seconds: Annotated[float, typer.Option(min=1, max=1e6, help="Duration, s.")] = 900.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the generator.")] = 0,
) -> dict[str, Any] | None:
    """Write a stop-and-go speed trace for a leader."""
    from sandbox_mixed.platoon.traces import write_trace

    try:
        write_trace(file, seconds, seed)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}.") from None
    print(f"{file}: {seconds:g} s of stop-and-go traffic, seed {seed}")
    return None
