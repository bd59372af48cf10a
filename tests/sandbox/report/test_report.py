"""Reports: the same figures as the files, in words and tables, with all text from outside escaped."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from report_support import HOSTILE, evaluation, make_comparison, make_run

from sandbox.api.errors import DamagedRunError, InvalidValueError, UnknownNameError
from sandbox.api.metric import Metric
from sandbox.api.replay import Episode, Labels, Scene, Series, write_replay
from sandbox.records.words import RULE, RULE_OF_COMPARISONS
from sandbox.report.charts import intervals, terms_chart
from sandbox.report.data import data_of_runs, read_report_data
from sandbox.report.make import make_report
from sandbox.report.page import html, verdicts
from sandbox.report.picture import draw_result, far_off
from sandbox.runs.checksums import add_artifact, seal
from sandbox.runs.directory import Run, new_progress


class _Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_one_run_is_told_with_its_verdict_and_as_exploratory(tmp_path: Path) -> None:
    data = data_of_runs([make_run(tmp_path)])
    assert [one.text for one in verdicts(data.facts)] == [
        "ppo beats the best baseline, clever: its delay is 5.00 s lower (95 % interval -6.00 to -4.00)."
    ]
    text = " ".join(_Page(html(data)).text)
    assert "Exploratory" in text
    assert "sandbox run toy/queue --algo ppo --seed 0" in text
    assert "numpy 2.4.6" in text


def test_the_rule_below_the_figures_is_the_one_that_they_were_judged_by(tmp_path: Path) -> None:
    single = html(data_of_runs([make_run(tmp_path)]))
    assert f"{RULE}<" in single
    assert "Holm" not in single, "nothing is corrected in an evaluation"
    compared = html(read_report_data([make_comparison(tmp_path)])).replace("&#39;", "'")
    assert RULE_OF_COMPARISONS in compared
    assert RULE not in compared


def test_runs_with_the_same_settings_are_one_agent_scored_over_runs(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, mean=20.0 + seed) for seed in range(8)]
    score = data_of_runs(runs).facts.scores["toy/queue"]["ppo"]
    assert score.runs == 8
    assert score.values == (20, 21, 22, 23, 24, 25, 26, 27)
    assert score.iqm == 23.5  # the mean of 22, 23, 24, 25
    assert score.ci95 is not None
    assert 20 < score.ci95[0] < 23.5 < score.ci95[1] < 27
    curve = data_of_runs(runs).facts.curves["toy/queue"]["ppo"].training
    assert curve is not None
    assert curve.runs == 8
    assert curve.mean[-1] == pytest.approx(23.5 + 4)  # 80 / 20 above the test mean


def test_other_settings_and_other_scenario_contents_are_kept_apart(tmp_path: Path) -> None:
    first, second = make_run(tmp_path), make_run(tmp_path, seed=1, steps=2000)
    record = Run.open(second.path).record.changed(scenario_hash="cd" * 32)
    assert set(data_of_runs([first, second]).facts.agents) >= {"ppo", "ppo #2"}
    (second.path / "run.json").write_bytes(seal(record.to_json()))
    facts = read_report_data([first.path, second.path]).facts
    assert set(facts.scenarios) == {"toy/queue (hash abababab)", "toy/queue (hash cdcdcdcd)"}


def test_only_runs_of_the_same_problem_are_ranked_together_and_groups_say_what_differs(
    tmp_path: Path,
) -> None:
    runs = [make_run(tmp_path, seed=seed) for seed in range(3)]
    other = runs[1].record.changed(scenario_hash="cd" * 32, reward={"queue": -1.0, "change": -2.0})
    (runs[1].path / "run.json").write_bytes(seal(other.to_json()))
    shorter = {**evaluation("ppo", 19.0), "episodes": 3, "seeds": [0, 1, 2]}
    add_artifact(runs[2].path, "evaluation.json", json.dumps(shorter).encode())
    facts = read_report_data([run.path for run in runs]).facts
    assert list(facts.scenarios) == [
        "toy/queue (reward.queue -0.5, test episodes 10)",
        "toy/queue (reward.queue -1, test episodes 10)",
        "toy/queue (reward.queue -0.5, test episodes 3)",
    ]
    assert [facts.scenarios[name].episodes for name in facts.scenarios] == [10, 10, 3]
    assert all(list(scores).count("clever") == 1 for scores in facts.scores.values())


def test_agents_that_are_far_worse_than_the_rules_are_shown_apart() -> None:
    means = {"optimal": 4.7, "capped": 4.8, "constant": 5.3, "ppo": 5.5, "random": 4700.0}
    assert far_off(means, "lower", {"ppo", "random"}) == ["random"]
    assert far_off({name: -mean for name, mean in means.items()}, "higher", {"ppo", "random"}) == ["random"]
    assert far_off({"fixed": 30.0, "random": 90.0}, "lower", {"random"}) == [], "one rule gives no scale"


def test_the_picture_of_a_run_writes_figures_and_units_as_tables_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = pytest.importorskip("matplotlib.axes")
    values = {"optimal": 4.7, "capped": 4.8, "constant": 5.3, "random": 1501.6}
    played = SimpleNamespace(
        metric=Metric("regret", unit="1", better="lower", description="d"),
        agents=[SimpleNamespace(name=name, baseline=name) for name in values],
        seeds=range(5),
        scenario=SimpleNamespace(spec=SimpleNamespace(title="t")),
        ranking=lambda: list(values),
        best_baseline=lambda: "capped",
        mean=values.__getitem__,
        values=lambda name: [values[name]] * 5,
    )
    words: list[str] = []
    for name in ("annotate", "set_xlabel", "set_ylabel"):
        monkeypatch.setattr(axes.Axes, name, lambda axes, text, *args, **more: words.append(text))
    assert draw_result(make_run(tmp_path), played)
    assert {"1,502, off the axis", "4.70", "regret", "regret, lower is better"} <= set(words)


def test_what_the_reward_was_made_of_is_weighted(tmp_path: Path) -> None:
    facts = data_of_runs([make_run(tmp_path)]).facts
    chart = terms_chart(facts.curves["toy/queue"]["ppo"], facts.scores["toy/queue"]["ppo"].weights)
    ends = {one["name"]: one["y"][-1] for one in chart["series"]}
    assert ends == {"queue": -12.0, "change": -12.0, "return": -24.0}  # 24 × −0.5, 6 × −2


def test_a_comparison_is_told_as_its_file_says(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path)
    path = make_report([folder])
    page = _Page(path.read_text())
    text = " ".join(page.text)
    assert path == folder / "report.html"
    assert "ppo beats the best baseline, clever: its delay is 5.00 s (20 %) lower" in text
    assert "-5.00 (-20 %) [-6.00, -4.00], p = 0.002" in text, "signs as in the terminal"
    assert "Probability of improvement" in text
    assert "optimum" in text
    charts = {attrs["data-chart"] for _, attrs in page.tags if "data-chart" in attrs}
    assert charts == {"profiles", *(f"{kind}-{place}{end}" for place in (0, 1) for kind, end in
                                    (("learning", ""), ("terms", "-0"), ("terms", "-1")))}  # fmt: skip


def test_a_page_is_whole_small_and_asks_for_nothing(tmp_path: Path) -> None:
    page = _Page(content := html(read_report_data([make_comparison(tmp_path)])))
    assert len(content) < 5 * 2**20
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    addresses = [attrs[name] for _, attrs in page.tags for name in ("src", "href") if name in attrs]
    assert all(address is not None and address.startswith("data:") for address in addresses)


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", title=HOSTILE, error=HOSTILE, status="failed")
    record = Run.open(run.path).record.changed(
        algorithm=HOSTILE,
        packages={HOSTILE: HOSTILE},
        command=[HOSTILE],
        hyperparameters={HOSTILE: HOSTILE},
    )
    (run.path / "run.json").write_bytes(seal(record.to_json()))
    evaluation = json.loads((run.path / "evaluation.json").read_text())
    evaluation["agents"] = {HOSTILE: evaluation["agents"]["ppo"], "clever": evaluation["agents"]["clever"]}
    evaluation["unit"] = evaluation["metric"] = HOSTILE
    add_artifact(run.path, "evaluation.json", json.dumps(evaluation).encode())
    (run.path / "replays").mkdir()
    series = [Series(name=HOSTILE, unit=HOSTILE, values=[1])]
    shapes = [Labels(points=[(0, 0)], texts=[HOSTILE], layer=HOSTILE)]
    episode = Episode(
        agent=HOSTILE, seed=0, frames=1, series=series, scene=Scene(shapes=shapes), note=HOSTILE
    )
    write_replay(run.path / "replays" / "r.json", HOSTILE, [episode], HOSTILE, {HOSTILE: HOSTILE})
    clean = _Page(html(data_of_runs([make_run(tmp_path / "b")])))
    page = _Page(html(read_report_data([run.path])))
    assert sum(tag == "script" for tag, _ in page.tags) == sum(tag == "script" for tag, _ in clean.tags) == 3
    assert not any(tag == "img" for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert any(HOSTILE in text for text in page.text)
    folder = make_comparison(tmp_path, agents=(HOSTILE, "dqn"))
    assert sum(tag == "script" for tag, _ in _Page(html(read_report_data([folder]))).tags) == 3


def test_tables_for_programs_hold_the_same_figures(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = list(csv.DictReader(io.StringIO(make_report([run.path], "csv").read_text())))
    table = pq.read_table(make_report([run.path], "parquet")).to_pylist()
    assert (
        [row["agent"] for row in rows]
        == [row["agent"] for row in table]
        == ["ppo", "clever", "fixed", "random"]
    )
    assert float(rows[0]["mean"]) == table[0]["mean"] == 20.0
    assert table[0]["metric/stops"] == 2.0
    assert (table[0]["verdict"], table[1]["verdict"]) == ("better", None)


def test_a_cell_is_never_a_formula(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path, agents=("=HYPERLINK(1)",))
    content = make_report([folder], "csv").read_text()
    assert "'=HYPERLINK(1)" in content
    assert not re.search(r"(^|,)=", content, re.MULTILINE)


def test_markdown_and_picture(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path, agents=("a|b", "$x_{1"))
    text = make_report([folder], "md").read_text()
    assert r"| a\|b | 5 | 20.00 | 19.00 to 21.00 | -5.00 (better) | -20.00 |" in text
    pytest.importorskip("matplotlib")
    assert make_report([folder], "png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_run_in_progress_and_one_without_evaluation_can_be_told(tmp_path: Path) -> None:
    facts = data_of_runs([make_run(tmp_path, status="running", evaluated=False)]).facts
    assert facts.status == "incomplete"
    assert [one.text for one in verdicts(facts)] == ["No training run has been evaluated yet."]


def test_what_cannot_be_told_is_explained(tmp_path: Path) -> None:
    run, folder = make_run(tmp_path), make_comparison(tmp_path)
    with pytest.raises(InvalidValueError, match="one comparison or of runs"):
        make_report([run.path, folder])
    with pytest.raises(UnknownNameError, match="format 'pdf'"):
        make_report([run.path], "pdf")
    with pytest.raises(DamagedRunError, match="not a run directory"):
        make_report([tmp_path / "nowhere"])
    with pytest.raises(InvalidValueError, match="is a file, not a folder"):
        make_report([run.path], out=run.path / "run.json" / "x.html")
    add_artifact(run.path, "evaluation.json", b'{"metric": 3}')
    with pytest.raises(DamagedRunError, match="is damaged"):
        make_report([run.path])
    (folder / "comparison.json").write_text('{"format": 2}')
    with pytest.raises(DamagedRunError, match="format 2"):
        make_report([folder])


def test_a_run_of_a_comparison_that_lies_elsewhere_is_left_out(tmp_path: Path) -> None:
    folder = make_comparison(tmp_path / "runs")
    outside = make_run(tmp_path / "secret")
    document = json.loads((folder / "comparison.json").read_text())
    document["cells"][0]["run_dir"] = f"../secret/{outside.path.relative_to(tmp_path / 'secret')}"
    (folder / "comparison.json").write_text(json.dumps(document))
    data = read_report_data([folder])
    assert data.runs == ()
    assert "outside the runs directory" in data.missing[0]


def test_progress_is_read_from_where_reading_ended(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_text('{"steps": 1, "x": 2}\nnonsense\n{"steps": 2, "x": "a"}\n{"steps": 3')
    records, place = new_progress(file)
    assert records == [{"steps": 1, "metric/x": 2}, {"steps": 2, "metric/x": None}]
    with file.open("a") as stream:
        stream.write(', "x": 5}\n')
    assert new_progress(file, place)[0] == [{"steps": 3, "metric/x": 5}]


def test_intervals_lie_where_the_figures_are() -> None:
    chart = intervals([("a", 10.0, (0.0, 20.0)), ("b", 15.0, None)], {"a": 0})
    assert chart is not None
    first, second = chart.marks
    assert not chart.log
    assert first.at == 50.0
    assert first.low == pytest.approx(100 - first.high)
    assert second.low == second.at == second.high
    far = intervals([("a", 1.0, None), ("b", 10.0, None), ("c", 100.0, None)], {})
    assert far is not None
    assert far.log
    assert far.marks[1].at == 50.0
