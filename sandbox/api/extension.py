"""What is added to a task of somebody else, without copying it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.api.metric import Metric
from sandbox.api.policy import Baseline
from sandbox.api.version import API_VERSION

if TYPE_CHECKING:
    from sandbox.api.observation_field import ObservationField
    from sandbox.api.reward import RewardTerm
    from sandbox.api.types import Element, Space
    from sandbox.api.view import View


class Observer(Protocol):
    """What an agent is shown instead of the environment's own observation; nothing is remembered.

    Attributes:
        space: Of one row.
    """

    @property
    def space(self) -> Space: ...

    def __call__(self, observation: Element) -> Any:
        """What is shown, batch first.

        Args:
            observation: The environment's own, one row an environment. It and the present state of the
                environment are all that may be used.

        Returns:
            A new array of shape ``(rows, *space.shape)``, or a dict of them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Observation:
    """Another way to observe a task of one agent; chosen by a scenario's key ``observe``.

    Args:
        name: What ``--set observe=NAME`` takes.
        make: ``"module:callable"`` from the environment to an `Observer`. It is given the unwrapped
            environment (``gymnasium.Env`` or ``gymnasium.vector.VectorEnv``), as `Baseline.make` is.
        description: One sentence.
        pure: Whether it is a function of the environment's own observation alone. One that reads the
            simulator is shown in native batches only where the task is made by `sandbox.api.batched`;
            elsewhere such a task is played in single environments, for a batch that resets by itself has
            begun the next episode when the last observation of the one before would be made.
        fields: What its numbers are: ``(env) -> Sequence[ObservationField]`` of the unwrapped environment.
    """

    name: str
    make: str | Callable[[Any], Observer]
    description: str = ""
    pure: bool = False
    fields: str | Callable[[Any], Sequence[ObservationField]] | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """What an entry point of the group ``sandbox.extensions`` points to.

    What is added keeps the task's environment, its native batch and its exact resume: terms are functions
    of the transition that the task's own terms are given, metrics are computed from what is reported at every
    step, and an observation is a function of the present state.

    Args:
        name: Unique.
        task: Full name of the task, ``<domain>/<task>``; ``<domain>/*`` for all of a domain.
        terms: Reward terms, or ``"module:TERMS"``. They weigh nothing in the task's own presets.
        presets: By name, weights that replace those of the task's default preset and of the new terms.
        metrics: Each with ``from_term`` or ``from_info``.
        observations: Other ways to observe.
        views: Pictures and documents of episodes.
        baselines: Other methods to compare with.
        version: Raised whenever terms, metrics or observations change.
        sources: Papers.
        api_version: The contract that it was written for.
    """

    name: str
    task: str
    terms: str | tuple[RewardTerm, ...] = ()
    presets: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)
    metrics: tuple[Metric, ...] = ()
    observations: tuple[Observation, ...] = ()
    views: tuple[View, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    version: int = 1
    sources: tuple[str, ...] = ()
    api_version: int = field(default=API_VERSION)
