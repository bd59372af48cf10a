"""What is read from network files, and what is said of files that are no networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.network.files import check_routes, find_file
from sandbox_traffic.network.reader import read_network
from sandbox_traffic.network.roads import require_one_signal
from sandbox_traffic.network.signal_network import load_network
from sandbox_traffic.state import APPROACH_FIELDS, gather_approaches
from sandbox_traffic.sumo.interface import Snapshot

COLOGNE1 = "sumo-rl:RESCO/cologne1/cologne1.net.xml"
GRID = "sumo-rl:RESCO/grid4x4/grid4x4.net.xml"


def test_cologne_serves_the_lanes_of_its_green_links() -> None:
    (signal,) = read_network(find_file(COLOGNE1)).signals
    assert signal.id == "GS_cluster_357187_359543"
    assert len(signal.phases) == 4
    # Links 0-4 belong to the eastern arm's two lanes, 5-9 to the northern one's, and so on.
    assert signal.incoming[:4] == ("-32038056#3_0", "-32038056#3_1", "23429231#1_0", "23429231#1_1")
    assert signal.serves.tolist() == [
        [0, 0, 1, 1, 0, 0, 1, 1],
        [0, 0, 0, 1, 0, 0, 0, 1],  # left turns only
        [1, 1, 0, 0, 1, 1, 0, 0],
        [0, 1, 0, 0, 0, 1, 0, 0],
    ]


def test_an_approach_follows_the_lanes_upstream() -> None:
    network = read_network(find_file(COLOGNE1))
    # 41 m of incoming lane, fed by 39 m of the same road and by another road.
    lanes = network.approach("27115123#3_0", 150)
    assert {"27115123#3_0", "27115123#2_0"} <= set(lanes)
    assert network.approach("27115123#3_0", 0) == ["27115123#3_0"]
    assert network.approach("-32038056#3_0", 150) == ["-32038056#3_0"]  # 351 m long itself


def test_a_lane_that_feeds_several_approaches_counts_once_in_all() -> None:
    routes = "sumo-rl:RESCO/cologne1/cologne1.rou.xml"
    network = load_network(SignalConfig(net=COLOGNE1, routes=routes, begin=25200, detection_range=150))
    spec, lanes = network.spec, network.approach_lanes
    weights = np.zeros(len(spec.lanes))
    np.add.at(weights, lanes.index, lanes.weight)
    assert set(np.round(weights, 9)) <= {0.0, 1.0}
    count = np.arange(1.0, len(spec.lanes) + 1)
    snapshot = replace(
        Snapshot.from_values(np.zeros(spec.size), spec),
        count=count,
        outside=np.ones(len(spec.edges)),
    )
    totals = dict(zip(APPROACH_FIELDS, gather_approaches(snapshot, network).sum(axis=-1), strict=True))
    assert totals["count"] == pytest.approx(count[weights > 0].sum())
    assert totals["outside"] == pytest.approx(len(spec.edges))
    assert totals["slowness"] == pytest.approx(totals["count"])  # all at speed 0


def test_approaches_end_at_the_next_signal() -> None:
    network = read_network(find_file(GRID))
    assert len(network.signals) == 16
    for signal in network.signals:
        others = network.signalled - set(signal.incoming)
        for lane in signal.incoming:
            assert not others & set(network.approach(lane, float("inf")))


def test_several_signals_are_refused_by_the_single_task_with_their_number() -> None:
    with pytest.raises(InvalidValueError, match="16 signals") as caught:
        require_one_signal(read_network(find_file(GRID)))
    assert "traffic/signals" in caught.value.hint


@pytest.mark.parametrize("phases", ['<phase duration="30" state="GGGGGGGGGGGGGGGGGGGG"/>', ""])
def test_a_signal_with_one_green_phase_or_none_is_no_agent(phases: str, tmp_path: Path) -> None:
    text = find_file(COLOGNE1).read_text()
    start, end = text.index("<phase "), text.index("</tlLogic>")
    single = tmp_path / "one.net.xml"
    single.write_text(text[:start] + phases + text[end:])
    network = read_network(single)
    assert network.signals == ()
    with pytest.raises(InvalidValueError, match="nothing to control"):
        require_one_signal(network)


def test_a_network_that_breaks_off_is_named_with_its_line(tmp_path: Path) -> None:
    lines = find_file(COLOGNE1).read_text().splitlines(keepends=True)
    broken = tmp_path / "broken.net.xml"
    broken.write_text("".join(lines[:100]) + "<edge id=")
    with pytest.raises(BrokenFileError, match=r"broken\.net\.xml, line 101: not well-formed"):
        read_network(broken)


def test_xml_that_is_no_network_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.net.xml"
    other.write_text("<routes>\n<trip id='a'/>\n</routes>")
    with pytest.raises(BrokenFileError, match="not a SUMO network file: its root is <routes>"):
        read_network(other)


def test_a_network_without_a_needed_attribute_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.net.xml"
    other.write_text("<net>\n<edge id='a'><lane id='a_0' speed='3'/></edge>\n</net>")
    with pytest.raises(BrokenFileError, match="'length'"):
        read_network(other)


@pytest.mark.parametrize("name", ["nowhere.net.xml", "sumo-rl:nowhere.net.xml"])
def test_a_missing_file_is_named(name: str) -> None:
    with pytest.raises(BrokenFileError, match=r"nowhere\.net\.xml: no such file"):
        find_file(name)


def test_paths_do_not_leave_sumo_rls_networks() -> None:
    with pytest.raises(InvalidValueError, match="outside"):
        find_file("sumo-rl:../environment/env.py")


def test_routes_that_break_off_are_named_with_their_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.rou.xml"
    broken.write_text('<routes>\n<trip id="a" depart="1" from="x" to="y"/>\n<trip id="b" dep\n</routes>')
    with pytest.raises(BrokenFileError, match=r"broken\.rou\.xml, line [34]: not well-formed"):
        check_routes(broken, 0, 100)


def test_routes_without_vehicles_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.rou.xml"
    empty.write_text('<routes>\n<vType id="a"/>\n</routes>')
    with pytest.raises(BrokenFileError, match="no trip, vehicle or flow"):
        check_routes(empty, 0, 100)


def test_an_episode_without_departures_is_refused_with_the_first_departure() -> None:
    routes = find_file("sumo-rl:RESCO/cologne1/cologne1.rou.xml")
    check_routes(routes, 25200, 28800)
    with pytest.raises(InvalidValueError, match="begin = 0 s") as caught:
        check_routes(routes, 0, 3600)
    assert "25205" in caught.value.hint


def test_flows_count_as_departures_while_they_last(tmp_path: Path) -> None:
    flows = tmp_path / "flows.rou.xml"
    flows.write_text('<routes>\n<flow id="a" begin="0:10:00" end="1200" from="x" to="y"/>\n</routes>')
    check_routes(flows, 1100, 1300)
    with pytest.raises(InvalidValueError):
        check_routes(flows, 0, 600)
    with pytest.raises(InvalidValueError):
        check_routes(flows, 1300, 1500)


@pytest.mark.parametrize(
    "values",
    [
        {"yellow": 0},
        {"decision_interval": 0},
        {"duration": 5},
        {"demand": 0.0},
        {"max_green": 7},
        {"net": "my.net.xml"},  # generated demand does not fit another network
        {"duration": 20, "decision_interval": 30},
        {"unknown": 1},
    ],
)
def test_impossible_configurations_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        SignalConfig.model_validate(values)
