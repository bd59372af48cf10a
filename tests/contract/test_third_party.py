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


FILES = {
    "batched": {"core.py", "baselines.py", "scenarios/level-control/control.yaml"},
    "blank": {"env.py", "baselines.py"},
    "parallel": {"core.py", "baselines.py"},
    "gym": {"env.py"},
    "algorithm": {"learner.py"},
}
"""What a kind of plugin has in its package beside ``plugin.py``."""


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind != "algorithm"])
def test_a_new_domain_installs_keeps_the_contract_untouched_and_its_tests_pass(
    environment: Environment, kind: str
) -> None:
    folder = _new(environment, kind)
    environment.pip(*INSTALL, str(folder))
    checked = environment.sandbox("plugin", "check", "level-control", "--quick")
    assert checked["counts"]["failed"] == checked["counts"]["expected"] == 0
    assert checked["counts"]["passed"] >= 22
    test = "test_core.py" if kind in ("batched", "parallel") else "test_env.py"
    environment._run([environment.python, "-m", "pytest", "-q", str(folder / "tests" / test)])


def test_a_new_algorithm_trains_on_an_environment_of_gymnasium_and_its_tests_pass(
    environment: Environment,
) -> None:
    folder = _new(environment, "algorithm")
    environment.pip(*INSTALL, str(folder))
    listed = {entry["name"]: entry for entry in environment.sandbox("list", "algorithms")["algorithms"]}
    assert listed["level-control"]["backend"] == "sandbox-level-control"
    run = environment.sandbox(
        "train", "gym:CartPole-v1", "--algo", "level-control", "--steps", "2000", "--num-envs", "2"
    )
    assert run["algorithm"] == "level-control"
    environment._run([environment.python, "-m", "pytest", "-q", str(folder / "tests")])


def _new(environment: Environment, kind: str) -> Path:
    """The folder of a new plugin ``level-control``."""
    written = environment.sandbox("plugin", "new", "level-control", "--kind", kind)
    folder = Path(written["folder"])
    names = {str(Path(file).relative_to(folder)) for file in written["files"]}
    package = {f"sandbox_level_control/{file}" for file in FILES[kind]}
    assert {"pyproject.toml", "README.md", ".github/workflows/test.yml"} | package <= names
    assert ("tests/test_contract.py" in names) == (kind != "algorithm")
    left = [file for file in written["files"] if "{{" in Path(file).read_text().replace("${{", "")]
    assert left == []
    return folder


@pytest.mark.learning
def test_ppo_beats_random_on_a_new_plugin_in_under_a_minute(environment: Environment) -> None:
    folder = environment.sandbox("plugin", "new", "level")["folder"]
    environment.pip(*INSTALL, folder)
    run = environment.sandbox("run", "level", "--algo", "ppo")
    agents = run["evaluation"]["agents"]
    assert run["train_seconds"] < 60
    assert agents["ppo"]["mean"] < agents["random"]["mean"] / 4
    assert agents["ppo"]["mean"] < 1.2 * agents["proportional"]["mean"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Fishing", "A plugin cannot be called 'Fishing'"),
        ("../evil", "A plugin cannot be called '../evil'"),
        ("class name", "A plugin cannot be called"),
        ("traffic", "There is a domain called 'traffic' already"),
        ("gym", "There is a domain called 'gym' already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(environment: Environment, name: str, message: str) -> None:
    refused = environment.sandbox("plugin", "new", name, code=2)
    assert message in refused["error"]["message"]
    assert not list(environment.folder.glob("sandbox-*"))


def test_a_taken_name_of_an_algorithm_and_an_unknown_kind_are_refused(
    environment: Environment,
) -> None:
    taken = environment.sandbox("plugin", "new", "ppo", "--kind", "algorithm", code=2)
    assert "There is an algorithm called 'ppo' already" in taken["error"]["message"]
    odd = environment.sandbox("plugin", "new", "level", "--kind", "fishery", code=2)
    assert "There is no kind of plugin 'fishery'" in odd["error"]["message"]
    assert not list(environment.folder.glob("sandbox-*"))


def test_a_folder_that_is_there_already_is_left_alone(environment: Environment) -> None:
    (environment.folder / "sandbox-level").mkdir()
    (environment.folder / "sandbox-level" / "mine.txt").write_text("mine")
    refused = environment.sandbox("plugin", "new", "level", code=2)
    assert "is there already" in refused["error"]["message"]
    assert [path.name for path in (environment.folder / "sandbox-level").iterdir()] == ["mine.txt"]
