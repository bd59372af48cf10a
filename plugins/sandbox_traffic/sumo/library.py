"""Import of libsumo, SUMO as a Python extension module."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from typing import Any

from sandbox.api import MissingExtraError


def require_libsumo() -> None:
    """Check that libsumo is installed, without loading it.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        spec = importlib.util.find_spec("libsumo")
    except ValueError:
        spec = None
    if spec is None:
        raise MissingExtraError("Traffic", ["libsumo"], "traffic")


def import_libsumo() -> Any:
    """Import the module ``libsumo``; what it prints at import is discarded.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            import libsumo
    except ImportError:
        raise MissingExtraError("Traffic", ["libsumo"], "traffic") from None
    return libsumo
