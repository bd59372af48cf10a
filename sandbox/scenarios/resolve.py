"""Finds, reads, validates, overrides and hashes scenario files.

A scenario is looked for in, first match wins: the folders given by argument, those in
``SANDBOX_SCENARIOS`` (separated as in ``PATH``), ``./scenarios``, those shipped with this package,
and those of domain plugins. In each, ``<domain>/<name>.yaml`` is the scenario ``<domain>/<name>``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.domain import Domain, Task
from sandbox.api.errors import BrokenFileError, InvalidValueError, UnknownNameError
from sandbox.registry.allowed import require_allowed
from sandbox.registry.by_path import PREFIX
from sandbox.registry.discover import registry
from sandbox.registry.resolve import presets_of, require, resolve
from sandbox.scenarios.overrides import (
    merged,
    parse_assignments,
    shorten,
    split_reward,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sandbox.api.extension import Extension, Observation
    from sandbox.api.metric import Metric
    from sandbox.api.policy import Baseline
    from sandbox.api.reward import RewardSpec
    from sandbox.api.scenario import Scenario
    from sandbox.api.types import Json
from sandbox.scenarios.changes import apply, apply_stated
from sandbox.scenarios.files import Digest, input_digest, input_fields, located, named_files, several_files
from sandbox.scenarios.find import search_path
from sandbox.scenarios.hash import add_extensions, code_names, taking_part
from sandbox.scenarios.paths import absolute_path
from sandbox.scenarios.source import Source, source_of
from sandbox.scenarios.validation import validate

_PATH_PACKAGE = re.compile(rf"\b{PREFIX}[0-9a-f]{{8}}")


@dataclass(frozen=True)
class ResolvedScenario:
    """A scenario with everything resolved: what environments are made from and runs are recorded by.

    Picklable, so that worker processes can rebuild the same environment.

    Attributes:
        spec: The validated scenario, overrides applied.
        folder: Where relative paths in the scenario start.
        path: The file it came from.
    """

    spec: Scenario
    folder: Path
    path: Path | None = None

    @cached_property
    def domain(self) -> Domain:
        return registry().domain(self.spec.task.partition("/")[0])

    @cached_property
    def task(self) -> Task:
        return registry().task(self.spec.task)

    @cached_property
    def config(self) -> BaseModel:
        """The task's parameters in training."""
        return self._validated(self.spec.config)

    @cached_property
    def evaluation_config(self) -> BaseModel:
        """The task's parameters in evaluation."""
        return self._validated(merged(self.spec.config, self.spec.evaluation.config))

    @cached_property
    def reward(self) -> RewardSpec:
        """The reward with the scenario's weights."""
        choice = self.spec.reward
        presets, default = presets_of(self.task)
        name = choice.preset or default
        if name not in presets:
            raise UnknownNameError("reward preset", name, presets)
        return presets[name].reweighted(choice.weights)

    @cached_property
    def observation(self) -> Observation | None:
        """What is observed in place of the environment's own observation."""
        name = self.spec.observe
        if name is None:
            return None
        for observation in self.task.observations:
            if observation.name == name:
                return observation
        raise UnknownNameError("observation", name, [known.name for known in self.task.observations])

    @cached_property
    def metric(self) -> Metric:
        """The metric that ranks agents."""
        for metric in self.task.metrics:
            if metric.name == self.spec.metric:
                return metric
        raise UnknownNameError("metric", self.spec.metric, [metric.name for metric in self.task.metrics])

    @cached_property
    def extensions(self) -> tuple[Extension, ...]:
        """The extensions of the task that have to do with the scenario's numbers."""
        return taking_part(self.task, self.reward.weights, self.metric, self.observation)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all that decides numbers: task, version, parameters, files, reward, evaluation.

        Titles, presets, references and sources do not take part.
        """
        content = {
            "task": self.spec.task,
            "version": self.task.version,
            "config": self.config.model_dump(mode="json"),
            "evaluation_config": self.evaluation_config.model_dump(mode="json"),
            "files": self._digests(self.config),
            "reward": dict(self.reward.weights),
            "metric": self.metric.name,
            "evaluation": self.spec.evaluation.model_dump(mode="json", exclude={"config"}),
        }
        if (files := self._digests(self.evaluation_config)) != content["files"]:
            content["evaluation_files"] = files
        add_extensions(content, self.task, self.metric, self.observation)
        for name in content["files"]:  # type: ignore[attr-defined]
            content["config"].pop(name, None)  # type: ignore[attr-defined]
            content["evaluation_config"].pop(name, None)  # type: ignore[attr-defined]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        text = _PATH_PACKAGE.sub("", text)  # where a plugin lies decides no numbers
        return hashlib.sha256(text.encode()).hexdigest()

    def baselines(self) -> list[str]:
        """Names of the baselines that the scenario shows: those that it names and its parameters allow."""
        known = {baseline.name: baseline for baseline in self.task.baselines}
        chosen = self.spec.baselines
        for name in chosen or ():
            if name not in known and name != "random":
                raise UnknownNameError("baseline", name, known)
        return [name for name in (known if chosen is None else chosen) if self._offers(known.get(name))]

    @property
    def optimum(self) -> str | None:
        """The baseline that is proven to be the best possible in the ranking metric, if there is one."""
        proven = (known.name for known in self.task.baselines if known.optimal_in == self.metric.name)
        return next(proven, None)

    def _offers(self, baseline: Baseline | None) -> bool:
        if baseline is None or baseline.offered is None:
            return True
        return bool(resolve(baseline.offered)(self.evaluation_config))

    def check(self) -> ResolvedScenario:
        """Resolve everything now, so that a mistake is found before anything starts."""
        require(self.domain)
        self.baselines()
        _ = self.config, self.evaluation_config, self.reward, self.observation, self.metric, self.hash
        return self

    def __getstate__(self) -> Json:
        kept = ("spec", "folder", "path")
        return {name: self.__dict__[name] for name in kept}

    def files(self) -> list[Path]:
        """The input files, of training and evaluation."""
        named = (
            value
            for config in (self.config, self.evaluation_config)
            for name, mark in input_fields(type(config)).items()
            for value in named_files(getattr(config, name), mark)
        )
        return [Path(value) for value in named]

    def _digests(self, config: BaseModel) -> dict[str, Digest]:
        return {name: input_digest(config, name, mark) for name, mark in input_fields(type(config)).items()}

    def _input(self, name: str, value: str) -> Path:
        """An input file as an absolute path; one that a scenario file names lies beside or below it."""
        folder = self.folder.resolve()
        path = absolute_path(folder, value, f"config.{name}")
        if self.path is not None and not path.is_relative_to(folder):
            raise InvalidValueError(
                f"{self.path}: config.{name} is '{shorten(value)}', outside the scenario file's folder.",
                f"A scenario file may name files beside and below it; --set config.{name}=PATH any file.",
            )
        return path

    def _validated(self, values: Mapping[str, Any]) -> BaseModel:
        model: type[BaseModel] = resolve(self.task.config)
        for name, reference in code_names(model, values):
            require_allowed(reference, f"config.{name} of {self.spec.id}")
        resolved = dict(values)
        for name, mark in input_fields(model).items():
            if name in resolved:
                resolved[name] = located(resolved[name], mark, partial(self._input, name))
        config: BaseModel = validate(model, resolved, f"the config of {self.spec.id}", self.path)
        return config


def load_scenario(
    name: str,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    search: Sequence[Path] = (),
    stated: Mapping[str, Any] | None = None,
    stated_in: Path | None = None,
) -> ResolvedScenario:
    """Read a scenario, apply overrides, and check everything.

    Args:
        name: ``domain``, ``domain/name``, the path of a YAML file, ``gym:ID`` or ``pettingzoo:module``.
        changes: ``key=value`` pairs for the task's config (``config.key=value`` works too);
            ``evaluation.key=value`` changes the evaluation. References are left out where the task's
            parameters are no longer the file's.
        reward: A preset's name and ``term=weight`` pairs.
        search: Folders to look in first.
        stated: What another file changes, such as a suite, by the same keys; ``changes`` come after it.
        stated_in: That file. It may name input files beside and below it only.

    Raises:
        UnknownNameError, BrokenFileError, InvalidValueError, PluginError, MissingExtraError.
    """
    assignments = parse_assignments(changes, "--set")
    source = source_of(name, search, _wrappers(assignments))
    scenario = _scenario(source)
    file_scenario = ResolvedScenario(scenario, source.folder, source.path)
    file_scenario.check()
    if not assignments and not reward and not stated:
        return file_scenario
    # Of a library of files each may be given by a --set of its own.
    several = several_files(resolve(file_scenario.task.config))
    assignments = parse_assignments(changes, "--set", several)
    preset, weights = split_reward(reward)
    raw = scenario.model_dump(mode="json")
    if preset is not None:
        raw["reward"] = {"preset": preset, "weights": weights}
    elif weights:
        raw["reward"]["weights"] = {**raw["reward"]["weights"], **weights}
    if stated:
        apply_stated(raw, stated, file_scenario.task, stated_in)
    apply(raw, assignments, file_scenario.task, Path.cwd())
    for reference in raw["references"]:  # known values stay those of the metric that the file ranks by
        reference["metric"] = reference["metric"] or scenario.metric
    changed = validate(type(scenario), raw, f"--set on {scenario.id}")
    # Its error messages speak of --set from here on: the file itself was valid.
    resolved = ResolvedScenario(changed, source.folder).check()
    if (resolved.config, resolved.evaluation_config) == (
        file_scenario.config,
        file_scenario.evaluation_config,
    ):
        return resolved
    # A known optimum or published figure belongs to the parameters that the file states.
    return replace(resolved, spec=changed.model_copy(update={"references": ()}))


def from_record(
    record: Mapping[str, Any], folder: Path, expected_hash: str | None = None
) -> ResolvedScenario:
    """The scenario that a run's record describes.

    Args:
        record: The scenario as plain values.
        folder: Where its relative paths start.
        expected_hash: The hash that goes with it, where the record may be a stranger's: an input file that
            lies outside the folders of scenarios is opened only if it is the one that the run had.

    Raises:
        InvalidValueError: If the record does not describe a valid scenario, or names another file.
    """
    from sandbox.api.scenario import Scenario

    scenario = ResolvedScenario(validate(Scenario, dict(record), "the run's scenario"), folder).check()
    if expected_hash is not None and scenario.hash != expected_hash:
        known = [place.resolve() for place in search_path()]
        for file in scenario.files():
            if not any(file.is_relative_to(place) for place in known):
                raise InvalidValueError(
                    f"The run's record names the file '{shorten(str(file))}', which is not what the run had.",
                    "It is not opened. If it is to be used, name it: --scenario and --set KEY=PATH.",
                )
    return scenario


def _wrappers(assignments: Mapping[str, Any]) -> list[str]:
    """Wrappers that are asked for: they may change what an environment made elsewhere is like."""
    given = assignments.get("config.wrap", assignments.get("wrap", ()))
    return [str(item) for item in given] if isinstance(given, list) else []


def _scenario(source: Source) -> Scenario:
    from sandbox.api.scenario import Scenario

    document, path = source.document, source.path
    if not isinstance(document, dict):
        raise BrokenFileError(path, "is not a scenario: it must be a mapping with title, task and metric")
    scenario: Scenario = validate(Scenario, {**document, "id": source.id}, f"{path or source.id}", path)
    return scenario
