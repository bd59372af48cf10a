"""``claim.json``, ``course.json``, and the job that measures a claim."""

from __future__ import annotations

from typing import Literal

from sandbox.records.base import Count, Figure, Number, Plain, Record, Text, Whole
from sandbox.records.status import CellOutcome

FORMAT = 1
CLAIM = "claim.json"
COURSE = "course.json"

ClaimVerdict = Literal["passed", "failed", "crashed", "missing"]
"""``failed`` if a bound is not kept, ``crashed`` if there is no figure, ``missing`` if not measured."""

SwitchVerdict = Literal["broken", "unbroken", "crashed", "missing"]
"""``broken`` if the claim fails under its switch, as it must; ``unbroken`` if it holds all the same."""


class LineRecord(Record):
    """Places and values of a line."""

    x: tuple[Number, ...]
    y: tuple[Figure, ...]


class PlotRecord(Record):
    """See `sandbox.api.Plot`."""

    title: Text
    x: Text = ""
    y: Text = ""
    lines: dict[Text, LineRecord] = {}
    bars: dict[Text, Figure] = {}
    marks: dict[Text, Number] = {}
    log: Text = ""


class ClaimRecord(Record):
    """What a measurement found: ``claim.json``.

    Attributes:
        claim: Id.
        seed: Its first seed.
        sabotaged: Whether the switch was thrown.
        settings: Sizes of the experiment.
        status: ``failed`` if there are no figures.
        figures: By name; null where one was not finite.
        minutes: Processor time, children included.
        seconds: Wall time.
        error: Why there are no figures.
        code: Digests of the plugins that took part, by kind and name; empty before they were recorded.
    """

    readable = (1,)
    format: Literal[1]
    claim: Text
    seed: Whole
    sabotaged: bool
    settings: Plain
    status: CellOutcome
    figures: dict[Text, Figure] = {}
    plot: PlotRecord | None = None
    minutes: Number
    seconds: Number
    error: Text | None = None
    packages: dict[Text, Text] = {}
    code: dict[Text, Text] = {}
    started: Text
    ended: Text


class BoundRecord(Record):
    """A bound and what was measured.

    Attributes:
        at_most: Largest value that passes, or null.
        at_least: Smallest value that passes, or null.
        value: What was measured; null if nothing finite was.
        kept: Whether it passes.
    """

    figure: Text
    at_most: Number | None = None
    at_least: Number | None = None
    value: Figure = None
    kept: bool


class OutcomeRecord(Record):
    """A claim of a course and what came of it.

    Attributes:
        rule: The bounds in words.
        shortfall: What is known to fall short, from the suite file.
        budget: Minutes of processor time that it may take.
        minutes: What it took; null if it was not measured.
        verdict: Of the claim.
        bounds: Each with what was measured.
        figures: All that was measured.
        error: Why there are none.
        folder: Of the measurement, below the runs directory.
        switch: What is broken in a sabotaged measurement.
        under_switch: Whether the claim failed then.
        switch_bounds: The bounds under the switch.
        switch_error: Why there are no figures under it.
        switch_minutes: What that took.
    """

    claim: Text
    sentence: Text
    idea: Text
    rule: Text
    shortfall: Text = ""
    budget: Number
    minutes: Number | None = None
    verdict: ClaimVerdict
    bounds: tuple[BoundRecord, ...] = ()
    figures: dict[Text, Figure] = {}
    error: Text | None = None
    folder: Text | None = None
    plot: PlotRecord | None = None
    switch: Text
    under_switch: SwitchVerdict
    switch_bounds: tuple[BoundRecord, ...] = ()
    switch_error: Text | None = None
    switch_minutes: Number | None = None


class CourseRecord(Record):
    """``course.json``: every claim with its rule, result and switch.

    Attributes:
        seed: The first seed of every measurement.
        quick: Whether the quick form was run.
        sabotage: Whether switches were asked for.
        passed: Claims that hold.
        broken: Claims that fail under their switch.
        minutes: Processor time of all measurements, earlier ones included.
    """

    readable = (1,)
    format: Literal[1]
    suite: Text
    title: Text
    command: tuple[Text, ...] | None = None
    seed: Whole
    quick: bool
    sabotage: bool
    status: Literal["complete", "incomplete"]
    claims: tuple[OutcomeRecord, ...]
    passed: Count
    broken: Count
    minutes: Number
    packages: dict[Text, Text]
    platform: Plain
    source: Plain | None = None
    written: Text


class ClaimJob(Record):
    """A measurement to make.

    Attributes:
        key: Names its folder.
        root: The runs directory.
        code: Digest of the claim's sources where the job was made; other sources are refused.
        plugins: Plugins named on the command line, as the environment variable holds them.
        again: Whether one that crashed before is made again.
    """

    key: Text
    root: Text
    claim: Text
    seed: Whole
    sabotaged: bool
    settings: Plain
    code: Text = ""
    plugins: Text = ""
    again: bool = False
