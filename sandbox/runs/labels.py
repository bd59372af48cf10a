"""Names and tags that people give to runs; they may be changed at any time, also while a run is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from sandbox.api.errors import InvalidValueError
from sandbox.records.labels import FORMAT, LABELS, MAX_NAME, MAX_TAG, MAX_TAGS, LabelsRecord
from sandbox.runs.atomic import storage_errors, write_atomically


def read_labels(folder: Path) -> LabelsRecord:
    """The labels of a run directory; none where nobody gave any.

    Raises:
        DamagedRunError: If the file cannot be read or is none of ours.
    """
    file = folder / LABELS
    return LabelsRecord.read(file) if file.exists() or file.is_symlink() else LabelsRecord()


def change_labels(
    folder: Path,
    *,
    name: str | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    archived: bool | None = None,
) -> LabelsRecord:
    """Change some of a run's labels; what is not given stays.

    Args:
        folder: The run directory.
        name: The new name; empty for none.
        add: Tags to add.
        remove: Tags to take away; one that is not there is no error.
        archived: Whether lists leave the run out.

    Returns:
        The labels as they are now.

    Raises:
        InvalidValueError: For a name or a tag that is none.
        DamagedRunError: If the present labels cannot be read.
        StorageError: If they cannot be written.
    """
    before = read_labels(folder)
    gone = {tag.strip() for tag in remove}
    tags = [tag for tag in dict.fromkeys([*before.tags, *(tag.strip() for tag in add)]) if tag not in gone]
    if len(tags) > MAX_TAGS:
        raise InvalidValueError(f"A run has at most {MAX_TAGS} tags, not {len(tags)}.")
    try:
        after = LabelsRecord(
            format=FORMAT,
            name=before.name if name is None else name.strip(),
            tags=tuple(tags),
            archived=before.archived if archived is None else archived,
        )
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        if place[0] == "name":
            raise InvalidValueError(f"A name is one line of at most {MAX_NAME} characters.") from error
        wrong = tags[int(place[1])]
        raise InvalidValueError(
            f"'{wrong[:60]}' is no tag: 1 to {MAX_TAG} characters without blanks and commas."
        ) from error
    with storage_errors(folder):
        write_atomically(folder / LABELS, after.encode(indent=1))
    return after
