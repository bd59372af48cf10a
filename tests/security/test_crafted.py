"""Files that somebody made to run code, read or write elsewhere, or exhaust the machine: none gets anywhere.

Every attack would leave a folder behind, the ``marker``; one test shows that the payload works when trusted.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calls import Outcome

TRAFFIC = pytest.importorskip("sandbox_traffic.sumo.safety")


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What exists after an attack that worked."""
    return tmp_path / "attacked"


@pytest.fixture
def trained(sandbox: Callable[..., Outcome]) -> Path:
    """The run directory of a short training."""
    outcome = sandbox(
        "train", "toy/regulator", "--algo", "ppo", "--steps", 64, "--num-envs", 4, "--json",
        "--hp", "n_steps=16", "--hp", "batch_size=16", "--hp", "normalize_observation=true",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    return Path(outcome.document["run_dir"])


def evil_zip(path: Path, marker: Path) -> Path:
    """An archive in the layout of Stable-Baselines3 whose data hold a pickle."""
    import base64

    payload = base64.b64encode(pickle.dumps(Payload(marker))).decode()
    data = {"policy_class": {":type:": "<class 'abc.ABCMeta'>", ":serialized:": payload}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps(data))
        archive.writestr("_stable_baselines3_version", "2.9.2")
        archive.writestr("system_info.txt", "")
    return path


def test_an_archive_of_sb3_is_refused_and_its_code_not_run(
    sandbox: Callable[..., Outcome], tmp_path: Path, marker: Path
) -> None:
    evil = evil_zip(tmp_path / "model.zip", marker)
    for command in (
        ("eval", evil, "--scenario", "toy/regulator", "--algo", "ppo"),
        ("train", "toy/regulator", "--algo", "ppo", "--init-from", evil),
        ("run", "toy/regulator", "--algo", "ppo", "--init-from", evil),
    ):
        outcome = sandbox(*command, "--json")
        assert outcome.code == 2
        assert "runs whatever code is in it" in outcome.document["error"]["message"]
        assert "--trust-pickle" in outcome.document["error"]["hint"]
    assert not marker.exists()
    assert not (tmp_path / "runs").exists()


def test_trust_is_what_lets_the_payload_run(
    sandbox: Callable[..., Outcome], tmp_path: Path, marker: Path
) -> None:
    evil = evil_zip(tmp_path / "model.zip", marker)
    outcome = sandbox(
        "eval", evil, "--scenario", "toy/regulator", "--algo", "ppo", "--trust-pickle", "--json"
    )
    assert outcome.document["error"]["kind"] == "broken-file"
    assert marker.exists()


def test_a_trusted_archive_plays_and_trains_and_what_is_kept_holds_no_pickle(
    sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    from stable_baselines3 import PPO

    from sandbox.envs.make import make

    env = make("toy/regulator")
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16, policy_kwargs={"net_arch": [8]}, seed=1)
    model.save(tmp_path / "mine.zip")
    given = ("mine.zip", "--scenario", "toy/regulator", "--algo", "ppo", "--trust-pickle")
    played = sandbox("eval", *given, "random", "--episodes", 5, "--json")
    assert played.code == 0, played.err
    total, observation = [], None
    for seed in played.document["evaluation"]["seeds"]:
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            action = model.predict(observation, deterministic=True)[0]
            observation, _, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        total.append(info["metrics"]["cost"])
    assert played.document["evaluation"]["agents"]["ppo"]["mean"] == pytest.approx(np.mean(total), rel=1e-6)

    trained = sandbox(
        "train", "toy/regulator", "--algo", "ppo", "--init-from", "mine.zip", "--trust-pickle", "--json",
        "--steps", 64, "--num-envs", 4, "--hp", "n_steps=16", "--hp", "batch_size=16", "--hp", "net_arch=[8]",
    )  # fmt: skip
    assert trained.code == 0, trained.err
    kept = [path.name for path in (tmp_path / "runs" / "imported").rglob("*") if path.is_file()]
    assert sorted(kept) == ["policy.json", "weights.safetensors"]


def pickled_npz(marker: Path) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, mean=np.array([Payload(marker)], dtype=object))
    return buffer.getvalue()


def with_sums(folder: Path) -> None:
    """Make the sums right again: the attacker knows how."""
    import hashlib

    document = json.loads((folder / "policy.json").read_text())
    for name in ("weights.safetensors", "normaliser.npz"):
        if name in document["sha256"]:
            document["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    from sandbox.backends.policy_files import _content_sum

    document["sha256"]["policy.json"] = _content_sum(document)
    (folder / "policy.json").write_text(json.dumps(document))


def changed(folder: Path, **changes: Any) -> None:
    document = json.loads((folder / "policy.json").read_text())
    (folder / "policy.json").write_text(json.dumps({**document, **changes}))


def put(name: str, content: Callable[[Path], bytes]) -> Callable[[Path, Path], object]:
    """An attack that replaces a file of the policy."""
    return lambda folder, marker: (folder / name).write_bytes(content(marker))


def state(**changes: Any) -> Callable[[Path, Path], object]:
    """An attack that changes what ``policy.json`` says."""
    return lambda folder, marker: changed(folder, **changes)


def box(**changes: Any) -> dict[str, Any]:
    return {"type": "Box", "shape": [2], "dtype": "float32", "low": 0, "high": 1, **changes}


ATTACKS: dict[str, Callable[[Path, Path], object]] = {
    "pickled normaliser": put("normaliser.npz", pickled_npz),
    "pickle for weights": put("weights.safetensors", lambda marker: pickle.dumps(Payload(marker))),
    "archive for weights": lambda folder, marker: evil_zip(folder / "weights.safetensors", marker),
    "activation names a function": state(network={"activation": "os.system"}),
    "algorithm names a module": state(algorithm="os:system"),
    "algorithm is a path": state(algorithm="../../../evil"),
    "space of a petabyte": state(observation_space=box(shape=[2**50])),
    "dtype is an object": state(observation_space=box(dtype="object")),
    "network of too many layers": state(network={"net_arch": [8192] * 17}),
    "network of four gigabytes": state(network={"net_arch": [8192] * 16}),
    "observation of four hundred megabytes": state(observation_space=box(shape=[100_000_000])),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_poisoned_policy_is_called_damaged(
    attack: str, sandbox: Callable[..., Outcome], trained: Path, marker: Path
) -> None:
    folder = trained / "policy"
    ATTACKS[attack](folder, marker)
    with_sums(folder)
    outcome = sandbox("eval", trained, "--json", "--episodes", 1)
    assert outcome.code == 2, outcome.out
    assert outcome.document["error"]["kind"] in ("damaged-run", "unknown-name", "misfit")
    assert not marker.exists()


YAML = {
    "object": "title: !!python/object/apply:os.mkdir ['{marker}']\ntask: toy/corridor\nmetric: steps\n",
    "module": "title: T\ntask: toy/corridor\nmetric: steps\nconfig: !!python/name:os.system ''\n",
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\ntitle: T\n",
    "id with a module": "id: os:system\ntitle: T\ntask: toy/corridor\nmetric: steps\n",
    "task with a module": "title: T\ntask: 'os:system/x'\nmetric: steps\n",
    "id that climbs": "id: ../../evil\ntitle: T\ntask: toy/corridor\nmetric: steps\n",
    "deep": "title: " + "[" * 500 + "]" * 500,
    "large": "title: " + "x" * 1_100_000,
}


@pytest.mark.parametrize("name", YAML)
def test_a_poisoned_scenario_file_is_refused(
    name: str, sandbox: Callable[..., Outcome], tmp_path: Path, marker: Path
) -> None:
    file = tmp_path / "evil.yaml"
    file.write_text(YAML[name].replace("{marker}", str(marker)))
    outcome = sandbox("info", file, "--json")
    assert (outcome.code, outcome.document["error"]["kind"]) in (
        (2, "broken-file"),
        (2, "invalid-value"),
        (2, "unknown-name"),
    )
    assert not marker.exists()


ROADS = "<edge id='a' from='n' to='m'><lane id='a_0' index='0' speed='13.9' length='100'/></edge>"
BOMB = "<!DOCTYPE net [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
)
NETWORKS = {
    "entity bomb": (f"{BOMB}]><net>&j;{ROADS}</net>", "document types and entities are refused"),
    "external entity": (
        f"<!DOCTYPE net [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><net>&x;{ROADS}</net>",
        "document types and entities are refused",
    ),
    "detector that writes": (
        f"<net>{ROADS}<inductionLoop id='d' lane='a_0' pos='1' period='1' file='{{marker}}'/></net>",
        "<inductionLoop> does not belong in a network file",
    ),
    "signal that writes": (
        f"<net>{ROADS}<tlLogic id='t' type='actuated' programID='0' offset='0'>"
        "<param key='file' value='{marker}'/><phase state='G' duration='1'/></tlLogic></net>",
        "the parameter file names a file",
    ),
    "include": (f"<net>{ROADS}<include href='{{marker}}'/></net>", "<include> does not belong"),
    "configuration": (
        "<configuration><output><tripinfo-output value='{marker}'/></output></configuration>",
        "its root is <configuration>, not <net>",
    ),
    "deep": ("<net>" + "<edge>" * 100 + "</edge>" * 100 + "</net>", "nested deeper than 32 levels"),
}
ROUTES = {
    "include": ("<routes><include href='{marker}'/></routes>", "<include> does not belong"),
    "device that writes": (
        "<routes><vType id='v'><param key='device.ssm.file' value='{marker}'/></vType></routes>",
        "the parameter device.ssm.file names a file",
    ),
    "rerouter": (
        "<routes><rerouter id='r' file='{marker}' edges='a'/></routes>",
        "<rerouter> does not belong",
    ),
    "route probe": ("<additional><routeProbe id='r' file='{marker}'/></additional>", "<routeProbe> does not"),
    "configuration": ("<configuration><input/></configuration>", "its root is <configuration>"),
    "bomb": (f"{BOMB.replace('net', 'routes', 1)}]><routes>&j;</routes>", "document types and entities"),
}


@pytest.mark.parametrize("kind", ["network", "routes"])
def test_a_poisoned_network_or_demand_is_refused_before_sumo_reads_it(
    kind: str, tmp_path: Path, marker: Path
) -> None:
    from sandbox.api import BrokenFileError
    from sandbox_traffic.network.files import check_routes
    from sandbox_traffic.network.roads import read_network

    for name, (text, message) in (NETWORKS if kind == "network" else ROUTES).items():
        path = tmp_path / f"{name.replace(' ', '-')}.xml"
        path.write_text(text.replace("{marker}", str(marker)))
        with pytest.raises(BrokenFileError) as caught:
            read_network(path) if kind == "network" else check_routes(path, 0, 100)
        assert message in caught.value.message, name
    assert not marker.exists()


@pytest.mark.parametrize("value", ["../other.net.xml", "/etc/hostname", "link.net.xml", "~root/x.net.xml"])
def test_a_scenario_file_names_only_files_beside_and_below_it(
    value: str, sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "other.net.xml").write_text(f"<net>{ROADS}</net>")
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "link.net.xml").symlink_to(tmp_path / "other.net.xml")
    (folder / "evil.yaml").write_text(
        f"title: T\ntask: traffic/signal\nmetric: delay\nconfig:\n  net: '{value}'\n  routes: a.rou.xml\n"
    )
    outcome = sandbox("info", folder / "evil.yaml", "--json")
    assert outcome.code == 2
    assert "outside the scenario file's folder" in outcome.document["error"]["message"]
    assert "--set config.net=PATH" in outcome.document["error"]["hint"]


def test_an_override_that_is_no_text_is_refused(sandbox: Callable[..., Outcome]) -> None:
    for option, pair in (
        ("--set", "config.horizon=\ud800"),
        ("--set", "\ud800=1"),
        ("--reward", "state=\ud800"),
    ):
        outcome = sandbox("info", "toy/regulator", option, pair, "--json")
        assert outcome.code == 2
        assert f"{option} takes UTF-8 text" in outcome.document["error"]["message"]


def test_a_weight_that_no_float_holds_is_refused(sandbox: Callable[..., Outcome]) -> None:
    outcome = sandbox("info", "toy/regulator", "--reward", f"state={'9' * 400}", "--json")
    assert outcome.code == 2
    assert "--reward state takes a number" in outcome.document["error"]["message"]


def test_a_device_for_an_input_file_is_refused_instead_of_being_read_for_ever(
    sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.net.xml")
    for value in ("/dev/zero", "pipe.net.xml"):
        outcome = sandbox(
            "info", "traffic", "--set", f"config.net={value}", "--set", "config.routes=x", "--json"
        )
        assert outcome.code == 2
        assert "is not a regular file" in outcome.document["error"]["message"]
