"""What an author writes: the dynamics of ``num_envs`` episodes side by side, as arrays."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from sandbox.api.batch.types import Array, Config, Core, Info, MakeCore, Observation, Space
from sandbox.api.errors import InvalidValueError, PluginError


class BatchedCore(Protocol):
    """The dynamics of ``num_envs`` episodes of one agent; made by ``Core(config, num_envs)``.

    A row is one episode. Row r may depend on its own actions and its own generator alone, so that it
    plays the same whatever the other rows do: all that is random in it is drawn from the generator that
    `begin` is given (also found in ``self.rngs[row]``, a list that is set before the first call).

    Attributes:
        observation_space: Of one row.
        action_space: Of one row: Box, Discrete, MultiDiscrete or MultiBinary.

    A core may also have any of the following; what is absent is left out.

    - ``masks() -> (num_envs, n) bool``: actions that are allowed next; see docs/reference/layouts.md for n.
      A forbidden action must do no harm, for algorithms without masks may take it.
    - ``info() -> dict``: arrays of shape ``(num_envs, …)`` to be given in the infos of resets and steps;
      a boolean ``_name`` beside a ``name`` says of which rows it is.
    - ``state_space`` and ``state() -> (num_envs, …)``: the whole state, where observations show a part of it.
    - ``keeps_precision = True``: actions of a Box come in the floating-point precision they were given in,
      and not in that of the space.
    - ``render(row)``: a picture of a row, ``(height, width, 3)`` uint8; attributes ``render_modes``
      (``("rgb_array",)`` if absent) and ``render_fps``. The mode is in ``self.render_mode``.
    - ``close()``: frees what it holds.
    - ``get_state() -> dict`` and ``set_state(state)``: all that the future depends on but the generators,
      as plain data (see `sandbox.api.write_state`). By default every attribute that is an array (unless
      it is read-only: a constant), a number, text, or a list, tuple or dict of those.
    - ``upgrade_state(state)``: the environment's state, given one that an earlier version of the plugin
      may have saved.
    - ``redraw(row, rng)``: draws again all that chance has still to decide, and nothing that has been;
      ``can_redraw`` is false where parameters forbid it. ``action_text(action, row)``. Both are for
      branches: see `sandbox.api.Task.resume`.
    - ``branch(state, rngs)``: every row goes on from the state of a core of one row, as that does after
      `redraw` with the row's generator; ``state`` is what its ``get_state`` gave.
    - ``exogenous() -> dict`` of arrays ``(num_envs,)`` and ``denominators(row) -> dict`` of numbers: what no
      action changes in an episode, and what means are over. Infos of the single environment hold them, the
      latter at the end of an episode; `sandbox.testing` asks for them.
    - ``begin_rows(rows, rngs)``, ``observe_rows(rows)``, ``masks_rows(rows)`` and ``metrics_rows(rows)``
      for some rows at once (``rows`` is an array of indices, what is returned has one entry each), where
      that is faster; they replace what they are named after where only some rows are concerned.
    """

    @property
    def observation_space(self) -> Space: ...

    @property
    def action_space(self) -> Space: ...

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Start the next episode in a row; draws what it needs, best all of the episode's at once."""
        ...

    def step(self, actions: Array) -> Any:
        """One step of all rows.

        Args:
            actions: Shape ``(num_envs, *action_shape)``.

        Returns:
            The transition that the reward's terms are functions of: an object or mapping whose values
            have shape ``(num_envs,)``; or a list of ``num_envs`` transitions, one a row, of which each term
            is a number, for a core that steps its rows one after the other.
        """
        ...

    def observe(self) -> Observation:
        """What is seen now, a new array of shape ``(num_envs, *observation_shape)``, or a dict of them."""
        ...

    def ends(self) -> tuple[Any, Any]:
        """Whether each row's episode has terminated by itself, and whether a limit has truncated it.

        Two arrays of shape ``(num_envs,)``; a plain ``True`` or ``False`` stands for all rows.
        """
        ...

    def metrics(self, row: int) -> Mapping[str, float]:
        """What a practitioner reports of the episode that has just ended in a row."""
        ...


class ParallelCore(Protocol):
    """The same for k agents that act at the same time: a row is an episode of all of them.

    Everything has an axis of k agents after that of the rows: actions ``(num_envs, k, *action_shape)``,
    observations ``(num_envs, k, *observation_shape)``, masks ``(num_envs, k, n)``, the values of a
    transition and both arrays of `ends` ``(num_envs, k)``. ``self.active``, a boolean array ``(num_envs, k)``
    that is kept for the core, says whose agents are still there; the actions of those that have left mean
    nothing, and what is computed for them is left out of observations, rewards and ends. An episode is
    over when its last agent has left. Metrics concern the whole episode.

    Attributes:
        agents: Names of the k agents, in the order of the axis.
        observation_space: Of one agent, or a mapping from its name to a Box space: these may differ in
            size, and observations are then padded with zeros to the largest.
        action_space: Of one agent, or a mapping from its name to a Discrete space (from 0): with unlike
            numbers of actions, masks are padded with false to the largest.

    With the attribute ``common_reward = True`` the values of a transition concern the whole system and have
    shape ``(num_envs,)``; every agent earns an equal share of them. The optional parts are those of
    `BatchedCore`.
    """

    @property
    def agents(self) -> Sequence[str]: ...

    @property
    def observation_space(self) -> Space | Mapping[str, Space]: ...

    @property
    def action_space(self) -> Space | Mapping[str, Space]: ...

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Start the next episode in a row, all agents present."""
        ...

    def step(self, actions: Array) -> Any:
        """One step of all rows and agents."""
        ...

    def observe(self) -> Array:
        """What every agent sees now, a new array of shape ``(num_envs, k, *observation_shape)``."""
        ...

    def ends(self) -> tuple[Any, Any]:
        """Whether each agent has terminated, and whether a limit has truncated it; ``(num_envs, k)`` each."""
        ...

    def metrics(self, row: int) -> Mapping[str, float]:
        """What a practitioner reports of the episode that has just ended in a row."""
        ...


def make_core(make: MakeCore, config: Config, num_envs: int, render_mode: str | None = None) -> Core:
    """A core with its generators, told how it will be rendered.

    Raises:
        InvalidValueError: For a render mode that it does not have.
        PluginError: If a part of it is missing.
    """
    takes_mode = "render_mode" in inspect.signature(make).parameters
    core = make(config, num_envs, render_mode=render_mode) if takes_mode else make(config, num_envs)
    missing = [name for name in REQUIRED if not hasattr(core, name)]
    if missing:
        raise PluginError(
            f"{type(core).__name__} has no {' and no '.join(missing)}, which a batched core needs.",
            "See sandbox.api.BatchedCore.",
        )
    modes = render_modes(core)
    if render_mode is not None and render_mode not in modes:
        raise InvalidValueError(
            f"{type(core).__name__} cannot render as '{render_mode}'.",
            f"It offers {', '.join(modes)}." if modes else "It has no render().",
        )
    core.render_mode = render_mode
    core.rngs = [np.random.default_rng() for _ in range(num_envs)]
    return core


REQUIRED = ("observation_space", "action_space", "begin", "step", "observe", "ends", "metrics")


def render_modes(core: Core) -> tuple[str, ...]:
    """How a core can be rendered."""
    default = ("rgb_array",) if hasattr(core, "render") else ()
    return tuple(getattr(core, "render_modes", default))


def keeps_precision(core: Core) -> bool:
    """Whether a core takes numbers in the precision they are given in."""
    return bool(getattr(core, "keeps_precision", False))


def metadata(core: Core) -> Info:
    """Gymnasium's metadata of an environment made from a core."""
    return {"render_modes": list(render_modes(core)), "render_fps": getattr(core, "render_fps", 8)}
