"""The Python of a page, and how it is run in a test: with a few steps a solve, and an estimate in few functions."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest

import sciml
from sciml.solvers.estimate import levels, window
from tests.cases import ROOT

DOCS = ROOT / "docs"
LEVELS = ((20, 100), (20, 100))  # features and points of an estimate
# what a reader of a page has already
READER = """
import numpy as np
import torch
import sciml
from sciml import adapters, nn, optim, pdes
problem = pdes.Poisson(2)
"""


def blocks(page: Path) -> list[str]:
    """The Python of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def lines(code: str) -> int:
    """Lines that are neither empty nor comments."""
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in code.splitlines())


def solve_briefly(monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
    """Every solve and fine-tuning takes two steps, with an estimate in few functions; a family has two members."""
    limits = {"max_steps": 2, "progress": False, **limits}
    solve, finetune, family = sciml.solve, sciml.Solution.finetune, sciml.Solution.finetune_family

    @functools.wraps(solve)
    def solved(problem, *arguments, max_time=None, **options):
        return solve(problem, *arguments, **{**options, **limits})

    @functools.wraps(finetune)
    def tuned(self, *arguments, **options):
        return finetune(self, *arguments, **{**options, "max_steps": 2, "progress": False})

    @functools.wraps(family)
    def members(self, of, *arguments, **options):
        few = dict(list(of.items())[:2])
        return family(self, few, *arguments, **{**options, "max_steps": 2})

    monkeypatch.setitem(vars(sciml), "solve", solved)
    monkeypatch.setattr(sciml.Solution, "finetune", tuned)
    monkeypatch.setattr(sciml.Solution, "finetune_family", members)
    for module in (levels, window):
        monkeypatch.setattr(module, "LEVELS", LEVELS)
        monkeypatch.setattr(module, "AUTOGRAD_LEVELS", LEVELS)


def run(page: Path, given: str = "") -> dict[str, Any]:
    """The names that a page leaves, all its blocks run one after the other."""
    names: dict[str, Any] = {"__name__": page.stem}
    exec(READER + given, names)
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)
    return names
