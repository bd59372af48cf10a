"""Models from elsewhere: refused unless the user vouches for them, then converted once."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from sandbox.api.errors import InvalidValueError, MisfitError
from sandbox.registry.discover import registry
from sandbox.registry.resolve import require, resolve

SUFFIX = ".zip"


def is_foreign(name: str | Path) -> bool:
    """Whether a name means a model that another library saved."""
    path = Path(name)
    return path.suffix == SUFFIX and path.is_file()


def require_trust(file: str | Path, trusted: bool) -> None:
    """Refuse a foreign model that nobody vouches for.

    Raises:
        InvalidValueError: Says what the danger is and how to go on.
    """
    if not trusted:
        raise InvalidValueError(
            f"'{file}' is an archive of Stable-Baselines3, and reading one runs whatever code is in it.",
            "If you made it, or trust who did: --trust-pickle, with --algo NAME for what trained it.",
        )


def converted(file: Path, algo: str | None, into: Path) -> Path:
    """A foreign model as the folder of a policy without pickle; converted once, then found again.

    Args:
        file: The model. Its code is run.
        algo: The algorithm that trained it.
        into: Where converted policies are kept, each in a folder named by the file's SHA-256 sum.

    Raises:
        InvalidValueError: If no algorithm is named.
        MisfitError: If that algorithm has no foreign format, or the network is not supported.
        BrokenFileError: If the file cannot be read.
    """
    if algo is None:
        raise InvalidValueError(f"'{file}' does not say what trained it.", "Add --algo NAME.")
    algorithm = registry().algorithm(algo)
    require(algorithm)
    if algorithm.convert is None:
        able = [known.name for known in registry().algorithms.working() if known.convert is not None]
        raise MisfitError(f"{algo} has no format of its own to read.", f"These have: {', '.join(able)}.")
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
