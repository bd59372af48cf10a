"""Suite files of the kind ``course``: which claims, how large, and what their figures must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api.claim import Claim
from sandbox.api.errors import BrokenFileError, UnknownNameError
from sandbox.registry.discover import registry
from sandbox.scenarios.validation import validate
from sandbox.scenarios.yaml_guard import load_file

_NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Bound(_Frozen):
    """What a figure must be: at most, at least, or between two values."""

    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Bound:
        if self.at_most is None and self.at_least is None:
            raise ValueError("a bound is at_most, at_least, or both")
        return self

    def kept(self, value: float | None) -> bool:
        """Whether a value passes; one that is missing or not finite never does."""
        if value is None:
            return False
        low, high = self.at_least, self.at_most
        return (low is None or value >= low) and (high is None or value <= high)


class ClaimEntry(_Frozen):
    """A claim of a course.

    Attributes:
        id: Of a claim that a plugin offers.
        rule: The bounds in words.
        bounds: By figure; all must be kept.
        minutes: Processor time that it may take.
        settings: Sizes of the experiment.
        quick: Settings in their place in the quick form, whose bounds need not hold.
        shortfall: What is known to fall short, where the claim is known to fail.
    """

    id: str = Field(pattern=_NAME)
    rule: str = Field(min_length=1, max_length=400)
    bounds: dict[str, Bound] = Field(min_length=1)
    minutes: float = Field(gt=0, le=600)
    settings: dict[str, Any] = Field(default_factory=dict)
    quick: dict[str, Any] = Field(default_factory=dict)
    shortfall: str = Field("", max_length=600)

    def sizes(self, quick: bool) -> dict[str, Any]:
        """The settings of one form."""
        return self.settings | self.quick if quick else dict(self.settings)


class Course(_Frozen):
    """A suite file of the kind ``course``.

    Attributes:
        title: One line of what is claimed.
        claims: In the order in which they are shown.
    """

    kind: Literal["course"]
    title: str = Field("", max_length=200)
    claims: tuple[ClaimEntry, ...] = Field(min_length=1, max_length=1_000)

    @model_validator(mode="after")
    def _none_twice(self) -> Course:
        ids = [entry.id for entry in self.claims]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"claims are named twice: {', '.join(twice)}")
        return self


def load_course(path: Path) -> Course:
    """Read a suite file of the kind ``course``.

    Raises:
        BrokenFileError: If it is no YAML mapping, or with key, line and what is allowed.
    """
    document = load_file(path)
    if not isinstance(document, dict):
        raise BrokenFileError(path, "is not a course: it must be a mapping with kind, title and claims")
    course: Course = validate(Course, document, f"{path}", path)
    return course


def chosen(course: Course, only: tuple[str, ...]) -> list[tuple[ClaimEntry, Claim]]:
    """The entries that are asked for, all if none is named, each with its claim.

    Raises:
        UnknownNameError: For an id that the course does not have, or that no plugin offers.
    """
    ids = [entry.id for entry in course.claims]
    for name in only:
        if name not in ids:
            raise UnknownNameError("claim", name, ids)
    entries = [entry for entry in course.claims if not only or entry.id in only]
    return [(entry, registry().claim(entry.id)) for entry in entries]
