"""The table of docs/geometry.md is that of the results."""

from benchmarks import geometry
from benchmarks.geometry_table import PAGE, drawn, records, table, worst


def test_the_page_shows_what_was_measured():
    text = PAGE.read_text()
    assert drawn(text) == text and table() in text


def test_the_results_are_of_the_cases():
    names = {case.name for case in geometry.CASES}
    assert {r["case"] for r in records()} <= names
    assert len(worst(records())) >= 10
    assert {r["case"] for r in records(without=True)} <= {
        c.name for c in geometry.CASES if c.without is not None
    }
