"""What small files unpack to, and what other files they name: bounded, and within the folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calls import Outcome

from sandbox.api.errors import BrokenFileError, DamagedRunError, InvalidValueError, UnknownNameError
from sandbox.api.files import open_regular, read_regular, stored_arrays
from sandbox.api.state import read_state
from sandbox.backends.policy_files import read_policy, write_policy
from sandbox.scenarios.resolve import from_record, load_scenario

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux does")

MB = 2**20


@pytest.fixture
def memory() -> Callable[[], float]:
    """Megabytes by which the most memory that this process ever had has grown."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return lambda: (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def bomb_of(megabytes: int) -> bytes:
    """An archive of one array of zeros, compressed; made without having it in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("mean.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (megabytes * MB,)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(megabytes):
            file.write(bytes(MB))
    return buffer.getvalue()


def lying_npz(shape: tuple[int, ...]) -> bytes:
    """An archive with one array whose header states more than follows."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": shape})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mean.npy", head.getvalue() + b"\0" * 64)
    return buffer.getvalue()


BOMBS = {
    "compressed": (bomb_of(400), "compressed"),
    "more stated than there is": (lying_npz((10**9,)), "another size"),
    "more stated than any memory": (lying_npz((2**40, 2**40)), "another size"),
    "objects": (npz(mean=np.array([None])), "objects"),
    "no archive": (b"PK\x03\x04 or not", "no arrays"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_arrays_take_no_more_memory_than_their_file_has_bytes(bomb: str, memory: Callable[[], float]) -> None:
    content, reason = BOMBS[bomb]
    with pytest.raises(ValueError, match=reason):
        list(stored_arrays(io.BytesIO(content)))
    assert memory() < 50


def test_arrays_come_back_as_they_were() -> None:
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.array(7),
        "c": np.zeros((0, 4), bool),
        "d": np.array("é"),
    }
    read = dict(stored_arrays(io.BytesIO(npz(**arrays))))
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


@pytest.mark.parametrize("name", ["normaliser.npz", "training.npz"])
def test_a_compressed_array_in_a_policy_or_a_checkpoint_is_refused(
    name: str, tmp_path: Path, memory: Callable[[], float]
) -> None:
    write_policy(tmp_path, {"algorithm": "ppo"}, {"w": torch.zeros(2)}, {"mean": np.zeros(2)})
    (tmp_path / name).write_bytes(BOMBS["compressed"][0])
    if name == "normaliser.npz":
        document = json.loads((tmp_path / "policy.json").read_text())
        document["sha256"][name] = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        sums = {key: value for key, value in document["sha256"].items() if key != "policy.json"}
        canonical = json.dumps({**document, "sha256": sums}, sort_keys=True, separators=(",", ":"))
        document["sha256"]["policy.json"] = hashlib.sha256(canonical.encode()).hexdigest()
        (tmp_path / "policy.json").write_text(json.dumps(document, indent=2) + "\n")
    else:
        (tmp_path / "training.json").write_text("{}")
    with pytest.raises(DamagedRunError, match="compressed"):
        read_policy(tmp_path) if name == "normaliser.npz" else read_state(tmp_path, "training")
    assert memory() < 50


@pytest.mark.parametrize("name", ["weights.safetensors", "normaliser.npz", "policy.json"])
def test_an_endless_or_huge_file_of_a_policy_is_refused(name: str, tmp_path: Path) -> None:
    write_policy(tmp_path, {"algorithm": "ppo"}, {"w": torch.zeros(2)}, {"mean": np.zeros(2)})
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DamagedRunError, match="not a regular file"):
        read_policy(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(DamagedRunError, match="not a regular file"):
        read_policy(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 2**36)
    with pytest.raises(DamagedRunError, match="larger than"):
        read_policy(tmp_path)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(OSError, match="not a regular file"):
            open_regular(tmp_path / name)
    assert read_regular(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError, match="it is a link"):
        read_regular(tmp_path / "link", 5, links=False)
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "file", 4)


NET = "<net><edge id='a' from='n' to='m'><lane id='a_0' index='0' speed='13.9' length='100'/></edge></net>"
ROUTES = "<routes><trip id='t' depart='1' from='a' to='a'/></routes>"
SUITE = (
    "title: t\nagents: [ppo]\nseeds: 1\nsteps: 64\nscenarios:\n  - {{id: traffic, set: {{{key}: {value}}}}}\n"
)


@pytest.mark.parametrize("key", ["net", "config.net", "evaluation.config.net", "evaluation.config"])
@pytest.mark.parametrize("value", ["/etc/hostname", "../secret.xml", "link.xml"])
def test_a_suite_file_names_only_files_beside_and_below_it(
    key: str, value: str, tmp_path: Path, sandbox: Callable[..., Outcome]
) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    (tmp_path / "secret.xml").write_text("the user's own words")
    (folder / "link.xml").symlink_to(tmp_path / "secret.xml")
    given = f"{{net: {value}}}" if key == "evaluation.config" else value
    (folder / "grid.yaml").write_text(SUITE.format(key=key, value=given))
    outcome = sandbox("compare", folder / "grid.yaml", "--json", "--quiet")
    assert outcome.code == 2
    assert "outside the file's folder" in outcome.document["error"]["message"]
    assert "--set" in outcome.document["error"]["hint"]


def test_the_command_line_may_name_any_file_for_a_suite(
    tmp_path: Path, sandbox: Callable[..., Outcome]
) -> None:
    """What the file says of the same key does not count then; the network here is refused for what it is."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (tmp_path / "other.net.xml").write_text("<routes/>")
    (folder / "grid.yaml").write_text(SUITE.format(key="config.demand", value=1.0))
    net, routes = f"config.net={tmp_path}/other.net.xml", f"config.routes={tmp_path}/other.net.xml"
    outcome = sandbox("compare", folder / "grid.yaml", "--set", net, "--set", routes, "--json", "--quiet")
    assert "outside" not in outcome.document["error"]["message"]
    assert "its root is <routes>" in outcome.document["error"]["message"]


def test_files_that_a_suite_names_start_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.net.xml").write_text(NET)
    (tmp_path / "a.rou.xml").write_text(ROUTES)
    stated = {"config.net": "a.net.xml", "routes": "a.rou.xml"}
    scenario = load_scenario("traffic", stated=stated, stated_in=tmp_path / "grid.yaml")
    assert scenario.files()[:2] == [tmp_path.resolve() / "a.net.xml", tmp_path.resolve() / "a.rou.xml"]


def recorded(tmp_path: Path, **config: Any) -> tuple[dict[str, Any], str]:
    (tmp_path / "a.net.xml").write_text(NET)
    (tmp_path / "a.rou.xml").write_text(ROUTES)
    named = [f"config.{name}={tmp_path}/a.{name[:3]}.xml" for name in ("net", "routes")]
    scenario = load_scenario("traffic", named)
    document = scenario.spec.model_dump(mode="json")
    document["config"] |= config
    return document, scenario.hash


def test_the_file_that_a_run_had_is_opened_wherever_it_lies(tmp_path: Path) -> None:
    document, digest = recorded(tmp_path)
    assert from_record(document, Path("/"), digest).files()[0] == tmp_path.resolve() / "a.net.xml"


def test_a_record_that_names_another_file_than_the_run_had_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the user's own words")
    document, digest = recorded(tmp_path, net=str(secret))
    with pytest.raises(InvalidValueError, match="not what the run had"):
        from_record(document, Path("/"), digest)
    document, digest = recorded(tmp_path)
    document["evaluation"]["config"]["net"] = str(secret)
    with pytest.raises(InvalidValueError, match="not what the run had"):
        from_record(document, Path("/"), digest)


def test_a_record_that_names_a_device_is_refused(tmp_path: Path) -> None:
    document, digest = recorded(tmp_path, net="/dev/zero")
    with pytest.raises(BrokenFileError, match="not a regular file"):
        from_record(document, Path("/"), digest)


def test_commands_do_not_open_what_a_strangers_record_names(
    tmp_path: Path, sandbox: Callable[..., Outcome]
) -> None:
    old = Path(__file__).parents[1] / "fixtures" / "runs-0.1" / "evaluated"
    shutil.copytree(old, tmp_path / "runs")
    (folder,) = (tmp_path / "runs").glob("toy/*/*/*")
    (tmp_path / "secret").write_text("the user's own words")
    document = json.loads((folder / "run.json").read_text())
    document["scenario"] |= {"id": "traffic/x", "task": "traffic/signal", "metric": "delay", "evaluation": {},
                             "config": {"net": str(tmp_path / "secret"), "routes": str(tmp_path / "secret")},
                             "reward": {}}  # fmt: skip
    document["folder"] = "/"
    from sandbox.runs.checksums import seal

    del document["sha256"]
    (folder / "run.json").write_bytes(seal(document))
    for command in (("eval", folder, "--episodes", 1), ("resume", folder), ("run", "--from", folder)):
        outcome = sandbox(*command, "--json", "--quiet")
        assert outcome.code == 2, outcome.out
        assert "own words" not in outcome.out
        assert "not what the run had" in outcome.document["error"]["message"], command


def test_a_netlist_that_unpacks_to_gigabytes_is_refused_as_it_is_read(
    tmp_path: Path, memory: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    from sandbox_chip.formats import text
    from sandbox_chip.formats.text import lines_of_words

    monkeypatch.setattr(text, "MAX_BYTES", 17 * MB)
    monkeypatch.setattr(text, "MAX_LINE", 4 * MB)
    for name, line in (("lines", b"# a comment\n"), ("line", b"x")):
        file = tmp_path / f"{name}.nets.gz"
        with gzip.open(file, "wb") as stream:
            for _ in range(60):
                stream.write(line * (MB // len(line)))
        with pytest.raises(BrokenFileError, match=r"too large|a line of more than"):
            list(lines_of_words(file))
    assert memory() < 60  # not what they unpack to, let alone several times that


def test_a_pipe_among_the_files_of_a_netlist_is_refused(tmp_path: Path) -> None:
    from sandbox_chip.formats.text import read_text

    os.mkfifo(tmp_path / "a.nets")
    with pytest.raises(BrokenFileError, match="not a regular file"):
        read_text(tmp_path / "a.nets")


def test_a_netlist_of_more_nodes_or_pins_than_any_design_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox_chip.formats import builder

    monkeypatch.setattr(builder, "MAX_NODES", 2)
    monkeypatch.setattr(builder, "MAX_PINS", 2)
    netlist = builder.NetlistBuilder(tmp_path / "a.nodes")
    for name in ("a", "b"):
        netlist.add_pin(netlist.add_node(1, name, 0, 1.0, 1.0), 0.0, 0.0)
    with pytest.raises(BrokenFileError, match="more than 2 nodes"):
        netlist.add_node(3, "c", 0, 1.0, 1.0)
    with pytest.raises(BrokenFileError, match="more than 2 pins"):
        netlist.add_pin(0, 0.0, 0.0)


def test_demand_of_more_rows_than_fit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sandbox_inventory.skus import traces

    size = 2_000_000
    monkeypatch.setattr(traces, "MAX_ROWS", size - 1)
    columns = {"period": np.zeros(size, np.int32), "demand": np.ones(size, np.float32)}
    table = pa.table({**columns, "sku": pa.array(["a"] * size).dictionary_encode()})
    pq.write_table(table, tmp_path / "demand.parquet")
    (tmp_path / "demand.csv").write_text("period,sku,demand\n" + "0,a,1\n" * 5)
    with pytest.raises(BrokenFileError, match="rows, more than"):
        traces.read_traces(tmp_path / "demand.parquet")
    monkeypatch.setattr(traces, "MAX_ROWS", 4)
    with pytest.raises(BrokenFileError, match="more than 4 rows"):
        traces.read_traces(tmp_path / "demand.csv")


def test_a_run_of_a_plugin_that_is_not_loaded_says_which(
    tmp_path: Path, sandbox: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.registry.discover import registry
    from sandbox.runs.directory import Run

    old = Path(__file__).parents[1] / "fixtures" / "runs-0.1" / "evaluated"
    (folder,) = old.glob("toy/*/*/*")
    run = Run.open(folder)
    monkeypatch.delenv("SANDBOX_PLUGINS")
    registry.cache_clear()
    with_command = Run(folder, run.record.changed(command=("sandbox", "train", "--plugin", "my toys.py")))
    for opened, hint in (
        (run, "--plugin PATH"),
        (with_command, "made with --plugin 'my toys.py': give that again"),
    ):
        with pytest.raises(UnknownNameError, match="domain 'toy'") as caught:
            _ = opened.scenario
        assert hint in caught.value.hint
