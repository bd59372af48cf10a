"""Classical placers as policies: each plans a whole placement and then plays it macro by macro.

The fixed amounts of work here are what a placer does without ``--seconds``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip.episode import Episode
from sandbox_chip.placers.analytic import analytic
from sandbox_chip.placers.annealing import anneal
from sandbox_chip.placers.greedy import greedy, start_placement
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.mixed_size import mixed_size
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.placers.walkers import go_with_the_winners
from sandbox_chip.types import Bools, Ints, Places

if TYPE_CHECKING:
    from sandbox_chip.env import ChipCore

Plan = Callable[[Episode, "float | None"], Places]
"""From an episode that has just begun and a time limit (s) to a complete placement."""


class ChipEnvironment(Protocol):
    """What a placer needs of an environment, single or vector."""

    core: ChipCore


class Placer:
    """A `sandbox.api.Policy` that plans the placement of every row when it is first asked for an action.

    Args:
        env: The environment (single or vector) that is played.
        plan: The method.
        seconds: Wall time for each design; a fixed amount of work if absent, so that results repeat.
    """

    def __init__(self, env: ChipEnvironment, plan: Plan, seconds: float | None = None) -> None:
        self.episodes: list[Episode] = env.core.episodes
        self.plan, self.seconds = plan, seconds
        self.plans: dict[int, tuple[int, Places]] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all plans."""
        self.plans = {}

    def act(self, observation: Any, mask: Bools | None = None, deterministic: bool = True) -> Ints:
        """The planned cell of every row's next macro; see `sandbox.api.Policy`."""
        if not self.plans:
            for row, episode in enumerate(self.episodes):
                self.plans[row] = (episode.number, self.plan(episode, self.seconds))
        return np.array([self._next(row, episode) for row, episode in enumerate(self.episodes)], np.int64)

    def save(self, directory: Path) -> None:
        """Not offered: a classical placer is made from its environment."""
        raise NotImplementedError("a baseline is made from its environment, not saved")

    def _next(self, row: int, episode: Episode) -> int:
        number, places = self.plans[row]
        # A row that has begun another episode is ignored by the caller: any action will do.
        if number != episode.number or episode.over:
            return 0
        column, cell_row, k = (int(value) for value in places[episode.state.num_placed])
        return episode.action(column, cell_row, k) if k >= 0 else 0


def greedy_policy(env: ChipEnvironment) -> Placer:
    """The baseline ``greedy``."""
    return Placer(env, lambda episode, seconds: greedy(episode.problem).places)


def hill_climbing_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``hill-climbing``."""

    def plan(episode: Episode, seconds: float | None) -> Places:
        return hill_climbing(episode.problem, SearchBudget(seconds, 500), episode.seed).places

    return Placer(env, plan, seconds)


def annealing_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``annealing``."""

    def plan(episode: Episode, seconds: float | None) -> Places:
        return anneal(episode.problem, SearchBudget(seconds, 100_000), episode.seed).places

    return Placer(env, plan, seconds)


def analytic_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``analytic``; greedy (or a packing) for a design of which no round was legal."""

    def plan(episode: Episode, seconds: float | None) -> Places:
        result = analytic(episode.problem, SearchBudget(seconds, 60), episode.seed)
        return result.places if np.isfinite(result.cost) else start_placement(episode.problem).places

    return Placer(env, plan, seconds)


def rebuild_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``rebuild``."""

    def plan(episode: Episode, seconds: float | None) -> Places:
        return rebuild(episode.problem, SearchBudget(seconds, 5_000), episode.seed).places

    return Placer(env, plan, seconds)


def winners_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``go-with-the-winners``."""

    def plan(episode: Episode, seconds: float | None) -> Places:
        design = episode.design
        budget = SearchBudget(seconds, 20_000)
        return go_with_the_winners(
            design.problem, design.technology, design.soft, budget, episode.seed
        ).places

    return Placer(env, plan, seconds)


def mixed_size_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``mixed-size``, which raises `InvalidValueError` where no standard cells are placed."""

    def plan(episode: Episode, seconds: float | None) -> Places:
        whole = episode.design.whole
        if whole is None:
            raise InvalidValueError(
                f"The design {episode.problem.netlist.name} has no standard cells that are placed.",
                "The baseline 'mixed-size' needs a design with cells, and --set cells=analytic.",
            )
        return mixed_size(episode.problem, whole, SearchBudget(seconds, 8), episode.seed).places

    return Placer(env, plan, seconds)


def initial_policy(env: ChipEnvironment) -> Placer:
    """The baseline ``initial``, which raises `InvalidValueError` where the file places no macros."""
    return Placer(env, _as_filed)


def _as_filed(episode: Episode, seconds: float | None) -> Places:
    """Have the episode put every macro where the file has it; the actions then say nothing."""
    episode.place_as_filed()
    return np.zeros((episode.problem.num_macros, 3), np.int64)
