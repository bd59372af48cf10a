"""A learner instead of a loop: `driven` does updates, checkpoints, interruption and exact resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import DamagedRunError, PluginError
from sandbox.api.state import read_state, write_state

if TYPE_CHECKING:
    from sandbox.api.policy import Policy

State: TypeAlias = dict[str, Any]
"""Plain data, as `write_state` takes it."""

NAME = "learner"
"""Stem of the files that hold a learner's state in a checkpoint."""


class Learner(Protocol):
    """What an author writes of an algorithm; made by ``Learner(context)``.

    Environments that it makes with ``context.make_envs`` are closed for it. All that it draws at random
    comes from ``context.seed``.
    """

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Learn once: play and update.

        Returns:
            The environment steps that it took, over all rows (the updates of an offline algorithm), at
            least 1, and diagnostics to be logged, such as ``{"loss": 0.3}``.
        """
        ...

    def policy(self) -> Policy:
        """The policy of this moment; it must not change when learning goes on."""
        ...

    def get_state(self) -> State:
        """All that `iterate` depends on, copied: weights, optimiser, counters, generators, buffers."""
        ...

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave.

        Environments are then as they were at that moment, unless ``context.resume.environments`` is
        false: then they are new and have to be reset. `sandbox.api.Interaction` takes care of that.
        """
        ...


def driven(learner: Callable[[TrainContext], Learner]) -> Callable[[TrainContext], Policy]:
    """`sandbox.api.Algorithm.train` of a learner.

    ::

        train = driven(Reinforce)

    Between two calls of ``iterate`` progress is reported, policies are validated, checkpoints are
    written, and an interrupt is answered; a stopped training goes on from the state that was written.

    Args:
        learner: The class, or a function of the context.
    """

    def train(context: TrainContext) -> Policy:
        with ExitStack() as closing:
            return _drive(learner, _closing_envs(context, closing))

    train.__doc__ = f"Train {getattr(learner, '__name__', 'the learner')}; see `sandbox.api.driven`."
    return train


def _drive(make: Callable[[TrainContext], Learner], context: TrainContext) -> Policy:
    learner = make(context)
    steps = 0

    def write(folder: Path, before: Path | None) -> None:
        write_state(folder, NAME, {"steps": steps, "state": learner.get_state()})

    if context.resume is not None:
        saved = read_state(context.resume.state, NAME)
        try:
            learner.set_state(saved["state"])
            steps = int(saved["steps"])
        except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:
            reason = f"The training state in {context.resume.state} does not fit: {error}."
            raise DamagedRunError(reason) from error
        context.update(steps, learner.policy, None, write)
    while steps < context.steps:
        taken, values = learner.iterate()
        if taken < 1:
            name = type(learner).__name__
            raise PluginError(f"{name}.iterate() reports {taken} steps; it must be at least 1.")
        steps += taken
        context.update(steps, learner.policy, values, write if steps < context.steps else None)
    return learner.policy()


def _closing_envs(context: TrainContext, closing: ExitStack) -> TrainContext:
    """The context, whose environments are closed at the end unless the learner has closed them."""

    def make_envs(num_envs: int) -> Any:
        envs = context.make_envs(num_envs)
        closing.callback(_close, envs)
        return envs

    return replace(context, make_envs=make_envs)


def _close(envs: Any) -> None:
    if not getattr(envs, "closed", False):
        envs.close()
