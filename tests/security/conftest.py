"""The command line, called in this process, as the tests of the command line call it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from calls import Outcome

from sandbox.cli.main import main
from sandbox.registry.discover import registry

TOYS = Path(__file__).parents[1] / "toys" / "plugin.py"


@pytest.fixture
def sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Outcome]]:
    """Calls ``sandbox`` in an empty working directory, the toy plugin loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    monkeypatch.delenv("SANDBOX_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    registry.cache_clear()

    def call(*argv: object) -> Outcome:
        code = main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    yield call
    registry.cache_clear()
