"""Errors of arguments have one wording: ``x needs ..., got ....``"""

from __future__ import annotations

import ast
import re

import pytest

from tests.cases import ROOT

FOLDERS = ("kernels", "sciml", "pdes", "solvers")
FILES = sorted(str(f.relative_to(ROOT)) for folder in FOLDERS for f in (ROOT / folder).rglob("*.py"))
OTHER_WORDING = re.compile(r"\bmust\b|\bshould\b|\bexpected\b|[;:.] got\b|\bbut got\b", re.I)
# What a message may say in those words: file -> part of the text.
EXCEPTIONS: dict[str, str] = {}


def messages(file: str) -> list[str]:
    """The texts of the errors of arguments that a file raises; what an f-string fills in reads ``{}``."""
    found = []
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("ArgumentError", "ArgumentTypeError"):
            found.extend(text(a) for a in node.args[:1])
    return found


def text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(text(part) if isinstance(part, ast.Constant) else "{}" for part in parts)


@pytest.mark.parametrize("file", FILES)
def test_errors_of_arguments_have_one_wording(file):
    for message in messages(file):
        if not (file in EXCEPTIONS and EXCEPTIONS[file] in message):
            assert not OTHER_WORDING.search(message), message
            assert not message or message.endswith((".", "!", "?", "}")), f"no full stop: {message}"


def test_every_exception_is_needed():
    for file, part in EXCEPTIONS.items():
        assert any(part in m and OTHER_WORDING.search(m) for m in messages(file)), file


def test_the_checks_see_what_they_look_for():
    assert OTHER_WORDING.search("tol must be positive; got -1")
    assert not OTHER_WORDING.search("tol needs a number above 0, got -1.")
    assert sum(len(messages(f)) for f in FILES) > 150
