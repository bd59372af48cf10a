"""Courses: claims are measured once, judged by the file's bounds, and must fail under their switch."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from sandbox.api.errors import DamagedRunError, InvalidValueError, SandboxError, UnknownNameError
from sandbox.cli.show.course import course_display
from sandbox.course.api import CourseResult, run_course
from sandbox.course.sources import meaning, sources_of
from sandbox.course.suite import Bound, load_course
from sandbox.course.work import FOLDER, run_claim
from sandbox.records.course import ClaimJob
from sandbox.registry.discover import registry
from sandbox.runs.code import forget_code

TOYS = Path(__file__).parents[2] / "toys"
PLUGIN = Path(__file__).parents[2] / "fixtures" / "claims" / "plugin.py"

COIN = """
  - id: coin
    rule: Between 0.45 and 0.55 of the throws are heads
    bounds: {heads: {at_least: 0.45, at_most: 0.55}}
    minutes: 1
    settings: {throws: 4000}
    quick: {throws: 2}
"""
STONE = """
  - id: stone
    rule: It weighs at least 1
    bounds: {weight: {at_least: 1}}
    minutes: 1
"""
GLASS = """
  - id: glass
    rule: It holds
    bounds: {weight: {at_least: 1}}
    minutes: 1
"""
TEAM = """
  - id: team
    rule: The domain has tasks
    bounds: {tasks: {at_least: 1}}
    minutes: 1
"""


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PLUGINS", str(PLUGIN))
    registry.cache_clear()


def course(tmp_path: Path, *entries: str) -> Path:
    file = tmp_path / "toys.yaml"
    file.write_text("kind: course\ntitle: Toys\nclaims:" + "".join(entries))
    return file


def run(file: Path, tmp_path: Path, **options: object) -> CourseResult:
    return run_course(file, runs_dir=tmp_path / "runs", inline=True, **options)  # type: ignore[arg-type]


def test_a_claim_holds_and_fails_under_its_switch(tmp_path: Path) -> None:
    result = run(course(tmp_path, COIN), tmp_path, sabotage=True)
    (outcome,) = result.record.claims
    assert (outcome.verdict, outcome.under_switch) == ("passed", "broken")
    assert outcome.bounds[0].value == pytest.approx(0.5, abs=0.05)
    assert outcome.switch_bounds[0].value == pytest.approx(0.9, abs=0.05)
    assert result.passed
    assert result.record.status == "complete"


def test_a_claim_that_holds_under_its_switch_proves_nothing(tmp_path: Path) -> None:
    result = run(course(tmp_path, COIN, STONE), tmp_path, sabotage=True)
    assert [outcome.under_switch for outcome in result.record.claims] == ["broken", "unbroken"]
    assert result.record.passed == 2
    assert not result.passed
    assert "they prove nothing: stone" in result.page.read_text()


def test_a_crash_is_no_figure_and_the_others_go_on(tmp_path: Path) -> None:
    result = run(course(tmp_path, GLASS, STONE), tmp_path, sabotage=True)
    glass, stone = result.record.claims
    assert (glass.verdict, glass.under_switch) == ("crashed", "crashed")
    assert glass.error is not None
    assert "it broke" in glass.error
    assert stone.verdict == "passed"
    assert not result.passed


def test_a_measurement_is_made_once_and_judged_by_the_bound_of_now(tmp_path: Path) -> None:
    first = run(course(tmp_path, COIN), tmp_path)
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "runs" / FOLDER).rglob("claim.json")}
    assert len(files) == 1
    stricter = course(tmp_path, COIN.replace("at_most: 0.55", "at_most: 0.4501"))
    second = run(stricter, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in files} == files
    assert first.record.claims[0].figures == second.record.claims[0].figures
    assert second.record.claims[0].verdict == "failed"


def test_seeds_settings_and_the_switch_are_measurements_of_their_own(tmp_path: Path) -> None:
    file = course(tmp_path, COIN)
    results = [run(file, tmp_path, seed_offset=seed) for seed in (0, 7)]
    run(file, tmp_path, sabotage=True)
    run(file, tmp_path, quick=True)
    assert len(list((tmp_path / "runs" / FOLDER).rglob("claim.json"))) == 4
    heads = [result.record.claims[0].figures["heads"] for result in results]
    assert heads[0] != heads[1]
    assert results[0].folder != results[1].folder


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    file = course(tmp_path, COIN)
    one = run_course(file, runs_dir=tmp_path / "a", inline=True, seed_offset=3)
    two = run_course(file, runs_dir=tmp_path / "b", inline=True, seed_offset=3)
    assert one.record.claims[0].figures["heads"] == two.record.claims[0].figures["heads"]


def test_a_crash_is_kept_and_retried_only_when_asked(tmp_path: Path) -> None:
    file = course(tmp_path, GLASS)
    run(file, tmp_path)
    (record,) = (tmp_path / "runs" / FOLDER).rglob("claim.json")
    before = record.stat().st_mtime_ns
    run(file, tmp_path)
    assert record.stat().st_mtime_ns == before
    run(file, tmp_path, retry=True)
    assert record.stat().st_mtime_ns > before


def test_a_damaged_result_is_measured_again(tmp_path: Path) -> None:
    file = course(tmp_path, STONE)
    run(file, tmp_path)
    (record,) = (tmp_path / "runs" / FOLDER).rglob("claim.json")
    record.write_text("{")
    assert run(file, tmp_path).passed


def test_what_a_changed_plugin_took_part_in_is_measured_again_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = tmp_path / "cooperation.py"
    shutil.copy(TOYS / "cooperation.py", domain)
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{PLUGIN},{domain}")
    registry.cache_clear()
    file = course(tmp_path, TEAM)
    run(file, tmp_path)
    (record,) = (tmp_path / "runs" / FOLDER).rglob("claim.json")
    before = record.stat().st_mtime_ns
    run(file, tmp_path, callback=course_display(quiet=False))
    assert record.stat().st_mtime_ns == before
    assert "Made again" not in capsys.readouterr().err

    domain.write_text(domain.read_text() + "\nCHANGED = True\n")
    forget_code()  # as in a new process
    unmeasured = run(file, tmp_path, measure=False)
    assert unmeasured.record.claims[0].verdict == "missing"
    run(file, tmp_path, callback=course_display(quiet=False))
    assert record.stat().st_mtime_ns > before
    told = " ".join(capsys.readouterr().err.split())
    assert "Made again, since these plugins have changed: 1 measurement (domain cooperation)" in told


def test_nothing_is_left_in_scratch(tmp_path: Path) -> None:
    run(course(tmp_path, COIN), tmp_path)
    (folder,) = (tmp_path / "runs" / FOLDER).iterdir()
    assert [path.name for path in folder.iterdir()] == ["claim.json"]


def test_the_page_is_one_file_with_every_claim_its_rule_and_its_picture(tmp_path: Path) -> None:
    page = run(course(tmp_path, COIN, STONE), tmp_path, sabotage=True).page.read_text()
    assert not re.search(
        r"https?:", re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    )
    assert "default-src" in page
    for words in ("Between 0.45 and 0.55", "A coin is a coin.", "The coin is bent.", "breaks it"):
        assert words in page
    assert page.count("data:image/png;base64,") == 2


def test_only_what_is_named_is_measured(tmp_path: Path) -> None:
    result = run(course(tmp_path, COIN, GLASS), tmp_path, only=["coin"])
    assert [outcome.claim for outcome in result.record.claims] == ["coin"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": ["coyn"]}, "coyn"),
        ({"seed_offset": -1}, "seed offset"),
        ({"seed_offset": 2**31}, "seed offset"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_starts(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises((UnknownNameError, InvalidValueError), match=words):
        run(course(tmp_path, COIN), tmp_path, **options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            COIN.replace("{heads: {at_least: 0.45, at_most: 0.55}}", "{heads: {}}"),
            "at_most, at_least, or both",
        ),
        (COIN + COIN, "named twice: coin"),
        (COIN.replace("minutes: 1", "minutes: 0"), "minutes"),
        (COIN.replace("bounds", "bound"), "bound"),
        ("", "claims"),
    ],
)
def test_a_mistake_in_a_course_is_a_sentence_about_the_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SandboxError) as caught:
        load_course(course(tmp_path, text))
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert "toys.yaml" in caught.value.message


def test_a_bound_holds_at_its_ends_and_never_for_what_is_missing() -> None:
    bound = Bound(at_least=1, at_most=2)
    assert [bound.kept(value) for value in (0.999, 1, 2, 2.001, None)] == [False, True, True, False, False]


def test_a_figure_that_is_not_finite_passes_no_bound(tmp_path: Path) -> None:
    file = course(tmp_path, STONE.replace("{weight: {at_least: 1}}", "{nothing: {at_most: 1}}"))
    assert run(file, tmp_path).record.claims[0].verdict == "failed"


def test_the_sources_of_a_claim_are_its_module_and_what_it_imports_of_its_package() -> None:
    names = set(sources_of("sandbox_course.claims.cliff"))
    assert {"sandbox_course.claims.cliff", "sandbox_course.learning", "sandbox_course.tasks.grids"} <= names
    assert "sandbox_course.claims.ring" not in names
    assert not any(name.startswith("sandbox.") for name in names)


def test_every_measurement_has_a_process_of_its_own(tmp_path: Path) -> None:
    """Two workers, three claims: what one leaves behind is not seen by another."""
    file = course(tmp_path, COIN, STONE, GLASS)
    result = run_course(file, runs_dir=tmp_path / "runs", workers=2)
    assert [outcome.verdict for outcome in result.record.claims] == ["passed", "passed", "crashed"]
    processes = {outcome.figures["process"] for outcome in result.record.claims[:2]}
    assert len(processes | {float(os.getpid())}) == 3


def test_sources_that_changed_since_the_course_began_are_not_measured(tmp_path: Path) -> None:
    """A result would otherwise lie under the name of other sources."""
    job = ClaimJob(
        key="coin-0-0", root=str(tmp_path), claim="coin", seed=0, sabotaged=False,
        settings={"throws": 4}, code="0" * 64,
    )  # fmt: skip
    with pytest.raises(DamagedRunError, match="sources of coin have changed"):
        run_claim(job.to_json(), lambda values: None)
    assert not list(tmp_path.rglob("claim.json"))


def test_what_is_not_measured_is_missing_and_never_passes(tmp_path: Path) -> None:
    file = course(tmp_path, COIN, STONE)
    run(file, tmp_path, only=["stone"])
    result = run(file, tmp_path, measure=False)
    assert [outcome.verdict for outcome in result.record.claims] == ["missing", "passed"]
    assert result.record.status == "incomplete"
    assert not result.passed
    assert "1 not measured" in result.page.read_text()


def test_the_words_of_a_claim_decide_about_no_figure(tmp_path: Path) -> None:
    """A sentence may be put better without measuring again; an experiment may not."""
    text = 'from a import Claim\nclaim = Claim(id="one", sentence="Old.", measure="b:c")\nsize = 1\n'
    digests = []
    for changed in (text, text.replace("Old", "New"), text.replace("size = 1", "size = 2")):
        (tmp_path / "one.py").write_text(changed)
        digests.append(meaning(tmp_path / "one.py"))
    assert digests[0] == digests[1] != digests[2]
