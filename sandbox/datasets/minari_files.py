"""Datasets in Minari's format: what ``sandbox record`` writes, and what others publish."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.data import Dataset
from sandbox.api.errors import BrokenFileError, MissingExtraError
from sandbox.api.types import Element
from sandbox.datasets.build import build
from sandbox.datasets.digest import digest_of


def data_folder(path: Path) -> Path | None:
    """The folder with the episodes of a Minari dataset, or None if a path is none."""
    for folder in (path / "data", path):
        if (folder / "metadata.json").is_file():
            return folder
    return None


def read_minari(path: Path) -> Dataset:
    """Read all episodes.

    ``infos["action_mask"]`` becomes the masks, ``infos["probability"]`` the probabilities of the actions.

    Raises:
        MissingExtraError: Without the extra ``data``.
        BrokenFileError: If an episode is not whole.
    """
    try:
        from minari import MinariDataset
    except ImportError as error:
        raise MissingExtraError("Reading a Minari dataset", ["minari", "h5py"], "data") from error
    folder = data_folder(path)
    assert folder is not None
    _require_columns(path, folder)
    source = MinariDataset(str(folder))
    episodes = list(source.iterate_episodes())
    if not episodes:
        raise BrokenFileError(path, "holds no episodes")
    for episode in episodes:
        if _rows(episode.observations) != len(episode.rewards) + 1:
            raise BrokenFileError(
                path,
                f"episode {episode.id} has {len(episode.rewards)} steps and {_rows(episode.observations)} "
                "observations; there must be one observation more than steps",
            )
    columns = {
        "observations": _joined([episode.observations for episode in episodes]),
        "actions": _joined([episode.actions for episode in episodes]),
        "rewards": np.concatenate([episode.rewards for episode in episodes]),
        "terminated": np.concatenate([episode.terminations for episode in episodes]).astype(np.bool_),
        "truncated": np.concatenate([episode.truncations for episode in episodes]).astype(np.bool_),
        "lengths": np.array([len(episode.rewards) for episode in episodes]),
        "masks": _info(episodes, "action_mask"),
        "probabilities": _info(episodes, "probability"),
    }
    return build(path, digest_of(path), columns, _facts(folder))


COLUMNS = ("observations", "actions", "rewards", "terminations", "truncations")
"""What every episode of a Minari dataset has."""


def _require_columns(path: Path, folder: Path) -> None:
    """Refuse episodes that lack a column, which Minari tells in HDF5's words alone."""
    file = folder / "main_data.hdf5"
    if not file.is_file():  # Minari's other formats are read by Minari
        return
    h5py: Any = import_module("h5py")
    with h5py.File(file, "r") as content:
        if not len(content):
            raise BrokenFileError(path, "holds no episodes")
        for name, episode in content.items():
            missing = [column for column in COLUMNS if column not in episode]
            if missing:
                known = ", ".join(sorted(episode)) or "nothing"
                raise BrokenFileError(path, f"{name} has no {' and no '.join(missing)}; it holds {known}")


def _rows(observations: Element) -> int:
    if isinstance(observations, dict):
        return min(_rows(part) for part in observations.values())
    return len(observations)


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], dict):
        return {key: _joined([part[key] for part in parts]) for key in parts[0]}
    return np.concatenate([np.asarray(part) for part in parts])


def _info(episodes: Sequence[Any], key: str) -> Any:
    """A value that every episode's infos hold, else None.

    A probability belongs to a step, and infos have an entry for the reset too: the first one is left out.
    """
    if not all(isinstance(episode.infos, dict) and key in episode.infos for episode in episodes):
        return None
    parts = [np.asarray(episode.infos[key]) for episode in episodes]
    if key == "probability":
        parts = [part[-len(episode.rewards) :] for part, episode in zip(parts, episodes, strict=True)]
    return np.concatenate(parts)


def _facts(folder: Path) -> dict[str, object]:
    """What ``sandbox record`` wrote into the description, and who played."""
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    facts: dict[str, object] = {"dataset_id": metadata.get("dataset_id")}
    if metadata.get("algorithm_name"):
        facts["agent"] = metadata["algorithm_name"]
    description = str(metadata.get("description", ""))
    begin = description.find("{")
    if begin >= 0:
        try:
            written = json.loads(description[begin:])
        except ValueError:
            written = None  # somebody else's prose
        if isinstance(written, dict):
            facts |= written
    return facts
