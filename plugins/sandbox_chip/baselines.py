"""Classical placers as policies: each plans a whole placement and then plays it macro by macro.

Where somebody else has placed macros otherwise, those that only lower wirelength plan the rest anew.
The fixed amounts of work here are what a placer does without ``--seconds``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip.episode import Episode
from sandbox_chip.kernels.bitgrid import INFINITY
from sandbox_chip.kernels.decoders import best_place
from sandbox_chip.placers.analytic import analytic
from sandbox_chip.placers.annealing import anneal
from sandbox_chip.placers.greedy import start_placement
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.mixed_size import mixed_size
from sandbox_chip.placers.overlap_annealing import overlap_annealing
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.placers.walkers import go_with_the_winners
from sandbox_chip.problem import Problem
from sandbox_chip.rest import follows, rest
from sandbox_chip.types import Bools, Ints, Places

if TYPE_CHECKING:
    from sandbox_chip.env import ChipCore

Plan = Callable[[Episode, "float | None"], Places]
"""From an episode that has just begun and a time limit (s) to a complete placement."""

Search = Callable[[Problem, "float | None", int], Places]
"""From a problem, a time limit (s) and the episode's seed to a complete placement of it."""


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
        return _action(episode, places[episode.state.num_placed])


class Replanner(Placer):
    """A `Placer` that plans the rest anew where the macros so far are not those of its plan.

    It can be asked in any state what it would do. Macros that somebody else has placed are blocks to it.

    Args:
        env: The environment (single or vector) that is played.
        search: The method.
        seconds: As for `Placer`, for each time that it plans.
    """

    replans = True

    def __init__(self, env: ChipEnvironment, search: Search, seconds: float | None = None) -> None:
        super().__init__(env, lambda episode, limit: search(episode.problem, limit, episode.seed), seconds)
        self.search = search

    def _next(self, row: int, episode: Episode) -> int:
        number, places = self.plans[row]
        if number == episode.number and not episode.over and not follows(episode.state, places):
            left = self.search(rest(episode.problem, episode.state), self.seconds, episode.seed)
            placed = episode.state.places[: episode.state.num_placed]
            self.plans[row] = number, np.concatenate((placed, left))
        return super()._next(row, episode)


class GreedyPlacer:
    """The baseline ``greedy``: a `sandbox.api.Policy` whose action depends on the present state alone.

    Args:
        env: The environment (single or vector) that is played.
    """

    def __init__(self, env: ChipEnvironment) -> None:
        self.episodes: list[Episode] = env.core.episodes

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """There is nothing to forget."""

    def act(self, observation: Any, mask: Bools | None = None, deterministic: bool = True) -> Ints:
        """The legal cell of every row's next macro where the wirelength grows least."""
        return np.array(
            [0 if episode.over else _greedy_action(episode) for episode in self.episodes], np.int64
        )

    def save(self, directory: Path) -> None:
        """Not offered: a classical placer is made from its environment."""
        raise NotImplementedError("a baseline is made from its environment, not saved")


def _greedy_action(episode: Episode) -> int:
    arrays, state, place = episode.problem.arrays, episode.state, np.empty(3, np.int64)
    scratch, line = np.empty((4, 2 * arrays.grid)), np.empty(state.free.shape[1], np.uint64)
    best_place(arrays, state.num_placed, state.free, state.bounds, scratch, line, INFINITY, place)
    return _action(episode, place)


def _action(episode: Episode, place: Ints) -> int:
    column, cell_row, k = (int(value) for value in place)
    return episode.action(column, cell_row, k) if k >= 0 else 0


def greedy_policy(env: ChipEnvironment) -> GreedyPlacer:
    """The baseline ``greedy``."""
    return GreedyPlacer(env)


def hill_climbing_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``hill-climbing``."""

    def search(problem: Problem, seconds: float | None, seed: int) -> Places:
        return hill_climbing(problem, SearchBudget(seconds, 500), seed).places

    return Replanner(env, search, seconds)


def annealing_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``annealing``."""

    def search(problem: Problem, seconds: float | None, seed: int) -> Places:
        return anneal(problem, SearchBudget(seconds, 100_000), seed).places

    return Replanner(env, search, seconds)


def overlap_annealing_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``overlap-annealing``."""

    def search(problem: Problem, seconds: float | None, seed: int) -> Places:
        return overlap_annealing(problem, SearchBudget(seconds, 100_000), seed).places

    return Replanner(env, search, seconds)


def analytic_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``analytic``; greedy (or a packing) for a design of which no round was legal."""

    def plan(episode: Episode, seconds: float | None) -> Places:
        result = analytic(episode.problem, SearchBudget(seconds, 60), episode.seed)
        return result.places if np.isfinite(result.cost) else start_placement(episode.problem).places

    return Placer(env, plan, seconds)


def rebuild_policy(env: ChipEnvironment, seconds: float | None = None) -> Placer:
    """The baseline ``rebuild``."""

    def search(problem: Problem, seconds: float | None, seed: int) -> Places:
        return rebuild(problem, SearchBudget(seconds, 5_000), seed).places

    return Replanner(env, search, seconds)


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
