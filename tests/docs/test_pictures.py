"""The first page shows a picture of every domain, small, and made by a command that is one."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from commands import ROOT, Shown
from PIL import Image
from test_commands import test_a_shown_command_has_the_options_that_it_names as has_its_options
from test_commands import test_a_shown_command_names_what_there_is as names_what_there_is

from docs.pictures import COMMANDS, FOLDER, LARGEST, small
from sandbox.registry.discover import registry


def test_every_domain_has_a_picture_on_the_first_page() -> None:
    known = registry().domains
    shipped = {name for name in known.names() if known.source(name).distribution == "sandbox-rl"}
    assert set(COMMANDS) == shipped
    readme = (ROOT / "README.md").read_text()
    for domain in shipped:
        assert f"](docs/images/domains/{domain}.png)" in readme


@pytest.mark.parametrize("domain", COMMANDS)
def test_a_picture_is_small_and_made_by_a_command_that_is_one(
    domain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = FOLDER / f"{domain}.png"
    assert 2_000 < file.stat().st_size < LARGEST
    with Image.open(file) as picture:
        assert min(picture.size) >= 120
    monkeypatch.chdir(tmp_path)
    shown = Shown(ROOT / "README.md", tuple(shlex.split(COMMANDS[domain].format("x.png"))[1:]))
    has_its_options(shown)
    names_what_there_is(shown)


def test_a_large_picture_is_made_small() -> None:
    import io

    import numpy as np

    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), np.uint8)
    sink = io.BytesIO()
    Image.fromarray(noise).save(sink, "PNG")
    assert len(small(sink.getvalue())) < LARGEST
