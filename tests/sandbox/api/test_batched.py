"""One core gives the single environment and the batch: the same episodes, infos, ends, and exact restore."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from cores import (
    REWARDS,
    TAG,
    FarWalk,
    FastWalk,
    LockstepWalk,
    QueueWalk,
    SlipperyWalk,
    Tag,
    TalkingWalk,
    Walk,
    WalkConfig,
)
from gymnasium.utils.env_checker import check_env

from sandbox.api import InvalidValueError, PluginError, RewardSpec, RewardTerm, batched, random_allowed
from sandbox.api.state import read_state, write_state

CONFIG, SPEC = WalkConfig(), REWARDS["default"]
SINGLE_AGENT = [Walk, TalkingWalk, FastWalk, FarWalk, LockstepWalk]


def allowed(rng, mask, space, rows):
    if mask is not None:
        return random_allowed(space, mask, rng)
    return np.stack([space.sample() for _ in range(rows)])


def row(value, index):
    return {key: part[index] for key, part in value.items()} if isinstance(value, dict) else value[index]


def assert_same(one, other):
    if isinstance(one, dict):
        for key in one:
            assert_same(one[key], other[key])
        return
    one, other = np.asarray(one), np.asarray(other)
    assert one.dtype == other.dtype
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("core", SINGLE_AGENT)
def test_every_row_plays_the_episodes_of_a_single_environment_one_after_the_other(core):
    make, make_vec = batched(core)
    envs, seeds = make_vec(CONFIG, SPEC, 3), [5, 6, 70]
    singles = [make(CONFIG, SPEC) for _ in seeds]
    rng, ended = np.random.default_rng(0), np.zeros(3, int)
    observation, info = envs.reset(seed=seeds)
    for index, single in enumerate(singles):
        seen, first = single.reset(seed=seeds[index])
        assert_same(row(observation, index), seen)
        assert set(first) == {key for key in info if not key.startswith("_")}
    for _ in range(120):
        action = allowed(rng, info.get("action_mask"), envs.single_action_space, 3)
        observation, reward, terminated, truncated, info = envs.step(action)
        for index, single in enumerate(singles):
            seen, gain, over, cut, own = single.step(action[index])
            assert (reward[index], terminated[index], truncated[index]) == (gain, over, cut)
            for name, value in own["reward_terms"].items():
                assert info["reward_terms"][name][index] == value
            if over or cut:
                ended[index] += 1
                assert_same(info["final_obs"][index], seen)
                final = info["final_info"]
                for name, value in own["metrics"].items():
                    assert final["metrics"][name][index] == value
                    assert final["metrics"][f"_{name}"][index]
                for name, value in own["reward_terms"].items():
                    assert final["reward_terms"][name][index] == value
                seen, own = single.reset()
            assert_same(row(observation, index), seen)
            for name in ("action_mask", "clock", "trail"):
                if name in own:
                    assert np.array_equal(info[name][index], own[name])
    assert (ended >= 2).all()


def test_an_info_of_some_rows_is_given_to_those_rows_alone():
    make, make_vec = batched(SlipperyWalk)
    envs, singles = make_vec(CONFIG, SPEC, 4), [make(CONFIG, SPEC) for _ in range(4)]
    envs.reset(seed=7)
    for row_number, single in enumerate(singles):
        single.reset(seed=7 + row_number)
    slips = 0
    for _ in range(CONFIG.horizon - 1):
        *_, info = envs.step(np.full(4, 2))
        there = info.get("_slip", np.zeros(4, bool))
        for row_number, single in enumerate(singles):
            *_, single_info = single.step(2)
            assert there[row_number] == ("slip" in single_info)
            if there[row_number]:
                assert info["slip"][row_number] == single_info["slip"] == "slipped"
                slips += 1
    assert 0 < slips < 4 * (CONFIG.horizon - 1)


def test_the_whole_state_is_offered_where_a_core_has_it_and_only_there():
    make, make_vec = batched(SlipperyWalk)
    env, envs = make(CONFIG, SPEC), make_vec(CONFIG, SPEC, 3)
    env.reset(seed=1)
    envs.reset(seed=1)
    for _ in range(3):
        env.step(2)
        envs.step(np.full(3, 2))
    assert env.state_space == envs.state_space == SlipperyWalk.state_space
    assert env.state() in env.state_space
    assert envs.state()[0].tolist() == env.state().tolist() == [env.core.place[0], 3]
    make, make_vec = batched(Walk)
    assert not hasattr(make(CONFIG, SPEC), "state_space")
    assert not hasattr(make_vec(CONFIG, SPEC, 2), "state_space")


class SteeredWalk(LockstepWalk):
    """Earns its action, weighed in the precision of the action."""

    keeps_precision = True

    def step(self, actions):
        self.last = actions
        return super().step(actions) | {"action": actions[:, 0]}


@pytest.mark.parametrize(("dtype", "keeps"), [(np.float32, True), (np.float64, True), (np.float64, False)])
def test_actions_of_a_box_keep_their_precision_where_the_core_asks_for_it(dtype, keeps):
    core = SteeredWalk if keeps else type("Plain", (SteeredWalk,), {"keeps_precision": False})
    spec = RewardSpec((RewardTerm("action", lambda step: step["action"], 0.3, "m"),))
    make, make_vec = batched(core)
    env, envs = make(CONFIG, spec), make_vec(CONFIG, spec, 2)
    env.reset(seed=0)
    envs.reset(seed=0)
    action = np.array([0.1], dtype)
    env.step(action)
    envs.step(np.stack([action, action]))
    for core in (env.core, envs.core):
        assert core.last.dtype == (dtype if keeps else np.float32)


def test_a_reward_of_single_precision_terms_is_the_same_in_a_batch_and_to_the_last_bit_of_its_sum():
    terms = (
        RewardTerm("action", lambda step: step["action"], 0.3, "m"),
        RewardTerm("place", lambda step: step["place"], 1.0, "m"),
    )
    spec = RewardSpec(terms)
    make, make_vec = batched(SteeredWalk)
    env, envs = make(CONFIG, spec), make_vec(CONFIG, spec, 2)
    env.reset(seed=3)
    envs.reset(seed=3)
    for _ in range(5):
        action = np.array([0.1], np.float32)
        _, reward, _, _, info = env.step(action)
        _, rewards, *_ = envs.step(np.stack([action, action]))
        # The weight of a single-precision term is single as well, as in `RewardSpec`; sums are double.
        assert reward == float(np.float32(0.3) * action[0]) + info["reward_terms"]["place"]
        assert rewards[0] == reward
        assert rewards.dtype == np.float64


def test_what_a_row_plays_does_not_depend_on_the_other_rows():
    _, make_vec = batched(Walk)
    many, alone = make_vec(CONFIG, SPEC, 4), make_vec(CONFIG, SPEC, 1)
    many.reset(seed=[1, 2, 3, 4])
    alone.reset(seed=[3])
    for step in range(60):
        action = np.array([0, 1, step % 3, 2])
        ours, theirs = many.step(action), alone.step(action[2:3])
        for part in range(4):
            assert_same(ours[part][2:3], theirs[part])


def test_terms_of_an_ended_episode_are_its_own_though_the_core_writes_in_place():
    _, make_vec = batched(Walk)
    envs = make_vec(CONFIG, SPEC, 2)
    _, info = envs.reset(seed=0)
    rng, finals = np.random.default_rng(0), []
    for _ in range(100):
        _, reward, terminated, truncated, info = envs.step(
            allowed(rng, info["action_mask"], envs.single_action_space, 2)
        )
        done = terminated | truncated
        assert (info["reward_terms"]["moved"] > -99).all()
        assert reward == pytest.approx(info["reward_terms"]["moved"] - 0.25 * info["reward_terms"]["place"])
        if done.any():
            finals.append(info["final_info"]["reward_terms"]["moved"][done])
    assert np.abs(np.concatenate(finals)).max() <= 1


@pytest.mark.parametrize("core", SINGLE_AGENT)
@pytest.mark.parametrize("restore", ["state", "replay"])
@pytest.mark.parametrize("after", [0, 1, 7, 33])
def test_a_batch_goes_on_bit_by_bit_in_a_fresh_one_through_files(core, restore, after, tmp_path):
    _, make_vec = batched(core, restore=restore)
    envs, fresh = make_vec(CONFIG, SPEC, 3), make_vec(CONFIG, SPEC, 3)
    envs.reset(seed=[1, 2, 3])
    rng = np.random.default_rng(0)
    actions = [allowed(rng, None, envs.single_action_space, 3) for _ in range(after + 60)]
    for action in actions[:after]:
        envs.step(action)
    write_state(tmp_path, "envs", envs.get_state())
    ours = [envs.step(action) for action in actions[after:]]
    fresh.set_state(read_state(tmp_path, "envs"))
    for action, expected in zip(actions[after:], ours, strict=True):
        found = fresh.step(action)
        for part in range(4):
            assert_same(found[part], expected[part])


@pytest.mark.parametrize("restore", ["state", "replay"])
@pytest.mark.parametrize("core", SINGLE_AGENT)
def test_a_single_environment_goes_on_bit_by_bit_and_so_do_its_next_episodes(core, restore, tmp_path):
    make, _ = batched(core, restore=restore)
    env, fresh = make(CONFIG, SPEC), make(CONFIG, SPEC)
    env.reset(seed=1)
    env.action_space.seed(0)
    for _ in range(3):
        env.step(env.action_space.sample())
    write_state(tmp_path, "env", env.get_state())
    fresh.set_state(read_state(tmp_path, "env"))
    for _ in range(3):
        over = False
        while not over:
            action = env.action_space.sample()
            ours, theirs = env.step(action), fresh.step(action)
            for part in range(4):
                assert_same(ours[part], theirs[part])
            over = ours[2] or ours[3]
        assert_same(env.reset()[0], fresh.reset()[0])


def test_what_cannot_be_saved_is_named_and_can_be_played_again():
    _, make_vec = batched(QueueWalk)
    envs = make_vec(CONFIG, SPEC, 2)
    envs.reset(seed=0)
    with pytest.raises(PluginError, match="The attribute 'queues' of QueueWalk is a list") as caught:
        envs.get_state()
    assert "restore='replay'" in caught.value.hint

    _, make_vec = batched(QueueWalk, restore="replay")
    envs, fresh = make_vec(CONFIG, SPEC, 2), make_vec(CONFIG, SPEC, 2)
    envs.reset(seed=0)
    for step in range(40):
        envs.step(np.array([step % 3, 2]))
    fresh.set_state(envs.get_state())
    for step in range(40):
        action = np.array([step % 2, 1])
        assert_same(envs.step(action)[0], fresh.step(action)[0])


def test_a_replayed_episode_forgets_what_no_episode_needs():
    _, make_vec = batched(Walk, restore="replay")
    envs = make_vec(CONFIG, SPEC, 2)
    envs.reset(seed=0)
    for _ in range(200):
        envs.step(np.array([2, 2]))
    assert len(envs.get_state()["core"]["actions"]) <= CONFIG.horizon


def test_gymnasium_finds_nothing_wrong(recwarn):
    for core in SINGLE_AGENT:
        check_env(batched(core).make(CONFIG, SPEC), skip_render_check=True)


def test_an_episode_that_is_over_and_an_action_that_is_none_are_refused():
    make, make_vec = batched(Walk)
    env = make(CONFIG, SPEC)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    for action in (3, -1):
        with pytest.raises(InvalidValueError, match=r"is not in Discrete\(3\)"):
            env.step(action)
    envs = make_vec(CONFIG, SPEC, 2)
    envs.reset(seed=0)
    with pytest.raises(InvalidValueError, match=r"shape \(2,\), not \(3,\)"):
        envs.step(np.zeros(3, int))


@pytest.mark.parametrize(
    ("space", "good", "bad"),
    [
        (gym.spaces.Discrete(3, start=5), [[5], [7]], [[4], [8], [0]]),
        (gym.spaces.MultiDiscrete([2, 3]), [[[0, 2]], [[1, 0]]], [[[2, 0]], [[0, -1]]]),
        (gym.spaces.MultiDiscrete([2, 3], start=[1, -1]), [[[1, -1]], [[2, 1]]], [[[0, 0]], [[1, 2]]]),
        (gym.spaces.Box(-1, 1, (2,), np.float32), [[[0, 5]]], [[[0]]]),
    ],
)
def test_choices_are_counted_from_where_the_space_starts(space, good, bad):
    from sandbox.api.batch.actions import ActionReader

    read = ActionReader(space, (1,))
    for actions in good:
        assert read(actions).tolist() == actions
    for actions in bad:
        with pytest.raises(InvalidValueError):
            read(actions)


def test_only_the_rows_of_a_reset_mask_begin_anew():
    _, make_vec = batched(Walk)
    envs = make_vec(CONFIG, SPEC, 2)
    envs.reset(seed=[1, 2])
    before = envs.step(np.array([0, 0]))[0]
    after, _ = envs.reset(seed=[None, 2], options={"reset_mask": np.array([False, True])})
    assert_same(after[0], before[0])
    assert after[1, 1] == 0


def test_pictures_are_drawn_in_the_modes_that_there_are():
    make, _ = batched(Walk)
    env = make(CONFIG, SPEC, "rgb_array")
    env.reset(seed=0)
    assert env.metadata["render_modes"] == ["rgb_array"]
    assert env.render().shape == (1, 9, 3)
    with pytest.raises(InvalidValueError, match="Walk cannot render as 'human'"):
        make(CONFIG, SPEC, "human")
    with pytest.raises(InvalidValueError, match="LockstepWalk cannot render"):
        batched(LockstepWalk).make(CONFIG, SPEC, "rgb_array")


def test_a_core_without_a_part_is_refused_by_name():
    class Half:
        observation_space = action_space = gym.spaces.Discrete(2)

        def __init__(self, config, num_envs):
            pass

        def step(self, actions):
            pass

    with pytest.raises(PluginError, match="Half has no begin and no observe and no ends and no metrics"):
        batched(Half).make(CONFIG, SPEC)


@pytest.fixture
def tag(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "toys"))
    import toy_tag

    yield toy_tag
    sys.modules.pop("toy_tag", None)


def test_agents_that_leave_are_the_game_written_by_hand(tag):
    config, rng = tag.TagConfig(horizon=12), np.random.default_rng(0)
    ours, theirs = batched(Tag).make(config, TAG), tag.make(config, tag.REWARDS["touch"])
    for seed in range(30):
        mine, infos = ours.reset(seed=seed)
        theirs.rng = gym.utils.seeding.np_random(seed)[0]  # which the game by hand seeds in its own way
        yours, expected = theirs.reset()
        while ours.agents:
            assert ours.agents == theirs.agents
            assert_same(mine, yours)
            for agent in ours.agents:
                assert np.array_equal(infos[agent]["action_mask"], expected[agent]["action_mask"])
            actions = {agent: int(rng.integers(len(infos[agent]["action_mask"]))) for agent in ours.agents}
            mine, *outcome, infos = ours.step(actions)
            yours, *wanted, expected = theirs.step(actions)
            assert outcome == [{name: type(x)(x) for name, x in part.items()} for part in wanted]
            for agent, info in infos.items():
                assert info["reward_terms"] == {
                    k: float(v) for k, v in expected[agent]["reward_terms"].items()
                }
        assert [info["metrics"] for info in infos.values()] == [info["metrics"] for info in expected.values()]


def test_a_batch_of_games_is_what_single_games_give_as_rows(tag):
    from sandbox.envs.multiagent import JointEnv, Rows

    config, spec = tag.TagConfig(horizon=12), TAG
    make, make_vec = batched(Tag)
    native = Rows(make_vec(config, spec, 2))
    copies = Rows(
        gym.vector.SyncVectorEnv(
            [lambda: JointEnv(make(config, spec))] * 2, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP
        ),
        lambda: JointEnv(make(config, spec)),
    )
    assert native.single_observation_space == copies.single_observation_space
    assert native.single_action_space == copies.single_action_space
    rng = np.random.default_rng(0)
    mine, yours = native.reset(seed=[3, 4]), copies.reset(seed=[3, 4])
    metrics = 0
    for _ in range(150):
        assert_same(mine[0], yours[0])
        for key in ("active", "acted", "action_mask"):
            if key in yours[-1]:
                assert np.array_equal(mine[-1][key], yours[-1][key]), key
        for name, values in yours[-1].get("reward_terms", {}).items():
            assert np.array_equal(mine[-1]["reward_terms"][name], values), name
        if "final_obs" in yours[-1]:
            assert_same(
                np.stack(list(filter(lambda x: x is not None, mine[-1]["final_obs"]))),
                np.stack(list(filter(lambda x: x is not None, yours[-1]["final_obs"]))),
            )
            ours, theirs = (info["final_info"].get("metrics") for info in (mine[-1], yours[-1]))
            assert (ours is None) == (theirs is None)
            if theirs is not None:
                where = yours[-1]["final_info"]["_metrics"]
                assert np.array_equal(where, mine[-1]["final_info"]["_metrics"])
                assert all(np.array_equal(ours[name][where], theirs[name][where]) for name in theirs)
                metrics += 1
        action = allowed(
            rng, yours[-1]["action_mask"], gym.spaces.Discrete(yours[-1]["action_mask"].shape[-1]), 6
        )
        mine, yours = native.step(action), copies.step(action)
        for part in (1, 2, 3):
            assert_same(mine[part], yours[part])
    assert metrics > 10


@pytest.mark.parametrize("restore", ["state", "replay"])
def test_games_go_on_bit_by_bit_with_whoever_is_left(tag, restore, tmp_path):
    config, spec = tag.TagConfig(horizon=12), TAG
    make, make_vec = batched(Tag, restore=restore)
    envs, fresh = make_vec(config, spec, 3), make_vec(config, spec, 3)
    envs.reset(seed=[1, 2, 3])
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 3, (80, 3, 3))
    for action in actions[:31]:
        envs.step(action)
    write_state(tmp_path, "games", envs.get_state())
    fresh.set_state(read_state(tmp_path, "games"))
    for action in actions[31:]:
        ours, theirs = envs.step(action), fresh.step(action)
        for part in range(4):
            assert_same(ours[part], theirs[part])
        assert np.array_equal(ours[4]["active"], theirs[4]["active"])

    game, again = make(config, spec), make(config, spec)
    game.reset(seed=2)
    while len(game.agents) == 3:
        game.step(dict.fromkeys(game.agents, 1))
    write_state(tmp_path, "game", game.get_state())
    again.set_state(read_state(tmp_path, "game"))
    while game.agents:
        assert game.agents == again.agents
        action = dict.fromkeys(game.agents, 1)
        assert_same(game.step(action)[0], again.step(action)[0])


def test_pettingzoo_finds_nothing_wrong(tag):
    from pettingzoo import ParallelEnv
    from pettingzoo.test import parallel_api_test, parallel_seed_test

    make, _ = batched(Tag)
    env = make(tag.TagConfig(), TAG)
    assert isinstance(env, ParallelEnv)
    parallel_api_test(env, num_cycles=100)
    parallel_seed_test(lambda: make(tag.TagConfig(), TAG), num_cycles=50)


@pytest.mark.parametrize("core", [Walk, Tag])
def test_an_environment_is_pickled_in_the_middle_of_an_episode(core, tag):
    env = batched(core).make(*((tag.TagConfig(), TAG) if core is Tag else (CONFIG, SPEC)))
    env.reset(seed=3)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 - its own bytes
    for each in (env, copy):
        space = each.action_space(each.agents[0]) if core is Tag else each.action_space
        space.seed(0)
    draw = (lambda e: {a: e.action_space(a).sample() for a in e.agents}) if core is Tag else None
    actions = draw(env) if draw else env.action_space.sample()
    ours, theirs = env.step(actions), copy.step(actions)
    assert_same(ours[0], theirs[0])
    assert ours[1:4] == theirs[1:4]
