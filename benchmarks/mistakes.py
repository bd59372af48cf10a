"""Mistakes in what a benchmark is asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.api.errors import SandboxError


@contextmanager
def explained() -> Iterator[None]:
    """Print an error that is explained in a sentence, and exit with its code, as the command line does."""
    try:
        yield
    except SandboxError as error:
        print(f"Error: {error.message} {error.hint}".strip(), file=sys.stderr)
        raise SystemExit(error.exit_code) from None
