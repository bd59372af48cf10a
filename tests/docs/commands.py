"""The commands that README, docs and the plugins' pages show, and their short forms."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
FENCE = re.compile(r"^(`{3,})(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\[OPTIONS\]|\.\.\.|^[A-Z]+$")


@dataclass(frozen=True)
class Shown:
    """A command of a page.

    Attributes:
        page: The first page that shows it.
        words: The command without ``sandbox`` and without its comment.
    """

    page: Path
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)

    def option(self, name: str) -> str | None:
        """Value of an option; None where it is not given."""
        values = self.options(name)
        return values[-1] if values else None

    def options(self, name: str) -> list[str]:
        """All values of an option."""
        return [self.words[at + 1] for at, word in enumerate(self.words[:-1]) if word == name]


def shown_commands() -> list[Shown]:
    """Every ``sandbox …`` line of a block of code, once; generated usage lines are left out."""
    found: dict[tuple[str, ...], Shown] = {}
    for page in PAGES:
        for _, _, title, content in FENCE.findall(page.read_text()):
            if title:
                continue
            for line in content.replace("\\\n", " ").splitlines():
                if re.match(r"\s*sandbox \S", line) and "[OPTIONS]" not in line:
                    words = tuple(shlex.split(line, comments=True)[1:])
                    found.setdefault(words, Shown(page, words))
    return list(found.values())


SENTENCE = re.compile(r"(?<!`)`sandbox ([^`]+)`(?!`)")


def sentence_commands() -> list[Shown]:
    """Every whole command in a sentence, once, with numbers for N and SEED."""
    known: dict[tuple[str, ...], Shown] = {}
    for page in PAGES:
        for text in SENTENCE.findall(FENCE.sub("", page.read_text())):
            words = tuple("1" if word in ("N", "SEED") else word for word in shlex.split(text))
            named = "--set" in words or "--scenario" in words or "--algo" in words
            if named and not any("…" in word or word.endswith("/ROBOT") for word in words):
                known.setdefault(words, Shown(page, words))
    return list(known.values())


COMMANDS = shown_commands()
SENTENCES = sentence_commands()
