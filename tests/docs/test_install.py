"""The installations that the pages describe fit what is there. None of them is carried out here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD", "ENV"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def dockerfile() -> list[tuple[str, str]]:
    """Instructions and their arguments, in order."""
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [
        (line.split()[0], line.partition(" ")[2])
        for line in lines
        if line.strip() and not line.startswith("#")
    ]


def test_the_dockerfile_has_known_instructions_and_drops_root_before_it_runs() -> None:
    names = [name for name, _ in dockerfile()]
    assert set(names) <= INSTRUCTIONS
    assert names[0] == "FROM"
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert ("ENTRYPOINT", '["sandbox"]') in dockerfile()
    assert "sandbox" in PROJECT["scripts"]


def test_the_image_has_a_python_that_the_project_supports() -> None:
    version = re.fullmatch(r"python:(\d+)\.(\d+)-slim", dict(dockerfile())["FROM"])
    lowest = re.fullmatch(r">=(\d+)\.(\d+)", PROJECT["requires-python"])
    assert version is not None
    assert lowest is not None
    assert tuple(map(int, version.groups())) >= tuple(map(int, lowest.groups()))


def test_every_extra_and_file_of_an_installation_is_there() -> None:
    texts = [(ROOT / "Dockerfile").read_text()]
    texts += [page.read_text() for page in (ROOT / "README.md", ROOT / "docs" / "how-to" / "install.md")]
    extras = {
        extra for text in texts for group in re.findall(r"\.\[([\w,]+)\]", text) for extra in group.split(",")
    }
    assert {"all", "dev", "traffic"} <= extras
    assert extras <= set(PROJECT["optional-dependencies"])
    assert all("constraints.txt" in text for text in texts)
    assert (ROOT / "constraints.txt").is_file()


def test_what_training_leaves_behind_does_not_go_into_the_image() -> None:
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "runs", "datasets"} <= set(left_out)
    needed = {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "sandbox", "plugins", "scenarios"}
    assert not needed & set(left_out)
