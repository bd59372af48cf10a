"""Results of solvers and searches, kept by the content of what was asked: safe files, no pickle.

A key is the SHA-256 of the solver's name, its version and its parameters as JSON; a value is a mapping
from names to arrays, in an ``.npz`` that is read with ``allow_pickle=False``. A file that cannot be read is
made again. ``SANDBOX_INVENTORY_CACHE`` names another folder, or ``off``.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sandbox_inventory.core.model import Array

VARIABLE = "SANDBOX_INVENTORY_CACHE"


def folder() -> Path | None:
    """Where results are kept; None if they are not."""
    given = os.environ.get(VARIABLE)
    if given == "off":
        return None
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "sandbox-rl" / "inventory"


def solved(
    name: str, version: int, parameters: Mapping[str, Any], solve: Callable[[], Mapping[str, Any]]
) -> dict[str, Array]:
    """``solve()``, or what it gave the last time for the same parameters.

    Args:
        name: Of the solver.
        version: Raised when the solver's results change.
        parameters: All that the result depends on, as JSON can hold it.
        solve: Makes the result: arrays and numbers by name.
    """
    text = json.dumps([name, version, parameters], sort_keys=True, default=_plain)
    key = hashlib.sha256(text.encode()).hexdigest()
    place = folder()
    path = place / f"{name}-{key[:32]}.npz" if place else None
    if path is not None and (known := _read(path, text)) is not None:
        return known
    result = {key: np.asarray(value) for key, value in solve().items()}
    if path is not None:
        _write(path, result, text)
    return result


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not part of a cache key")


def _read(path: Path, text: str) -> dict[str, Array] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["question"]) != text:
                return None
            return {name: file[name] for name in file.files if name != "question"}
    except Exception:  # whatever is wrong with a cached file, the answer is to make it again
        return None


def _write(path: Path, result: Mapping[str, Array], text: str) -> None:
    """Written beside its place and moved in; a full disk only costs the time of solving again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, question=np.asarray(text), **result)  # type: ignore[arg-type]
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return


class Telling:
    """Says on standard error what takes long, on a terminal only and not before a second has passed.

    Args:
        what: For example ``optimal policy, lead time 6, 4,096,000 states``.
    """

    def __init__(self, what: str) -> None:
        self._what, self._begun, self._told = what, time.monotonic(), 0.0

    def __call__(self, progress: str) -> None:
        """Maybe show how far it is."""
        now = time.monotonic()
        if now - self._begun > 1.0 and now - self._told > 0.5 and sys.stderr.isatty():
            self._told = now
            print(f"\r\x1b[Kinventory: {self._what}: {progress}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clear the line."""
        if self._told:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
