"""Scalars for TensorBoard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.files import storage_errors
from sandbox.registry import missing_modules


class TensorBoard:
    """Writes scalars to a folder that TensorBoard reads; nothing where TensorBoard is not installed.

    Args:
        folder: The event files' folder; made with the first scalar.
        again_from: Steps from which earlier event files no longer hold, where training goes on.
    """

    def __init__(self, folder: Path, again_from: int | None = None) -> None:
        self._folder, self._again_from = folder, again_from
        self._writer: Any = None
        self._available = not missing_modules(("tensorboard", "torch"))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars; values that are not finite are left out."""
        if not self._available:
            return
        with storage_errors(self._folder.parent):
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self._folder), purge_step=self._again_from, flush_secs=10)
            for name, value in values.items():
                if math.isfinite(value):
                    self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with storage_errors(self._folder.parent):
                writer.close()
