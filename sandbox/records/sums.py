"""Lists of SHA-256 sums: ``manifest.json`` of a checkpoint, ``artifacts.json`` of a run directory."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from sandbox.records.base import Count, Record, Text

ABSENT = "absent"
"""Stands among the sums of a file that may not be there yet."""


def _below(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError("a file's name leaves the folder")
    return name


FileName = Annotated[Text, AfterValidator(_below)]
Sum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Record):
    """The sum of every file of a folder that is never changed, and the steps that had been done."""

    steps: Count
    files: dict[FileName, Sum]


class ArtifactList(Record):
    """The sums that files of a run directory may have: two while one is being replaced."""

    files: dict[
        FileName, tuple[Annotated[str, StringConstraints(pattern=rf"^([0-9a-f]{{64}}|{ABSENT})$")], ...]
    ]
