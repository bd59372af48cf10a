"""Order-up-to rules of the beer game, and Sterman's average player."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.beer_game.model import BeerGame
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, tuned_policy
from sandbox_inventory.core.solvers.search import ParametricRule

AVERAGE_PLAYER = (17.0, 17.0, 17.0, 17.0, 0.26, 0.34)
"""S' of the four stations, α and β: the mean of the players' estimates in Sterman 1989."""

AVERAGE_SMOOTHING = 0.36
"""θ, weight of the newest order in the expectation; from the same estimates."""


def supply_line(state: State) -> Array:
    """Ordered but not received: in the mail, in the supplier's backlog, in transit; ``(num_envs, 4)``."""
    line: Array = state["shipments"].sum(2) + state["mail"].sum(2)
    line[:, :3] += positive(-state["net"][:, 1:])
    return line


def sterman(parameters: Array, state: State, expected: Array | float = 4.0) -> Array:
    """Anchor and adjust: max(0, expected + α·(S' - net - β·supply line)); Sterman 1989, eq. (8).

    Args:
        parameters: S' of the four stations, α, β; shape ``(num_envs, 6)``.
        state: State of the game.
        expected: Expected incoming orders (the anchor), cases a week.
    """
    gap = parameters[:, :4] - state["net"] - parameters[:, 5:6] * supply_line(state)
    return positive(np.rint(expected + parameters[:, 4:5] * gap))


def base_stock(parameters: Array, state: State) -> Array:
    """Each station orders its local position up to its level."""
    return positive(parameters - state["net"] - supply_line(state))


def echelon_base_stock(parameters: Array, state: State) -> Array:
    """Each station orders its echelon position up to its level.

    The echelon position is all stock at and below the station and in transit there, less the customers'
    backlog, plus the station's orders that its supplier has not shipped. Backlogs between stations cancel.
    """
    inside = positive(state["net"]) + state["shipments"].sum(2)
    echelon = np.cumsum(inside, 1) - positive(-state["net"][:, :1])
    unshipped = state["mail"].sum(2)
    unshipped[:, :3] += positive(-state["net"][:, 1:])
    return positive(parameters - echelon - unshipped)


def _tuned(
    env: InventoryEnvironment, name: str, rule: ParametricRule, start: list[float], step: float
) -> RulePolicy:
    return tuned_policy(env, f"beer-{name}", rule, start, [step] * 4, low=[0.0] * 4, periods=20_000)


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Local base-stock levels, optimised."""
    model: BeerGame = env.core.model
    weeks = model.delays + model.config.order_delay
    start = np.ceil(model.scale * weeks).tolist()
    return _tuned(env, "base-stock", base_stock, start, np.ceil(model.scale))


def make_echelon(env: InventoryEnvironment) -> RulePolicy:
    """Echelon base-stock levels, optimised."""
    model: BeerGame = env.core.model
    weeks = np.cumsum(model.delays + model.config.order_delay - 1) + 1
    start = np.ceil(model.scale * weeks).tolist()
    return _tuned(env, "echelon-base-stock", echelon_base_stock, start, np.ceil(2 * model.scale))


def make_sterman(env: InventoryEnvironment) -> RulePolicy:
    """Sterman's average player."""
    return StermanPolicy(env, np.array(AVERAGE_PLAYER), AVERAGE_SMOOTHING)


class StermanPolicy(RulePolicy):
    """Anchor and adjust; the anchor is an exponential average of incoming orders.

    Args:
        env: The game.
        parameters: S' of the four stations, α, β.
        smoothing: Weight of the newest order, θ.
    """

    memoryless = False

    def __init__(self, env: InventoryEnvironment, parameters: Array, smoothing: float) -> None:
        super().__init__(env, self._order, {"values": parameters.tolist()})
        self._values, self._smoothing = parameters, smoothing
        self._expected: Array | None = None

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Expect the initial flow again."""
        self._expected = None

    def _order(self, state: State) -> Array:
        if self._expected is None:
            self._expected = np.full_like(state["net"], self._sim.model.config.initial_flow)
        else:
            self._expected = self._expected + self._smoothing * (state["last"] - self._expected)
        parameters = np.broadcast_to(self._values, (len(state["net"]), 6))
        return sterman(parameters, state, self._expected)
