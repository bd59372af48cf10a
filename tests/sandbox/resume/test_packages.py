"""Recorded packages are those that a domain and an algorithm need, also a third party's."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stopping import Heard, go_on, interrupted

from sandbox.api import Capabilities
from sandbox.registry.discover import registry
from sandbox.runs import provenance
from sandbox.runs.code import code_of, forget_code
from sandbox.runs.directory import Run
from sandbox.runs.provenance import CORE, differences, packages, required
from sandbox.scenarios.resolve import load_scenario

KIOSK = Path(__file__).parents[2] / "fixtures" / "kiosk"
ENTRY = "[sandbox.domains]\nkiosk = kiosk_plugin.plugin:domain\n"
SHORT = ["evaluation.validation_episodes=2"]

Install = Callable[..., None]


def forget() -> None:
    """As a new process would: nothing of what is installed is known."""
    importlib.invalidate_caches()
    registry.cache_clear()
    for cached in (provenance.installed_version, provenance._requirements, provenance.distribution_of):
        cached.cache_clear()
    forget_code()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts the metadata of a distribution, and an empty module of its, on the path."""
    site = tmp_path / "site"
    site.mkdir()

    def write(
        name: str, version: str, requires: tuple[str, ...] = (), entries: str = "", module: str = ""
    ) -> None:
        for old in site.glob(f"{name.replace('-', '_')}-*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        (folder / "entry_points.txt").write_text(entries)
        (folder / "RECORD").write_text(f"{module}/__init__.py,,\n" if module else "")
        if module:
            (site / module).mkdir(exist_ok=True)
            (site / module / "__init__.py").write_text("raise RuntimeError('imported to learn its version')")
        forget()

    monkeypatch.syspath_prepend(str(site))
    shutil.copytree(KIOSK, tmp_path / "kiosk")
    monkeypatch.syspath_prepend(str(tmp_path / "kiosk"))
    monkeypatch.setenv("SANDBOX_PLUGINS", "")
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    yield write
    for name in [name for name in sys.modules if name.startswith("kiosk_plugin")]:
        del sys.modules[name]
    monkeypatch.undo()
    forget()


@pytest.fixture
def kiosk(install: Install) -> Install:
    """The kiosk as a distribution that needs a simulator and, for its pictures, something else."""
    needs = ("sandbox-rl", "coin-engine>=1.0", 'shop-window; extra == "pictures"')
    install("third-party-kiosk", "3.1.4", needs, ENTRY)
    install("coin-engine", "1.0")
    install("shop-window", "5.0")
    return install


def test_a_third_partys_distribution_and_what_it_requires_are_recorded(kiosk: Install) -> None:
    found = packages(registry().domain("kiosk"))
    assert found["third-party-kiosk"] == "3.1.4"
    assert found["coin-engine"] == "1.0"
    assert "shop-window" not in found, "the extra is not what results depend on"
    assert {CORE, "gymnasium", "numpy", "scipy"} <= found.keys()
    assert "mujoco" not in found


def test_resume_says_that_a_third_partys_simulator_is_another(kiosk: Install, tmp_path: Path) -> None:
    stop = {"num_envs": 8, "steps": 512, "hp": ["n_steps=16", "batch_size=64"], "changes": SHORT}
    path = interrupted(tmp_path, "kiosk/day", "ppo", at=1, **stop)
    assert Run.open(path).record.packages["coin-engine"] == "1.0"
    kiosk("coin-engine", "2.0")
    heard = Heard()
    done = go_on(path, heard)
    assert done.record.resumed[0].exact is False
    (told,) = [text for text in heard.messages if "was begun with" in text]
    assert told.startswith("The run was begun with coin-engine 1.0 and goes on with 2.0")


def test_resume_is_exact_where_only_something_else_is_another(kiosk: Install, tmp_path: Path) -> None:
    stop = {"num_envs": 8, "steps": 512, "hp": ["n_steps=16", "batch_size=64"], "changes": SHORT}
    path = interrupted(tmp_path, "kiosk/day", "ppo", at=1, **stop)
    kiosk("shop-window", "6.0")
    kiosk("unheard-of", "1.0")
    heard = Heard()
    assert go_on(path, heard).record.resumed[0].exact is True
    assert not [text for text in heard.messages if "was begun with" in text]


def test_resume_says_that_the_plugins_sources_were_changed(kiosk: Install, tmp_path: Path) -> None:
    stop = {"num_envs": 8, "steps": 512, "hp": ["n_steps=16", "batch_size=64"], "changes": SHORT}
    path = interrupted(tmp_path, "kiosk/day", "ppo", at=1, **stop)
    parts = {part.name: part for part in Run.open(path).record.code}
    assert parts["domain kiosk"].distribution == "third-party-kiosk"
    assert parts["domain kiosk"].version == "3.1.4"
    assert parts["algorithm maskable-ppo"].digest is not None
    assert parts["coin-engine"].version == "1.0"
    file = tmp_path / "kiosk" / "kiosk_plugin" / "kiosk.py"
    file.write_text(file.read_text().replace("[0.2, 0.5, 0.9]", "[0.3, 0.5, 0.9]"))
    forget()
    heard = Heard()
    assert go_on(path, heard).record.resumed[0].exact is False
    (said,) = [text for text in heard.messages if "other code" in text]
    assert said.startswith("The run goes on with other code: domain kiosk (its sources were changed).")


def test_what_lies_beside_the_sources_is_no_code(kiosk: Install, tmp_path: Path) -> None:
    scenario = load_scenario("kiosk/day")
    before, package = code_of(scenario), tmp_path / "kiosk" / "kiosk_plugin"
    (package / "tests").mkdir()
    (package / "tests" / "checks.py").write_text("1 / 0")
    (package / "notes.md").write_text("more customers on Fridays")
    forget()
    assert code_of(scenario) == before
    (package / "helpers.py").write_text("")
    forget()
    assert code_of(scenario) != before


def test_data_in_a_package_is_code_and_beside_packages_it_is_not(kiosk: Install, tmp_path: Path) -> None:
    """Tuned parameters of a baseline decide its numbers as its source does."""
    scenario, package = load_scenario("kiosk/day"), tmp_path / "kiosk" / "kiosk_plugin"
    (package / "data" / "more").mkdir(parents=True)
    seen = [code_of(scenario)]
    for name in ("data/rules.json", "data/more/weights.safetensors", "loop.cpp"):
        for content in ("1", "2"):
            (package / name).write_text(content)
            forget()
            seen.append(code_of(scenario))
    assert len(set(seen)) == len(seen)
    (package / "contract-lock.json").write_text("{}")
    (tmp_path / "kiosk" / "result.json").write_text("{}")
    forget()
    assert code_of(scenario) == seen[-1]


def test_a_required_module_leads_to_its_distribution_whatever_that_is_called(install: Install) -> None:
    install("other-name-than-its-module", "4.2", module="oddly_named")
    domain = dataclasses.replace(registry().domain("inventory"), requires=("oddly_named", "yaml", "no_such"))
    assert {"other-name-than-its-module", "pyyaml", "no-such"} <= required(domain)
    found = packages(domain)
    assert found["other-name-than-its-module"] == "4.2"
    assert "no-such" not in found


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("traffic", {"libsumo", "eclipse-sumo", "sumo-rl", "pettingzoo"}),
        ("locomotion", {"mujoco"}),
        ("chip", {"numba"}),
        ("inventory", {"numba", "scipy", "pettingzoo"}),
    ],
)
def test_domains_of_the_core_need_their_simulators_and_not_each_others(name: str, needs: set[str]) -> None:
    found = required(registry().domain(name))
    assert needs <= found
    assert not found & {"rich", "typer", "tensorboard", "matplotlib"}
    assert ("mujoco" in found) == (name == "locomotion")


def test_an_algorithm_needs_its_library() -> None:
    assert {"torch", "stable-baselines3"} <= required(registry().algorithm("ppo"))
    assert "sb3-contrib" in required(registry().algorithm("trpo"))
    assert "stable-baselines3" not in required(registry().algorithm("reinforce"))


def test_exact_resume_is_claimed_by_those_that_keep_it_and_not_by_default() -> None:
    assert not Capabilities(frozenset({"Box"}), frozenset({"Box"})).exact_resume
    claimed = {known.name for known in registry().algorithms.working() if known.capabilities.exact_resume}
    assert {"ppo", "maskable-ppo", "dqn", "sac", "td3", "reinforce"} <= claimed
    assert "rllib-ppo" not in claimed, "its environments live elsewhere and begin anew"


def test_records_of_version_01_are_compared_by_what_is_still_needed() -> None:
    old = {"sandbox-rl": "0.1.0", "numpy": "2.4.6", "mujoco": "3.0", "torch": "2.0"}
    now = {"sandbox-rl": "0.1.0", "numpy": "2.4.6", "scipy": "1.17", "torch": "2.13", "libsumo": "1.28"}
    assert differences(old, now) == [("torch", "2.0", "2.13")]
    new = old | {"scipy": "1.17", "libsumo": "1.28", "coin-engine": "1.0"}
    assert ("coin-engine", "1.0", None) in differences(new, now)
    assert differences(now, now) == []
