"""The table of docs/kans.md is that of the results."""

from benchmarks.kan_cases import CASES
from benchmarks.kan_table import PAGE, drawn, medians, table


def test_the_page_shows_what_was_measured():
    text = PAGE.read_text()
    assert drawn(text) == text and table() in text


def test_every_problem_has_a_kan_and_an_mlp_of_as_many_numbers():
    found = {(r["case"], r["model"]): r["parameters"] for r in medians()}
    assert {case for case, _ in found} == set(CASES)
    for case in CASES:
        assert found[case, "mlp"] >= found[case, "kan"]
