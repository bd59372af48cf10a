"""A grid on a real Ray cluster of two nodes, one of which is killed in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.comparison.api import compare
from sandbox.comparison.suites import Suite
from sandbox.launch import Launching
from sandbox.registry.discover import registry

# Ray reads these when it is imported.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = "0123456789abcdef" * 4
ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.external, pytest.mark.slow, pytest.mark.timeout(1200)]

TOYS = Path(__file__).parents[2] / "toys"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without cores and two nodes with one each: every task runs on a node that can be killed."""
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS / 'plugin.py'},{TOYS / 'still.py'}")
    registry.cache_clear()
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()
    registry.cache_clear()


def suite(seeds: int, seconds: float) -> Suite:
    entry = {
        "id": "toy/corridor",
        "set": {"horizon": 5, "evaluation.episodes": 2, "evaluation.validations": 0},
    }
    agent = {"algorithm": "still", "hyperparameters": {"seconds": seconds}}
    given = {"scenarios": [entry], "agents": [agent], "baselines": "none", "steps": 20, "seeds": seeds}
    return Suite.model_validate(given)


def test_every_cell_ends_done_exactly_once_although_a_node_dies(cluster: Any, tmp_path: Path) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    killed = threading.Event()

    def kill_one_in_the_middle() -> None:
        deadline = time.monotonic() + 300
        while len(list(tmp_path.glob("cells/*/cell.json"))) < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
        cluster.remove_node(nodes[1], allow_graceful=False)
        killed.set()

    threading.Thread(target=kill_one_in_the_middle, daemon=True).start()
    done = compare(
        suite(seeds=14, seconds=1.0), runs_dir=tmp_path, launching=Launching("ray", address=cluster.address)
    )
    assert killed.is_set()
    assert done.complete, done.document["missing"]
    runs = [json.loads(file.read_text()) for file in tmp_path.glob("toy/*/*/*/run.json")]
    assert sorted(run["seed"] for run in runs) == list(range(14))
    assert {run["status"] for run in runs} == {"done"}
    assert not list(tmp_path.glob("cells/*/.lock"))


def test_a_cluster_of_this_command_alone_has_a_token_and_gives_the_numbers_of_local_work(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pair.yaml"
    file.write_text(
        "title: pair\nagents: [still]\nbaselines: none\nsteps: 20\nseeds: 2\n"
        "scenarios:\n  - id: toy/corridor\n"
        "    set: {horizon: 5, evaluation.episodes: 2, evaluation.validations: 0}\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"SANDBOX_PLUGINS": f"{TOYS / 'plugin.py'},{TOYS / 'still.py'}", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "sandbox.cli.main", "compare", str(file), "--json"]
    values = []
    for launcher in ("ray", "inline"):
        done = subprocess.run(
            [*command, "--runs-dir", str(tmp_path / launcher), "--launcher", launcher, "--workers", "1"],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        values.append([cell["value"] for cell in json.loads(done.stdout)["cells"]])
    assert values[0] == values[1]
