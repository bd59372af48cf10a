"""Scenario files: where they are found, what overrides do, what the hash depends on."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.api.errors import BrokenFileError, InvalidValueError, SandboxError, UnknownNameError
from sandbox.registry.discover import PLUGINS_VARIABLE, registry
from sandbox.scenarios.find import SCENARIOS_VARIABLE, find
from sandbox.scenarios.listing import entries
from sandbox.scenarios.resolve import from_record, load_scenario

TOYS = Path(__file__).parents[2] / "toys" / "plugin.py"
BASE: dict[str, Any] = {"title": "Mine", "task": "toy/regulator", "metric": "cost"}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv(PLUGINS_VARIABLE, str(TOYS))
    monkeypatch.delenv(SCENARIOS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    registry.cache_clear()
    yield
    registry.cache_clear()


def _write(path: Path, **changes: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**BASE, **changes}))
    return str(path)


def _hash(**changes: Any) -> str:
    return load_scenario(_write(Path("other/place.yaml").resolve(), **changes)).hash


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Another title"},
        {"presets": {"ppo": {"steps": 5}}},
        {"references": [{"name": "known", "value": 1.0, "source": "there"}]},
        {"sources": ["there"]},
        {"steps": 77},
        {"config": {"axes": 1}},  # the default
        {"reward": "quadratic"},  # the default
        {"reward": {"weights": {"state": -1}}},  # the default
        {"baselines": ["idle"]},
    ],
    ids=str,
)
def test_hash_is_the_same_where_no_number_can_change(changes: dict[str, Any]) -> None:
    assert _hash(**changes) == _hash()


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"axes": 2}},
        {"metric": "effort"},
        {"reward": {"weights": {"control": -0.2}}},
        {"evaluation": {"episodes": 11}},
        {"evaluation": {"config": {"horizon": 64}}},
        {"evaluation": {"seeds": {"test": [1, 100_000]}}},
        {"task": "toy/corridor", "metric": "steps"},
    ],
    ids=str,
)
def test_hash_changes_with_all_that_decides_numbers(changes: dict[str, Any]) -> None:
    assert _hash(**changes) != _hash()


def test_hash_depends_on_a_files_content_and_not_on_its_place(tmp_path: Path) -> None:
    hashes = []
    for folder, content in (("a", "<net/>"), ("b", "<net/>"), ("c", "<net> </net>")):
        scenario = {
            "task": "traffic/signal",
            "metric": "delay",
            "config": {"net": "n.xml", "routes": "r.xml"},
        }
        path = _write(tmp_path / folder / "s.yaml", **scenario)
        (tmp_path / folder / "n.xml").write_text(content)
        (tmp_path / folder / "r.xml").write_text("<routes/>")
        hashes.append(load_scenario(path).hash)
    assert hashes[0] == hashes[1] != hashes[2]


def test_hash_of_an_override_is_that_of_the_file_that_says_the_same(tmp_path: Path) -> None:
    plain = _write(tmp_path / "plain.yaml")
    said = _write(tmp_path / "said.yaml", config={"axes": 3}, reward={"weights": {"control": -0.5}})
    assert load_scenario(plain, ["config.axes=3"], ["control=-0.5"]).hash == load_scenario(said).hash


@pytest.mark.parametrize("name", ["plain", "overridden"])
def test_problem_survives_pickle_and_its_own_record(name: str, tmp_path: Path) -> None:
    changes = ["axes=3", "evaluation.episodes=4"] if name == "overridden" else []
    scenario = load_scenario(_write(tmp_path / "s.yaml"), changes)
    copies = (
        pickle.loads(pickle.dumps(scenario)),  # noqa: S301 - our own
        from_record(scenario.spec.model_dump(mode="json"), scenario.folder),
    )
    for copy in copies:
        assert copy.hash == scenario.hash
        assert copy.config == scenario.config


def test_input_files_start_at_the_scenarios_folder_and_at_the_working_directory_for_set(
    tmp_path: Path,
) -> None:
    scenario = {"task": "traffic/signal", "metric": "delay", "config": {"net": "n.xml", "routes": "r.xml"}}
    path = _write(tmp_path / "deep/s.yaml", **scenario)
    for place in ("deep/n.xml", "deep/r.xml", "n.xml"):
        (tmp_path / place).write_text(place)
    resolved: Any = load_scenario(path)
    assert resolved.config.net == str(tmp_path / "deep/n.xml")
    changed: Any = load_scenario(path, ["net=n.xml"])
    assert changed.config.net == str(tmp_path / "n.xml")
    assert changed.config.routes == str(tmp_path / "deep/r.xml")
    with pytest.raises(BrokenFileError, match=r"none\.xml: cannot be read: No such file"):
        load_scenario(path, ["net=none.xml"])


def test_files_of_a_list_are_given_one_by_one_or_together(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("tech.lef", "cells.lef", "macros.lef")]
    for path in paths:
        path.write_text("VERSION 5.8 ;\nEND LIBRARY\n")
    for key in ("lef", "config.lef"):
        apart = load_scenario("chip", [f"{key}={path}" for path in paths])
        together = load_scenario("chip", [f"{key}=[{paths[0]},{paths[1]}]", f"{key}={paths[2]}"])
        assert apart.config.lef == together.config.lef == tuple(map(str, paths))
    # Of any other setting the later value counts.
    assert load_scenario("chip", ["grid=20", "grid=24"]).config.grid == 24


def test_value_with_a_scheme_is_left_to_the_plugin() -> None:
    scenario: Any = load_scenario("traffic/single-intersection")
    assert scenario.config.net == "generated:single-intersection"


def test_set_means_training_and_evaluation_alike(tmp_path: Path) -> None:
    path = _write(tmp_path / "s.yaml", evaluation={"config": {"horizon": 64}})
    plain: Any = load_scenario(path)
    assert (plain.config.horizon, plain.evaluation_config.horizon) == (32, 64)
    changed: Any = load_scenario(path, ["config.horizon=16"])
    assert (changed.config.horizon, changed.evaluation_config.horizon) == (16, 16)
    only: Any = load_scenario(path, ["evaluation.config.horizon=16"])
    assert (only.config.horizon, only.evaluation_config.horizon) == (32, 16)


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        (["steps=5"], "steps", 5),
        (["metric=effort"], "metric", "effort"),
        (["axes=2", "axes=3"], "config", {"axes": 3}),
        (["drift=5e-1"], "config", {"drift": 0.5}),
    ],
)
def test_set_reaches_the_scenario(changes: list[str], key: str, value: Any, tmp_path: Path) -> None:
    assert getattr(load_scenario(_write(tmp_path / "s.yaml"), changes).spec, key) == value


def test_reward_reweights_by_name_and_a_preset_starts_over(tmp_path: Path) -> None:
    path = _write(tmp_path / "s.yaml", reward={"weights": {"control": -0.5}})
    assert load_scenario(path).reward.weights == {"state": -1.0, "control": -0.5}
    assert load_scenario(path, reward=["state=-2"]).reward.weights == {"state": -2.0, "control": -0.5}
    assert load_scenario(path, reward=["quadratic"]).reward.weights == {"state": -1.0, "control": -0.1}
    assert load_scenario(path, reward=["quadratic", "state=3"]).reward.weights["state"] == 3.0


def test_mistake_in_an_override_speaks_of_set_and_not_of_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "s.yaml")
    with pytest.raises(SandboxError) as caught:
        load_scenario(path, ["axes=9"])
    assert isinstance(caught.value, InvalidValueError)
    assert "'axes' is 9" in caught.value.message
    assert "s.yaml" not in caught.value.message
    assert "at most 8" in caught.value.hint


@pytest.mark.parametrize(
    ("seeds", "reason"),
    [
        ({"test": [0, 5], "train": [4, 9]}, "seed ranges test and train overlap"),
        ({"test": [5, 5]}, "must satisfy 0 <= low < high"),
        ({"test": [-1, 5]}, "must satisfy 0 <= low < high"),
        ({"train": [1_000_000, 2**31 + 1]}, r"high <= 2\*\*31"),
        ({"validation": [150_000, 150_002]}, "3 validation episodes need as many validation seeds"),
        ({"test": [0, 9]}, "10 episodes need as many test seeds, but only 9"),
    ],
    ids=str,
)
def test_seed_ranges_never_meet_and_suffice(seeds: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        load_scenario(_write(tmp_path / "s.yaml", evaluation={"seeds": seeds}))


def test_seed_ranges_may_touch(tmp_path: Path) -> None:
    seeds = {"test": [0, 10], "validation": [10, 20], "tuning": [20, 30], "train": [30, 40]}
    assert load_scenario(_write(tmp_path / "s.yaml", evaluation={"seeds": seeds})).spec


def test_first_folder_of_the_search_path_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = load_scenario("toy/regulator").path
    assert shipped == TOYS.parent / "scenarios/toy/regulator.yaml"
    here = _write(tmp_path / "scenarios/toy/regulator.yaml")
    assert find("toy/regulator").resolve() == Path(here)
    first = _write(tmp_path / "first/toy/regulator.yaml")
    _write(tmp_path / "second/toy/regulator.yaml")
    monkeypatch.setenv(SCENARIOS_VARIABLE, f"{tmp_path}/first{os.pathsep}{tmp_path}/second")
    assert find("toy/regulator") == Path(first)
    given = _write(tmp_path / "given/toy/regulator.yaml")
    assert find("toy/regulator", [tmp_path / "given"]) == Path(given)


def test_domain_alone_means_its_default_scenario() -> None:
    assert load_scenario("toy").spec.id == "toy/corridor"


@pytest.mark.parametrize(
    "name", ["toy/../../secret", "toy/a/b", "/toy", "toy//corridor", "toy/", "../x", "~"]
)
def test_names_do_not_leave_the_search_path(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(yaml.safe_dump(BASE))
    with pytest.raises((UnknownNameError, BrokenFileError)):
        find(name)


@pytest.mark.parametrize(
    ("file", "expected"),
    [("My Scenario!.yaml", "toy/my-scenario"), ("ÄÖ.yaml", "toy/scenario"), ("a_b.yml", "toy/a-b")],
)
def test_file_without_an_id_is_named_after_itself(file: str, expected: str, tmp_path: Path) -> None:
    assert load_scenario(_write(tmp_path / file)).spec.id == expected


def test_entries_name_broken_files_and_leave_suites_out(tmp_path: Path) -> None:
    _write(tmp_path / "scenarios/toy/good.yaml")
    _write(tmp_path / "scenarios/suites/all.yaml")
    (tmp_path / "scenarios/toy/bad.yaml").write_text("a: [\n")
    (tmp_path / "scenarios/toy/other.yaml").write_text("title: T\ntask: none/t\nmetric: m\n")
    (tmp_path / "scenarios/toy/list.yaml").write_text("[]")
    found = {entry.id: entry for entry in entries()}
    assert found["toy/good"].error is None
    assert (found["toy/good"].title, found["toy/good"].agents) == ("Mine", "single")
    assert "bad.yaml, line 2" in (found["toy/bad"].error or "")
    assert found["toy/other"].error == "Unknown domain 'none'."
    assert "is not a scenario" in (found["toy/list"].error or "")
    assert "suites/all" not in found


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[3].glob("scenarios/*/*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_scenario_is_valid_and_called_after_its_place(path: Path) -> None:
    if path.parent.name == "suites":
        pytest.skip("a suite is not a scenario")
    scenario = load_scenario(str(path))
    assert scenario.spec.id == f"{path.parent.name}/{path.stem}"
    for reference in scenario.spec.references:
        assert reference.source


@pytest.mark.parametrize(
    ("changes", "reward", "kept"),
    [
        ((), (), True),
        (("evaluation.episodes=7",), (), True),
        ((), ("step=-2",), True),  # the metric does not depend on the reward
        (("horizon=2000",), (), True),  # what the file states anyway
        (("horizon=7",), (), False),
        (("evaluation.config={horizon: 7}",), (), False),
    ],
)
def test_known_values_are_shown_only_for_the_parameters_they_belong_to(
    changes: tuple[str, ...], reward: tuple[str, ...], kept: bool
) -> None:
    assert bool(load_scenario("toy/corridor", changes, reward).spec.references) is kept


def test_known_values_belong_to_the_metric_that_the_file_ranks_by(tmp_path: Path) -> None:
    file = tmp_path / "held.yaml"
    file.write_text(
        "id: toy/held\ntitle: Held\ntask: toy/regulator\nmetric: cost\n"
        "references:\n- {name: optimum, value: 0.1, source: by hand}\n"
    )
    assert [known.metric for known in load_scenario(str(file)).spec.references] == [None]
    changed = load_scenario(str(file), ["metric=effort"])
    assert [known.metric for known in changed.spec.references] == ["cost"]
