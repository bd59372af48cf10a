"""A policy's folder holds no pickle, and no change to it goes unnoticed."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sandbox.api import DamagedRunError, MisfitError, StorageError
from sandbox.backends.policy_files import misfit, read_policy, require_fit, write_policy

TENSORS = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.tensor([0.1, -0.2])}
NORMALISER = {"mean": np.array([1.5, 2.5]), "var": np.array([0.1, 1e-30]), "count": np.array(17.0)}
DOCUMENT = {"algorithm": "ppo", "kwargs": {"net_arch": [64, 64], "x": 0.1}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_policy(tmp_path / "policy", DOCUMENT, TENSORS, NORMALISER)
    return tmp_path / "policy"


def rewrite(folder: Path, change: Any) -> None:
    """Change ``policy.json`` as someone would who knows how its sum is made."""
    path = folder / "policy.json"
    document = json.loads(path.read_text())
    change(document)
    sums = document["sha256"]
    sums.pop("policy.json")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    sums["policy.json"] = hashlib.sha256(canonical.encode()).hexdigest()
    path.write_text(json.dumps(document, indent=2) + "\n")


def test_what_is_written_is_read_back_bit_for_bit(folder: Path) -> None:
    files = read_policy(folder)
    assert files.document == {**DOCUMENT, "format": 1}
    assert set(files.tensors) == set(TENSORS)
    assert all(torch.equal(files.tensors[name], TENSORS[name]) for name in TENSORS)
    assert files.normaliser is not None
    for name, array in NORMALISER.items():
        np.testing.assert_array_equal(files.normaliser[name], array)
        assert files.normaliser[name].dtype == array.dtype


def test_only_the_three_files_are_left_behind(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "normaliser.npz",
        "policy.json",
        "weights.safetensors",
    ]


def test_a_policy_without_normaliser_replaces_one_with(folder: Path) -> None:
    write_policy(folder, DOCUMENT, TENSORS)
    assert read_policy(folder).normaliser is None
    assert not (folder / "normaliser.npz").exists()


def test_tensors_that_share_memory_are_saved(tmp_path: Path) -> None:
    shared = torch.ones(3)
    write_policy(tmp_path, DOCUMENT, {"a": shared, "b": shared[:2]})
    assert read_policy(tmp_path).tensors["b"].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["policy.json", "weights.safetensors", "normaliser.npz"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DamagedRunError, match=f"{name} is damaged: it is missing"):
        read_policy(folder)


@pytest.mark.parametrize("name", ["policy.json", "weights.safetensors", "normaliser.npz"])
def test_every_flipped_bit_and_every_truncation_is_detected(folder: Path, name: str) -> None:
    path = folder / name
    original = path.read_bytes()
    wanted = read_policy(folder)
    for position in range(len(original)):
        damaged = bytearray(original)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(bytes(damaged))
        try:
            files = read_policy(folder)
        except DamagedRunError:
            continue
        # JSON may be laid out differently and still say the same.
        assert name == "policy.json"
        assert files.document == wanted.document
    for length in range(0, len(original) - 1, 7):
        path.write_bytes(original[:length])
        with pytest.raises(DamagedRunError):
            read_policy(folder)


def test_a_reformatted_document_is_refused(folder: Path) -> None:
    path = folder / "policy.json"
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    with pytest.raises(DamagedRunError, match="laid out differently"):
        read_policy(folder)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    rewrite(folder, lambda document: document.update(format=2))
    with pytest.raises(DamagedRunError, match="format 2, which is newer") as error:
        read_policy(folder)
    assert "pip install" in error.value.hint


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"format": "1"}', '{"format": 1}', '{"format": 1, "sha256": 3}', "[" * 10**5],
)
def test_a_document_that_is_no_policy_is_refused(folder: Path, text: str) -> None:
    (folder / "policy.json").write_text(text)
    with pytest.raises(DamagedRunError):
        read_policy(folder)


def test_a_document_that_names_no_algorithm_is_refused(folder: Path) -> None:
    rewrite(folder, lambda document: document.pop("algorithm"))
    with pytest.raises(DamagedRunError, match="names no algorithm"):
        read_policy(folder)


def test_sums_of_files_elsewhere_are_refused(folder: Path) -> None:
    rewrite(folder, lambda document: document["sha256"].update({"../other": "0"}))
    with pytest.raises(DamagedRunError, match="its sums are missing"):
        read_policy(folder)


def test_a_pickle_inside_the_normaliser_is_not_run(folder: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, mean=np.array([print], dtype=object))
    (folder / "normaliser.npz").write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    rewrite(folder, lambda document: document["sha256"].update({"normaliser.npz": digest}))
    with pytest.raises(DamagedRunError, match="holds no plain arrays"):
        read_policy(folder)


@pytest.mark.parametrize("data", [b"", b"not safetensors", b"\x80\x04K\x01.", b"\xff" * 64])
def test_weights_that_are_no_safetensors_are_refused(folder: Path, data: bytes) -> None:
    (folder / "weights.safetensors").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    rewrite(folder, lambda document: document["sha256"].update({"weights.safetensors": digest}))
    with pytest.raises(DamagedRunError, match="not a safetensors file"):
        read_policy(folder)


def test_a_folder_in_the_way_is_reported(tmp_path: Path) -> None:
    (tmp_path / "policy.json").mkdir()
    with pytest.raises(DamagedRunError, match="cannot be read"):
        read_policy(tmp_path)
    with pytest.raises(StorageError, match="Cannot write to"):
        write_policy(tmp_path, DOCUMENT, TENSORS)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(
    "document", [{}, {"algorithm": "ppo", "format": 1}, {"algorithm": "a", "x": float("nan")}]
)
def test_a_document_that_could_not_be_read_back_is_not_written(tmp_path: Path, document: Any) -> None:
    with pytest.raises(ValueError, match=r"algorithm|reserved|JSON"):
        write_policy(tmp_path, document, TENSORS)
    assert not list(tmp_path.iterdir())


def test_objects_are_not_written_into_the_normaliser(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Python objects"):
        write_policy(tmp_path, DOCUMENT, TENSORS, {"mean": np.array([None])})


def test_a_misfit_names_the_layers_with_both_shapes() -> None:
    expected = {"a.weight": (64, 4), "a.bias": (64,), "b.weight": (2, 64), "scale": ()}
    given = {"a.weight": (64, 6), "a.bias": (64,), "c.weight": (1, 64), "scale": (1,)}
    assert misfit(expected, given) == [
        "a.weight: 64 × 4 is needed, 64 × 6 is given",
        "b.weight: 2 × 64 is needed, but the saved policy has no such layer",
        "scale: a single number is needed, 1 is given",
        "c.weight: 1 × 64 is given, but there is no such layer here",
    ]
    assert misfit(expected, expected) == []
    require_fit(expected, expected, Path("run"))
    with pytest.raises(MisfitError, match=r"policy in run does not fit.*64 × 4 is needed, 64 × 6 is given"):
        require_fit(expected, given, Path("run"))
