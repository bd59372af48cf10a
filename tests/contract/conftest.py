"""An environment of a test's own, in which distributions of third parties are installed and removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees the packages of the present one."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "env" / "bin" / "python")

    def pip(self, *arguments: str) -> str:
        """Run pip on it, without network."""
        return self._run(
            [sys.executable, "-m", "pip", "--python", self.python, *arguments, "--disable-pip-version-check"]
        )

    def sandbox(self, *arguments: str, code: int = 0) -> Any:
        """The JSON document of a command."""
        command = [self.python, "-m", "sandbox.cli.main", *arguments, "--json"]
        return json.loads(self._run(command, code))

    def _run(self, command: list[str], code: int = 0) -> str:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SANDBOX_PLUGINS": "", "PIP_NO_INPUT": "1"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A fresh environment; nothing that is installed into it outlives the test."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    # Folders that hold packages or their metadata, and those that .pth files put on the path.
    seen = [entry for entry in sys.path if entry and Path(entry).is_dir() and "site-packages" in entry]
    here = str(Path(__file__).parents[2])
    (site / "present.pth").write_text("\n".join([*seen, here, str(Path(here) / "plugins")]) + "\n")
    return Environment(tmp_path)
