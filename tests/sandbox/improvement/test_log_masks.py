"""Which actions were allowed, in tables of a user's own."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import sandbox
from sandbox.api.errors import BrokenFileError, MisfitError
from sandbox.datasets.fit import require_fit
from sandbox.datasets.read import read_dataset
from sandbox.improvement.candidates import decisions_of, steps_of
from sandbox.improvement.improve import improve
from sandbox.registry.policies import load_policy
from sandbox.scenarios.given import as_scenario

SPACE, ACTIONS = gym.spaces.Box(0, 10, (1,)), gym.spaces.Discrete(3)
MAPPING = "episode: e\nstep: t\nobservation: [x]\naction: a\nreward: r\nprobability: p\n"
COLUMNS = MAPPING + "mask: [m0, m1, m2]\n"
CELL = MAPPING + "mask: may\n"
TABLE = "e;t;x;a;r;p;m0;m1;m2\na;0;5;1;1;0.5;0;1;1\na;1;4;0;2;1;true;false;0\na;2;3;;;;1;1;1\n"
MASKS = [[False, True, True], [True, False, False], [True, True, True]]


def read(folder, mapping, table, name="log.csv"):
    (folder / "map.yaml").write_text(mapping)
    (folder / name).write_text(table)
    return read_dataset(folder / name, folder / "map.yaml")


def in_one_cell(style):
    rows = [row.split(";") for row in TABLE.splitlines()]
    rows[2][6:] = ["1", "0", "0"]
    return "\n".join(";".join([*row[:6], "may" if row[0] == "e" else style(row[6:])]) for row in rows) + "\n"


def test_a_column_an_action_says_what_was_allowed(tmp_path):
    dataset = read(tmp_path, COLUMNS, TABLE)
    assert dataset.masks.tolist() == MASKS
    require_fit(dataset, SPACE, ACTIONS, "mine")
    steps = steps_of(dataset, ACTIONS)
    assert steps.mask.tolist() == MASKS[:2]
    assert steps.next_mask.tolist() == MASKS[1:]


@pytest.mark.parametrize("style", [" ".join, ",".join, lambda row: f"[{', '.join(row)}]"])
def test_one_column_holds_all_of_them(tmp_path, style):
    assert read(tmp_path, CELL, in_one_cell(style)).masks.tolist() == MASKS


def test_a_list_of_parquet_holds_all_of_them(tmp_path):
    import pyarrow
    import pyarrow.parquet

    columns = {"e": ["a"] * 3, "t": [0, 1, 2], "x": [5, 4, 3], "a": [1, 0, None], "r": [1, 2, None],
               "p": [0.5, 1, None], "may": MASKS}  # fmt: skip
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "log.parquet")
    (tmp_path / "map.yaml").write_text(CELL)
    assert read_dataset(tmp_path / "log.parquet", tmp_path / "map.yaml").masks.tolist() == MASKS


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("0.5;0;1;1", "0.5;0;2;1", r"line 2: m1 is 2, neither 0 nor 1"),
        ("0.5;0;1;1", "0.5;0;;1", r"line 2: m1 is empty"),
        ("0.5;0;1;1", "0.5;0;maybe;1", r"line 2: m1 is 'maybe', not a number"),
        ("0.5;0;1;1", "0.5;0;0;0", r"line 2: m0, m1, m2 allows no action"),
        (";1;1;1\n", ";1;;1\n", r"line 4: m1 is empty"),
        ("m1;m2", "m1;m3", r"has no column m2; its columns are e, t, x"),
    ],
)
def test_a_row_without_a_sound_mask_is_named_by_file_line_and_reason(tmp_path, before, after, message):
    with pytest.raises(BrokenFileError, match=rf"log\.csv, {message}|log\.csv.*{message}"):
        read(tmp_path, COLUMNS, TABLE.replace(before, after))


def test_masks_of_different_lengths_are_refused(tmp_path):
    table = in_one_cell(" ".join).replace("1 0 0", "1 0")
    with pytest.raises(BrokenFileError, match=r"line 3: its mask has 2 entries, that of line 2 has 3"):
        read(tmp_path, CELL, table)


def test_an_action_that_its_mask_forbids_is_named_by_its_line(tmp_path):
    dataset = read(tmp_path, COLUMNS, TABLE.replace("true;false;0", "0;1;1"))
    with pytest.raises(BrokenFileError, match=r"log\.csv, line 3: the action 0 is not allowed by its mask"):
        require_fit(dataset, SPACE, ACTIONS, "mine")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (gym.spaces.Discrete(4), r"its masks have the shape \(3,\), those of the task \(4,\)"),
        (gym.spaces.Box(0, 2, ()), "masks of actions, which numbers do not have"),
    ],
)
def test_masks_of_another_task_are_refused(tmp_path, space, message):
    with pytest.raises(MisfitError, match=message):
        require_fit(read(tmp_path, COLUMNS, TABLE), SPACE, space, "mine")


@pytest.mark.usefixtures("toys")
def test_a_better_policy_is_sought_among_what_was_allowed(tmp_path, monkeypatch):
    """The shelf, where an order of five from an empty shelf is best by far, and was never allowed."""
    monkeypatch.chdir(tmp_path)
    scenario = as_scenario("toy/shelf", ["config.horizon=20"])
    env, rng = sandbox.make(scenario), np.random.default_rng(0)
    lines = ["e,t,stock,order,profit,p,may"]
    for episode in range(40):
        seen, _ = env.reset(seed=episode)
        for step in range(21):
            allowed = np.arange(6) <= min(5 - round(float(seen[0]) * 5), 1)
            order, mask = int(rng.choice(np.flatnonzero(allowed))), " ".join(map(str, allowed.astype(int)))
            if step == 20:
                lines.append(f"{episode},{step},{seen[0]},,,,{mask}")
                break
            before = seen[0]
            seen, reward, *_ = env.step(order)
            lines.append(f"{episode},{step},{before},{order},{reward},{1 / allowed.sum()},{mask}")
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    mapping = "episode: e\nstep: t\nobservation: [stock]\naction: order\nreward: profit\nprobability: p\n"
    (tmp_path / "map.yaml").write_text(mapping + "mask: may\n")
    made = improve(scenario, tmp_path / "log.csv", mapping=tmp_path / "map.yaml", algos=["lspi"], updates=20)
    decided = decisions_of(load_policy(made.runs["lspi"].path / "policy"), made.dataset, env.action_space)
    assert decided.now.max() == 1
    assert decided.then.max() == 1
    learned_from = read_dataset(Path(made.runs["lspi"].record.data.path))
    assert not learned_from.masks[:, 2:].any()
