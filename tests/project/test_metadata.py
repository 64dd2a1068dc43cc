"""The conda recipe and the citation say what pyproject.toml says."""

from __future__ import annotations

import re
import tomllib

import pytest

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


def test_recipe_citation_and_workflow_are_what_their_programs_read():
    """Keys and kinds of values that conda-build, CFF readers and a hosted runner need; every target exists."""
    yaml = pytest.importorskip("yaml")
    recipe, citation = yaml.safe_load(RECIPE), yaml.safe_load(CITATION)
    assert {"package", "source", "build", "requirements", "test", "about"} == set(recipe)
    assert recipe["build"]["noarch"] == "python"
    assert (ROOT / "conda" / recipe["source"]["path"]).resolve() == ROOT
    assert (ROOT / recipe["about"]["license_file"]).is_file()
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert [set(author) for author in citation["authors"]] == [{"name"}]

    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert {"linux", "macos", "windows", "lowest", "docs"} == set(jobs)
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = {word for c in commands if c.startswith("make ") for word in c.split()[1:] if "=" not in word}
    assert {"lint", "test", "docs"} <= asked <= targets
    extras = {
        extra for c in commands for group in re.findall(r"\[([\w,]+)\]", c) for extra in group.split(",")
    }
    assert extras <= set(PROJECT["optional-dependencies"])
    lowest = jobs["linux"]["strategy"]["matrix"]["python"][0]
    assert PROJECT["requires-python"] == f">={lowest}"
