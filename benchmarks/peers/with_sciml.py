"""sciml's own default solves."""

from __future__ import annotations

from typing import Any

import torch

import sciml
from benchmarks.peers.libraries import Settings
from benchmarks.peers.problems import PROBLEMS
from benchmarks.peers.watch import TimeIsOver, Watch

DEFAULT = Settings("`sciml.solve(problem, max_time=...)`, all else by default; float64", "docs/solving.md")
SETTINGS = dict.fromkeys(PROBLEMS, DEFAULT)


def solve(problem: str, seed: int, watch: Watch) -> None:
    """A default solve that may take the seconds of the watch."""
    statement = PROBLEMS[problem].statement()

    def found(trial: Any) -> Any:
        if problem == "inverse heat":
            return lambda x: trial.problem.diffusivity.number
        like = next(trial.parameters())

        def values(x: Any) -> Any:
            with torch.no_grad():
                return trial(torch.from_numpy(x).to(like)).numpy()

        return values

    def look(event: Any) -> bool:
        try:
            if watch.due():
                watch.look(found(event.trial), event.step)
        except TimeIsOver:
            return True
        return False

    solution = sciml.solve(statement, seed=seed, max_time=watch.seconds, callbacks=[look], progress=False)
    last = (
        (lambda x: solution.unknown["diffusivity"].value)
        if problem == "inverse heat"
        else found(solution.trial)
    )
    watch.look(last, int(solution.stats["steps"]))
