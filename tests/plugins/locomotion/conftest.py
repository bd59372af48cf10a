"""Fixtures of the locomotion tests."""

import pytest


@pytest.fixture
def in_empty_folder(tmp_path, monkeypatch):
    """The working directory is a new, empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
