"""Models that Stable-Baselines3 saved: refused unless the user trusts them, then converted once."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from sandbox.api.errors import InvalidValueError, MisfitError
from sandbox.registry.discover import registry
from sandbox.registry.resolve import require, resolve

SUFFIX = ".zip"


def is_sb3_archive(name: str | Path) -> bool:
    """Whether a name is the file of a model that Stable-Baselines3 saved."""
    path = Path(name)
    return path.suffix == SUFFIX and path.is_file()


def require_trust(file: str | Path, trusted: bool) -> None:
    """Refuse a model that the user has not said to trust.

    Raises:
        InvalidValueError: Says what the danger is and how to go on.
    """
    if not trusted:
        raise InvalidValueError(
            f"'{file}' is an archive of Stable-Baselines3, and reading one runs whatever code is in it.",
            "If you made it, or trust who did: --trust-pickle, with --algo NAME for what trained it.",
        )


def import_sb3(file: Path, algo: str | None, into: Path) -> Path:
    """Convert a model to the folder of a policy without pickle; a model that was converted before is reused.

    Args:
        file: The model. Its code is run.
        algo: The algorithm that trained it.
        into: Where converted policies are kept, each in a folder named by the file's SHA-256 sum.

    Raises:
        InvalidValueError: If no algorithm is named.
        MisfitError: If models of that algorithm cannot be imported, or the network is not supported.
        BrokenFileError: If the file cannot be read.
    """
    if algo is None:
        raise InvalidValueError(f"'{file}' does not say what trained it.", "Add --algo NAME.")
    algorithm = registry().algorithm(algo)
    require(algorithm)
    if algorithm.convert is None:
        able = [other.name for other in registry().algorithms.working() if other.convert is not None]
        raise MisfitError(
            f"{algo} cannot import models of another library.", f"These can: {', '.join(able)}."
        )
    with file.open("rb") as stream:
        name = f"{file.stem}-{algo}-{hashlib.file_digest(stream, 'sha256').hexdigest()[:12]}"
    folder = into / name
    if (folder / "policy.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        resolve(algorithm.convert)(file, folder, algo)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder
