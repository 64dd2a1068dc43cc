"""The Python of README.md and of the pages runs, with a few steps a solve, and is as short as the pages say."""

from __future__ import annotations

import re

import pytest

import sciml
from sciml import pdes
from tests.cases import ROOT
from tests.project import pages
from tests.project.pages import DOCS, blocks, lines

# these have tests of their own, which look at what comes out
ELSEWHERE = {
    *(
        "checks",
        "derivatives",
        "expressions",
        "extending",
        "few_lines",
        "files",
        "first_pde",
        "inverse",
        "kans",
    ),
    *("command_line", "gallery", "optimisers", "plotting"),
}
PAGES = [
    page
    for page in (*sorted(DOCS.rglob("*.md")), ROOT / "README.md")
    if blocks(page) and page.stem not in ELSEWHERE
]
# what the reader of a page has besides
GIVEN = {
    "conditions": "k = eps = T0 = 1.0; f = target = lambda x: x[:, :1]; np.savetxt('profile.txt', np.zeros(21))",
    "finetune": "new = pdes.Burgers(nu=0.06); pretrained = finetuned = nn.MLP([2, 4, 1])",
    "rank": """
solution = sciml.solve(problem, nn.KAN([2, 4, 1]))
new = problem.with_source(lambda x: torch.ones_like(x[:, :1]))
sigma = torch.arange(1.0, 13.0).double()
loss = lambda s: (s**2).sum() + s.prod()
""",
    "slim_kan": "kan = nn.KAN([64, 32, 10])",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_page_runs(page, tmp_path, monkeypatch):
    """With a budget of steps in place of the page's; what is solved so is not right yet, so only that it runs is seen."""
    monkeypatch.chdir(tmp_path)
    pages.solve_briefly(monkeypatch)
    pages.run(page, GIVEN.get(page.stem, ""))


def test_the_lines_of_the_gallery_state_their_problems(monkeypatch):
    """That they are what was solved is seen in test_gallery.py."""
    stated = []
    monkeypatch.setitem(vars(sciml), "solve", lambda problem, **options: stated.append(problem))
    for block in blocks(DOCS / "gallery.md"):
        exec(block, {"sciml": sciml, "pdes": pdes})
    assert [type(problem) for problem in stated] == [pdes.get(name) for name in pdes.names()]


def test_the_four_programs_are_as_short_as_the_page_says():
    programs = blocks(DOCS / "coming_from.md")[1:]
    poisson, burgers, _, viscosity, next_one = programs
    counted = [lines(block) for block in (poisson, burgers, viscosity, next_one)]
    assert "3, 8, 13 and 3" in (DOCS / "coming_from.md").read_text(encoding="utf-8")
    assert counted == [3, 8, 13, 3]


def test_the_catalogue_is_as_large_as_the_pages_say():
    many = len(list(pdes.names()))
    assert f"its {many} equations" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"| + {many} |" in (DOCS / "compare.md").read_text(encoding="utf-8")


def test_code_fits_beside_the_menu():
    """A page of 1280 pixels shows 110 characters of code beside the menu (docs/static/sciml.css); a wider line is cut."""
    for page in sorted(DOCS.rglob("*.md")):
        for block in re.findall(r"^```.*?\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            assert max(map(len, block.splitlines()), default=0) <= 110, f"{page.stem}: {block}"


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
