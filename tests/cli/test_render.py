"""Figures, verdicts and progress as people read them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sandbox.cli.show.progress import LiveProgress, PlainProgress, _Facts
from sandbox.records.evaluation import DifferenceRecord, LimitRecord
from sandbox.records.words import distance, number, verdict, with_unit

DELAY, THROUGHPUT = ("delay", "s"), ("throughput", "vehicles/h")


def against(baseline: str, difference: float, ci95: tuple[float, float], word: str) -> DifferenceRecord:
    return DifferenceRecord(baseline=baseline, difference=difference, ci95=ci95, verdict=word)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.8, "1,234,568"),
        (-591.84, "-591.8"),
        (16.5, "16.50"),
        (0.03124, "0.0312"),
        (0.0, "0"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_figures_keep_the_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


def test_pure_numbers_have_no_unit() -> None:
    assert with_unit(2.0, "1") == "2.00"
    assert with_unit(2.0, "s") == "2.00 s"


@pytest.mark.parametrize(
    ("metric", "compared", "sentence"),
    [
        (
            DELAY,
            against("max-wave", -6.6, (-8.1, -5.2), "better"),
            "ppo beats the best baseline, max-wave: its delay is 6.60 s lower "
            "(95 % interval -8.10 to -5.20).",
        ),
        (
            DELAY,
            against("max-wave", 6.6, (5.2, 8.1), "worse"),
            "ppo loses to the best baseline, max-wave: its delay is 6.60 s higher "
            "(95 % interval +5.20 to +8.10).",
        ),
        (
            THROUGHPUT,
            against("fixed", 10.0, (5.0, 15.0), "better"),
            "ppo beats the best baseline, fixed: its throughput is 10.00 vehicles/h higher "
            "(95 % interval +5.00 to +15.00).",
        ),
        (
            DELAY,
            against("max-wave", -1.0, (-3.0, 1.0), "unclear"),
            "No clear difference between ppo and the best baseline, max-wave: its delay is 1.00 s lower "
            "(95 % interval -3.00 to +1.00, which includes zero).",
        ),
    ],
)
def test_verdict_says_who_won(metric: tuple[str, str], compared: DifferenceRecord, sentence: str) -> None:
    assert verdict("ppo", compared, *metric, episodes=10) == sentence


def test_two_episodes_carry_no_verdict_though_their_interval_excludes_zero() -> None:
    compared = against("max-wave", 889.9, (860.6, 919.3), "unclear")
    assert verdict("ppo", compared, *DELAY, episodes=2) == (
        "No verdict on ppo and the best baseline, max-wave: its delay is 889.9 s higher, and 2 test episodes "
        "are too few to tell."
    )


def test_an_interval_without_zero_that_many_comparisons_make_uncertain_says_so() -> None:
    compared = against("actuated", 551.0, (20.0, 1080.0), "unclear").changed(p_holm=0.11, percent=1040.0)
    assert verdict("ppo", compared, *DELAY, episodes=20, basis="3 runs") == (
        "Not certain for ppo against the best baseline, actuated: its delay is 551.0 s (1,040 %) higher "
        "(3 runs, p = 0.11, 95 % interval +20.00 to +1,080), but p is not below 0.05 after Holm's correction "
        "for all agents compared."
    )


def test_a_proven_optimum_is_the_limit_and_no_rival() -> None:
    limit = LimitRecord(kind="optimum", name="optimal", value=4.73)
    assert distance(5.5, limit, None, "lower") == " It is 16 % worse than the optimum (optimal, 4.73)."
    compared = against("capped", 0.2, (0.1, 0.3), "worse").changed(percent=4.0)
    sentence = verdict("ppo", compared, "cost", "money", episodes=20, beats=("base-stock", "constant"))
    assert sentence.endswith("higher (95 % interval +0.1 to +0.3). It beats base-stock and constant.")


def test_verdict_without_a_number_claims_nothing() -> None:
    nan = float("nan")
    sentence = verdict("ppo", against("fixed", nan, (nan, nan), "unclear"), *DELAY, episodes=10)
    assert sentence == "ppo cannot be compared with the best baseline, fixed: delay is not a number."


def test_verdict_without_a_baseline_says_so() -> None:
    assert verdict("ppo", None, *DELAY, episodes=10) == "ppo: there is no classical method to compare with."


def test_plain_progress_writes_one_line_every_five_seconds() -> None:
    lines: list[str] = []
    now = 100.0
    progress = PlainProgress(lines.append, _Facts("delay", "s"), clock=lambda: now)
    progress.start("train", "traffic/x", 1000, "steps")
    for second in range(1, 12):
        now = 100.0 + second
        progress.advance(
            "train", 50 * second, {"steps_per_second": 50.0, "return": -2.0, "metric/delay": 16.5, "z": 1.0}
        )
    progress.finish("train")
    assert lines == [
        "Training: traffic/x, 1,000 steps",
        "Training: 250 of 1,000 steps (25%), 50 steps/s, return -2, delay 16.5 s, 15 s left",
        "Training: 500 of 1,000 steps (50%), 50 steps/s, return -2, delay 16.5 s, 10 s left",
        "Training ended: 550 steps in 11 s, 50 steps/s, return -2, delay 16.5 s",
    ]


def test_a_run_that_goes_on_does_not_count_earlier_steps_as_done_in_no_time() -> None:
    now, lines = 100.0, list[str]()
    progress = PlainProgress(lines.append, _Facts("delay", "s"), clock=lambda: now)
    progress.start("train", "traffic/x", 1000, "steps", 600)
    now = 105.0
    progress.advance("train", 650, {})
    assert lines[-1] == "Training: 650 of 1,000 steps (65%), 35 s left"


def test_plain_progress_says_nothing_of_validation_that_falls_within_training() -> None:
    lines: list[str] = []
    progress = PlainProgress(lines.append, _Facts("delay", "s"), clock=lambda: 0.0)
    progress.start("train", "x", 10, "steps")
    progress.start("validate", "3 validation episodes", 3, "episodes")
    progress.finish("validate")
    progress.message("Look here.")
    progress.finish("train")
    assert [line.partition(":")[0] for line in lines] == ["Training", "Look here.", "Training ended"]


def test_live_progress_fits_eighty_columns_with_all_its_facts() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system=None)
    progress = LiveProgress(console, _Facts("delay", "s"))
    progress.start("train", "traffic/single-intersection", 100_000, "steps")
    progress.advance("train", 45_000, {"steps_per_second": 3912.0, "return": -123.4, "metric/delay": 16.52})
    progress.start("validate", "3 validation episodes", 3, "episodes")
    progress.finish("validate")
    progress.finish("train")
    last = [line for line in out.getvalue().replace("\r", "\n").split("\n") if "45%" in line][-1]
    shown = Console(file=io.StringIO(), width=200).render_str(last).plain
    assert "Training" in shown
    assert "3,912 steps/s · return -123.4 · delay 16.52 s" in shown
    assert "…" not in shown
    assert "Validating" not in out.getvalue().rsplit("45%", 1)[-1]


def test_no_time_left_is_stated_before_enough_is_done_to_tell() -> None:
    """Seven seconds of starting workers before the first of 100 episodes do not make 12 minutes."""
    lines: list[str] = []
    now = 0.0
    progress = PlainProgress(lines.append, _Facts("delay", "s"), clock=lambda: now)
    progress.start("evaluate", "traffic/x", 100, "episodes")
    for done, at in [(1, 7.0), (3, 12.5), (14, 19.0), (20, 24.0)]:
        now = at
        progress.advance("evaluate", done, {})
    assert lines[1:] == [
        "Evaluating: 1 of 100 episodes (1%)",
        "Evaluating: 3 of 100 episodes (3%)",
        "Evaluating: 14 of 100 episodes (14%), 1 min 19 s left",  # 13 in 12 s
        "Evaluating: 20 of 100 episodes (20%), 1 min 12 s left",  # 19 in 17 s
    ]


def test_live_progress_states_no_time_left_before_enough_is_done_to_tell() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system=None)
    progress = LiveProgress(console, _Facts("delay", "s"))
    progress.start("evaluate", "traffic/x", 100, "episodes")
    for done in (1, 2):  # in the same instant
        progress.advance("evaluate", done, {})
    progress._bars.refresh()
    progress.finish("evaluate")
    line = [part for part in out.getvalue().replace("\r", "\n").split("\n") if "2%" in part][-1]
    assert "--:--" in line


def test_baselines_that_are_done_say_nothing_of_how_long_training_takes() -> None:
    from sandbox.comparison.cells import Cell
    from sandbox.comparison.drive import State
    from sandbox.records.cell import CellRecord

    def cell(name: str, kind: str) -> Cell:
        return Cell(name, "toy/x", name, kind, None, None, "", None)  # type: ignore[arg-type]

    def took(name: str, seconds: float) -> CellRecord:
        record = CellRecord(format=1, id=name, kind="baseline", scenario="toy/x", status="failed")
        return record.model_copy(update={"status": "done", "seconds": seconds})

    state = State([cell("greedy", "baseline"), cell("ppo", "learned"), cell("dqn", "learned")])
    state.status = {"greedy": "done", "ppo": "running", "dqn": "missing"}
    state.records = {"greedy": took("greedy", 1.0)}
    assert state.seconds_left() is None
    state.status["ppo"] = "done"
    state.records["ppo"] = took("ppo", 600.0)
    assert state.seconds_left() == 600.0
