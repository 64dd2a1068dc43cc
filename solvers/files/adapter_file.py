"""Adapter files: the factors alone, with the configuration and the fingerprint of their base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sciml.adapters import Adapter, from_dict
from sciml.errors import ArgumentError, FileFormatError, SciMLError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedSolution
from sciml.solvers.files.container import read, write
from sciml.solvers.files.identity import describe_problem, equation_probe
from sciml.solvers.files.solution_file import Mismatch, problem_of

if TYPE_CHECKING:
    from sciml.solvers.hosting import AdapterHost

KIND = "adapter"
PROBE = "probe.equation"
PROBES = 8
AGREE = 1e-6  # relative difference of the equation's probe from which it is another equation
KEPT = ("outcome", "seconds", "steps", "residual", "start", "optimizer", "points")


def save_adapter(tuned: AdaptedSolution, path: Any) -> None:
    """Write one small file: every factor packed into one dataset."""
    arrays = {
        f"{name}:{key}": factor.detach().cpu().numpy()
        for name, factors in tuned.adapter.factors.items()
        for key, factor in factors.items()
    }
    arrays[PROBE] = _probe(tuned.problem)
    config = {
        "name": tuned.name,
        "adapter": tuned.config.to_dict(),
        "problem": describe_problem(tuned.problem),
        "base": tuned.base.fingerprint(),
        "terms": arrays[PROBE].shape[1],
        "stats": {k: v for k, v in tuned.stats.items() if k in KEPT and v == v},
    }
    write(path, KIND, config, arrays, pack=True)


def load_adapter(host: AdapterHost, path: Any, problem: PDE | None = None) -> AdaptedSolution:
    """Read an adapter for this very base.

    Raises:
        FileFormatError: A damaged file, another base (structure or weights), or factors that do not fit.
    """

    def expect(config: dict[str, Any]) -> dict[str, tuple[tuple[int, ...], Any]]:
        if config.get("base") != host.fingerprint():
            raise FileFormatError(
                "it was made for another base: the fingerprint of the base's structure and weights does not match"
            )
        adapter = Adapter(from_dict(config["adapter"]), host.network)
        dtype = next(host.network.parameters()).detach().cpu().numpy().dtype
        factors = {
            f"{name}:{key}": (tuple(factor.shape), dtype)
            for name, factors in adapter.factors.items()
            for key, factor in factors.items()
        }
        return {**factors, PROBE: ((PROBES, int(config["terms"])), "float64")}

    config, arrays = read(path, KIND, expect)
    try:
        adapter = Adapter(from_dict(config["adapter"]), host.network)
        with torch.no_grad():
            for name, factors in adapter.factors.items():
                for key, factor in factors.items():
                    factor.copy_(torch.as_tensor(np.ascontiguousarray(arrays[f"{name}:{key}"])))
        solved = problem_of(config["problem"], problem, str(path))
        _compare(_probe(solved), arrays[PROBE], path)
        return AdaptedSolution(host, solved, adapter, str(config["name"]), [], dict(config["stats"]))
    except FileFormatError:
        raise
    except Mismatch as error:
        raise ArgumentError(str(error)) from None
    except (SciMLError, KeyError, TypeError) as error:
        raise FileFormatError(f"{path}: its configuration does not fit: {error}") from error


def _probe(problem: PDE) -> np.ndarray:
    """The equation's residual for a fixed smooth function: what tells one right-hand side from another."""
    return equation_probe(problem, problem.sample(PROBES, seed=PROBES)).double().cpu().numpy()


def _compare(here: np.ndarray, saved: np.ndarray, path: Any) -> None:
    if here.shape != saved.shape or not np.allclose(
        here, saved, rtol=AGREE, atol=AGREE * float(np.abs(saved).max())
    ):
        raise FileFormatError(
            f"{path}: refused: it was trained for another equation or right-hand side than this problem's."
        )
