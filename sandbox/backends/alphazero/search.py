"""Gumbel search on a batch of positions, its leaves evaluated together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api.game import Game
from sandbox.backends.alphazero.tree import (
    NONE,
    Tree,
    backup,
    considered_visits,
    empty_tree,
    read_roots,
    read_values,
    select,
)

Array = NDArray[Any]
Evaluate = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]

MAX_TREE_ENTRIES = 1 << 24
"""Nodes times actions of the trees that are searched at once; more games are searched in parts."""


@dataclass(frozen=True)
class Settings:
    """How to search; see `sandbox.backends.alphazero.config.AlphaZeroConfig`."""

    simulations: int
    considered: int
    c_visit: float
    c_scale: float
    decisive_moves: bool = True


@dataclass(frozen=True)
class Found:
    """What a search says of n positions.

    Attributes:
        actions: To be played, shape ``(n,)``.
        policies: The improved policy, shape ``(n, actions)``.
        values: Expected outcome for the player to move, -1 to 1, shape ``(n,)``.
        proven: Whether that is the result with perfect play, shape ``(n,)``.
        priors: The network's policy, shape ``(n, actions)``.
        visits: Of the root's actions, shape ``(n, actions)``.
        q: Mean outcome of the visits for the player to move, NaN without any, shape ``(n, actions)``.
    """

    actions: Array
    policies: Array
    values: Array
    proven: Array
    priors: Array
    visits: Array
    q: Array


def search(game: Game, evaluate: Evaluate, positions: Array, settings: Settings, gumbel: Array) -> Found:
    """Search from positions that are not over.

    Args:
        game: The rules.
        evaluate: From planes to logits and values.
        positions: Where to begin, n of them.
        settings: How to search.
        gumbel: Noise for the root's actions, shape ``(n, actions)``; zeros for the best move.
    """
    count, simulations = len(positions), settings.simulations
    tree = empty_tree(count, simulations + 1, game.num_actions)
    store = np.empty((count, simulations + 1, *positions.shape[1:]), positions.dtype)
    everyone = np.arange(count)
    roots = np.zeros(count, np.int32)
    _add(game, evaluate, tree, store, everyone, roots, positions, False)
    table = considered_visits(min(settings.considered, game.num_actions), simulations)
    gumbel = np.ascontiguousarray(gumbel, np.float32)
    leaves, moves = np.empty(count, np.int32), np.empty(count, np.int32)
    for simulation in range(simulations):
        select(tree, simulation, table, gumbel, settings.c_visit, settings.c_scale, leaves, moves)
        reached = leaves.copy()
        growing = np.flatnonzero(moves != NONE)
        if len(growing):
            new = np.full(len(growing), simulation + 1, np.int32)
            parents, actions = leaves[growing], moves[growing]
            tree.children[growing, parents, actions] = new
            tree.parents[growing, new], tree.actions[growing, new] = parents, actions
            after = game.play(store[growing, parents], actions.astype(np.int64))
            _add(game, evaluate, tree, store, growing, new, after, settings.decisive_moves)
            reached[growing] = new
        backup(tree, reached)
    return _read(tree, gumbel, settings)


def _add(
    game: Game,
    evaluate: Evaluate,
    tree: Tree,
    store: Array,
    games: Array,
    nodes: Array,
    positions: Array,
    decisive_moves: bool,
) -> None:
    """Make nodes of positions: who moves, the result where it is over, else what the network says.

    With ``decisive_moves`` a position in which the player to move has a winning move is won, and the network
    is not asked (Teytaud & Teytaud 2010). The root is not treated so: it needs its actions.
    """
    store[games, nodes] = positions
    status = game.status(positions)
    tree.players[games, nodes] = status.player
    tree.proven[games, nodes], tree.outcomes[games, nodes] = status.over, status.outcome
    playing = np.flatnonzero(~status.over)
    if decisive_moves and len(playing):
        won = has_winning_move(game, positions[playing])
        sign = np.where(status.player[playing[won]] == 0, 1.0, -1.0)
        tree.proven[games[playing[won]], nodes[playing[won]]] = True
        tree.outcomes[games[playing[won]], nodes[playing[won]]] = sign
        playing = playing[~won]
    if not len(playing):
        return
    logits, values = evaluate(game.observe(positions[playing], status.player[playing]))
    legal = game.legal(positions[playing])
    tree.logits[games[playing], nodes[playing]] = np.where(legal, logits, -np.inf)
    tree.values[games[playing], nodes[playing]] = values


def has_winning_move(game: Game, positions: Array) -> NDArray[np.bool_]:
    """Whether the player to move can end the game with a win at once, shape ``(n,)``; none of them over."""
    won = np.zeros(len(positions), np.bool_)
    legal, mover = game.legal(positions), game.status(positions).player
    goal = np.where(mover == 0, 1.0, -1.0)
    for action in range(game.num_actions):
        rows = np.flatnonzero(legal[:, action] & ~won)
        if len(rows):
            after = game.status(game.play(positions[rows], np.full(len(rows), action, np.int64)))
            won[rows] = after.over & (after.outcome == goal[rows])
    return won


def _read(tree: Tree, gumbel: Array, settings: Settings) -> Found:
    count, _, actions = tree.logits.shape
    chosen, policies = np.empty(count, np.int64), np.empty((count, actions), np.float32)
    values = np.empty(count, np.float32)
    read_roots(tree, gumbel, settings.c_visit, settings.c_scale, chosen, policies, values)
    visits = tree.visits[:, 0].copy()
    q = np.full(visits.shape, np.nan, np.float32)
    read_values(tree, q)
    return Found(chosen, policies, values, tree.proven[:, 0].copy(), softmax(tree.logits[:, 0]), visits, q)


def softmax(logits: Array) -> Array:
    """Probabilities; -inf has none."""
    scaled = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: Array = scaled / scaled.sum(1, keepdims=True)
    return probabilities


class Searchers:
    """Threads that search parts of a batch beside each other.

    The parts depend on the number of threads alone, so that results repeat.

    Args:
        threads: How many.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def run(
        self, game: Game, evaluate: Evaluate, positions: Array, settings: Settings, gumbel: Array
    ) -> Found:
        """As `search`."""
        size = max(1, MAX_TREE_ENTRIES // ((settings.simulations + 1) * game.num_actions))
        size = min(size, -(-len(positions) // self._threads))
        parts = [slice(start, start + size) for start in range(0, len(positions), size)]
        results = list(
            self._pool.map(
                lambda part: search(game, evaluate, positions[part], settings, gumbel[part]), parts
            )
        )
        fields = ("actions", "policies", "values", "proven", "priors", "visits", "q")
        return Found(*(np.concatenate([getattr(result, name) for result in results]) for name in fields))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def searchers(threads: int) -> Iterator[Searchers]:
    """Threads that are ended afterwards."""
    made = Searchers(threads)
    try:
        yield made
    finally:
        made.close()
