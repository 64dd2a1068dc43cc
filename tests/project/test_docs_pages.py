"""The Python of README.md and of the how-to pages runs, with a few steps a solve, and is as short as the pages say."""

from __future__ import annotations

import functools
import re

import pytest

import sciml
from tests.cases import ROOT

DOCS = ROOT / "docs"
PAGES = [
    *sorted(
        page for page in (DOCS / "howto").glob("*.md") if page.stem != "few_lines"
    ),  # test_docs_plotting.py
    *(DOCS / f"{page}.md" for page in ("bases", "coming_from", "laws")),
    ROOT / "README.md",
]


def blocks(page) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_page_runs(page, tmp_path, monkeypatch):
    """With a budget of steps in place of the page's; what is solved so is not right yet, so only that it runs is seen."""
    solve = sciml.solve

    def briefly(problem, *arguments, max_time=None, **options):
        return solve(problem, *arguments, **{**options, "max_steps": 2, "progress": False})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(vars(sciml), "solve", functools.wraps(solve)(briefly))
    monkeypatch.setattr(sciml.Solution, "finetune", finetune_briefly(sciml.Solution.finetune))
    monkeypatch.setattr(sciml.Solution, "finetune_family", family_briefly(sciml.Solution.finetune_family))
    names: dict = {"__name__": page.stem}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)


def finetune_briefly(finetune):
    @functools.wraps(finetune)
    def briefly(self, *arguments, **options):
        return finetune(self, *arguments, **{**options, "max_steps": 2, "progress": False})

    return briefly


def family_briefly(finetune_family):
    @functools.wraps(finetune_family)
    def briefly(self, members, *arguments, **options):
        few = dict(list(members.items())[:2])
        return finetune_family(self, few, *arguments, **{**options, "max_steps": 2})

    return briefly


def lines(block: str) -> int:
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in block.splitlines())


def test_the_four_programs_are_as_short_as_the_page_says():
    programs = blocks(DOCS / "coming_from.md")[1:]
    poisson, burgers, _, viscosity, next_one = programs
    counted = [lines(block) for block in (poisson, burgers, viscosity, next_one)]
    assert "3, 8, 13 and 3" in (DOCS / "coming_from.md").read_text(encoding="utf-8")
    assert counted == [3, 8, 13, 3]


def test_pictures_are_true_colour_and_small():
    pictures = sorted((DOCS / "images").rglob("*.png"))
    assert pictures
    for picture in pictures:
        header = picture.read_bytes()[:26]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert header[25] in (2, 6), f"{picture.name} has a palette"
        assert picture.stat().st_size < 250_000
    assert sum(p.stat().st_size for p in pictures) < 4_000_000


def test_every_picture_of_a_page_is_there_and_every_picture_is_shown():
    shown = set()
    for page in [*DOCS.rglob("*.md"), ROOT / "README.md"]:
        for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            shown.add((page.parent / link).resolve())
    assert all(path.is_file() for path in shown)
    assert {p.resolve() for p in (DOCS / "images").rglob("*.*")} <= shown
