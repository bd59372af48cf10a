"""Search trees of many games as arrays, and the loops over them, compiled by Numba.

Gumbel AlphaZero (Danihelka et al. 2022): at the root Gumbel noise and sequential halving choose the action
that is visited next (section 3); below it the action is taken whose share of visits lags most behind the
improved policy (section 5). The improved policy is softmax(logits + σ(completed q)), where an action that was
not visited has the mixed value of eq. 33 in place of its q (section 4).

Proven results are backed up exactly, as in MCTS-Solver (Winands et al. 2008): a node from which the mover has
a won action is won, one whose actions all have known results is worth the best of them, and neither is
searched again.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sandbox.api.kernels import compiled
from sandbox.api.types import Array

njit: Any = partial(compiled, package=__package__)

NONE = -1


class Tree(NamedTuple):
    """Trees of G games with at most N nodes and A actions; node 0 is the root.

    Values of actions and nodes are expected outcomes for the player to move there, -1 to 1.

    Attributes:
        logits: ``(G, N, A)``, of the network; -inf for illegal actions.
        children: ``(G, N, A)``, the node an action leads to, or `NONE`.
        visits: ``(G, N, A)``.
        sums: ``(G, N, A)``, sum of outcomes of the visits.
        values: ``(G, N)``, of the network.
        players: ``(G, N)``, who is to move: 0 or 1.
        proven: ``(G, N)``, whether the result is known: the game has ended there, or all that matters below.
        outcomes: ``(G, N)``, the known result for player 0.
        parents: ``(G, N)``.
        actions: ``(G, N)``, the action that led from the parent.
    """

    logits: Array
    children: Array
    visits: Array
    sums: Array
    values: Array
    players: Array
    proven: Array
    outcomes: Array
    parents: Array
    actions: Array


def empty_tree(games: int, nodes: int, actions: int) -> Tree:
    """Trees without a node."""
    return Tree(
        logits=np.full((games, nodes, actions), -np.inf, np.float32),
        children=np.full((games, nodes, actions), NONE, np.int32),
        visits=np.zeros((games, nodes, actions), np.int32),
        sums=np.zeros((games, nodes, actions), np.float32),
        values=np.zeros((games, nodes), np.float32),
        players=np.zeros((games, nodes), np.int8),
        proven=np.zeros((games, nodes), np.bool_),
        outcomes=np.zeros((games, nodes), np.float32),
        parents=np.full((games, nodes), NONE, np.int32),
        actions=np.full((games, nodes), NONE, np.int32),
    )


def considered_visits(most_considered: int, simulations: int) -> Any:
    """Visits that an action must have to be visited next, by number of considered actions and simulation.

    Sequential halving: the considered actions are visited in turn, and after each phase the
    better half stays.

    Returns:
        Shape ``(most_considered + 1, simulations)``.
    """
    table = np.zeros((most_considered + 1, simulations), np.int32)
    for considered in range(most_considered + 1):
        table[considered] = _halving(considered, simulations)
    return table


def _halving(considered: int, simulations: int) -> list[int]:
    if considered <= 1:
        return list(range(simulations))
    phases = int(np.ceil(np.log2(considered)))
    sequence: list[int] = []
    visits = [0] * considered
    left = considered
    while len(sequence) < simulations:
        for _ in range(max(1, simulations // (phases * left))):
            sequence.extend(visits[:left])
            for index in range(left):
                visits[index] += 1
        left = max(2, left // 2)
    return sequence[:simulations]


@njit
def select(tree, simulation, table, gumbel, c_visit, c_scale, leaves, moves):  # type: ignore[no-untyped-def]
    """Walk every game's tree down to where it grows.

    Args:
        tree: The trees.
        simulation: Number of the simulation.
        table: See `considered_visits`.
        gumbel: Noise at the root, ``(G, A)``.
        c_visit, c_scale: See `bonus`.
        leaves: Filled with the node reached.
        moves: Filled with the action to expand there, or `NONE` where that node's result is known.
    """
    games, _, actions = tree.logits.shape
    scores = np.empty(actions, np.float32)
    for game in range(games):
        node = 0
        action = root_action(tree, game, table, simulation, gumbel, c_visit, c_scale, scores)
        while tree.children[game, node, action] != NONE:
            node = tree.children[game, node, action]
            if tree.proven[game, node]:
                action = NONE
                break
            action = inner_action(tree, game, node, c_visit, c_scale, scores)
        leaves[game] = node
        moves[game] = action


@njit
def backup(tree, nodes):  # type: ignore[no-untyped-def]
    """Carry the value of each game's node, just reached, up to the root, and what it proves."""
    for game in range(len(nodes)):
        node = nodes[game]
        proving = tree.proven[game, node]
        if proving:
            outcome = tree.outcomes[game, node]
        else:
            outcome = tree.values[game, node]
            if tree.players[game, node] == 1:
                outcome = -outcome
        while node != 0:
            parent, action = tree.parents[game, node], tree.actions[game, node]
            tree.visits[game, parent, action] += 1
            if tree.players[game, parent] == 0:
                tree.sums[game, parent, action] += outcome
            else:
                tree.sums[game, parent, action] -= outcome
            if proving:
                proving = prove(tree, game, parent)
            node = parent


@njit
def prove(tree, game, node):  # type: ignore[no-untyped-def]
    """Whether a node's result follows from those of its children; notes it."""
    sign = np.float32(1.0) if tree.players[game, node] == 0 else np.float32(-1.0)
    best = np.float32(-np.inf)
    complete = True
    for action in range(tree.logits.shape[2]):
        if tree.logits[game, node, action] == -np.inf:
            continue
        child = tree.children[game, node, action]
        if child == NONE or not tree.proven[game, child]:
            complete = False
        else:
            best = max(best, sign * tree.outcomes[game, child])
    if best == 1.0 or complete:
        tree.proven[game, node], tree.outcomes[game, node] = True, sign * best
        return True
    return False


@njit
def q_value(tree, game, node, action):  # type: ignore[no-untyped-def]
    """What a visited action is worth to the player to move: its known result, else the mean of its visits."""
    child = tree.children[game, node, action]
    if tree.proven[game, child]:
        outcome = tree.outcomes[game, child]
        return outcome if tree.players[game, node] == 0 else -outcome
    return tree.sums[game, node, action] / np.float32(tree.visits[game, node, action])


@njit
def root_action(tree, game, table, simulation, gumbel, c_visit, c_scale, scores):  # type: ignore[no-untyped-def]
    """The action to visit next at the root: the best of those that are considered and due."""
    actions = tree.logits.shape[2]
    bonus(tree, game, 0, c_visit, c_scale, scores)
    legal = 0
    highest = np.float32(-np.inf)
    for action in range(actions):
        if tree.logits[game, 0, action] > -np.inf:
            legal += 1
            highest = max(highest, tree.logits[game, 0, action])
    due = table[min(legal, table.shape[0] - 1), simulation]
    best = NONE
    best_score = np.float32(-np.inf)
    for action in range(actions):
        logit = tree.logits[game, 0, action]
        if logit == -np.inf or tree.visits[game, 0, action] != due:
            continue
        score = gumbel[game, action] + logit - highest + scores[action]
        if best == NONE or score > best_score:
            best, best_score = action, score
    return best


@njit
def inner_action(tree, game, node, c_visit, c_scale, scores):  # type: ignore[no-untyped-def]
    """The action whose share of visits lags most behind the improved policy."""
    actions = tree.logits.shape[2]
    improved(tree, game, node, c_visit, c_scale, scores)
    total = 0
    for action in range(actions):
        total += tree.visits[game, node, action]
    best = NONE
    best_score = np.float32(-np.inf)
    for action in range(actions):
        if tree.logits[game, node, action] == -np.inf:
            continue
        child = tree.children[game, node, action]
        if child != NONE and tree.proven[game, child]:
            continue  # nothing is left to find out there; were all so, the node would be proven
        score = scores[action] - np.float32(tree.visits[game, node, action] / (1.0 + total))
        if best == NONE or score > best_score:
            best, best_score = action, score
    return best


@njit
def improved(tree, game, node, c_visit, c_scale, out):  # type: ignore[no-untyped-def]
    """The improved policy of a node, into ``out``; 0 for illegal actions."""
    bonus(tree, game, node, c_visit, c_scale, out)
    highest = np.float32(-np.inf)
    for action in range(len(out)):
        out[action] += tree.logits[game, node, action]
        highest = max(highest, out[action])
    total = np.float32(0.0)
    for action in range(len(out)):
        out[action] = np.exp(out[action] - highest) if out[action] > -np.inf else np.float32(0.0)
        total += out[action]
    for action in range(len(out)):
        out[action] /= total


@njit
def bonus(tree, game, node, c_visit, c_scale, out):  # type: ignore[no-untyped-def]
    """σ(completed q) = (c_visit + most visits) · c_scale · q with q in [0, 1], into ``out``."""
    missing = mixed_value(tree, game, node)
    most = 0
    for action in range(len(out)):
        most = max(most, tree.visits[game, node, action])
    scale = np.float32((c_visit + most) * c_scale * 0.5)
    for action in range(len(out)):
        visits = tree.visits[game, node, action]
        q = q_value(tree, game, node, action) if visits > 0 else missing
        out[action] = scale * (q + np.float32(1.0))


@njit
def mixed_value(tree, game, node):  # type: ignore[no-untyped-def]
    """The network's value of a node mixed with the visited actions' q, weighted by their priors (eq. 33).

    Where the result is known it is that.
    """
    if tree.proven[game, node]:
        outcome = tree.outcomes[game, node]
        return outcome if tree.players[game, node] == 0 else -outcome
    actions = tree.logits.shape[2]
    highest = np.float32(-np.inf)
    for action in range(actions):
        highest = max(highest, tree.logits[game, node, action])
    total = 0
    weight = np.float32(0.0)
    mean = np.float32(0.0)
    for action in range(actions):
        visits = tree.visits[game, node, action]
        if visits > 0:
            prior = np.exp(tree.logits[game, node, action] - highest)
            total += visits
            weight += prior
            mean += prior * q_value(tree, game, node, action)
    value = tree.values[game, node]
    if total == 0 or weight <= 0:
        return value
    return (value + np.float32(total) * (mean / weight)) / np.float32(total + 1)


@njit
def read_roots(tree, gumbel, c_visit, c_scale, chosen, policies, values):  # type: ignore[no-untyped-def]
    """What the search has found: the action to play, the improved policy and the value of every root."""
    games, _, actions = tree.logits.shape
    scores = np.empty(actions, np.float32)
    for game in range(games):
        if tree.proven[game, 0]:
            read_proven(tree, game, gumbel, chosen, policies)
            values[game] = mixed_value(tree, game, 0)
            continue
        bonus(tree, game, 0, c_visit, c_scale, scores)
        most = 0
        for action in range(actions):
            most = max(most, tree.visits[game, 0, action])
        best = NONE
        best_score = np.float32(-np.inf)
        for action in range(actions):
            logit = tree.logits[game, 0, action]
            if logit == -np.inf or tree.visits[game, 0, action] != most:
                continue
            score = gumbel[game, action] + logit + scores[action]
            if best == NONE or score > best_score:
                best, best_score = action, score
        chosen[game] = best
        improved(tree, game, 0, c_visit, c_scale, policies[game])
        values[game] = mixed_value(tree, game, 0)


@njit
def read_proven(tree, game, gumbel, chosen, policies):  # type: ignore[no-untyped-def]
    """Of a root whose result is known: the best proven action, and the network's policy over all of those."""
    actions = tree.logits.shape[2]
    best = NONE
    best_score = np.float32(-np.inf)
    total = np.float32(0.0)
    goal = mixed_value(tree, game, 0)
    for action in range(actions):
        policies[game, action] = 0.0
        child = tree.children[game, 0, action]
        if tree.logits[game, 0, action] == -np.inf or child == NONE or not tree.proven[game, child]:
            continue
        if q_value(tree, game, 0, action) == goal:
            logit = tree.logits[game, 0, action]
            policies[game, action] = np.exp(logit)
            total += policies[game, action]
            if best == NONE or gumbel[game, action] + logit > best_score:
                best, best_score = action, gumbel[game, action] + logit
    chosen[game] = best
    for action in range(actions):
        policies[game, action] /= total


@njit
def read_values(tree, values):  # type: ignore[no-untyped-def]
    """The values of the roots' visited actions."""
    games, _, actions = tree.logits.shape
    for game in range(games):
        for action in range(actions):
            if tree.visits[game, 0, action] > 0:
                values[game, action] = q_value(tree, game, 0, action)
