"""Which reader a file gets, and what text files may hold."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_chip.config import ChipConfig
from sandbox_chip.formats import text
from sandbox_chip.formats.reader import read_design


def test_lines_are_numbered_as_in_the_file_and_comments_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one two\n\n# nothing\nthree # four\n   \n")
    assert list(text.lines_of_words(path)) == [(1, ["one", "two"]), (4, ["three"])]
    packed = tmp_path / "a.txt.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert text.read_text(packed) == path.read_text()


def test_numbers_are_finite_and_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert text.parse_float(path, 3, "1.5e3", "x") == 1500
    assert text.parse_int(path, 3, "7.0", "a count") == 7
    for value, reason in (("nan", "must lie within"), ("1e16", "must lie within"), ("x", "not 'x'")):
        with pytest.raises(BrokenFileError, match=rf"a\.txt, line 3: x must.*{reason}|line 3: x.*{reason}"):
            text.parse_float(path, 3, value, "x")
    with pytest.raises(BrokenFileError, match=r"a count must lie within \[0, 1e\+08\], not -1"):
        text.parse_int(path, 3, "-1", "a count")
    with pytest.raises(BrokenFileError, match=r"a count must be a whole number, not '2\.5'"):
        text.parse_int(path, 3, "2.5", "a count")


def test_what_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"fine\nfine\n\xff\xfe\n")
    with pytest.raises(BrokenFileError, match="line 3: is not a text file"):
        text.read_text(path)
    (tmp_path / "b.gz").write_bytes(b"not gzip")
    with pytest.raises(BrokenFileError, match="cannot be read"):
        text.read_text(tmp_path / "b.gz")
    with pytest.raises(BrokenFileError, match="no such file"):
        text.read_text(tmp_path / "c.txt")


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_BYTES", 1000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"a" * 1001))
    with pytest.raises(BrokenFileError, match="too large"):
        text.read_text(tmp_path / "a.gz")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"a" * 1000))
    assert len(text.read_text(tmp_path / "b.gz")) == 1000


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.pl"
    path.write_text("old")
    text.write_text(path, "new")
    assert path.read_text() == "new"
    with pytest.raises(BrokenFileError, match="cannot be written"):
        text.write_text(tmp_path / "missing" / "a.pl", "new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.pl"]


@pytest.mark.parametrize(
    ("name", "content", "macros"),
    [
        ("a.hardblocks", "a hardrectilinear 4 (0,0) (0,9) (8,9) (8,0)\np terminal\n", 1),
        ("a.blocks", "a hardrectilinear 4 (0,0) (0,9) (8,9) (8,0)\np terminal\n", 1),
        ("a.block", "Outline: 50 40\na 10 20\np terminal 0 0\n", 1),
    ],
)
def test_a_files_ending_says_how_it_is_read(tmp_path: Path, name: str, content: str, macros: int) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / "a.nets").write_text("NetDegree : 2\na\np\n")
    (tmp_path / "a.pl").write_text("p 30 30\n")
    netlist, technology = read_design(ChipConfig(netlist=str(tmp_path / name)))
    assert len(netlist.movable) == macros
    assert technology is None


def test_a_plc_brings_its_technology(tmp_path: Path) -> None:
    (tmp_path / "netlist.pb.txt").write_text(
        'node { name: "M" attr { key: "type" value { placeholder: "MACRO" } }'
        ' attr { key: "width" value { f: 10 } } attr { key: "height" value { f: 6 } } }\n'
    )
    (tmp_path / "a.plc").write_text("# Columns : 4  Rows : 5\n0 15 23 N 0\n")
    config = ChipConfig(netlist=str(tmp_path / "netlist.pb.txt"))
    assert read_design(config)[1] is None
    _, technology = read_design(config.model_copy(update={"placement": str(tmp_path / "a.plc")}))
    assert technology is not None
    assert (technology.columns, technology.rows) == (4, 5)


def test_what_is_no_design_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="not a kind of design"):
        read_design(ChipConfig(netlist=str(tmp_path / "a.txt")))
    with pytest.raises(InvalidValueError, match="needs a library"):
        read_design(ChipConfig(netlist=str(tmp_path / "a.def")))
    with pytest.raises(BrokenFileError, match="no such file"):
        read_design(ChipConfig(netlist=str(tmp_path / "a.aux")))
    with pytest.raises(ValueError, match="no family 'square'"):
        ChipConfig(netlist="generated:square")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"macros_min": 9, "macros_max": 8}, r"macros_min \(9\) must not exceed macros_max \(8\)"),
        ({"utilisation_min": 0.6, "utilisation_max": 0.5}, "utilisation_min"),
        ({"placement": "a.plc"}, "a generated design has no placement file"),
        ({"grid": 3}, "grid"),
        ({"orientation": "sideways"}, "orientation"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(settings: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ChipConfig(**settings)
