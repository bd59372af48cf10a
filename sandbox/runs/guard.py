"""What lies below a runs directory: folders and regular files, no links, pipes or devices.

A run directory, a comparison or a search may come from a stranger. A link in it would have a command read,
overwrite or delete files outside, and a pipe would have it wait for ever. Everything that opens such a
folder looks through all of it first; the runs directory itself may be a link.
"""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.api.errors import DamagedRunError

RUN = "run directory"
GRID = "comparison"
CELL = "cell of a comparison"
SEARCH = "search"


def require_plain(folder: Path, what: str = RUN) -> None:
    """Refuse a folder in which anything, at any depth, is neither a folder nor a regular file.

    Args:
        folder: Looked through if it is there. It may itself be a link: its name comes from the user.
        what: What it is, for the message.

    Raises:
        DamagedRunError: Names the entry.
    """
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False):
                        raise _refused(Path(entry.path), entry.is_symlink(), what)
        except (FileNotFoundError, NotADirectoryError):  # not there (yet), or just moved by whoever writes
            continue
        except OSError as error:
            raise DamagedRunError(f"'{folder}' cannot be read: {error.strerror or error}.") from error


def folder_below(root: Path, *parts: str, what: str) -> Path:
    """A folder below the runs directory that is no link, holds none, and is reached through none.

    Raises:
        DamagedRunError: Names the link.
    """
    path = root
    for part in parts:
        path /= part
        if path.is_symlink():
            raise _refused(path, True, what)
    require_plain(path, what)
    return path


def _refused(path: Path, link: bool, what: str) -> DamagedRunError:
    if link:
        return DamagedRunError(
            f"'{path}' is a link, and nothing in a {what} may be one.",
            "Remove it, or put in its place what it points to.",
        )
    return DamagedRunError(f"'{path}' is no regular file, and a {what} holds nothing else.", "Remove it.")
