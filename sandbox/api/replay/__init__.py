"""Replay files: played episodes as data, shown by a player that knows no domain.

A task writes one from a view named ``replay`` (see ``docs/reference/replay.md``) with `write_replay`;
tasks without such a view get one with rendered pictures and the reward of every step. ``sandbox ui`` and
reports show them. Everything is JSON, and every file is checked before it is written or shown.
"""

from sandbox.api.replay.document import Clock, Episode, Event, Pictures, Replay, Series, Texts
from sandbox.api.replay.files import MAX_FILE, check_replay, read_replay, to_json, write_replay
from sandbox.api.replay.scene import Kind, LegendEntry, Scene, Things
from sandbox.api.replay.shapes import Circles, Colour, Grid, Labels, Lines, Polygons, Rectangles
from sandbox.api.replay.steps import PictureLog, StepLog, encode_picture

__all__ = [
    "MAX_FILE",
    "Circles",
    "Clock",
    "Colour",
    "Episode",
    "Event",
    "Grid",
    "Kind",
    "Labels",
    "LegendEntry",
    "Lines",
    "PictureLog",
    "Pictures",
    "Polygons",
    "Rectangles",
    "Replay",
    "Scene",
    "Series",
    "StepLog",
    "Texts",
    "Things",
    "check_replay",
    "encode_picture",
    "read_replay",
    "to_json",
    "write_replay",
]
