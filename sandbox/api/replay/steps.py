"""What a step of any task gives a replay: its action, reward and reward terms, and pictures."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.api.replay.columns import Floats
from sandbox.api.replay.document import Pictures, Series, Texts
from sandbox.api.view import Moment

MAX_TEXT = 60
"""Characters of an action."""

MAX_INFOS = 8
"""Further numbers of ``info`` that are kept."""

_NOT_FIGURES = ("reward_terms", "metrics", "action_mask", "active")


@dataclass(frozen=True, slots=True)
class _Step:
    """What is kept of a moment."""

    action: str
    reward: float
    terms: dict[str, float]
    infos: dict[str, float]


class StepLog:
    """Actions, rewards and reward terms of an episode, moment by moment.

    Give it every moment of an episode, the one after the reset first. A moment is a frame unless `series`
    and `texts` are told otherwise.

    Args:
        weights: Of the reward's terms; those without weight are left out.
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self._weights = dict(weights or {})
        self._steps: list[_Step] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, moment: Moment) -> None:
        """Keep one moment's figures; those of several agents are summed."""
        terms = {
            name: self._weights[name] * float(np.sum(np.asarray(value, np.float64)))
            for name, value in moment.info.get("reward_terms", {}).items()
            if self._weights.get(name)
        }
        infos = {
            name: float(value)
            for name, value in moment.info.items()
            if name not in _NOT_FIGURES and isinstance(value, int | float | np.number)
        }
        self._steps.append(_Step(_words(moment.action), moment.reward, terms, infos))

    def series(self, frames: Sequence[int] | None = None, infos: bool = False) -> list[Series]:
        """The reward and, where it has several terms, what each adds to it.

        Args:
            frames: Steps at which the frames are, ascending; every step if absent. A value is then the
                mean over the steps since the frame before.
            infos: Whether further numbers that stand in ``info`` are series as well.
        """
        places = range(len(self._steps)) if frames is None else frames
        rewards = _means([step.reward for step in self._steps], places)
        terms = _columns([step.terms for step in self._steps], places)
        others = _columns([step.infos for step in self._steps], places) if infos else {}
        parts = terms if len(terms) > 1 else {}
        shown = [Series(name=name, values=values, panel="reward") for name, values in parts.items()]
        shown.append(Series(name="reward", values=rewards, panel="reward", colour="ink"))
        return shown + [Series(name=name, values=others[name]) for name in list(others)[:MAX_INFOS]]

    def texts(self, frames: Sequence[int] | None = None) -> list[Texts]:
        """The action that led to every frame."""
        places = range(len(self._steps)) if frames is None else frames
        return [Texts(name="action", values=[self._steps[place].action for place in places])]


class PictureLog:
    """Pictures of an episode of any length, evenly spread: when there are too many, every other one goes.

    Args:
        limit: Most pictures, at least 2.
        max_side: A larger picture is made smaller, keeping its shape.
    """

    def __init__(self, limit: int = 160, max_side: int = 360) -> None:
        self._limit, self._max_side = limit, max_side
        self._every = 1
        self._images: dict[int, str] = {}

    def wants(self, step: int) -> bool:
        """Whether the picture after so many steps is to be given to `add`."""
        return step % self._every == 0

    def add(self, step: int, picture: NDArray[np.uint8]) -> None:
        """Keep a picture of shape ``(height, width, 3)``."""
        self._images[step] = encode_picture(picture, self._max_side)
        if len(self._images) > self._limit:
            self._every *= 2
            self._images = {
                place: image for place, image in self._images.items() if self.wants(place) or place == step
            }

    @property
    def steps(self) -> list[int]:
        """Steps that there are pictures of, ascending."""
        return list(self._images)

    @property
    def pictures(self) -> Pictures:
        """The pictures, one a frame."""
        return Pictures(images=list(self._images.values()))


def encode_picture(picture: NDArray[np.uint8], max_side: int = 360, quality: int = 80) -> str:
    """A rendered frame as the base64 text of a JPEG file.

    Args:
        picture: Shape ``(height, width, 3)``.
        max_side: A larger picture is made smaller, keeping its shape; the pixels of a much smaller one are
            made larger.
        quality: Of the JPEG file, 1 to 95.
    """
    from PIL import Image

    larger = max(max_side // max(picture.shape[:2]), 1)
    image = Image.fromarray(np.ascontiguousarray(picture.repeat(larger, 0).repeat(larger, 1)))
    image.thumbnail((max_side, max_side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _columns(rows: Sequence[Mapping[str, float]], frames: Sequence[int]) -> dict[str, Floats]:
    """Means of every name that occurs."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _means([row.get(name, math.nan) for row in rows], frames) for name in names}


def _means(values: Sequence[float], frames: Sequence[int]) -> Floats:
    """Means over the steps since the frame before; a frame after the reset has no step."""
    column = np.array(values, np.float64)
    starts = [1, *(place + 1 for place in frames[:-1])]
    return np.array([_mean(column[a : b + 1]) for a, b in zip(starts, frames, strict=True)])


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _words(action: object) -> str:
    """An action in a few words."""
    if action is None:
        return ""
    if isinstance(action, Mapping):
        text = ", ".join(f"{name} {_words(part)}" for name, part in action.items())
    else:
        numbers = np.asarray(action)
        if numbers.dtype.kind == "f":
            text = " ".join(f"{value:.3g}" for value in numbers.ravel()[:MAX_TEXT])
        else:
            text = " ".join(str(value) for value in numbers.ravel()[:MAX_TEXT].tolist())
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
