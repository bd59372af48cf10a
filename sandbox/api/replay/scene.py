"""A scene of a replay: static shapes, and things that move, in two dimensions.

Lengths are in the scene's unit, x points right and y up; angles are degrees counter-clockwise from the
x axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from pydantic import model_validator as validator

from sandbox.api.replay.columns import Floats, PackedColumn
from sandbox.api.replay.shapes import (
    Box,
    Colour,
    Name,
    NotNegative,
    Number,
    Points,
    Positive,
    ReplayModel,
    Shape,
)


class Kind(ReplayModel):
    """How things of one kind look.

    Attributes:
        name: What they are called.
        shape: ``rectangle``, ``circle`` (diameter: length), ``triangle`` that points ahead, or ``polygon``.
        outline: A polygon's corners in units of length and width, around the anchor, for angle 0.
        length: Along the thing's angle; a thing may have its own.
        width: Across it.
        pixels: Least length on the screen: what is small stays visible.
        anchor: What the place of a thing means: its middle, the middle of its front, or its corner of
            least x and y at angle 0.
        colour: Of things without a value.
        colours: Of things with a value: the value is an index, or, with ``limits``, lies between the
            first and the last colour.
        limits: Values of the first and the last colour.
        line: Colour of the outline; none if absent.
        opacity: Of the inside.
        labels: Whether names are written on things where they fit.
    """

    name: Name
    shape: Literal["rectangle", "circle", "triangle", "polygon"] = "rectangle"
    outline: Points = Field(default_factory=list)
    length: Positive = 1.0
    width: Positive = 1.0
    pixels: NotNegative = 0.0
    anchor: Literal["middle", "front", "corner"] = "middle"
    colour: Colour = "blue"
    colours: list[Colour] = Field(default_factory=list)
    limits: tuple[Number, Number] | None = None
    line: Colour | None = None
    opacity: Annotated[float, Field(ge=0, le=1)] = 1.0
    labels: bool = False

    @validator(mode="after")
    def _consistent(self) -> Kind:
        if (self.shape == "polygon") != (len(self.outline) >= 3):
            raise ValueError("a polygon has an outline of at least three corners, other shapes have none")
        if self.limits is not None and (len(self.colours) < 2 or self.limits[0] >= self.limits[1]):
            raise ValueError("limits need at least two colours, and a lower limit below the upper one")
        return self


class Things(ReplayModel):
    """Things that move or change, as rows frame by frame; `Things.of` makes one from frames.

    Attributes:
        kinds: How they look.
        counts: Rows of every frame, shape ``(frames,)``.
        ids: Of every row: whole numbers from 0, the same for a thing in all frames.
        x: Places.
        y: Places.
        kind: Indices into ``kinds``; the first kind if absent.
        angle: Degrees counter-clockwise from the x axis; 0 if absent.
        length: The kind's if absent.
        width: The kind's if absent.
        value: What the kind's ``colours`` show; no value if absent.
        names: By id; shown where the pointer is.
        keep: Whether a thing stays as its last row says until the next one; otherwise a frame shows only
            its own rows.
        smooth: Whether things are moved between frames.
        jump: A thing that goes farther between two frames is not moved smoothly.
        layer: A name under which the reader can hide them.
    """

    kinds: Annotated[list[Kind], Field(min_length=1, max_length=100)]
    counts: PackedColumn
    ids: PackedColumn
    x: PackedColumn
    y: PackedColumn
    kind: PackedColumn | None = None
    angle: PackedColumn | None = None
    length: PackedColumn | None = None
    width: PackedColumn | None = None
    value: PackedColumn | None = None
    names: list[Name] = Field(default_factory=list)
    keep: bool = False
    smooth: bool = True
    jump: Positive | None = None
    layer: Name = ""

    @classmethod
    def of(cls, frames: Sequence[Mapping[str, Any]], kinds: Sequence[Kind], **options: Any) -> Things:
        """Things from what every frame shows.

        Args:
            frames: For every frame arrays by the names ``id``, ``x``, ``y`` and, as wanted, ``kind``,
                ``angle``, ``length``, ``width`` and ``value``, one entry a thing. Ids are whole numbers
                or texts; a column is given in all frames or in none.
            kinds: How they look.
            options: ``names``, ``keep``, ``smooth``, ``jump`` and ``layer``.
        """
        keys = list(dict.fromkeys(key for frame in frames for key in frame))
        joined = {
            key: [item for frame in frames for item in np.atleast_1d(np.asarray(frame.get(key, ()))).tolist()]
            for key in keys
        }
        ids = joined.pop("id", [])
        if any(isinstance(item, str) for item in ids):
            numbers: dict[str, int] = {}
            ids = [numbers.setdefault(str(item), len(numbers)) for item in ids]
        counts = [len(np.atleast_1d(np.asarray(frame.get("id", ())))) for frame in frames]
        return cls.model_validate(
            {"kinds": list(kinds), "counts": counts, "ids": ids, "x": [], "y": [], **joined, **options}
        )

    @validator(mode="after")
    def _consistent(self) -> Things:
        _check_whole("counts", self.counts, 2**31)
        _check_whole("ids", self.ids, 2**20)
        rows = len(self.ids)
        if self.counts.sum() != rows:
            raise ValueError(f"the counts sum up to {self.counts.sum():.0f} for {rows} rows")
        for name in ("x", "y", "kind", "angle", "length", "width", "value"):
            column = getattr(self, name)
            if column is not None and len(column) != rows:
                raise ValueError(f"{len(column)} values of {name} for {rows} rows")
            if column is not None and name != "value" and np.isnan(column).any():
                raise ValueError(f"a value of {name} is missing")
        kinds = np.zeros(rows) if self.kind is None else self.kind
        _check_whole("kind", kinds, len(self.kinds))
        for number, kind in enumerate(self.kinds):
            if self.value is not None and kind.colours and kind.limits is None:
                values = self.value[kinds == number]
                _check_whole(f"the value of {kind.name}", values[~np.isnan(values)], len(kind.colours))
        return self


def _check_whole(name: str, column: Floats, below: int) -> None:
    if not ((column >= 0) & (column < below) & (column == np.floor(column))).all():
        raise ValueError(f"{name}: whole numbers from 0 to below {below} were expected")


class LegendEntry(ReplayModel):
    """A colour and what it stands for."""

    colour: Colour
    text: Name


class Scene(ReplayModel):
    """What is seen from above, or in a diagram.

    Attributes:
        view: What is shown at first: ``(x, y, width, height)``; all that is there if absent.
        unit: Of lengths.
        title: What the scene shows, for readers of screens.
        shapes: Static shapes, the first at the bottom.
        things: What moves, above the shapes.
        hidden: Layers that are hidden at first.
        legend: What colours stand for.
        scale: Whether a bar shows the scale.
    """

    view: Box | None = None
    unit: Name = ""
    title: Name = ""
    shapes: list[Shape] = Field(default_factory=list, max_length=1000)
    things: list[Things] = Field(default_factory=list, max_length=100)
    hidden: list[Name] = Field(default_factory=list)
    legend: list[LegendEntry] = Field(default_factory=list, max_length=20)
    scale: bool = False
