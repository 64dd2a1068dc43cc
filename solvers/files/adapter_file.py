"""Adapter files: the factors alone, with the configuration and the fingerprint of their base."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sciml.adapters import (
    Adapter,
    Span,
    SpanAdapter,
    WindowsAdapter,
    fingerprint,
    from_dict,
    member_network,
    member_print,
)
from sciml.adapters.parameters import named
from sciml.ansatz.march import Chain
from sciml.errors import ArgumentError, FileFormatError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.files import container
from sciml.solvers.files.adapter_shapes import factor_shapes
from sciml.solvers.files.expected import Expected, Mismatch
from sciml.solvers.files.identity import (
    PROBES,
    describe_problem,
    equation_probe,
    same,
    same_values,
    solved_points,
    value_probe,
)
from sciml.solvers.files.printable import is_plain_name
from sciml.solvers.files.refusal import reason, refusal, shown
from sciml.solvers.files.solution_file import UNUSABLE, problem_of
from sciml.solvers.report import Report

KIND = "adapter"
PROBE = "probe.equation"
POINTS, VALUES = "probe.points", "probe.values"  # of the adapted solution; version 0.1.0 did not write them
NAME = "1 to 200 printable characters that are no path to elsewhere"
KEPT = (
    "outcome",
    "seconds",
    "steps",
    "residual",
    "start",
    "optimizer",
    "points",
    "error_estimate",
    "error_drop",
    "attempts",
)


def save(tuned: AdaptedAnswer, path: str | os.PathLike, request: dict[str, Any] | None = None) -> None:
    """Write one small file: every factor packed into one dataset.

    Args:
        tuned: What was fine-tuned.
        path: The file.
        request: What was asked for, as plain data, where a later caller wants to compare (``read_request``).

    Raises:
        FileWriteError: The folder is missing or cannot be written to.
        ArgumentError: A factor is not finite, or the name is not plain text.
    """
    if not is_plain_name(tuned.name):
        raise ArgumentError(f"name needs {NAME}, got {tuned.name!r:.200}.")
    arrays = {
        f"{name}:{key}": factor.detach().cpu().numpy()
        for name, factors in tuned.adapter.factors.items()
        for key, factor in factors.items()
    }
    arrays[PROBE] = _probe(tuned.problem)
    arrays |= _values(tuned)
    stats = tuned.stats.to_json()
    config = {
        "name": tuned.name,
        "adapter": tuned.config.to_dict(),
        "problem": describe_problem(tuned.problem),
        "base": fingerprint(tuned.base.network),
        "terms": arrays[PROBE].shape[1],
        "values": arrays[VALUES].shape[1],
        "stats": {k: stats[k] for k in KEPT if k in stats},
        "allow_nan": [PROBE],
    }
    if isinstance(tuned.adapter, SpanAdapter):
        config["prints"] = tuned.adapter.prints
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
        raise refusal(path, f"it holds a {header.kind}, not an adapter")
    request = header.config.get("request")
    if not isinstance(request, (dict, type(None))):
        raise refusal(path, f"its request is no dictionary: {request!r:.80}")
    return request


def load(
    base: Answer,
    path: str | os.PathLike,
    problem: PDE | None = None,
    members: Mapping[str, AdaptedAnswer] | None = None,
) -> AdaptedAnswer:
    """Read an adapter for this very base.

    Args:
        base: What it differs from.
        path: The file.
        problem: The problem it solves, where the file cannot hold it.
        members: Other adapters of the base, by name, which a span needs.

    Raises:
        FileFormatError: A damaged file, another base (structure or weights), a member that is missing or another, or factors
            that do not fit.
        ArgumentError: ``problem`` is needed, or is not the one of the file.
    """

    config, arrays = container.read(path, KIND, _expected(base))
    file = shown(path)
    try:
        adapter = _started(config, base, members or {})
        with torch.no_grad():
            for name, factors in adapter.factors.items():
                for key, factor in factors.items():
                    factor.copy_(torch.as_tensor(np.ascontiguousarray(arrays[f"{name}:{key}"])))
        solved = problem_of(config["problem"], problem, file)
        tuned = AdaptedAnswer(base, solved, adapter, config["name"], [], Report.from_dict(config["stats"]))
        if not same(_probe(solved), arrays[PROBE]):
            raise FileFormatError(
                "it was trained for another equation or right-hand side than this problem's"
            )
        if VALUES in arrays:
            _compare_values(tuned, arrays)
    except Mismatch as error:
        raise ArgumentError(str(error)) from None
    except FileFormatError as error:
        raise refusal(path, error) from None
    except UNUSABLE as error:
        raise refusal(path, f"its configuration does not fit: {reason(error)}") from None
    return tuned


def _expected(base: Answer) -> Any:
    """What arrays a configuration implies for that base, by arithmetic."""

    def expect(config: dict[str, Any]) -> Expected:
        if config.get("base") not in _digests(base, config):
            raise FileFormatError(
                "it was made for another base: the fingerprint of the base's structure and weights does not match"
            )
        if not set(config.get("allow_nan", ())) <= {PROBE}:
            raise ValueError("its factors are allowed not to be finite")
        if not is_plain_name(config["name"]):
            raise ValueError(f"its name needs {NAME}, got {config['name']!r:.80}")
        if not isinstance(config.get("request"), (dict, type(None))):
            raise ValueError(f"its request is no dictionary: {config['request']!r:.80}")
        if type(config["terms"]) is not int or config["terms"] < 1:
            raise ValueError(f"its terms need a whole number of at least 1, got {config['terms']!r:.80}")
        if config["adapter"].get("kind") == Span.kind:
            count = len(config["adapter"]["members"])
            prints = config["prints"]
            if not isinstance(prints, list) or len(prints) != count or not all(map(_is_digest, prints)):
                raise ValueError(f"its members need a fingerprint each, got {prints!r:.80}")
        dtype = next(base.network.parameters()).detach().cpu().numpy().dtype
        shapes = factor_shapes(from_dict(config["adapter"]), base.network)
        expected: dict[str, Any] = {name: (shape, dtype) for name, shape in shapes.items()}
        expected[PROBE] = ((PROBES, config["terms"]), "float64")
        if "values" in config:
            outputs = base.problem.outputs
            if config["values"] != outputs:
                raise ValueError(f"it holds values of {config['values']!r:.80} unknowns, not of {outputs}")
            expected[POINTS] = ((PROBES, base.problem.domain.dim), "float64")
            expected[VALUES] = ((PROBES, outputs), "float64")
        return expected

    return expect


def _started(
    config: dict[str, Any], base: Answer, members: Mapping[str, AdaptedAnswer]
) -> Adapter | SpanAdapter:
    """The adapter that a file describes, before its factors are read.

    Raises:
        FileFormatError: A span whose members are not here.
    """
    found = from_dict(config["adapter"])
    if not isinstance(found, Span):
        kind = WindowsAdapter if isinstance(base.trial, Chain) else Adapter
        return kind(found, base.network)
    if isinstance(base.trial, Chain):
        raise FileFormatError("it is a span, which a solution in windows cannot have")
    names, prints, networks = list(found.members or ()), config["prints"], [base.network]
    for name, saved in zip(names, prints, strict=True):
        member = members.get(name)
        if member is None:
            raise FileFormatError(f"it is a span that needs the member {name!r:.80}, which is not here")
        if not isinstance(member.adapter, Adapter) or member_print(member.adapter, base.network) != saved:  # type: ignore[arg-type]
            raise FileFormatError(f"it is a span of another member {name!r:.80} than the one that is here")
        networks.append(member_network(member.adapter, base.network))  # type: ignore[arg-type]
    return SpanAdapter(found, networks, prints)  # type: ignore[arg-type]


def _digests(base: Answer, config: dict[str, Any]) -> set[str]:
    """What a file may say of this base. Version 0.1.0, which kept no values, left the knots out."""
    now = fingerprint(base.network)
    return {now} if "values" in config else {now, fingerprint(named(base.network))}


def _is_digest(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")


def _probe(problem: PDE) -> np.ndarray:
    """What tells one equation and right-hand side from another."""
    return equation_probe(problem, problem.sample(PROBES, seed=PROBES))


def _values(tuned: AdaptedAnswer) -> dict[str, np.ndarray]:
    """The adapted solution at a few points: what notices a changed scale, which no shape shows."""
    # of the factors as they are now
    trial = tuned.base.trial.like(tuned.problem, tuned.adapter.network(tuned.base.network))
    x = solved_points(tuned.problem, trial)
    return {POINTS: x.contiguous().numpy(), VALUES: value_probe(trial, x)}


def _compare_values(tuned: AdaptedAnswer, arrays: dict[str, np.ndarray]) -> None:
    x = torch.from_numpy(arrays[POINTS].copy())
    dtype = next(tuned.base.network.parameters()).dtype
    if not same_values(value_probe(tuned.trial, x), arrays[VALUES], dtype):
        raise FileFormatError("the adapted solution has other values than it had when it was saved")
