"""Connection to a Ray cluster whose processes find the plugins that are known here.

A cluster's ports let whoever reaches them run code. Token authentication is therefore switched on; a
cluster started here gets a token of its own, another one must be joined with its token
(``RAY_AUTH_TOKEN`` or ``RAY_AUTH_TOKEN_PATH``).
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from sandbox.api.errors import InvalidValueError, MissingExtraError, RunFailedError
from sandbox.registry.discover import PLUGINS_VARIABLE
from sandbox.registry.resolve import missing_modules


def connect(what: str, address: str | None, cores: int) -> bool:
    """Connect this process to a cluster, unless it is connected.

    Args:
        what: What needs Ray, for the message where it is not installed.
        address: ``host:port`` of a running cluster, ``auto`` for the one of this machine, or None to start
            one that ends with this process.
        cores: Of a cluster that is started here.

    Returns:
        Whether the connection was made here, and is to be ended by ``ray.shutdown()``.

    Raises:
        MissingExtraError: If Ray is not installed.
        InvalidValueError: If Ray was imported without token authentication.
        RunFailedError: If the cluster cannot be reached.
    """
    if missing_modules(("ray",)):
        raise MissingExtraError(what, ("ray",), "ray")
    imported = sys.modules.get("ray")
    if imported is not None and imported.is_initialized():
        return False
    _authenticate(new_cluster=address is None)
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    import ray

    variables = {"OMP_NUM_THREADS": "1", PLUGINS_VARIABLE: os.environ.get(PLUGINS_VARIABLE, "")}
    options: dict[str, Any] = {
        "logging_level": logging.WARNING,
        "log_to_driver": False,
        "runtime_env": {"env_vars": variables},
    }
    if address is None:
        options |= {"num_cpus": max(1, cores), "include_dashboard": False}
    else:
        options["address"] = address
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RunFailedError(
            f"The Ray cluster at {address or 'this machine'} cannot be reached: {error}",
            "Is it running, and is its token in RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH?",
        ) from error
    return True


def _authenticate(new_cluster: bool) -> None:
    """Switch token authentication on before Ray is imported.

    Args:
        new_cluster: Whether this process starts the cluster: then it gets a new token, unless there is one.

    Raises:
        InvalidValueError: If Ray was imported without it.
    """
    if "ray" in sys.modules and os.environ.get("RAY_AUTH_MODE") != "token":
        raise InvalidValueError(
            "Ray was imported before its token authentication could be switched on.",
            "Set RAY_AUTH_MODE=token before anything imports ray.",
        )
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    given = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    known = given or (Path.home() / ".ray" / "auth_token").is_file()
    if new_cluster and not known:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
