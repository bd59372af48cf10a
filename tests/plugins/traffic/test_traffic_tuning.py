"""Parameters of the classical controllers: how they are tuned, and which networks get them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.scenarios.resolve import load_scenario
from sandbox_traffic import tuning
from sandbox_traffic.baselines import parameters
from sandbox_traffic.baselines.actuated import Actuated, actuated, delay_based
from sandbox_traffic.baselines.self_organising import sotl
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv

SCENARIOS = Path(__file__).parents[3] / "scenarios" / "traffic"


def test_a_known_network_gets_its_own_parameters_and_any_other_the_defaults() -> None:
    problem = load_scenario("traffic/cologne1")
    config = SignalConfig.model_validate(problem.config.model_dump())
    known = json.loads(parameters.PARAMETERS_FILE.read_text())["controllers"][parameters.tuning_key(config)]
    for rule, tuned in known.items():
        assert parameters.tuned_parameters(config, rule) == tuned
        other = SignalConfig(net="my.net.xml", routes="my.rou.xml")
        assert parameters.tuned_parameters(other, rule) == parameters.DEFAULTS.get(rule, {})


def test_the_demand_of_a_generated_network_is_part_of_its_place() -> None:
    low, saturated = (SignalConfig(net=net, routes=net, level=level) for net, level in (
        ("generated:grid-2x2", "low"), ("generated:grid-2x2", "saturated")))  # fmt: skip
    assert parameters.tuning_key(low) != parameters.tuning_key(saturated)
    assert parameters.tuning_key(low) == parameters.tuning_key(
        low.model_copy(update={"duration": 60, "demand": 2.0})
    )


def test_what_is_shipped_is_the_best_of_what_was_tried() -> None:
    content = json.loads(parameters.PARAMETERS_FILE.read_text())
    places = {
        parameters.tuning_key(
            SignalConfig.model_validate(load_scenario(f"traffic/{path.stem}").config.model_dump())
        )
        for path in SCENARIOS.glob("*.yaml")
    }
    assert set(content["controllers"]) <= places
    for place, rules in content["controllers"].items():
        for rule, kept in rules.items():
            _, grid = tuning.GRIDS[rule]
            delays = {tuple(row[:-1]): row[-1] for row in content["trials"][place]["delays"][rule]}
            assert delays[tuple(kept[name] for name in grid)] == min(delays.values())


def test_tuning_keeps_the_candidate_of_least_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = {"passage": (0.5, 3.0)}
    monkeypatch.setattr(tuning, "GRIDS", {"actuated": (Actuated, grid)})
    kept, trials = tuning.tune(SignalConfig(duration=300), episodes=1)
    assert [row[0] for row in trials["actuated"]] == [0.5, 3.0]
    delays = [row[-1] for row in trials["actuated"]]
    assert delays[0] != delays[1]
    assert kept["actuated"]["passage"] == grid["passage"][delays.index(min(delays))]


def test_the_search_goes_on_where_the_best_lies_at_an_end() -> None:
    results = tuning.search([(1.0, 3.0, 9.0), (0.0, 3.0)], lambda values: abs(values[0] - 70.0) + values[1])
    assert min(results, key=results.__getitem__) == (81.0, 0.0)
    assert max(values[0] for values in results) == 243.0  # one beyond the best, and no further
    assert {values[1] for values in results} == {0.0, 3.0}  # a switch is not made longer
    low = tuning.search([(20.0, 50.0, 100.0)], lambda values: values[0])
    assert len(low) == 3 + tuning.MAX_EXTENSIONS
    assert tuning.search([(1.0, 2.0, 3.0)], lambda values: abs(values[0] - 2.0)) == {
        (1,): 1,
        (2,): 0,
        (3,): 1,
    }


def test_the_baselines_of_a_scenario_take_the_tuned_parameters(
    signal_env: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = {"sotl": {"threshold": 77.0, "platoon": 0.0}, "actuated": {"passage": 9.0}}
    place = parameters.tuning_key(SignalConfig())
    monkeypatch.setattr(parameters, "_tuned", lambda: {place: tuned})
    env: SignalEnv = signal_env()  # type: ignore[operator]
    assert sotl(env)._threshold == 77.0
    assert actuated(env)._passage == 9.0
    assert delay_based(env)._loss == parameters.DEFAULTS["delay-based"]["loss"]
