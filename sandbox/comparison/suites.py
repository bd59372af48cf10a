"""Suite files: scenarios × agents × seeds × budget.

A suite is looked for as ``suites/<name>.yaml`` in the folders that hold scenarios.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sandbox.api.errors import BrokenFileError, InvalidValueError, SandboxError, UnknownNameError
from sandbox.api.scenario import SEED_LIMIT
from sandbox.scenarios.find import search_path
from sandbox.scenarios.overrides import shorten
from sandbox.scenarios.validation import validate
from sandbox.scenarios.yaml_guard import load_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.api.types import Json

FOLDER = "suites"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SuiteAgent(_Frozen):
    """A learning algorithm of a suite, with settings that differ from the scenarios' presets.

    Attributes:
        name: As it appears in tables; the algorithm's name if absent.
        algorithm: Name of the algorithm.
        hyperparameters: Settings on top of each scenario's preset.
        steps: Training steps; the scenario's, the suite's, the preset's if absent, in this order.
        num_envs: Number of environments; the preset's if absent.
    """

    algorithm: str = Field(min_length=1, max_length=64)
    name: str = Field("", pattern=r"^$|" + _NAME)
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    steps: int | None = Field(None, ge=1)
    num_envs: int | None = Field(None, ge=1, le=65_536)

    @model_validator(mode="before")
    @classmethod
    def _plain_name(cls, data: Any) -> Any:
        return {"algorithm": data} if isinstance(data, str) else data

    @property
    def label(self) -> str:
        """The name in tables."""
        return self.name or self.algorithm


class SuiteScenario(_Frozen):
    """A scenario of a suite, with what differs from the file and from the suite.

    Attributes:
        id: Name or file of the scenario.
        set: Changes of the scenario, by key, as ``--set`` takes them.
        reward: Reward preset and ``term=weight`` pairs, as ``--reward`` takes them.
        agents: Agents in place of the suite's.
        baselines: In place of the suite's.
        steps: Training steps of every agent here.
        episodes: Test episodes an agent plays.
    """

    id: str = Field(min_length=1, max_length=500)
    set: dict[str, Any] = Field(default_factory=dict)
    reward: tuple[str, ...] = ()
    agents: tuple[SuiteAgent, ...] | None = None
    baselines: Literal["all", "none"] | tuple[str, ...] | None = None
    steps: int | None = Field(None, ge=1)
    episodes: int | None = Field(None, ge=1, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _plain_name(cls, data: Any) -> Any:
        return {"id": data} if isinstance(data, str) else data


class _Grid(_Frozen):
    scenarios: tuple[SuiteScenario, ...] | None = Field(None, min_length=1, max_length=1_000)
    agents: tuple[SuiteAgent, ...] | None = Field(None, max_length=100)
    baselines: Literal["all", "none"] | tuple[str, ...] | None = None
    seeds: int | tuple[int, ...] | None = None
    steps: int | None = Field(None, ge=1)
    episodes: int | None = Field(None, ge=1, le=100_000)

    @field_validator("seeds")
    @classmethod
    def _seeds_in_range(cls, seeds: int | tuple[int, ...] | None) -> int | tuple[int, ...] | None:
        if isinstance(seeds, int) and not 1 <= seeds <= 10_000:
            raise ValueError("seeds is a number of training seeds from 1 to 10,000, or a list of seeds")
        if isinstance(seeds, tuple):
            if not seeds or len(set(seeds)) < len(seeds):
                raise ValueError("the list of seeds must hold at least one and none twice")
            if not all(0 <= seed < SEED_LIMIT for seed in seeds):
                raise ValueError("seeds must be at least 0 and less than 2**31")
        return seeds


class Suite(_Grid):
    """A comparison as a suite file states it.

    Attributes:
        title: One line of what is compared.
        scenarios: What is played; a plain name, or a mapping with what differs here.
        agents: What learns; a plain name is an algorithm with each scenario's preset.
        baselines: Classical methods shown: ``all`` of each scenario, ``none``, or names. The random
            agent plays wherever there are any.
        seeds: Number of training seeds (0, 1, …) or a list of them.
        steps: Training steps of every agent; each scenario's preset if absent.
        episodes: Test episodes an agent plays; each scenario's number if absent.
        quick: What the ``--quick`` form replaces.
    """

    title: str = Field("", max_length=200)
    quick: _Grid = _Grid()

    @model_validator(mode="after")
    def _something_to_do(self) -> Suite:
        if not self.scenarios:
            raise ValueError("a suite needs at least one scenario")
        for agents in [self.agents or (), *(scenario.agents or () for scenario in self.scenarios)]:
            labels = [agent.label for agent in agents]
            if len(set(labels)) < len(labels):
                raise ValueError(f"agents need different names, not {', '.join(labels)}")
        return self

    def in_quick_form(self) -> Suite:
        """The suite with what ``quick`` replaces."""
        changes = {name: value for name, value in self.quick if value is not None}
        return self.model_copy(update=changes)

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The training seeds; ten if the suite does not say."""
        seeds = 10 if self.seeds is None else self.seeds
        return tuple(range(seeds)) if isinstance(seeds, int) else seeds


def load_suite(path: Path) -> Suite:
    """Read a suite file.

    Raises:
        BrokenFileError: If it is no YAML mapping.
        InvalidValueError: With key, line and what is allowed.
    """
    document = load_file(path)
    if not isinstance(document, dict):
        raise BrokenFileError(path, "is not a suite: it must be a mapping with scenarios, agents and seeds")
    if is_course(document):
        raise InvalidValueError(
            f"{path} is a course: it has claims, not scenarios.", f"Run it with: sandbox compare {path.stem}"
        )
    suite: Suite = validate(Suite, document, f"{path}", path)
    return suite


def is_course(document: Mapping[str, Any]) -> bool:
    """Whether the content of a suite file is a course, which `sandbox.course` runs."""
    return document.get("kind") == "course"


def find_suite(name: str) -> Path | None:
    """The file of a suite by name or path; None where the name is not one of a suite.

    Raises:
        UnknownNameError: If ``suites/<name>`` is asked for by that and does not exist.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        if path.is_file():
            document = load_file(path)
            suite = isinstance(document, dict) and ("scenarios" in document or is_course(document))
            return path if suite else None
        return None
    plain = name.removeprefix(f"{FOLDER}/")
    if "/" not in plain and plain not in ("", ".", ".."):
        for folder in search_path():
            path = folder / FOLDER / f"{plain}.yaml"
            if path.is_file():
                return path
    if name.startswith(f"{FOLDER}/"):
        raise UnknownNameError("suite", shorten(plain), suites())
    return None


def suites() -> dict[str, Path]:
    """All suites on the search path, by name."""
    files: dict[str, Path] = {}
    for folder in search_path():
        for path in sorted((folder / FOLDER).glob("*.yaml")):
            files.setdefault(path.stem, path)
    return files


def list_suites() -> list[Json]:
    """Every suite: ``id``, ``title``, ``scenarios``, ``algorithms``, ``seeds`` (how many), ``error``.

    A course also has ``claims``, their ids, and nothing in the other lists. A file that cannot be read is
    listed with the reason in ``error``, which is None otherwise.
    """
    return [_listed(name, path) for name, path in sorted(suites().items())]


def _listed(name: str, path: Path) -> Json:
    shown: Json = {"id": name, "title": "", "scenarios": [], "algorithms": [], "seeds": 0}
    try:
        document = load_file(path)
        if isinstance(document, dict) and is_course(document):
            return shown | _listed_course(document)
        suite = load_suite(path)
    except SandboxError as error:
        return {**shown, "error": error.message}
    parts = suite.scenarios or ()
    agents = [*(suite.agents or ()), *(agent for part in parts for agent in part.agents or ())]
    return {
        "id": name,
        "title": suite.title,
        "scenarios": [part.id for part in parts],
        "algorithms": list(dict.fromkeys(agent.label for agent in agents)),
        "seeds": len(suite.seed_list),
        "error": None,
    }


def _listed_course(document: Mapping[str, Any]) -> Json:
    entries = document.get("claims")
    ids = [str(entry.get("id")) for entry in entries if isinstance(entry, dict)] if entries else []
    return {"title": str(document.get("title", "")), "claims": ids, "error": None}


def parse_seeds(text: str) -> int | tuple[int, ...]:
    """``10`` (seeds 0 to 9), ``3,7`` or ``20-29`` as ``--seeds`` takes them.

    Raises:
        InvalidValueError: For anything else.
    """
    wrong = InvalidValueError(
        f"--seeds takes a number of seeds, a list or a range, not '{shorten(text)}'.",
        "For example: --seeds 10, --seeds 3,7 or --seeds 20-29.",
    )
    if text.isdecimal() and len(text) < 12:
        return int(text)
    seeds: list[int] = []
    for part in text.split(","):
        low, dash, high = part.partition("-")
        ends = (low, high if dash else low)
        if not all(end.isdecimal() and len(end) < 12 for end in ends) or int(ends[1]) - int(ends[0]) > 10_000:
            raise wrong
        seeds += range(int(ends[0]), int(ends[1]) + 1)
    if not seeds:
        raise wrong
    return tuple(seeds)
