"""Plugins are found, loaded when asked for, and kept from harming each other."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.api import Domain
from sandbox.api.errors import MissingExtraError, PluginError, UnknownNameError
from sandbox.registry.discover import PLUGINS_VARIABLE, add_plugins, registry
from sandbox.registry.resolve import missing_modules, require, resolve

ROOT = Path(__file__).parents[3]

DOMAIN = """
from sandbox.api import Algorithm, Capabilities, Domain, Metric, Task

task = Task("t", 1, "T", "m:C", "m:make", "m:R", "r", (Metric("m", "1", "lower"),))
{attribute} = Domain("{name}", "D", (task,), "{name}/t", scenarios="mine")
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(PLUGINS_VARIABLE, "")
    registry.cache_clear()
    yield
    registry.cache_clear()


def _plugin(folder: Path, name: str, attribute: str = "domain") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "plugin.py"
    path.write_text(DOMAIN.format(name=name, attribute=attribute))
    return path


def test_every_plugin_folder_has_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = set(project["project"]["entry-points"]["sandbox.domains"].values())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    found = sorted((ROOT / "plugins").glob("*/plugin.py"))
    assert found
    for file in found:
        assert f"{file.parent.name}.plugin:domain" in declared
        assert f"plugins/{file.parent.name}" in packages


def test_every_declared_plugin_loads() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = project["project"]["entry-points"]
    known = registry()
    assert {status.name: status.error for status in known.statuses() if status.status == "broken"} == {}
    assert set(declared["sandbox.domains"]) <= set(known.domains.names())
    assert set(declared["sandbox.algorithms"]) <= set(known.algorithms.names())


def test_listing_imports_neither_simulators_nor_learners() -> None:
    program = (
        "import sys; from sandbox.registry.discover import registry; r = registry(); "
        "list(r.domains.working()); list(r.algorithms.working()); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    assert not roots & {"torch", "gymnasium", "numpy", "pydantic", "libsumo", "traci", "stable_baselines3"}
    assert "sandbox_traffic" in roots


def test_plugin_by_path_is_found_with_the_scenarios_it_ships(tmp_path: Path) -> None:
    add_plugins([str(_plugin(tmp_path / "p", "mine"))])
    domain = registry().domain("mine")
    assert registry().task("mine/t") is domain.tasks[0]
    assert registry().scenario_folder(domain) == (tmp_path / "p/mine").resolve()


def test_plugin_by_folder_and_by_attribute(tmp_path: Path) -> None:
    first, second = _plugin(tmp_path / "p", "one"), _plugin(tmp_path / "q", "two", attribute="other")
    add_plugins([str(first.parent), f"{second}:other"])
    assert {"one", "two"} <= set(registry().domains.names())


def test_plugin_is_seen_by_child_processes_whatever_their_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plugin(tmp_path / "p", "mine")
    monkeypatch.chdir(tmp_path)
    add_plugins(["p/plugin.py"])
    program = "from sandbox.registry.discover import registry; print(registry().domain('mine').title)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd="/", capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "D\n"


def test_plugin_named_twice_is_one_plugin(tmp_path: Path) -> None:
    path = str(_plugin(tmp_path / "p", "mine"))
    add_plugins([path, path])
    add_plugins([path])
    assert os.environ[PLUGINS_VARIABLE].count("plugin.py") == 1
    assert [status.status for status in registry().statuses() if status.name == "mine"] == ["ok"]


def test_first_of_two_plugins_of_a_name_wins_and_the_other_is_listed(tmp_path: Path) -> None:
    first, second = _plugin(tmp_path / "p", "mine"), _plugin(tmp_path / "q", "mine")
    add_plugins([str(first), str(second)])
    statuses = [status for status in registry().statuses() if status.name == "mine"]
    assert [status.status for status in statuses] == ["ok", "broken"]
    assert "already taken by" in (statuses[1].error or "")
    assert registry().scenario_folder(registry().domain("mine")) == (tmp_path / "p/mine").resolve()


def test_two_plugins_whose_folders_have_the_same_name_both_work(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = _plugin(tmp_path / "a/p", "one"), _plugin(tmp_path / "b/p", "two")
    add_plugins([str(first), str(second)])
    assert registry().scenario_folder(registry().domain("one")) == (tmp_path / "a/p/mine").resolve()
    assert registry().scenario_folder(registry().domain("two")) == (tmp_path / "b/p/mine").resolve()


def test_broken_plugin_leaves_the_others_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('leaving')")
    add_plugins([str(broken), str(_plugin(tmp_path / "p", "mine"))])
    assert registry().domain("mine").name == "mine"
    assert registry().domain("traffic").name == "traffic"
    (status,) = (status for status in registry().statuses() if status.status == "broken")
    assert status.error == "SystemExit: leaving"


def test_interrupt_while_a_plugin_loads_is_an_interrupt(tmp_path: Path) -> None:
    path = tmp_path / "slow.py"
    path.write_text("raise KeyboardInterrupt")
    add_plugins([str(path)])
    with pytest.raises(KeyboardInterrupt):
        registry()


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry().algorithm("maskable_ppo")
    assert caught.value.message == "Unknown algorithm 'maskable_ppo'."
    assert caught.value.hint.startswith("Did you mean maskable-ppo")
    with pytest.raises(UnknownNameError, match="Unknown task 'traffic/signl'"):
        registry().task("traffic/signl")


def test_missing_packages_are_found_without_importing_and_named() -> None:
    domain = Domain("mine", "D", (), "mine/t", requires=("json", "none_such"), extra="mine")
    assert missing_modules(domain.requires) == ["none_such"]
    with pytest.raises(MissingExtraError) as caught:
        require(domain)
    assert caught.value.hint == 'pip install "sandbox-rl[mine]"'


def test_references_resolve_to_objects_or_explain_themselves() -> None:
    assert resolve("json:dumps.__name__") == "dumps"
    assert resolve(len) is len
    with pytest.raises(PluginError, match="'none_such:x' cannot be imported"):
        resolve("none_such:x")
    with pytest.raises(PluginError, match="'json:none' does not exist"):
        resolve("json:none")
