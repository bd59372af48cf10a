"""Finds, reads, validates, overrides and hashes scenario files.

A scenario is looked for in, first match wins: the folders given by argument, those in
``SANDBOX_SCENARIOS`` (separated as in ``PATH``), ``./scenarios``, those shipped with this package,
and those of domain plugins. In each, ``<domain>/<name>.yaml`` is the scenario ``<domain>/<name>``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.domain import Domain, Task
from sandbox.api.errors import BrokenFileError, InvalidValueError, UnknownNameError
from sandbox.registry.discover import registry
from sandbox.registry.resolve import require, resolve
from sandbox.scenarios.overrides import (
    merged,
    parse_assignments,
    shorten,
    split_reward,
)
from sandbox.scenarios.yaml_guard import load_file

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sandbox.api.metric import Metric
    from sandbox.api.reward import RewardSpec
    from sandbox.api.scenario import Scenario
from sandbox.scenarios.find import find, id_of_file, search_path
from sandbox.scenarios.hash import has_scheme, input_digest, input_fields
from sandbox.scenarios.paths import absolute_path
from sandbox.scenarios.validation import validate


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
        presets: Mapping[str, RewardSpec] = resolve(self.task.rewards)
        name = choice.preset or self.task.default_reward
        if name not in presets:
            raise UnknownNameError("reward preset", name, presets)
        return presets[name].reweighted(choice.weights)

    @cached_property
    def metric(self) -> Metric:
        """The metric that ranks agents."""
        for metric in self.task.metrics:
            if metric.name == self.spec.metric:
                return metric
        raise UnknownNameError("metric", self.spec.metric, [metric.name for metric in self.task.metrics])

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
            "reward": self.reward.weights,
            "metric": self.metric.name,
            "evaluation": self.spec.evaluation.model_dump(mode="json", exclude={"config"}),
        }
        if (files := self._digests(self.evaluation_config)) != content["files"]:
            content["evaluation_files"] = files
        for name in content["files"]:  # type: ignore[attr-defined]
            content["config"].pop(name, None)  # type: ignore[attr-defined]
            content["evaluation_config"].pop(name, None)  # type: ignore[attr-defined]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def baselines(self) -> list[str]:
        """Names of the baselines that the scenario shows."""
        known = [baseline.name for baseline in self.task.baselines]
        chosen = self.spec.baselines
        if chosen is None:
            return known
        for name in chosen:
            if name not in known and name != "random":
                raise UnknownNameError("baseline", name, known)
        return list(chosen)

    def check(self) -> ResolvedScenario:
        """Resolve everything now, so that a mistake is found before anything starts."""
        require(self.domain)
        self.baselines()
        _ = self.config, self.evaluation_config, self.reward, self.metric, self.hash
        return self

    def __getstate__(self) -> dict[str, Any]:
        kept = ("spec", "folder", "path")
        return {name: self.__dict__[name] for name in kept}

    def files(self) -> list[Path]:
        """The input files, of training and evaluation."""
        named = (
            value
            for config in (self.config, self.evaluation_config)
            for name in input_fields(type(config))
            for value in _named(getattr(config, name))
        )
        return [Path(value) for value in named]

    def _digests(self, config: BaseModel) -> dict[str, str | None]:
        return {name: input_digest(config, name) for name in input_fields(type(config))}

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
        resolved = dict(values)
        for name in input_fields(model):
            value = resolved.get(name)
            if isinstance(value, str) and value and not has_scheme(value):
                resolved[name] = str(self._input(name, value))
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
        name: ``domain``, ``domain/name`` or the path of a YAML file.
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
    path = find(name, search)
    document = _document(path)
    assignments = parse_assignments(changes, "--set")
    scenario = _scenario(document, path, id_of_file(path, document))
    file_scenario = ResolvedScenario(scenario, path.parent, path)
    file_scenario.check()
    if not assignments and not reward and not stated:
        return file_scenario
    preset, weights = split_reward(reward)
    raw = scenario.model_dump(mode="json")
    if preset is not None:
        raw["reward"] = {"preset": preset, "weights": weights}
    elif weights:
        raw["reward"]["weights"] = {**raw["reward"]["weights"], **weights}
    if stated:
        _apply_stated(raw, stated, file_scenario, stated_in)
    _apply(raw, assignments, file_scenario, Path.cwd())
    changed = validate(type(scenario), raw, f"--set on {scenario.id}")
    # Its error messages speak of --set from here on: the file itself was valid.
    resolved = ResolvedScenario(changed, path.parent).check()
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


def _apply_stated(
    raw: dict[str, Any], stated: Mapping[str, Any], scenario: ResolvedScenario, file: Path | None
) -> None:
    """Apply what another file changes; the input files that it names lie beside or below it."""
    before = {name: dict(section) for name, section in _sections(raw).items()}
    folder = (file.parent if file is not None else Path.cwd()).resolve()
    _apply(raw, stated, scenario, folder)
    if file is None:
        return
    for section, values in _sections(raw).items():
        for name in input_fields(resolve(scenario.task.config)):
            value = values.get(name)
            if value == before[section].get(name):
                continue
            for text in _named(value):
                if not absolute_path(folder, text, f"{file}: {section}.{name}").is_relative_to(folder):
                    raise InvalidValueError(
                        f"{file}: {section}.{name} is '{shorten(text)}', outside the file's folder.",
                        f"A suite may name files beside and below it; --set {section}.{name}=PATH any file.",
                    )
            if isinstance(value, str) and _named(value):
                values[name] = str(absolute_path(folder, value, f"{file}: {section}.{name}"))


def _named(value: Any) -> list[str]:
    """The files that the value of an input field names: one, or several; not what has a scheme."""
    values = value if isinstance(value, list | tuple) else [value]
    return [text for text in values if isinstance(text, str) and text and not has_scheme(text)]


def _sections(raw: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"config": raw["config"], "evaluation.config": raw["evaluation"]["config"]}


def _apply(
    raw: dict[str, Any], assignments: Mapping[str, Any], scenario: ResolvedScenario, folder: Path
) -> None:
    """Put ``--set`` pairs where they belong, refusing keys that nothing knows.

    Args:
        raw: The scenario as plain values; changed.
        assignments: The pairs.
        scenario: The scenario as its file states it.
        folder: Where relative paths start.
    """
    fields = set(resolve(scenario.task.config).model_fields)
    files = input_fields(resolve(scenario.task.config))
    for key, given in assignments.items():
        plain = key.removeprefix("config.")
        first = plain.partition(".")[0]
        value = given
        if first in files and isinstance(given, str) and given and not has_scheme(given):
            value = str(absolute_path(folder, given, f"--set {key}"))
        if first in fields:
            raw["config"] = merged(raw["config"], {plain: value})
            # The command means every episode, also where the file's evaluation says otherwise.
            raw["evaluation"]["config"].pop(plain, None)
        elif key.startswith("evaluation."):
            raw["evaluation"] = merged(raw["evaluation"], {key.removeprefix("evaluation."): value})
        elif key in ("metric", "steps"):
            raw[key] = value
        else:
            known = [*fields, "metric", "steps", "evaluation.episodes"]
            raise UnknownNameError("setting", shorten(key), known)


def _scenario(document: Any, path: Path, scenario_id: str) -> Scenario:
    from sandbox.api.scenario import Scenario

    if not isinstance(document, dict):
        raise BrokenFileError(path, "is not a scenario: it must be a mapping with title, task and metric")
    scenario: Scenario = validate(Scenario, {**document, "id": scenario_id}, f"{path}", path)
    return scenario


def _document(path: Path) -> Any:
    return load_file(path)
