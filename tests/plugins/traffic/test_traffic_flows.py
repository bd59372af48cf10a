"""How many vehicles a routes file asks for: counted before SUMO, which inserts them all, reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api import BrokenFileError
from sandbox_traffic.network.files import check_routes
from sandbox_traffic.network.flows import departing


@pytest.mark.parametrize(
    ("attributes", "vehicles"),
    [
        ({"depart": "7"}, 1),
        ({"begin": "0", "end": "3600", "number": "720"}, 360),  # spread over an hour, of which half is played
        ({"begin": "0", "end": "600", "number": "720"}, 720),
        ({"begin": "0", "end": "3600", "vehsPerHour": "720"}, 361),
        ({"begin": "0:30:00", "end": "3600", "vehsPerHour": "720"}, 1),
        ({"begin": "0", "end": "3600", "period": "5"}, 361),
        ({"begin": "0", "period": "exp(0.2)"}, 361),
        ({"begin": "0", "end": "3600", "probability": "0.2"}, 361),
        ({"begin": "0", "period": "1", "number": "10"}, 10),
        ({"begin": "0", "period": "0"}, float("inf")),
    ],
)
def test_departures_of_a_flow_in_half_an_hour(attributes: dict[str, str], vehicles: float) -> None:
    assert departing(attributes, 1800.0) == pytest.approx(vehicles)


@pytest.mark.parametrize(
    "flow",
    [
        "number='2000000000'",
        "vehsPerHour='1e12'",
        "period='0.0001'",
        "period='0'",
        "period='-1'",
        "period='exp(1e9)'",
        "perHour='inf'",
        "number='nan' period='1e-300'",
    ],
)
@pytest.mark.parametrize("kind", ["flow", "personFlow", "containerFlow"])
def test_a_flow_of_billions_is_refused_with_its_line(flow: str, kind: str, tmp_path: Path) -> None:
    file = tmp_path / "demand.rou.xml"
    file.write_text(f"<routes>\n<{kind} id='f' begin='0' end='3600' from='a' to='b' {flow}/>\n</routes>")
    with pytest.raises(BrokenFileError, match=r"line 2: asks for more than 1,000,000 vehicles"):
        check_routes(file, 0, 3600)


def test_many_flows_count_together(tmp_path: Path) -> None:
    file = tmp_path / "demand.rou.xml"
    flows = "".join(f"<flow id='{n}' begin='0' end='3600' number='300000'/>\n" for n in range(4))
    file.write_text(f"<routes>\n{flows}</routes>")
    with pytest.raises(BrokenFileError, match=r"line 5"):
        check_routes(file, 0, 3600)
    check_routes(file, 0, 900)
