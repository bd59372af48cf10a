"""``sandbox info``: all there is to know about a scenario or an algorithm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import SCENARIO_OR_ALGORITHM, AsJson, Changes, Reward, Wrap, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

    from sandbox.api.reward import RewardSpec
    from sandbox.api.types import Json, Space
    from sandbox.scenarios.resolve import ResolvedScenario

_BOUNDS = (("ge", "≥ {}"), ("gt", "> {}"), ("le", "≤ {}"), ("lt", "< {}"), ("min_length", "length ≥ {}"))

Picture = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also draw the start of an episode to this PNG file."),
]


def info(
    scenario: Annotated[str, SCENARIO_OR_ALGORITHM],
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """Show all there is to know about a scenario or an algorithm."""
    from sandbox.api.errors import UnknownNameError, nearest
    from sandbox.cli.show.scenario import show_scenario
    from sandbox.registry.discover import registry
    from sandbox.scenarios.resolve import load_scenario

    known = registry()
    if scenario in known.algorithms.names() and scenario not in known.domains.names():
        drawn = [f"--picture {picture}"] if picture is not None else []
        return _algorithm(scenario, [*(changes or ()), *(wrap or ()), *(reward or ()), *drawn], as_json)
    try:
        resolved = load_scenario(scenario, changed(changes, wrap), reward or ())
    except UnknownNameError:
        algorithms = known.algorithms.names()
        if "/" in scenario or nearest(scenario, known.domains.names()) or not nearest(scenario, algorithms):
            raise
        raise UnknownNameError("domain or algorithm", scenario, algorithms) from None
    document = describe(resolved)
    if picture is not None:
        from sandbox.outputs.picture import draw_start

        draw_start(resolved, picture)
        document["picture"] = str(picture)
    if as_json:
        return document
    show_scenario(document)
    return None


def _algorithm(name: str, settings: list[str], as_json: bool) -> dict[str, Any] | None:
    from sandbox.api.errors import InvalidValueError
    from sandbox.cli.show.algorithm import describe_algorithm, show_algorithm
    from sandbox.registry.discover import registry

    if settings:
        raise InvalidValueError(
            f"'{name}' is an algorithm: '{settings[0]}' goes with a scenario.",
            "Hyperparameters are given to run, train, compare and tune: --hp NAME=VALUE.",
        )
    document = describe_algorithm(registry().algorithm(name))
    if as_json:
        return document
    show_algorithm(document)
    return None


def describe(resolved: ResolvedScenario) -> Json:
    """The scenario as a JSON document; makes its environment to learn the spaces."""
    from sandbox.cli.show.scenario import MODELS
    from sandbox.outputs.render import views
    from sandbox.registry.resolve import presets_of
    from sandbox.registry.transition import transition_fields

    scenario, task = resolved.spec, resolved.task
    presets, default = presets_of(task)
    spaces, fields, render_modes, redraws = _environment(resolved)
    return {
        "scenario": scenario.id,
        "title": scenario.title,
        "task": scenario.task,
        "task_title": task.title,
        "task_version": task.version,
        "file": resolved.path,
        "hash": resolved.hash,
        "agents": task.agents,
        "masks": task.masks,
        "resume": task.resume,
        "branches": {"from": "state" if task.resume == "state" else "replay", "redraws": redraws},
        "models": [name for name in MODELS if getattr(task, name) is not None],
        "spaces": spaces,
        "observation_fields": fields,
        "metric": resolved.metric.name,
        "metrics": [
            {
                "name": metric.name,
                "unit": metric.unit,
                "better": metric.better,
                "description": metric.description,
            }
            for metric in task.metrics
        ],
        "reward": {
            "preset": scenario.reward.preset or default,
            "terms": _terms(resolved.reward),
            "transition": [
                {"name": name, "description": meaning} for name, meaning in transition_fields(task)
            ],
            "presets": {name: _terms(spec) for name, spec in presets.items()},
        },
        "baselines": [
            {"name": baseline.name, "description": baseline.description, "source": baseline.source}
            for baseline in task.baselines
            if baseline.name in resolved.baselines()
        ],
        "views": [
            {"name": view.name, "formats": list(view.formats), "description": view.description}
            for view in views(resolved, render_modes)
        ],
        "observe": scenario.observe,
        "observations": [
            {"name": known.name, "description": known.description} for known in task.observations
        ],
        "extensions": [{"name": known.name, "version": known.version} for known in task.extensions],
        "tables": _tables(resolved),
        "references": [
            {"metric": scenario.metric, **reference.model_dump(exclude_none=True)}
            for reference in scenario.references
        ],
        "bound": _bound(resolved),
        "presets": {name: preset.model_dump(exclude_none=True) for name, preset in scenario.presets.items()},
        "steps": scenario.steps,
        "evaluation": {
            "episodes": scenario.evaluation.episodes,
            "validation_episodes": scenario.evaluation.validation_episodes,
            "validations": scenario.evaluation.validations,
        },
        "seeds": {name: list(span) for name, span in scenario.evaluation.seeds},
        "config": _parameters(resolved),
        "inputs": _inputs(resolved),
        "sources": list(dict.fromkeys([*scenario.sources, *task.sources, *resolved.domain.sources])),
    }


def _bound(scenario: ResolvedScenario) -> Json | None:
    """What no agent can be better than on the scenario's test episodes."""
    from sandbox.evaluation.bounds import bound_of
    from sandbox.evaluation.seeds import evaluation_seeds

    bound = bound_of(scenario, evaluation_seeds(scenario))
    return None if bound is None else bound.to_json()


def _inputs(scenario: ResolvedScenario) -> list[Json]:
    """What the scenario's files hold and what of it is used; empty for a task that says nothing about it."""
    from dataclasses import asdict

    from sandbox.registry.resolve import resolve

    parts = resolve(scenario.task.inputs)
    return [] if parts is None else [asdict(part) for part in parts(scenario.config)]


def _environment(scenario: ResolvedScenario) -> tuple[Json, Json, tuple[str, ...], bool]:
    """Observation and action of every agent in words, what the numbers of its observation are, the render
    modes, and whether the future is redrawn.

    One entry named ``agent`` where there is one.

    Raises:
        PluginError: If what the task says of its observations does not fit them.
    """
    from sandbox.api.spaces import describe as in_words
    from sandbox.envs.fields import ONLY
    from sandbox.envs.make import make

    env = make(scenario)
    try:
        if scenario.task.agents == "parallel":
            by_agent = {
                agent: (env.observation_space(agent), env.action_space(agent))
                for agent in env.possible_agents
            }
        else:
            by_agent = {ONLY: (env.observation_space, env.action_space)}
        modes = tuple(env.metadata.get("render_modes", ()))
        bare = env.unwrapped
        redraws = callable(getattr(bare, "redraw", None)) and bool(getattr(bare, "can_redraw", True))
        fields = _fields(scenario, env, {agent: observation for agent, (observation, _) in by_agent.items()})
    finally:
        env.close()
    spaces = {
        agent: {"observation": in_words(observation), "action": in_words(action)}
        for agent, (observation, action) in by_agent.items()
    }
    return spaces, fields, modes, redraws


def _fields(scenario: ResolvedScenario, env: Any, spaces: Mapping[str, Space]) -> Json:
    """What the numbers of each agent's observation are, counted from 0; empty where the task does not say."""
    from sandbox.api.errors import PluginError
    from sandbox.envs.fields import in_order, misfit, observation_fields

    declared = observation_fields(scenario, env)
    shown: Json = {}
    for agent, fields in declared.items():
        if complaint := misfit(fields, spaces[agent]):
            raise PluginError(f"{scenario.spec.task}, observation_fields: {complaint}.")
        first = 0
        shown[agent] = []
        for field in in_order(fields, spaces[agent]):
            shown[agent].append({
                "first": first,
                "size": field.size,
                "name": field.name,
                "unit": field.unit,
                "meaning": field.meaning,
                "entries": list(field.entries),
                "shape": list(field.shape or ((field.size,) if field.entries else ())),
                "part": field.part,
            })  # fmt: skip
            first += field.size
    return shown


def _tables(resolved: ResolvedScenario) -> list[Json]:
    """What the task made of the scenario's parameters and files."""
    from sandbox.registry.resolve import resolve

    describe_task = resolve(resolved.task.tables)
    tables = describe_task(resolved.evaluation_config) if describe_task is not None else ()
    return [
        {"title": table.title, "header": list(table.header), "rows": [list(row) for row in table.rows]}
        for table in tables
    ]


def _terms(spec: RewardSpec) -> list[Json]:
    return [
        {"name": term.name, "weight": term.weight, "unit": term.unit, "description": term.description}
        for term in spec.terms
    ]


def _parameters(scenario: ResolvedScenario) -> list[Json]:
    """Every field of the task's config with its value in training and in evaluation."""
    from pydantic_core import to_jsonable_python

    # Not `model_dump`, which leaves out fields that a record has only where they differ from a default.
    training, playing = dict(scenario.config), dict(scenario.evaluation_config)
    return [
        {
            "name": name,
            "value": to_jsonable_python(training[name]),
            "in_evaluation": to_jsonable_python(playing[name]),
            "default": to_jsonable_python(field.get_default(call_default_factory=True))
            if field.default_factory is None or not field.is_required()
            else None,
            "allowed": _allowed(field),
            "description": field.description or "",
        }
        for name, field in type(scenario.config).model_fields.items()
    ]


def _allowed(field: FieldInfo) -> str:
    """The bounds of a field, or its type where it has none."""
    from typing import get_args

    bounds = [
        text.format(getattr(extra, name))
        for name, text in _BOUNDS
        for extra in field.metadata
        if getattr(extra, name, None) is not None
    ]
    if bounds:
        return ", ".join(bounds)
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return " | ".join(choices)
    return getattr(field.annotation, "__name__", str(field.annotation))
