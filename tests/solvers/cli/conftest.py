"""The program in an empty folder, and a solution that it can read."""

from __future__ import annotations

import pytest

import sciml
from sciml import nn, pdes
from sciml.solvers import cli


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Exit code, standard output and standard error of a command."""

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = cli.main(arguments)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture(scope="session")
def solved():
    return sciml.solve(pdes.Poisson(2), nn.MLP([2, 4, 1]), progress=False, points=25, max_steps=3)


@pytest.fixture
def poisson(solved) -> str:
    solved.save("poisson.h5")
    return "poisson.h5"
