"""What the locomotion domain offers; importing this file loads neither MuJoCo nor NumPy."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task, View

METRICS = (
    Metric("speed", "m/s", "higher", "distance covered forwards, by the time the robot was up"),
    Metric("distance", "m", "higher", "distance covered forwards in the episode"),
    Metric("falls", "1", "lower", "1 if the robot lies on the ground or on its back at the end"),
    Metric(
        "cost_of_transport",
        "1",
        "lower",
        "work of the motors per weight and distance; 1000 for less than 1 m",
    ),
    Metric("command_error", "m/s", "lower", "mean distance of the horizontal velocity from the command"),
    Metric("turn_error", "rad/s", "lower", "mean distance of the turn rate from the command"),
    Metric("steps", "steps", "higher", "control steps until the episode ended"),
    Metric("failures", "1", "lower", "1 if the physics diverged"),
)

SOURCES = (
    "MuJoCo 4.0 (Todorov, Erez and Tassa 2012, IROS; mujoco.org)",
    "Gymnasium v5 MuJoCo environments (Towers et al. 2024, arXiv 2407.17032)",
)

_ZERO = Baseline(
    "zero",
    "sandbox_locomotion.baselines:zero",
    "no motor is driven (the quadruped holds its standing pose)",
    "On Ant-v5 this earns about 1000 for surviving",
)

_OPEN_LOOP = Baseline(
    "open-loop",
    "sandbox_locomotion.oscillators:open_loop",
    "tuned oscillators, one a joint, that do not see where the robot is",
    "Raffin et al. 2023, arXiv 2310.05808",
)
_TROT = Baseline(
    "trot",
    "sandbox_locomotion.trot:trot",
    "tuned trot that steps as fast as it is told, or as it can where nothing is commanded",
    "Raibert 1986, Legged Robots That Balance; Raffin et al. 2023, arXiv 2310.05808",
)

_PLANNERS = (
    Baseline(
        "predictive-sampling",
        "sandbox_locomotion.mpc:predictive_sampling",
        "plays 32 candidate plans of 0.8 s ahead at every step and begins the best; the world waits",
        "Howell et al. 2022, arXiv 2212.00541",
    ),
    Baseline(
        "mppi",
        "sandbox_locomotion.mpc:mppi",
        "as predictive sampling, with the average of the plans weighted by their returns",
        "Williams et al. 2017, ICRA",
    ),
)

_VIEWS = (
    View("speed", "sandbox_locomotion.views:draw_speed", "forward speed over time", ("png", "svg", "pdf")),
    View("replay", "sandbox_locomotion.views:draw_replay", "pictures, speed and height", ("json",)),
)

_NOT_KEPT = {
    "no-constant-observation": "Gymnasium's v5 observation is kept as it is: a body that touches nothing has "
    "a contact force of zero",
}


def _task(robot: str, title: str, config: str, reward: str = "gymnasium") -> Task:
    return Task(
        name=robot,
        version=1,
        title=title,
        config=f"sandbox_locomotion.config:{config}",
        make="sandbox_locomotion.env:make",
        make_vec="sandbox_locomotion.env:make_vec",
        rewards=f"sandbox_locomotion.reward:{robot.replace('-', '_').upper()}",
        default_reward=reward,
        metrics=METRICS,
        resume="state",
        baselines=(_ZERO, _TROT if robot == "quadruped" else _OPEN_LOOP, *_PLANNERS),
        sources=SOURCES,
        views=_VIEWS,
        small={"horizon": 60},
        expected_failures=_NOT_KEPT if robot in ("ant", "humanoid") else {},
    )


domain = Domain(
    name="locomotion",
    title="Robot locomotion on MuJoCo",
    tasks=(
        _task("ant", "A robot of four legs runs", "Ant"),
        _task("half-cheetah", "A robot of two legs runs in a vertical plane", "HalfCheetah"),
        _task("hopper", "A robot of one leg hops", "Hopper"),
        _task("walker2d", "A robot of two legs walks in a vertical plane", "Walker2d"),
        _task("humanoid", "A humanoid walks", "Humanoid"),
        _task("swimmer", "A robot of three links swims", "Swimmer"),
        _task("quadruped", "A real quadruped follows a velocity command", "QuadrupedConfig", "command"),
    ),
    default_scenario="locomotion/ant",
    requires=("mujoco",),
    extra="locomotion",
    sources=SOURCES,
)
