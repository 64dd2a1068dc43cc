"""What the documentation's own extensions do, and that its menu names every page."""

from __future__ import annotations

import importlib.util
import re

import pytest

from benchmarks.tables.page import table
from tests.cases import ROOT

DOCS = ROOT / "docs"


def extension(name: str):
    spec = importlib.util.spec_from_file_location(name, DOCS / "extensions" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def menu() -> list[str]:
    """The entries of the toctrees of the first page, group by group."""
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    return [
        line
        for tree in re.findall(r"```{toctree}\n(.*?)```", text, re.S)
        for line in tree.split("\n\n")[1].split()
    ]


def test_the_menu_has_four_groups_and_names_every_page():
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    assert re.findall(r":caption: (.*)", text) == ["Begin", "Use", "Understand", "Reference"]
    pages = {p.relative_to(DOCS).with_suffix("").as_posix() for p in DOCS.rglob("*.md")} - {"index"}
    notebooks = {f"notebooks/{p.stem}" for p in (ROOT / "notebooks").glob("*.ipynb")}
    assert sorted(set(menu()) - {"Home", "<self>"}) == sorted(pages | notebooks)
    assert len(menu()) == len(set(menu()))


def test_python_between_fences_becomes_a_block():
    lines = ["Use it so:", "", "```python", "a = 1", "", "b = {", "    2", "}", "```", "Then go on."]
    assert extension("markdown_docstrings").translate(lines) == [
        *("Use it so:", "", "", ".. code-block:: python", ""),
        *("   a = 1", "", "   b = {", "       2", "   }", "", "Then go on."),
    ]


def test_a_formula_after_a_colon_becomes_a_literal_and_a_section_stays():
    translate = extension("markdown_docstrings").translate
    assert translate(["The equation:", "", "    u_t = u_xx", "", "holds."])[0] == "The equation::"
    assert translate(["Args:", "", "    x: A point."])[0] == "Args:"
    assert translate(["One of:", "", "no formula"])[0] == "One of:"


def test_maths_is_mathml():
    pytest.importorskip("latex2mathml")
    convert = extension("mathml").convert
    formulas = [
        f for page in DOCS.glob("*.md") for f in re.findall(r"\$\$(.+?)\$\$", page.read_text("utf-8"), re.S)
    ]
    assert formulas
    for formula in formulas:
        drawn = convert(formula, display="block")
        assert drawn.startswith("<math")
        assert "\\" not in drawn.replace("\\u", ""), f"{formula} holds a command that MathML has no sign for"


def test_a_picture_without_a_text_has_that_of_its_heading():
    nodes = pytest.importorskip("docutils.nodes")
    section = nodes.section("", nodes.title(text="The slider"), nodes.container("", nodes.image(uri="a.png")))
    described = nodes.image(uri="b.png", alt="a plate")
    extension("picture_texts").describe(
        None, nodes.container("", section, described, nodes.image(uri="c.png"))
    )
    bare = extension("picture_texts").heading(None)
    assert section[1][0]["alt"] == "Picture: The slider"
    assert described["alt"] == "a plate"
    assert bare == "drawn by the code above"


@pytest.mark.parametrize("cell", ["0.27 / 0.49", "**3e-8**", "–"])
def test_figures_stand_at_the_right(cell):
    head = table(("a", "b"), [("x", cell)]).splitlines()[1]
    assert head == "| --- | ---: |"
    assert (
        table(("a", "b"), [("x", "2-20-20-1 tanh, 2540 points, then L-BFGS")]).splitlines()[1]
        == "| --- | --- |"
    )
