"""Pictures, the replay, and a whole command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sandbox.api.replay import read_replay
from sandbox.outputs.render import render
from sandbox_diffusion.pictures import tiled

SMALL = ["config.images=4", "config.steps=4", "evaluation.config={}"]


@pytest.mark.parametrize("view", ["samples", "steps"])
@pytest.mark.parametrize("scenario", ["diffusion/eight", "diffusion/eight-image"])
def test_views_are_drawn(view: str, scenario: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    changes = SMALL if scenario == "diffusion/eight" else ["config.steps=4"]
    path = tmp_path / "view.png"
    render(["pretrained", "random"], scenario, changes=changes, view=view, out=path)
    width, height = Image.open(path).size
    assert width > 300
    assert height > 100


def test_a_replay_shows_every_step(tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    render(["pretrained"], "diffusion/eight", changes=SMALL, view="replay", out=path)
    (episode,) = read_replay(path).episodes
    assert episode.frames == 5
    assert {series.name for series in episode.series} >= {"goal", "diversity", "reward"}


def test_images_are_tiled_row_by_row() -> None:
    images = np.stack([np.full((1, 2, 2), value) for value in (0.0, 1.0, 0.5)])
    picture = tiled(images, columns=2, cell=3, gap=1)
    assert picture.shape == (15, 15, 3)
    assert picture[1, 1].tolist() == [0, 0, 0]
    assert picture[6, 13].tolist() == [255, 255, 255]
    assert picture[8, 1].tolist() == [128, 128, 128]
    assert picture[8, 8].tolist() == [110, 110, 110]


def test_the_plugin_is_cheap_to_import() -> None:
    code = "import sys, sandbox_diffusion.plugin; print({'torch', 'numpy', 'sklearn'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_a_whole_run_from_the_command_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sandbox.cli.main",
        "run",
        "diffusion/eight",
        "--algo",
        "ddpo-is",
        "--json",
    ]
    command += ["--steps", "640", "--num-envs", "2", "--episodes", "2", "--runs-dir", str(tmp_path)]
    for change in ("config.images=16", "config.steps=5", "evaluation.config={}", "evaluation.validations=1"):
        command += ["--set", change]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "frechet" in json.dumps(json.loads(shown.stdout))
