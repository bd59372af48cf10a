"""``sandbox info SCENARIO``: all that is known of a scenario, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.api.types import Json

RESUME = {
    "state": "exact; the environment's state is part of every checkpoint",
    "replay": "exact; the current episode is played again from its seed and actions",
    "none": "not exact; environments cannot be restored and start new episodes",
}
"""How a stopped training run goes on, by `sandbox.api.Task.resume`."""

BRANCHES = {
    "state": "a decision is tested from the identical state, to the last bit",
    "replay": "a decision is reached by playing the episode's actions again",
}
FUTURES = {
    True: "over futures that are drawn again",
    False: "in the one future of the episode's seed",
}
"""How `sandbox moves` tests decisions."""

MODELS = {
    "finite_model": "its finite model, for exact solvers",
    "dynamics": "its dynamics as array operations, for planning and gradients",
    "simulator": "copies of itself, for planners that look ahead",
    "pretrained": "a pre-trained model, for algorithms that fine-tune",
}
"""What a task may tell of itself; see `sandbox.api.TaskModels`."""


def show_scenario(document: Json) -> None:
    """Print what the command ``info`` knows of a scenario."""
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.tables import show, table
    from sandbox.records.words import number

    console = stdout()
    console.print(f"{document['scenario']}: {document['title']}", style="bold")
    console.print(f"Task {document['task']} version {document['task_version']}: {document['task_title']}")
    if document["file"]:
        console.print(f"File {document['file']}", soft_wrap=True)
    console.print(f"Hash {document['hash'][:16]}\n")
    for title, rows in _sections(document, number).items():
        if rows:
            shown = table(title, *rows[0])
            for row in rows[1:]:
                shown.add_row(*(cell.replace("``", "") for cell in row))  # marks of docstrings
            show(console, shown)
    evaluation = document["evaluation"]
    console.print(
        f"Trains {document['steps']:,} steps unless a preset or --steps says otherwise; an agent plays "
        f"{evaluation['episodes']} test episodes.\nSeeds: "
        + ", ".join(f"{name} {low:,} to {high - 1:,}" for name, (low, high) in document["seeds"].items())
    )
    console.print(f"Resume: {RESUME[document['resume']]}.")
    branches = document["branches"]
    console.print(f"Branches: {BRANCHES[branches['from']]}, {FUTURES[branches['redraws']]}.")
    if document["models"]:
        console.print(f"Offers: {' and '.join(MODELS[name] for name in document['models'])}.")
    if "picture" in document:
        console.print(f"Picture {document['picture']}", soft_wrap=True)
    if document["sources"]:
        console.print("\nSources", style="bold")
        for source in document["sources"]:
            console.print(f"- {source}")
    console.print(f"\nNext: sandbox run {document['scenario']} --algo ALGORITHM")


def _reward_title(reward: Json) -> str:
    """Which preset the reward is; with weights of the scenario's own it is none."""
    weights = {term["name"]: term["weight"] for term in reward["terms"]}
    preset = {term["name"]: term["weight"] for term in reward["presets"][reward["preset"]]}
    changed = "" if weights == preset else " with weights of the scenario"
    return f"Reward: preset '{reward['preset']}'{changed}"


def _sections(document: Json, number: Callable[[float | None], str]) -> dict[str, list[tuple[str, ...]]]:
    """Table title to header and rows; a section without rows is not shown."""
    reward = document["reward"]
    return {
        "Spaces": [("agent", "observation", "action"), *_space_rows(document)],
        **_observation_sections(document),
        _reward_title(reward): [
            ("term", "weight", "unit", "definition"),
            *((t["name"], f"{t['weight']:g}", t["unit"], t["description"]) for t in reward["terms"]),
        ],
        "Reward presets": [
            ("preset", "weights other than zero"),
            *((name, _weights(terms)) for name, terms in reward["presets"].items()),
        ],
        "Transition (what reward terms are functions of)": _if_any(
            ("field", "what it is"), [(t["name"], t["description"]) for t in reward["transition"]]
        ),
        f"Metrics (ranked by {document['metric']})": [
            ("metric", "unit", "better", "definition"),
            *((m["name"], m["unit"], m["better"], m["description"]) for m in document["metrics"]),
        ],
        "Baselines": [
            ("baseline", "what it does", "source"),
            *((b["name"], b["description"], b["source"]) for b in document["baselines"]),
            ("random", "Draws every action at random.", ""),
        ],
        "Views (sandbox render --view NAME)": _if_any(
            ("view", "formats", "what it shows"),
            [(v["name"], " ".join(v["formats"]), v["description"]) for v in document["views"]],
        ),
        "Observations (--set observe=NAME)": _if_any(
            ("observation", "what it shows"),
            [(o["name"], o["description"]) for o in document["observations"]],
        ),
        "Extensions": _if_any(
            ("extension", "version"), [(e["name"], str(e["version"])) for e in document["extensions"]]
        ),
        **{
            table["title"]: [tuple(table["header"]), *(tuple(row) for row in table["rows"])]
            for table in document["tables"]
        },
        "Known values": _if_any(
            ("name", "metric", "value", "source"),
            [
                (r["name"], r["metric"], number(r["value"]), " ".join(filter(None, (r["source"], r["note"]))))
                for r in document["references"]
            ]
            + _bound_rows(document, number),
        ),
        "Tuned presets": _if_any(
            ("algorithm", "steps", "environments", "hyperparameters"),
            [
                (
                    name,
                    f"{preset['steps']:,}" if "steps" in preset else "-",
                    str(preset.get("num_envs", "-")),
                    _pairs(preset["hyperparameters"]),
                )
                for name, preset in document["presets"].items()
            ],
        ),
        "Input files": _if_any(
            ("file", "what", "read", "used", "left out", "remark"),
            [
                (
                    i["file"],
                    i["item"],
                    str(i["count"]),
                    str(i["used"]),
                    str(i["count"] - i["used"]),
                    i["reason"],
                )
                for i in document["inputs"]
            ],
        ),
        "Parameters (--set config.NAME=VALUE)": [
            ("name", "value", "allowed", "meaning"),
            *((p["name"], _value(p), p["allowed"], p["description"]) for p in document["config"]),
        ],
    }


MAX_ENTRIES = 24
"""Names of entries that a row of the terminal's table lists; ``--json`` has them all."""


def _observation_sections(document: Json) -> dict[str, list[tuple[str, ...]]]:
    """A table for all agents that see the same, of what each number of their observation is."""
    alike: dict[str, list[str]] = {}
    tables: dict[str, list[tuple[str, ...]]] = {}
    for agent, fields in document["observation_fields"].items():
        rows: list[tuple[str, ...]] = [
            (_places(field), _named(field), field["unit"], field["meaning"] + _entries(field, fields[:place]))
            for place, field in enumerate(fields)
        ]
        alike.setdefault(repr(rows), []).append(agent)
        tables[repr(rows)] = rows
    sections: dict[str, list[tuple[str, ...]]] = {}
    for key, agents in alike.items():
        whose = "" if set(agents) == {"agent"} else f" of {_agents(agents)}"
        title = f"Observation{whose}, number by number (value × unit)"
        sections[title] = [("number", "what", "unit", "meaning"), *tables[key]]
    return sections


def _agents(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} agents, such as {names[0]}"


def _places(field: Json) -> str:
    last = field["first"] + field["size"] - 1
    return str(last) if field["size"] == 1 else f"{field['first']}–{last}"


def _named(field: Json) -> str:
    shape = " × ".join(str(length) for length in field["shape"]) if len(field["shape"]) > 1 else ""
    return f"{field['name']} ({shape})" if shape else str(field["name"])


def _entries(field: Json, before: Sequence[Json]) -> str:
    """What its numbers belong to, in a line of its own; a reference where an earlier field has the same."""
    names = field["entries"]
    if not names:
        return ""
    same = next((_places(other) for other in before if other["entries"] == names), None)
    if same is not None and len(names) > 3:
        return f"\n(in the order of {same})"
    more = f", … {len(names) - MAX_ENTRIES} more" if len(names) > MAX_ENTRIES else ""
    return "\n(" + ", ".join(names[:MAX_ENTRIES]) + more + ")"


def _bound_rows(document: Json, number: Callable[[float | None], str]) -> list[tuple[str, str, str, str]]:
    """What no agent can be better than, as a row of the known values."""
    bound = document["bound"]
    if bound is None:
        return []
    how = ": ".join(filter(None, (bound["method"], bound["source"])))
    return [("bound", document["metric"], number(bound["value"]), how)]


def _if_any(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [header, *rows] if rows else []


def _space_rows(document: Json) -> list[tuple[str, ...]]:
    """Agents with the same spaces share a row."""
    alike: dict[tuple[str, str], list[str]] = {}
    for agent, space in document["spaces"].items():
        alike.setdefault((space["observation"], space["action"]), []).append(agent)
    rows: list[tuple[str, ...]] = []
    for (observation, action), agents in alike.items():
        names = ", ".join(agents) if len(agents) <= 3 else f"{len(agents)} agents"
        rows.append((names, observation, action + (" (masked)" if document["masks"] else "")))
    return rows


def _weights(terms: list[Json]) -> str:
    return ", ".join(f"{t['name']}={t['weight']:g}" for t in terms if t["weight"]) or "none"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "defaults"


def _value(parameter: Json) -> str:
    """The value, marked where it is not the default, and evaluation's where that differs."""
    text = str(parameter["value"])
    if parameter["value"] != parameter["default"]:
        text += f" (default {parameter['default']})"
    if parameter["in_evaluation"] != parameter["value"]:
        text += f"; in evaluation {parameter['in_evaluation']}"
    return text
