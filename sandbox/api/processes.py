"""One thread for numerics: the cores are shared out to processes, and results do not depend on load."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Small networks run faster on one thread than on several under load, and give the same bits
    everywhere: sums split over a different number of threads round differently.

    The environment variable also reaches a torch that is imported later and all worker processes.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch: Any = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else None
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)
