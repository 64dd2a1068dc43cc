"""The tables of docs/trust.md are those of the results."""

from benchmarks.trust_tables import PAGE, cases, drawn, polish, records, stages, words
from benchmarks.words.__main__ import PROBLEMS


def test_the_page_shows_what_was_measured():
    text = PAGE.read_text()
    assert drawn(text) == text
    assert stages() in text and cases() in text and polish() in text and words() in text


def test_the_results_cover_what_they_claim():
    measured = records("trust", "stage")
    assert {r["problem"] for r in measured} >= {"kdv", "heat-multiscale", "poisson", "allen-cahn-ball"}
    names = [r["case"] for r in records("trust_cases", "case")]
    assert len(set(names)) == len(names) >= 40
    assert [r["problem"] for r in records("words", "problem")] == [case.name for case in PROBLEMS]
