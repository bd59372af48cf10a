"""Every way in which a plugin can be wrong gets the sentence that helps, from the command that finds it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.contract

BROKEN = Path(__file__).parents[1] / "fixtures" / "broken"


def sandbox(*arguments: str) -> tuple[int, Any, str]:
    """Exit code, document and standard error of a command."""
    environment = {**os.environ, "SANDBOX_PLUGINS": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.cli.main", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


PLAYED = {
    "crash_in_reset": ("plays", "reset(seed=11) raised KeyError: 'map' (broken/broken_walk.py, line"),
    "nan_reward": ("reward", "step 5 after reset(seed=11): the reward is nan"),
    "few_fields": ("observation-fields", "the fields describe 2 numbers, the observation has 1"),
    "lying_mask": (
        "masks",
        "raised ValueError: there is a wall to the right (broken/broken_walk.py, line 73), though the mask "
        "allows the action",
    ),
    "non_deterministic": (
        "deterministic",
        "the same seed and actions did not give the same episode: observation, reward, reward_terms of step "
        "1 after reset(seed=11) differ",
    ),
    "dies": ("plays", "the process was killed by SIGSEGV"),
    "takes_all_memory": ("plays", "MemoryError: Unable to allocate 8.00 TiB"),
}


@pytest.mark.parametrize(("name", "check", "message"), [(name, *told) for name, told in PLAYED.items()])
def test_what_a_plugin_does_wrong_is_told_by_the_check(name: str, check: str, message: str) -> None:
    code, document, err = sandbox("plugin", "check", str(BROKEN / f"{name}.py"), "--quick", "--only", check)
    (result,) = document["checks"]
    assert (code, document["passed"], result["status"]) == (1, False, "failed"), err
    assert result["check"] == check
    assert message in result["message"]
    assert "Traceback" not in err


def test_a_plugin_that_hangs_is_stopped_and_the_check_named() -> None:
    target = str(BROKEN / "hangs.py")
    code, document, _ = sandbox("plugin", "check", target, "--only", "plays", "--time", "15")
    (result,) = document["checks"]
    assert (code, result["check"]) == (1, "plays")
    assert result["message"] == "it was not done after 15 s, the limit of the whole check"


LOADED = {
    "import_error": "ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
    "wrong_api_version": "it was written for API version 99, this is version 1",
    "duplicate_name": "the name is already taken by sandbox-rl",
}


@pytest.mark.parametrize(("name", "message"), LOADED.items())
def test_what_keeps_a_plugin_from_loading_is_told_by_check_list_and_doctor(name: str, message: str) -> None:
    target = str(BROKEN / f"{name}.py")
    code, document, _ = sandbox("plugin", "check", target)
    assert code == 2
    assert document["error"]["kind"] == "plugin"
    assert message in document["error"]["message"]
    _, listed, _ = sandbox("list", "plugins", "--plugin", target)
    (broken,) = [plugin for plugin in listed["plugins"] if plugin["status"] == "broken"]
    assert message in broken["error"]
    _, findings, _ = sandbox("doctor", "--plugin", target)
    assert any(message in scenario for scenario in findings["problems"])


def test_an_unknown_plugin_or_check_is_answered_with_the_nearest_name() -> None:
    code, document, _ = sandbox("plugin", "check", "trafic")
    assert code == 2
    assert document["error"]["hint"].startswith("Did you mean traffic?")
    code, document, _ = sandbox("plugin", "check", "traffic", "--only", "metric")
    assert (code, document["error"]["hint"]) == (2, "Did you mean metrics?")
