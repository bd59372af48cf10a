"""An extension of a distribution that is installed: nothing is named on the command line but its term."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOYS = Path(__file__).parents[2] / "toys"
METADATA = "Metadata-Version: 2.1\nName: shelf-extras\nVersion: 2.5\n"
ENTRY_POINT = "[sandbox.extensions]\nshelf-extras = shelf_extras:shelf_extras\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages, with the distribution shelf-extras in it."""
    folder = tmp_path / "site"
    info = folder / "shelf_extras-2.5.dist-info"
    info.mkdir(parents=True)
    (folder / "shelf_extras").mkdir()
    shutil.copy(TOYS / "extras.py", folder / "shelf_extras" / "__init__.py")
    shutil.copy(TOYS / "extras_code.py", folder / "shelf_extras" / "extras_code.py")
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINT)
    (info / "RECORD").write_text("shelf_extras/__init__.py,,\n")
    return folder


def told(site: Path | None, *arguments: str) -> Any:
    """The JSON document of a command, in a process that finds the packages of ``site``."""
    path = os.pathsep.join(filter(None, [site and str(site), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "SANDBOX_PLUGINS": str(TOYS / "plugin.py"), "PYTHONPATH": path}
    command = [sys.executable, "-m", "sandbox.cli.main", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_installed_extension_is_listed_with_its_distribution_and_adds_its_terms(site: Path) -> None:
    (listed,) = [each for each in told(site, "list", "plugins")["plugins"] if each["name"] == "shelf-extras"]
    assert (listed["distribution"], listed["version"], listed["status"]) == ("shelf-extras", "2.5", "ok")
    terms, without = (
        {term["name"] for term in told(packages, "info", "toy/shelf")["reward"]["terms"]}
        for packages in (site, None)
    )
    assert terms - without == {"crowded", "missed"}


def test_what_an_installed_extension_adds_is_part_of_an_evaluation(site: Path) -> None:
    evaluated = told(
        site, "eval", "random", "--scenario", "toy/shelf", "--episodes", "2", "--reward", "missed=-1"
    )
    (agent,) = evaluated["evaluation"]["agents"].values()
    assert "missed" in agent["reward_terms"]
