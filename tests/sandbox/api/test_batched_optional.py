"""What a core may have beyond the minimum: transitions by row, common rewards, futures, old states."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from cores import REWARDS, TAG, Tag, Walk, WalkConfig

from sandbox.api import Rewards, RewardTerm, batched, random_allowed

CONFIG, SPEC = WalkConfig(), REWARDS["default"]


class Moved:
    """The transition of one row."""

    def __init__(self, moved, place):
        self.moved, self.place = moved, place


class RowByRow(Walk):
    """A walk whose step tells of each row by itself."""

    def step(self, actions):
        super().step(actions)
        return [*map(Moved, self.moved.tolist(), self.place.tolist())]


class Foreseeing(Walk):
    """A walk whose slips can be drawn again."""

    def redraw(self, row, rng):
        self.slips[row, self.steps[row] :] = rng.random(len(self.slips[row]) - self.steps[row]) < 0.3

    def branch(self, state, rngs):
        for name in ("place", "steps", "moved", "slips"):
            getattr(self, name)[:] = state[name]
        for row, rng in enumerate(rngs):
            self.redraw(row, rng)

    def action_text(self, action, row=0):
        return ("left", "right", "stay")[int(action)]

    def exogenous(self):
        return {"slipped": self.slips[np.arange(len(self.steps)), self.steps - 1].astype(float)}

    def denominators(self, row):
        return {"steps": float(self.steps[row])}

    def upgrade_state(self, state):
        return state if "core" in state else {"core": state["walk"], **state}


class Shared:
    """Three agents that earn together what their actions sum to; two rows."""

    common_reward = True
    agents = ("a", "b", "c")
    action_space = gym.spaces.Discrete(4)
    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)

    def __init__(self, config, num_envs):
        self.steps, self.sums = 0, np.zeros(num_envs)

    def begin(self, row, rng):
        self.steps = 0

    def step(self, actions):
        self.steps += 1
        self.sums = actions.sum(axis=1) * 0.1
        return self

    def observe(self):
        return np.zeros((len(self.sums), 3, 1), np.float32)

    def ends(self):
        return False, self.steps >= 3

    def metrics(self, row):
        return {"sum": self.sums[row]}


def test_transitions_of_rows_give_what_one_of_arrays_gives():
    by_row, together = batched(RowByRow).make_vec(CONFIG, SPEC, 3), batched(Walk).make_vec(CONFIG, SPEC, 3)
    alone, other = batched(RowByRow).make(CONFIG, SPEC), batched(Walk).make(CONFIG, SPEC)
    for envs in (by_row, together):
        envs.reset(seed=[1, 2, 3])
    for env in (alone, other):
        env.reset(seed=1)
    for step in range(12):
        action = np.array([2, step % 3, 0])
        ours, theirs = by_row.step(action), together.step(action)
        assert ours[1].tobytes() == theirs[1].tobytes()
        for name, values in theirs[4]["reward_terms"].items():
            np.testing.assert_array_equal(ours[4]["reward_terms"][name], values)
        one, two = alone.step(2), other.step(2)
        assert (one[1], one[4]["reward_terms"]) == (two[1], two[4]["reward_terms"])
        assert one[1] == ours[1][0]
        if one[2] or one[3]:
            break


def test_a_lone_term_of_zero_is_a_reward_of_plain_zero():
    spec = Rewards([RewardTerm("moved", weight=-1.0, unit="cells")])["default"]
    envs = batched(Walk).make_vec(CONFIG, spec, 2)
    envs.reset(seed=0)
    reward = envs.step(np.array([2, 2]))[1]
    assert (reward == 0).all()
    assert not np.signbit(reward).any()


def test_agents_share_a_common_reward_equally_and_the_row_has_all_of_it():
    spec = Rewards([RewardTerm("sums", weight=1.0, unit="1")])["default"]
    envs = batched(Shared).make_vec(CONFIG, spec, 2)
    envs.reset(seed=0)
    _, reward, _, _, info = envs.step(np.array([[1, 2, 4 - 1], [0, 0, 1]]))
    np.testing.assert_array_equal(reward, np.array([6, 1]) * 0.1)  # to the last bit: no sum of thirds
    np.testing.assert_array_equal(info["agent_rewards"], np.repeat(reward[:, None] / 3, 3, 1))
    np.testing.assert_array_equal(info["reward_terms"]["sums"], info["agent_rewards"])
    env = batched(Shared).make(CONFIG, spec)
    env.reset(seed=0)
    _, rewards, *_ = env.step({"a": 1, "b": 2, "c": 3})
    assert list(rewards.values()) == [reward[0] / 3] * 3


def test_the_future_is_drawn_again_and_the_present_stays():
    env = batched(Foreseeing).make(WalkConfig(width=50), SPEC)
    env.reset(seed=4)
    before = env.step(2)[0]
    slips = env.core.slips[0].copy()
    assert env.can_redraw
    env.redraw(7)
    np.testing.assert_array_equal(env.core.observe()[0], before)
    assert (env.core.slips[0] != slips).any()
    assert env.core.slips[0, 0] == slips[0]  # what has happened has happened
    state = env.get_state()
    first = [env.step(0)[1] for _ in range(5)]
    env.set_state(state)
    assert [env.step(0)[1] for _ in range(5)] == first
    assert env.action_text(1) == "right"


def test_what_cannot_be_drawn_again_says_so():
    env = batched(Walk).make(CONFIG, SPEC)
    assert not env.can_redraw
    assert env.action_text is None
    assert not batched(Foreseeing, restore="replay").make(CONFIG, SPEC).can_redraw
    assert not hasattr(batched(Walk).make_vec(CONFIG, SPEC, 2), "branch")


def test_rows_branch_from_a_state_as_the_single_environment_does():
    env = batched(Foreseeing).make(WalkConfig(width=50), SPEC)
    envs = batched(Foreseeing).make_vec(WalkConfig(width=50), SPEC, 3)
    env.reset(seed=4)
    env.step(0)
    state = env.get_state()
    envs.branch(state, [5, 6, 7])
    ours = np.array([envs.step(np.zeros(3, int))[1] for _ in range(6)])
    for row, seed in enumerate((5, 6, 7)):
        env.set_state(state)
        env.redraw(seed)
        assert [env.step(0)[1] for _ in range(6)] == ours[:, row].tolist()


def test_outer_events_come_with_steps_and_denominators_with_the_end():
    env = batched(Foreseeing).make(WalkConfig(width=50, horizon=2), SPEC)
    env.reset(seed=0)
    info = env.step(0)[4]
    assert info["exogenous"] == {"slipped": float(env.core.slips[0, 0])}
    assert "denominators" not in info
    assert env.step(0)[4]["denominators"] == {"steps": 2.0}
    assert "exogenous" not in batched(Foreseeing).make_vec(CONFIG, SPEC, 2).reset(seed=0)[1]


@pytest.mark.parametrize("make", ["make", "make_vec"])
def test_a_state_of_an_earlier_version_is_upgraded(make):
    def fresh():
        return getattr(batched(Foreseeing), make)(CONFIG, SPEC, *([2] if make == "make_vec" else []))

    ours, theirs = fresh(), fresh()
    action = np.array([2, 2]) if make == "make_vec" else 2
    ours.reset(seed=3)
    theirs.reset(seed=9)
    ours.step(action)
    state = dict(ours.get_state())
    theirs.set_state({"walk": state.pop("core"), **state})
    np.testing.assert_array_equal(ours.step(action)[0], theirs.step(action)[0])


def test_who_has_left_earns_nothing_and_who_is_there_is_told(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "toys"))
    import toy_tag as tag

    envs = batched(Tag).make_vec(tag.TagConfig(horizon=12), TAG, 4)
    _, info = envs.reset(seed=[3, 4, 5, 6])
    rng, gone = np.random.default_rng(0), 0
    for _ in range(60):
        actions = random_allowed(envs.row_action_space, info["action_mask"].reshape(12, -1), rng)
        *_, info = envs.step(actions.reshape(4, 3))
        np.testing.assert_array_equal(info["active"], envs.core.active)
        assert not info["agent_rewards"][~info["acted"]].any()
        gone += int((~info["acted"]).sum())
    assert gone > 0
