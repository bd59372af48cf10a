"""One array program for one environment and for many: `batched` makes both from what an author writes."""

from __future__ import annotations

from sandbox.api.batch.core import BatchedCore, ParallelCore
from sandbox.api.batch.make import Batched, batched

__all__ = ["Batched", "BatchedCore", "ParallelCore", "batched"]
