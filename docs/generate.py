"""Fills the generated parts of the reference pages from the registry and the command line.

    python -m docs.generate            write them
    python -m docs.generate --check    exit with 1 if any is out of date

A page holds prose and regions, each between ``<!-- generated: NAME -->`` and ``<!-- end -->``; the
functions in `REGIONS` give their content. Only what this distribution ships is documented, so that the
result does not depend on what else is installed.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.markdown import described, fields_table, slug, table

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"
DISTRIBUTION = "sandbox-rl"
REGION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` say which are out of date."""
    stale = []
    for page in sorted(PAGES.glob("*.md")):
        old = page.read_text(encoding="utf-8")
        new = filled(old)
        if new != old:
            stale.append(page.relative_to(ROOT))
            if "--check" not in arguments:
                page.write_text(new, encoding="utf-8")
    if "--check" in arguments and stale:
        print(f"Out of date: {', '.join(map(str, stale))}. Run: python -m docs.generate", file=sys.stderr)
        return 1
    return 0


def filled(text: str) -> str:
    """``text`` with every region replaced by what it should hold."""
    return REGION.sub(lambda found: f"{found[1]}\n{REGIONS[found[2]]().strip()}\n\n{found[3]}", text)


def scenarios() -> str:
    """Every scenario file: what it states and its tuned settings."""
    from sandbox.registry.resolve import presets_of
    from sandbox.scenarios.resolve import load_scenario

    parts = []
    for file in sorted((ROOT / "scenarios").glob("*/*.yaml")):
        if file.parent.name == "suites":
            continue
        resolved = load_scenario(str(file))
        scenario, evaluation = resolved.spec, resolved.spec.evaluation
        preset = scenario.reward.preset or presets_of(resolved.task)[1]
        facts = [
            ("task", f"[{scenario.task}](tasks.md#{slug(scenario.task)}), version {resolved.task.version}"),
            ("ranked by", f"{scenario.metric} ({resolved.metric.unit}), {resolved.metric.better} is better"),
            ("agents", "several, one policy for all" if resolved.task.agents == "parallel" else "one"),
            ("reward", f"{preset}: {_weights(resolved.reward.weights)}"),
            ("training steps", f"{scenario.steps:,}"),
            (
                "evaluation",
                f"{evaluation.episodes} test episodes; {evaluation.validations} validations "
                f"of {evaluation.validation_episodes} episodes",
            ),
            ("baselines", ", ".join(resolved.baselines())),
            ("hash", f"`{resolved.hash[:16]}`"),
            ("file", f"`{file.relative_to(ROOT)}`"),
        ]
        parts += [f"## {scenario.id}", f"{scenario.title}.", table(("property", "value"), facts)]
        if scenario.config:
            parts += ["Parameters that the scenario sets:", _settings(scenario.config)]
        if evaluation.config:
            parts += ["Parameters that differ in evaluation:", _settings(evaluation.config)]
        if scenario.presets:
            rows = [
                (name, f"{one.steps:,}" if one.steps else "", one.num_envs or "", _pairs(one.hyperparameters))
                for name, one in scenario.presets.items()
            ]
            parts += ["Tuned presets:", table(("algorithm", "steps", "copies", "hyperparameters"), rows)]
        if scenario.references:
            known = [
                (one.name, one.metric or scenario.metric, one.value, one.source, one.note)
                for one in scenario.references
            ]
            parts += ["Known values:", table(("name", "metric", "value", "source", "note"), known)]
        parts += _sources(scenario.sources)
    return "\n\n".join(parts)


def tasks() -> str:
    """Every task: parameters, reward terms, metrics and baselines."""
    from sandbox.cli.show.scenario import RESUME

    parts = []
    for domain in _shipped("domains"):
        first_with: dict[Any, str] = {}
        parts += [f"## Domain {domain.name}", f"{domain.title}. Extra: `{domain.extra}`."]
        for task in domain.tasks:
            name = f"{domain.name}/{task.name}"
            agents = "several agents (PettingZoo)" if task.agents == "parallel" else "one agent (Gymnasium)"
            masks = "action masks" if task.masks else "no action masks"
            parts += [
                f"### {name}",
                f"{task.title}; version {task.version}, {agents}, {masks}. Resume: {RESUME[task.resume]}.",
            ]
            same = (task.config, task.rewards, task.default_reward, task.metrics, task.baselines)
            if same in first_with:
                first = first_with[same]
                parts.append(
                    f"Parameters, rewards, metrics and baselines are those of [{first}](#{slug(first)})."
                )
            else:
                first_with[same] = name
                parts += _task(task)
        parts += _sources(domain.sources)
    return "\n\n".join(parts)


def _task(task: Any) -> list[str]:
    from sandbox.registry.resolve import presets_of, resolve

    specs, default = presets_of(task)
    terms = [(term.name, term.unit, term.description, term.source) for term in specs[default].terms]
    presets = [
        (f"{name} (default)" if name == default else name, _weights(spec.weights))
        for name, spec in specs.items()
    ]
    metrics = [(one.name, one.unit, one.better, one.description) for one in task.metrics]
    baselines = [(one.name, one.description, one.source) for one in task.baselines]
    baselines.append(("random", "a random allowed action; plays every task", ""))
    return [
        "**Parameters** (`--set config.NAME=VALUE`)",
        fields_table(resolve(task.config)),
        "**Reward terms** (`--reward TERM=WEIGHT`)",
        table(("term", "unit", "definition", "source"), terms),
        "**Reward presets** (`--reward PRESET`); terms that are not named have weight 0",
        table(("preset", "weights"), presets),
        *_transition(task),
        "**Metrics**",
        table(("metric", "unit", "better", "definition"), metrics),
        "**Baselines**",
        table(("baseline", "what it does", "source"), baselines),
    ]


def _transition(task: Any) -> list[str]:
    from sandbox.registry.transition import transition_fields

    rows = [(f"`{name}`", meaning) for name, meaning in transition_fields(task)]
    return (
        ["**Transition**: what terms are functions of", table(("field", "what it is"), rows)] if rows else []
    )


def algorithms() -> str:
    """Every algorithm: what it can be trained on and its hyperparameters."""
    from sandbox.cli.show.algorithm import agents_in_words
    from sandbox.registry.resolve import resolve

    parts = []
    for algorithm in _shipped("algorithms"):
        can = algorithm.capabilities
        facts = [
            ("family", algorithm.family),
            ("learns", can.learning),
            ("needs", ", ".join(can.needed) or "an environment"),
            ("backend", f"{algorithm.backend} (extra `{algorithm.extra}`)"),
            ("actions", ", ".join(sorted(can.action_spaces))),
            ("observations", ", ".join(sorted(can.observation_spaces))),
            ("agents", agents_in_words(can.agents)),
            ("action masks", _masks(algorithm)),
            ("environment copies", "any number" if can.vectorised else "one"),
            ("sources", "; ".join(algorithm.sources)),
        ]
        parts += [f"## {algorithm.name}", algorithm.description, table(("property", "value"), facts)]
        parts.append(fields_table(resolve(algorithm.config)))
    return "\n\n".join(parts)


def algorithm_overview() -> str:
    """One row an algorithm."""
    rows = [
        (
            f"[{one.name}](#{slug(one.name)})",
            one.family,
            one.capabilities.learning,
            one.backend,
            ", ".join(sorted(one.capabilities.action_spaces)),
            _masks(one),
        )
        for one in _shipped("algorithms")
    ]
    return table(("algorithm", "family", "learns", "backend", "action spaces", "masks"), rows)


def _masks(algorithm: Any) -> str:
    if algorithm.capabilities.masks:
        return "kept out of the policy"
    if algorithm.masked_by:
        return f"{algorithm.masked_by} takes over"
    return "not used"


def cli() -> str:
    """Every command with its arguments and options, from the parser itself."""
    import typer

    from sandbox.cli.main import app

    group: Any = typer.main.get_command(app)
    parts = ["## Before any command", _options(group.params)]
    for name, command in _commands(group):
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        needed = [f"{one.opts[0]} {_metavar(one)}" for one in command.params if _is_needed(one)]
        usage = " ".join(["sandbox", name, *(_metavar(one) for one in arguments), *needed, "[OPTIONS]"])
        parts += [f"## sandbox {name}", command.help.strip(), f"```\n{usage}\n```", _options(command.params)]
    return "\n\n".join(parts)


def _commands(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its full name, those of groups included."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def contract_suite() -> str:
    """Every check of the contract suite and the promise that it stands for."""
    from sandbox.testing.suite import CHECKS

    return _promises(CHECKS)


def algorithm_suite() -> str:
    """Every check of the suite for algorithms and the promise that it stands for."""
    from sandbox.testing.algorithms import ALGORITHM_CHECKS

    return _promises(ALGORITHM_CHECKS)


def _promises(checks: Mapping[str, Any]) -> str:
    promises = [
        (f"`{name}`", " ".join((inspect.getdoc(check) or "").split())) for name, check in checks.items()
    ]
    return table(("check", "promise"), promises)


def _options(params: Iterable[Any]) -> str:
    rows = []
    for one in params:
        name = ", ".join(f"`{option}`" for option in reversed(one.opts))
        if one.param_type_name == "argument":
            name = f"`{one.metavar.strip('[]').removesuffix('...') if one.metavar else one.name.upper()}`"
        elif not getattr(one, "is_flag", False):
            name += f" `{_metavar(one)}`"
        default = "" if one.default is None or one.default is False else f"`{one.default}`"
        rows.append((name, getattr(one, "help", "") or "", "required" if one.required else default))
    return table(("argument or option", "meaning", "default"), rows)


def _is_needed(one: Any) -> bool:
    return bool(one.param_type_name == "option" and one.required)


def _metavar(one: Any) -> str:
    """The placeholder of a value; in brackets for an argument that may be left out."""
    text = str(one.metavar or one.name.upper())
    optional = one.param_type_name == "argument" and not one.required and not text.startswith("[")
    return f"[{text}]" if optional else text


def python_api() -> str:
    """The functions of the package ``sandbox``."""
    import sandbox

    names = [name for name in sandbox.__all__ if not name.startswith("__")]
    return "\n\n".join(described(f"sandbox.{name}", getattr(sandbox, name)) for name in names)


def contract() -> str:
    """What ``sandbox.api`` exports, errors apart, which have a page of their own."""
    from sandbox import api

    names = [name for name in api.__all__ if not name.endswith("Error") and name != "API_VERSION"]
    return "\n\n".join(described(name, getattr(api, name)) for name in names)


def scenario_file() -> str:
    """The keys of a scenario file, from the models that validate it."""
    from sandbox import api

    parts = []
    for title, model in (
        ("Top level", api.Scenario),
        ("`reward`", api.RewardChoice),
        ("`evaluation`", api.EvaluationSettings),
        ("`evaluation.seeds`", api.Seeds),
        ("`presets.ALGORITHM`", api.Preset),
        ("an entry of `references`", api.Reference),
    ):
        meanings = dict(re.findall(r"^    (\w+): (.*)$", inspect.getdoc(model) or "", re.MULTILINE))
        parts += [f"**{title}**", fields_table(model, meanings)]
    text = "\n\n".join(parts)
    return re.sub(r"(\| `id` \|.*\|) required \|", r"\1 from the file's place |", text)


def errors() -> str:
    """Every kind of error with its exit code."""
    from sandbox.api import errors as module

    rows = [
        (f"`{one.kind}`", one.exit_code, f"`{one.__name__}`", (inspect.getdoc(one) or "").splitlines()[0])
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, module.SandboxError) and one is not module.SandboxError
    ]
    rows += [
        ("`usage`", 2, "", "An option or command that does not exist, or a missing argument."),
        ("`interrupted`", 130, "", "Ctrl-C or SIGTERM; a checkpoint is written first."),
        ("`internal`", 1, "", "A bug of this package or of a plugin; `SANDBOX_DEBUG=1` shows the traceback."),
    ]
    return table(("kind", "exit code", "Python class", "meaning"), rows)


def packages() -> str:
    """What the recorded packages belong to, by what is run."""
    from sandbox.runs.provenance import ALWAYS

    needed: dict[tuple[str, str], list[str]] = {}
    for kind in ("domains", "algorithms"):
        for plugin in _shipped(kind):
            extra = f"`{plugin.extra}`" if kind == "domains" and plugin.extra else ""
            modules = ", ".join(f"`{name}`" for name in plugin.requires)
            needed.setdefault((modules, extra), []).append(f"`{plugin.name}`")
    rows = [("everything", ", ".join(f"`{name}`" for name in ALWAYS), "")]
    rows += [(", ".join(by), modules, extra) for (modules, extra), by in needed.items()]
    return table(("what is run", "distributions of these modules", "and of this extra"), rows)


def _shipped(kind: str) -> list[Any]:
    """The plugins of this distribution."""
    from sandbox.registry.discover import registry

    plugins = getattr(registry(), kind)
    return [
        plugin for plugin in plugins.working() if plugins.source(plugin.name).distribution == DISTRIBUTION
    ]


def _settings(values: Mapping[str, Any]) -> str:
    rows = [(f"`{name}`", f"`{json.dumps(value, ensure_ascii=False)}`") for name, value in values.items()]
    return table(("name", "value"), rows)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}={json.dumps(value)}`" for name, value in values.items())


def _weights(weights: Mapping[str, float]) -> str:
    return ", ".join(f"`{name}={weight:g}`" for name, weight in weights.items() if weight) or "none"


def _sources(sources: Iterable[str]) -> list[str]:
    listed = "\n".join(f"- {source}" for source in sources)
    return ["**Sources**", listed] if listed else []


REGIONS: dict[str, Callable[[], str]] = {
    "scenarios": scenarios,
    "scenario-file": scenario_file,
    "tasks": tasks,
    "algorithm-overview": algorithm_overview,
    "algorithms": algorithms,
    "cli": cli,
    "python-api": python_api,
    "contract": contract,
    "contract-suite": contract_suite,
    "algorithm-suite": algorithm_suite,
    "errors": errors,
    "packages": packages,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
