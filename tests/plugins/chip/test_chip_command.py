"""A design from a file to a table through the command line, with figures worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DESIGN = {
    "c.block": "Outline: 100 100\nNumBlocks: 2\nNumTerminals: 2\na 20 20\nb 10 10\n"
    "p terminal 0 10\nq terminal 100 15\n",
    "c.nets": "NumNets : 3\nNetDegree : 2\np\na\nNetDegree : 2\na\nb\nNetDegree : 2\nb\nq\n",
}
"""A chain from a pad at (0, 10) over two blocks to a pad at (100, 15)."""


def sandbox(*arguments: str, code: int = 0) -> Any:
    """The JSON document of a command."""
    command = [sys.executable, "-m", "sandbox.cli.main", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def write(folder: Path) -> Path:
    for name, text in DESIGN.items():
        (folder / name).write_text(text)
    return folder / "c.block"


def test_placers_on_a_file_are_measured_by_the_formulas(tmp_path: Path) -> None:
    options = ("--set", f"netlist={write(tmp_path)}", "--set", "grid=10", "--set", "metric=hpwl")
    document = sandbox("eval", "greedy", "rebuild", "--scenario", "chip", *options, "--episodes", "1")
    for name in ("greedy", "rebuild"):
        agent = document["evaluation"]["agents"][name]
        metrics = agent["metrics"]
        # a's centre is at (10, 10), 10 from its pad; from there it is 90 + 5 to the other, with b between.
        assert metrics["hpwl"] == agent["mean"] == 105
        assert metrics["wirelength"] == pytest.approx(105 / (3 * 200))
        # Five of a hundred cells are full; the densest tenth are ten.
        assert metrics["density"] == pytest.approx(0.5 * 5 / 10)
        assert (metrics["overlap"], metrics["placed"]) == (0, 1)
        assert agent["return"] == pytest.approx(-10 * metrics["wirelength"])


def test_a_grid_on_which_the_design_does_not_fit_is_refused_with_one_that_does(tmp_path: Path) -> None:
    # Blocks of 60 and 50 on a canvas of 100 need whole cells beside each other: 0.6 g and 0.5 g rounded up.
    write(tmp_path)
    wide = DESIGN["c.block"].replace("a 20 20", "a 50 100").replace("b 10 10", "b 49 100")
    (tmp_path / "c.block").write_text(wide)
    options = ("--set", f"netlist={tmp_path / 'c.block'}", "--set", "grid=5")
    document = sandbox("eval", "greedy", "--scenario", "chip", *options, code=2)
    assert "cannot be packed on a grid of 5" in document["error"]["message"]
    # Of five cells they take three each; of six three each as well, which are six.
    assert "grid=6" in document["error"]["hint"]


def test_a_policy_for_another_grid_is_refused_with_what_differs(tmp_path: Path) -> None:
    changes = [
        "--set",
        "grid=8",
        "--set",
        "macros_min=3",
        "--set",
        "macros_max=3",
        "--set",
        "utilisation_max=0.4",
    ]
    options = (
        "--algo",
        "ppo",
        "--steps",
        "32",
        "--hp",
        "n_steps=8",
        "--hp",
        "batch_size=16",
        "--num-envs",
        "2",
    )
    trained = sandbox("train", "chip", *options, *changes, "--runs-dir", str(tmp_path))
    document = sandbox("eval", trained["run_dir"], "--scenario", "chip", "--episodes", "1", code=2)
    assert "was trained on other actions than those of chip/small" in document["error"]["message"]
    assert "64 choices" in document["error"]["message"]
