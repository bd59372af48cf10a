"""SUMO's own inputs: configurations, several files, additional files, what cannot be used and the way out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sumo
from junctions import ALL_RED, BINARIES, TWO_PHASES, cross, flows, network, program
from test_traffic_alone import assert_left_alone, left_alone

from sandbox.api import BrokenFileError, InvalidValueError, SandboxError
from sandbox.scenarios.resolve import load_scenario
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalsEnv
from sandbox_traffic.network.signal_network import load_network

MakeAll = Callable[..., SignalsEnv]

CONFIGURATION = """<configuration>
<input><net-file value="j.net.xml"/><route-files value="cars.rou.xml,more.rou.xml"/>
<additional-files value="types.add.xml,stops.add.xml,plan.add.xml"/></input>
<time><begin value="0"/><end value="600"/><step-length value="0.5"/></time>
<output><summary-output value="summary.xml"/></output>
</configuration>"""

STOPS = """<additional>
<busStop id="halt" lane="west_in_0" startPos="50" endPos="80"/>
<parkingArea id="park" lane="east_in_0" startPos="50" endPos="120" roadsideCapacity="4"/>
<taz id="north_zone" edges="north_in north_out"/>
</additional>"""


def straight(name: str, start: str, end: str) -> str:
    return (
        f'<routes><flow id="{name}" type="slowcar" from="{start}" to="{end}" begin="0" end="600" '
        'vehsPerHour="400"/></routes>'
    )


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """A user's folder: a configuration of two routes files and three additional files, in steps of 0.5 s."""
    cross(tmp_path, program(ALL_RED))
    plan = program(tuple((2 * seconds, state) for seconds, state in TWO_PHASES), programID="pm")
    texts = {
        "day.sumocfg": CONFIGURATION,
        "cars.rou.xml": straight("a", "north_in", "south_out"),
        "more.rou.xml": straight("b", "west_in", "east_out"),
        "types.add.xml": '<additional><vType id="slowcar" maxSpeed="9"/></additional>',
        "stops.add.xml": STOPS,
        "plan.add.xml": f"<additional>{plan}</additional>",
        "bus.rou.xml": '<routes><flow id="bus" from="west_in" to="east_out" begin="0" end="600" '
        'period="120"><stop busStop="halt" duration="20"/></flow></routes>',
        "zones.rou.xml": '<routes><trip id="t" fromTaz="north_zone" to="south_out" depart="0"/></routes>',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_sumocfg_is_played_as_sumo_plays_it(signals_env: MakeAll, day: Path) -> None:
    env = signals_env(net=str(day / "day.sumocfg"), sumo_seed=3, depart_jitter=0, duration=3600)
    config = env.batch.network.config
    assert (config.begin, config.duration, config.step_length) == (0, 600, 0.5)
    assert [signal.program.id for signal in env.batch.network.signals] == ["pm"]
    trips = left_alone(env)
    assert not (day / "summary.xml").exists(), "outputs are left out"
    assert_left_alone(trips, day, {"configuration-file": day / "day.sumocfg", "seed": 3})


def test_options_of_a_sumocfg_that_change_the_traffic_are_taken_over(signals_env: MakeAll, day: Path) -> None:
    """As SUMO's osmWebWizard writes them; without the first, the second routes file would stop SUMO."""
    further = (
        '<processing><ignore-route-errors value="true"/><time-to-impatience value="30"/></processing>'
        '<routing><device.rerouting.adaptation-steps value="18"/></routing><output>'
    )
    (day / "day.sumocfg").write_text(CONFIGURATION.replace("<output>", further))
    more = (day / "more.rou.xml").read_text()
    lost = '<trip id="lost" from="west_out" to="east_out" depart="0"/>'
    (day / "more.rou.xml").write_text(more.replace("<routes>", f"<routes>{lost}"))
    trips = left_alone(signals_env(net=str(day / "day.sumocfg"), sumo_seed=3, depart_jitter=0, duration=3600))
    assert_left_alone(trips, day, {"configuration-file": day / "day.sumocfg", "seed": 3})


def test_only_options_that_touch_no_file_may_be_set() -> None:
    assert SignalConfig(options=" time-to-impatience=30  eager-insert=true").options.count(" ") == 1
    for bad in ("tripinfo-output=x", "collision.action=../x", "collision.action", "device.ssm.file=x"):
        with pytest.raises(ValueError, match="none of NAME=VALUE"):
            SignalConfig(options=bad)


def test_routes_beside_a_sumocfg_replace_its_own(signals_env: MakeAll, day: Path) -> None:
    both, cars = (
        signals_env(net=str(day / "day.sumocfg"), sumo_seed=3, **more)
        for more in ({}, {"routes": str(day / "cars.rou.xml")})
    )
    assert len(left_alone(cars).depart) * 2 == len(left_alone(both).depart)


def test_the_content_of_a_sumocfgs_files_is_part_of_the_scenario(day: Path) -> None:
    changes = [f"config.net={day}/day.sumocfg"]
    before = load_scenario("traffic", changes).hash
    assert load_scenario("traffic", changes).hash == before
    (day / "types.add.xml").write_text('<additional><vType id="slowcar" maxSpeed="8"/></additional>')
    assert load_scenario("traffic", changes).hash != before


def test_files_are_given_one_by_one_as_well(signals_env: MakeAll, day: Path) -> None:
    given: dict[str, Any] = {
        "net": str(day / "j.net.xml"), "routes": [str(day / "cars.rou.xml"), str(day / "more.rou.xml")],
        "additional": ",".join(str(day / f"{name}.add.xml") for name in ("types", "stops", "plan")),
        "step_length": 0.5, "duration": 600, "sumo_seed": 3, "depart_jitter": 0,
    }  # fmt: skip
    options = {"configuration-file": day / "day.sumocfg", "seed": 3}
    assert_left_alone(left_alone(signals_env(**given)), day, options)


@pytest.mark.parametrize("step", [0.1, 0.25, 1.0])
def test_every_step_length_from_a_tenth_of_a_second_is_played(
    signals_env: MakeAll, tmp_path: Path, step: float
) -> None:
    net, routes = cross(tmp_path, program(ALL_RED)), flows(tmp_path, {"north_in south_out": 600})
    env = signals_env(
        net=str(net), routes=str(routes), step_length=step, duration=100, sumo_seed=3, depart_jitter=0
    )
    options = {"net-file": net, "route-files": routes, "step-length": step, "end": 100, "seed": 3}
    assert_left_alone(left_alone(env), tmp_path, options)


@pytest.mark.parametrize("routes", ["bus", "zones"])
def test_stops_and_zones_come_from_additional_files(signals_env: MakeAll, day: Path, routes: str) -> None:
    given = {"net": str(day / "j.net.xml"), "routes": str(day / f"{routes}.rou.xml"), "duration": 300}
    with pytest.raises(BrokenFileError, match="SUMO says") as caught:
        left_alone(signals_env(**given))
    assert "config.additional=FILE" in caught.value.hint
    assert len(left_alone(signals_env(**given, additional=str(day / "stops.add.xml"))).depart) > 0


@pytest.mark.parametrize(
    ("element", "message", "way"),
    [
        (
            '<trip id="a" from="north_in" to="south_out" depart="1"/>',
            r"line 2: SUMO says: .*'a' already exists",
            "different ids",
        ),
        (
            '<trip id="b" from="north_out" to="south_in" depart="1"/>',
            r"line 3: SUMO says: Vehicle 'b' has no valid route",
            "duarouter",
        ),
        (
            '<flow id="c" from="north_out" to="south_in" begin="1" end="20" period="5"/>',
            r"line 3: SUMO says: Vehicle 'c\.0' has no valid route",
            "duarouter",
        ),
    ],
)
def test_what_goes_wrong_while_sumo_runs_names_the_line_of_the_vehicle_too(
    signals_env: MakeAll, day: Path, element: str, message: str, way: str
) -> None:
    """It was called a failed run, in SUMO's words alone."""
    routes = day / "odd.rou.xml"
    first = '<trip id="a" from="north_in" to="south_out" depart="0"/>'
    routes.write_text(f"<routes>\n{first}\n{element}\n</routes>")
    with pytest.raises(BrokenFileError, match=message) as caught:
        left_alone(signals_env(net=str(day / "j.net.xml"), routes=str(routes), duration=60))
    assert way in caught.value.hint


def test_trips_from_junction_to_junction_are_driven(signals_env: MakeAll, tmp_path: Path) -> None:
    """As randomTrips.py --junction-taz writes them."""
    net = cross(tmp_path, program(ALL_RED))
    routes = tmp_path / "trips.rou.xml"
    routes.write_text(
        '<routes><flow id="m" fromJunction="north" toJunction="south" begin="0" end="300" '
        'vehsPerHour="600"/></routes>'
    )
    env = signals_env(net=str(net), routes=str(routes), duration=300, sumo_seed=3, depart_jitter=0)
    options = {"net-file": net, "route-files": routes, "end": 300, "seed": 3, "junction-taz": "true"}
    assert_left_alone(left_alone(env), tmp_path, options)


def test_the_output_of_random_trips_and_duarouter_is_played_as_it_comes(
    signals_env: MakeAll, tmp_path: Path
) -> None:
    net = cross(tmp_path, program(ALL_RED))
    script = Path(sumo.SUMO_HOME) / "tools" / "randomTrips.py"
    if not script.exists():
        pytest.skip("this SUMO comes without its tools")
    trips, routed = tmp_path / "trips.trips.xml", tmp_path / "routed.rou.xml"
    command = [sys.executable, str(script), "-n", str(net), "-o", str(trips), "-e", "200", "-p", "4"]
    subprocess.run([*command, "--validate"], check=True, capture_output=True, cwd=tmp_path)
    command = [str(BINARIES / "duarouter"), "-n", str(net), "-r", str(trips), "-o", str(routed)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    counts = [
        len(left_alone(signals_env(net=str(net), routes=str(file), duration=300)).depart)
        for file in (trips, routed)
    ]
    assert counts[0] == counts[1] > 20


@pytest.mark.parametrize(
    ("element", "message", "way"),
    [
        (
            '<calibrator id="c" lane="west_in_0" pos="0" output="x"/>',
            "<calibrator> is not supported",
            "Remove",
        ),
        (
            '<rerouter id="r" edges="west_in" file="more.xml"/>',
            "content from another file",
            "Put that content",
        ),
    ],
)
def test_what_cannot_be_used_of_an_additional_file_is_named(
    day: Path, element: str, message: str, way: str
) -> None:
    (day / "odd.add.xml").write_text(f"<additional>\n{element}\n</additional>")
    config = SignalConfig(
        net=str(day / "j.net.xml"), routes=str(day / "zones.rou.xml"), additional=str(day / "odd.add.xml")
    )
    with pytest.raises(BrokenFileError, match=message) as caught:
        load_network(config)
    assert "line 2" in str(caught.value)
    assert way in caught.value.hint


def test_detectors_and_programs_write_nowhere(signals_env: MakeAll, day: Path) -> None:
    (day / "loops.add.xml").write_text(
        '<additional><inductionLoop id="l" lane="west_in_0" pos="10" freq="60" file="loops.xml"/>'
        '<edgeData id="e" file="edges.xml"/></additional>'
    )
    files = f"{day}/types.add.xml,{day}/loops.add.xml"
    env = signals_env(net=str(day / "j.net.xml"), routes=str(day / "cars.rou.xml"), additional=files)
    assert len(left_alone(env).depart) > 0
    assert not list(day.glob("loops.xml")) + list(day.glob("edges.xml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<output>", '<processing><device.ssm.file value="x"/></processing><output>', "device.ssm.file"),
        ("<output>", '<routing><device.rerouting.period value="a b"/></routing><output>', "rerouting"),
        ('"j.net.xml"', '"../j.net.xml"', "outside its folder"),
        ('<net-file value="j.net.xml"/>', "", "names no network"),
    ],
)
def test_a_sumocfg_that_cannot_be_taken_over_says_what_to_do(
    day: Path, old: str, new: str, message: str
) -> None:
    (day / "day.sumocfg").write_text(CONFIGURATION.replace(old, new))
    with pytest.raises(SandboxError, match=message):
        load_scenario("traffic", [f"config.net={day}/day.sumocfg"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('length value="0.5"', 'length value="0.05"', r"line 4: .* = 0.05: .*0\.1"),
        ('length value="0.5"', 'length value="0.3"', r"line 4: step-length gives .* = 0.3: .*divide"),
        ('length value="0.5"', 'length value="nan"', "line 4: step-length is nan, not finite"),
        ('<end value="600"/>', '<end value="inf"/>', "line 4: end is inf, not finite"),
        ('<end value="600"/>', '<end value="5"/>', "line 4: end gives duration = 5: .*10"),
        ('<begin value="0"/>', '<begin value="-10"/>', "line 4: begin gives begin = -10: .*0"),
        ("<output>", '<processing><scale value="10"/></processing><output>', "scale gives demand = 10: .*5"),
        ("<output>", '<random_number><seed value="-5"/></random_number><output>', "sumo_seed = -5"),
    ],
)
def test_a_number_of_a_sumocfg_that_no_scenario_may_have_is_named_by_option_and_line(
    day: Path, old: str, new: str, message: str
) -> None:
    (day / "day.sumocfg").write_text(CONFIGURATION.replace(old, new))
    with pytest.raises(BrokenFileError, match=message):
        load_network(SignalConfig(net=str(day / "day.sumocfg")))


def test_what_a_sumocfg_gives_can_be_set_beside_it(day: Path) -> None:
    text = CONFIGURATION.replace('length value="0.5"', 'length value="0.05"')
    (day / "day.sumocfg").write_text(text)
    network = load_network(SignalConfig(net=str(day / "day.sumocfg"), step_length=0.5))
    assert network.config.step_length == 0.5


@pytest.mark.parametrize("name", ["day.sumo.cfg", "day.SUMOCFG"])
def test_options_that_are_off_or_only_report_are_taken_as_such(day: Path, name: str) -> None:
    off = (
        '<processing><lateral-resolution value="-1"/><ignore-junction-blocker value="-1"/></processing>'
        '<traci_server><remote-port value="8813"/></traci_server><report><aggregate-warnings value="5"/>'
        "</report><output>"
    )
    (day / name).write_text(CONFIGURATION.replace("<output>", off))
    config = load_network(SignalConfig(net=str(day / name))).config
    assert (config.lateral_resolution, config.junction_blockers, config.duration) == (None, None, 600)


def test_an_unknown_program_is_refused_with_those_that_exist(day: Path) -> None:
    config = SignalConfig(net=str(day / "day.sumocfg"), program="night")
    with pytest.raises(InvalidValueError, match="night") as caught:
        load_network(config)
    assert "0, pm" in caught.value.hint


def test_a_step_length_must_fit_the_decisions() -> None:
    with pytest.raises(ValueError, match="step_length"):
        SignalConfig(step_length=0.3)


def test_a_network_without_signals_says_what_a_phase_is(tmp_path: Path) -> None:
    nodes = [f'<node id="{name}" x="{x}" y="0"/>' for name, x in (("a", 0), ("b", 100), ("c", 200))]
    edges = ['<edge id="ab" from="a" to="b"/>', '<edge id="bc" from="b" to="c"/>']
    net = network(tmp_path, nodes, edges, "")
    with pytest.raises(InvalidValueError, match="nothing to control"):
        load_network(SignalConfig(net=str(net), routes=str(flows(tmp_path, {"ab bc": 100}))))


def test_emissions_are_metrics_and_terms(signals_env: MakeAll) -> None:
    env = signals_env("emissions", duration=100)
    env.reset(seed=0)
    info: dict[str, Any] = {}
    while env.agents:
        infos = env.step(dict.fromkeys(env.possible_agents, 0))[-1]
        info = next(iter(infos.values()))
    assert info["metrics"]["co2"] > 0
    # Petrol: 2.3 to 3.4 kg of CO2 for a kilogram of fuel.
    assert 2.3 < info["metrics"]["co2"] / info["metrics"]["fuel"] < 3.4
    assert info["reward_terms"]["co2"] > 0
    plain = signals_env(duration=50)
    plain.reset(seed=0)
    assert plain.batch.network.config.emissions is False
