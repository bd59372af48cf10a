"""Kinds of vehicles: SUMO's parameters of a type, and how a vehicle of it departs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.api import InvalidValueError
from sandbox_traffic.twin.arrays import ANYWHERE, AS_FAST, AVERAGE, BASE, BEST, DESIRED, FIRST, FREE
from sandbox_traffic.twin.roads import WAY_OUT

DEFAULTS: Mapping[str, tuple[float, float, float, float, float, float]] = {
    "passenger": (5.0, 2.5, 2.6, 4.5, 200.0, 0.1),
    "private": (5.0, 2.5, 2.6, 4.5, 200.0, 0.1),
    "taxi": (5.0, 2.5, 2.6, 4.5, 200.0, 0.05),
    "delivery": (6.5, 2.5, 2.6, 4.5, 200.0, 0.05),
    "truck": (7.1, 2.5, 1.3, 4.0, 130.0, 0.05),
    "trailer": (16.5, 2.5, 1.1, 4.0, 130.0, 0.05),
    "bus": (12.0, 2.5, 1.2, 4.0, 85.0, 0.05),
    "coach": (14.0, 2.5, 2.0, 4.0, 100.0, 0.05),
    "motorcycle": (2.2, 2.5, 6.0, 10.0, 200.0, 0.1),
}
"""Length and least gap, m, acceleration and deceleration, m/s², top speed, km/h, and spread of the desired
speed, by class of vehicle (SUMO 1.28, Definition of Vehicles)."""

HARDEST = {"truck": 7.0, "trailer": 7.0, "bus": 7.0, "coach": 7.0, "motorcycle": 10.0}
"""Emergency deceleration of these classes, m/s²; 9 of others."""

_NORMC = re.compile(r"normc?\(([^)]*)\)")

LANES = {"best": BEST, "free": FREE, "first": FIRST, "allowed": FIRST, "best_prob": BEST}

SPEEDS = {"max": AS_FAST, "last": AVERAGE, "avg": AVERAGE, "desired": DESIRED, "speedLimit": DESIRED}

POSITIONS = {"base": BASE, "last": BASE, "random": ANYWHERE, "random_free": ANYWHERE}

MODELS = frozenset({"Krauss", "SUMOKrauss", "passenger/Krauss"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of vehicles.

    Attributes:
        row: The fields of its record of `sandbox_traffic.twin.arrays.KIND`, in their order.
        vclass: SUMO's class.
        factor: Mean, deviation and bounds of the desired speed as a share of the limit.
    """

    row: tuple[float, ...]
    vclass: str
    factor: tuple[float, float, float, float]


def make_kind(vehicle_type: Mapping[str, str], departure: Mapping[str, str]) -> Kind:
    """The kind of a vehicle type and of how its vehicles depart.

    Args:
        vehicle_type: Attributes of a ``<vType>``.
        departure: Attributes of a vehicle, trip or flow; absent ones are SUMO 1.28's defaults.

    Raises:
        InvalidValueError: For what the twin does not model.
    """
    vclass = vehicle_type.get("vClass", "passenger")
    name = vehicle_type.get("id", vclass)
    if vclass not in DEFAULTS:
        raise InvalidValueError(f"The twin has no vehicles of class {vclass}, as '{name}'.", WAY_OUT)
    model = vehicle_type.get("carFollowModel", "Krauss")
    if model not in MODELS:
        raise InvalidValueError(f"The twin has no car-following model {model}, as '{name}'.", WAY_OUT)
    length, gap, accel, decel, top, spread = DEFAULTS[vclass]

    def number(key: str, default: float) -> float:
        return _number(vehicle_type.get(key), default, f"{key} of '{name}'")

    decel = number("decel", decel)
    hardest = max(number("emergencyDecel", HARDEST.get(vclass, 9.0)), decel)
    tau = number("tau", 1.0)
    row = (
        number("length", length), number("minGap", gap), number("accel", accel), decel, hardest,
        number("sigma", 0.5), tau, number("maxSpeed", top / 3.6),
        _word(departure, "departLane", "best_prob", LANES),
        _word(departure, "departSpeed", "avg", SPEEDS),
        _word(departure, "departPos", "base", POSITIONS),
    )  # fmt: skip
    return Kind(row, vclass, _factor(vehicle_type, spread, name))


def _word(attributes: Mapping[str, str], key: str, default: str, words: Mapping[str, float]) -> float:
    text = attributes.get(key, default)
    return words[text] if text in words else _number(text, 0.0, key)


def _number(text: str | None, default: float, what: str) -> float:
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise InvalidValueError(f"The twin has no {what} = {str(text)[:40]}.", WAY_OUT)
    return value


def _factor(vehicle_type: Mapping[str, str], spread: float, name: str) -> tuple[float, float, float, float]:
    """Mean, deviation and bounds of the desired speed as a share of the limit."""
    text = vehicle_type.get("speedFactor", "1")
    match = _NORMC.fullmatch(text.replace(" ", ""))
    if match is None:
        mean = _number(text, 1.0, f"speedFactor of '{name}'")
        return mean, _number(vehicle_type.get("speedDev"), spread, "speedDev"), 0.2, 2.0
    parts = [_number(part, 1.0, f"speedFactor of '{name}'") for part in match[1].split(",")]
    mean, spread, low, high = (*parts, *(1.0, 0.1, 0.2, 2.0)[len(parts) :])
    return mean, spread, low, high
