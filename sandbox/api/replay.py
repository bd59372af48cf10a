"""Replay files: one or more played episodes as data, shown by one of four built-in viewers.

A task writes them from a view named ``replay`` (see ``docs/reference/replay.md``); ``sandbox ui`` and
reports show them. Everything is plain JSON, and every file is checked before it is written or shown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox.api.errors import BrokenFileError, InvalidValueError

VERSION = 1
MAX_FILE = 64 * 2**20
"""Bytes; a larger file is refused."""

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Maybe = _Number | None
_Point = tuple[_Number, _Number]
_Name = Annotated[str, Field(max_length=200)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Series(_Model):
    """A figure that goes with the episode: one value a frame (or period), null where there is none."""

    name: _Name
    unit: _Name = ""
    values: list[_Maybe]


class Episode(_Model):
    """What every viewer's episode holds."""

    agent: _Name
    seed: int
    metrics: dict[str, _Maybe] = {}
    series: list[Series] = []


class FramesEpisode(Episode):
    """Pictures or a video: exactly one of ``images`` and ``video``.

    ``images`` are base64 texts of PNG or JPEG files; ``video`` is the name of an mp4 beside the replay.
    """

    fps: Annotated[float, Field(gt=0, le=240)]
    images: list[str] = []
    mime: Literal["image/png", "image/jpeg"] = "image/jpeg"
    video: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.mp4$", max_length=120)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> FramesEpisode:
        if bool(self.images) == bool(self.video):
            raise ValueError("exactly one of images and video must be given")
        return self


class Road(_Model):
    """A lane: centre line in metres, x east and y north, and width in metres."""

    points: Annotated[list[_Point], Field(min_length=2)]
    width: _Positive = 3.2


class Kind(_Model):
    """A kind of vehicle; length and width in metres. ``accent`` sets it off, as an automated one."""

    name: _Name
    length: _Positive = 5.0
    width: _Positive = 1.8
    accent: bool = False


class TrafficFrame(_Model):
    """Vehicles as ``[id, x, y, heading, speed, kind]`` and one letter for every signal."""

    vehicles: list[tuple[int, _Number, _Number, _Number, _Number, int]]
    signals: str = ""


class IntersectionEpisode(Episode):
    """Roads from above with vehicles that move."""

    seconds_per_frame: _Positive
    roads: list[Road]
    junctions: list[list[_Point]] = []
    signals: list[tuple[_Point, _Point]] = []
    kinds: Annotated[list[Kind], Field(min_length=1)] = [Kind(name="car")]
    frames: Annotated[list[TrafficFrame], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> IntersectionEpisode:
        for number, frame in enumerate(self.frames):
            if len(frame.signals) != len(self.signals):
                raise ValueError(
                    f"frame {number} has {len(frame.signals)} signal letters for {len(self.signals)} signals"
                )
            if any(not 0 <= vehicle[5] < len(self.kinds) for vehicle in frame.vehicles):
                raise ValueError(f"frame {number} has a vehicle of an unknown kind")
        _one_value_a_frame(self.series, len(self.frames))
        return self


class Canvas(_Model):
    """The placement area; the unit of all lengths."""

    width: _Positive
    height: _Positive
    unit: _Name = "um"


class Macro(_Model):
    """A block to place, in the canvas's unit."""

    name: _Name
    width: _Positive
    height: _Positive


class FixedBlock(Macro):
    """A block that does not move; lower left corner."""

    x: _Number
    y: _Number


class Placement(_Model):
    """Macro ``macro`` goes (or moves) to the lower left corner (x, y); y points up."""

    macro: Annotated[int, Field(ge=0)]
    x: _Number
    y: _Number
    orientation: Literal["N", "S", "E", "W", "FN", "FS", "FE", "FW"] = "N"


class HeatMap(_Model):
    """Values of a grid over the canvas, row by row from the bottom, each from the left."""

    name: _Name
    columns: Annotated[int, Field(ge=1, le=512)]
    rows: Annotated[int, Field(ge=1, le=512)]
    values: list[_Number]

    @model_validator(mode="after")
    def _full(self) -> HeatMap:
        if len(self.values) != self.columns * self.rows:
            raise ValueError(f"{len(self.values)} values for {self.columns} columns and {self.rows} rows")
        return self


class ChipEpisode(Episode):
    """Macros placed one after another.

    ``nets`` are lists of pins ``[owner, dx, dy]``: the owner is a macro's index and dx, dy the pin's
    offset from its lower left corner in orientation N, or −1 with a point of the canvas.
    """

    canvas: Canvas
    macros: Annotated[list[Macro], Field(min_length=1)]
    fixed: list[FixedBlock] = []
    pads: list[_Point] = []
    nets: list[Annotated[list[tuple[int, _Number, _Number]], Field(min_length=2)]] = []
    maps: list[HeatMap] = []
    frames: Annotated[list[Placement], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> ChipEpisode:
        for number, frame in enumerate(self.frames):
            if frame.macro >= len(self.macros):
                raise ValueError(f"frame {number} places macro {frame.macro} of {len(self.macros)}")
        for number, net in enumerate(self.nets):
            if any(not -1 <= pin[0] < len(self.macros) for pin in net):
                raise ValueError(f"net {number} has a pin of an unknown macro")
        _one_value_a_frame(self.series, len(self.frames))
        return self


class Location(_Model):
    """A stocking point's figures, one value a period, in units of stock; what is not known is left out."""

    name: _Name
    on_hand: list[_Maybe] = []
    backlog: list[_Maybe] = []
    pipeline: list[_Maybe] = []
    order: list[_Maybe] = []
    demand: list[_Maybe] = []
    lost: list[_Maybe] = []


class InventoryEpisode(Episode):
    """Stock, orders and demand over time. ``links`` are pairs of locations, from and to; −1 is outside."""

    periods: Annotated[int, Field(ge=1)]
    period: _Name = "period"
    warmup: Annotated[int, Field(ge=0)] = 0
    locations: Annotated[list[Location], Field(min_length=1)]
    links: list[tuple[int, int]] = []

    @model_validator(mode="after")
    def _consistent(self) -> InventoryEpisode:
        for location in self.locations:
            for name, values in location:
                if name != "name" and len(values) not in (0, self.periods):
                    raise ValueError(
                        f"{location.name}: {len(values)} values of {name}, {self.periods} periods"
                    )
        _one_value_a_frame(self.series, self.periods)
        return self


class _Replay(_Model):
    version: Literal[1] = 1
    scenario: _Name
    title: _Name = ""


class FramesReplay(_Replay):
    """A replay for the viewer ``frames``."""

    viewer: Literal["frames"]
    episodes: Annotated[list[FramesEpisode], Field(min_length=1)]


class IntersectionReplay(_Replay):
    """A replay for the viewer ``intersection``."""

    viewer: Literal["intersection"]
    episodes: Annotated[list[IntersectionEpisode], Field(min_length=1)]


class ChipReplay(_Replay):
    """A replay for the viewer ``chip``."""

    viewer: Literal["chip"]
    episodes: Annotated[list[ChipEpisode], Field(min_length=1)]


class InventoryReplay(_Replay):
    """A replay for the viewer ``inventory``."""

    viewer: Literal["inventory"]
    episodes: Annotated[list[InventoryEpisode], Field(min_length=1)]


Replay = FramesReplay | IntersectionReplay | ChipReplay | InventoryReplay
_VIEWERS: dict[str, type[Replay]] = {
    "frames": FramesReplay,
    "intersection": IntersectionReplay,
    "chip": ChipReplay,
    "inventory": InventoryReplay,
}


def write_replay(
    path: Path, viewer: str, scenario: str, episodes: Sequence[Mapping[str, Any]], title: str = ""
) -> None:
    """Check a replay and write it as compact JSON.

    Args:
        path: The file; its folder exists.
        viewer: ``frames``, ``intersection``, ``chip`` or ``inventory``.
        scenario: The scenario's (or task's) name.
        episodes: As the viewer wants them. NumPy arrays and numbers are taken; numbers are kept with six
            significant digits, those that are not finite become null.
        title: Shown above the replay.

    Raises:
        InvalidValueError: Says which entry does not fit.
    """
    document = _plain({"viewer": viewer, "scenario": scenario, "title": title, "episodes": list(episodes)})
    replay = check_replay(document)
    text = json.dumps(
        replay.model_dump(mode="json", exclude_defaults=True) | {"version": VERSION},
        separators=(",", ":"),
        allow_nan=False,
    )
    if len(text) > MAX_FILE:
        raise InvalidValueError(
            f"The replay would have {len(text) / 2**20:.0f} MB; at most {MAX_FILE // 2**20} are shown.",
            "Record fewer frames.",
        )
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def read_replay(path: Path) -> Replay:
    """Read and check a replay file.

    Raises:
        BrokenFileError: If it is none, or too large.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise BrokenFileError(path, f"a replay may have at most {MAX_FILE // 2**20} MB.")
        return check_replay(json.loads(path.read_text(encoding="utf-8")))
    except InvalidValueError as error:
        raise BrokenFileError(path, error.message) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BrokenFileError(path, f"no readable replay: {error}.") from error


def check_replay(document: Any) -> Replay:
    """A document as a replay.

    Raises:
        InvalidValueError: Says which entry does not fit.
    """
    viewer = document.get("viewer") if isinstance(document, dict) else None
    if not isinstance(viewer, str) or viewer not in _VIEWERS:
        raise InvalidValueError(
            f"A replay names a viewer that there is none of: {str(viewer)[:40]!r}.",
            f"Viewers: {', '.join(_VIEWERS)}.",
        )
    try:
        return _VIEWERS[viewer].model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidValueError(
            f"The replay does not fit the viewer {viewer}: {place}: {first['msg']}."
        ) from error


def _one_value_a_frame(series: Sequence[Series], frames: int) -> None:
    for one in series:
        if len(one.values) != frames:
            raise ValueError(f"the series {one.name} has {len(one.values)} values for {frames} frames")


def _plain(value: Any) -> Any:
    """NumPy and tuples as JSON has them; floats with six significant digits, infinities as null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        short = float(f"{value:.6g}")
        return short if abs(short) < float("inf") else None
    return value
