"""Replay documents of version 1, which named one of four domains' viewers, as sandbox-rl 0.1 wrote them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic import model_validator as validator

from sandbox.api.replay.shapes import Name, Number, Point, Polygon, Polyline, Positive, ReplayModel

Figures = list[Number | None]
Orientation = Literal["N", "S", "E", "W", "FN", "FS", "FE", "FW"]


class Series(ReplayModel):
    name: Name
    unit: Name = ""
    values: Figures


class OldEpisode(ReplayModel):
    agent: Name
    seed: int
    metrics: dict[str, Number | None] = Field(default_factory=dict)
    series: list[Series] = Field(default_factory=list)


class Frames(OldEpisode):
    fps: Annotated[float, Field(gt=0, le=240)]
    images: list[str] = Field(default_factory=list)
    mime: str = "image/jpeg"
    video: str | None = None


class Road(ReplayModel):
    points: Polyline
    width: Positive = 3.2


class Vehicles(ReplayModel):
    name: Name
    length: Positive = 5.0
    width: Positive = 1.8
    accent: bool = False


class TrafficFrame(ReplayModel):
    vehicles: list[tuple[int, Number, Number, Number, Number, int]]
    signals: str = ""


class Intersection(OldEpisode):
    seconds_per_frame: Positive
    roads: list[Road]
    junctions: list[Polygon] = Field(default_factory=list)
    signals: list[tuple[Point, Point]] = Field(default_factory=list)
    kinds: list[Vehicles] = Field(default_factory=lambda: [Vehicles(name="car")])
    frames: list[TrafficFrame]


class Canvas(ReplayModel):
    width: Positive
    height: Positive
    unit: Name = "um"


class Macro(ReplayModel):
    name: Name
    width: Positive
    height: Positive


class Fixed(Macro):
    x: Number
    y: Number


class Placement(ReplayModel):
    macro: Annotated[int, Field(ge=0)]
    x: Number
    y: Number
    orientation: Orientation = "N"


class Map(ReplayModel):
    name: Name
    columns: int
    rows: int
    values: list[Number]


class Chip(OldEpisode):
    canvas: Canvas
    macros: list[Macro]
    fixed: list[Fixed] = Field(default_factory=list)
    pads: list[Point] = Field(default_factory=list)
    nets: list[list[tuple[int, Number, Number]]] = Field(default_factory=list)
    maps: list[Map] = Field(default_factory=list)
    frames: list[Placement]

    @validator(mode="after")
    def _consistent(self) -> Chip:
        owners = [placement.macro for placement in self.frames]
        owners += [pin[0] for net in self.nets for pin in net]
        if any(not -1 <= owner < len(self.macros) for owner in owners):
            raise ValueError(f"a frame or a net names a macro that is not one of {len(self.macros)}")
        return self


class Location(ReplayModel):
    name: Name
    on_hand: Figures = Field(default_factory=list)
    backlog: Figures = Field(default_factory=list)
    pipeline: Figures = Field(default_factory=list)
    order: Figures = Field(default_factory=list)
    demand: Figures = Field(default_factory=list)
    lost: Figures = Field(default_factory=list)


class Inventory(OldEpisode):
    periods: Annotated[int, Field(ge=1)]
    period: Name = "period"
    warmup: Annotated[int, Field(ge=0)] = 0
    locations: list[Location]
    links: list[tuple[int, int]] = Field(default_factory=list)


class Document(ReplayModel):
    version: Literal[1] = 1
    scenario: Name
    title: Name = ""


class FramesDocument(Document):
    viewer: Literal["frames"]
    episodes: list[Frames]


class IntersectionDocument(Document):
    viewer: Literal["intersection"]
    episodes: list[Intersection]


class ChipDocument(Document):
    viewer: Literal["chip"]
    episodes: list[Chip]


class InventoryDocument(Document):
    viewer: Literal["inventory"]
    episodes: list[Inventory]


READER: TypeAdapter[FramesDocument | IntersectionDocument | ChipDocument | InventoryDocument]
READER = TypeAdapter(
    Annotated[
        FramesDocument | IntersectionDocument | ChipDocument | InventoryDocument,
        Field(discriminator="viewer"),
    ]
)
"""Reads a document by what it names as its viewer."""
