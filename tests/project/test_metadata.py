"""The conda recipe and the citation say what pyproject.toml says."""

from __future__ import annotations

import re
import tomllib

import sciml
from tests.cases import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
# names that conda-forge gives
CALLED = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def section(name: str, indent: str) -> str:
    """The lines below a key, as far as they are indented more."""
    found = re.search(rf"^{indent}{name}:\n((?:{indent} +.*\n?)+)", RECIPE, re.MULTILINE)
    assert found is not None
    return found[1]


def requirements(name: str) -> dict[str, str]:
    """What a part of the recipe's requirements asks for: bounds by package."""
    lines = re.findall(r"- (\S+)(?: (\S+))?", section(name, "  "))
    return dict(lines)


def test_the_recipe_asks_for_what_the_package_asks_for():
    expected = {"python": PROJECT["requires-python"]}
    for dependency in PROJECT["dependencies"]:
        name, bound = re.fullmatch(r"([\w-]+)(>=.*)", dependency).groups()  # type: ignore[union-attr]
        expected[CALLED.get(name, name)] = bound
    assert requirements("run") == expected
    assert requirements("host")["setuptools"] == ">=77"


def test_the_recipe_is_of_this_package():
    assert f"name: {PROJECT['name']}\n" in RECIPE
    assert f"version: {sciml.__version__}\n" in RECIPE
    assert f"summary: {PROJECT['description']}\n" in RECIPE
    assert f"license: {PROJECT['license']}\n" in RECIPE
    assert f"- sciml = {PROJECT['scripts']['sciml']}\n" in RECIPE


def test_the_citation_is_of_this_version():
    assert f"\nversion: {sciml.__version__}\n" in CITATION
    assert f"\nlicense: {PROJECT['license']}\n" in CITATION
