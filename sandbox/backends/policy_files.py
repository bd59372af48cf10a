"""The folder of a saved policy: safetensors, ``.npz`` and JSON, no pickle, every byte checked.

::

    weights.safetensors   the tensors
    normaliser.npz        running statistics of the observation normaliser, if there is one
    policy.json           description of the policy, and the SHA-256 sums of the other two and of itself

``policy.json`` is written last, so a folder without it is incomplete. Its sum is taken over its
content in canonical form (sorted keys, no spaces); its layout is fixed, so every byte is covered.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.types import Array, Json
from sandbox.runs.atomic import storage_errors

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
"""Version of the folder's layout. A newer one is refused; older ones stay readable."""

POLICY, WEIGHTS, NORMALISER = "policy.json", "weights.safetensors", "normaliser.npz"

MAX_DOCUMENT_BYTES = 64 * 2**20
"""A larger ``policy.json`` is not read."""


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The content of a policy's folder.

    Attributes:
        document: ``policy.json`` with ``format`` and without the sums.
        tensors: The weights, on the CPU, by name.
        normaliser: Arrays of the observation normaliser by name, or None.
    """

    document: Json
    tensors: dict[str, Tensor]
    normaliser: dict[str, Array] | None


def write_policy(
    directory: Path,
    document: Mapping[str, object],
    tensors: Mapping[str, Tensor],
    normaliser: Mapping[str, Array] | None = None,
) -> None:
    """Write a policy's folder, replacing each file in one move.

    Args:
        directory: Made if missing.
        document: JSON content with at least the ``algorithm`` whose ``load`` reads it back.
        tensors: The weights by name.
        normaliser: Arrays by name, or None if observations are not normalised.

    Raises:
        ValueError: If ``document`` is not strict JSON, names no algorithm or uses a reserved key.
        StorageError: If the folder cannot be written.
    """
    from safetensors.torch import save

    if not isinstance(document.get("algorithm"), str):
        raise ValueError("a policy's document must name its algorithm")
    if reserved := {"format", "sha256"} & set(document):
        raise ValueError(f"reserved keys in a policy's document: {sorted(reserved)}")
    # Cloning also splits tensors that share memory, which safetensors refuses.
    files = {WEIGHTS: save({name: tensor.detach().cpu().clone() for name, tensor in tensors.items()})}
    if normaliser is not None:
        files[NORMALISER] = _npz(normaliser)
    content: Json = {
        **document,
        "format": FORMAT,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    content["sha256"][POLICY] = _content_sum(content)
    files[POLICY] = _text(content)
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        if normaliser is None:
            (directory / NORMALISER).unlink(missing_ok=True)
        for name, data in files.items():
            _replace(directory / name, data)


def read_policy(directory: Path) -> PolicyFiles:
    """Read a policy's folder and check every sum.

    Raises:
        DamagedRunError: If anything is missing, changed, malformed or of a newer format.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    document = _read_document(directory)
    sums: dict[str, str] = document.pop("sha256")
    weights = _read_checked(directory, WEIGHTS, sums)
    try:
        tensors = load(weights)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _damaged(directory / WEIGHTS, f"it is not a safetensors file ({error})") from error
    if NORMALISER not in sums:
        return PolicyFiles(document, tensors, None)
    return PolicyFiles(document, tensors, _read_npz(directory, sums))


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Shape by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def misfit(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What keeps a saved policy's weights from being loaded, one line a layer.

    Args:
        expected: Shape by layer of the network to be trained.
        given: Shape by layer of the saved policy.

    Returns:
        For example ``["mlp.0.weight: 64 × 4 is needed, 64 × 6 is given"]``; empty if all fit.
    """
    lines = []
    for name in [*expected, *(name for name in given if name not in expected)]:
        if name not in given:
            lines.append(f"{name}: {_dims(expected[name])} is needed, but the saved policy has no such layer")
        elif name not in expected:
            lines.append(f"{name}: {_dims(given[name])} is given, but there is no such layer here")
        elif tuple(expected[name]) != tuple(given[name]):
            lines.append(f"{name}: {_dims(expected[name])} is needed, {_dims(given[name])} is given")
    return lines


def require_fit(
    expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]], source: Path
) -> None:
    """Refuse a saved policy whose layers differ.

    Args:
        expected: Shape by layer of the network to be trained.
        given: Shape by layer of the saved policy.
        source: Folder of the saved policy, for the message.

    Raises:
        MisfitError: Names the layers that differ, with both shapes.
    """
    lines = misfit(expected, given)
    if not lines:
        return
    shown = "; ".join(lines[:8]) + (f"; and {len(lines) - 8} more" if len(lines) > 8 else "")
    raise MisfitError(
        f"The policy in {source} does not fit the one to be trained: {shown}.",
        "Train on the same spaces with the same net_arch and the same kind of policy, or start afresh.",
    )


def require_size(tensors: Mapping[str, Tensor], inputs: int, layers: Sequence[int], source: Path) -> None:
    """Refuse a description of a network that is larger than the weights that come with it.

    To be called before the network is built: a document may ask for more than any memory holds.

    Args:
        tensors: What was read.
        inputs: Numbers that the first layer takes; 0 where that is not known.
        layers: Units of the hidden layers.
        source: Folder of the saved policy, for the message.

    Raises:
        DamagedRunError: If such a network must have more weights than there are.
    """
    needed = inputs * (layers[0] if layers else 1) + sum(before * after for before, after in pairwise(layers))
    held = sum(tensor.numel() for tensor in tensors.values())
    if needed > held:
        raise DamagedRunError(
            f"The policy in {source} describes a network of {needed:,} weights or more, but has {held:,}."
        )


def _dims(shape: tuple[int, ...]) -> str:
    return " × ".join(str(size) for size in shape) or "a single number"


def _npz(arrays: Mapping[str, Array]) -> bytes:
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ValueError(f"array {name!r} holds Python objects, which cannot be saved")
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def _text(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=2, allow_nan=False).encode() + b"\n"


def _content_sum(content: Json) -> str:
    """SHA-256 of the document in canonical form, without this sum."""
    sums = {name: value for name, value in content["sha256"].items() if name != POLICY}
    canonical = json.dumps(
        {**content, "sha256": sums}, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Write a temporary file, then rename it: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _read_document(directory: Path) -> Json:
    path = directory / POLICY
    data = _read_bytes(path, MAX_DOCUMENT_BYTES)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise _damaged(path, "it does not state its format")
    if document["format"] > FORMAT:
        raise DamagedRunError(
            f"{path} has format {document['format']}, which is newer than this version reads ({FORMAT}).",
            "Upgrade with: pip install -U sandbox-rl",
        )
    sums = document.get("sha256")
    if not isinstance(sums, dict) or not {POLICY, WEIGHTS} <= set(sums) <= {POLICY, WEIGHTS, NORMALISER}:
        raise _damaged(path, "its sums are missing")
    try:
        expected = _content_sum(document)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not strict JSON") from error
    if sums[POLICY] != expected:
        raise _damaged(path, "its content was changed after it was written")
    if not isinstance(document.get("algorithm"), str):
        raise _damaged(path, "it names no algorithm")
    if _text(document) != data:
        raise _damaged(path, "it is laid out differently from what was written")
    return document


def _read_checked(directory: Path, name: str, sums: Mapping[str, str]) -> bytes:
    data = _read_bytes(directory / name)
    if hashlib.sha256(data).hexdigest() != sums[name]:
        raise _damaged(directory / name, "its SHA-256 sum is not the one in policy.json")
    return data


def _read_npz(directory: Path, sums: Mapping[str, str]) -> dict[str, Array]:
    data = _read_checked(directory, NORMALISER, sums)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise _damaged(directory / NORMALISER, f"it holds no plain arrays ({error})") from error


def _read_bytes(path: Path, limit: int | None = None) -> bytes:
    try:
        if limit is not None and path.stat().st_size > limit:
            raise _damaged(path, f"it is larger than {limit // 2**20} MiB")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(path, "it is missing") from error
    except OSError as error:
        raise DamagedRunError(f"{path} cannot be read: {error.strerror or error}.") from error


def _damaged(path: Path, reason: str) -> DamagedRunError:
    return DamagedRunError(
        f"{path} is damaged: {reason}.", "Use another checkpoint of the run, or train it again."
    )
