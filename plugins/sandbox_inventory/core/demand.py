"""Demand families behind one interface: how they are described, drawn, and what their moments are.

Every family is described by a `Demand` and drawn in blocks by `draw`, one generator a copy, so a path
depends on the seed alone and not on how many copies are played. Families with a memory (autoregressive,
Markov-modulated) carry it between blocks and show in `context` what makes the process Markov.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import InvalidValueError
from sandbox_inventory.core.compiled import kernels

Array = NDArray[Any]
Kind = Literal[
    "poisson",
    "geometric",
    "negative-binomial",
    "normal",
    "gamma",
    "uniform",
    "ar1",
    "markov",
    "trace",
]
TAIL = 1e-13
"""Probability beyond which the tail of a distribution on the integers is cut, and rescaled."""

TABLED_UP_TO = 1000.0
"""Largest mean of a distribution on the integers that is drawn by inversion of a table."""

_WHOLE = ("poisson", "geometric", "negative-binomial", "markov")
_USES: dict[str, set[str]] = {
    "poisson": {"mean"},
    "geometric": {"mean"},
    "negative-binomial": {"mean", "std"},
    "normal": {"mean", "std", "whole"},
    "gamma": {"mean", "std", "whole"},
    "uniform": {"low", "high", "whole"},
    "ar1": {"mean", "std", "correlation", "whole"},
    "markov": {"regimes", "persistence"},
    "trace": {"values", "random_start", "cycle"},
}


class Demand(BaseModel):
    """One item's demand a period.

    - ``poisson(mean)``; ``geometric(mean)``: P(k) = (1-a)·aᵏ, k = 0, 1, …, with a = mean/(1+mean);
      ``negative-binomial(mean, std)`` with std² > mean.
    - ``normal(mean, std)``: truncated to d ≥ 0; with ``whole``, rounded to the nearest integer and then
      set to zero below zero. Both shift mean and variance: `moments` tells the true ones.
    - ``gamma(mean, std)``, rounded to the nearest integer with ``whole``.
    - ``uniform(low, high)``: real; with ``whole`` the integers low … high.
    - ``ar1``: dₜ = max(0, zₜ), zₜ - mean = correlation·(zₜ₋₁ - mean) + noise, z stationary with
      ``mean`` and ``std``; rounded with ``whole``.
    - ``markov``: Poisson with the mean of a hidden-free regime that stays with ``persistence`` and else
      moves to another regime, each as likely.
    - ``trace``: ``values`` in order, then the last one for ever, or from the front with ``cycle``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Kind = Field("poisson", description="family of the distribution")
    mean: float = Field(5.0, ge=0, le=100_000, description="mean, units a period")
    std: float | None = Field(None, gt=0, le=100_000, description="standard deviation, units a period")
    low: float = Field(0.0, ge=0, le=100_000, description="smallest uniform demand, units a period")
    high: float = Field(10.0, ge=0, le=100_000, description="largest uniform demand, units a period")
    whole: bool = Field(False, description="round to whole units (families on the integers always are)")
    correlation: float = Field(0.5, gt=-1, lt=1, description="lag-one correlation of ar1, 1")
    regimes: tuple[float, ...] = Field(
        (3.0, 10.0), min_length=1, max_length=20, description="mean of each regime of markov, units a period"
    )
    persistence: float = Field(0.9, ge=0, le=1, description="probability that a regime stays, 1")
    values: tuple[float, ...] = Field(
        (4.0, 4.0, 4.0, 4.0, 8.0), min_length=1, max_length=100_000, description="the trace, units a period"
    )
    cycle: bool = Field(False, description="start the trace again at its end, instead of repeating its last")
    random_start: bool = Field(False, description="begin a cycled trace at a random place")

    @model_validator(mode="after")
    def _consistent(self) -> Demand:
        if self.kind in ("negative-binomial", "normal", "gamma", "ar1") and self.std is None:
            raise ValueError(f"demand of kind {self.kind} needs std")
        if self.kind == "negative-binomial" and self.std is not None and self.std**2 <= self.mean:
            raise ValueError("negative-binomial demand needs std² > mean (else use poisson)")
        if self.kind in ("negative-binomial", "gamma") and self.mean <= 0:
            raise ValueError(f"{self.kind} demand needs a mean greater than 0")
        if self.kind == "uniform" and self.high < self.low:
            raise ValueError("uniform demand needs low <= high")
        if self.kind == "uniform" and self.whole and (self.low % 1 or self.high % 1):
            raise ValueError("uniform demand in whole units needs whole low and high")
        if any(mean < 0 for mean in self.regimes) or any(value < 0 for value in self.values):
            raise ValueError("demand must not be negative")
        return self

    @property
    def integer(self) -> bool:
        """Whether demand comes in whole units."""
        if self.kind == "trace":
            return all(value % 1 == 0 for value in self.values)
        return self.kind in _WHOLE or self.whole

    @property
    def independent(self) -> bool:
        """Whether periods are independent and identically distributed."""
        return self.kind not in ("ar1", "markov", "trace")

    @property
    def tabled(self) -> bool:
        """Whether a value is drawn by inverting the distribution function: one uniform number a value.

        Then the same seed gives the same quantiles whatever the parameters: common random numbers.
        """
        return self.kind in ("poisson", "geometric", "negative-binomial") and self.mean <= TABLED_UP_TO

    @property
    def context_size(self) -> int:
        """Numbers a period that an agent must see for the process to be Markov."""
        return {"ar1": 1, "markov": len(self.regimes)}.get(self.kind, 0)

    def described(self) -> dict[str, Any]:
        """The fields that matter for the family, as plain data."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in sorted(_USES[self.kind])}}


def draw(
    demand: Demand, rng: np.random.Generator, periods: int, width: int, memory: Array | None
) -> tuple[Array, Array | None, Array | None]:
    """Draw a block of demand.

    Args:
        demand: The family.
        rng: The copy's generator.
        periods: Length of the block.
        width: Independent items.
        memory: What the last block left, None at the start of an episode.

    Returns:
        Demand, shape ``(periods, width)``, float64; what is seen before each period's decision, shape
        ``(periods, width·context_size)``, or None; the memory for the next block.
    """
    shape = (periods, width)
    if demand.independent:
        return _independent(demand, rng, shape), None, None
    if demand.kind == "ar1":
        return _autoregressive(demand, rng, shape, memory)
    if demand.kind == "markov":
        return _modulated(demand, rng, shape, memory)
    return _trace(demand, rng, shape, memory)


def _independent(demand: Demand, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    if demand.tabled:
        return inverse(demand, rng.random(shape))
    mean, std = demand.mean, demand.std or 0.0
    values: Array
    match demand.kind:
        case "poisson":
            values = rng.poisson(mean, shape)
        case "geometric":
            values = rng.geometric(1 / (1 + mean), shape) - 1
        case "negative-binomial":
            values = rng.negative_binomial(mean**2 / (std**2 - mean), mean / std**2, shape)
        case "normal":
            values = _normal(demand, rng, shape)
        case "gamma":
            values = rng.gamma((mean / std) ** 2, std**2 / mean, shape)
            values = np.rint(values) if demand.whole else values
        case _:
            low, high = demand.low, demand.high
            values = (
                rng.integers(int(low), int(high) + 1, shape)
                if demand.whole
                else rng.uniform(low, high, shape)
            )
    return values.astype(np.float64)


@dataclass(frozen=True)
class _Quantiles:
    """A distribution function, P(d <= 0), P(d <= 1), …, and where to begin looking for a quantile."""

    cumulative: Array
    guide: Array


@lru_cache(maxsize=256)
def _quantiles(demand: Demand) -> _Quantiles:
    cumulative = np.cumsum(probabilities(demand))
    cumulative[-1] = np.inf  # beyond every uniform number, whatever the rounding
    cells = 4096
    guide = np.searchsorted(cumulative, np.arange(cells) / cells, side="right")
    return _Quantiles(cumulative, guide.astype(np.int64))


def inverse(demand: Demand, uniform: Array) -> Array:
    """The quantiles of `Demand.tabled` demand at ``uniform`` numbers in [0, 1), float64."""
    known = _quantiles(demand)
    if compiled := kernels(uniform.size // 64):
        values = np.empty(uniform.shape)
        compiled.invert(uniform.reshape(-1), known.cumulative, known.guide, values.reshape(-1))
        return values
    found: Array = np.searchsorted(known.cumulative, uniform, side="right").astype(np.float64)
    return found


def _normal(demand: Demand, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    mean, std = demand.mean, demand.std or 0.0
    if demand.whole:
        rounded: Array = np.maximum(np.rint(rng.normal(mean, std, shape)), 0.0)
        return rounded
    from scipy.special import ndtr, ndtri

    below = ndtr(-mean / std)
    # Inverse of the truncated distribution function: one uniform a value, so a path is never rejected.
    values: Array = mean + std * ndtri(below + (1 - below) * rng.random(shape))
    return np.maximum(values, 0.0)


def _autoregressive(
    demand: Demand, rng: np.random.Generator, shape: tuple[int, int], memory: Array | None
) -> tuple[Array, Array, Array]:
    from scipy.signal import lfilter

    mean, std, rho = demand.mean, demand.std or 0.0, demand.correlation
    last = rng.normal(0.0, std, shape[1]) if memory is None else memory
    noise = rng.normal(0.0, std * np.sqrt(1 - rho**2), shape)
    deviation, _ = lfilter([1.0], [1.0, -rho], noise, axis=0, zi=(rho * last)[None])
    seen = np.maximum(mean + np.concatenate([last[None], deviation[:-1]]), 0.0)
    values = np.maximum(mean + deviation, 0.0)
    return (np.rint(values) if demand.whole else values), seen, deviation[-1]


def _modulated(
    demand: Demand, rng: np.random.Generator, shape: tuple[int, int], memory: Array | None
) -> tuple[Array, Array, Array]:
    count, (periods, width) = len(demand.regimes), shape
    now = rng.integers(count, size=width) if memory is None else memory.astype(np.int64)
    leaves = rng.random(shape) >= demand.persistence
    jumps = rng.integers(1, max(count, 2), shape) * leaves  # to another regime, each as likely
    path = (now + np.concatenate([np.zeros((1, width), np.int64), np.cumsum(jumps, 0)])) % count
    values = rng.poisson(np.asarray(demand.regimes)[path[:-1]]).astype(np.float64)
    seen = np.eye(count)[path[:-1]].reshape(periods, width * count)
    return values, seen, path[-1].astype(np.float64)


def _trace(
    demand: Demand, rng: np.random.Generator, shape: tuple[int, int], memory: Array | None
) -> tuple[Array, None, Array]:
    values, length = np.asarray(demand.values, np.float64), len(demand.values)
    if memory is None:
        memory = rng.integers(length, size=shape[1]) if demand.random_start else np.zeros(shape[1])
    at = memory.astype(np.int64) + np.arange(shape[0])[:, None]
    index = at % length if demand.cycle else np.minimum(at, length - 1)
    return values[index], None, (at[-1] + 1).astype(np.float64)


def probabilities(demand: Demand) -> Array:
    """P(d = 0), P(d = 1), …, of a family on the integers with independent periods; sums to one.

    Raises:
        InvalidValueError: For other families; exact solvers need these probabilities.
    """
    from scipy import stats

    if not (demand.independent and demand.integer):
        raise InvalidValueError(
            f"An exact solution needs independent demand in whole units, not {demand.kind}"
            f"{'' if demand.integer else ' in fractions of a unit'}.",
            "Use poisson, geometric, negative-binomial, or whole=true with normal, gamma or uniform.",
        )
    kind, mean, std = demand.kind, demand.mean, demand.std or 0.0
    if kind == "uniform":
        low, high = int(demand.low), int(demand.high)
        return np.where(np.arange(high + 1) >= low, 1.0 / (high - low + 1), 0.0)
    if kind in ("normal", "gamma"):
        family = (
            stats.norm(mean, std) if kind == "normal" else stats.gamma((mean / std) ** 2, 0, std**2 / mean)
        )
        top = int(np.ceil(family.isf(TAIL))) + 1
        upper = family.cdf(np.arange(top + 1) + 0.5)
        mass = np.diff(upper, prepend=0.0)
    else:
        family = {
            "poisson": lambda: stats.poisson(mean),
            "geometric": lambda: stats.geom(1 / (1 + mean), -1),
            "negative-binomial": lambda: stats.nbinom(mean**2 / (std**2 - mean), mean / std**2),
        }[kind]()
        mass = family.pmf(np.arange(int(family.isf(TAIL)) + 2))
    whole: Array = mass / mass.sum()
    return whole


def convolved(mass: Array, periods: int) -> Array:
    """Distribution of the demand over several independent periods; ``periods`` 0 gives P(0) = 1."""
    total: Array = np.ones(1)
    for _ in range(periods):
        total = np.convolve(total, mass)
    if total.size > 1:
        above = np.cumsum(total[::-1])[::-1]  # P(D >= d)
        total = total[: max(1, int(np.count_nonzero(above > TAIL)))]
    normalised: Array = total / total.sum()
    return normalised


def moments(demand: Demand) -> tuple[float, float]:
    """True mean and variance of a period's demand, after truncation and rounding.

    Raises:
        InvalidValueError: For ar1, whose truncation has no closed form here, and for traces, which end.
    """
    from scipy import stats

    kind, mean, std = demand.kind, demand.mean, demand.std or 0.0
    if kind in ("ar1", "trace"):
        raise InvalidValueError(f"Demand of kind {kind} has no moments in closed form here.")
    if kind == "markov":
        rates = np.asarray(demand.regimes)
        return float(rates.mean()), float(rates.mean() + rates.var())
    if demand.integer:
        mass = probabilities(demand)
        values = np.arange(len(mass))
        first = float(values @ mass)
        return first, float((values - first) ** 2 @ mass)
    if kind == "normal":
        cut = stats.truncnorm(-mean / std, np.inf, mean, std)
        return float(cut.mean()), float(cut.var())
    if kind == "gamma":
        return mean, std**2
    return (demand.low + demand.high) / 2, (demand.high - demand.low) ** 2 / 12


def typical(demand: Demand) -> tuple[float, float]:
    """Mean and standard deviation to scale by; of a trace or ar1 as described rather than exact."""
    if demand.kind == "ar1":
        return demand.mean, demand.std or 0.0
    if demand.kind == "trace":
        return float(np.mean(demand.values)), float(np.std(demand.values))
    mean, variance = moments(demand)
    return mean, float(np.sqrt(variance))
