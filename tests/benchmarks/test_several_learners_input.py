"""Wrong input to the benchmark of several learners: one sentence, exit code 2, and nothing played."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import several_learners


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--agents", "ppo,mapo"], "No agent is called mapo. There are: "),
        (["--agents", "ppo", "--episodes", "0"], "'evaluation.episodes' is 0"),
    ],
)
def test_wrong_input_is_one_sentence(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        several_learners.main(["beer-game", *arguments, "--seeds", "1", "--runs-dir", str(tmp_path / "runs")])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.jsonl"))
