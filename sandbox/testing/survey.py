"""One long look at random play; every check that needs only to watch reads its findings here."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import gymnasium as gym
import numpy as np

from sandbox.api.domain import Task
from sandbox.api.errors import MisfitError, MissingExtraError
from sandbox.api.masks import mask_size
from sandbox.api.types import Array, Bools, Element, Environment, Space
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.testing.play import Act, Answer, Chooser, Reset, Trace, steps
from sandbox.testing.verdicts import Budget, Clock, Violation

SEEDS = (11, 12)
"""Episode seeds of the survey: below every training range, like test seeds."""

LONGEST = 10_000
"""Steps after which an episode of the small instance should have ended."""

PATIENCE = 10
"""The first episode may take this many times the seconds of the rest."""

SAMPLES = 16
"""Observations kept to compare policies on."""


@dataclass
class Survey:
    """What random play showed.

    Attributes:
        trace: The first episode and those that followed it without a seed.
        first: Events of its first episode, the reset included.
        ended: Episodes that came to their end.
        lengths: Their steps.
        terminated: Episodes that ended by terminating.
        forbidding: Masks that forbade something.
        terms: Least and greatest value of each reward term.
        violations: The first breach of each promise, by the name of the check that tells it.
        missing: What is not installed that the task needs.
        low, high: Least and greatest value of each number of an observation, by its path.
        samples: Some observations, and the masks that came with them.
    """

    trace: Trace = field(default_factory=Trace)
    first: int = 0
    ended: int = 0
    lengths: list[int] = field(default_factory=list)
    terminated: int = 0
    forbidding: int = 0
    terms: dict[str, tuple[float, float]] = field(default_factory=dict)
    violations: dict[str, str] = field(default_factory=dict)
    missing: str = ""
    low: dict[str, Array] = field(default_factory=dict)
    high: dict[str, Array] = field(default_factory=dict)
    samples: list[tuple[Element, Bools | None]] = field(default_factory=list)

    def note(self, check: str, message: str) -> None:
        """Keep the first breach that a check is to tell."""
        self.violations.setdefault(check, message)

    def tell(self, check: str) -> None:
        """Raise what the check is to tell, if anything."""
        if check in self.violations:
            raise Violation(self.violations[check])

    @property
    def crashed(self) -> bool:
        """Whether the environment raised, so that little else can be said of it."""
        return "plays" in self.violations


class Surveyed(Protocol):
    """What a survey needs to know of a subject."""

    @property
    def task(self) -> Task: ...
    @property
    def scenario(self) -> ResolvedScenario: ...
    @property
    def budget(self) -> Budget: ...
    def make(self) -> Environment: ...


def look(subject: Surveyed) -> Survey:
    """Play at random for as long as the budget allows, at least one episode where it ends in time."""
    survey, budget = Survey(), subject.budget
    clock = Clock(budget.survey_seconds)
    try:
        env = subject.make()
    except MissingExtraError as error:  # what this task alone needs, beyond what its domain requires
        survey.missing = error.message.rstrip(".")
        return survey
    except Exception as error:
        survey.note("plays", f"make(config, reward, None) raised {said(error)}")
        return survey
    watcher = _Watcher(subject, survey, env)
    try:
        choose = Chooser(env, seed=0)
        left = budget.steps
        for seed in _seeds():
            watcher.begin(seed)
            first = seed == SEEDS[0]  # which should be seen to its end
            limit, seconds = (LONGEST, PATIENCE * budget.survey_seconds) if first else (left, clock.left)
            for event, answer in steps(env, choose, seed, limit, seconds):
                survey.trace.add(event, answer)
                watcher.see(event, answer)
                left -= isinstance(event, Act)
            if first:
                survey.first = len(survey.trace.events)
            if left <= 0 or clock.over:
                break
    except Exception as error:
        survey.note("plays", watcher.crash(error))
    finally:
        _closed(env, survey)
    if not survey.ended and not survey.crashed and survey.trace.steps >= LONGEST:
        survey.note(
            "ends",
            f"the episode with seed {SEEDS[0]} did not end within {LONGEST:,} random steps: give the task a "
            "horizon, or Task.small a shorter one",
        )
    return survey


def _seeds() -> Iterator[int | None]:
    """Seeds of the episodes that are played, with some that go on without one."""
    yield SEEDS[0]
    for seed in count(SEEDS[1]):
        yield None
        yield seed


def said(error: BaseException) -> str:
    """An exception in one line, with the place in the plugin's code where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = ""
    if frames:
        path = Path(frames[-1].filename)
        where = f" ({path.parent.name}/{path.name}, line {frames[-1].lineno})"
    first = next(iter(str(error).strip().splitlines()), "no reason given")
    return f"{type(error).__name__}: {first}{where}"


class _Watcher:
    """Looks at each answer of one environment."""

    def __init__(self, subject: Surveyed, survey: Survey, env: Environment) -> None:
        self.subject, self.survey, self.env = subject, survey, env
        self.joint = subject.task.agents == "parallel"
        self.padded = bool(getattr(env, "padded_actions", False))
        self.terms = set(subject.scenario.reward.weights)
        self.metrics = {metric.name for metric in subject.task.metrics}
        self.seed: int | None = None
        self.step = 0
        self.last: tuple[Element, Element] | None = None
        self.answer: Answer | None = None

    def begin(self, seed: int | None) -> None:
        """A new episode is about to start."""
        self.seed, self.step, self.last, self.answer = seed, 0, None, None

    @property
    def where(self) -> str:
        """The present step in words."""
        return f"step {self.step} after reset(seed={self.seed})" if self.step else f"reset(seed={self.seed})"

    def crash(self, error: Exception) -> str:
        """What to say of an exception out of the environment."""
        if self.answer is None:
            return f"reset(seed={self.seed}) raised {said(error)}"
        text = f"step {self.step + 1} after reset(seed={self.seed}) raised {said(error)}"
        if "action_mask" in self.answer.info:
            self.survey.note("masks", f"{text}, though the mask allows the action")
        return text

    def see(self, event: Reset | Act, answer: Answer) -> None:
        """Check one answer against every promise that concerns it."""
        if isinstance(event, Act):
            self.step += 1
            self._reward(answer)
            self._flags(answer)
            self._forbidden(answer)
        self._observation(answer)
        self._mask(event, answer)
        self._metrics(event, answer)
        self.answer = answer
        if answer.over:
            self.survey.ended += 1
            self.survey.terminated += bool(answer.terminated)
            self.survey.lengths.append(self.step)

    def _observation(self, answer: Answer) -> None:
        survey, observation = self.survey, answer.observation
        if self.last is not None:
            returned, copied = self.last
            if not _equal(returned, copied):
                survey.note(
                    "memory",
                    f"the observation that was returned before {self.where} changed when that step was "
                    "taken: return a copy of the environment's own array",
                )
        self.last = (observation, _copied(observation))
        complaint = outside(self.env.observation_space, observation)
        if complaint:
            survey.note("observations", f"{self.where}: {complaint}")
            return
        for path, values in leaves(observation):
            array = np.asarray(values, np.float64)
            if path in survey.low and survey.low[path].shape == array.shape:
                np.minimum(survey.low[path], array, out=survey.low[path])
                np.maximum(survey.high[path], array, out=survey.high[path])
            else:
                survey.low[path], survey.high[path] = array.copy(), array.copy()
        if len(survey.samples) < SAMPLES:
            survey.samples.append((_copied(observation), _copied(answer.info.get("action_mask"))))

    def _reward(self, answer: Answer) -> None:
        survey, info = self.survey, answer.info
        rewards = info.get("agent_rewards") if self.joint else answer.reward
        numbers = np.asarray(rewards)
        if numbers.dtype.kind not in "fiub" or (not self.joint and numbers.shape != ()):
            survey.note("reward", f"{self.where}: the reward is {answer.reward!r}, not a number")
            return
        if not np.isfinite(numbers).all():
            survey.note("reward", f"{self.where}: the reward is {answer.reward}")
            return
        terms = info.get("reward_terms")
        if not isinstance(terms, Mapping):
            survey.note("terms", f"{self.where}: info holds no reward_terms")
            return
        if set(terms) != self.terms:
            survey.note(
                "terms",
                f"{self.where}: info['reward_terms'] names {sorted(terms)}, the reward {sorted(self.terms)}",
            )
            return
        values = {name: np.asarray(value, np.float64) for name, value in terms.items()}
        unfit = [name for name, value in values.items() if not np.isfinite(value).all()]
        if unfit:
            survey.note("terms", f"{self.where}: the term '{unfit[0]}' is {terms[unfit[0]]}")
            return
        for name, value in values.items():
            if value.size:
                low, high = survey.terms.get(name, (np.inf, -np.inf))
                survey.terms[name] = min(low, float(value.min())), max(high, float(value.max()))
        total = self.subject.scenario.reward.total(values)
        size = sum(
            np.abs(weight * values[name]) for name, weight in self.subject.scenario.reward.weights.items()
        )
        if not np.allclose(numbers, total, rtol=1e-5, atol=1e-6 * (1 + float(np.max(size)))):
            survey.note(
                "terms",
                f"{self.where}: the reward is {_short(numbers)}, but weight · term sums to {_short(total)}",
            )

    def _flags(self, answer: Answer) -> None:
        for name in ("terminated", "truncated"):
            value = getattr(answer, name)
            if not isinstance(value, bool | np.bool_):
                self.survey.note("ends", f"{self.where}: {name} is {value!r}, not True or False")

    def _forbidden(self, answer: Answer) -> None:
        # An environment may say in info["forbidden"] whether it took the action for a forbidden one.
        if np.any(answer.info.get("forbidden", False)):
            self.survey.note(
                "masks",
                f"{self.where}: info says that the action was forbidden, but the mask before it allowed it",
            )

    def _mask(self, event: Reset | Act, answer: Answer) -> None:
        survey, mask = self.survey, answer.info.get("action_mask")
        if not self.subject.task.masks:
            if mask is not None and not self.padded:
                survey.note("masks", f"{self.where}: info holds an action_mask, but the task has masks=False")
            return
        if mask is None:
            survey.note("masks", f"{self.where}: info holds no action_mask")
            return
        mask = np.asarray(mask)
        space = getattr(self.env, "row_action_space", self.env.action_space)
        try:
            n = mask_size(space)
        except MisfitError as error:
            survey.note("masks", f"{self.where}: info holds an action_mask, but {str(error).lower()}")
            return
        survey.forbidding += not mask.all()
        wanted = (len(getattr(self.env, "agents", ())), n) if self.joint else (n,)
        if mask.dtype != np.bool_:
            survey.note("masks", f"{self.where}: the mask has dtype {mask.dtype}, not bool")
        if mask.shape != wanted:
            survey.note("masks", f"{self.where}: the mask has shape {mask.shape}, not {wanted}")
        elif not mask.any(axis=-1).all() and not answer.over:
            survey.note("masks", f"{self.where}: the mask allows nothing, and the episode has not ended")

    def _metrics(self, event: Reset | Act, answer: Answer) -> None:
        survey, metrics = self.survey, answer.info.get("metrics")
        if not answer.over:
            if metrics is not None:
                survey.note("metrics", f"{self.where}: info holds metrics before the episode has ended")
            return
        if not isinstance(metrics, Mapping):
            survey.note("metrics", f"{self.where}: the episode has ended, but info holds no metrics")
            return
        if set(metrics) != self.metrics:
            survey.note(
                "metrics",
                f"{self.where}: info['metrics'] names {sorted(metrics)}, the task {sorted(self.metrics)}",
            )
        for name, value in metrics.items():
            try:
                finite = bool(np.isfinite(float(value)))
            except (TypeError, ValueError):
                finite = False
            if not finite:
                survey.note("metrics", f"{self.where}: the metric '{name}' is {value!r}, not a finite number")


def outside(space: Space, observation: Element) -> str | None:  # noqa: PLR0911 - one per reason
    """Why an observation does not belong to its space, or None if it does."""
    if isinstance(space, gym.spaces.Dict):
        if not isinstance(observation, Mapping) or set(observation) != set(space.spaces):
            return "the observation does not have the keys of its space"
        for key, part in space.spaces.items():
            complaint = outside(part, observation[key])
            if complaint:
                return f"{key}: {complaint}"
        return None
    for _, leaf in leaves(observation):
        array = np.asarray(leaf)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"the observation holds {array[~np.isfinite(array)].flat[0]}"
    if space.contains(observation):
        return None
    if isinstance(space, gym.spaces.Box):
        array = np.asarray(observation)
        if not isinstance(observation, np.ndarray) or array.dtype != space.dtype:
            return f"the observation is a {type(observation).__name__} of {array.dtype}, not {space.dtype}"
        if array.shape != space.shape:
            return f"the observation has shape {array.shape}, its space {space.shape}"
        index = tuple(int(i) for i in np.argwhere((array < space.low) | (array > space.high))[0])
        return (
            f"observation{list(index)} is {array[index]:g}, outside "
            f"[{space.low[index]:g}, {space.high[index]:g}]"
        )
    return f"the observation {_short(observation)} is not in {space}"


def leaves(observation: Element, path: str = "") -> list[tuple[str, Element]]:
    """The arrays and numbers of a nested observation, each with its path."""
    if isinstance(observation, Mapping):
        return [leaf for key in observation for leaf in leaves(observation[key], f"{path}['{key}']")]
    if isinstance(observation, tuple):
        return [leaf for index, part in enumerate(observation) for leaf in leaves(part, f"{path}[{index}]")]
    return [(path, observation)]


def _copied(value: Element) -> Element:
    if isinstance(value, Mapping):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_copied(part) for part in value)
    return None if value is None else np.array(value)


def _equal(first: Element, second: Element) -> bool:
    if isinstance(first, Mapping):
        return all(_equal(first[key], second[key]) for key in second)
    if isinstance(first, tuple):
        return all(_equal(a, b) for a, b in zip(first, second, strict=True))
    return np.array_equal(np.asarray(first), second, equal_nan=np.asarray(first).dtype.kind == "f")


def _closed(env: Environment, survey: Survey) -> None:
    try:
        env.close()
    except Exception as error:
        survey.note("plays", f"close() raised {said(error)}")


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"
