"""The contract suite: which checks there are, and what became of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.api.errors import PluginError, SandboxError
from sandbox.registry.discover import add_plugins, registry
from sandbox.testing import agents, branching, causes, declaration, episodes, hand, lock, several
from sandbox.testing.subjects import Subject, all_subjects, subjects
from sandbox.testing.survey import said
from sandbox.testing.verdicts import Level, NotApplicable, Result, Status, Violation, take_cuts

CHECKS: Mapping[str, Callable[[Subject], str | None]] = {
    "declaration": declaration.declaration,
    "parameters": declaration.parameters,
    "scenarios": declaration.scenarios,
    "cheap-import": declaration.cheap_import,
    "plays": episodes.plays,
    "coverage": causes.coverage,
    "ends": episodes.ends,
    "reward": episodes.reward,
    "terms": episodes.terms,
    "metrics": episodes.metrics,
    "observations": episodes.observations,
    "observation-fields": episodes.observation_fields,
    "no-constant-observation": episodes.no_constant_observation,
    "memory": episodes.memory,
    "masks": episodes.masks,
    "deterministic": episodes.deterministic,
    "history": episodes.history,
    "seeds-matter": episodes.seeds_matter,
    "global-generators": episodes.global_generators,
    "truncation": episodes.truncation,
    "presets": episodes.presets,
    "reward-varies": causes.reward_varies,
    "parameters-matter": causes.parameters_matter,
    "actions-matter": causes.actions_matter,
    "outer-events": causes.outer_events,
    "played-scenarios": causes.played_scenarios,
    "locked": lock.locked,
    "gymnasium": declaration.gymnasium_checker,
    "pettingzoo": declaration.pettingzoo_checker,
    "independent-copies": several.independent_copies,
    "spawned-process": several.spawned_process,
    "vector-agrees": several.vector_agrees,
    "vector-memory": several.vector_memory,
    "restores-state": several.restores_state,
    "restores-vector-state": several.restores_vector_state,
    "branches-exactly": branching.branches_exactly,
    "redraws-future": branching.redraws_future,
    "game-rules": hand.game_rules,
    "by-hand": hand.by_hand,
    "baselines-only-look": causes.baselines_only_look,
    "baseline-beats-random": agents.baseline_beats_random,
    "trains": agents.trains,
    "policies-survive": agents.policies_survive,
}
"""Every check by name, cheap ones first. The docstring of each is the promise that it checks."""

WITHOUT_PLAY = {"declaration", "parameters", "scenarios", "cheap-import", "plays"}
"""Checks that make sense for an environment that raises."""

UNPLAYED = WITHOUT_PLAY - {"plays"}
"""Checks that make no environment."""


@dataclass(frozen=True)
class Case:
    """One check of one task, as a parameter of a test."""

    subject: Subject
    check: str

    def __str__(self) -> str:
        return f"{self.subject.name}-{self.check}"

    def run(self) -> None:
        """Run it inside pytest: passes, fails, skips, or is expected to fail.

        Raises:
            AssertionError: With the broken promise.
        """
        import pytest

        result = run_check(self.subject, self.check)
        if result.status == "skipped":
            pytest.skip(result.message)
        if result.status == "expected":
            pytest.xfail(result.message)
        assert result.status != "failed", f"{self.subject.name} breaks '{self.check}': {result.message}."


def run_check(subject: Subject, name: str) -> Result:
    """Run one check."""
    start = time.perf_counter()
    status, message = _outcome(subject, name)
    return Result(subject.name, name, status, message, round(time.perf_counter() - start, 3))


def run_subject(subject: Subject) -> Iterator[Result]:
    """Run every check on one task, cheap ones first."""
    for name in CHECKS:
        yield run_check(subject, name)


def contract_cases(plugin: str | None = None, level: Level = "quick") -> list[Any]:
    """The suite as parameters for ``pytest.mark.parametrize``; each has a method ``run``.

    Args:
        plugin: Name of an installed domain, or the path of a plugin; every installed domain if absent.
        level: ``"quick"``, or ``"full"`` for longer rollouts and every algorithm that fits.

    Raises:
        SandboxError: If the plugin is unknown or cannot be loaded.
    """
    import pytest

    chosen = all_subjects(level) if plugin is None else _subjects_of(plugin, level)
    return [
        pytest.param(Case(subject, name), id=f"{subject.name}-{name}")
        for subject in chosen
        for name in CHECKS
    ]


def offers(plugin: str) -> tuple[list[str], list[str]]:
    """Names of the domains and of the algorithms that a plugin offers, given by a name or by path.

    Raises:
        SandboxError: If the plugin is unknown, broken, or offers neither.
    """
    if plugin in registry().domains.names():
        registry().domain(plugin)
        return [plugin], []
    if plugin in registry().algorithms.names():
        registry().algorithm(plugin)
        return [], [plugin]
    if os.sep not in plugin and ":" not in plugin and not plugin.endswith(".py"):
        registry().domain(plugin)  # says what is wrong with the name
    add_plugins([plugin])
    domains, algorithms = registry().offered_by(plugin)
    for name in domains:
        registry().domain(name)
    if not domains and not algorithms:
        raise PluginError(f"The plugin '{plugin}' offers neither a domain nor an algorithm.")
    return domains, algorithms


@lru_cache(maxsize=8)
def _subjects_of(plugin: str, level: Level) -> list[Subject]:
    return [subject for name in offers(plugin)[0] for subject in subjects(registry().domain(name), level)]


def _outcome(subject: Subject, name: str) -> tuple[Status, str]:  # noqa: PLR0911 - one per status
    reason = subject.task.expected_failures.get(name, "").strip()
    if subject.missing:
        return "skipped", f"it needs {', '.join(subject.missing)}, which is not installed"
    try:
        if name not in UNPLAYED and subject.survey.missing:
            return "skipped", subject.survey.missing
        if name not in WITHOUT_PLAY and subject.survey.crashed and name not in subject.survey.violations:
            return "skipped", "the environment cannot be played: see the check 'plays'"
        take_cuts()
        note = "; ".join(filter(None, [CHECKS[name](subject), *take_cuts()]))
    except NotApplicable as skip:
        return "skipped", str(skip)
    except Violation as violation:
        return ("expected", reason) if reason else ("failed", str(violation))
    except SandboxError as error:
        return ("expected", reason) if reason else ("failed", error.message.rstrip("."))
    except Exception as error:
        return ("expected", reason) if reason else ("failed", f"the plugin raised {said(error)}")
    return (
        ("stale", f"it passes: take it out of expected_failures ({reason})") if reason else ("passed", note)
    )
