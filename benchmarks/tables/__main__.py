"""``python -m benchmarks.tables``: every table is written into its page."""

from __future__ import annotations

from benchmarks.tables.pages import PAGES

for page in PAGES:
    page.path.write_text(page.drawn(), encoding="utf-8")
