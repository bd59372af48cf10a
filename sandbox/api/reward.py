"""Rewards as sums of named terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sandbox.api.errors import InvalidValueError, UnknownNameError


class _Entry:
    """Stands for the entry of a transition that has the term's name, until the name is known."""

    def __call__(self, transition: Any) -> Any:
        raise TypeError("a reward term without a function has no name")

    def __repr__(self) -> str:
        return "<the entry of its name>"


_OF_ITS_NAME = _Entry()


def _entry(name: str, transition: Any) -> Any:
    return transition[name] if isinstance(transition, Mapping) else getattr(transition, name)


@dataclass(frozen=True, slots=True)
class RewardTerm:
    """One named summand of a reward.

    Args:
        name: Unique in its spec; the name that ``--reward name=weight`` takes.
        fn: Pure function of the task's transition object, returning a scalar, or an array of shape
            ``(num_envs,)`` where the task works on a batch. If absent, the transition's attribute or
            entry of the term's name.
        weight: Factor of the term in the reward.
        unit: Unit of the unweighted value; ``"1"`` for a pure number.
        source: Where the term comes from (paper, equation), if anywhere.
        description: Definition in one sentence.
    """

    name: str
    fn: Callable[[Any], Any] = _OF_ITS_NAME
    weight: float = 0.0
    unit: str = "1"
    source: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.fn is _OF_ITS_NAME:
            object.__setattr__(self, "fn", partial(_entry, self.name))


@dataclass(frozen=True, slots=True)
class RewardBreakdown:
    """A reward and what it is made of.

    Attributes:
        total: Σ weight · term; scalar or shape ``(num_envs,)``.
        terms: Unweighted value by name; what environments put in ``info["reward_terms"]``.
    """

    total: Any
    terms: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RewardSpec:
    """The reward of a task: Σᵢ weightᵢ · termᵢ, with nothing added, scaled or clipped after.

    Terms with weight zero are still computed and reported, so runs with different weights can be
    compared term by term.

    Raises:
        ValueError: If two terms share a name.
    """

    terms: tuple[RewardTerm, ...]

    def __post_init__(self) -> None:
        names = [term.name for term in self.terms]
        if len(set(names)) != len(names):
            raise ValueError(f"reward terms with the same name: {names}")

    @property
    def weights(self) -> dict[str, float]:
        """Weight by term name."""
        return {term.name: term.weight for term in self.terms}

    def __call__(self, transition: Any) -> RewardBreakdown:
        """Evaluate every term on ``transition`` and sum them by weight."""
        values = {term.name: term.fn(transition) for term in self.terms}
        return RewardBreakdown(self.total(values), values)

    def total(self, values: Mapping[str, Any]) -> Any:
        """The reward that belongs to unweighted term ``values``."""
        total: Any = 0.0
        # Terms that weigh nothing are left out, for speed: a task may hold many, and batches are small.
        for term in [term for term in self.terms if term.weight] or self.terms:
            total = total + term.weight * values[term.name]
        return total

    def reweighted(self, weights: Mapping[str, float]) -> RewardSpec:
        """A copy with some weights replaced.

        Raises:
            UnknownNameError: For a name that is not a term; lists the known ones.
            InvalidValueError: For a weight that is not finite.
        """
        known = self.weights
        for name, weight in weights.items():
            if name not in known:
                raise UnknownNameError("reward term", name, known)
            if not abs(weight) < float("inf"):
                raise InvalidValueError(f"The weight of reward term '{name}' must be finite, not {weight}.")
        return RewardSpec(
            tuple(replace(term, weight=float(weights.get(term.name, term.weight))) for term in self.terms)
        )


class Rewards(Mapping[str, RewardSpec]):
    """The reward presets of a task: terms written once, presets as weights that differ.

    ::

        REWARDS = Rewards(
            [RewardTerm("waiting", weight=-0.1, unit="passengers"), RewardTerm("moves", weight=-0.02)],
            presets={"thrifty": {"waiting": -0.01}},
        )

    Args:
        terms: The terms, with the weights of the preset ``default``.
        presets: By name, weights that replace those of the terms.
        default: Another name for the terms' own weights. There is no such preset where all of them
            are zero and others are named.

    Raises:
        UnknownNameError: If a preset names a term that does not exist.
    """

    def __init__(
        self,
        terms: Sequence[RewardTerm],
        presets: Mapping[str, Mapping[str, float]] | None = None,
        default: str = "default",
    ) -> None:
        spec = RewardSpec(tuple(terms))
        weighted = any(term.weight for term in terms) or not presets
        self._specs = {default: spec} if weighted else {}
        self._specs |= {name: spec.reweighted(weights) for name, weights in (presets or {}).items()}

    def __getitem__(self, name: str) -> RewardSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)
