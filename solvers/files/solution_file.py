"""Solutions as files: what was solved, the network with its weights, the history and how it ended.

Nothing in such a file is ever run. A problem of the catalogue comes back from its name and plain
parameters; a problem with a Python function of the user in it has to be given again, and is compared with
what the file remembers of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from sciml import __version__, pdes
from sciml.ansatz import Ansatz, Trial
from sciml.ansatz.march import Chain
from sciml.coefficients import unknowns_of, with_values
from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError, SciMLError
from sciml.nn import from_config
from sciml.problem import PDE
from sciml.solvers.answer import Answer
from sciml.solvers.files import container
from sciml.solvers.files.expected import Expected, Mismatch
from sciml.solvers.files.history import expected_columns, history_arrays, history_rows
from sciml.solvers.files.identity import (
    PROBES,
    describe_network,
    describe_problem,
    differences,
    equation_probe,
    same,
    same_values,
    solved_points,
    value_probe,
)
from sciml.solvers.files.printable import printable
from sciml.solvers.files.refusal import reason, refusal, shown
from sciml.solvers.files.shapes import check_cost, state_shapes
from sciml.solvers.files.windows.description import build_chain, check_chain, describe_chain
from sciml.solvers.report import Report
from sciml.unknown import Unknown

KIND = "solution"
NETWORK = "network."  # prefix of the weights' and buffers' arrays
# what building from a configuration of unknown origin may raise
UNUSABLE = (SciMLError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, AttributeError)
COMPARED = ("coordinates", "unknowns", "lower", "upper", "conditions")


def save(answer: Answer, path: str | os.PathLike) -> None:
    """Write one HDF5 file, atomically; an old file of that name is replaced.

    What a file cannot hold, it notes: a problem made of the user's own functions is given again to
    ``load`` as ``problem=``, a network that is no ``nn.KAN`` or ``nn.MLP`` as ``model=``. Adapters go
    into files of their own.

    Raises:
        FileWriteError: The folder is missing or cannot be written to.
        ArgumentError: A weight is not finite.
    """
    columns, rows = history_arrays(answer.history)
    probes = _probes(answer.problem, answer.trial)
    arrays = {f"{NETWORK}{name}": container.array_of(t) for name, t in answer.network.state_dict().items()}
    config = {
        "sciml": __version__,
        "problem": describe_problem(answer.statement),
        "network": describe_network(answer.network),
        "dtype": str(next(answer.network.parameters()).dtype).removeprefix("torch."),
        "history": columns,
        "rows": len(next(iter(rows.values()), ())),
        "stats": answer.stats.to_json(),
        "equations": probes["probe.equation"].shape[1],
        "allow_nan": [*rows, "probe.equation"],
    }
    if answer.trial.ansatz.penalties:
        config["penalties"] = True
    if answer.trial.ansatz.carries:
        config["jumps"] = True
    if answer.trial.scale is not None:
        config["scale"] = answer.trial.scale.tolist()
    if isinstance(answer.trial, Chain):
        config["windows"] = describe_chain(answer.trial)
    container.write(path, KIND, config, {**arrays, **rows, **probes})


def load(path: str | os.PathLike, problem: PDE | None = None, model: nn.Module | None = None) -> Answer:
    """The answer that ``save`` wrote; its predictions are the same bit by bit.

    Args:
        path: The file.
        problem: The problem, where the file cannot hold it: your own class, or one ``with_source``.
        model: A module of the saved structure, where the network is no ``nn.KAN`` or ``nn.MLP``; the
            weights are written into it.

    Raises:
        FileFormatError: The file is missing, damaged or no solution.
        ArgumentError: ``problem`` or ``model`` is needed, or is not the one that was saved.
    """
    for name, value, kind in (("problem", problem, PDE), ("model", model, nn.Module)):
        if value is not None and not isinstance(value, kind):
            raise ArgumentTypeError(f"{name} needs a {kind.__name__} instance, got {value!r}.")
    config, arrays = container.read(path, KIND, _expected(model))
    name, given = shown(path), problem is not None
    try:
        statement = problem_of(config["problem"], problem, name)
        history, stats = history_rows(config["history"], arrays), Report.from_dict(config["stats"])
        network = config["network"]["config"]
        if stats.polished is not None and network is not None and network["kind"] != "Combination":
            raise ValueError("it says that it is polished, but its network is no sum with a correction")
        problem = _with_found(statement, stats, name)
        trial = _trial(config, arrays, problem, model, name)
    except Mismatch as error:
        raise ArgumentError(str(error)) from None
    except FileFormatError as error:
        raise refusal(path, error) from None
    except UNUSABLE as error:
        raise refusal(path, f"its configuration cannot be used: {reason(error)}") from None
    _compare_probes(problem, trial, arrays, given or model is not None, name)
    return Answer(problem, trial, history, stats, statement)


def _with_found(statement: PDE, stats: Report, name: str) -> PDE:
    """The problem with the coefficients that were found."""
    open_ = unknowns_of(statement)
    missing = sorted(set(open_) - set(stats.unknown))
    if missing:
        raise Mismatch(f"problem= has the Unknown {', '.join(missing)}, of which {name} has no value.")
    for key, unknown in open_.items():
        value = stats.unknown[key].value
        low, high = unknown.bounds or (0.0 if unknown.positive else -math.inf, math.inf)
        if not low <= value <= high:
            raise Mismatch(f"{name} has {key} = {value:g}, which is out of the range of {unknown!r}.")
    return with_values(statement, {key: stats.unknown[key].value for key in open_})


def _expected(model: nn.Module | None) -> Any:
    """What arrays a configuration implies, by arithmetic, within what a file alone may ask for."""

    def expect(config: dict[str, Any]) -> Expected:
        if config["dtype"] not in ("float32", "float64"):
            raise ValueError(f"dtype is {config['dtype']!r:.80}")
        saved = config["network"]
        if "windows" in config:
            check_chain(config["windows"], saved)
        tensors = {name: (tuple(shape), kind) for name, (kind, shape) in saved["tensors"].items()}
        if saved["config"] is not None:
            if state_shapes(saved["config"]) != {name: shape for name, (shape, _) in tensors.items()}:
                raise ValueError("its network configuration does not go with its tensors")
            if model is None:
                check_cost(saved["config"])
        history = expected_columns(config["history"], _count(config["rows"], "rows"))
        if not set(config["allow_nan"]) <= {*history, "probe.equation"}:
            raise ValueError("its weights are allowed not to be finite")
        columns = len(config["problem"]["coordinates"])
        return {
            **{f"{NETWORK}{name}": entry for name, entry in tensors.items()},
            **history,
            "probe.points": ((PROBES, columns), "float64"),
            "probe.values": ((PROBES, len(config["problem"]["unknowns"])), "float64"),
            "probe.equation": ((PROBES, _count(config["equations"], "equations")), "float64"),
        }

    return expect


def _count(value: Any, name: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is {value!r:.80}")
    return value


def problem_of(saved: dict[str, Any], given: PDE | None, name: str) -> PDE:
    """The problem of a file: built from the catalogue, or the one that was given, once it is the same.

    Args:
        saved: What ``describe_problem`` said of it.
        given: What the caller says it is.
        name: Of the file, for messages.
    """
    label = saved["class"] if saved["name"] is None else f"{saved['name']} with functions of your own"
    if given is None and saved["custom"]:
        raise Mismatch(
            f"problem is needed: {name} was made with {printable(label, 80)}, which only Python code can state. "
            "Give it as problem=..."
        )
    built = given
    if built is None:
        built = pdes.build(str(saved["name"]), **saved_parameters(saved))
    try:
        built.validate()
    except SciMLError as error:
        if given is None:
            raise
        raise Mismatch(f"problem={given!r:.200} cannot be used: {error}") from None
    here = describe_problem(built)
    keys = COMPARED if saved["custom"] else (*COMPARED, "name", "parameters", "custom")
    other = differences({k: saved[k] for k in keys}, {k: here[k] for k in keys})
    if other and given is not None:
        raise Mismatch(f"problem={given!r:.200} is not the one of {name}: {'; '.join(other)}.")
    if other:
        raise FileFormatError(f"its problem contradicts itself: {'; '.join(other)}.")
    return built


def saved_parameters(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The plain parameters of a problem, from what ``describe_problem`` said of it; none where it has others."""
    return {name: _parameter(value) for name, value in (saved.get("parameters") or {}).items()}


def _trial(
    config: dict[str, Any], arrays: Mapping[str, np.ndarray], problem: PDE, model: nn.Module | None, name: str
) -> Trial:
    saved = config["network"]
    ways = [config.get(key, False) for key in ("penalties", "jumps")]
    if any(type(way) is not bool for way in ways):
        raise ValueError(f"its penalties and jumps are {ways!r:.80}")
    if "windows" in config:
        if model is not None:
            raise Mismatch(f"model= has no place in {name}: it holds a solution in windows.")
        return build_chain(problem, config["windows"], config["dtype"], arrays, NETWORK, ways[1])  # type: ignore[return-value]
    if model is None and saved["config"] is None:
        raise Mismatch(
            f"model is needed: {name} holds the weights of a {printable(saved['class'], 80)}, which only Python "
            "code can build. Give one as model=..."
        )
    network = from_config(saved["config"]) if model is None else model
    network.to(dtype=getattr(torch, config["dtype"]))
    here = describe_network(network)["tensors"]
    other = differences(saved["tensors"], here)
    if other and model is not None:
        raise Mismatch(f"model has another structure than the one of {name}: {'; '.join(other[:3])}.")
    if other:
        raise FileFormatError(f"its network contradicts itself: {'; '.join(other[:3])}.")
    weights = {key: torch.from_numpy(arrays[f"{NETWORK}{key}"].copy()) for key in here}
    network.load_state_dict(weights)
    return Trial(problem, network, Ansatz(problem, *ways), _scale(config.get("scale"), problem.outputs))


def _scale(saved: Any, unknowns: int) -> torch.Tensor | None:
    """Sizes of the unknowns; None in a file that has none."""
    if saved is None:
        return None
    if not isinstance(saved, list) or len(saved) != unknowns:
        raise ValueError(f"its scale is {saved!r:.80}")
    if not all(type(v) is float and v > 0 for v in saved):
        raise ValueError(f"its scale is {saved!r:.80}")
    return torch.tensor(saved, dtype=torch.float64)


def _probes(problem: PDE, trial: Trial) -> dict[str, np.ndarray]:
    """Values at a few points inside, of the solution and of the equation at a fixed function."""
    x = solved_points(problem, trial)
    return {
        "probe.points": container.array_of(x),
        "probe.values": value_probe(trial, x),
        "probe.equation": equation_probe(problem, x),
    }


def _compare_probes(
    problem: PDE, trial: Trial, arrays: Mapping[str, np.ndarray], custom: bool, name: str
) -> None:
    """Compare solution and equation with what they were when the file was written."""
    x = torch.from_numpy(arrays["probe.points"].copy())
    dtype = next(trial.network.parameters()).dtype
    if not same_values(value_probe(trial, x), arrays["probe.values"], dtype):
        what = f"{name}: the solution has other values than it had when it was saved"
        if custom:
            raise ArgumentError(f"{what}; problem= (its conditions) or model= is not the one of the file.")
        raise FileFormatError(f"{what}: refused.")
    if not same(equation_probe(problem, x), arrays["probe.equation"]):
        what = f"problem={problem!r:.200} has another equation or source than the one of {name}"
        raise ArgumentError(f"{what}.") if custom else FileFormatError(f"{name}: refused: {what}.")


def _parameter(value: Any) -> Any:
    if isinstance(value, dict) and list(value) == ["unknown"]:
        return Unknown(**{k: _tuples(v) for k, v in value["unknown"].items()})
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
