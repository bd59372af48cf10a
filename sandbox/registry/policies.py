"""Saved policies: which algorithm reads them back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.api.errors import DamagedRunError
from sandbox.api.files import read_regular
from sandbox.api.policy import Policy
from sandbox.registry.discover import registry
from sandbox.registry.resolve import require, resolve

MAX_BYTES = 64 * 2**20
"""A larger ``policy.json`` is not read."""


def load_policy(folder: Path) -> Policy:
    """Read a policy saved by any algorithm, without pickle.

    Raises:
        DamagedRunError: If it is incomplete or damaged.
        MissingExtraError: If its backend is not installed.
    """
    algorithm = registry().algorithm(algorithm_of(folder))
    require(algorithm, to_play=True)
    policy: Policy = resolve(algorithm.load)(folder)
    return policy


def algorithm_of(folder: Path) -> str:
    """The algorithm that made a saved policy.

    Raises:
        DamagedRunError: If ``policy.json`` is missing or damaged.
    """
    file = folder / "policy.json"
    try:
        document: Any = json.loads(read_regular(file, MAX_BYTES))
        return str(document["algorithm"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedRunError(f"'{folder}' holds no readable policy: {error}.") from error


def check_policy(folder: Path) -> None:
    """Make sure that a saved policy is what was written.

    Raises:
        DamagedRunError: If it is not.
        MissingExtraError: If its backend is not installed.
    """
    load_policy(folder)
