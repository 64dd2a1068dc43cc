"""Docstrings: one markup, and the Python in them compiles."""

from __future__ import annotations

import ast
import re
import textwrap

import pytest

from tests.cases import ROOT

FOLDERS = ("kernels", "sciml", "pdes", "solvers", "benchmarks")
FILES = sorted(str(f.relative_to(ROOT)) for folder in FOLDERS for f in (ROOT / folder).rglob("*.py"))
FENCE = re.compile(r"^( *)```python\n(.*?)^ *```", re.M | re.S)
ROLE = re.compile(r":(class|func|meth|mod|attr|exc|data):`")


def docstrings(file: str) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return [ast.get_docstring(n) or "" for n in ast.walk(tree) if isinstance(n, kinds)]


@pytest.mark.parametrize("file", FILES)
def test_python_in_docstrings_compiles(file):
    for text in docstrings(file):
        for _, code in FENCE.findall(text):
            compile(textwrap.dedent(code), file, "exec")


@pytest.mark.parametrize("file", FILES)
def test_docstrings_have_one_markup(file):
    """Names in double backticks, Python between fences, formulas indented after a colon."""
    for text in docstrings(file):
        assert not ROLE.search(text), text
        assert not text.replace("```", "").replace("``", "").count("`"), text
        assert not re.search("::$", text, re.M), text


def test_the_checks_see_what_they_look_for():
    assert FENCE.findall("    ```python\n    a = 1\n    ```\n") == [("    ", "    a = 1\n")]
    assert ROLE.search("see :func:`sciml.solve`")
