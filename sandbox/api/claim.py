"""A claim about learning that can be checked: what is measured, and the switch under which it must fail.

A course is a list of claims. What a claim's figures must be is not said here but in the suite file that
names it, so that the bound stands before anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.api.version import API_VERSION

Points = tuple[Sequence[float], Sequence[float]]
"""Places and values of a line."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a measurement is given.

    Attributes:
        seed: The first seed to use, at least 0; seed, seed + 1, ... seed everything that chance decides.
        sabotaged: Whether the claim's switch is thrown.
        settings: Sizes of the experiment, from the suite file.
        scratch: An empty folder for whatever the measurement writes.
    """

    seed: int
    sabotaged: bool
    settings: Mapping[str, Any]
    scratch: Path


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of a measurement, drawn where it is shown.

    Attributes:
        title: What it shows.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        lines: By name, places and values.
        bars: By name, values; drawn instead of lines.
        marks: By name, heights of horizontal lines: known answers and bounds.
        log: Axes with a logarithmic scale: ``""``, ``"x"``, ``"y"`` or ``"xy"``.
    """

    title: str
    x: str = ""
    y: str = ""
    lines: Mapping[str, Points] = field(default_factory=dict, hash=False)
    bars: Mapping[str, float] = field(default_factory=dict, hash=False)
    marks: Mapping[str, float] = field(default_factory=dict, hash=False)
    log: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measurement found.

    Attributes:
        figures: By name; the suite file's bounds are on these.
        plot: A picture, if there is one.
    """

    figures: Mapping[str, float] = field(hash=False)
    plot: Plot | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence about learning and the experiment that decides about it.

    Args:
        id: Unique among all claims.
        sentence: The claim, in one sentence.
        idea: The idea that it belongs to, in a few words.
        switch: What is broken in a sabotaged measurement, in one sentence. Under it the claim must fail; a
            claim that holds all the same proves nothing.
        measure: ``(Trial) -> Measured``, or ``"module:callable"``. With the same trial it gives the same
            figures. The switch acts inside the experiment (a setting, an object passed in, shuffled labels)
            and never on its result.
        requires: Importable modules that it needs.
        extra: The extra of ``sandbox-rl`` that installs them.
    """

    id: str
    sentence: str
    idea: str
    switch: str
    measure: str | Callable[[Trial], Measured]
    requires: tuple[str, ...] = ()
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """What an entry point of the group ``sandbox.claims`` points to.

    Args:
        name: Unique.
        claims: The claims.
        api_version: The contract that they were written for.
    """

    name: str
    claims: tuple[Claim, ...]
    api_version: int = field(default=API_VERSION)
