"""What a result depends on besides its inputs: package versions, the machine, the source tree."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "sandbox-rl",
    "gymnasium",
    "pettingzoo",
    "supersuit",
    "numpy",
    "torch",
    "stable-baselines3",
    "sb3-contrib",
    "eclipse-sumo",
    "libsumo",
    "sumo-rl",
    "mujoco",
)


def packages() -> dict[str, str]:
    """Versions of the installed packages that results depend on."""
    return dict(_packages())


@cache  # each lookup parses a distribution's whole metadata; a process keeps the code that it loaded
def _packages() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def local_time() -> str:
    """Now, as records state it: local time with its offset."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def platform_facts() -> dict[str, Any]:
    """Interpreter, operating system, processor and cores."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def source_state() -> dict[str, Any] | None:
    """Commit and cleanliness of the source tree; None for an installed package or without git."""
    state = _source_state()
    return None if state is None else dict(state)


@cache  # the code that runs is the one that was loaded, whatever is edited meanwhile
def _source_state() -> dict[str, Any] | None:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "modified": bool(changed)}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=5, check=True
    )
    return done.stdout.strip()
