"""The environments: rules kept in the simulator, seeds, rewards, and several simulations at once."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import parallel_api_test
from traffic_support import COLOGNE1, GRID, play_random

from sandbox.api import BrokenFileError, InvalidValueError, MissingExtraError
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv, SignalsEnv, make_signal
from sandbox_traffic.network.files import find_file
from sandbox_traffic.network.phases import GREEN
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.sumo.library import import_libsumo
from sandbox_traffic.sumo.local import LocalSimulation
from sandbox_traffic.sumo.remote import RemoteSimulation

MakeOne = Callable[..., SignalEnv]
MakeAll = Callable[..., SignalsEnv]


def test_gymnasium_accepts_the_single_task(signal_env: MakeOne) -> None:
    check_env(signal_env(duration=60), skip_render_check=True)


def test_pettingzoo_accepts_the_parallel_task(signals_env: MakeAll) -> None:
    parallel_api_test(signals_env(duration=60, **GRID), num_cycles=30)


def test_the_parallel_task_takes_a_network_of_one_signal(signals_env: MakeAll) -> None:
    env = signals_env(duration=60)
    env.reset(seed=0)
    assert env.agents == ["c"]


def test_the_single_task_refuses_a_grid(signal_env: MakeOne) -> None:
    with pytest.raises(InvalidValueError, match="16 signals"):
        signal_env(**GRID)


def test_the_same_seed_gives_the_same_episode(signal_env: MakeOne) -> None:
    env = signal_env(**COLOGNE1)
    first, second, other = (play_random(env, seed, 7) for seed in (3, 3, 4))
    assert first == second
    assert first != other


@pytest.mark.parametrize("config", [{}, COLOGNE1], ids=["generated", "routes-file"])
def test_seeds_differ_in_their_demand(signal_env: MakeOne, config: dict[str, Any]) -> None:
    env = signal_env(**config)
    seen = set()
    for seed in range(3):
        env.reset(seed=seed)
        outcome = [env.step(np.int64(0))[0].tobytes() for _ in range(20)]
        seen.add(tuple(outcome))
    assert len(seen) == 3


def test_reset_without_a_seed_goes_on_with_the_generator(signal_env: MakeOne) -> None:
    env = signal_env()

    def episodes() -> list[Any]:
        env.reset(seed=5)
        return [play_random(env, None, 1), play_random(env, None, 1)]

    first = episodes()
    assert first[0] != first[1]
    assert episodes() == first


def test_rules_hold_in_the_simulator_whatever_is_asked(signal_env: MakeOne) -> None:
    """Every second's signal state is recorded under random requests, forbidden ones included."""
    env = signal_env(min_green=7, yellow=3, all_red=2, **COLOGNE1)
    simulation = env.simulation._sumo = LocalSimulation(env.batch.network.spec)
    env.reset(seed=0)
    signal, shown = env.batch.network.signals[0], []
    inner = simulation._sumo

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def simulationStep(self, until: float) -> None:
            while inner.simulation.getTime() < until:
                shown.append(inner.trafficlight.getRedYellowGreenState(signal.id))
                inner.simulationStep(0)

    simulation._sumo = Recorder()
    rng = np.random.default_rng(0)
    held = [env.step(rng.integers(4))[4]["held"] for _ in range(60)]
    assert any(held)
    assert not all(held)
    assert len(shown) == 300
    runs = [[shown[0], 0]]
    for state in shown:
        if state != runs[-1][0]:
            runs.append([state, 0])
        runs[-1][1] += 1
    for state, seconds in runs[:-1]:
        if state in signal.phases:
            assert seconds >= 7
        elif "y" in state:
            assert seconds == 3
        else:
            assert seconds == 2
    for before, after in pairwise(shown):
        for link, (a, b) in enumerate(zip(before, after, strict=True)):
            assert not (a in GREEN and b == "r"), f"link {link} lost green without yellow"


def test_what_is_read_only_where_something_changed_is_what_sumo_counts(signal_env: MakeOne) -> None:
    """Only loops that were crossed are read, and edges until all waiting vehicles are counted."""
    files = "sumo-rl:2way-single-intersection/single-intersection"
    env = signal_env(net=f"{files}.net.xml", routes=f"{files}-vhvh.rou.xml", duration=900, jam=300)
    simulation = env.simulation._sumo = LocalSimulation(env.batch.network.spec)
    rng, waited = np.random.default_rng(0), 0.0
    for seed in range(2):
        env.reset(seed=seed)
        for _ in range(150):
            env.step(rng.integers(4) if rng.random() < 0.3 else np.int64(env.simulation.clocks[0].phase))
            sumo, seen = simulation._sumo, simulation._snapshot
            crossed = [*map(sumo.inductionloop.getIntervalVehicleNumber, simulation._loops)]
            waiting = [*map(sumo.edge.getPendingVehicles, env.batch.network.spec.edges)]
            assert seen.passed.tolist() == crossed
            assert seen.outside.tolist() == [*map(len, waiting)]
            waited = max(waited, seen.outside.sum())
    assert waited > 10
    assert seen.passed.sum() > 100


def test_the_mask_says_what_will_be_held(signal_env: MakeOne) -> None:
    env = signal_env()
    _, info = env.reset(seed=0)
    rng = np.random.default_rng(1)
    for _ in range(40):
        mask, phase = info["action_mask"], info["phase"]
        assert mask.shape == (4,)
        assert mask.any()
        action = rng.integers(4)
        *_, info = env.step(action)
        assert info["held"] == (not mask[action])
        assert info["phase"] == (action if mask[action] else phase)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_terms_sum_to_the_reward(signal_env: MakeOne, preset: str) -> None:
    env = signal_env(preset, **COLOGNE1)
    env.reset(seed=0)
    weights = PRESETS[preset].weights
    total = 0.0
    for _ in range(30):
        _, reward, _, _, info = env.step(np.int64(0))
        assert set(info["reward_terms"]) == set(weights)
        assert reward == PRESETS[preset].total(info["reward_terms"])
        total += reward
    assert total != 0, "the road is never empty for long"


def test_waiting_differences_add_up_to_the_waiting_time(signal_env: MakeOne) -> None:
    env = signal_env(**COLOGNE1)
    env.reset(seed=0)
    terms = [env.step(np.int64(0))[4]["reward_terms"] for _ in range(30)]
    assert sum(term["waiting_difference"] for term in terms) == pytest.approx(terms[-1]["waiting"])


def test_each_agent_has_its_own_terms(signals_env: MakeAll) -> None:
    env = signals_env(**GRID)
    env.reset(seed=0)
    for _ in range(40):
        *_, infos = env.step(dict.fromkeys(env.possible_agents, 0))
    queues = {infos[name]["reward_terms"]["queue"] for name in env.possible_agents}
    assert len(queues) > 1


def test_the_time_limit_truncates_and_the_info_has_the_metrics(signal_env: MakeOne) -> None:
    env = signal_env(duration=52)
    env.reset(seed=0)
    for step in range(11):
        _, _, terminated, truncated, info = env.step(np.int64(0))
        assert not terminated
        assert truncated is (step == 10)  # 10 decisions of 5 s and one of 2 s
        assert ("metrics" in info) is truncated
    assert info["time"] == 52
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.int64(0))


def test_observations_show_phase_and_vehicles(signal_env: MakeOne) -> None:
    env = signal_env(duration=600, demand=1.5, max_green=None)
    observation, _ = env.reset(seed=0)
    assert observation.shape == (4 + 2 + 6 * 12,)
    assert observation.tolist() == [1, 0, 0, 0, 0] + [0] * 73
    for _ in range(100):
        observation, *_ = env.step(np.int64(1))
    assert observation[:6].tolist() == [0, 1, 0, 0, 1, 1], "green for more than a minute"
    density, queue, _, loop, slow, waited = observation[6:].reshape(6, 12)
    assert ((slow <= density) & (waited > 0) >= (queue > 0)).all()
    assert (density >= queue).all()
    assert (loop > 0).any()
    assert queue.max() > 0.5  # the straight lanes of the main road have had no green


def test_vehicles_outside_are_observed_and_rewarded(signal_env: MakeOne) -> None:
    env = signal_env(duration=900, demand=2.5, max_green=None)
    env.reset(seed=0)
    for _ in range(180):
        observation, _, _, _, info = env.step(np.int64(1))
    assert info["reward_terms"]["outside"] > 10
    assert observation[6:].reshape(6, 12)[2].max() > 0.5


def test_two_environments_in_one_program_do_not_disturb_each_other(signal_env: MakeOne) -> None:
    alone = [play_random(signal_env(**config), 1, 2) for config in ({}, COLOGNE1)]
    first, second = signal_env(), signal_env(**COLOGNE1)
    first.reset(seed=1)
    second.reset(seed=1)
    kinds = {type(env.simulation._sumo) for env in (first, second)}
    assert RemoteSimulation in kinds
    together: list[list[Any]] = [[], []]
    generators = [np.random.default_rng(2), np.random.default_rng(2)]
    over = False
    while not over:
        for env, record, rng in zip((first, second), together, generators, strict=True):
            observation, reward, _, over, info = env.step(rng.integers(4))
            record.append((observation.tobytes(), reward, info.get("metrics")))
    assert together == alone


def test_closing_ends_the_child_process_and_frees_the_simulator(signal_env: MakeOne) -> None:
    first, second, third = signal_env(), signal_env(), signal_env()
    first.reset(seed=0)
    second.reset(seed=0)
    remote = second.simulation._sumo
    assert isinstance(remote, RemoteSimulation)
    process = remote.pid
    assert process is not None
    second.close()
    for _ in range(100):
        third.reset(seed=0)  # the helper that starts this episode takes leave of those that have ended
        if not Path(f"/proc/{process}").exists():
            break
    assert not Path(f"/proc/{process}").exists()
    first.close()
    third.reset(seed=0)


def test_an_environment_can_be_used_again_after_close(signal_env: MakeOne) -> None:
    env = signal_env()
    first = play_random(env, 1, 1)
    env.close()
    env.close()
    assert play_random(env, 1, 1) == first


def _play_in_worker(queue: Any) -> None:
    env = make_signal(SignalConfig(duration=100), PRESETS["queue"])
    queue.put((play_random(env, 1, 1), os.getpid()))
    env.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_play_beside_a_live_simulation(signal_env: MakeOne, method: str) -> None:
    env = signal_env(duration=100)
    env.reset(seed=1)
    env.step(np.int64(0))
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    worker = context.Process(target=_play_in_worker, args=(queue,), daemon=True)
    worker.start()
    record, pid = queue.get(timeout=60)
    worker.join(timeout=60)
    assert pid != os.getpid()
    env.step(np.int64(0))  # the parent's simulation is still there
    assert play_random(env, 1, 1) == record


def test_a_script_without_a_main_guard_may_use_two_environments(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from sandbox_traffic.config import SignalConfig\n"
        "from sandbox_traffic.env import make_signal\n"
        "from sandbox_traffic.reward import PRESETS\n"
        "envs = [make_signal(SignalConfig(duration=60), PRESETS['queue']) for _ in range(2)]\n"
        "seen = [env.reset(seed=1)[0] for env in envs]\n"
        "seen = [env.step(0)[0] for env in envs]\n"
        "print((seen[0] == seen[1]).all())\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "True\n"
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def _routes(folder: Path, *vehicles: str) -> str:
    path = folder / "my.rou.xml"
    path.write_text("\n".join(["<routes>", *vehicles, "</routes>"]))
    return str(path)


@pytest.mark.parametrize("depart", [25201, 25460], ids=["at-start", "later"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside-another"])
def test_a_broken_route_is_reported_in_sumos_words_with_file_and_line(
    signal_env: MakeOne, tmp_path: Path, depart: int, beside: bool
) -> None:
    if beside:
        signal_env().reset(seed=0)
    good = '<trip id="ok" depart="25200" from="23429231#1" to="32038051#0"/>'
    bad = f'<trip id="lost" depart="{depart}" from="nowhere" to="32038051#0"/>'
    env = signal_env(**{**COLOGNE1, "routes": _routes(tmp_path, good, bad)})
    with pytest.raises(BrokenFileError, match=r"my\.rou\.xml, line 3: SUMO says: The edge 'nowhere'"):  # noqa: PT012
        env.reset(seed=0)
        for _ in range(60):
            env.step(np.int64(0))
    good_env = signal_env(duration=50)  # an error leaves nothing behind
    play_random(good_env, 1, 1)


def test_temporary_files_are_removed(signal_env: MakeOne) -> None:
    env = signal_env()
    simulation = env.simulation._sumo = LocalSimulation(env.batch.network.spec)
    env.reset(seed=0)
    folders = [simulation._folder]
    assert env.simulation._folder is not None
    folders.append(env.simulation._folder.path)
    assert all(folder.is_dir() for folder in folders)
    env.close()
    assert not any(folder.exists() for folder in folders)


def test_an_unknown_render_mode_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidValueError, match="human") as caught:
        make_signal(SignalConfig(), PRESETS["queue"], "human")
    assert "rgb_array" in caught.value.hint


def test_a_simulation_of_the_users_own_is_left_alone(signal_env: MakeOne) -> None:
    libsumo = import_libsumo()
    net = find_file("sumo-rl:RESCO/cologne1/cologne1.net.xml")
    libsumo.start(["sumo", "--net-file", str(net), "--no-step-log", "true"])
    try:
        env = signal_env(duration=50)
        play_random(env, 1, 1)
        assert libsumo.isLoaded()
        assert libsumo.simulation.getTime() == 0
    finally:
        libsumo.close()


def test_without_libsumo_the_extra_is_named(signal_env: MakeOne, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libsumo", None)
    with pytest.raises(MissingExtraError) as caught:
        signal_env().reset(seed=0)
    assert caught.value.hint == 'pip install "sandbox-rl[traffic]"'


def test_an_episode_does_not_depend_on_those_before_it(signal_env: MakeOne) -> None:
    env = signal_env(duration=1200, **COLOGNE1)
    first, *_, last = (play_random(env, seed, 3) for seed in (1, 0, 2, 1))
    assert last == first


def test_a_demand_spread_varies_the_number_of_vehicles_around_its_mean(signal_env: MakeOne) -> None:
    def vehicles(spread: float, seed: int) -> float:
        env = signal_env(**{**COLOGNE1, "duration": 300, "demand_spread": spread})
        env.reset(seed=seed)
        over, info = False, {}
        while not over:
            _, _, _, over, info = env.step(np.int64(0))
        metrics = info["metrics"]
        return float(metrics["throughput"] * 300 / 3600 + metrics["unfinished"] + metrics["undeparted"])

    plain = [vehicles(0.0, seed) for seed in range(4)]
    spread = [vehicles(0.9, seed) for seed in range(4)]
    assert max(plain) - min(plain) <= 0.2 * max(plain), "only departures that leave the window differ"
    assert max(spread) - min(spread) > 0.4 * max(plain)
    assert max(spread) < 2.0 * max(plain)


def test_turners_that_block_one_another_inside_the_junction_are_driven_around(signal_env: MakeOne) -> None:
    """Without, SUMO's opposing left turners may stand in the junction to the end whatever is green."""

    def play(blockers: int | None) -> dict[str, float]:
        env = signal_env(**COLOGNE1, duration=1500, demand=1.5, yellow=3, junction_blockers=blockers)
        _, info = env.reset(seed=3)
        over, step = False, 0
        while not over:
            wanted = (0, 2)[step % 2]  # the two straight phases in quick turn, never the protected lefts
            mask = info["action_mask"]
            _, _, _, over, info = env.step(np.int64(wanted if mask[wanted] else mask.argmax()))
            step += 1
        metrics: dict[str, float] = info["metrics"]
        return metrics

    stuck, moving = play(None), play(60)
    assert stuck["throughput"] < 1000
    assert moving["throughput"] > 2500
