"""Pictures that a task offers beyond the rendered episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sandbox.api.policy import Policy


@dataclass(frozen=True, slots=True)
class ViewAgent:
    """Someone who plays in a view.

    Attributes:
        name: As it appears in tables.
        make: From the environment that will be played (as `Baseline.make` is given it) to a policy.
        deterministic: Whether the policy takes its mode.
    """

    name: str
    make: Callable[[Any], Policy]
    deterministic: bool = True


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant of an episode that is played for a view.

    Attributes:
        step: 0 after the reset, then the number of steps taken.
        observation: What the agent sees now; in a parallel task the rows of all agents.
        action: What was done to get here, None after the reset.
        reward: What it gave, 0 after the reset; in a parallel task the sum over agents.
        info: The environment's info.
    """

    step: int
    observation: Any
    action: Any
    reward: float
    info: Mapping[str, Any]


class Play(Protocol):
    """How a view has an episode played; see `ViewRequest.play`."""

    def __call__(
        self,
        agent: ViewAgent,
        seed: int,
        watch: Callable[[Any, Moment], None],
        render_mode: str | None = None,
    ) -> Any: ...


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """What a view is asked to draw.

    Attributes:
        make_env: ``(render_mode=None) -> environment`` with the parameters of evaluation; the view closes it.
        agents: Who plays, at least one.
        seeds: Episode seeds, at least one, the same for every agent.
        path: File to write; its suffix is one of the view's formats.
        play: ``(agent, seed, watch, render_mode=None)`` plays one episode in an environment of its own and
            calls ``watch(env, moment)`` with the task's own environment after the reset and after every
            step. Returns the episode's record: ``ret``, ``length``, ``reward_terms`` and ``metrics``.
        scenario: The scenario's name.
        weights: Of the reward's terms.
    """

    make_env: Callable[..., Any]
    agents: Sequence[ViewAgent]
    seeds: Sequence[int]
    path: Path
    play: Play
    scenario: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """A picture, animation or document that a task can make of episodes.

    Args:
        name: What ``sandbox render --view NAME`` takes. A view called ``replay`` writes what the web page
            plays, with `sandbox.api.replay.write_replay`; a task without such a view has one of rendered
            pictures and rewards.
        draw: ``(ViewRequest) -> None`` or ``"module:callable"``; writes ``request.path``.
        description: One sentence.
        formats: Suffixes that it can write, without the dot; the first is the default.
        many: Whether it shows several agents beside each other.
    """

    name: str
    draw: str | Callable[[ViewRequest], None]
    description: str = ""
    formats: tuple[str, ...] = ("png",)
    many: bool = True
