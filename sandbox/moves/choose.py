"""Which decisions branches are played from, which of them are of one kind, and which come first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import gymnasium as gym
import numpy as np

from sandbox.api.types import Array, Space
from sandbox.moves.actions import key
from sandbox.records.moves import Kind, Moment, ScanRecord

SIMILAR = 0.5
"""Observations are similar if they differ by fewer standard deviations, as a root mean square."""


@dataclass(frozen=True)
class Decision:
    """A decision of a test episode.

    Attributes:
        seed: Of the episode.
        moment: What the agent and the classical methods do.
    """

    seed: int
    moment: Moment

    @property
    def id(self) -> str:
        """Short and unique in a table of moves."""
        row = f".{self.moment.row}" if self.moment.row else ""
        return f"{self.seed}.{self.moment.step}{row}"


def decisions(scans: Sequence[ScanRecord]) -> list[Decision]:
    """All decisions in which the agent differs, in the order of the episodes."""
    return [Decision(scan.seed, moment) for scan in scans for moment in scan.moments]


def to_screen(pool: Sequence[Decision], space: Space, count: int, seed: int) -> list[Decision]:
    """The decisions to play branches from: of every pair of actions in turn, the most novel first.

    Novelty that ties, as it does between choices, is decided by chance.
    """
    order = np.random.default_rng(seed).permutation(len(pool)).tolist()
    groups: dict[str, list[Decision]] = defaultdict(list)
    for index in order:
        groups[_pair(pool[index], space)].append(pool[index])
    columns = [sorted(group, key=lambda each: -each.moment.novelty) for group in groups.values()]
    columns.sort(key=lambda column: -column[0].moment.novelty)
    picked = [each for rank in zip_longest(*columns) for each in rank if each is not None]
    return picked[:count]


class Kinds:
    """Tells decisions of a kind: the same actions of everybody, in a similar observation.

    Args:
        pool: All decisions in which the agent differs.
        space: Action space of a row.
        episodes: Episodes that were looked through.
    """

    def __init__(self, pool: Sequence[Decision], space: Space, episodes: int) -> None:
        self._episodes, self._space = episodes, space
        self._groups: dict[str, list[Decision]] = defaultdict(list)
        for decision in pool:
            self._groups[_pair(decision, space)].append(decision)
        seen = np.array([each.moment.observation for each in pool], np.float64)
        spread = seen.std(axis=0) if len(seen) else np.zeros(0)
        self._scale: Array = np.where(spread > 0, spread, 1.0)

    def of(self, decision: Decision) -> Kind:
        """How often such a decision occurs."""
        alike = [each for each in self._groups[_pair(decision, self._space)] if self.similar(each, decision)]
        return Kind(episodes=len({each.seed for each in alike}), of=self._episodes, occurrences=len(alike))

    def similar(self, first: Decision, second: Decision) -> bool:
        """Whether two decisions are of one kind."""
        if _pair(first, self._space) != _pair(second, self._space):
            return False
        a, b = (np.asarray(each.moment.observation) for each in (first, second))
        return len(a) == 0 or float(np.sqrt((((a - b) / self._scale) ** 2).mean())) < SIMILAR


def ranked(
    screened: Sequence[tuple[Decision, float]], kinds: Kinds, count: int, *, worst: bool = False
) -> list[tuple[Decision, float]]:
    """The decisions with the highest novelty × advantage, of each kind the first in an episode.

    Args:
        screened: Decisions with their estimated advantage.
        kinds: Tells which are of one kind.
        count: How many.
        worst: The most negative instead.
    """
    sign = -1.0 if worst else 1.0
    scored = [(sign * decision.moment.novelty * value, decision, value) for decision, value in screened]
    chosen: list[tuple[Decision, float]] = []
    for score, decision, value in sorted(scored, key=lambda each: -each[0]):
        if score <= 0 or len(chosen) == count:
            break
        if not any(decision.seed == other.seed and kinds.similar(decision, other) for other, _ in chosen):
            chosen.append((decision, value))
    return chosen


def _pair(decision: Decision, space: Space) -> str:
    """Equal for decisions in which everybody does the same; of continuous actions, leans to the same side."""
    moment = decision.moment
    if not isinstance(space, gym.spaces.Box):
        return key([moment.row, moment.action, *moment.advice.values()])
    known = [np.asarray(other) for other in moment.advice.values() if other is not None]
    action = np.asarray(moment.action)
    nearest = min(known, key=lambda other: float(((action - other) ** 2).sum()), default=action)
    return key([moment.row, np.sign(np.round(action - nearest, 6)).tolist()])
