"""Pictures, the replay file and what the plugin declares."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from chip_support import design

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox.api.replay import read_replay
from sandbox_chip import plugin, render, views
from sandbox_chip.baselines import greedy_policy
from sandbox_chip.config import ChipConfig
from sandbox_chip.env import make
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.problem import build_problem
from sandbox_chip.replay import replay
from sandbox_chip.reward import PRESETS

SMALL = {"grid": 12, "macros_min": 5, "macros_max": 7}


def request(path: Path, agents: int = 1, seeds: tuple[int, ...] = (3,), **changes: Any) -> ViewRequest:
    """A request whose episodes are played in the plugin's own environment."""
    config = ChipConfig(**{**SMALL, **changes})

    def make_env(render_mode: str | None = None) -> Any:
        return make(config, PRESETS["wirelength"], render_mode)

    def play(
        agent: ViewAgent, seed: int, watch: Callable[[Any, Moment], None], render_mode: str | None = None
    ) -> Any:
        env = make_env(render_mode)
        policy = agent.make(env)
        observation, info = env.reset(seed=seed)
        policy.reset(1, seed)
        watch(env, Moment(0, observation, None, 0.0, info))
        for step in range(1, 100):
            action = policy.act(observation, info["action_mask"])
            observation, reward, ended, _, info = env.step(action[0])
            watch(env, Moment(step, observation, action, reward, info))
            if ended:
                break
        return SimpleNamespace(metrics=info["metrics"])

    players = [ViewAgent(f"greedy {number}", greedy_policy) for number in range(agents)]
    return ViewRequest(make_env, players, seeds, path, play)


def test_a_replay_shows_the_placement_macro_by_macro(tmp_path: Path) -> None:
    wanted = request(tmp_path / "replay.json", agents=2, seeds=(3, 4), orientation="any")
    replay(wanted)
    episodes = read_replay(tmp_path / "replay.json").episodes
    assert [(each.agent, each.seed) for each in episodes] == [
        ("greedy 0", 3),
        ("greedy 0", 4),
        ("greedy 1", 3),
        ("greedy 1", 4),
    ]
    shown = episodes[0]
    episode, record = views.play(wanted, wanted.agents[0], 3)
    problem, places = episode.problem, episode.state.places
    assert shown.scene.shapes[0].boxes == [(0, 0, 1000, 1000)]
    (macros,) = shown.scene.things
    assert macros.names == [problem.netlist.nodes[node] for node in problem.macros]
    last = [np.flatnonzero(macros.ids == macro)[-1] for macro in range(problem.num_macros)]
    # A macro appears in its frame and keeps its place; turned ones have their turned sides.
    half_w = problem.arrays.half_w[places[:, 2], np.arange(len(places))]
    assert macros.x[last] == pytest.approx(places[:, 0] * 1000 / 12, abs=1e-2)
    assert macros.y[last] == pytest.approx(places[:, 1] * 1000 / 12, abs=1e-2)
    assert macros.length[last] == pytest.approx(2 * half_w, abs=1e-2)
    (lengths,) = shown.series
    assert lengths.values[-1] == pytest.approx(record.metrics["hpwl"], rel=1e-5)
    first = places.copy()
    first[1:, 2] = -1
    assert lengths.values[0] == pytest.approx(
        wirelength(problem.arrays, all_bounds(problem.arrays, first)), rel=1e-5
    )
    rudy = next(shape for shape in shown.scene.shapes if shape.layer == "RUDY")
    peak = episode.rudy.max()
    assert np.array(rudy.values) == pytest.approx(episode.rudy.ravel(), abs=peak * 1e-2)
    circles = next(shape for shape in shown.scene.shapes if shape.kind == "circles")
    assert len(circles.centres) == (problem.netlist.kind == 1).sum()


@pytest.mark.parametrize("view", ["placement", "heat_maps"])
def test_a_view_draws_a_picture(tmp_path: Path, view: str) -> None:
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    getattr(views, view)(request(tmp_path / "view.png"))
    pixels = np.asarray(image.open(tmp_path / "view.png"))
    assert pixels.shape[0] > 300
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20


def test_several_agents_and_seeds_are_drawn_beside_each_other(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    views.placement(request(tmp_path / "single.png"))
    views.placement(request(tmp_path / "four.png", agents=2, seeds=(3, 4)))
    # Three in a row, so that four take two rows.
    sizes = [image.open(tmp_path / name).size for name in ("single.png", "four.png")]
    assert (sizes[1][0] / sizes[0][0], sizes[1][1] / sizes[0][1]) == (3, 2)


def test_an_animation_has_a_picture_for_every_macro(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    wanted = request(tmp_path / "order.gif")
    views.order(wanted)
    episode, _ = views.play(wanted, wanted.agents[0], 3)
    assert image.open(tmp_path / "order.gif").n_frames == episode.problem.num_macros + 1


def test_fly_lines_go_from_the_pins_of_the_longest_nets_to_their_middle() -> None:
    nets = [
        [(0, 0.0, 0.0), (2, 0.0, 0.0)],
        [(0, 10.0, 0.0), (1, 0.0, 0.0), (3, 0.0, 0.0)],
        [(1, 0.0, 0.0), (2, 0.0, 0.0)],
    ]
    drawn = design([(20.0, 20.0), (10.0, 10.0)], [(0.0, 10.0), (60.0, 90.0)], nets)
    problem = build_problem(drawn, 10)
    # The first macro's centre is (10, 10), the second is not placed: net 0 spans 10, net 1 from (20, 10) to
    # (60, 90) spans 120, net 2 has one pin.
    places = np.array([[0, 0, 0], [0, 0, -1]])
    centres = problem.centres(places)
    assert render.fly_lines(problem, places, *centres, 1) == [((20, 10), (40, 50)), ((60, 90), (40, 50))]
    assert len(render.fly_lines(problem, places, *centres)) == 4


# Declaration


def test_importing_the_plugin_loads_neither_numpy_nor_numba() -> None:
    code = (
        "import sys, sandbox_chip.plugin; print([m for m in ('numpy', 'numba', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_rewards_loads_no_compiler() -> None:
    code = "import sys, sandbox_chip.reward; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_the_task_names_is_there() -> None:
    from importlib import import_module

    task = plugin.placement
    names = [task.config, task.make, task.make_vec, task.rewards]
    names += [baseline.make for baseline in task.baselines] + [view.draw for view in task.views]
    for name in names:
        module, _, attribute = str(name).partition(":")
        assert getattr(import_module(module), attribute) is not None, name
    assert plugin.domain.requires == ("numba",)
