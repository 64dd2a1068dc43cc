"""docs/gallery.md is drawn from the records, and shows every equation of the catalogue."""

from __future__ import annotations

from benchmarks.gallery import PAGE, PICTURES, line, page, records
from sciml import pdes


def test_the_page_shows_what_was_measured():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_equation_has_a_record_and_a_picture():
    assert set(records()) == set(pdes.names())
    assert {p.stem for p in PICTURES.glob("*.png")} == set(pdes.names())


def test_the_lines_are_about_their_equations():
    assert all(f"pdes.{pdes.get(name).__name__}(" in line(name) for name in pdes.names())
