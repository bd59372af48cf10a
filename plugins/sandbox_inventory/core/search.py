"""Parameters of classical rules: optimised, not guessed. Pattern search on exact or simulated cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.cache import Telling, solved
from sandbox_inventory.core.demand import draw
from sandbox_inventory.core.model import Array, Model, State

ParametricRule = Callable[[Array, State], Array]
"""Order quantities from parameters, shape ``(copies, parameters)``, and a batch of states."""

SEED = 2_718_281_828
"""Demand that rules are tuned on; above every scenario seed, so no test episode is ever tuned on."""


WIDE = 3
"""How far around the end of a search one or two whole parameters are looked for, units."""


class Simulated:
    """Mean cost a period (minus reward) of many parameter vectors on the same demand.

    Args:
        model: The dynamics.
        rule: What is tuned.
        actions: From quantities to actions.
        reward: What a period costs.
        copies: Demand paths; more are played until all hold at least ``periods`` in sum.
        periods: Periods to play in sum, warm-up not counted, for each vector.
    """

    def __init__(
        self,
        model: Model,
        rule: ParametricRule,
        actions: Callable[[Array], Array],
        reward: RewardSpec,
        *,
        copies: int = 64,
        periods: int = 100_000,
    ) -> None:
        self._model, self._rule, self._actions, self._reward = model, rule, actions, reward
        self._warmup = model.config.warmup if model.finite else min(200, max(model.config.horizon // 4, 50))
        if model.finite:
            self._horizon = model.config.horizon
            copies = max(copies, -(-periods // max(self._horizon - self._warmup, 1)))
        else:
            self._horizon = self._warmup + -(-periods // copies)
        traces = getattr(model, "paths", None)
        if traces is not None:
            self._warmup, self._horizon = 0, min(model.config.horizon, len(traces))
        self._copies = copies
        self._demand = _paths(model, copies, self._horizon)

    def __call__(self, candidates: Array) -> Array:
        """Costs, shape ``(candidates,)``."""
        many = len(candidates)
        parameters = np.repeat(candidates, self._copies, 0)
        state = self._model.start(len(parameters))
        total = np.zeros(len(parameters))
        for period in range(self._horizon):
            action = self._actions(self._rule(parameters, state))
            state, flow = self._model.step(state, action, np.tile(self._demand[period], (many, 1)))
            if period >= self._warmup:
                total -= self._reward.total(flow.terms)
        cost: Array = total.reshape(many, self._copies).mean(1) / (self._horizon - self._warmup)
        return cost


def _paths(model: Model, copies: int, horizon: int) -> Array:
    """Demand of shape ``(horizon, copies, items)``, the same for every call."""
    demand = np.empty((horizon, copies, len(model.demands)))
    traces = getattr(model, "paths", None)
    for copy in range(copies):
        rng = np.random.default_rng([SEED, copy])
        if traces is not None:
            begin = int(rng.integers(max(len(traces) - horizon, 0) + 1))
            demand[:, copy] = traces[begin : begin + horizon]
            continue
        for item, family in enumerate(model.demands):
            demand[:, copy, item] = draw(family, rng, horizon, 1, None)[0][:, 0]
    return demand


def minimise(
    cost: Callable[[Array], Array],
    start: Sequence[float],
    steps: Sequence[float],
    *,
    low: Sequence[float] | None = None,
    smallest: float = 1.0,
    what: str = "parameters",
) -> tuple[Array, float]:
    """Pattern search: the best of all moves by one step in one coordinate or in two; steps halve.

    One or two whole parameters are looked for up to `WIDE` units around the end as well: costs of index
    rules have several valleys (single index, dual sourcing with L = 3: 2.4 % above the best one).

    Args:
        cost: Of candidates, shape ``(candidates, parameters)``.
        start: First guess.
        steps: First step of each coordinate.
        low: Smallest value of each coordinate.
        smallest: Step below which the search ends; 1 keeps whole parameters whole.
        what: For the line that tells of progress.

    Returns:
        The best parameters and their cost.
    """
    best, step = np.asarray(start, float), np.asarray(steps, float)
    if smallest == 1.0:
        best = np.rint(best)
    least = np.full(len(best), -np.inf) if low is None else np.asarray(low, float)
    tell, known = Telling(f"optimising {what}"), {}
    best = np.maximum(best, least)
    known[best.tobytes()] = float(cost(best[None])[0])
    near, moves = _moves(len(best)), _moves(len(best))
    wide = _wide(len(best)) if smallest == 1.0 and len(best) <= 2 else near
    while True:
        candidates = np.maximum(best + moves * step, least)
        fresh = [c for c in np.unique(candidates, axis=0) if c.tobytes() not in known]
        if fresh:
            for candidate, value in zip(fresh, cost(np.stack(fresh)), strict=True):
                known[candidate.tobytes()] = float(value)
        values = [known[c.tobytes()] for c in candidates]
        winner = int(np.argmin(values))
        tell(f"{known[best.tobytes()]:.5g}")
        if values[winner] < known[best.tobytes()] - 1e-12:
            best, moves = candidates[winner], near
        elif (step > smallest).any():
            step = np.maximum(step / 2, smallest)
            step = np.ceil(step) if smallest == 1.0 else step
        elif moves is not wide:
            moves = wide
        else:
            tell.done()
            return best, known[best.tobytes()]


def scan(
    cost: Callable[[Array], Array],
    start: Sequence[float],
    steps: Sequence[float],
    low: Sequence[float] | None,
) -> Array:
    """The best point of a coarse grid around ``start``: a first guess in the right valley.

    Five values a coordinate for up to three coordinates, three for up to five; beyond, only the sum of
    all moves.
    """
    size = len(start)
    offsets = np.arange(-2, 3) if size <= 3 else np.arange(-1, 2)
    if size <= 5:
        moves = np.stack(np.meshgrid(*[offsets] * size, indexing="ij"), -1).reshape(-1, size)
    else:
        moves = np.repeat(np.arange(-3, 4)[:, None], size, 1)
    points = np.asarray(start, float) + moves * np.asarray(steps, float)
    points = points if low is None else np.maximum(points, np.asarray(low, float))
    points = np.unique(points, axis=0)
    best: Array = points[int(np.argmin(cost(points)))]
    return best


def _wide(size: int) -> Array:
    """All moves of up to `WIDE` units in each coordinate."""
    reach = np.arange(-WIDE, WIDE + 1.0)
    moves: Array = np.stack(np.meshgrid(*[reach] * size, indexing="ij"), -1).reshape(-1, size)
    return moves


def _moves(size: int) -> Array:
    """±1 in each coordinate, and in every pair of neighbouring coordinates; all pairs up to four."""
    single = np.concatenate([np.eye(size), -np.eye(size)])
    pairs: list[Any] = []
    for one in range(size):
        for other in range(one + 1, size if size <= 4 else min(one + 2, size)):
            for sign in (1, -1):
                for second in (1, -1):
                    move = np.zeros(size)
                    move[one], move[other] = sign, second
                    pairs.append(move)
    return np.concatenate([single, np.array(pairs)]) if pairs else single


def best_rule(
    env: Any,
    name: str,
    rule: ParametricRule,
    start: Sequence[float],
    steps: Sequence[float],
    *,
    low: Sequence[float] | None = None,
    exact: Callable[[Array], float] | None = None,
    periods: int = 100_000,
    version: int = 2,
) -> tuple[Array, float]:
    """The rule's best parameters for the environment's problem, from the cache where they are known.

    Args:
        env: An environment of this domain.
        name: Of the result in the cache.
        rule: What is tuned.
        start: First guess.
        steps: First step of each coordinate.
        low: Smallest value of each coordinate.
        exact: Cost of one parameter vector, where it can be computed; polishes what simulation found.
        periods: Periods to simulate for each candidate.
        version: Raised when the rule changes.

    Returns:
        Parameters and cost a period (minus reward).
    """
    model: Model = env.model
    config = model.config.model_dump(mode="json")
    if not model.finite:
        config = {key: value for key, value in config.items() if key not in ("horizon", "warmup")}
    question = {"config": config, "weights": env.reward_spec.weights}
    whole = bool(getattr(model, "orders").whole)  # noqa: B009 - not part of every model's protocol

    def solve() -> dict[str, Any]:
        orders = model.orders  # type: ignore[attr-defined]
        simulated = Simulated(model, rule, orders.actions, env.reward_spec, periods=periods)
        smallest = 1.0 if whole else max(max(steps) / 32, 1e-3)
        rough = Simulated(model, rule, orders.actions, env.reward_spec, periods=periods // 10)
        guess = scan(rough, start, steps, low)
        best, cost = minimise(simulated, guess.tolist(), steps, low=low, smallest=smallest, what=name)
        if exact is not None and all(family.integer and family.independent for family in model.demands):

            def exactly(candidates: Array) -> Array:
                return np.array([exact(one) for one in candidates])

            with suppress(InvalidValueError):  # with too many states the simulated optimum it is
                best, cost = minimise(exactly, best.tolist(), [1.0] * len(best), low=low, what=name)
        return {"parameters": best, "cost": cost}

    kept = solved(name, version, question, solve)
    return kept["parameters"], float(kept["cost"])
