"""Results of solvers and searches, kept on disk by the content of the question; no pickle.

A key is the SHA-256 of the solver's name, its version and its parameters as JSON. A value is a mapping from
names to arrays, in an ``.npz`` that is read with ``allow_pickle=False``; a file that cannot be read is
computed again. ``SANDBOX_INVENTORY_CACHE`` names another folder, or ``off``.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array

VARIABLE = "SANDBOX_INVENTORY_CACHE"


def folder() -> Path | None:
    """The cache folder; None if the cache is off."""
    setting = os.environ.get(VARIABLE)
    if setting == "off":
        return None
    if setting:
        return Path(setting)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "sandbox-rl" / "inventory"


def cached(
    name: str, version: int, parameters: Mapping[str, Any], solve: Callable[[], Mapping[str, Any]]
) -> dict[str, Array]:
    """``solve()``, or its result of an earlier call with the same parameters.

    Args:
        name: The solver's name.
        version: Raised when the solver's results change.
        parameters: Everything that the result depends on; must be representable as JSON.
        solve: Computes the result: arrays and numbers by name.
    """
    question = json.dumps([name, version, parameters], sort_keys=True, default=_plain)
    digest = hashlib.sha256(question.encode()).hexdigest()
    directory = folder()
    path = directory / f"{name}-{digest[:32]}.npz" if directory else None
    if path is not None and (kept := _read(path, question)) is not None:
        return kept
    result = {key: np.asarray(value) for key, value in solve().items()}
    if path is not None:
        _write(path, result, question)
    return result


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be part of a cache key")


def _read(path: Path, question: str) -> dict[str, Array] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["question"]) != question:
                return None
            return {name: file[name] for name in file.files if name != "question"}
    except Exception:  # whatever is wrong with a cached file, it is computed again
        return None


def _write(path: Path, result: Mapping[str, Array], question: str) -> None:
    """Write beside the final place and move; a full disk costs only the time of solving again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, question=np.asarray(question), **result)  # type: ignore[arg-type]
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return
