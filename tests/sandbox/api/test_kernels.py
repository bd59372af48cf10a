"""Compiled functions that are kept on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")


def test_a_change_in_another_file_of_the_package_compiles_again(tmp_path: Path) -> None:
    package = tmp_path / "doubled"
    package.mkdir()
    (package / "__init__.py").write_text("")
    head = "from sandbox.api.kernels import compiled\n"
    (package / "factor.py").write_text(head + "@compiled\ndef factor(x):\n    return 2.0 * x\n")
    (package / "main.py").write_text(
        head + "from doubled.factor import factor\n@compiled\ndef total(x):\n    return factor(x) + 1.0\n"
    )

    def total() -> tuple[float, int]:
        code = "from doubled.main import total; print(total(3.0), sum(total.stats.cache_hits.values()))"
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
        )
        value, hits = done.stdout.split()
        return float(value), int(hits)

    assert total() == (7.0, 0)
    assert total() == (7.0, 1)
    (package / "factor.py").write_text(head + "@compiled\ndef factor(x):\n    return 10.0 * x\n")
    assert total() == (31.0, 0)
    assert total() == (31.0, 1)
