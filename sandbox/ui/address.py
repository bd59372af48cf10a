"""The address of a page stays the same for a runs directory, so that bookmarks and open tabs go on working.

Token and port are kept in the user's state folder, never in the runs directory: that may come from a
stranger, who would then know the token.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class PageAddress:
    """What is kept of a page.

    Attributes:
        token: The secret in its address.
        port: The port that it had last; 0 where it had none.
    """

    token: str
    port: int = 0


def kept_address(root: Path) -> PageAddress:
    """The address that the page of a runs directory had last; a new token where there is none."""
    try:
        document = json.loads(_file(root).read_text(encoding="utf-8"))
        token, port = document["token"], document["port"]
        if isinstance(token, str) and _TOKEN.fullmatch(token) and type(port) is int and 0 < port < 2**16:
            return PageAddress(token, port)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return PageAddress(secrets.token_urlsafe(32))


def keep_address(root: Path, address: PageAddress) -> None:
    """Remember an address; readable by the user alone. Where it cannot be written the next one is new."""
    file = _file(root)
    content = json.dumps({"runs": str(root.resolve()), "token": address.token, "port": address.port})
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = file.with_suffix(f".{secrets.token_hex(4)}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)
        temporary.replace(file)


def _file(root: Path) -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    state = Path(given) if given and Path(given).is_absolute() else Path.home() / ".local" / "state"
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    return state / "sandbox-rl" / "pages" / f"{name}.json"
