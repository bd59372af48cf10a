"""What is put to the test: a task in a small instance, with what has been seen of it so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.api.domain import Domain, Task
from sandbox.api.errors import InvalidValueError, SandboxError
from sandbox.envs.single import EnvFactory
from sandbox.envs.vector import native
from sandbox.registry.discover import registry
from sandbox.registry.resolve import missing_modules
from sandbox.scenarios.listing import entries
from sandbox.scenarios.overrides import merged
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox.scenarios.validation import validate
from sandbox.testing.survey import Survey, look
from sandbox.testing.verdicts import BUDGETS, Clock, Level, NotApplicable


class Subject:
    """One task of one domain, in the instance on which it is tested.

    That is the domain's default scenario where it belongs to the task, else the first scenario of the
    task, else the task's default parameters; with ``Task.small`` on top.

    Args:
        domain: The domain.
        task: One of its tasks.
        level: How thorough to be.
    """

    def __init__(self, domain: Domain, task: Task, level: Level = "quick") -> None:
        self.domain, self.task, self.level = domain, task, level
        self.name = f"{domain.name}/{task.name}"
        self.budget = BUDGETS[level]

    @property
    def missing(self) -> list[str]:
        """Packages that the domain needs and that are not installed."""
        return missing_modules(self.domain.requires)

    @cached_property
    def scenario(self) -> ResolvedScenario:
        """The instance, checked.

        Raises:
            SandboxError: If its scenario or its parameters are not valid.
        """
        from sandbox.api.scenario import Scenario

        original = self._scenario()
        raw = original.spec.model_dump(mode="json")
        small = dict(self.task.small)
        raw["config"] = merged(raw["config"], small)
        raw["evaluation"]["config"] = merged(raw["evaluation"]["config"], small)
        raw |= {"presets": {}, "references": []}
        scenario = validate(Scenario, raw, f"the small instance of {self.name}")
        return ResolvedScenario(scenario, original.folder).check()

    def make(self) -> Any:
        """A fresh environment; a `JointEnv` where the task has several agents."""
        return EnvFactory(self.scenario)()

    @contextmanager
    def env(self) -> Iterator[Any]:
        """A fresh environment, closed afterwards."""
        made = self.make()
        try:
            yield made
        finally:
            made.close()

    @contextmanager
    def vector(self, num_envs: int) -> Iterator[Any]:
        """The task's own vector environment in SAME_STEP mode, closed afterwards."""
        if self.task.make_vec is None:
            raise NotApplicable("the task has no vector environment of its own")
        made = native(self.scenario, num_envs, evaluation=False)
        try:
            yield made
        finally:
            made.close()

    @cached_property
    def survey(self) -> Survey:
        """A long look at random play, made once and used by most checks."""
        return look(self)

    def clock(self) -> Clock:
        """The time that a check may take for one rollout."""
        return Clock(self.budget.seconds)

    def _scenario(self) -> ResolvedScenario:
        from sandbox.api.scenario import Scenario

        default = self.domain.default_scenario
        try:
            resolved = load_scenario(default)
            if resolved.spec.task == self.name:
                return resolved
        except SandboxError:
            pass  # said by the check of the declaration
        for entry in entries():
            if entry.error is None and entry.task == self.name:
                return load_scenario(str(entry.path or entry.id))
        if not self.task.metrics:
            raise InvalidValueError(f"The task {self.name} declares no metric.")
        scenario = Scenario(
            id=f"{self.domain.name}/{self.task.name}",
            title=self.task.title or self.task.name,
            task=self.name,
            metric=self.task.metrics[0].name,
        )
        return ResolvedScenario(scenario, Path.cwd())


def subjects(domain: Domain, level: Level = "quick") -> list[Subject]:
    """One subject for each task of a domain."""
    return [Subject(domain, task, level) for task in domain.tasks]


def all_subjects(level: Level = "quick") -> list[Subject]:
    """The tasks of every domain that loads."""
    return [subject for domain in registry().domains.working() for subject in subjects(domain, level)]
