"""Adapter files: the factors alone, with the configuration and the fingerprint of their base."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from sciml.adapters import Adapter, fingerprint, from_dict
from sciml.errors import ArgumentError, FileFormatError, SciMLError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.files import container
from sciml.solvers.files.identity import describe_problem, equation_probe, same
from sciml.solvers.files.solution_file import Mismatch, problem_of
from sciml.solvers.report import Report

KIND = "adapter"
PROBE = "probe.equation"
PROBES = 8
KEPT = ("outcome", "seconds", "steps", "residual", "start", "optimizer", "points")


def save(tuned: AdaptedAnswer, path: str | os.PathLike, request: dict[str, Any] | None = None) -> None:
    """Write one small file: every factor packed into one dataset.

    Args:
        tuned: What was fine-tuned.
        path: The file.
        request: What was asked for, as plain data, where a later caller wants to compare (``read_request``).

    Raises:
        FileWriteError: The folder is missing or cannot be written to.
        ArgumentError: A factor is not finite.
    """
    arrays = {
        f"{name}:{key}": factor.detach().cpu().numpy()
        for name, factors in tuned.adapter.factors.items()
        for key, factor in factors.items()
    }
    arrays[PROBE] = _probe(tuned.problem)
    stats = tuned.stats.to_json()
    config = {
        "name": tuned.name,
        "adapter": tuned.config.to_dict(),
        "problem": describe_problem(tuned.problem),
        "base": fingerprint(tuned.base.network),
        "terms": arrays[PROBE].shape[1],
        "stats": {k: stats[k] for k in KEPT if k in stats},
        "allow_nan": [PROBE],
    }
    if request is not None:
        config["request"] = request
    container.write(path, KIND, config, arrays, pack=True)


def read_request(path: str | os.PathLike) -> Any:
    """What was asked for when the file was written; None where it does not say.

    Raises:
        FileFormatError: The file is missing, damaged or no adapter.
    """
    header = container.peek(path)
    if header.kind != KIND:
        raise FileFormatError(f"{os.fsdecode(path)}: refused: it holds a {header.kind}, not an adapter.")
    return header.config.get("request")


def load(base: Answer, path: str | os.PathLike, problem: PDE | None = None) -> AdaptedAnswer:
    """Read an adapter for this very base.

    Args:
        base: What it differs from.
        path: The file.
        problem: The problem it solves, where the file cannot hold it.

    Raises:
        FileFormatError: A damaged file, another base (structure or weights), or factors that do not fit.
        ArgumentError: ``problem`` is needed, or is not the one of the file.
    """

    def expect(config: dict[str, Any]) -> dict[str, tuple[tuple[int, ...], Any]]:
        if config.get("base") != fingerprint(base.network):
            raise FileFormatError(
                "it was made for another base: the fingerprint of the base's structure and weights does not match"
            )
        if not set(config.get("allow_nan", ())) <= {PROBE}:
            raise ValueError("its factors are allowed not to be finite")
        adapter = Adapter(from_dict(config["adapter"]), base.network)
        dtype = next(base.network.parameters()).detach().cpu().numpy().dtype
        factors = {
            f"{name}:{key}": (tuple(factor.shape), dtype)
            for name, factors in adapter.factors.items()
            for key, factor in factors.items()
        }
        return {**factors, PROBE: ((PROBES, int(config["terms"])), "float64")}

    config, arrays = container.read(path, KIND, expect)
    file = os.fsdecode(path)
    try:
        adapter = Adapter(from_dict(config["adapter"]), base.network)
        with torch.no_grad():
            for name, factors in adapter.factors.items():
                for key, factor in factors.items():
                    factor.copy_(torch.as_tensor(np.ascontiguousarray(arrays[f"{name}:{key}"])))
        solved = problem_of(config["problem"], problem, file)
        name, stats = config["name"], Report.from_dict(config["stats"])
    except FileFormatError as error:
        raise FileFormatError(f"{file}: refused: {error}") from None
    except Mismatch as error:
        raise ArgumentError(str(error)) from None
    except (SciMLError, LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise FileFormatError(f"{file}: refused: its configuration does not fit: {error}.") from None
    if not isinstance(name, str) or not name:
        raise FileFormatError(f"{file}: refused: its name is no text.")
    if not same(_probe(solved), arrays[PROBE]):
        raise FileFormatError(
            f"{file}: refused: it was trained for another equation or right-hand side than this problem's."
        )
    return AdaptedAnswer(base, solved, adapter, name, [], stats)


def _probe(problem: PDE) -> np.ndarray:
    """What tells one equation and right-hand side from another."""
    return equation_probe(problem, problem.sample(PROBES, seed=PROBES))
