"""One solve by three processes has the numbers of one process, whatever method asks for."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest
import torch

import sciml
from sciml import pdes
from sciml.errors import ArgumentError
from tests.cases import ROOT
from tests.solvers.sharing.processes import CASES, run

SIZE = 3


def together(folder, which: str, size: int = SIZE) -> tuple[list[dict], list[int]]:
    """What each process found, and its exit code."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.solvers.sharing.processes", str(folder), str(k), str(size), which],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        )
        for k in range(size)
    ]
    codes = [process.wait(timeout=240) for process in started]
    files = [folder / f"{k}.pkl" for k in range(size)]
    return [pickle.loads(f.read_bytes()) if f.exists() else {} for f in files], codes


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharing")
    answers, codes = together(folder, "all")
    assert codes == [0] * SIZE
    answers[0]["checkpoint"] = folder / "run.h5"
    return answers


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_of_one_process(found, name):
    alone, first = run(name), found[0][name]
    # 20 steps carry rounding further than four
    tolerance = 1e-4 if name == "redrawn" else 1e-7
    torch.testing.assert_close(first["theta"], alone["theta"], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(
        torch.tensor(first["losses"]), torch.tensor(alone["losses"]), rtol=100 * tolerance, atol=0.0
    )
    assert first["points"] == alone["points"]


@pytest.mark.parametrize("name", CASES)
def test_every_process_holds_the_same_solution(found, name):
    for other in found[1:]:
        assert torch.equal(other[name]["theta"], found[0][name]["theta"])
        assert other[name]["losses"] == found[0][name]["losses"]


def test_an_error_in_one_process_is_raised_in_all(found):
    texts = [answers["faulty"]["error"] for answers in found]
    assert texts[0] == "ProcessFailed: process 1 raised ValueError: no such value"
    assert all("process 1 raised ValueError: no such value" in text for text in texts)


def test_different_problems_are_refused(found):
    assert all("problem needs to be the same in every process" in a["different"]["error"] for a in found)


def test_fewer_points_than_processes_are_refused(found):
    assert all("points needs at least one for each of the 3 processes" in a["few"]["error"] for a in found)


def test_what_is_sent_grows_as_the_page_says(found):
    sent = found[0]["sent"]
    M, P, others = sent["M"], sent["P"], SIZE - 1
    share = -(-M // SIZE)  # the largest one: all are sent at its length
    assert sent["linearize"] == sent["residual"] == sent["mv"] == 8 * others * share
    assert sent["normal"] == 8 * others * P * P
    assert sent["rmv"] == 8 * others * (share + P)


def test_a_continued_run_has_the_same_numbers(found):
    assert torch.equal(found[0]["resumed"]["theta"], found[0]["redrawn"]["theta"])
    alone = run("redrawn", resume=found[0]["checkpoint"])
    torch.testing.assert_close(alone["theta"], found[0]["redrawn"]["theta"], rtol=1e-4, atol=1e-4)


def test_a_lost_process_costs_nothing_that_was_reached(tmp_path):
    answers, _ = together(tmp_path, "dying", 2)
    assert answers[0]["dying"]["outcome"] == "interrupted"
    assert any("no longer answers" in note for note in answers[0]["dying"]["notes"])


def test_a_group_is_needed():
    with pytest.raises(ArgumentError, match="process_group needs a process group"):
        sciml.solve(pdes.Poisson(2), process_group="all", progress=False)
