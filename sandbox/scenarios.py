"""Finds, reads, validates, overrides and hashes scenario files.

A scenario is looked for in, first match wins: the folders given by argument, those in
``SANDBOX_SCENARIOS`` (separated as in ``PATH``), ``./scenarios``, those shipped with this package,
and those of domain plugins. In each, ``<domain>/<name>.yaml`` is the scenario ``<domain>/<name>``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.domain import Domain, Task
from sandbox.api.errors import BrokenFileError, InvalidValueError, SandboxError, UnknownNameError
from sandbox.overrides import merged, parse_assignments, shorten, split_reward
from sandbox.registry import registry, require, resolve
from sandbox.safe_yaml import load_file, load_head

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sandbox.api.metric import Metric
    from sandbox.api.reward import RewardSpec
    from sandbox.api.scenario import Scenario

SCENARIOS_VARIABLE = "SANDBOX_SCENARIOS"
_SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class ScenarioEntry:
    """A scenario file as listings show it; not validated."""

    id: str
    path: Path
    title: str
    task: str
    metric: str
    agents: str
    error: str | None = None


@dataclass(frozen=True)
class Problem:
    """A scenario with everything resolved: what environments are made from and runs are recorded by.

    Picklable, so that worker processes can rebuild the same environment.

    Attributes:
        scenario: The validated scenario, overrides applied.
        folder: Where relative paths in the scenario start.
        path: The file it came from.
    """

    scenario: Scenario
    folder: Path
    path: Path | None = None
    input_files: tuple[str, ...] = field(default=())

    @cached_property
    def domain(self) -> Domain:
        return registry().domain(self.scenario.task.partition("/")[0])

    @cached_property
    def task(self) -> Task:
        return registry().task(self.scenario.task)

    @cached_property
    def config(self) -> BaseModel:
        """The task's parameters in training."""
        return self._validated(self.scenario.config)

    @cached_property
    def evaluation_config(self) -> BaseModel:
        """The task's parameters in evaluation."""
        return self._validated(merged(self.scenario.config, self.scenario.evaluation.config))

    @cached_property
    def reward(self) -> RewardSpec:
        """The reward with the scenario's weights."""
        choice = self.scenario.reward
        presets: Mapping[str, RewardSpec] = resolve(self.task.rewards)
        name = choice.preset or self.task.default_reward
        if name not in presets:
            raise UnknownNameError("reward preset", name, presets)
        return presets[name].reweighted(choice.weights)

    @cached_property
    def metric(self) -> Metric:
        """The metric that ranks agents."""
        for metric in self.task.metrics:
            if metric.name == self.scenario.metric:
                return metric
        raise UnknownNameError("metric", self.scenario.metric, [metric.name for metric in self.task.metrics])

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all that decides numbers: task, version, parameters, files, reward, evaluation.

        Titles, presets, references and sources do not take part.
        """
        content = {
            "task": self.scenario.task,
            "version": self.task.version,
            "config": self.config.model_dump(mode="json"),
            "evaluation_config": self.evaluation_config.model_dump(mode="json"),
            "files": {name: _digest(self.config, name) for name in _file_fields(type(self.config))},
            "reward": self.reward.weights,
            "metric": self.metric.name,
            "evaluation": self.scenario.evaluation.model_dump(mode="json", exclude={"config"}),
        }
        for name in content["files"]:  # type: ignore[attr-defined]
            content["config"].pop(name, None)  # type: ignore[attr-defined]
            content["evaluation_config"].pop(name, None)  # type: ignore[attr-defined]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def baselines(self) -> list[str]:
        """Names of the baselines that the scenario shows."""
        known = [baseline.name for baseline in self.task.baselines]
        chosen = self.scenario.baselines
        if chosen is None:
            return known
        for name in chosen:
            if name not in known and name != "random":
                raise UnknownNameError("baseline", name, known)
        return list(chosen)

    def check(self) -> Problem:
        """Resolve everything now, so that a mistake is found before anything starts."""
        require(self.domain)
        self.baselines()
        _ = self.config, self.evaluation_config, self.reward, self.metric, self.hash
        return self

    def __getstate__(self) -> dict[str, Any]:
        kept = ("scenario", "folder", "path", "input_files")
        return {name: self.__dict__[name] for name in kept}

    def _input(self, name: str, value: str) -> Path:
        """An input file as an absolute path; one that a scenario file names lies beside or below it."""
        folder = self.folder.resolve()
        path = _absolute(folder, value, f"config.{name}")
        if self.path is not None and not path.is_relative_to(folder):
            raise InvalidValueError(
                f"{self.path}: config.{name} is '{shorten(value)}', outside the scenario file's folder.",
                f"A scenario file may name files beside and below it; --set config.{name}=PATH any file.",
            )
        return path

    def _validated(self, values: Mapping[str, Any]) -> BaseModel:
        model: type[BaseModel] = resolve(self.task.config)
        resolved = dict(values)
        for name in _file_fields(model):
            value = resolved.get(name)
            if isinstance(value, str) and value and not _has_scheme(value):
                resolved[name] = str(self._input(name, value))
        config: BaseModel = validate(model, resolved, f"the config of {self.scenario.id}", self.path)
        return config


def load_problem(
    name: str,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    search: Sequence[Path] = (),
) -> Problem:
    """Read a scenario, apply overrides, and check everything.

    Args:
        name: ``domain``, ``domain/name`` or the path of a YAML file.
        changes: ``key=value`` pairs for the task's config (``config.key=value`` works too);
            ``evaluation.key=value`` changes the evaluation. References are left out where the task's
            parameters are no longer the file's.
        reward: A preset's name and ``term=weight`` pairs.
        search: Folders to look in first.

    Raises:
        UnknownNameError, BrokenFileError, InvalidValueError, PluginError, MissingExtraError.
    """
    path = find(name, search)
    document = _document(path)
    assignments = parse_assignments(changes, "--set")
    scenario = _scenario(document, path, _id_of(path, document))
    file_problem = Problem(scenario, path.parent, path)
    file_problem.check()
    if not assignments and not reward:
        return file_problem
    preset, weights = split_reward(reward)
    raw = scenario.model_dump(mode="json")
    if preset is not None:
        raw["reward"] = {"preset": preset, "weights": weights}
    elif weights:
        raw["reward"]["weights"] = {**raw["reward"]["weights"], **weights}
    _apply(raw, assignments, file_problem)
    changed = validate(type(scenario), raw, f"--set on {scenario.id}")
    # Its error messages speak of --set from here on: the file itself was valid.
    problem = Problem(changed, path.parent, None, tuple(assignments)).check()
    if (problem.config, problem.evaluation_config) == (file_problem.config, file_problem.evaluation_config):
        return problem
    # A known optimum or published figure belongs to the parameters that the file states.
    return replace(problem, scenario=changed.model_copy(update={"references": ()}))


def from_record(record: Mapping[str, Any], folder: Path) -> Problem:
    """The problem that a run's record describes.

    Raises:
        InvalidValueError: If the record does not describe a valid scenario.
    """
    from sandbox.api.scenario import Scenario

    return Problem(validate(Scenario, dict(record), "the run's scenario"), folder).check()


def find(name: str, search: Sequence[Path] = ()) -> Path:
    """The file of a scenario.

    Raises:
        UnknownNameError: With the nearest names.
        PluginError: If the scenario's domain is broken.
    """
    if name.endswith((".yaml", ".yml")) or name.startswith((".", "/", "~")):
        path = _absolute(Path.cwd(), name, "the scenario", resolve_links=False)
        if not path.is_file():
            reason = "is a folder, not a scenario file" if path.is_dir() else "there is no such file"
            raise BrokenFileError(shorten(str(path)), reason)
        return path
    if "/" not in name:
        name = registry().domain(name).default_scenario if name else name
    parts = name.split("/")
    if len(parts) == 2 and all(_is_plain(part) for part in parts):
        for folder in search_path(search):
            path = folder / parts[0] / f"{parts[1]}{_SUFFIX}"
            if path.is_file():
                return path
    known = [entry_id for entry_id, _ in _files(search)]
    domain = parts[0]
    if domain not in {entry.partition("/")[0] for entry in known}:
        registry().domain(domain)  # says so if the domain is unknown or broken
    raise UnknownNameError("scenario", shorten(name), known)


def search_path(search: Sequence[Path] = ()) -> list[Path]:
    """The folders that are searched, in order."""
    folders = [Path(folder) for folder in search]
    folders += [Path(folder) for folder in os.environ.get(SCENARIOS_VARIABLE, "").split(os.pathsep) if folder]
    folders += [Path("scenarios"), _packaged()]
    for domain in registry().domains.working():
        own = registry().scenario_folder(domain)
        if own is not None:
            folders.append(own)
    return folders


def entries(search: Sequence[Path] = ()) -> list[ScenarioEntry]:
    """All scenarios on the search path, with what listings show of them."""
    return [_entry(scenario_id, path) for scenario_id, path in sorted(_files(search))]


def validate(model: type[Any], values: Any, what: str, path: Path | None = None) -> Any:
    """``values`` as an instance of a pydantic model.

    Raises:
        InvalidValueError: Names the key, what was given and what is allowed; the nearest key for an
            unknown one; the file and line where ``path`` is given.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error, model, what, path) from None
    except RecursionError:
        raise InvalidValueError(f"{what} is nested too deeply.") from None


def _explained(error: Any, model: type[Any], what: str, path: Path | None) -> SandboxError:
    from sandbox.explain import explain

    return explain(error, model, what, path)


def _apply(raw: dict[str, Any], assignments: Mapping[str, Any], problem: Problem) -> None:
    """Put ``--set`` pairs where they belong, refusing keys that nothing knows."""
    fields = set(resolve(problem.task.config).model_fields)
    files = _file_fields(resolve(problem.task.config))
    for key, given in assignments.items():
        plain = key.removeprefix("config.")
        first = plain.partition(".")[0]
        value = given
        if first in files and isinstance(given, str) and given and not _has_scheme(given):
            value = str(_absolute(Path.cwd(), given, f"--set {key}"))
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
    found: Scenario = validate(Scenario, {**document, "id": scenario_id}, f"{path}", path)
    return found


def _document(path: Path) -> Any:
    return load_file(path)


def _id_of(path: Path, document: Any) -> str:
    """``<folder>/<stem>`` of a file, or what the file itself says."""
    own = document.get("id") if isinstance(document, dict) else None
    if isinstance(own, str):
        return own
    task = document.get("task") if isinstance(document, dict) else None
    domain = task.partition("/")[0] if isinstance(task, str) else path.resolve().parent.name
    return f"{_plain_name(domain, 'scenario')}/{_plain_name(path.stem, 'scenario')}"


def _plain_name(text: str, otherwise: str) -> str:
    """``text`` as a part of a scenario id."""
    clean = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return clean.strip("-") or otherwise


def _entry(scenario_id: str, path: Path) -> ScenarioEntry:
    try:
        try:
            state = path.stat()
        except OSError as error:
            raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error
        title, task, metric = _head(path, state.st_mtime_ns, state.st_size)
        agents = registry().task(task).agents
    except SandboxError as error:
        return ScenarioEntry(scenario_id, path, "", "", "", "", error.message)
    return ScenarioEntry(scenario_id, path, title, task, metric, agents)


@lru_cache(maxsize=4096)
def _head(path: Path, mtime_ns: int, size: int) -> tuple[str, str, str]:
    """Title, task and metric of a scenario file; one command asks for all of them more than once."""
    head = load_head(path)
    if head is None:
        raise BrokenFileError(path, "is not a scenario")
    return head.get("title", ""), head.get("task", ""), head.get("metric", "")


def _files(search: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    seen = set()
    for folder in search_path(search):
        for path in sorted(folder.glob(f"*/*{_SUFFIX}")):
            scenario_id = f"{path.parent.name}/{path.stem}"
            if path.parent.name != "suites" and scenario_id not in seen:
                seen.add(scenario_id)
                yield scenario_id, path


def _packaged() -> Path:
    """The scenarios in the wheel, or in the source tree of an editable installation."""
    here = Path(__file__).resolve().parent
    shipped = here / "_scenarios"
    return shipped if shipped.is_dir() else here.parent / "scenarios"


def _is_plain(part: str) -> bool:
    return bool(part) and all(char.isalnum() or char in "-_" for char in part)


def _absolute(folder: Path, text: str, what: str, resolve_links: bool = True) -> Path:
    """A path that starts in ``folder`` where it is relative.

    Raises:
        InvalidValueError: If it cannot be a path: a null character, an unknown user, a circle of links.
    """
    try:
        if "\0" in text:
            raise ValueError("it holds a null character")
        path = Path(text).expanduser()
        return (folder / path).resolve() if resolve_links else path
    except (RuntimeError, ValueError, OSError) as error:
        raise InvalidValueError(f"{what}: '{shorten(text)}' is not a path: {error}.") from None


def _has_scheme(value: str) -> bool:
    head, colon, _ = value.partition(":")
    return bool(colon) and len(head) > 1 and "/" not in head and not Path(value).exists()


def _file_fields(model: type[BaseModel]) -> list[str]:
    from sandbox.api.scenario import InputFile

    return [
        name
        for name, info in model.model_fields.items()
        if any(isinstance(extra, InputFile) or extra is InputFile for extra in info.metadata)
    ]


def _digest(config: BaseModel, name: str) -> str | None:
    """Content of an input file as SHA-256; for a value with a scheme, the value itself."""
    value = getattr(config, name)
    if not value or not isinstance(value, str):
        return None
    path = Path(value)
    if _has_scheme(value):
        return value
    try:
        if not path.is_file():  # a device or a pipe has no end
            reason = "is not a regular file" if path.exists() else "cannot be read: No such file or directory"
            raise BrokenFileError(path, reason)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error
