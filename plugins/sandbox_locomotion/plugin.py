"""The declaration of the locomotion domain. Importing this file loads neither MuJoCo nor NumPy."""

from __future__ import annotations

from sandbox.api import Baseline, Domain, Metric, Task, View

METRICS = (
    Metric("speed", "m/s", "higher", "forward distance divided by the time until the episode ended"),
    Metric("distance", "m", "higher", "forward distance covered in the episode"),
    Metric("falls", "1", "lower", "1 if the robot lies on the ground or on its back at the end"),
    Metric(
        "cost_of_transport",
        "1",
        "lower",
        "work of the motors divided by weight and distance; 1000 below 1 m",
    ),
    Metric("command_error", "m/s", "lower", "mean error of the horizontal velocity against the command"),
    Metric("turn_error", "rad/s", "lower", "mean error of the turn rate against the command"),
    Metric("steps", "steps", "higher", "control steps until the episode ended"),
    Metric("failures", "1", "lower", "1 if the physics diverged or an action was not finite"),
)

SOURCES = (
    "MuJoCo 4.0 (Todorov, Erez and Tassa 2012, IROS; mujoco.org)",
    "Gymnasium v5 MuJoCo environments (Towers et al. 2024, arXiv 2407.17032)",
)

_ZERO = Baseline(
    "zero",
    "sandbox_locomotion.baselines.zero:zero",
    "drives no motor; servos hold the start pose",
    "Its return on Ant-v5 is about 1000, for surviving",
)

_OPEN_LOOP = Baseline(
    "open-loop",
    "sandbox_locomotion.baselines.oscillators:open_loop",
    "tuned open-loop oscillators, one per joint, with PD control",
    "Raffin et al. 2023, arXiv 2310.05808",
    offered="sandbox_locomotion.baselines.oscillators:has_gait",
)
_TROT = Baseline(
    "trot",
    "sandbox_locomotion.baselines.trot:trot",
    "tuned trot that follows the command, or runs straight ahead where there is none",
    "Raibert 1986, Legged Robots That Balance; Raffin et al. 2023, arXiv 2310.05808",
    offered="sandbox_locomotion.baselines.trot:has_trot",
)

_PLANNERS = (
    Baseline(
        "predictive-sampling",
        "sandbox_locomotion.baselines.sampling_mpc:predictive_sampling",
        "simulates 32 candidate plans of 0.8 s at every step and follows the best; the environment waits",
        "Howell et al. 2022, arXiv 2212.00541",
    ),
    Baseline(
        "mppi",
        "sandbox_locomotion.baselines.sampling_mpc:mppi",
        "as predictive sampling, but follows the average of the plans, weighted by their returns",
        "Williams et al. 2017, ICRA",
    ),
)

_VIEWS = (
    View("speed", "sandbox_locomotion.views:draw_speed", "forward speed over time", ("png", "svg", "pdf")),
    View("replay", "sandbox_locomotion.views:draw_replay", "images, speed and height", ("json",)),
)

_CONTACT_FORCES = {
    "no-constant-observation": "the observation is that of Gymnasium v5, where a body without contact has a "
    "contact force of zero",
}


def _task(robot: str, title: str, config: str, reward: str = "gymnasium") -> Task:
    return Task(
        name=robot,
        version=2,
        title=title,
        config=f"sandbox_locomotion.config:{config}",
        make="sandbox_locomotion.env:make",
        make_vec="sandbox_locomotion.env:make_vec",
        observation_fields="sandbox_locomotion.fields:observation_fields",
        rewards=f"sandbox_locomotion.reward:{robot.replace('-', '_').upper()}",
        default_reward=reward,
        metrics=METRICS,
        simulator="sandbox_locomotion.look_ahead:simulator",
        resume="state",
        baselines=(_ZERO, _TROT if robot == "quadruped" else _OPEN_LOOP, *_PLANNERS),
        sources=SOURCES,
        views=_VIEWS,
        tables="sandbox_locomotion.inspection.tables:describe_robot",
        picture="sandbox_locomotion.inspection.portrait:draw_robot",
        small={"horizon": 60},
        expected_failures=_CONTACT_FORCES if robot in ("ant", "humanoid") else {},
    )


domain = Domain(
    name="locomotion",
    title="Robot locomotion on MuJoCo",
    tasks=(
        _task("ant", "A four-legged robot runs", "Ant"),
        _task("half-cheetah", "A two-legged robot runs in a vertical plane", "HalfCheetah"),
        _task("hopper", "A one-legged robot hops", "Hopper"),
        _task("walker2d", "A two-legged robot walks in a vertical plane", "Walker2d"),
        _task("humanoid", "A humanoid walks", "Humanoid"),
        _task("swimmer", "A robot with three links swims", "Swimmer"),
        _task("quadruped", "A real quadruped follows a velocity command", "QuadrupedConfig", "command"),
    ),
    default_scenario="locomotion/ant",
    requires=("mujoco",),
    extra="locomotion",
    sources=SOURCES,
)
