"""A distribution of someone else's: installed, found, checked, trained, evaluated, and removed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Environment

pytestmark = pytest.mark.contract

KIOSK = Path(__file__).parents[1] / "fixtures" / "kiosk"
INSTALL = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
SHORT = ("--steps", "256", "--num-envs", "8", "--hp", "n_steps=16", "--hp", "batch_size=64")


def test_a_distribution_of_someone_else_lives_from_installation_to_removal(environment: Environment) -> None:
    environment.pip(*INSTALL, str(KIOSK))
    plugins = {plugin["name"]: plugin for plugin in environment.sandbox("list", "plugins")["plugins"]}
    assert plugins["kiosk"] == {
        "name": "kiosk",
        "group": "domain",
        "distribution": "third-party-kiosk",
        "version": "3.1.4",
        "status": "ok",
        "error": None,
    }
    scenarios = [scenario["id"] for scenario in environment.sandbox("list", "scenarios")["scenarios"]]
    assert "kiosk/day" in scenarios

    checked = environment.sandbox("plugin", "check", "kiosk", "--quick")
    assert checked["counts"]["failed"] == checked["counts"]["expected"] == 0
    passed = {check["check"] for check in checked["checks"] if check["status"] == "passed"}
    assert {"masks", "vector-agrees", "restores-state", "restores-vector-state", "trains"} <= passed

    run = environment.sandbox("train", "kiosk", "--algo", "ppo", *SHORT)
    assert run["algorithm"] == "ppo"
    played = environment.sandbox("eval", run["run_dir"], "middle-price", "random", "--episodes", "5")
    agents = played["evaluation"]["agents"]
    assert set(agents) == {"ppo", "middle-price", "random"}
    # Twenty items or a little less at two coins each, if all are sold.
    assert 0 < agents["middle-price"]["mean"] <= 40

    environment.pip("uninstall", "--quiet", "--yes", "third-party-kiosk")
    gone = environment.sandbox("list", "plugins")["plugins"]
    assert "kiosk" not in [plugin["name"] for plugin in gone]
    lost = environment.sandbox("eval", run["run_dir"], "random", code=2)
    assert lost["error"]["kind"] == "unknown-name"
    assert "Unknown domain 'kiosk'" in lost["error"]["message"]


def test_a_new_plugin_installs_keeps_the_contract_untouched_and_its_tests_pass(
    environment: Environment,
) -> None:
    written = environment.sandbox("plugin", "new", "fishing")
    folder = Path(written["folder"])
    names = {str(Path(file).relative_to(folder)) for file in written["files"]}
    assert {
        "pyproject.toml",
        "README.md",
        ".github/workflows/test.yml",
        "sandbox_fishing/plugin.py",
        "sandbox_fishing/dynamics.py",
        "sandbox_fishing/env.py",
        "sandbox_fishing/reward.py",
        "sandbox_fishing/baselines.py",
        "sandbox_fishing/scenarios/fishing/standard.yaml",
        "tests/test_contract.py",
        "tests/test_dynamics.py",
    } <= names
    left = [file for file in written["files"] if "{{" in Path(file).read_text().replace("${{", "")]
    assert left == []

    environment.pip(*INSTALL, str(folder))
    checked = environment.sandbox("plugin", "check", "fishing", "--quick")
    assert checked["counts"]["failed"] == checked["counts"]["expected"] == 0
    assert checked["counts"]["passed"] >= 24
    environment._run([environment.python, "-m", "pytest", "-q", str(folder / "tests" / "test_dynamics.py")])


@pytest.mark.learning
def test_ppo_beats_random_on_a_new_plugin_in_under_a_minute(environment: Environment) -> None:
    folder = environment.sandbox("plugin", "new", "fishing")["folder"]
    environment.pip(*INSTALL, folder)
    run = environment.sandbox("run", "fishing", "--algo", "ppo")
    agents = run["evaluation"]["agents"]
    assert run["train_seconds"] < 60
    assert agents["ppo"]["mean"] > 4 * agents["random"]["mean"]
    assert agents["ppo"]["mean"] > agents["constant-share"]["mean"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Fishing", "A plugin cannot be called 'Fishing'"),
        ("../evil", "A plugin cannot be called '../evil'"),
        ("class name", "A plugin cannot be called"),
        ("traffic", "There is a domain called 'traffic' already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(environment: Environment, name: str, message: str) -> None:
    refused = environment.sandbox("plugin", "new", name, code=2)
    assert message in refused["error"]["message"]
    assert not list(environment.folder.glob("sandbox-*"))


def test_a_folder_that_is_there_already_is_left_alone(environment: Environment) -> None:
    (environment.folder / "sandbox-fishing").mkdir()
    (environment.folder / "sandbox-fishing" / "mine.txt").write_text("mine")
    refused = environment.sandbox("plugin", "new", "fishing", code=2)
    assert "is there already" in refused["error"]["message"]
    assert [path.name for path in (environment.folder / "sandbox-fishing").iterdir()] == ["mine.txt"]
