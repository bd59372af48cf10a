"""Compiled code, Python and SUMO's own output say the same, to the last bit."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from junctions import ALL_RED, CROSSING_FLOWS, NEMA, cross, flows, program, zebra
from traffic_support import COLOGNE1, GRID, in_way

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.network.signal_network import load_network
from sandbox_traffic.observations import OBSERVATIONS
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.state import read_state
from sandbox_traffic.sumo import allocator, compiled
from sandbox_traffic.sumo.interface import SimulationSpec
from sandbox_traffic.sumo.protocol import decode_advance, encode_advance
from sandbox_traffic.sumo.remote import RemoteSimulation
from sandbox_traffic.sumo.trip_log import centiseconds
from sandbox_traffic.sumo.trips import Trips
from sandbox_traffic.vector import SignalsVectorEnv, make_signals_vec

needs_compiler = pytest.mark.skipif(compiled.library(compiled.LOOP) is None, reason="there is no compiler")

FIELDS = ("depart", "depart_delay", "arrival", "duration", "waiting", "time_loss")
COUNTS = ("teleports", "collisions", "emergency_stops")


@pytest.fixture(
    params=[pytest.param(True, id="compiled", marks=needs_compiler), pytest.param(False, id="python")]
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Whether compiled code is used; the fork server is a fresh one."""
    with in_way(request.param, monkeypatch):
        yield request.param


def seen(envs: SignalsVectorEnv, steps: int) -> str:
    """A digest of everything that learners are given under random requests."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for name in sorted(value):
                add(value[name])
        else:
            digest.update(np.ascontiguousarray(value).tobytes() if value.dtype != object else b"")

    rng = np.random.default_rng(0)
    observation, info = envs.reset(seed=0)
    add(observation)
    for _ in range(steps):
        mask = info["action_mask"]
        *step, info = envs.step((rng.random(mask.shape) * mask).argmax(axis=2))
        for part in (*step, info):
            add(part)
    envs.close()
    return digest.hexdigest()


CASES: dict[str, dict[str, Any]] = {
    "every term, neighbours": {**GRID, "observation": "neighbours"},
    "walkers": {"pedestrians": 300.0, "bicycles": 0.1, "buses": 0.1},
    "emissions, own speeds": {"emissions": True, "observation": "drq"},
    "mapped lanes": {**COLOGNE1, "observation": "pressure"},
    "sumo-rl": {**COLOGNE1, "observation": "sumo-rl", "step_length": 0.5},
    "jam, wave": {"observation": "wave", "jam": 200, "demand": 2.0},
}


@needs_compiler
@pytest.mark.parametrize("name", CASES)
def test_learners_are_given_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = SignalConfig(**{"duration": 150, **CASES[name]})

    def play() -> tuple[bool, str]:
        envs = make_signals_vec(config, PRESETS["saturated"], 2)
        return envs.batch._digest is not None, seen(envs, 32)  # past the end of an episode

    with in_way(True, monkeypatch):
        fast = play()
    with in_way(False, monkeypatch):
        plain = play()
    assert (fast[0], plain[0]) == (True, False)
    assert fast[1] == plain[1]


@needs_compiler
@pytest.mark.parametrize("name", CASES)
def test_controllers_are_given_the_same_state(name: str) -> None:
    envs = make_signals_vec(SignalConfig(**{"duration": 150, **CASES[name]}), PRESETS["saturated"], 2)
    mask, rng = envs.reset(seed=0)[1]["action_mask"], np.random.default_rng(0)
    for _ in range(25):
        mask = envs.step((rng.random(mask.shape) * mask).argmax(axis=2))[4]["action_mask"]
        batch = envs.batch
        made = read_state(batch.network, batch._values, batch.times().tolist(), batch._clocks())
        assert batch.state.allowed is not None
        assert made.allowed is None
        for field in ("now", "phase", "green_since", "approaches", "action_mask"):
            given, expected = getattr(batch.state, field), getattr(made, field)
            assert (given.shape, given.tobytes()) == (expected.shape, expected.tobytes()), field
        assert batch.state.snapshot.count.tobytes() == made.snapshot.count.tobytes()
        breakdown = batch.rewards()
        for env in range(2):
            for signal, (total, terms) in enumerate(batch.rewards_of(env)):
                assert total == breakdown.total[env, signal]
                assert terms == {name: values[env, signal] for name, values in breakdown.terms.items()}
    envs.close()


@needs_compiler
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_two_rings_are_read_the_same(
    observation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, routes = cross(tmp_path, NEMA), flows(tmp_path, CROSSING_FLOWS)
    config = SignalConfig(net=str(net), routes=str(routes), duration=100, observation=observation)
    digests = set()
    for way in (True, False):
        with in_way(way, monkeypatch):
            digests.add(seen(make_signals_vec(config, PRESETS["queue"], 1), 20))
    assert len(digests) == 1


def trips_of(spec: SimulationSpec, routes: str, until: int, seed: int = 3) -> Trips:
    """The trips of an episode that nobody interferes with, read every five seconds."""
    simulation = RemoteSimulation(spec)
    values = np.zeros(spec.size)
    simulation.begin(0, seed, routes)
    simulation.values(values)
    for time in range(5, until + 1, 5):
        simulation.advance([], time)
        simulation.values(values)
    simulation.finish()
    trips = simulation.trips()
    simulation.close()
    return trips


def assert_as_in_sumos_output(config: SignalConfig, until: int) -> Trips:
    """Vehicle by vehicle, in the order of SUMO's output."""
    network = load_network(config)
    routes = ",".join(map(str, network.demand.routes))
    assert not network.spec.trip_output
    ours = trips_of(network.spec, routes, until)
    sumos = trips_of(replace(network.spec, trip_output=True), routes, until)
    for name in FIELDS:
        assert np.array_equal(getattr(ours, name), getattr(sumos, name)), name
    assert [getattr(ours, name) for name in COUNTS] == [getattr(sumos, name) for name in COUNTS]
    return ours


def test_trips_beyond_capacity_are_those_of_sumos_output(way: bool, tmp_path: Path) -> None:
    net, routes = cross(tmp_path, program(ALL_RED)), flows(tmp_path, {"north_in south_out": 4000})
    trips = assert_as_in_sumos_output(SignalConfig(net=str(net), routes=str(routes), depart_jitter=0), 300)
    assert (trips.depart < 0).any()
    assert (trips.arrival < 0).any()
    assert (trips.arrival > 0).any()


def test_trips_with_stops_are_those_of_sumos_output(way: bool, tmp_path: Path) -> None:
    net = cross(tmp_path, program(ALL_RED))
    routes = tmp_path / "stops.rou.xml"
    lines = [
        f'<trip id="v{number}" from="west_in" to="east_out" depart="{4 * number}">'
        + ('<stop lane="west_in_0" startPos="50" endPos="60" duration="30"/>' if number % 3 == 0 else "")
        + "</trip>"
        for number in range(60)
    ]
    routes.write_text("<routes>" + "".join(lines) + "</routes>")
    config = SignalConfig(net=str(net), routes=str(routes), depart_jitter=0)
    assert load_network(config).spec.every_vehicle
    assert len(assert_as_in_sumos_output(config, 240).depart) == 60


def test_vehicles_that_collide_and_teleport_are_those_of_sumos_output(way: bool, tmp_path: Path) -> None:
    net = cross(tmp_path, program(ALL_RED))
    routes = tmp_path / "reckless.rou.xml"
    routes.write_text(
        '<routes><vType id="reckless" tau="0.05" minGap="0" sigma="1" decel="0.8" emergencyDecel="0.8" '
        'apparentDecel="0.8" jmDriveAfterRedTime="1000" jmIgnoreFoeProb="1" jmIgnoreFoeSpeed="100"/>'
        + "".join(
            f'<flow id="{a}" type="reckless" from="{a}_in" to="{b}_out" begin="0" end="300" '
            'vehsPerHour="900"/>'
            for a, b in (("west", "east"), ("north", "south"))
        )
        + "</routes>"
    )
    options = "collision.check-junctions=true collision.mingap-factor=1 collision.action=teleport"
    config = SignalConfig(net=str(net), routes=str(routes), depart_jitter=0, options=options)
    assert assert_as_in_sumos_output(config, 300).collisions > 0


def test_vehicles_that_wait_to_be_boarded_are_left_out(way: bool, tmp_path: Path) -> None:
    net, routes = cross(tmp_path, program(ALL_RED)), flows(tmp_path, {"north_in south_out": 300})
    waiting = '<trip id="taxi" from="west_in" to="east_out" depart="triggered"/>'
    routes.write_text(routes.read_text().replace("<routes>", f"<routes>{waiting}"))
    trips = assert_as_in_sumos_output(SignalConfig(net=str(net), routes=str(routes), depart_jitter=0), 120)
    assert (trips.depart >= 0).all()


def test_walkers_and_emissions_take_sumos_output(tmp_path: Path) -> None:
    net, routes = zebra(tmp_path)
    assert load_network(SignalConfig(net=str(net), routes=str(routes))).spec.trip_output
    assert load_network(SignalConfig(emissions=True)).spec.trip_output
    assert load_network(SignalConfig(pedestrians=100.0)).spec.trip_output
    assert load_network(SignalConfig(options="default.action-step-length=0.5")).spec.trip_output
    assert not load_network(SignalConfig()).spec.trip_output


def test_times_are_rounded_as_sumo_writes_them() -> None:
    """From SUMO 1.28's output: 122.8246 s is written as 122.83, since milliseconds are rounded first."""
    given = np.array([122.82460294306779, 0.712, 48.20478347694387, 0.0, -1.0])
    assert centiseconds(given).tolist() == [122.83, 0.71, 48.21, 0.0, -1.0]


def test_a_request_to_advance_survives_its_encoding() -> None:
    switches = [(5.0, "Kreuzung Süd", "GGrr"), (7.5, "b", "yyrr")]
    assert decode_advance(encode_advance(switches, 12.5)) == (switches, 12.5)
    assert decode_advance(encode_advance([], 3.0)) == ([], 3.0)


def test_without_a_compiler_or_against_the_users_will_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with in_way(False, monkeypatch):
        assert compiled.library(compiled.LOOP) is None
    monkeypatch.setattr(compiled, "COMPILERS", ())
    monkeypatch.setenv("CXX", "")
    compiled.library.cache_clear()
    assert compiled.library(compiled.LOOP) is None
    compiled.library.cache_clear()


def test_nothing_is_loaded_from_a_folder_that_others_write_to(tmp_path: Path) -> None:
    assert compiled.only_mine(tmp_path)
    tmp_path.chmod(0o777)
    assert not compiled.only_mine(tmp_path)


def test_a_library_that_does_not_fit_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "loop.so").write_bytes(b"no library")
    # In a process of its own, as workers are: SUMO's symbols would be seen by all that is loaded later.
    asked = "import sys; from pathlib import Path; from sandbox_traffic.sumo import compiled; "
    asked += "print(compiled.loads(Path(sys.argv[1])), compiled.loads(None))"
    told = subprocess.run(
        [sys.executable, "-c", asked, str(tmp_path / "loop.so")], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["False", "False"]


def test_an_allocator_is_preloaded_unless_the_user_has_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.so"
    mine.touch()
    assert allocator.allocator_settings({allocator.VARIABLE: str(mine)}) == {"LD_PRELOAD": str(mine)}
    assert allocator.allocator_settings({allocator.VARIABLE: "none"}) == {}
    assert allocator.allocator_settings({"LD_PRELOAD": "/other.so"}) == {}
    monkeypatch.setattr(allocator, "library", lambda name: None)
    monkeypatch.setattr(allocator, "_found", lambda names: None)
    assert allocator.allocator_settings({"GLIBC_TUNABLES": "a=1"}) == {
        "GLIBC_TUNABLES": f"a=1:{allocator.LARGE_PAGES}"
    }


@needs_compiler
def test_the_pool_gives_and_takes_back_memory(tmp_path: Path) -> None:
    """A program that makes, checks and frees objects of all sizes on two threads."""
    source = tmp_path / "churn.cpp"
    source.write_text(
        "#include <map>\n#include <string>\n#include <thread>\n#include <vector>\n"
        "int churn() { std::map<int, std::string> kept; unsigned state = 1; int bad = 0;\n"
        "  for (int i = 0; i < 200000; i++) { state = state * 1664525u + 1013904223u;\n"
        "    int key = state >> 20;\n"
        "    auto found = kept.find(key); size_t size = state % 700;\n"
        "    if (found != kept.end()) { for (char c : found->second) bad += c != char(key);\n"
        "      kept.erase(found); }\n"
        "    else kept[key] = std::string(size, char(key)); }\n  return bad; }\n"
        "int main() { int other = 1; std::thread thread([&] { other = churn(); }); int mine = churn();\n"
        "  thread.join(); return mine || other; }\n"
    )
    program_file = tmp_path / "churn"
    subprocess.run(["c++", "-O1", "-pthread", str(source), "-o", str(program_file)], check=True)
    pool = compiled.library(compiled.POOL)
    assert pool is not None
    subprocess.run([str(program_file)], check=True, env={"LD_PRELOAD": str(pool)})
