"""Checks of what a plugin says of itself: names, bounds, units, scenarios, cost of import."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox.api.errors import SandboxError
from sandbox.registry.by_path import PREFIX
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.scenarios.listing import entries
from sandbox.scenarios.resolve import load_scenario
from sandbox.scenarios.source import source_of
from sandbox.testing.names import CHECK_NAMES
from sandbox.testing.subjects import Subject
from sandbox.testing.verdicts import NotApplicable, Violation

IMPORT_LIMIT = 0.020
"""Seconds of processor time that importing ``plugin.py`` may take."""

HEAVY = (
    "torch",
    "numpy",
    "gymnasium",
    "pydantic",
    "pettingzoo",
    "mujoco",
    "libsumo",
    "scipy",
    "numba",
    "pandas",
)

_MEASURE = """
import sys, time
import sandbox.registry.by_path, sandbox.api.metric, sandbox.api.policy
{prepare}
before, start = set(sys.modules), time.process_time()
{load}
took = time.process_time() - start
print(took, *sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def cheap_import(subject: Subject) -> None:
    """Importing ``plugin.py`` in a fresh interpreter takes under 20 ms and loads nothing heavy."""
    complaint = _import_complaint(subject.domain.name)
    if complaint:
        raise Violation(complaint)


@lru_cache(maxsize=64)
def _import_complaint(domain: str) -> str | None:
    """What is wrong with the import of a domain's plugin; measured once for all of its tasks."""
    source = registry().domains.source(domain)
    target = source.target.partition(":")[0]
    file = source.module_file()
    if PREFIX in target and file is not None:
        prepare = "from sandbox.registry.by_path import _load_target"
        load = f"_load_target({str(file)!r})"
    else:
        prepare, load = "import importlib", f"importlib.import_module({target!r})"
    script = _MEASURE.format(prepare=prepare, load=load)
    best, loaded = float("inf"), [""]
    for _ in range(4):  # a busy machine may slow any one of them
        took, *loaded = _interpreter(script)
        best = min(best, float(took))
        if best < IMPORT_LIMIT:
            break
    heavy = [name for name in HEAVY if name in loaded]
    if heavy:
        return (
            f"importing plugin.py loads {', '.join(heavy)}: name it by a 'module:attribute' string instead, "
            "for every command imports every plugin"
        )
    if best >= IMPORT_LIMIT:
        return f"importing plugin.py takes {best * 1000:.0f} ms, more than {IMPORT_LIMIT * 1000:.0f} ms"
    return None


def declaration(subject: Subject) -> None:
    """Names, references, scenarios and texts of the plugin are complete."""
    task = subject.task
    complaints = list(_of_domain(subject)) + list(_of_task(task))
    if complaints:
        raise Violation("; ".join(complaints))


def parameters(subject: Subject) -> None:
    """Every number in the task's config has bounds, and every field a description."""
    model = resolve(subject.task.config)
    without_text = [name for name, info in model.model_fields.items() if not info.description]
    unbounded = [name for name, info in model.model_fields.items() if _is_number(info) and not _bounded(info)]
    if without_text:
        raise Violation(
            f"config field {', '.join(without_text)} has no description: say what it is and in which unit"
        )
    if unbounded:
        raise Violation(
            f"config field {', '.join(unbounded)} has no lower and upper bound: "
            "Field(default, ge=…, le=…, description=…)"
        )


def scenarios(subject: Subject) -> None:
    """Every scenario of the task can be loaded."""
    for entry in entries():
        if entry.id.partition("/")[0] != subject.domain.name and entry.task != subject.name:
            continue
        if entry.error is not None:
            raise Violation(f"{entry.id}: {entry.error}")
        if entry.task == subject.name:
            try:
                load_scenario(str(entry.path or entry.id))
            except SandboxError as error:
                raise Violation(f"{entry.id}: {error.message}") from error


def gymnasium_checker(subject: Subject) -> None:
    """Gymnasium's own ``check_env`` finds nothing."""
    if subject.task.agents != "single":
        raise NotApplicable("the task has several agents")
    import warnings

    from gymnasium.utils.env_checker import check_env

    with subject.env() as env, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises on style; what it refuses, it raises
        try:
            check_env(env, skip_render_check=True)
        except Exception as error:
            raise Violation(f"gymnasium.utils.env_checker.check_env: {_first_line(error)}") from error


def pettingzoo_checker(subject: Subject) -> None:
    """PettingZoo's own tests of the parallel interface and of seeds find nothing."""
    if subject.task.agents != "parallel":
        raise NotApplicable("the task has one agent")
    import contextlib
    import io
    import warnings

    from pettingzoo.test import parallel_api_test, parallel_seed_test

    scenario = subject.scenario

    def make() -> Any:
        return resolve(subject.task.make)(scenario.config, scenario.reward, None)

    cycles = 10 if subject.level == "quick" else 200
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            env = make()
            try:
                parallel_api_test(env, num_cycles=cycles)
            finally:
                env.close()
            parallel_seed_test(make, num_cycles=cycles)
        except Exception as error:
            raise Violation(f"pettingzoo.test: {_first_line(error)}") from error


def _of_domain(subject: Subject) -> list[str]:
    domain = subject.domain
    complaints = []
    if not domain.title:
        complaints.append("the domain has no title")
    if domain.default_scenario.partition("/")[0] != domain.name:
        complaints.append(
            f"default_scenario='{domain.default_scenario}' does not begin with '{domain.name}/'"
        )
    try:
        source_of(domain.default_scenario)
    except SandboxError as error:
        complaints.append(f"default_scenario: {error.message}")
    names = [task.name for task in domain.tasks]
    if len(set(names)) != len(names):
        complaints.append(f"two tasks have the same name: {', '.join(names)}")
    return complaints


def _of_task(task: Any) -> list[str]:
    complaints = []
    if not isinstance(task.version, int) or task.version < 1:
        complaints.append(f"version={task.version!r} is not a whole number from 1")
    if not task.title:
        complaints.append("the task has no title")
    if not task.metrics:
        complaints.append("the task declares no metric")
    for what, items in (("metrics", task.metrics), ("baselines", task.baselines)):
        names = [item.name for item in items]
        if len(set(names)) != len(names):
            complaints.append(f"two {what} have the same name: {', '.join(names)}")
        if "random" in names:
            complaints.append(f"'random' is a name of the core's own and cannot be among the {what}")
    complaints += [
        f"the metric '{metric.name}' has no unit ('1' for a pure number)"
        for metric in task.metrics
        if not metric.unit
    ]
    for what, reference in (
        ("config", task.config),
        ("make", task.make),
        ("make_vec", task.make_vec),
        ("rewards", task.rewards),
        ("play", task.play),
        ("observation_fields", task.observation_fields),
        ("tables", task.tables),
        ("picture", task.picture),
        *((f"baseline {baseline.name}", baseline.make) for baseline in task.baselines),
    ):
        try:
            resolve(reference)
        except SandboxError as error:
            complaints.append(f"{what}: {error.message}")
        except Exception as error:
            complaints.append(f"{what}='{reference}' raised {type(error).__name__}: {error}")
    unknown = sorted(set(task.expected_failures) - set(CHECK_NAMES))
    if unknown:
        complaints.append(f"expected_failures names the unknown check {', '.join(unknown)}")
    complaints += [
        f"expected_failures['{name}'] gives no reason"
        for name, why in task.expected_failures.items()
        if not why.strip()
    ]
    return complaints


def _is_number(info: Any) -> bool:
    return info.annotation in (int, float)


def _bounded(info: Any) -> bool:
    low = any(hasattr(item, "ge") or hasattr(item, "gt") for item in info.metadata)
    high = any(hasattr(item, "le") or hasattr(item, "lt") for item in info.metadata)
    return low and high


def _interpreter(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SANDBOX_PLUGINS": ""},
        cwd=Path.cwd(),
    )
    if done.returncode != 0:
        last = next(iter(done.stderr.strip().splitlines()[::-1]), "no reason given")
        raise Violation(f"a fresh interpreter cannot import it: {last}")
    return done.stdout.split()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
