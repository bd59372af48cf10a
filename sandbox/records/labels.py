"""``labels.json``: what people call a run, and what they have put it under."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from sandbox.records.base import Record, Text

FORMAT = 1
LABELS = "labels.json"

MAX_NAME, MAX_TAG, MAX_TAGS = 100, 40, 20

Name = Annotated[Text, StringConstraints(max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")]
Tag = Annotated[Text, StringConstraints(max_length=MAX_TAG, pattern=r"^[^\s,\x00-\x1f\x7f]+$")]
"""A tag has neither blanks nor commas, so that a list of tags can be typed."""


class LabelsRecord(Record):
    """Content of ``labels.json``. It belongs to people: nothing is computed from it, and no sum covers it.

    Attributes:
        name: What the run is called; empty where nobody has said.
        tags: Each once, in the order in which they were given.
        archived: Whether lists leave the run out unless they are asked for everything.
    """

    readable = (FORMAT,)

    format: Literal[1] = 1
    name: Name = ""
    tags: tuple[Tag, ...] = ()
    archived: bool = False
