"""Every mistake gets its exit code and a sentence with the fix, on both output formats, and costs nothing.

A case says what is typed, what files lie about, and which words the answer must hold.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from calls import Outcome, files

SCENARIO = "title: Mine\ntask: toy/corridor\nmetric: steps\n"


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        name: Says which.
        argv: What is typed.
        kind: The error document's kind.
        words: What message and hint must hold, all of them.
        given: Files by relative path that are there beforehand.
        code: Exit code.
    """

    name: str
    argv: str
    kind: str
    words: tuple[str, ...]
    given: dict[str, str | bytes] | None = None
    code: int = 2


def yaml_case(
    name: str, text: str | bytes, *words: str, kind: str = "broken-file", complete: bool = False
) -> Case:
    """A mistake in a scenario file called ``mine.yaml``; ``text`` follows three valid lines."""
    content = text if complete or isinstance(text, bytes) else SCENARIO + text
    return Case(f"yaml: {name}", "info ./mine.yaml", kind, words, {"mine.yaml": content})


TYPED = [
    Case("no such command", "lst", "unknown-name", ("command 'lst'", "Did you mean list?")),
    Case("no near command", "zzz", "unknown-name", ("command 'zzz'", "Commands: ", "doctor")),
    Case("no such option", "list --jsn", "usage", ("'--jsn'", "Did you mean --json?")),
    Case("no near option", "run toy --algo ppo --zz 1", "usage", ("'--zz'", "sandbox run --help")),
    Case("option of another command", "info toy --quiet", "usage", ("'--quiet'", "See sandbox info --help.")),
    Case("option without value", "run toy --algo", "usage", ("'--algo' requires an argument",)),
    Case("argument missing", "run --algo ppo", "usage", ("Missing argument 'SCENARIO'",)),
    Case("required option missing", "run toy", "usage", ("Missing option '--algo'",)),
    Case("too many arguments", "info toy/corridor toy/stall", "usage", ("unexpected extra argument",)),
    Case("no such kind of list", "list scenario", "unknown-name", ("'scenario'", "Did you mean scenarios?")),
    Case("no such domain", "info trafic", "unknown-name", ("domain 'trafic'", "Did you mean traffic?")),
    Case("no such scenario", "info toy/coridor", "unknown-name", ("'toy/coridor'", "toy/corridor")),
    Case("scenario leaves its folder", "info toy/../../etc", "unknown-name", ("Unknown scenario",)),
    Case("empty scenario", "info ''", "unknown-name", ("Unknown domain ''",)),
    Case("no such algorithm", "run toy --algo pppo", "unknown-name", ("algorithm 'pppo'", "ppo")),
    Case("domain of a file", "info kiosk", "unknown-name", ("Unknown domain 'kiosk'", "--plugin PATH")),
    Case(
        "random among the algorithms",
        "compare toy/corridor --algo random,ppo",
        "invalid-value",
        ("'random' does not learn", "by themselves, so leave it out"),
    ),
    Case(
        "baseline as an algorithm",
        "run toy/corridor --algo optimal",
        "invalid-value",
        ("'optimal' does not learn", "sandbox eval optimal --scenario toy/corridor"),
    ),
    Case("empty algorithm", "run toy --algo ''", "unknown-name", ("Unknown algorithm ''",)),
    Case("steps of zero", "run toy --algo ppo --steps 0", "invalid-value", ("--steps", "at least 1, not 0")),
    Case("negative steps", "run toy --algo ppo --steps -5", "invalid-value", ("--steps", "at least 1")),
    Case("steps in words", "run toy --algo ppo --steps many", "invalid-value", ("whole number", "'many'")),
    Case("steps not whole", "run toy --algo ppo --steps 1.5", "invalid-value", ("whole number", "'1.5'")),
    Case("steps infinite", "run toy --algo ppo --steps 1e999", "invalid-value", ("--steps", "whole number")),
    Case(
        "no environments",
        "train toy --algo ppo --num-envs 0",
        "invalid-value",
        ("--num-envs", "at least 1"),
    ),
    Case("seed negative", "run toy --algo ppo --seed -1", "invalid-value", ("--seed", "at least 0")),
    Case("seed too large", "run toy --algo ppo --seed 2147483648", "invalid-value", ("--seed", "2**31")),
    Case(
        "more episodes than test seeds",
        "eval random --scenario toy --episodes 1000000",
        "invalid-value",
        ("100000 test seeds", "Allowed: 1 to 100000"),
    ),
    Case(
        "no such hyperparameter", "run toy --algo ppo --hp gama=1", "unknown-name", ("'gama'", "mean gamma")
    ),
    Case(
        "hyperparameter of the wrong type",
        "run toy --algo ppo --hp gamma=x",
        "invalid-value",
        ("gamma", "'x'"),
    ),
    Case(
        "hyperparameter out of range",
        "run toy --algo ppo --hp gamma=1.5",
        "invalid-value",
        ("'gamma' is 1.5", "less than or equal to 1", "Allowed: at least 0 and at most 1"),
    ),
    Case(
        "hyperparameter of another algorithm",
        "run toy --algo reinforce --hp clip_range=0.1",
        "unknown-name",
        ("hyperparameter of reinforce 'clip_range'",),
    ),
    Case(
        "hyperparameter without value", "run toy --algo ppo --hp gamma", "invalid-value", ("--hp", "'gamma'")
    ),
    Case(
        "algorithm for continuous actions",
        "run toy/corridor --algo sac",
        "misfit",
        ("sac does not fit toy/corridor", "action space Discrete", "These fit:", "ppo", "dqn"),
    ),
    Case(
        "algorithm for discrete actions",
        "train toy/regulator --algo dqn",
        "misfit",
        ("dqn does not fit toy/regulator", "action space Box", "These fit:", "sac"),
    ),
    Case("setting without value", "info toy/corridor --set horizon", "invalid-value", ("--set", "'horizon'")),
    Case("no such setting", "info toy/corridor --set horzon=5", "unknown-name", ("'horzon'", "mean horizon")),
    Case(
        "setting out of range",
        "info toy/corridor --set config.horizon=0",
        "invalid-value",
        ("'horizon' is 0", "Allowed: at least 1"),
    ),
    Case("setting of the wrong type", "info toy/corridor --set horizon=soon", "invalid-value", ("'soon'",)),
    Case("setting within a number", "info toy/corridor --set horizon.x=1", "invalid-value", ("horizon",)),
    Case(
        "no such metric set", "info toy/corridor --set metric=stps", "unknown-name", ("'stps'", "mean steps")
    ),
    Case(
        "seeds set to overlap",
        "info toy/corridor --set evaluation.seeds.test=[100000,100010]",
        "invalid-value",
        ("test", "validation", "overlap"),
    ),
    Case("no such reward term", "info toy/corridor --reward stp=1", "unknown-name", ("'stp'", "mean step?")),
    Case(
        "no such reward preset", "info toy/corridor --reward step", "unknown-name", ("'step'", "mean steps?")
    ),
    Case("two reward presets", "info toy --reward a --reward b", "invalid-value", ("one preset, not 2",)),
    Case("weight in words", "info toy --reward step=much", "invalid-value", ("--reward step", "'much'")),
    Case("weight infinite", "info toy --reward step=.inf", "invalid-value", ("finite",)),
    Case("no such agent", "eval optmal --scenario toy", "unknown-name", ("agent 'optmal'", "mean optimal?")),
    Case("runs that are not there", "eval runs/none", "damaged-run", ("'runs/none' is not a run directory",)),
    Case(
        "no near scenario",
        "info traffic/qqqqqqqqqqqqqqqq",
        "unknown-name",
        ("Known: traffic/arterial-5", "traffic/two-way-single and ", " more."),
    ),
    Case("agents of no scenario", "eval random", "invalid-value", ("No scenario", "--scenario")),
    Case("repeated and named", "run toy --from r", "invalid-value", ("--from repeats a run exactly",)),
    Case("repeated from nothing", "run --from r", "damaged-run", ("'r' is not a run directory",)),
    Case("no such action on runs", "runs sho", "unknown-name", ("'sho'", "mean show?")),
    Case("nothing to remove", "runs rm", "invalid-value", ("at least one run directory",)),
]

YAML = [
    yaml_case("not YAML", "config: {horizon: 5\n", "mine.yaml, line", "not valid YAML"),
    yaml_case("unknown key", "stepz: 5\n", "mine.yaml, line 4", "'stepz'", "Did you mean steps?"),
    yaml_case("unknown parameter", "config:\n  horizn: 5\n", "line 5", "'horizn'", "Did you mean horizon?"),
    yaml_case("wrong type", "steps: soon\n", "mine.yaml, line 4", "'steps' is 'soon'"),
    yaml_case("out of range", "steps: 0\n", "mine.yaml, line 4", "'steps' is 0", "Allowed: at least 1"),
    yaml_case(
        "parameter out of range",
        "config:\n  horizon: 0\n",
        "mine.yaml, line 5",
        "'horizon' is 0",
        "at least 1",
    ),
    yaml_case("title missing", "task: toy/corridor\nmetric: steps\n", "'title' is missing", complete=True),
    yaml_case("alias", "config: &a\n  horizon: 5\nsources: [*a]\n", "line 4", "anchors", "not allowed"),
    yaml_case("bare alias", "sources: *a\n", "line 4", "aliases (*name) are not allowed"),
    yaml_case("tag", "sources: !!python/object:os.system [ls]\n", "line 4", "tags", "not allowed"),
    yaml_case("nested too deeply", "sources: " + "[" * 50 + "]" * 50 + "\n", "line 4", "deeper than 20"),
    yaml_case("nested absurdly", "sources: " + "[" * 20_000 + "\n", "line 4", "deeper than 20"),
    yaml_case("too many values", "sources: [" + "a," * 30_000 + "]\n", "more than 20,000 values"),
    yaml_case("too large", "# " + "x" * 1_000_001, "larger than 1,000,000 bytes"),
    yaml_case("repeated key", "steps: 5\nsteps: 6\n", "mine.yaml, line 5", "'steps' stands twice"),
    yaml_case("key that is no text", "config: {1: 2}\n", "line 4", "keys must be text"),
    yaml_case("not UTF-8", SCENARIO.encode() + b"# \xff\n", "mine.yaml, line 4", "not UTF-8"),
    yaml_case("NUL byte", SCENARIO.encode() + b"a: \x00\n", "not valid YAML"),
    yaml_case("empty", "", "not a scenario", complete=True),
    yaml_case("list at top", "- title\n", "not a scenario", complete=True),
    yaml_case("two documents", "---\ntitle: b\n", "mine.yaml, line 4", "not valid YAML"),
    yaml_case(
        "seeds overlap",
        "evaluation:\n  seeds:\n    test: [0, 5]\n    train: [4, 9]\n",
        "mine.yaml, line 5",
        "test and train overlap",
    ),
    yaml_case(
        "seeds backwards", "evaluation:\n  seeds:\n    test: [5, 0]\n", "line 5", "test [5, 0)", "low < high"
    ),
    yaml_case(
        "too few test seeds",
        "evaluation:\n  episodes: 9\n  seeds: {test: [0, 5]}\n",
        "line 4",
        "9 episodes need as many test seeds",
    ),
    yaml_case("no such reward", "reward: stps\n", "'stps'", "Did you mean steps?", kind="unknown-name"),
    yaml_case(
        "no such term", "reward: {weights: {stp: 1}}\n", "'stp'", "Did you mean step?", kind="unknown-name"
    ),
    yaml_case("no such baseline", "baselines: [optmal]\n", "'optmal'", "optimal", kind="unknown-name"),
    yaml_case(
        "no such metric",
        "title: T\ntask: toy/corridor\nmetric: stps\n",
        "'stps'",
        "Did you mean steps?",
        kind="unknown-name",
        complete=True,
    ),
    yaml_case(
        "no such task",
        "title: T\ntask: toy/coridor\nmetric: steps\n",
        "'toy/coridor'",
        "toy/corridor",
        kind="unknown-name",
        complete=True,
    ),
    yaml_case(
        "task that is a module",
        "title: T\ntask: os:system/x\nmetric: steps\n",
        "mine.yaml, line 2",
        "'task' is 'os:system/x'",
        complete=True,
    ),
]

RECORD = {
    "format": 1,
    "scenario_id": "toy/corridor",
    "scenario": {"id": "toy/corridor", "title": "T", "task": "toy/corridor", "metric": "steps"},
    "scenario_file": None,
    "algorithm": "ppo",
    "seed": 0,
    "steps": 5,
    "status": "failed",
}


def run_case(name: str, argv: str, record: Any, *words: str) -> Case:
    """A command on the run directory ``r``, whose record is given as text or as JSON."""
    text = record if isinstance(record, str) else json.dumps(record)
    return Case(f"run: {name}", argv, "damaged-run", words, {"r/run.json": text})


RUNS = [
    Case("run: missing", "eval runs/none --scenario toy", "damaged-run", ("'runs/none' is not a run",)),
    Case(
        "run: start from none",
        "train toy --algo ppo --init-from none",
        "damaged-run",
        ("'none' is not a run",),
    ),
    Case("run: show a folder", "runs show d", "damaged-run", ("'d' is not a run", "run.json"), {"d/x": ""}),
    Case("run: remove a folder", "runs rm d --yes", "damaged-run", ("'d' is not a run",), {"d/x": ""}),
    run_case("record cut off", "runs show r", '{"format": 1, "sce', "r/run.json cannot be read"),
    run_case("record is a list", "runs show r", [], "r/run.json is not the record of a run"),
    run_case("record lacks a key", "runs show r", {"format": 1}, "damaged", "is missing"),
    run_case("other format", "runs show r", RECORD | {"format": 99}, "run format 99", "reads format 2"),
    run_case("no policy", "eval r --scenario toy", RECORD, "has no final policy", "failed"),
    run_case("no best policy", "eval r@best --scenario toy", RECORD, "has no best policy"),
    run_case("start from no policy", "train toy --algo ppo --init-from r", RECORD, "has no final policy"),
    Case(
        "run: of another task",
        "eval r --scenario toy/regulator",
        "misfit",
        ("trained on the task toy/corridor", "toy/regulator"),
        {"r/run.json": json.dumps(RECORD)},
    ),
    Case(
        "run: removed without asking",
        "runs rm r",
        "invalid-value",
        ("--yes",),
        {"r/run.json": json.dumps(RECORD)},
    ),
]

FILES = [
    Case("file: missing", "info ./none.yaml", "broken-file", ("none.yaml", "no such file")),
    Case("file: a folder", "info ./d.yaml", "broken-file", ("d.yaml", "is a folder"), {"d.yaml/x": ""}),
    Case(
        "file: runs directory is a file",
        "train toy/corridor --algo reinforce --steps 10 --runs-dir taken",
        "invalid-value",
        ("Cannot write to 'taken/", "is a file, not a folder", "--runs-dir"),
        {"taken": ""},
    ),
    Case(
        "file: runs directory cannot be made",
        "train toy/corridor --algo reinforce --steps 10 --runs-dir /proc/none",
        "storage",
        ("Cannot write to '/proc/none/", "Nothing was written"),
        code=1,
    ),
    Case("file: runs listed in a file", "runs --runs-dir f", "invalid-value", ("f is a file",), {"f": ""}),
]

NET = "config.net=x.net.xml --set config.routes=x.rou.xml"
TRAFFIC = [
    Case(
        "traffic: network missing",
        f"info traffic --set {NET}",
        "broken-file",
        ("x.net.xml", "No such file"),
        {"x.rou.xml": "<routes/>"},
    ),
    Case(
        "traffic: network cut off",
        f"info traffic --set {NET}",
        "broken-file",
        ("x.net.xml, line 2",),
        {"x.net.xml": "<net>\n<edge", "x.rou.xml": "<routes/>"},
    ),
    Case(
        "traffic: network is something else",
        f"info traffic --set {NET}",
        "broken-file",
        ("x.net.xml",),
        {"x.net.xml": "<html/>", "x.rou.xml": "<routes/>"},
    ),
    Case(
        "traffic: out of range",
        "info traffic --set demand=9",
        "invalid-value",
        ("'demand' is 9", "at most 5"),
    ),
]


def _id(case: Case) -> str:
    return case.name


def _answered(case: Case, argv: list[str], sandbox: Callable[..., Outcome], tmp_path: Path) -> Outcome:
    """The answer, once it is sure that nothing was written or removed."""
    for name, content in (case.given or {}).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = files(tmp_path)
    outcome = sandbox(*argv)
    assert files(tmp_path) == before
    assert outcome.code == case.code, outcome.err
    assert "Traceback" not in outcome.err
    return outcome


CASES = [*TYPED, *YAML, *RUNS, *FILES, *TRAFFIC]


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_mistake_is_answered_in_a_sentence(
    case: Case, sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    outcome = _answered(case, shlex.split(case.argv), sandbox, tmp_path)
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    for word in case.words:
        assert word in outcome.words


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_mistake_is_answered_in_one_document(
    case: Case, sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    command, *rest = shlex.split(case.argv)  # a last option without its value would swallow --json
    outcome = _answered(case, [command, "--json", *rest], sandbox, tmp_path)
    assert set(outcome.document) == {"error"}
    error = outcome.document["error"]
    assert set(error) == {"kind", "message", "hint"}
    assert error["kind"] == case.kind
    for word in case.words:
        assert word in f"{error['message']} {error['hint']}"


def test_there_are_more_than_forty_cases_and_no_two_alike() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


def test_what_is_quoted_from_a_file_cannot_steer_the_terminal(
    sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(SCENARIO + 'reward: "a\\e[2J\\nError: trust me"\n')
    outcome = sandbox("info", "./mine.yaml")
    assert outcome.code == 2
    assert "\x1b" not in outcome.err
    first, *_ = outcome.err.splitlines()
    assert first == "Error: Unknown reward preset 'a [2J Error: trust me'."
