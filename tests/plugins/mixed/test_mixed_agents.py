"""Several automated vehicles as agents: the same road as with one decision maker, seen by each for itself."""

from __future__ import annotations

import numpy as np
import pytest

import sandbox
from sandbox.training.train import train
from sandbox_mixed.agents import make_platoon, make_ring, make_ring_vec
from sandbox_mixed.baselines import pi_tuned
from sandbox_mixed.config import PlatoonConfig, RingConfig
from sandbox_mixed.platoon.core import make as make_one_platoon
from sandbox_mixed.platoon.reward import REWARDS as PLATOON_REWARDS
from sandbox_mixed.ring.core import make as make_one_ring
from sandbox_mixed.ring.core import make_vec as make_one_ring_vec
from sandbox_mixed.ring.reward import REWARDS

SMALL = {"vehicles": 8, "automated": 2, "length": (80.0, 95.0), "bunching": 8.0}
RING = RingConfig(**SMALL, warmup=10.0, horizon=20.0, measured=10.0, sees="errors", decision_steps=10)
PLATOON = PlatoonConfig(platoon=4, automated=2, horizon=20.0)
ROADS = {
    "ring": (make_ring, make_one_ring, RING, REWARDS["smooth"]),
    "platoon": (make_platoon, make_one_platoon, PLATOON, PLATOON_REWARDS["frugal"]),
}


@pytest.mark.parametrize("road", ROADS)
def test_each_agent_sees_its_own_part_of_what_one_decision_maker_sees(road: str):
    make, make_one, config, reward = ROADS[road]
    several, one = make(config, reward), make_one(config, reward)
    seen, _ = several.reset(seed=4)
    whole, _ = one.reset(seed=4)
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert np.array_equal(np.concatenate([seen[name] for name in several.possible_agents]), whole)
        actions = rng.uniform(-1, 1, 2).astype(np.float32)
        seen, earned, *_ = several.step({f"av-{i}": actions[i : i + 1] for i in range(2)})
        whole, reward_of_one, *_ = one.step(actions)
        assert np.mean(list(earned.values())) == pytest.approx(reward_of_one)


def test_effort_is_each_ones_own_and_the_flow_is_common():
    env = make_ring(RING, REWARDS["smooth"])
    env.reset(seed=1)
    env.step({"av-0": np.zeros(1, np.float32), "av-1": np.zeros(1, np.float32)})
    *_, infos = env.step({"av-0": np.zeros(1, np.float32), "av-1": np.full(1, 0.2, np.float32)})
    terms = [infos[name]["reward_terms"] for name in ("av-0", "av-1")]
    assert terms[0]["share"] == terms[1]["share"]
    assert terms[0]["effort"] == 0
    assert terms[1]["effort"] == pytest.approx(0.2, rel=1e-3)


def test_a_collision_ends_the_episode_of_all():
    config = RING.model_copy(update={"gap_filter": False, "horizon": 60.0})
    env = make_ring(config, REWARDS["smooth"])
    env.reset(seed=0)
    while env.agents:
        _, earned, terminated, truncated, _ = env.step({name: np.ones(1, np.float32) for name in env.agents})
    assert terminated == {"av-0": True, "av-1": True}
    assert not any(truncated.values())
    assert max(earned.values()) < -4


def test_controllers_drive_several_agents_as_they_drive_several_vehicles():
    one, several = make_one_ring_vec(RING, REWARDS["smooth"], 3), make_ring_vec(RING, REWARDS["smooth"], 3)
    shares = []
    for envs, axes in ((one, (3, 2)), (several, (3, 2, 1))):
        observation, info = envs.reset(seed=[1, 2, 3])
        policy, done = pi_tuned(envs), np.zeros(3, bool)
        policy.reset(3)
        while not done.all():
            rows = np.asarray(observation).reshape(6 if len(axes) == 3 else 3, -1)
            observation, _, terminated, truncated, info = envs.step(policy.act(rows).reshape(axes))
            done = (terminated | truncated).reshape(3, -1).any(1)
        shares.append(info["final_info"]["metrics"]["share"])
    assert np.array_equal(shares[0], shares[1])


@pytest.mark.learning
@pytest.mark.parametrize("algo", ["ppo", "ippo", "mappo"])
def test_agents_learn_to_drive_better_than_they_began(algo: str, tmp_path):
    changes = [
        f"config.{key}={list(value) if isinstance(value, tuple) else value}" for key, value in SMALL.items()
    ]
    changes += ["config.without=null", "config.warmup=20", "config.horizon=60", "config.measured=30"]
    hp = {
        "n_steps": 60,
        "batch_size": 240 if algo == "ppo" else 120,
        "log_std_init": -1.0,
        "learning_rate": 1e-3,
    }
    run = train(
        "mixed-autonomy/ring-agents",
        algo,
        steps=120_000,
        num_envs=16,
        changes=changes,
        hp=hp,
        runs_dir=tmp_path,
    )
    table = sandbox.evaluate([run, "random", "human"], run.scenario, episodes=12)
    learned, luck, people = (np.mean(table.values(name)) for name in (algo, "random", "human"))
    assert learned > max(luck, people)
