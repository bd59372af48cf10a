"""Search spaces, derived from an algorithm's typed hyperparameters.

A field that is known by name gets the range that experience recommends; the ranges follow RL Zoo 3
(Raffin 2020) and Patterson et al. 2024, section 5. Fields that no rule knows are left alone, unless
nothing at all is known: then every bounded number is searched over two decades around its default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.scenarios.overrides import parse_assignments, shorten


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
    """One of some values, which may be lists."""

    values: tuple[Any, ...]


Dimension = Real | Whole | Choice
Space = dict[str, Dimension]

_RULES: dict[str, Dimension] = {
    "learning_rate": Real(1e-5, 1e-2, log=True),
    "learning_rate_schedule": Choice(("constant", "linear")),
    "value_learning_rate": Real(1e-4, 1e-2, log=True),
    "gamma": Real(0.9, 0.999, log=True, complement=True),
    "gae_lambda": Real(0.8, 0.995, log=True, complement=True),
    "ent_coef": Real(1e-6, 0.1, log=True),
    "entropy_coef": Real(1e-6, 0.1, log=True),
    "clip_range": Choice((0.1, 0.2, 0.3)),
    "n_epochs": Choice((3, 5, 10, 20)),
    "n_steps": Choice((32, 64, 128, 256, 512, 1024, 2048)),
    "batch_size": Choice((32, 64, 128, 256, 512, 1024)),
    "episodes_per_update": Choice((8, 16, 32, 64, 128)),
    "max_grad_norm": Real(0.3, 10.0, log=True),
    "net_arch": Choice(((64, 64), (128, 128), (256, 256))),
    "activation": Choice(("tanh", "relu")),
    "normalize_observation": Choice((False, True)),
    "tau": Real(0.001, 0.1, log=True),
    "train_freq": Choice((1, 2, 4, 8, 16)),
    "learning_starts": Choice((100, 1_000, 5_000)),
    "target_update_interval": Whole(100, 20_000, log=True),
    "exploration_fraction": Real(0.05, 0.5),
    "exploration_final_eps": Real(0.01, 0.1, log=True),
    "target_kl": Real(0.003, 0.05, log=True),
    "delta_std": Real(0.01, 0.3, log=True),
    "n_delta": Choice((4, 8, 16, 32)),
}

_OFF_POLICY = ("n_steps", "max_grad_norm")
"""Names that mean something else, or little, where there is a replay buffer."""

_BY_ALGORITHM: dict[str, dict[str, Dimension]] = {
    "ars": {"learning_rate": Real(1e-3, 0.1, log=True)},
    "a2c": {"n_steps": Choice((5, 8, 16, 32, 64, 128))},
    "dqn": {"learning_rate": Real(1e-5, 5e-3, log=True)},
    "qr-dqn": {"learning_rate": Real(1e-5, 5e-3, log=True)},
}


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
        defaults: What is used where nothing is searched: the scenario's preset.
        steps: Training steps of a trial: rollouts and warm-ups longer than a tenth make no sense.
        num_envs: Number of environments.
        given: Ranges in place of the derived ones: ``name=low:high``, with ``:log``, or ``name=a,b,c``.
        only: Search these alone.

    Raises:
        UnknownNameError: For a name that is no hyperparameter.
        InvalidValueError: For a range that cannot be.
    """
    space = _derived(algorithm, model, defaults, steps, num_envs)
    ranges = {name: _parsed(name, str(text)) for name, text in _pairs(given).items()}
    for name in [*ranges, *only]:
        if name not in model.model_fields:
            raise UnknownNameError(f"hyperparameter of {algorithm}", name, model.model_fields)
    space |= ranges
    if only:
        missing = [name for name in only if name not in space]
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
        _check(model, defaults, name, dimension)
    return space


def as_json(space: Space) -> dict[str, Any]:
    """The space as plain values, for records and ids."""
    return {
        name: {"kind": type(dimension).__name__.lower(), **vars(dimension)}
        for name, dimension in space.items()
    }


def _derived(algorithm: str, model: type[BaseModel], defaults: BaseModel, steps: int, num_envs: int) -> Space:
    fields = model.model_fields
    replay = "buffer_size" in fields
    rules = {**_RULES, **_BY_ALGORITHM.get(algorithm, {})}
    space: Space = {}
    for name, dimension in rules.items():
        if name not in fields or (replay and name in _OFF_POLICY):
            continue
        value = getattr(defaults, name)
        if name == "ent_coef" and (replay or isinstance(value, str)):
            continue  # learned while training
        if name in ("tau", "target_update_interval") and not _worth(name, fields, value):
            continue
        if name == "net_arch" and algorithm == "ars":
            continue
        space[name] = dimension
    if algorithm == "ars":
        for name in ("activation", "learning_rate_schedule"):
            space.pop(name, None)
    _shorten(space, "n_steps", lambda value: value * num_envs <= max(steps // 10, 32))
    _shorten(space, "learning_starts", lambda value: value <= max(steps // 10, 100))
    longest = max(space["n_steps"].values) if isinstance(space.get("n_steps"), Choice) else None  # type: ignore[union-attr]
    if longest is not None and not replay:
        _shorten(space, "batch_size", lambda value: value <= longest * num_envs)
    return space or _generic(model, defaults)


def _worth(name: str, fields: Mapping[str, Any], value: Any) -> bool:
    """A target network is moved softly (τ) or copied now and then, not both."""
    copied = "target_update_interval" in fields and name == "tau" and value == 1.0
    soft = name == "target_update_interval" and value == 1
    return not (copied or soft)


def _shorten(space: Space, name: str, keep: Any) -> None:
    dimension = space.get(name)
    if isinstance(dimension, Choice):
        kept = tuple(value for value in dimension.values if keep(value))
        if len(kept) > 1:
            space[name] = Choice(kept)
        else:
            del space[name]


def _generic(model: type[BaseModel], defaults: BaseModel) -> Space:
    """Bounded numbers, over two decades around their defaults."""
    space: Space = {}
    for name, info in model.model_fields.items():
        value = getattr(defaults, name)
        low, high = _bound(info, ("ge", "gt")), _bound(info, ("le", "lt"))
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


def _bound(info: Any, names: tuple[str, ...]) -> float | None:
    for constraint in info.metadata:
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


def _check(model: type[BaseModel], defaults: BaseModel, name: str, dimension: Dimension) -> None:
    """Refuse a range whose ends the algorithm would refuse."""
    from sandbox.scenarios.validation import validate

    ends = dimension.values if isinstance(dimension, Choice) else (dimension.low, dimension.high)
    field = {name: (model.model_fields[name].annotation, model.model_fields[name])}
    from pydantic import create_model

    alone: Any = create_model(f"{model.__name__}_{name}", **field)  # type: ignore[call-overload]
    for value in ends:
        validate(alone, {name: value}, f"--param {name}")
