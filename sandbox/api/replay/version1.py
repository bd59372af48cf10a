"""Replay files of version 1, which named one of four domains' viewers, as replays of this version.

Kept so that runs made by sandbox-rl 0.1 can be watched; nothing writes version 1.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from sandbox.api.replay.document import Episode, Replay
from sandbox.api.replay.shapes import Point
from sandbox.api.replay.version1_documents import (
    READER,
    Chip,
    Figures,
    Frames,
    Intersection,
    Inventory,
    Macro,
    Placement,
)

_LIGHTS = {"r": 0, "y": 1, "u": 1, "g": 2, "G": 2}
_LIGHT_COLOURS = ["bad", "yellow", "good", "faint"]


def convert(document: object) -> Replay:
    """A document of version 1 as a replay.

    Raises:
        pydantic.ValidationError: If it does not fit that version, or makes no replay of this one.
    """
    old = READER.validate_python(document)
    episodes = [_episode(episode) for episode in old.episodes]
    return Replay(scenario=old.scenario, title=old.title, episodes=episodes)


def _episode(old: Frames | Intersection | Chip | Inventory) -> Episode:
    if isinstance(old, Frames):
        shown = _of_frames(old)
    elif isinstance(old, Intersection):
        shown = _of_intersection(old)
    elif isinstance(old, Chip):
        shown = _of_chip(old)
    else:
        shown = _of_inventory(old)
    frames = shown["frames"]
    series = [
        {"name": figure.name, "unit": figure.unit, "values": _fitted(figure.values, frames)}
        for figure in old.series
    ]
    shown["series"] = [*shown.get("series", []), *series]
    return Episode.model_validate({"agent": old.agent, "seed": old.seed, "metrics": old.metrics, **shown})


def _fitted(values: Figures, frames: int) -> Figures:
    """Version 1 let series of pictures have any length."""
    return [*values[:frames], *[None] * (frames - len(values))]


def _of_frames(old: Frames) -> dict[str, Any]:
    longest = max((len(series.values) for series in old.series), default=1)
    pictures = {"video": old.video} if old.video else {"images": old.images, "mime": old.mime}
    return {
        "frames": max(longest, 1) if old.video else len(old.images),
        "clock": {"unit": "s", "every": 1 / old.fps},
        "pictures": pictures,
    }


def _of_intersection(old: Intersection) -> dict[str, Any]:
    widths = dict.fromkeys(road.width for road in old.roads)
    shapes: list[dict[str, Any]] = [
        {
            "kind": "lines",
            "line": "line",
            "paths": [road.points for road in old.roads if road.width == width],
            "width": width,
            "pixels": 1.5,
        }
        for width in widths
    ]
    shapes.append({"kind": "polygons", "fill": "line", "paths": old.junctions})
    return {
        "frames": len(old.frames),
        "clock": {"unit": "s", "every": old.seconds_per_frame},
        "scene": {
            "unit": "m",
            "title": "vehicles from above",
            "shapes": shapes,
            "things": [_signals(old), _vehicles(old)],
        },
    }


def _signals(old: Intersection) -> dict[str, Any]:
    """Stop lines as things that lie across their lane and change their colour."""
    lights = [frame.signals for frame in old.frames]
    frames = len(lights)
    spans = [complex(b[0] - a[0], b[1] - a[1]) for a, b in old.signals]
    count = len(spans)
    return {
        "kinds": [{"name": "signal", "width": 1.4, "pixels": 3, "colours": _LIGHT_COLOURS}],
        "counts": [count] * frames,
        "ids": list(range(count)) * frames,
        "x": [(a[0] + b[0]) / 2 for a, b in old.signals] * frames,
        "y": [(a[1] + b[1]) / 2 for a, b in old.signals] * frames,
        "angle": [math.degrees(cmath.phase(span)) for span in spans] * frames,
        "length": [max(abs(span), 0.1) for span in spans] * frames,
        "value": [_LIGHTS.get(letter, 3) for letters in lights for letter in letters],
        "smooth": False,
    }


def _vehicles(old: Intersection) -> dict[str, Any]:
    rows = [row for frame in old.frames for row in frame.vehicles]
    identity: dict[int, int] = {}
    kinds = [
        {
            "name": kind.name,
            "length": kind.length,
            "width": kind.width,
            "pixels": 5,
            "anchor": "front",
            "colours": ["orange", "orange"] if kind.accent else ["bad", "yellow", "blue"],
            "limits": (0.0, 14.0),
        }
        for kind in old.kinds
    ]
    return {
        "kinds": kinds,
        "counts": [len(frame.vehicles) for frame in old.frames],
        "ids": [identity.setdefault(row[0], len(identity)) for row in rows],
        "x": [row[1] for row in rows],
        "y": [row[2] for row in rows],
        "angle": [90 - row[3] for row in rows],
        "value": [row[4] for row in rows],
        "kind": [row[5] for row in rows],
        "jump": 60 * old.seconds_per_frame,
    }


def _of_chip(old: Chip) -> dict[str, Any]:
    width, height = old.canvas.width, old.canvas.height
    last = {placement.macro: (frame, placement) for frame, placement in enumerate(old.frames)}
    lines, since = _nets(old, last)
    shapes: list[dict[str, Any]] = [
        {"kind": "rectangles", "boxes": [(0.0, 0.0, width, height)], "line": "faint"},
        *(
            {"kind": "grid", "layer": heat.name, "box": (0.0, 0.0, width, height)}
            | heat.model_dump(include={"columns", "rows", "values"})
            for heat in old.maps
        ),
        {
            "kind": "rectangles",
            "boxes": [(block.x, block.y, block.width, block.height) for block in old.fixed],
            "names": [block.name for block in old.fixed],
            "fill": "grey",
            "line": "grey",
            "opacity": 0.5,
        },
        {"kind": "circles", "centres": old.pads, "fill": "grey"},
        {
            "kind": "lines",
            "layer": "nets",
            "paths": lines,
            "since": since,
            "line": "ink",
            "opacity": 0.12 if len(lines) > 400 else 0.3,
        },
    ]
    return {
        "frames": len(old.frames),
        "clock": {"unit": "macros", "start": 1.0},
        "opens_at": "end",
        "scene": {
            "unit": old.canvas.unit,
            "title": "placement",
            "shapes": shapes,
            "things": [_macros(old)],
            "hidden": [heat.name for heat in old.maps],
        },
    }


def _macros(old: Chip) -> dict[str, Any]:
    sizes = [_turned(old.macros[placement.macro], placement.orientation) for placement in old.frames]
    return {
        "kinds": [{"name": "macro", "anchor": "corner", "line": "blue", "opacity": 0.45, "labels": True}],
        "counts": [1] * len(old.frames),
        "ids": [placement.macro for placement in old.frames],
        "x": [placement.x for placement in old.frames],
        "y": [placement.y for placement in old.frames],
        "length": [size[0] for size in sizes],
        "width": [size[1] for size in sizes],
        "names": [macro.name for macro in old.macros],
        "keep": True,
        "smooth": False,
    }


def _turned(macro: Macro, orientation: str) -> tuple[float, float]:
    return (macro.height, macro.width) if orientation[-1] in "EW" else (macro.width, macro.height)


def _nets(old: Chip, last: dict[int, tuple[int, Placement]]) -> tuple[list[list[Point]], list[int]]:
    """Lines from the pins to the middle of their net, and the frame in which each pin is placed."""
    lines: list[list[Point]] = []
    since: list[int] = []
    for net in old.nets:
        pins = [_pin(old, pin, last) for pin in net if pin[0] < 0 or pin[0] in last]
        if len(pins) < 2:
            continue
        middle = (sum(x for _, x, _ in pins) / len(pins), sum(y for _, _, y in pins) / len(pins))
        lines += [[(x, y), middle] for _, x, y in pins]
        since += [frame for frame, _, _ in pins]
    return lines, since


def _pin(
    old: Chip, pin: tuple[int, float, float], last: dict[int, tuple[int, Placement]]
) -> tuple[int, float, float]:
    """First frame and place of a pin."""
    owner, dx, dy = pin
    if owner < 0:
        return 0, dx, dy
    frame, placement = last[owner]
    w, h = old.macros[owner].width, old.macros[owner].height
    x, y = {
        "N": (dx, dy),
        "S": (w - dx, h - dy),
        "W": (h - dy, dx),
        "E": (dy, w - dx),
        "FN": (w - dx, dy),
        "FS": (dx, h - dy),
        "FW": (dy, dx),
        "FE": (h - dy, w - dx),
    }[placement.orientation]
    return frame, placement.x + x, placement.y + y


_PANELS = (
    ("stock", "on_hand", "on hand", "blue", "line"),
    ("stock", "pipeline", "on order", "cyan", "line"),
    ("stock", "backlog", "backlog", "bad", "line"),
    ("flows", "demand", "demand", "orange", "step"),
    ("flows", "order", "order", "green", "step"),
    ("flows", "lost", "lost sales", "bad", "step"),
)


def _of_inventory(old: Inventory) -> dict[str, Any]:
    series = [
        {
            "name": name,
            "unit": "units",
            "values": values,
            "panel": f"{location.name}: {panel}",
            "style": style,
            "colour": colour,
        }
        for location in old.locations
        for panel, key, name, colour, style in _PANELS
        if (values := getattr(location, key))
    ]
    events = [{"frame": 0, "until": min(old.warmup, old.periods) - 1, "text": "warm-up"}]
    return {
        "frames": old.periods,
        "clock": {"unit": f"{old.period}s", "start": 1.0},
        "opens_at": "end",
        "series": series,
        "events": events if old.warmup else [],
    }
