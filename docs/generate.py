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
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"
DISTRIBUTION = "sandbox-rl"
REGION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
BOUNDS = (("ge", "≥ {}"), ("gt", "> {}"), ("le", "≤ {}"), ("lt", "< {}"))
SIZES = (("min_length", "length ≥ {}"), ("max_length", "length ≤ {}"))
SCALARS = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "null"}


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
    """Every scenario file: the problem it states and its tuned settings."""
    from sandbox.scenarios import load_problem

    parts = []
    for file in sorted((ROOT / "scenarios").glob("*/*.yaml")):
        if file.parent.name == "suites":
            continue
        problem = load_problem(str(file))
        scenario, evaluation = problem.scenario, problem.scenario.evaluation
        facts = [
            ("task", f"[{scenario.task}](tasks.md#{_slug(scenario.task)}), version {problem.task.version}"),
            ("ranked by", f"{scenario.metric} ({problem.metric.unit}), {problem.metric.better} is better"),
            ("agents", "several, one policy for all" if problem.task.agents == "parallel" else "one"),
            ("reward", _weights(problem.reward.weights)),
            ("training steps", f"{scenario.steps:,}"),
            (
                "evaluation",
                f"{evaluation.episodes} test episodes; {evaluation.validations} validations "
                f"of {evaluation.validation_episodes} episodes",
            ),
            ("baselines", ", ".join(problem.baselines())),
            ("hash", f"`{problem.hash[:16]}`"),
            ("file", f"`{file.relative_to(ROOT)}`"),
        ]
        parts += [f"## {scenario.id}", f"{scenario.title}.", _table(("", ""), facts)]
        if scenario.config:
            parts += ["Parameters that the scenario sets:", _settings(scenario.config)]
        if evaluation.config:
            parts += ["Parameters that differ in evaluation:", _settings(evaluation.config)]
        if scenario.presets:
            rows = [
                (name, f"{one.steps:,}" if one.steps else "", one.num_envs or "", _pairs(one.hyperparameters))
                for name, one in scenario.presets.items()
            ]
            parts += ["Tuned presets:", _table(("algorithm", "steps", "copies", "hyperparameters"), rows)]
        if scenario.references:
            known = [(r.name, r.metric or scenario.metric, r.value, r.source) for r in scenario.references]
            parts += ["Known values:", _table(("name", "metric", "value", "source"), known)]
        parts += _sources(scenario.sources)
    return "\n\n".join(parts)


def tasks() -> str:
    """Every task: parameters, reward terms, metrics and baselines."""
    parts = []
    for domain in _shipped("domains"):
        described: dict[Any, str] = {}
        parts += [f"## Domain {domain.name}", f"{domain.title}. Extra: `{domain.extra}`."]
        for task in domain.tasks:
            name = f"{domain.name}/{task.name}"
            agents = "several agents (PettingZoo)" if task.agents == "parallel" else "one agent (Gymnasium)"
            masks = "action masks" if task.masks else "no action masks"
            parts += [f"### {name}", f"{task.title}; version {task.version}, {agents}, {masks}."]
            same = (task.config, task.rewards, task.default_reward, task.metrics, task.baselines)
            if same in described:
                first = described[same]
                parts.append(
                    f"Parameters, rewards, metrics and baselines are those of [{first}](#{_slug(first)})."
                )
            else:
                described[same] = name
                parts += _task(task)
        parts += _sources(domain.sources)
    return "\n\n".join(parts)


def _task(task: Any) -> list[str]:
    from sandbox.registry import resolve

    specs = resolve(task.rewards)
    terms = [
        (term.name, term.unit, term.description, term.source) for term in specs[task.default_reward].terms
    ]
    presets = [
        (f"{name} (default)" if name == task.default_reward else name, _weights(spec.weights))
        for name, spec in specs.items()
    ]
    metrics = [(one.name, one.unit, one.better, one.description) for one in task.metrics]
    baselines = [(one.name, one.description, one.source) for one in task.baselines]
    baselines.append(("random", "a random allowed action; plays every task", ""))
    return [
        "**Parameters** (`--set config.NAME=VALUE`)",
        _fields(resolve(task.config)),
        "**Reward terms** (`--reward TERM=WEIGHT`)",
        _table(("term", "unit", "definition", "source"), terms),
        "**Reward presets** (`--reward PRESET`); terms that are not named have weight 0",
        _table(("preset", "weights"), presets),
        "**Metrics**",
        _table(("metric", "unit", "better", "definition"), metrics),
        "**Baselines**",
        _table(("baseline", "what it does", "source"), baselines),
    ]


def algorithms() -> str:
    """Every algorithm: what it can be trained on and its hyperparameters."""
    from sandbox.registry import resolve

    parts = []
    for algorithm in _shipped("algorithms"):
        can = algorithm.capabilities
        facts = [
            ("family", algorithm.family),
            ("backend", f"{algorithm.backend} (extra `{algorithm.extra}`)"),
            ("actions", ", ".join(sorted(can.action_spaces))),
            ("observations", ", ".join(sorted(can.observation_spaces))),
            ("agents", "one, or several by parameter sharing" if "parallel" in can.agents else "one"),
            ("action masks", _masks(algorithm)),
            ("environment copies", "any number" if can.vectorised else "one"),
            ("sources", "; ".join(algorithm.sources)),
        ]
        parts += [f"## {algorithm.name}", algorithm.description, _table(("", ""), facts)]
        parts.append(_fields(resolve(algorithm.config)))
    return "\n\n".join(parts)


def algorithm_overview() -> str:
    """One row an algorithm."""
    rows = [
        (
            f"[{one.name}](#{_slug(one.name)})",
            one.family,
            one.backend,
            ", ".join(sorted(one.capabilities.action_spaces)),
            _masks(one),
        )
        for one in _shipped("algorithms")
    ]
    return _table(("algorithm", "family", "backend", "action spaces", "masks"), rows)


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
    for name, command in group.commands.items():
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        needed = [f"{one.opts[0]} {_metavar(one)}" for one in command.params if _is_needed(one)]
        usage = " ".join(["sandbox", name, *(_metavar(one) for one in arguments), *needed, "[OPTIONS]"])
        parts += [f"## sandbox {name}", command.help.strip(), f"```\n{usage}\n```", _options(command.params)]
    return "\n\n".join(parts)


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
    return _table(("argument or option", "meaning", "default"), rows)


def _is_needed(one: Any) -> bool:
    return bool(one.param_type_name == "option" and one.required)


def _metavar(one: Any) -> str:
    return str(one.metavar or one.name.upper())


def python_api() -> str:
    """The functions of the package ``sandbox``."""
    import sandbox

    names = [name for name in sandbox.__all__ if not name.startswith("__")]
    return "\n\n".join(_described(f"sandbox.{name}", getattr(sandbox, name)) for name in names)


def contract() -> str:
    """What ``sandbox.api`` exports, errors apart, which have a page of their own."""
    from sandbox import api

    names = [name for name in api.__all__ if not name.endswith("Error") and name != "API_VERSION"]
    return "\n\n".join(_described(name, getattr(api, name)) for name in names)


def _described(name: str, what: Any) -> str:
    fields = getattr(what, "model_fields", None)
    parts = [f"### {name}"]
    if fields is None and not _is_bare(what):
        parts.append(f"```python\n{_signature(name, what)}\n```")
    parts.append(_docstring(what))
    if fields:
        parts.append(_fields(what))
    if inspect.isclass(what) and fields is None:
        for own, member in vars(what).items():
            if inspect.isfunction(member) and not own.startswith("_") and member.__doc__:
                parts += [f"```python\n{_signature(own, member)}\n```", _docstring(member)]
    return "\n\n".join(part for part in parts if part)


def _is_bare(what: Any) -> bool:
    """A protocol, an exception or a marker: how it is constructed is of no interest."""
    return inspect.isclass(what) and (
        getattr(what, "_is_protocol", False) or issubclass(what, Exception) or "__init__" not in vars(what)
    )


def _signature(name: str, what: Any) -> str:
    """The signature, one parameter a line where it is long."""
    signature = inspect.signature(what)
    if inspect.isclass(what):
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    text = f"{name}{signature}".replace("'", "")
    if len(text) <= 90:
        return text
    inner = ",\n".join(f"    {one}" for one in _with_star(signature)).replace("'", "")
    returned = signature.return_annotation
    arrow = "" if returned is inspect.Signature.empty else f" -> {returned}".replace("'", "")
    return f"{name}(\n{inner},\n){arrow}"


def _with_star(signature: inspect.Signature) -> list[str]:
    found, starred = [], False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not starred:
            found.append("*")
            starred = True
        found.append(str(one))
    return found


def _docstring(what: Any) -> str:
    """A docstring with its sections (Args, Returns, …) as Markdown lists."""
    lines = (inspect.getdoc(what) or "").splitlines()
    shown: list[str] = []
    in_list = False
    for line in lines:
        section = re.fullmatch(r"(Args|Attributes|Returns|Raises):", line)
        entry = re.fullmatch(r"    ([\w, ]+): (.*)", line)
        if section:
            in_list = True
            shown += ["", f"*{'Arguments' if section[1] == 'Args' else section[1]}*", ""]
        elif in_list and entry and not line.startswith("     "):
            shown.append(f"- `{entry[1]}`: {entry[2]}")
        elif in_list and line.startswith("    "):
            shown.append(f"  {line.strip()}" if shown[-1].startswith(("-", "  ")) else line.strip())
        elif line.startswith(">>> "):
            shown.append(f"    {line}")
        else:
            in_list = in_list and not line
            shown.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(shown)).strip()


def scenario_file() -> str:
    """The keys of a scenario file, from the models that validate it."""
    from sandbox import api

    parts = []
    for title, model in (
        ("Top level", api.Scenario),
        ("`reward`", api.RewardChoice),
        ("`evaluation`", api.Evaluation),
        ("`evaluation.seeds`", api.Seeds),
        ("`presets.ALGORITHM`", api.Preset),
        ("an entry of `references`", api.Reference),
    ):
        meanings = dict(re.findall(r"^    (\w+): (.*)$", inspect.getdoc(model) or "", re.MULTILINE))
        parts += [f"**{title}**", _fields(model, meanings)]
    return "\n\n".join(parts)


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
    return _table(("kind", "exit code", "Python class", "meaning"), rows)


def packages() -> str:
    """Packages whose versions a run records."""
    from sandbox.provenance import PACKAGES

    return ", ".join(f"`{name}`" for name in PACKAGES) + "."


def _fields(model: Any, meanings: Mapping[str, str] | None = None) -> str:
    rows = [
        (f"`{name}`", _kind(field), _default(field), field.description or (meanings or {}).get(name, ""))
        for name, field in model.model_fields.items()
    ]
    return _table(("name", "allowed", "default", "meaning"), rows)


def _kind(field: FieldInfo) -> str:
    return ", ".join([_type(field.annotation), *_limits(field.metadata)])


def _type(annotation: Any) -> str:  # noqa: PLR0911 - one for each form of annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return ", ".join([_type(arguments[0]), *_limits(arguments[1:])])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_type(one) for one in arguments)
    if origin in (list, tuple):
        if origin is tuple and arguments[-1] is not Ellipsis:
            return f"list of {len(arguments)} ({_type(arguments[0])})"
        return f"list ({_type(arguments[0])})"
    if origin is dict:
        return "mapping"
    if annotation in SCALARS:
        return SCALARS[annotation]
    return "mapping" if hasattr(annotation, "model_fields") else getattr(annotation, "__name__", "any")


def _limits(metadata: Iterable[Any]) -> list[str]:
    found = []
    for one in metadata:
        for extra in getattr(one, "metadata", None) or [one]:
            for name, text in (*BOUNDS, *SIZES):
                if getattr(extra, name, None) is not None:
                    value = getattr(extra, name)
                    found.append(text.format(f"{value:,}" if isinstance(value, int) else f"{value:g}"))
            if getattr(extra, "pattern", None):
                found.append(f"`{extra.pattern}`")
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)  # type: ignore[call-arg]
    if value is PydanticUndefined:
        return "required"
    if hasattr(value, "model_dump"):
        return "as below"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _shipped(kind: str) -> list[Any]:
    """The plugins of this distribution."""
    from sandbox.registry import registry

    plugins = getattr(registry(), kind)
    return [
        plugin for plugin in plugins.working() if plugins.source(plugin.name).distribution == DISTRIBUTION
    ]


def _settings(values: Mapping[str, Any]) -> str:
    rows = [(f"`{name}`", f"`{json.dumps(value, ensure_ascii=False)}`") for name, value in values.items()]
    return _table(("name", "value"), rows)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}={json.dumps(value)}`" for name, value in values.items())


def _weights(weights: Mapping[str, float]) -> str:
    return ", ".join(f"`{name}={weight:g}`" for name, weight in weights.items() if weight) or "none"


def _sources(sources: Iterable[str]) -> list[str]:
    listed = "\n".join(f"- {source}" for source in sources)
    return ["**Sources**", listed] if listed else []


def _table(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _slug(heading: str) -> str:
    """The anchor that Python-Markdown gives a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


REGIONS: dict[str, Callable[[], str]] = {
    "scenarios": scenarios,
    "scenario-file": scenario_file,
    "tasks": tasks,
    "algorithm-overview": algorithm_overview,
    "algorithms": algorithms,
    "cli": cli,
    "python-api": python_api,
    "contract": contract,
    "errors": errors,
    "packages": packages,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
