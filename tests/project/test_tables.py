"""The tables of the documentation are those of the results, and no table of figures is typed by hand."""

from __future__ import annotations

import re

import pytest

from benchmarks import geometry, laws
from benchmarks.kan_cases import CASES
from benchmarks.tables import kernels
from benchmarks.tables.geometry import measured, worst
from benchmarks.tables.kans import medians
from benchmarks.tables.page import RESULTS, records
from benchmarks.tables.pages import PAGES
from benchmarks.words.__main__ import PROBLEMS
from tests.cases import ROOT

# numbers that follow from the code: channels, bytes, exit codes
FACTS = {"derivatives": 1, "howto/cores": 1, "reference/command_line": 1}
NUMBER = re.compile(r"[\d.,]+(e-?\d+)?")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_was_measured(page):
    text = page.text()
    assert page.drawn() == text
    assert all(table() in text for table in page.tables.values())


def typed_tables(text: str) -> int:
    """Tables outside of marks in which a third of the cells are numbers."""
    text = re.sub(r"<!-- (.*?) -->.*?<!-- end of \1 -->", "", text, flags=re.DOTALL)
    count = 0
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = [cell.strip(" *") for row in table.splitlines()[2:] for cell in row.strip("|").split("|")]
        count += 3 * sum(bool(NUMBER.match(cell)) for cell in cells) >= len(cells)
    return count


def test_no_other_table_of_figures_is_typed():
    docs = ROOT / "docs"
    pages = {p.relative_to(docs).with_suffix("").as_posix(): p for p in docs.rglob("*.md")}
    found = {name: typed_tables(p.read_text(encoding="utf-8")) for name, p in pages.items()}
    assert {name: count for name, count in found.items() if count} == FACTS


def test_every_results_file_begins_with_its_machine():
    for path in RESULTS.glob("*.jsonl"):
        assert records(path.stem, "machine"), path.name


def test_geometry_is_of_its_cases():
    assert {r["case"] for r in measured()} <= {case.name for case in geometry.CASES}
    assert len(worst(measured())) >= 10
    assert {r["case"] for r in measured(without=True)} <= {
        c.name for c in geometry.CASES if c.without is not None
    }


def test_every_problem_has_a_kan_and_an_mlp_of_as_many_numbers():
    found = {(r["case"], r["model"]): r["parameters"] for r in medians()}
    assert {case for case, _ in found} == set(CASES)
    for case in CASES:
        assert found[case, "mlp"] >= found[case, "kan"]


def test_trust_covers_what_it_claims():
    assert {r["problem"] for r in records("trust", "stage")} >= {
        *("kdv", "heat-multiscale", "poisson", "allen-cahn-ball")
    }
    names = [r["case"] for r in records("trust_cases", "case")]
    assert len(set(names)) == len(names) >= 40
    assert [r["problem"] for r in records("words", "problem")] == [case.name for case in PROBLEMS]


def test_every_law_is_measured_three_ways_and_the_one_without_spread_fails():
    found = {(r["problem"], r["method"]) for r in records("laws", "law")}
    methods = ("generator", "generator without z", "sampling")
    assert found == {(name, method) for name in laws.CASES for method in methods}
    for r in records("laws", "law"):
        if r["method"] == "generator without z":
            assert r["std"] > 0.9 and "spread" in r["notes"]


def test_the_span_in_the_readme_is_that_of_the_record():
    low, high = kernels.span()
    assert f"{low} to {high} times faster than the usual KAN" in (ROOT / "README.md").read_text(
        encoding="utf-8"
    )
    assert {r["name"] for r in records("step", "summary")} >= set(kernels.GOALS)
