"""Environments of Gymnasium and PettingZoo by name: trained, evaluated, filmed, stopped and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sandbox.api.replay.files import read_replay

EXTERNAL = Path(__file__).parents[1] / "sandbox" / "external"
PPO = ("--algo", "ppo", "--steps", 64, "--num-envs", 2, "--hp", "n_steps=16", "--hp", "batch_size=16")


@pytest.fixture
def garden(tmp_path):
    """Modules in the working directory, as an author has them."""
    for name in ("garden.py", "meadow.py"):
        shutil.copy(EXTERNAL / name, tmp_path / name)


def test_a_registered_environment_is_run_resumed_and_evaluated(sandbox):
    done = sandbox("run", "gym:CartPole-v1", *PPO, "--episodes", 3, "--json", "-q")
    assert done.code == 0, done.err
    agents = done.document["evaluation"]["agents"]
    assert {"ppo", "random"} <= set(agents)
    run = done.document["run_dir"]
    record = json.loads((Path(run) / "run.json").read_text())
    assert record["scenario_id"] == "gym/cartpole-v1"
    assert record["metric"]["name"] == "return"
    assert sandbox("resume", run, "-q").code == 0
    assert sandbox("eval", run, "random", "--episodes", 2, "-q").code == 0


@pytest.mark.parametrize("view", ["episode", "replay"])
def test_what_an_environment_renders_is_filmed_and_replayed(sandbox, garden, tmp_path, view):
    out = "film.gif" if view == "episode" else "replay.json"
    options = ("--scenario", "gym:garden:Picture", "--view", view, "--out", out, "-q")
    shown = sandbox("render", "random", *options)
    assert shown.code == 0, shown.err
    if view == "replay":
        assert len(read_replay(tmp_path / out).episodes[0].pictures.images) == 5  # the first, and one a step
    assert (tmp_path / out).stat().st_size > 100


def test_a_module_in_the_working_directory_and_a_wrapper_are_named_on_the_command_line(sandbox, garden):
    done = sandbox("run", "gym:garden:Far", "--wrap", "garden:shifted", *PPO, "--episodes", 2, "--json", "-q")
    assert done.code == 0, done.err
    # Random plays allowed actions only, each worth 1, and the wrapper takes 1 from each of ten rewards.
    assert done.document["evaluation"]["agents"]["random"]["mean"] == 0
    info = sandbox("info", "gym:garden:Far", "--wrap", "garden:shifted", "--json").document
    assert info["masks"]
    assert [metric["name"] for metric in info["metrics"]] == ["return", "length"]


def test_sheep_of_pettingzoo_share_a_policy(sandbox, garden):
    done = sandbox("run", "pettingzoo:meadow", *PPO, "--episodes", 2, "--json", "-q")
    assert done.code == 0, done.err
    assert set(done.document["evaluation"]["agents"]) >= {"ppo", "random"}


def test_no_file_chooses_a_module_until_the_user_allows_it(sandbox, garden, tmp_path, monkeypatch):
    folder = tmp_path / "scenarios" / "gym"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(
        "title: Mine\ntask: gym/env\nmetric: return\nconfig:\n  id: garden:Parts\n"
    )
    refused = sandbox("info", "gym/mine")
    assert refused.code == 2
    assert "no file may have the module garden imported" in refused.words
    assert "--allow garden" in refused.words
    monkeypatch.setenv("SANDBOX_PLUGINS", "")
    allowed = sandbox("--allow", "garden", "info", "gym/mine", "--json")
    assert allowed.code == 0, allowed.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gym:CartPol-v1", "Unknown environment of Gymnasium 'CartPol-v1'"),
        ("gym:garden:Mixed", "neither all choices nor all numbers"),
        ("gym:nowhere:Thing", "nowhere"),
        ("pettingzoo:nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_made_exits_with_2_and_one_sentence(sandbox, garden, name, message):
    refused = sandbox("train", name, "--algo", "ppo", "-q")
    assert refused.code == 2
    assert message in refused.words
    assert "Traceback" not in refused.err
