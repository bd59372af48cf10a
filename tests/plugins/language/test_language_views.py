"""Pictures of texts, the replay, standard PPO on tokens, and a whole command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox
from sandbox.api.replay import read_replay
from sandbox.outputs.render import render
from sandbox.scenarios.resolve import load_scenario

SMALL = ["config.texts=3", "config.tokens=6", "evaluation.config={}"]


def test_texts_are_shown_with_what_they_are_worth(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    path = tmp_path / "texts.png"
    render(["pretrained", "best-of-8"], "language/reviews", changes=SMALL, view="texts", out=path)
    width, height = Image.open(path).size
    assert width == 1140
    assert height > 200


def test_a_replay_shows_the_texts_after_every_token(tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    render(["pretrained"], "language/reviews", changes=SMALL, view="replay", out=path)
    (episode,) = read_replay(path).episodes
    assert 2 <= episode.frames <= 7
    assert [column.name for column in episode.texts] == ["text 1", "text 2", "text 3"]
    first, last = episode.texts[0].values[0], episode.texts[0].values[-1]
    assert len(first.split()) == 2
    assert last.startswith(first)
    assert {series.name for series in episode.series} >= {"reward", "KL so far"}


def test_the_plugin_is_cheap_to_import() -> None:
    code = "import sys, sandbox_language.plugin; print({'torch', 'numpy', 'transformers'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_standard_ppo_trains_on_tokens(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    changes = ["config.tokens=4", "evaluation.validations=0"]
    scenario = load_scenario("language/review", changes)
    hp = {"n_steps": 8, "batch_size": 16}
    run = sandbox.train(scenario, "ppo", steps=32, num_envs=2, hp=hp, runs_dir=tmp_path)
    assert run.policy_folder("final").exists()


def test_a_whole_run_from_the_command_line(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "sandbox.cli.main", "run", "language/reviews", "--algo", "grpo",
        "--steps", "200",
        "--num-envs", "2", "--runs-dir", str(tmp_path), "--json",
    ]  # fmt: skip
    for change in (*SMALL, "evaluation.episodes=2", "evaluation.validations=0"):
        command += ["--set", change]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert {"true_reward", "best-of-8", "grpo"} <= {*json.dumps(json.loads(shown.stdout)).split('"')}
