"""Token authentication of Ray: without it, anybody who reaches a cluster's ports can run code."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from sandbox.api.errors import InvalidValueError


def authenticate(new_cluster: bool) -> None:
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
