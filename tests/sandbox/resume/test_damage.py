"""Every changed, lost or added byte of a run directory is noticed by whoever reads it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from stopping import Heard, interrupted

from sandbox.api.errors import DamagedRunError
from sandbox.runs.checksums import read_artifact
from sandbox.runs.directory import Run, progress
from sandbox.runs.verify import find_damages
from sandbox.workflow import resume, run

FLIPS, CUTS = 12, 4
"""Changed bytes and truncations tried of each file; `python -m benchmarks.damage` tries many more."""

SETTINGS = {
    "steps": 256,
    "num_envs": 4,
    "hp": {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "normalize_observation": True},
    "changes": ["evaluation.validations=3", "evaluation.validation_episodes=1"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A finished run and one that stopped with a checkpoint."""
    from sandbox.registry.discover import registry

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_PLUGINS", str(Path(__file__).parents[2] / "toys" / "plugin.py"))
        registry.cache_clear()
        root = tmp_path_factory.mktemp("runs")
        done, _ = run("toy/regulator", "ppo", runs_dir=root / "done", episodes=2, **SETTINGS)
        stopped = interrupted(root, "toy/regulator", "ppo", at=2, **SETTINGS)
        yield done.path, stopped
    registry.cache_clear()


def test_an_untouched_run_has_no_damages(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        assert find_damages(folder) == []


def test_every_changed_byte_and_every_truncation_is_noticed(folders: tuple[Path, Path]) -> None:
    tried = 0
    for folder in folders:
        for path in artifacts(folder):
            original = path.read_bytes()
            for content in damaged(original, random.Random(path.name)):
                path.write_bytes(content)
                found = find_damages(folder)
                assert found, (
                    f"{path.relative_to(folder)}: {len(content)} of {len(original)} bytes, unnoticed"
                )
                tried += 1
            path.write_bytes(original)
        assert find_damages(folder) == []
    assert tried > 200
    print(f"{tried} damaged files, all noticed")


def test_readers_refuse_what_is_damaged(folders: tuple[Path, Path]) -> None:
    done = folders[0]
    for name, read in (
        ("run.json", lambda: Run.open(done)),
        ("progress.jsonl", lambda: progress(Run.open(done))),
        ("evaluation.json", lambda: read_artifact(done, "evaluation.json")),
        ("episodes.parquet", lambda: read_artifact(done, "episodes.parquet")),
        ("policy/weights.safetensors", lambda: Run.open(done).policy),
        ("policy/policy.json", lambda: Run.open(done).policy),
    ):
        path = done / name
        original = path.read_bytes()
        middle = len(original) // 2
        path.write_bytes(original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :])
        with pytest.raises(DamagedRunError):
            read()
        path.write_bytes(original)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(toys: None, tmp_path: Path) -> None:
    path = interrupted(tmp_path, "toy/regulator", "ppo", at=2, **SETTINGS)
    older, newer = sorted((path / "checkpoints").iterdir())
    state = newer / "state" / "sb3.npz"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 4
    state.unlink()  # the older checkpoint may share it
    state.write_bytes(content)
    listener = Heard()
    resumed = resume(path, progress=listener)
    assert any(newer.name in text and "sb3.npz is not what was written" in text for text in listener.messages)
    assert resumed.record.resumed[0].steps == int(older.name)
    assert resumed.status == "done"


def artifacts(folder: Path) -> list[Path]:
    """Every file that something is read from; the lock and the report page are not such.

    The event files of a run that was killed have no sum here: TensorBoard's reader checks its own.
    """
    ended = Run.open(folder).record.status == "done"
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in (".lock", "report.html")
        and (ended or path.parent.name != "tensorboard")
    )


def damaged(original: bytes, draw: random.Random) -> Iterator[bytes]:
    """Copies with one byte changed, or cut short."""
    places = draw.sample(range(len(original)), min(FLIPS, len(original)))
    for place in {0, len(original) - 1, *places}:
        changed = (original[place] + draw.randrange(1, 256)) % 256
        yield original[:place] + bytes([changed]) + original[place + 1 :]
    for length in {0, len(original) - 1, *draw.sample(range(len(original)), min(CUTS, len(original)))}:
        yield original[:length]
