"""What mixed autonomy offers; importing this file loads neither NumPy, Numba nor SUMO."""

from __future__ import annotations

from dataclasses import replace

from sandbox.api import Baseline, Command, Domain, Metric, Task, View

WU = "Wu, Kreidieh, Parvate, Vinitsky & Bayen 2017, Flow, arXiv 1710.05465"
FLOW = "Vinitsky et al. 2018, Benchmarks for reinforcement learning in mixed-autonomy traffic, CoRL"
STERN = "Stern et al. 2018, Transportation Research C 89, 205-221"
IDM = "Treiber, Hennecke & Helbing 2000, Physical Review E 62, 1805"
FUEL = "Lee et al. 2021, arXiv 2104.11267: simplified fuel model of a midsize SUV, version 3.1"

SPEED = Metric("speed", "m/s", "higher", "mean speed of all vehicles in the measured part")
SPREAD = Metric(
    "spread", "m/s", "lower", "standard deviation of the vehicles' speeds at an instant, its mean"
)
COLLISIONS = Metric(
    "collisions", "1", "lower", "1 if vehicles have touched; the rest of the episode counts as 0"
)
MIN_GAP = Metric("min_gap", "m", "higher", "least gap between any two vehicles under control")
EFFORT = Metric(
    "effort", "m/s²", "lower", "mean |acceleration| of automated vehicles that were not human-driven"
)
INTERVENED = Metric(
    "intervened", "1", "lower", "share of steps in which the gap filter slowed a vehicle down"
)
FUEL_USED = Metric(
    "fuel", "l/100 km", "lower", "fuel of all vehicles by way driven; midsize SUV of arXiv 2104.11267"
)

HUMAN = Baseline("human", "sandbox_mixed.baselines:human", "all vehicles follow the human model", IDM)
FOLLOWER_STOPPER = Baseline(
    "follower-stopper",
    "sandbox_mixed.baselines:follower_stopper",
    "FollowerStopper; told the right speed, which it approaches along a tuned ramp",
    STERN,
)
PI = Baseline(
    "pi-saturation",
    "sandbox_mixed.baselines:pi_saturation",
    "PI controller with saturation, its published constants",
    STERN,
)
PI_TUNED = Baseline(
    "pi-tuned",
    "sandbox_mixed.baselines:pi_tuned",
    "PI controller with saturation, its catch-up speed and gaps tuned",
    STERN,
)
ACC = Baseline(
    "adaptive-cruise",
    "sandbox_mixed.baselines:adaptive_cruise",
    "adaptive cruise control, gains and time gap tuned",
    "Milanés & Shladover 2014, Transportation Research C 48, 285-300",
)
CONTROLLERS = (HUMAN, FOLLOWER_STOPPER, PI, PI_TUNED, ACC)
METERING = Baseline(
    "metering",
    "sandbox_mixed.sumo.metering:metering",
    "slows automated vehicles before the last lane drop, the more the fuller the road behind it; tuned",
    "after Papageorgiou, Hadj-Salem & Blosseville 1991, Transportation Research Record 1320, 58-64",
    offered="sandbox_mixed.config:is_bottleneck",
)
ON_SUMO = (
    HUMAN,
    *(replace(rule, offered="sandbox_mixed.config:drives_vehicles") for rule in CONTROLLERS[1:]),
    METERING,
)

SPACE_TIME = View(
    "space-time", "sandbox_mixed.views:space_time", "trajectories of all vehicles, coloured by speed"
)
FUNDAMENTAL = View(
    "fundamental",
    "sandbox_mixed.views:fundamental",
    "flow against density, a point an episode, beside uniform flow",
)
REPLAY = View("replay", "sandbox_mixed.views:replay", "the road from above for the web page", ("json",))

HUMAN_ACTS = {
    "baselines-only-look": "`human` leaves automated vehicles to the simulation's human model, whose braking "
    "is not bounded as actions are: it tells the simulation so, and nothing else",
}

NOBODY_LEAVES = {
    "baseline-beats-random": "the suite's small instance is a ring of 20 s, which no vehicle leaves, and the "
    "first scenario of the task ranks by outflow",
}

RING = Task(
    name="ring",
    version=2,
    title="A stop-and-go wave on a ring road, and automated vehicles that dissolve it",
    config="sandbox_mixed.config:RingConfig",
    make="sandbox_mixed.ring.core:make",
    make_vec="sandbox_mixed.ring.core:make_vec",
    observation_fields="sandbox_mixed.lanes:observation_fields",
    rewards="sandbox_mixed.ring.reward:REWARDS",
    default_reward="smooth",
    transition="sandbox_mixed.ring.reward:Interval",
    metrics=(
        Metric("share", "1", "higher", "mean speed as a share of the speed of uniform flow on the same ring"),
        SPEED,
        SPREAD,
        Metric("settling", "s", "lower", "last time at which the spread of speeds was above 0.5 m/s"),
        COLLISIONS,
        MIN_GAP,
        EFFORT,
        INTERVENED,
        FUEL_USED,
        Metric("length", "m", "higher", "length of the ring, for reading the others"),
    ),
    cheap=True,
    resume="state",
    baselines=CONTROLLERS,
    expected_failures=HUMAN_ACTS,
    bound="sandbox_mixed.ring.bounds:bound",
    views=(SPACE_TIME, FUNDAMENTAL, REPLAY),
    sources=(WU, STERN, IDM, FUEL),
    small={
        "vehicles": 6,
        "length": (60.0, 75.0),
        "bunching": 5.0,
        "without": None,
        "warmup": 5.0,
        "horizon": 20.0,
        "measured": 10.0,
    },
)

PLATOON = Task(
    name="platoon",
    version=4,
    title="An automated vehicle and a platoon behind a leader with a recorded speed",
    config="sandbox_mixed.config:PlatoonConfig",
    make="sandbox_mixed.platoon.core:make",
    make_vec="sandbox_mixed.platoon.core:make_vec",
    observation_fields="sandbox_mixed.lanes:observation_fields",
    rewards="sandbox_mixed.platoon.reward:REWARDS",
    default_reward="frugal",
    transition="sandbox_mixed.platoon.reward:Interval",
    metrics=(
        FUEL_USED,
        Metric(
            "throughput", "veh/h", "higher", "mean speed by mean spacing of the vehicles behind the leader"
        ),
        Metric("speed", "m/s", "higher", "mean speed of the vehicles behind the leader"),
        Metric("spacing", "m", "lower", "mean spacing of the vehicles, leader to last"),
        Metric("widest_gap", "m", "lower", "widest gap of an automated vehicle"),
        MIN_GAP,
        COLLISIONS,
        INTERVENED,
    ),
    cheap=True,
    resume="state",
    baselines=CONTROLLERS,
    expected_failures=HUMAN_ACTS,
    views=(SPACE_TIME, REPLAY),
    sources=(STERN, IDM, FUEL, "Lichtlé et al. 2022, Deploying traffic smoothing cruise controllers, ICRA"),
    small={"platoon": 3, "horizon": 20.0},
)

RING_AGENTS = replace(
    RING,
    name="ring-agents",
    version=1,
    title="The ring with several automated vehicles, each of them an agent",
    agents="parallel",
    make="sandbox_mixed.agents:make_ring",
    make_vec="sandbox_mixed.agents:make_ring_vec",
    observation_fields="sandbox_mixed.lanes:fleet_fields",
    small={**RING.small, "automated": 2},
)

PLATOON_AGENTS = replace(
    PLATOON,
    name="platoon-agents",
    version=3,
    title="The platoon with several automated vehicles, each of them an agent",
    agents="parallel",
    make="sandbox_mixed.agents:make_platoon",
    make_vec="sandbox_mixed.agents:make_platoon_vec",
    observation_fields="sandbox_mixed.lanes:fleet_fields",
    small={**PLATOON.small, "automated": 2},
)

SUMO = Task(
    name="sumo",
    version=2,
    title="The ring, and Flow's figure-eight, merge and bottleneck, on SUMO",
    config="sandbox_mixed.config:SumoConfig",
    make="sandbox_mixed.sumo.core:make",
    observation_fields="sandbox_mixed.sumo.core:observation_fields",
    rewards="sandbox_mixed.sumo.reward:REWARDS",
    default_reward="speed",
    transition="sandbox_mixed.sumo.reward:Interval",
    metrics=(
        SPEED,
        SPREAD,
        Metric("outflow", "veh/h", "higher", "vehicles that left the network in the measured part"),
        Metric("backlog", "veh", "lower", "vehicles that wait to enter at the end"),
        COLLISIONS,
        INTERVENED,
        Metric("length", "m", "higher", "length of the ring, for reading the others; 0 elsewhere"),
    ),
    max_num_envs=2,
    resume="none",
    baselines=ON_SUMO,
    expected_failures={**HUMAN_ACTS, **NOBODY_LEAVES},
    sources=(WU, FLOW, STERN, IDM),
    small={
        "network": "ring",
        "decision_steps": 5,
        "vehicles": 6,
        "length": (60.0, 75.0),
        "bunching": 5.0,
        "warmup": 2.0,
        "horizon": 20.0,
        "measured": 10.0,
    },
)

domain = Domain(
    name="mixed-autonomy",
    title="Automated vehicles among human drivers",
    tasks=(RING, PLATOON, SUMO, RING_AGENTS, PLATOON_AGENTS),
    default_scenario="mixed-autonomy/ring",
    requires=("numba",),
    commands=(
        Command(
            "trace", "sandbox_mixed.platoon.command:trace", "write a stop-and-go speed trace for a leader"
        ),
    ),
    extra="mixed",
    sources=(WU, STERN, IDM, FUEL),
)
