"""Declaration of the traffic domain; importing this file loads neither SUMO nor NumPy."""

from __future__ import annotations

from typing import Literal

from sandbox.api import Baseline, Domain, Metric, Task, View

METRICS = (
    Metric(
        "delay", "s", "lower", "time lost, waited outside or stood as a pedestrian, per vehicle or pedestrian"
    ),
    Metric("vehicle_delay", "s", "lower", "time lost and time waited outside, per scheduled vehicle"),
    Metric("trip_time", "s", "lower", "time from the scheduled departure, per scheduled vehicle"),
    Metric("waiting", "s", "lower", "time standing or outside, per scheduled vehicle"),
    Metric("queue", "vehicles", "lower", "mean number of vehicles standing or outside"),
    Metric("throughput", "vehicles/h", "higher", "vehicles that reached their destination"),
    Metric("unfinished", "vehicles", "lower", "vehicles on the road when the episode ends"),
    Metric("undeparted", "vehicles", "lower", "vehicles still outside when the episode ends"),
    Metric("teleports", "vehicles", "lower", "vehicles that SUMO teleported"),
    Metric("collisions", "1", "lower", "collisions counted by SUMO"),
    Metric("emergency_stops", "1", "lower", "emergency stops counted by SUMO"),
    Metric("gridlock", "1", "lower", "1 if vehicles were left and none arrived in the last 300 s"),
    Metric("growth", "vehicles/h", "lower", "growth of the vehicles on the way or outside, second half"),
    Metric("pedestrian_waiting", "s", "lower", "standing time per pedestrian, 0 where there is none"),
    Metric("co2", "g", "lower", "CO2 per scheduled vehicle, 0 unless emissions are computed"),
    Metric("fuel", "g", "lower", "fuel per scheduled vehicle, 0 unless emissions are computed"),
)


def _greedy(preset: str, rule: str) -> Baseline:
    return Baseline(
        f"greedy-{preset}",
        f"sandbox_traffic.baselines.greedy:greedy_{preset.replace('-', '_')}",
        f"one-step greedy on the reward {preset}: {rule}",
    )


BASELINES = (
    Baseline(
        "fixed-time",
        "sandbox_traffic.baselines.sumo_program:fixed_time",
        "the network's own program, whatever its type, as SUMO runs it without interference",
        "Webster 1958, Traffic Signal Settings, for generated networks; the map's authors otherwise",
    ),
    Baseline(
        "sumo-actuated",
        "sandbox_traffic.baselines.sumo_program:sumo_actuated",
        "SUMO's own controller of type actuated: the network's program, or its phases where that is another",
        "SUMO 1.28, Simulation/Traffic Lights",
        offered="sandbox_traffic.config:is_on_sumo",
    ),
    Baseline(
        "sumo-delay-based",
        "sandbox_traffic.baselines.sumo_program:sumo_delay_based",
        "SUMO's own controller of type delay_based: the network's program, or its phases",
        "Oertel and Wagner 2011; SUMO 1.28",
        offered="sandbox_traffic.config:is_on_sumo",
    ),
    Baseline(
        "sumo-nema",
        "sandbox_traffic.baselines.sumo_program:sumo_nema",
        "SUMO's own dual-ring controller where the network's program is of type NEMA; else as fixed-time",
        "SUMO 1.28, Simulation/NEMA",
        offered="sandbox_traffic.config:has_own_network",
    ),
    Baseline(
        "max-pressure",
        "sandbox_traffic.baselines.greedy:max_pressure",
        "the phase with the largest sum of incoming minus outgoing vehicles",
        "Varaiya 2013, Transportation Research Part C 36",
    ),
    Baseline(
        "max-wave",
        "sandbox_traffic.baselines.greedy:max_wave",
        "greedy: the phase that serves most vehicles, standing or approaching",
        "Ault and Sharon 2021 (RESCO), its greedy controller",
    ),
    Baseline(
        "actuated",
        "sandbox_traffic.baselines.actuated:actuated",
        "extends green while vehicles keep crossing the loops, skips phases without a call",
        "Traffic Signal Timing Manual (FHWA-HOP-08-024), chapter 5",
    ),
    Baseline(
        "delay-based",
        "sandbox_traffic.baselines.actuated:delay_based",
        "extends green while vehicles that have lost time are still on a served approach",
        "SUMO's controller of type delay_based (Oertel and Wagner 2011)",
    ),
    Baseline(
        "webster",
        "sandbox_traffic.baselines.plans:Webster",
        "Webster's fixed-time plan, computed every five minutes from the flows of the last five",
        "Webster 1958, Traffic Signal Settings",
    ),
    Baseline(
        "coordinated",
        "sandbox_traffic.baselines.cycles:coordinated",
        "fixed-time plans with a common cycle and offsets for platoons, from flows measured before",
        "Webster 1958; Traffic Signal Timing Manual (FHWA-HOP-08-024), chapter 6",
    ),
    Baseline(
        "scats-like",
        "sandbox_traffic.baselines.adaptive:scats",
        "each signal moves its cycle and splits towards equal degrees of saturation",
        "Sims and Dobinson 1980, IEEE Transactions on Vehicular Technology 29; Lowrie 1990",
    ),
    Baseline(
        "scoot-like",
        "sandbox_traffic.baselines.adaptive:scoot",
        "small steps of splits, common cycle and offsets by degrees of saturation and predicted queues",
        "Hunt, Robertson, Bretherton and Royle 1981, TRRL Laboratory Report 1014",
    ),
    Baseline(
        "alinea",
        "sandbox_traffic.baselines.metering:alinea",
        "ramp meters by the occupancy where the ramp merges; actuated at other signals",
        "Papageorgiou, Hadj-Salem and Blosseville 1991, Transportation Research Record 1320",
        offered="sandbox_traffic.config:has_own_network",
    ),
    Baseline(
        "sotl",
        "sandbox_traffic.baselines.self_organising:sotl",
        "self-organising: a red phase gets green once enough vehicles have waited; platoons pass first",
        "Gershenson 2005, Complex Systems 16; Cools, Gershenson and D'Hooghe 2008",
    ),
    _greedy("queue", "most standing or outside"),
    _greedy("waiting", "most waiting time"),
    _greedy("waiting-difference", "most growth of waiting time"),
    _greedy("pressure", "most vehicles on incoming minus outgoing lanes"),
    _greedy("delay", "most time lost per second"),
    _greedy("speed", "most speed lost"),
    _greedy("throughput", "most vehicles that can cross by the next decision"),
    _greedy("saturated", "most vehicles that can cross, with time lost and vehicles outside"),
    _greedy("emissions", "most vehicles that idle"),
)

EXPECTED_FAILURES = {
    "no-constant-observation": "no vehicle waits outside until an approach is full, which takes longer than "
    "the short episodes of the contract suite",
}

SUMO_ACTS = {
    "baselines-only-look": "`fixed-time` and SUMO's own controllers are SUMO left alone: they hand the "
    "signals over to it, and the actions that are told are the phases that it shows",
}

VIEWS = (
    View(
        "time-space",
        "sandbox_traffic.views:draw_time_space",
        "paths of vehicles along the busiest road through the first signal, over time",
        ("png", "svg", "pdf"),
    ),
    View(
        "delays",
        "sandbox_traffic.views:draw_delays",
        "distribution of the vehicles' delays by agent",
        ("png", "svg", "pdf"),
    ),
    View(
        "replay",
        "sandbox_traffic.views:draw_replay",
        "vehicles and signals for the web page",
        ("json",),
    ),
)

SOURCES = (
    "SUMO 1.28 (Lopez et al. 2018, ITSC; eclipse.dev/sumo)",
    "Ault and Sharon 2021, Reinforcement Learning Benchmarks for Traffic Signal Control (RESCO)",
)


def _task(name: str, title: str, agents: Literal["single", "parallel"], make: str, make_vec: str) -> Task:
    return Task(
        name=name,
        version=3,
        title=title,
        config="sandbox_traffic.config:SignalConfig",
        make=make,
        make_vec=make_vec,
        max_num_envs=10,  # each is a process
        resume="state",
        rewards="sandbox_traffic.reward:PRESETS",
        default_reward="queue",
        metrics=METRICS,
        agents=agents,
        observation_fields=f"sandbox_traffic.env:{name}_fields",
        masks=True,
        small={"duration": 300},
        expected_failures={**SUMO_ACTS, **(EXPECTED_FAILURES if agents == "single" else {})},
        baselines=BASELINES,
        views=VIEWS,
        sources=SOURCES,
    )


domain = Domain(
    name="traffic",
    title="Traffic signal control on SUMO",
    tasks=(
        _task(
            "signal",
            "Control of one traffic signal",
            "single",
            "sandbox_traffic.env:make_signal",
            "sandbox_traffic.vector:make_signal_vec",
        ),
        _task(
            "signals",
            "Control of all signals of a network",
            "parallel",
            "sandbox_traffic.env:make_signals",
            "sandbox_traffic.vector:make_signals_vec",
        ),
    ),
    default_scenario="traffic/single-intersection",
    requires=("libsumo", "sumo", "pettingzoo"),
    extra="traffic",
    sources=SOURCES,
)
