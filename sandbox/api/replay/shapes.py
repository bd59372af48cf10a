"""Static shapes of a scene, and the types that all parts of a replay are made of.

Lengths are in the scene's unit, x points right and y up. Colours are names, which the page shows in its
light and dark scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic import model_validator as validator

from sandbox.api.replay.columns import PackedColumn, short

Colour = Literal[
    "ink", "soft", "faint", "line", "good", "bad", "warn", "grey",
    "blue", "orange", "green", "purple", "yellow", "cyan", "pink", "olive",
]  # fmt: skip
"""``ink`` to ``line`` are the greys of text and rules; good, bad and warn are green, red and amber."""


def _lists(value: Any) -> Any:
    """Arrays, also in a list, as lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


Number = Annotated[float, Field(allow_inf_nan=False), PlainSerializer(short)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), PlainSerializer(short)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), PlainSerializer(short)]
Name = Annotated[str, Field(max_length=200)]
Point = tuple[Number, Number]
Box = tuple[Number, Number, Positive, Positive]
"""Lower left corner x, y, then width and height."""

Points = Annotated[list[Point], BeforeValidator(_lists)]
"""A list of pairs, or an array of shape ``(points, 2)``."""
Boxes = Annotated[list[Box], BeforeValidator(_lists)]
"""A list of boxes, or an array of shape ``(boxes, 4)``."""
Polyline = Annotated[Points, Field(min_length=2)]
Polygon = Annotated[Points, Field(min_length=3)]


class ReplayModel(BaseModel):
    """What all parts of a replay have in common: unknown entries are refused, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Shape(ReplayModel):
    """Attributes of every group of shapes.

    Attributes:
        fill: Colour of the inside; none if absent.
        line: Colour of the outline, or of a line itself; none if absent.
        opacity: Of fill and line.
        layer: A name under which the reader can hide the group; never hidden if empty.
        since: For every shape the first frame that shows it; all frames if empty.
    """

    kind: str
    fill: Colour | None = None
    line: Colour | None = None
    opacity: Annotated[float, Field(ge=0, le=1)] = 1.0
    layer: Name = ""
    since: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # The kind is written though it is a default, because readers tell shapes apart by it.
        return {"kind": self.kind, **handler(self)}

    def _check_items(self, items: int, **lists: Sequence[object]) -> None:
        """One entry a shape in every list that is not empty."""
        for name, values in (("since", self.since), *lists.items()):
            if len(values) not in (0, items):
                raise ValueError(f"{len(values)} entries of {name} for {items} {self.kind}")


class Lines(_Shape):
    """Open lines; ``width`` is in the scene's unit, ``pixels`` the least width on the screen."""

    kind: Literal["lines"] = "lines"
    line: Colour | None = "ink"
    paths: list[Polyline]
    width: NotNegative = 0.0
    pixels: NotNegative = 1.0
    dash: bool = False

    @validator(mode="after")
    def _consistent(self) -> Lines:
        self._check_items(len(self.paths))
        return self


class Polygons(_Shape):
    """Closed polygons; ``names`` are shown where the pointer is."""

    kind: Literal["polygons"] = "polygons"
    paths: list[Polygon]
    names: list[Name] = Field(default_factory=list)

    @validator(mode="after")
    def _consistent(self) -> Polygons:
        self._check_items(len(self.paths), names=self.names)
        return self


class Rectangles(_Shape):
    """Rectangles along the axes; ``names`` are written inside where they fit."""

    kind: Literal["rectangles"] = "rectangles"
    boxes: Boxes
    names: list[Name] = Field(default_factory=list)

    @validator(mode="after")
    def _consistent(self) -> Rectangles:
        self._check_items(len(self.boxes), names=self.names)
        return self


class Circles(_Shape):
    """Circles; ``pixels`` is the least radius on the screen."""

    kind: Literal["circles"] = "circles"
    centres: Points
    radius: NotNegative = 0.0
    pixels: NotNegative = 2.0
    names: list[Name] = Field(default_factory=list)

    @validator(mode="after")
    def _consistent(self) -> Circles:
        self._check_items(len(self.centres), names=self.names)
        return self


class Labels(_Shape):
    """Texts around points; ``height`` is in the scene's unit, ``pixels`` the least on the screen."""

    kind: Literal["labels"] = "labels"
    fill: Colour | None = "ink"
    points: Points
    texts: list[Name]
    height: NotNegative = 0.0
    pixels: NotNegative = 11.0

    @validator(mode="after")
    def _consistent(self) -> Labels:
        if len(self.texts) != len(self.points):
            raise ValueError(f"{len(self.texts)} texts for {len(self.points)} labels")
        self._check_items(len(self.points))
        return self


class Grid(_Shape):
    """Cells of a rectangle, the more opaque the greater their value: heat maps, grid worlds.

    Attributes:
        box: Where it lies.
        columns: Cells from left to right.
        rows: Cells from bottom to top.
        values: Row by row from the bottom, each from the left.
        limits: Values that are shown as clear and as opaque; zero and the greatest if absent.
    """

    kind: Literal["grid"] = "grid"
    fill: Colour | None = "pink"
    box: Box
    columns: Annotated[int, Field(ge=1, le=512)]
    rows: Annotated[int, Field(ge=1, le=512)]
    values: PackedColumn
    limits: tuple[Number, Number] | None = None

    @validator(mode="after")
    def _consistent(self) -> Grid:
        if len(self.values) != self.columns * self.rows:
            raise ValueError(f"{len(self.values)} values for {self.columns} columns and {self.rows} rows")
        self._check_items(1)
        return self


Shape = Annotated[Lines | Polygons | Rectangles | Circles | Labels | Grid, Field(discriminator="kind")]
