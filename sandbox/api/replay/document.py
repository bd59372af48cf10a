"""A replay: played episodes as data, for a player that knows no domain.

An episode is any mix of a scene, pictures and time series along one clock, with texts and events.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic import model_validator as validator

from sandbox.api.replay.columns import Column, Floats
from sandbox.api.replay.scene import Scene
from sandbox.api.replay.shapes import Colour, Name, Number, Positive, ReplayModel

VERSION: Literal[2] = 2
MAX_FRAMES = 100_000

Figure = Annotated[
    Number | None,
    BeforeValidator(lambda value: None if isinstance(value, float) and not math.isfinite(value) else value),
]
"""A number, or None where there is none; infinity and NaN are none."""

Text = Annotated[str, Field(max_length=500)]


class Clock(ReplayModel):
    """When the frames are: evenly from ``start`` on, or at ``times``.

    Attributes:
        unit: Of times, in the plural: ``s``, ``periods``, ``macros``. Seconds are played in multiples of
            real time.
        start: Time of the first frame.
        every: Time between two frames.
        times: Time of every frame, ascending; instead of the two.
    """

    unit: Name = "steps"
    start: Number = 0.0
    every: Positive = 1.0
    times: Column | None = None

    def of(self, frames: int) -> Floats:
        """Time of every frame, shape ``(frames,)``.

        Raises:
            ValueError: If ``times`` are not one a frame, or do not ascend.
        """
        if self.times is None:
            return np.asarray(self.start + self.every * np.arange(frames), np.float64)
        if len(self.times) != frames:
            raise ValueError(f"{len(self.times)} times for {frames} frames")
        if not (np.diff(self.times, prepend=-np.inf) > 0).all():
            raise ValueError("the times do not ascend")
        return self.times


class Pictures(ReplayModel):
    """A picture for every frame, or a film: exactly one of ``images`` and ``video``.

    Attributes:
        images: Base64 texts of JPEG or PNG files.
        mime: Their type.
        video: Name of an mp4 file beside the replay; it has its own controls.
    """

    images: list[str] = Field(default_factory=list)
    mime: Literal["image/png", "image/jpeg"] = "image/jpeg"
    video: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.mp4$", max_length=120)] | None = None

    @validator(mode="after")
    def _one_source(self) -> Pictures:
        if bool(self.images) == bool(self.video):
            raise ValueError("exactly one of images and video must be given")
        return self


class Series(ReplayModel):
    """A figure over time, one value a frame, None where there is none.

    Attributes:
        name: What it is.
        unit: Of its values.
        values: Shape ``(frames,)``.
        panel: Series with the same panel share a chart and its axis; one of its own if empty.
        style: ``line``, ``step`` (a value holds until the next) or ``bars``.
        colour: The next free one if absent.
    """

    name: Name
    unit: Name = ""
    values: Column
    panel: Name = ""
    style: Literal["line", "step", "bars"] = "line"
    colour: Colour | None = None


class Texts(ReplayModel):
    """Something in words for every frame, such as the action that led to it."""

    name: Name
    values: list[Text]


class Event(ReplayModel):
    """Something that happens in a frame, or lasts from it to the frame ``until`` (warm-up, a fault)."""

    frame: Annotated[int, Field(ge=0)]
    text: Text
    until: Annotated[int, Field(ge=0)] | None = None


class Episode(ReplayModel):
    """One episode, or the first part of it.

    Attributes:
        agent: Who played.
        seed: The episode's seed.
        frames: How many; every series, every list of texts and all things have so many.
        clock: When they are.
        episode_end: Time at which the whole episode ends, where the frames end before it; the player says
            how much is shown.
        metrics: Figures of the whole episode.
        scene: What is seen.
        pictures: Rendered frames.
        series: Figures over time.
        texts: Words over time.
        events: What happens when.
        opens_at: Whether the player begins with the first or the last frame.
        note: A sentence for the reader.
    """

    agent: Name
    seed: int
    frames: Annotated[int, Field(ge=1, le=MAX_FRAMES)]
    clock: Clock = Clock()
    episode_end: Positive | None = None
    metrics: dict[Name, Figure] = Field(default_factory=dict, max_length=200)
    scene: Scene | None = None
    pictures: Pictures | None = None
    series: list[Series] = Field(default_factory=list, max_length=64)
    texts: list[Texts] = Field(default_factory=list, max_length=16)
    events: list[Event] = Field(default_factory=list, max_length=10_000)
    opens_at: Literal["start", "end"] = "start"
    note: Text = ""

    @validator(mode="after")
    def _one_entry_a_frame(self) -> Episode:
        self.clock.of(self.frames)
        counts = [(f"the series {series.name}", "values", len(series.values)) for series in self.series]
        counts += [(f"the text {text.name}", "entries", len(text.values)) for text in self.texts]
        if self.scene is not None:
            counts += [("a group of things", "counts", len(group.counts)) for group in self.scene.things]
        if self.pictures is not None and self.pictures.images:
            counts.append(("the replay", "pictures", len(self.pictures.images)))
        for what, name, count in counts:
            if count != self.frames:
                raise ValueError(f"{what} has {count} {name} for {self.frames} frames")
        if self.scene is None and self.pictures is None and not self.series:
            raise ValueError("an episode shows a scene, pictures or series, and this one shows nothing")
        return self


class Replay(ReplayModel):
    """A replay file; the episodes of several agents are shown side by side, in step.

    Attributes:
        version: Of the format.
        scenario: What was played.
        title: Shown above the replay.
        facts: What else is known of it, in words by name.
        episodes: At least one.
    """

    version: Literal[2] = VERSION
    scenario: Name
    title: Name = ""
    facts: dict[Name, Text] = Field(default_factory=dict, max_length=50)
    episodes: Annotated[list[Episode], Field(min_length=1, max_length=100)]
