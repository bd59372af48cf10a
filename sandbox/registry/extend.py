"""Adds to the tasks of a domain what extensions bring."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from sandbox.api.domain import Domain, Task
from sandbox.api.errors import PluginError, SandboxError
from sandbox.api.extension import Extension
from sandbox.api.lazy import Call, Lazy
from sandbox.api.reward import RewardSpec, RewardTerm
from sandbox.registry.resolve import resolve

Rewards: TypeAlias = str | Mapping[str, RewardSpec] | Lazy


def extended(domain: Domain, extensions: Sequence[Extension]) -> tuple[Domain, dict[str, str]]:
    """A domain whose tasks have what extensions add.

    Args:
        domain: As its plugin offers it.
        extensions: Of all domains.

    Returns:
        The domain, and by extension the reason why it could not be added.
    """
    tasks = {f"{domain.name}/{task.name}": task for task in domain.tasks}
    errors: dict[str, str] = {}
    for extension in extensions:
        wanted, _, task = extension.task.partition("/")
        if wanted != domain.name:
            continue
        chosen = list(tasks) if task == "*" else [name for name in tasks if name == extension.task]
        try:
            if not chosen:
                known = ", ".join(tasks)
                raise PluginError(f"there is no task '{extension.task}' that it could extend; known: {known}")
            tasks |= {name: _with(tasks[name], extension) for name in chosen}
        except PluginError as error:
            errors[extension.name] = error.message
    changed = tuple(tasks.values())
    return (domain if changed == domain.tasks else replace(domain, tasks=changed)), errors


def terms_of(extension: Extension) -> tuple[RewardTerm, ...]:
    """The reward terms that an extension brings."""
    return tuple(resolve(extension.terms))


def merged_rewards(base: Rewards, default: str, extensions: Sequence[Extension]) -> dict[str, RewardSpec]:
    """The presets of a task and those of its extensions, all with all terms.

    What an extension brings that is there already, or that cannot be loaded, is left out with a warning:
    others must go on working.
    """
    presets: Mapping[str, RewardSpec] = resolve(base)
    merged, first = dict(presets), default or next(iter(presets))
    for extension in extensions:
        try:
            merged = _merged(merged, first, extension)
        except SandboxError as error:
            warnings.warn(
                f"The rewards of the extension '{extension.name}' are left out: {error}", stacklevel=2
            )
    return merged


def _merged(presets: Mapping[str, RewardSpec], default: str, extension: Extension) -> dict[str, RewardSpec]:
    brought = terms_of(extension)
    known = {term.name for spec in presets.values() for term in spec.terms}
    for what, names, taken in (
        ("term", [term.name for term in brought], known),
        ("preset", list(extension.presets), set(presets)),
    ):
        twice = [name for name in names if name in taken]
        if twice:
            raise PluginError(f"it brings the reward {what} '{twice[0]}', which is there already")
    silent = tuple(replace(term, weight=0.0) for term in brought)
    merged = {name: RewardSpec((*spec.terms, *silent)) for name, spec in presets.items()}
    whole = merged[default].reweighted({term.name: term.weight for term in brought})
    return merged | {name: whole.reweighted(weights) for name, weights in extension.presets.items()}


def _with(task: Task, extension: Extension) -> Task:
    for what, present, added in (
        ("metric", task.metrics, extension.metrics),
        ("observation", task.observations, extension.observations),
        ("view", task.views, extension.views),
        ("baseline", task.baselines, extension.baselines),
    ):
        known = {item.name for item in present} | {"random"}
        twice = [item.name for item in added if item.name in known]
        if twice:
            raise PluginError(f"it brings the {what} '{twice[0]}', which the task has already")
    bare = [metric.name for metric in extension.metrics if not (metric.from_term or metric.from_info)]
    if bare:
        raise PluginError(f"its metric '{bare[0]}' does not say from_term or from_info")
    extensions = (*task.extensions, extension)
    return replace(
        task,
        rewards=Lazy(
            Call(
                "sandbox.registry.extend:merged_rewards",
                {"base": _own_rewards(task), "default": task.default_reward, "extensions": extensions},
            )
        ),
        metrics=(*task.metrics, *extension.metrics),
        observations=(*task.observations, *extension.observations),
        views=(*task.views, *extension.views),
        baselines=(*task.baselines, *extension.baselines),
        extensions=extensions,
    )


def _own_rewards(task: Task) -> Rewards:
    """The presets of the plugin itself."""
    if task.extensions and isinstance(task.rewards, Lazy):
        own: Rewards = task.rewards.call.arguments["base"]
        return own
    return task.rewards
