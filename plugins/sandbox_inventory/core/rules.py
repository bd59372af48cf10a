"""Classical rules as policies: they read the simulation's exact state instead of the observation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox_inventory.core.model import Array, State

Rule = Callable[[State], Array]
"""From a batch of states to order quantities, shape ``(copies,)`` or ``(copies, orders)``, units."""


def row_actions(env: Any) -> Callable[[Array], Array]:
    """From quantities to actions; where every order is an agent's own, every agent is a row."""
    actions: Callable[[Array], Array] = env.model.orders.actions
    if not hasattr(env, "possible_agents"):
        return actions
    agents = len(env.possible_agents)
    own = () if env.model.config.orders == "discrete" else (1,)
    return lambda quantities: actions(quantities).reshape(len(quantities) * agents, *own)


class RulePolicy:
    """Plays a rule in the environment it was made for; see `sandbox.api.Policy`.

    Args:
        env: An environment of this domain, single or native.
        rule: Quantities to order from the state.
        actions: From quantities to the actions that order them.

    Attributes:
        parameters: What was optimised, by name, for tables and tests.
    """

    def __init__(
        self,
        env: Any,
        rule: Rule,
        actions: Callable[[Array], Array],
        parameters: dict[str, Any] | None = None,
    ) -> None:
        self._sim, self._rule, self._actions = env.sim, rule, actions
        self.parameters = parameters or {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing is remembered between decisions."""

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """Orders for every row."""
        return self._actions(self._rule(self._sim.state))

    def save(self, directory: Path) -> None:
        """A classical rule is not saved."""
        raise NotImplementedError("a baseline is made from its environment, not saved")
