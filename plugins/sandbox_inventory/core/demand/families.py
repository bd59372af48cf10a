"""Demand of an item as the configuration describes it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DemandKind = Literal[
    "poisson",
    "geometric",
    "negative-binomial",
    "normal",
    "gamma",
    "uniform",
    "ar1",
    "markov",
    "trace",
    "table",
]
MAX_INVERTED_MEAN = 1000.0
"""Largest mean of a distribution on the integers that is drawn by inverting a table."""

FIELDS_OF_KIND: dict[str, set[str]] = {
    "poisson": {"mean"},
    "geometric": {"mean"},
    "negative-binomial": {"mean", "std"},
    "normal": {"mean", "std", "whole"},
    "gamma": {"mean", "std", "whole"},
    "uniform": {"low", "high", "whole"},
    "ar1": {"mean", "std", "correlation", "whole"},
    "markov": {"regimes", "persistence"},
    "trace": {"values", "random_start", "cycle"},
    "table": {"values", "probabilities"},
}


class Demand(BaseModel):
    """Demand of one item in a period.

    - ``poisson(mean)``; ``geometric(mean)``: P(k) = (1-a)·aᵏ, k = 0, 1, …, with a = mean/(1+mean);
      ``negative-binomial(mean, std)`` with std² > mean.
    - ``normal(mean, std)``: truncated to d ≥ 0; with ``whole``, rounded to the nearest integer and set to
      zero where negative. Both shift mean and variance; `distribution.moments` gives the actual ones.
    - ``gamma(mean, std)``; rounded to the nearest integer with ``whole``.
    - ``uniform(low, high)``: real; with ``whole`` the integers low … high.
    - ``ar1``: dₜ = max(0, zₜ), zₜ - mean = correlation·(zₜ₋₁ - mean) + noise, z stationary with
      ``mean`` and ``std``; rounded with ``whole``. The last demand is observed.
    - ``markov``: Poisson with the mean of the current regime, which is observed. A regime stays with
      probability ``persistence`` and otherwise changes to one of the others, all equally likely.
    - ``trace``: ``values`` in order, after which the last value repeats, or the trace starts again with
      ``cycle``.
    - ``table``: one of ``values``, which rise, with ``probabilities``; all equally likely without them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: DemandKind = Field("poisson", description="family of the distribution")
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
        (4.0, 4.0, 4.0, 4.0, 8.0),
        min_length=1,
        max_length=100_000,
        description="the trace, or the table, units",
    )
    probabilities: tuple[float, ...] | None = Field(
        None, min_length=1, max_length=100_000, description="of the table's values, 1; equal if absent"
    )
    cycle: bool = Field(False, description="start the trace again at its end, instead of repeating its last")
    random_start: bool = Field(False, description="begin a cycled trace at a random place")

    @model_validator(mode="after")
    def _consistent(self) -> Demand:
        for name, field in type(self).model_fields.items():
            if name == "kind" or name in FIELDS_OF_KIND[self.kind] or getattr(self, name) == field.default:
                continue
            raise ValueError(f"{name} has no effect on demand of kind {self.kind}")
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
        if self.kind == "table":
            _check_table(self.values, self.probabilities)
        return self

    def with_mean(self, mean: float) -> Demand:
        """The same family with another mean.

        Raises:
            pydantic.ValidationError: If the family does not allow it.
        """
        stated = self.model_dump(exclude_defaults=True)
        return Demand.model_validate({**stated, "kind": self.kind, "mean": mean})

    @property
    def integer(self) -> bool:
        """Whether demand comes in whole units."""
        if self.kind in ("trace", "table"):
            return all(value % 1 == 0 for value in self.values)
        return self.kind in ("poisson", "geometric", "negative-binomial", "markov") or self.whole

    @property
    def independent(self) -> bool:
        """Whether periods are independent and identically distributed."""
        return self.kind not in ("ar1", "markov", "trace")

    @property
    def inverted(self) -> bool:
        """Whether a value is drawn by inverting the distribution function at one uniform number.

        The same seed then gives the same quantiles whatever the parameters: common random numbers.
        """
        return self.kind in ("poisson", "geometric", "negative-binomial") and self.mean <= MAX_INVERTED_MEAN

    @property
    def context_size(self) -> int:
        """Numbers that an agent must observe each period for the process to be Markov."""
        return {"ar1": 1, "markov": len(self.regimes)}.get(self.kind, 0)

    def relevant_fields(self) -> dict[str, Any]:
        """The kind and the fields that it uses, as plain data; part of the solvers' cache keys."""
        return {
            "kind": self.kind,
            **{name: getattr(self, name) for name in sorted(FIELDS_OF_KIND[self.kind])},
        }


def _check_table(values: tuple[float, ...], probabilities: tuple[float, ...] | None) -> None:
    """Refuse what is no table of a distribution.

    Raises:
        ValueError: With what is wrong.
    """
    if any(after <= before for before, after in pairwise(values)):
        raise ValueError("the values of a table must rise: 0, 1, 5, …")
    if probabilities is None:
        return
    if len(probabilities) != len(values):
        raise ValueError(f"probabilities has {len(probabilities)} entries for {len(values)} values")
    if min(probabilities) < 0 or abs(sum(probabilities) - 1) > 1e-6:
        raise ValueError(f"probabilities must be at least 0 and sum to 1, not to {sum(probabilities):g}")
