"""The page of a runs directory keeps its address, in the user's state folder and not beside the runs."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from sandbox.ui.address import PageAddress, _file, keep_address, kept_address
from sandbox.ui.server import _listen


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_the_address_of_a_runs_directory_is_kept_and_no_other_has_it(tmp_path: Path) -> None:
    first = PageAddress(kept_address(tmp_path / "runs").token, 40_123)
    keep_address(tmp_path / "runs", first)
    assert kept_address(tmp_path / "runs") == first
    assert kept_address(tmp_path / "other").token != first.token
    assert not (tmp_path / "runs").exists(), "a runs directory may come from a stranger"
    assert stat.S_IMODE(_file(tmp_path / "runs").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", '{"token": "short", "port": 1}', '{"token": 3}'])
def test_what_is_damaged_gives_a_new_token(tmp_path: Path, content: str) -> None:
    keep_address(tmp_path, PageAddress("x" * 43, 40_123))
    _file(tmp_path).write_text(content)
    address = kept_address(tmp_path)
    assert len(address.token) == 43
    assert address.port == 0


def test_a_port_that_is_taken_is_not_insisted_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        last = taken.getsockname()[1]
        with _listen("127.0.0.1", 0, last) as other:
            assert other.getsockname()[1] != last
