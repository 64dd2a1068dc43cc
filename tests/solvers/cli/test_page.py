"""The page of the command line: its problem is solved as it says, and it names every command and exit code."""

from __future__ import annotations

import re
from pathlib import Path

from sciml.solvers.cli.exit_codes import EXPLAINED
from tests.cases import ROOT
from tests.solvers.cli.test_cli import COMMANDS, QUICK

PAGE = (ROOT / "docs" / "reference" / "command_line.md").read_text(encoding="utf-8")


def test_its_problem_runs(run):
    code = re.findall(r"```python\n(.*?)```", PAGE, re.S)[0]
    Path("my_problem.py").write_text(code)
    Path("points.csv").write_text("t,x\n0.5,0.25\n")
    assert run("solve", "my_problem.py:Burgers", "--nu", "0.1", *QUICK, "-o", "burgers.h5")[0] == 0
    own = ("--problem", "my_problem.py:Burgers")
    assert run("eval", "burgers.h5", "points.csv", "-o", "values.csv", *own)[0] == 0
    wrong = code.replace("u * u.d", "v * u.d")
    Path("my_problem.py").write_text(wrong)
    told = run("solve", "my_problem.py:Burgers", *QUICK)[2]
    line = next(k for k, text in enumerate(wrong.splitlines(), 1) if "v * u.d" in text)
    assert f'my_problem.py:{line}: `return u.d("t") + v * u.d("x")' in told
    assert f"my_problem.py:{line}: `" in PAGE
    assert "NameError: name 'v' is not defined" in told


def test_it_shows_every_command_and_exit_code():
    assert sorted(re.findall(r"```{command-help} (\w+)", PAGE)) == sorted(COMMANDS)
    for number, meaning in re.findall(r"^  (\d+) +(.*)$", EXPLAINED, re.M):
        assert f"| {number} | {meaning} |".replace("`", "") in PAGE.replace("`", "")
