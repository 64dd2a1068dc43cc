"""Texts of unknown origin: nothing in a file, or in its name, reaches a terminal as a command."""

from __future__ import annotations

import json

import pytest

import sciml
from benchmarks import file_kinds
from benchmarks.hostile_kinds import ESCAPE
from sciml.errors import ArgumentError, FileFormatError
from sciml.solvers.cli import main
from sciml.solvers.files import container
from sciml.solvers.files.printable import is_plain_name, printable
from sciml.solvers.report import Report

HARMFUL = [
    "\x1b[2J",
    "\x07",
    "\r",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\u2028",
    "\x7f",
    "\udc9b",
    "\x00",
]


@pytest.mark.parametrize("text", HARMFUL, ids=ascii)
def test_what_a_terminal_obeys_is_escaped(text):
    shown = printable(f"a{text}b")
    assert shown.isprintable() and shown.startswith("a\\") and shown.endswith("b")
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["", "plain text", "Größe µ, 100 %", "ψ(x) = 日本", "C:\\file", "a  b"])
def test_plain_text_stays(text):
    assert printable(text) == text


def test_long_texts_are_cut():
    assert printable("x" * 900) == "x" * 497 + "..."
    assert printable("x" * 20, 10) == "xxxxxxx..."
    assert printable(3.5) == "3.5"


@pytest.mark.parametrize("name", ["a", "eps=0.5,k=2", "nu=1/100", "Größe 3", "x" * 200, "..a", "a..b/c"])
def test_plain_names(name):
    assert is_plain_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        "x" * 201,
        "../x",
        "a/../b",
        "..",
        "..\\x",
        "a\\..\\b",
        "/etc/x",
        "\\x",
        "~/x",
        None,
        3,
        *HARMFUL,
    ],
    ids=ascii,
)
def test_names_that_are_not_plain(name):
    assert not is_plain_name(name)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    file_kinds.save_all(folder)
    return folder


def spoiled(saved, kind, tmp_path):
    """A file that is taken, or told about, with escapes wherever a text may stand."""
    config, arrays = container.read(saved / f"{kind}.h5", kind)
    config["sciml"] = ESCAPE
    config[ESCAPE] = ESCAPE
    if "stats" in config:
        config["stats"].update(notes=[ESCAPE, "a\nb"], optimizer=ESCAPE, hard=[ESCAPE], weights={ESCAPE: 1.0})
    container.write(tmp_path / "s.h5", kind, config, arrays)
    return tmp_path / "s.h5"


def lines_are_printable(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("kind", file_kinds.KINDS)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_info(kind, form, saved, tmp_path, capsys):
    assert main(["info", str(spoiled(saved, kind, tmp_path)), *form]) == 0
    out = capsys.readouterr().out
    assert lines_are_printable(out)
    if form:
        assert json.loads(out)["result"]["config"]["sciml"] == ESCAPE


def test_the_name_of_a_file(saved, tmp_path, capsys):
    file = tmp_path / "a\x1b[2J.h5"
    file.write_bytes((saved / "solution.h5").read_bytes())
    assert main(["info", str(file)]) == 0
    assert main(["info", str(tmp_path / "\x1b[2J.h5")]) != 0
    told = capsys.readouterr()
    assert lines_are_printable(told.out) and lines_are_printable(told.err)
    with pytest.raises(FileFormatError) as caught:
        sciml.load(tmp_path / "\x1b[2J.h5")
    assert str(caught.value).isprintable()


def test_a_loaded_solution(saved, tmp_path):
    solution = sciml.load(spoiled(saved, "solution", tmp_path))
    shown = [
        repr(solution),
        solution.summary(),
        repr(solution.stats),
        solution._repr_html_(),
        solution.outcome,
    ]
    assert all(lines_are_printable(text) for text in shown)
    assert all(
        text.isprintable() for text in (*solution.stats.notes, solution.stats.optimizer, *solution.stats.hard)
    )


def test_a_loaded_adapter(saved, tmp_path):
    tuned = sciml.load(saved / "solution.h5").load_adapter(spoiled(saved, "adapter", tmp_path))
    assert repr(tuned).isprintable() and str(tuned.report).isprintable()


def test_messages_that_quote_a_file(saved, tmp_path):
    config, arrays = container.read(saved / "solution.h5", "solution")
    config["problem"].update(custom=True, name=ESCAPE, **{"class": ESCAPE})
    container.write(tmp_path / "s.h5", "solution", config, arrays)
    with pytest.raises(ArgumentError, match="problem is needed") as caught:
        sciml.load(tmp_path / "s.h5")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "data",
    [
        "ab",
        {"outcome": "Done \x1b[2J"},
        {"outcome": ""},
        {"seconds": -1.0},
        {"steps": True},
        {"steps": 1.5},
        {"residual": -0.5},
        {"notes": "ab"},
        {"notes": [3]},
        {"notes": ["a"] * 1001},
        {"weights": {"a": "1"}},
        {"weights": [1.0]},
        {"optimizer": 3},
    ],
    ids=lambda d: str(d)[:40],
)
def test_statistics_that_are_none(data):
    with pytest.raises(ValueError, match="statistics"):
        Report.from_dict(data)
