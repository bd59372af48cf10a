"""Classical placers as policies: each plans a whole placement and then plays it macro by macro."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_chip import search
from sandbox_chip.analytic import analytic
from sandbox_chip.analytic import initial as initial_placement
from sandbox_chip.anneal import anneal
from sandbox_chip.episode import Episode
from sandbox_chip.search import Clock, Places

Plan = Callable[[Episode, "float | None"], Places]
"""From an episode that has just begun and a time limit (s) to a complete placement."""


class Placer:
    """Plans the placement of every row when its first action is asked for.

    Args:
        env: The environment (single or vector) that is played.
        plan: The method.
        seconds: Wall time for each design; a fixed amount of work if absent, so that results repeat.
    """

    def __init__(self, env: Any, plan: Plan, seconds: float | None = None) -> None:
        self.episodes: list[Episode] = env.episodes
        self.plan, self.seconds = plan, seconds
        self.plans: dict[int, tuple[int, Places]] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all plans."""
        self.plans = {}

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[np.int64]:
        """The planned cell of every row's next macro; see `sandbox.api.Policy`."""
        if not self.plans:
            for row, episode in enumerate(self.episodes):
                self.plans[row] = (episode.number, self.plan(episode, self.seconds))
        return np.array([self._next(row, episode) for row, episode in enumerate(self.episodes)], np.int64)

    def save(self, directory: Path) -> None:
        """A classical placer is not saved."""
        raise NotImplementedError("a baseline is made from its environment, not saved")

    def _next(self, row: int, episode: Episode) -> int:
        number, places = self.plans[row]
        # A row that has begun another episode is no longer looked at: any action will do.
        if number != episode.number or episode.over:
            return 0
        column, line, k = places[episode.index]
        return episode.action(int(column), int(line), int(k)) if k >= 0 else 0


def plan_greedy(episode: Episode, seconds: float | None) -> Places:
    """Every macro at its cheapest legal cell, largest first."""
    return search.greedy(episode.problem).places


def plan_order(episode: Episode, seconds: float | None) -> Places:
    """Hill climbing on the order of the greedy decoder."""
    return search.order_search(episode.problem, Clock(seconds, 500), episode.seed).places


def plan_rebuild(episode: Episode, seconds: float | None) -> Places:
    """Greedy, then ruin and recreate."""
    return search.rebuild_search(episode.problem, Clock(seconds, 5_000), episode.seed).places


def plan_anneal(episode: Episode, seconds: float | None) -> Places:
    """Greedy, then simulated annealing."""
    return anneal(episode.problem, Clock(seconds, 100_000), episode.seed).places


def plan_analytic(episode: Episode, seconds: float | None) -> Places:
    """Quadratic placement with legalisation; greedy (or a packing) where no round was legal."""
    found = analytic(episode.problem, Clock(seconds, 60), episode.seed)
    return found.places if np.isfinite(found.cost) else search.beginning(episode.problem).places


def plan_initial(episode: Episode, seconds: float | None) -> Places:
    """The file's own placement, moved to legal cells.

    Raises:
        InvalidValueError: If the file places no macros.
    """
    found = initial_placement(episode.problem)
    if found is None:
        raise InvalidValueError(
            f"The design {episode.problem.netlist.name} has no placement of its own.",
            "The baseline 'initial' needs a file that places its macros.",
        )
    return found.places


def greedy(env: Any) -> Placer:
    """The baseline ``greedy``."""
    return Placer(env, plan_greedy)


def hill_climbing(env: Any, seconds: float | None = None) -> Placer:
    """The baseline ``hill-climbing``."""
    return Placer(env, plan_order, seconds)


def rebuild(env: Any, seconds: float | None = None) -> Placer:
    """The baseline ``rebuild``."""
    return Placer(env, plan_rebuild, seconds)


def annealing(env: Any, seconds: float | None = None) -> Placer:
    """The baseline ``annealing``."""
    return Placer(env, plan_anneal, seconds)


def quadratic(env: Any, seconds: float | None = None) -> Placer:
    """The baseline ``analytic``."""
    return Placer(env, plan_analytic, seconds)


def initial(env: Any) -> Placer:
    """The baseline ``initial``."""
    return Placer(env, plan_initial)
