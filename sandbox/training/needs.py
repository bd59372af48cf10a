"""What an algorithm needs beside environments: a dataset, an expert, a model; and what was given of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.api.algorithm import Algorithm, Need
from sandbox.api.data import Dataset
from sandbox.api.errors import InvalidValueError, MisfitError, PluginError
from sandbox.api.types import Space
from sandbox.datasets.digest import digest_of
from sandbox.datasets.fit import require_fit
from sandbox.datasets.read import read_dataset
from sandbox.envs.models import models_of
from sandbox.evaluation.experts import Expert, find_expert
from sandbox.registry.discover import registry
from sandbox.runs.directory import Run
from sandbox.scenarios.resolve import ResolvedScenario

OPTIONS: dict[Need, str] = {"dataset": "--data PATH", "expert": "--expert NAME|RUN"}
"""What is given on the command line; the rest is the task's own."""


@dataclass(frozen=True, eq=False)
class Sources:
    """What a run learns from beside its environments.

    Attributes:
        dataset: Logged episodes.
        expert: Who labels what is seen.
    """

    dataset: Dataset | None = None
    expert: Expert | None = None

    @property
    def data(self) -> str | None:
        """The dataset's path, as ``--data`` takes it."""
        return None if self.dataset is None else str(self.dataset.path)

    @property
    def expert_name(self) -> str | None:
        """The expert as ``--expert`` takes it."""
        return None if self.expert is None else self.expert.given


def missing_models(scenario: ResolvedScenario, algorithm: Algorithm) -> list[str]:
    """What an algorithm needs of the task itself and does not get, in words."""
    needs, task = algorithm.capabilities.needs, scenario.task
    missing = []
    if "model" in needs and task.finite_model is None:
        missing.append("it needs the task's finite model, and the task offers none")
    if needs & {"dynamics", "gradient"} and task.dynamics is None:
        missing.append("it needs the task's dynamics as array operations, and the task offers none")
    elif "gradient" in needs and not models_of(scenario).dynamics.differentiable:
        missing.append("it needs gradients, and the task's dynamics have none with these parameters")
    if "simulator" in needs and task.simulator is None:
        missing.append("it plans with a simulator of the task, and the task offers none")
    elif "simulator" in needs:
        require_simulator(scenario)
    if "pretrained" in needs and task.pretrained is None:
        missing.append("it fine-tunes a pre-trained model, and the task has none")
    return missing


def require_simulator(scenario: ResolvedScenario) -> None:
    """Make a copy of the task, once.

    Raises:
        InvalidValueError: If nobody can look ahead with these parameters.
    """
    copies: Any = models_of(scenario).simulator(1)
    if hasattr(copies, "close"):
        copies.close()


def tasks_with(need: Need) -> list[str]:
    """Full names of the tasks that offer a model."""
    field = {"model": "finite_model", "pretrained": "pretrained", "simulator": "simulator"}.get(
        need, "dynamics"
    )
    return [
        f"{domain.name}/{task.name}"
        for domain in registry().domains.working()
        for task in domain.tasks
        if getattr(task, field) is not None
    ]


def find_sources(
    scenario: ResolvedScenario,
    algorithm: Algorithm,
    spaces: tuple[Space, Space],
    data: str | Path | None,
    expert: str | Path | None,
) -> Sources:
    """Read and check what is given, and refuse what is missing or of no use.

    Args:
        scenario: What is trained on.
        algorithm: What trains.
        spaces: Observation and action space of one row.
        data: Path of a dataset, or None.
        expert: Name of a baseline, or a run, or None.

    Raises:
        InvalidValueError: If the algorithm needs something that is not given.
        MisfitError: If it has no use for what is given, or that belongs to another task.
        BrokenFileError: If the dataset cannot be read.
    """
    given: dict[Need, str | Path | None] = {"dataset": data, "expert": expert}
    for need, value in given.items():
        if value is None and need in algorithm.capabilities.needs:
            raise InvalidValueError(*_missing(scenario, algorithm, need))
        if value is not None and not algorithm.capabilities.uses(need):
            names = [known.name for known in registry().algorithms.working() if known.capabilities.uses(need)]
            raise MisfitError(
                f"{algorithm.name} has no use for {_article(need)}.",
                f"These have: {', '.join(names)}." if names else f"Leave {OPTIONS[need]} out.",
            )
    options = sorted(algorithm.capabilities.needs_any)
    if options and not any(given.get(need) is not None for need in options):
        kinds = " or ".join(_article(need) for need in options)
        raise InvalidValueError(
            f"{algorithm.name} learns from {kinds}, and none is given.",
            f"Add {' or '.join(OPTIONS[need] for need in options if need in OPTIONS)}.",
        )
    dataset = None
    if data is not None:
        dataset = read_dataset(Path(data).resolve())
        require_fit(dataset, *spaces, scenario.spec.id)
    known = None if expert is None else find_expert(expert, scenario, spaces[0])
    if known is not None and "simulator" in algorithm.capabilities.needs:
        _require_base(known, algorithm, scenario)
    return Sources(dataset, known)


def _require_base(expert: Expert, algorithm: Algorithm, scenario: ResolvedScenario) -> None:
    """An expert that is asked in copies of the task is a baseline that can be asked from any state."""
    if expert.agent.baseline is None or not expert.memoryless:
        able = [baseline.name for baseline in scenario.task.baselines if baseline.memoryless]
        raise MisfitError(
            f"{algorithm.name} goes on with a baseline from any state, which '{expert.given}' cannot.",
            f"Add --expert NAME with one of: {', '.join(able)}." if able else "",
        )


def uses_many_envs(algorithm: Algorithm) -> bool:
    """Whether more than one environment is of use to an algorithm."""
    return algorithm.capabilities.vectorised and algorithm.capabilities.data == "online"


def same_data(run: Run) -> str | None:
    """Path of the dataset that a run learned from, or None.

    Raises:
        InvalidValueError: If the dataset is no longer what it was.
    """
    known = run.record.data
    if known is None:
        return None
    path = Path(known.path)
    if not path.exists() or digest_of(path) != known.digest:
        raise InvalidValueError(
            f"'{run.path}' cannot be repeated: the dataset {path} is gone or has changed since."
        )
    return str(path)


def refuse_environments(algorithm: Algorithm) -> Any:
    """What an offline algorithm gets as ``make_envs``."""

    def make_envs(num_envs: int) -> Any:
        raise PluginError(
            f"{algorithm.name} declares that it learns offline, and asked for environments to step.",
            'It should declare data="online".',
        )

    return make_envs


def _missing(scenario: ResolvedScenario, algorithm: Algorithm, need: Need) -> tuple[str, str]:
    what = f"{algorithm.name} learns from {_article(need)}, and none is given."
    if need == "dataset":
        domain = scenario.spec.id
        return what, f"Add --data PATH; sandbox record {domain} --agent NAME --episodes N makes one."
    names = [baseline.name for baseline in scenario.task.baselines]
    known = f" Baselines of the task: {', '.join(names)}." if names else ""
    return what, f"Add --expert NAME|RUN.{known}"


def _article(need: Need) -> str:
    return "an expert" if need == "expert" else f"a {need}"
