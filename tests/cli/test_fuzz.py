"""Whatever a scenario file or an override holds, the answer is a sentence or a success, never a traceback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.api.errors import SandboxError
from sandbox.cli.main import main
from sandbox.registry.discover import registry
from sandbox.scenarios.resolve import load_scenario

TOYS = Path(__file__).parents[1] / "toys"

DEADLINE = 5000  # milliseconds for one input, on a busy machine too
FUZZ = settings(
    max_examples=int(os.environ.get("SANDBOX_FUZZ_EXAMPLES", "400")),
    deadline=DEADLINE,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

VALID: dict[str, Any] = {
    "title": "Mine",
    "task": "toy/regulator",
    "metric": "cost",
    "config": {"axes": 2},
    "reward": {"preset": "quadratic", "weights": {"control": -0.2}},
    "steps": 1000,
    "evaluation": {
        "episodes": 5,
        "config": {"axes": 2},
        "seeds": {"train": [50, 100], "validation": [0, 10], "tuning": [10, 20], "test": [20, 30]},
    },
    "baselines": ["optimal"],
    "presets": {"ppo": {"steps": 10, "num_envs": 2, "hyperparameters": {"gamma": 0.9}}},
    "references": [{"name": "known", "value": 1.0, "source": "somewhere"}],
    "sources": ["somewhere"],
}

KEYS = [
    *VALID,
    "id",
    "axes",
    "horizon",
    "weights",
    "preset",
    "seeds",
    "test",
    "train",
    "episodes",
    "hyperparameters",
    "metric",
    "value",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            "toy/corridor",
            "toy/../x",
            "os:system",
            "__class__",
            "steps",
            "~",
            "=",
            "<<",
            "0x1F",
            "1e400",
            "../x",
            "\0",
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)), inner, max_size=4),
    ),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn, valid: dict[str, Any] = VALID) -> dict[str, Any]:
    """A valid document with one to three entries, at any depth, replaced, added or removed."""
    document = json.loads(json.dumps(valid))
    for _ in range(draw(st.integers(1, 3))):
        node: Any = document
        while True:
            inner = [key for key in _keys(node) if isinstance(node[key], dict | list) and node[key]]
            if not inner or draw(st.booleans()):
                break
            node = node[draw(st.sampled_from(inner))]
        keys = _keys(node)
        action = draw(st.sampled_from(["replace", "add", "remove"]))
        if action == "add" and isinstance(node, dict):
            node[draw(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)))] = draw(values)
        elif action == "add":
            node.append(draw(values))
        elif keys and action == "remove":
            del node[draw(st.sampled_from(keys))]
        elif keys:
            node[draw(st.sampled_from(keys))] = draw(values)
    return document


def _keys(node: Any) -> list[Any]:
    return list(node) if isinstance(node, dict) else list(range(len(node)))


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy domain and nothing else that could be in the environment."""
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS / "plugin.py"))
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    monkeypatch.delenv("SANDBOX_DEBUG", raising=False)
    registry.cache_clear()
    yield
    registry.cache_clear()


def _loads_or_explains(path: Path, *overrides: list[str]) -> bool:
    """Whether it loads; anything but success and an explained failure is let through to fail the test."""
    try:
        scenario = load_scenario(str(path), *overrides)
    except SandboxError as error:
        explained = error.message
    else:
        assert len(scenario.hash) == 64
        return True
    assert explained
    assert len(explained) < 2000
    assert "\n" not in explained
    return False


def test_the_document_that_is_mutated_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "valid.yaml"
    path.write_text(yaml.safe_dump(VALID))
    assert _loads_or_explains(path)


@FUZZ
@given(content=st.binary(max_size=300))
def test_any_bytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(content)
    assert not _loads_or_explains(path)


YAML_PIECES = [
    ": ",
    "- ",
    "\n",
    "  ",
    "&a ",
    "*a",
    "!!x ",
    "[",
    "]",
    "{",
    "}",
    "|",
    ">",
    "'",
    '"',
    "#",
    "?",
    "---",
    "%",
]


@FUZZ
@given(pieces=st.lists(st.one_of(st.sampled_from([*YAML_PIECES, *KEYS]), st.text(max_size=3)), max_size=60))
def test_any_text_that_looks_like_yaml(pieces: list[str], tmp_path: Path) -> None:
    path = tmp_path / "text.yaml"
    path.write_bytes("".join(pieces).encode("utf-8", "surrogatepass"))
    assert not _loads_or_explains(path)


@FUZZ
@given(document=mutated())
def test_any_change_to_a_valid_document(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    _loads_or_explains(path)


SETTINGS = [
    "axes",
    "horizon",
    "config.axes",
    "evaluation.episodes",
    "evaluation.seeds.test",
    "metric",
    "steps",
    "a.b",
]
override_values = st.one_of(st.text(max_size=30), scalars.map(str), values.map(json.dumps))
overrides = st.tuples(
    st.one_of(st.sampled_from(SETTINGS), st.text(max_size=10)),
    st.sampled_from(["=", "", "=="]),
    override_values,
).map("".join)
weights = st.tuples(
    st.sampled_from(["state", "control", "quadratic", "x", ""]), st.sampled_from(["=", ""]), override_values
).map("".join)


@FUZZ
@given(changes=st.lists(overrides, max_size=3), reward=st.lists(weights, max_size=2))
def test_any_override(changes: list[str], reward: list[str]) -> None:
    _loads_or_explains(TOYS / "scenarios/toy/regulator.yaml", changes, reward)


@settings(FUZZ, max_examples=FUZZ.max_examples // 4)
@given(document=mutated(), changes=st.lists(overrides, max_size=2))
def test_any_input_to_the_command_line_gives_one_document(
    document: dict[str, Any], changes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cli.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    options = [f"--set={change}" for change in changes]
    code = main(["info", str(path), "--json", *options])
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert code == (2 if "error" in answer else 0), answer
    assert answer.get("error", {}).get("kind") not in ("internal", "storage"), answer
    assert "Traceback" not in err


@FUZZ
@given(
    argv=st.lists(
        st.one_of(
            st.sampled_from(["info", "list", "toy/corridor", "--json", "--set", "--", "-h"]),
            st.text(max_size=10),
        ),
        max_size=5,
    )
)
def test_any_command_line_ends_with_a_known_exit_code(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["list", *argv])
    out, err = capsys.readouterr()
    assert code in (0, 2), (out, err)
    assert "Traceback" not in out + err
    assert "Unexpected" not in err


RECORD: dict[str, Any] = {
    "format": 1,
    "scenario_id": "toy/corridor",
    "scenario": {"id": "toy/corridor", "title": "T", "task": "toy/corridor", "metric": "steps"},
    "scenario_hash": "0" * 64,
    "scenario_file": None,
    "folder": "/",
    "algorithm": "ppo",
    "hyperparameters": {"gamma": 0.9},
    "reward": {"step": -1.0},
    "packages": {"numpy": "2"},
    "seed": 0,
    "steps": 5,
    "steps_done": 5,
    "num_envs": 1,
    "init_from": None,
    "command": ["sandbox", "run"],
    "status": "running",
    "process": {"pid": 1, "host": "h", "started": "1"},
    "started": "2026-01-01T00:00:00",
    "train_seconds": 1.0,
    "seconds": 1.0,
    "steps_per_second": 5.0,
    "best": {"steps": 5, "metric": 1.0},
}
READERS = [
    ["runs", "--json"],
    ["runs"],
    ["runs", "show", "RUN", "--json"],
    ["runs", "show", "RUN"],
    ["eval", "RUN", "--json"],
    ["run", "--from", "RUN", "--json"],
    ["train", "toy", "--algo", "ppo", "--init-from", "RUN", "--json"],
]


@FUZZ
@given(record=st.one_of(mutated(RECORD), values), argv=st.sampled_from(READERS))
def test_any_record_of_a_run_is_read_or_called_damaged(
    record: Any,
    argv: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/toy/corridor/ppo/0-aa"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record))
    code = main([str(folder) if word == "RUN" else word for word in argv])
    out, err = capsys.readouterr()
    assert code in (0, 2), (out, err)
    assert "Traceback" not in out + err
    assert "Unexpected" not in out + err
    assert [path.name for path in folder.iterdir()] == ["run.json"]
