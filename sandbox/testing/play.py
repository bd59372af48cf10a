"""Plays an environment step by step, records what happened, and plays it again.

A `Trace` holds what was done (resets with their seeds, actions) and a digest of everything that came
back; `difference` does the same again, elsewhere or later, and says where the two part.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import SupportsFloat

import numpy as np

from sandbox.api.types import Element, Environment, Info
from sandbox.evaluation.rollout import RandomPolicy
from sandbox.testing.verdicts import cut

COMPARED = ("action_mask", "reward_terms", "metrics", "active")
"""What of the info takes part in a comparison."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset; ``seed`` None goes on with the environment's own generator."""

    seed: int | None


@dataclass(frozen=True, slots=True)
class Act:
    """A step with this action."""

    action: Element


@dataclass(slots=True)
class Trace:
    """What was done to an environment, and digests of what it answered."""

    events: list[Reset | Act] = field(default_factory=list)
    digests: list[dict[str, bytes]] = field(default_factory=list)

    def add(self, event: Reset | Act, answer: Answer) -> None:
        """Note one event with its answer."""
        self.events.append(event)
        self.digests.append(answer.digests())

    @property
    def steps(self) -> int:
        """Steps in it, resets not counted."""
        return sum(isinstance(event, Act) for event in self.events)

    def upto(self, events: int) -> Trace:
        """The first ``events`` events."""
        return Trace(self.events[:events], self.digests[:events])

    def since(self, events: int) -> Trace:
        """All but the first ``events`` events."""
        return Trace(self.events[events:], self.digests[events:])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reset or a step gave back; a reset has no reward and has not ended."""

    observation: Element
    reward: SupportsFloat
    terminated: bool
    truncated: bool
    info: Info

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return bool(self.terminated) or bool(self.truncated)

    def digests(self) -> dict[str, bytes]:
        """A digest of each part, equal only for equal bits."""
        parts = {
            "observation": self.observation,
            "reward": self.reward,
            "terminated": bool(self.terminated),
            "truncated": bool(self.truncated),
        }
        parts |= {name: self.info[name] for name in COMPARED if name in self.info}
        return {name: digest(value) for name, value in parts.items()}


def perform(env: Environment, event: Reset | Act) -> Answer:
    """Do one event."""
    if isinstance(event, Reset):
        observation, info = env.reset(seed=event.seed)
        return Answer(observation, 0.0, False, False, info)
    return Answer(*env.step(copy.deepcopy(event.action)))


def digest(value: object) -> bytes:
    """Sixteen bytes that stand for a nested value of mappings, sequences, arrays and numbers."""
    state = hashlib.blake2b(digest_size=16)
    _feed(state, value)
    return state.digest()


def _feed(state: hashlib.blake2b, value: object) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            state.update(f"{key}\0".encode())
            _feed(state, value[key])
        return
    if isinstance(value, list | tuple):
        state.update(f"[{len(value)}]".encode())
        for item in value:
            _feed(state, item)
        return
    if isinstance(value, str | bytes | type(None)):
        state.update(repr(value).encode())
        return
    array = np.asarray(value)
    # A Python float and a NumPy scalar of the same value are the same answer.
    state.update(f"{array.dtype.kind}{array.shape}".encode())
    state.update(repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes())


class Chooser:
    """Random actions, allowed ones where there is a mask, from a generator of its own.

    Args:
        env: A Gymnasium environment or a `sandbox.envs.multiagent.JointEnv`.
        seed: Seeds the actions.
        masked: Whether masks are heeded.
    """

    def __init__(self, env: Environment, seed: int, masked: bool = True) -> None:
        row_space = getattr(env, "row_action_space", None)
        self._joint = row_space is not None
        space = row_space or env.action_space
        self._discrete = hasattr(space, "start") and not space.shape
        self._policy = RandomPolicy(copy.deepcopy(space))  # the environment's own is left alone
        self._policy.reset(1, seed)
        self._masked = masked

    def __call__(self, answer: Answer) -> Element:
        """An action for the coming step."""
        mask = answer.info.get("action_mask") if self._masked else None
        if mask is not None:
            mask = np.asarray(mask, bool) if self._joint else np.asarray(mask, bool)[None]
        rows = answer.observation if self._joint else _row(answer.observation)
        actions = self._policy.act(rows, mask)
        if self._joint:
            return actions
        return int(actions[0]) if self._discrete else actions[0]


def steps(
    env: Environment, choose: Callable[[Answer], Element], seed: int | None, limit: int, seconds: float
) -> Iterator[tuple[Reset | Act, Answer]]:
    """One episode, cut at ``limit`` steps or ``seconds``."""
    start = time.perf_counter()
    event: Reset | Act = Reset(seed)
    answer = perform(env, event)
    yield event, answer
    for _ in range(limit):
        if answer.over or time.perf_counter() - start > seconds:
            return
        event = Act(choose(answer))
        answer = perform(env, event)
        yield event, answer


def difference(
    env: Environment, trace: Trace, seconds: float, parts: tuple[str, ...] | None = None
) -> str | None:
    """Do again what a trace tells; where the answers part, or None.

    Args:
        env: Where to do it.
        trace: What to do and what to expect.
        seconds: Stops, satisfied, after this long, and says so.
        parts: What is compared; everything if absent.
    """
    start = time.perf_counter()
    seed: int | None = None
    step = 0
    for number, (event, expected) in enumerate(zip(trace.events, trace.digests, strict=True), 1):
        answer = perform(env, event)
        if isinstance(event, Reset):
            seed, step = event.seed, 0
        else:
            step += 1
        digests = answer.digests()
        names = sorted(set(digests) | set(expected)) if parts is None else parts
        parted = [name for name in names if digests.get(name) != expected.get(name)]
        if parted:
            where = f"the reset with seed {seed}" if step == 0 else f"step {step} after reset(seed={seed})"
            return f"{', '.join(parted)} of {where}"
        if time.perf_counter() - start > seconds:
            if number < len(trace.events):
                cut(f"cut short after {number:,} of {len(trace.events):,} steps and resets: time was up")
            break
    return None


def _row(observation: Element) -> Element:
    """A batch of one row, as far as counting rows is concerned."""
    return [observation]
