"""Search spaces, from the ranges that an algorithm declares on the fields of its config.

A field with a `sandbox.api.Tunable` is searched over its range, others are left alone. Where no field has
any, every bounded number is searched over two decades around its default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sandbox.api import Tunable
from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.api.tuning import Limit, Plain
from sandbox.scenarios.overrides import parse_assignments, shorten

Value = Plain | tuple[Plain, ...]


@dataclass(frozen=True)
class Real:
    """A number between ``low`` and ``high``.

    Attributes:
        log: Whether its order of magnitude is drawn.
        complement: Whether 1 - value is what is drawn (discounts: 0.99 to 0.999 matters, 0.5 to 0.51 not).
    """

    low: float
    high: float
    log: bool = False
    complement: bool = False


@dataclass(frozen=True)
class Whole:
    """A whole number between ``low`` and ``high``, both included."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of several values, which may be tuples."""

    values: tuple[Value, ...]


Dimension = Real | Whole | Choice
Space = dict[str, Dimension]

MIN_ROLLOUT, MIN_WARM_UP = 32, 100
"""Steps that are searched however small the budget is."""


def space_of(
    algorithm: str,
    model: type[BaseModel],
    defaults: BaseModel,
    steps: int,
    num_envs: int,
    given: Sequence[str] = (),
    only: Sequence[str] = (),
) -> Space:
    """The search space of an algorithm.

    Args:
        algorithm: Its name.
        model: The model of its hyperparameters.
        defaults: The settings where nothing is searched: the scenario's preset.
        steps: Training steps of a trial: rollouts and warm-ups longer than a tenth make no sense.
        num_envs: Number of environments.
        given: Ranges in place of the declared ones: ``name=low:high``, with ``:log``, or ``name=a,b,c``.
        only: Search these alone.

    Raises:
        UnknownNameError: For a name that is no hyperparameter.
        InvalidValueError: For a range that cannot be.
    """
    space = _declared(model, defaults, steps, num_envs) or _generic(model, defaults)
    given_ranges = {name: _parsed(name, text) for name, text in _pairs(given).items()}
    for name in [*given_ranges, *only]:
        if name not in model.model_fields:
            raise UnknownNameError(f"hyperparameter of {algorithm}", name, model.model_fields)
    space |= given_ranges
    if only:
        missing = [name for name in only if name not in space]
        too_long = [name for name in missing if name in tunables(model)]
        if too_long:
            raise InvalidValueError(
                f"No value in the range of {', '.join(too_long)} fits trials of {steps:,} steps.",
                f"Give more --steps, or a range: --param {too_long[0]}=low:high.",
            )
        if missing:
            raise InvalidValueError(
                f"No range is known for {', '.join(missing)}.",
                f"Give one: --param {missing[0]}=low:high:log.",
            )
        space = {name: space[name] for name in only}
    if not space:
        raise InvalidValueError(
            f"{algorithm} has no hyperparameter with a known range.",
            "Give ranges: --param name=low:high:log.",
        )
    for name, dimension in space.items():
        _check(model, name, dimension)
    return space


def as_json(space: Space) -> dict[str, Any]:
    """The space as plain values, for records and ids."""
    return {
        name: {"kind": type(dimension).__name__.lower(), **vars(dimension)}
        for name, dimension in space.items()
    }


def tunables(model: type[BaseModel]) -> dict[str, Tunable]:
    """The range that each field declares, of those that do."""
    return {
        name: extra
        for name, field in model.model_fields.items()
        for extra in field.metadata
        if isinstance(extra, Tunable)
    }


def _declared(model: type[BaseModel], defaults: BaseModel, steps: int, num_envs: int) -> Space:
    ranges = {
        name: tunable
        for name, tunable in tunables(model).items()
        if tunable.unless is None or getattr(defaults, name) != tunable.unless
    }
    space = {name: _dimension(tunable) for name, tunable in ranges.items()}
    limits = {name: tunable.limit for name, tunable in ranges.items()}
    _keep(space, _named(limits, "rollout"), lambda value: value * num_envs <= max(steps // 10, MIN_ROLLOUT))
    _keep(space, _named(limits, "warm-up"), lambda value: value <= max(steps // 10, MIN_WARM_UP))
    rollouts = [_largest(space[name]) for name in _named(limits, "rollout") if name in space]
    if rollouts:
        _keep(space, _named(limits, "minibatch"), lambda value: value <= max(rollouts) * num_envs)
    return space


def _dimension(tunable: Tunable) -> Dimension:
    if tunable.choices:
        return Choice(tunable.choices)
    low, high = tunable.low, tunable.high
    if isinstance(low, int) and isinstance(high, int):
        return Whole(low, high, tunable.log)
    assert low is not None
    assert high is not None
    return Real(low, high, tunable.log, tunable.complement)


def _named(limits: Mapping[str, Limit | None], limit: Limit) -> list[str]:
    return [name for name, of in limits.items() if of == limit]


def _largest(dimension: Dimension) -> float:
    ends = dimension.values if isinstance(dimension, Choice) else (dimension.high,)
    return max(value for value in ends if isinstance(value, int | float))


def _keep(space: Space, names: list[str], allowed: Callable[[float], bool]) -> None:
    """Leave out choices that are not allowed, and dimensions that have no two choices left."""
    for name in names:
        dimension = space[name]
        if not isinstance(dimension, Choice):
            continue
        kept = tuple(value for value in dimension.values if isinstance(value, int | float) and allowed(value))
        if len(kept) > 1:
            space[name] = Choice(kept)
        else:
            del space[name]


def _generic(model: type[BaseModel], defaults: BaseModel) -> Space:
    """Bounded numbers, over two decades around their defaults."""
    space: Space = {}
    for name, field in model.model_fields.items():
        value = getattr(defaults, name)
        low, high = _bound(field, ("ge", "gt")), _bound(field, ("le", "lt"))
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            continue
        if low is None or high is None:
            continue
        bottom, top = max(low, value / 10), min(high, value * 10)
        if isinstance(value, int):
            space[name] = Whole(max(1, math.ceil(bottom)), math.floor(top), log=True)
        elif bottom > 0:
            space[name] = Real(bottom, top, log=True)
    return space


def _bound(field: FieldInfo, names: tuple[str, ...]) -> float | None:
    for constraint in field.metadata:
        for name in names:
            value = getattr(constraint, name, None)
            if value is not None:
                return float(value)
    return None


def _pairs(given: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise InvalidValueError(f"--param takes name=low:high or name=a,b,c, not '{shorten(pair)}'.")
        pairs[name.strip()] = text.strip()
    return pairs


def _parsed(name: str, text: str) -> Dimension:
    parts = text.split(":")
    if len(parts) in (2, 3) and (len(parts) == 2 or parts[2] == "log"):
        log = len(parts) == 3
        try:
            low, high = float(parts[0]), float(parts[1])
        except ValueError:
            raise InvalidValueError(
                f"--param {name}: the ends of a range are numbers, not '{text[:40]}'."
            ) from None
        if not (math.isfinite(low) and math.isfinite(high) and low < high) or (log and low <= 0):
            raise InvalidValueError(
                f"--param {name}: {text[:40]} is no range.", "low < high, and above 0 with :log."
            )
        whole = all("." not in part and "e" not in part.lower() for part in parts[:2])
        return Whole(int(low), int(high), log) if whole else Real(low, high, log)
    values = tuple(parse_assignments([f"x={part}"], "--param")["x"] for part in text.split(","))
    if len(set(map(str, values))) < max(2, len(values)):
        raise InvalidValueError(f"--param {name}: name at least two different values, such as {name}=a,b.")
    return Choice(values)


def _check(model: type[BaseModel], name: str, dimension: Dimension) -> None:
    """Refuse a range whose ends the algorithm would refuse."""
    from pydantic import create_model

    from sandbox.scenarios.validation import validate

    ends = dimension.values if isinstance(dimension, Choice) else (dimension.low, dimension.high)
    field = {name: (model.model_fields[name].annotation, model.model_fields[name])}
    alone: Any = create_model(f"{model.__name__}_{name}", **field)  # type: ignore[call-overload]
    for value in ends:
        validate(alone, {name: value}, f"--param {name}")
