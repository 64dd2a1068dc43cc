"""A solution as a program of plain torch operations, which runs without sciml."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sciml.ansatz.march import Chain
from sciml.errors import ArgumentError
from sciml.kernels.reference import reference_jets
from sciml.nn.combination import Combination
from sciml.nn.kan import KAN
from sciml.nn.splines import SplineNetwork
from sciml.solvers.exports.onnx_model import onnx_model
from sciml.solvers.exports.table import file_path
from sciml.solvers.files.atomic import replace_file

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer

RECORDED, CHECKED = 7, 1000  # points: to record at, and to compare at
AGREE = 1e-10  # of the largest value: how near the program must be in float64
AGREE_SINGLE = 1e-4


def export(solution: Answer, path: str | os.PathLike) -> Path:
    """Write the solution, conditions and all, as a program ``x (n, d) -> u (n, m)`` that runs without sciml.

    ``torch.export.load("u.pt2").module()`` runs where there is torch; AOTInductor compiles it for C++. ``"u.onnx"`` runs
    where there is a runtime of ONNX, which many languages have. Either is compared with the solution at 1000 points before
    it is written.

    Args:
        solution: The solution.
        path: Where to, in ``.pt2`` or ``.onnx``.

    Returns:
        The path.

    Raises:
        ArgumentError: Another suffix; a network or a condition that is no plain torch function of the points, as one that
            asks for their values; for ``.onnx`` an operation that onnxruntime lacks at this precision, or the extra ``onnx``
            is not installed.
    """
    target = file_path(path, ".pt2", ".onnx")
    with frozen(solution.trial):  # what the program answers is a number: its parameters are not trained
        program = recorded(solution)
        if target.suffix == ".onnx":
            x, expected = checked(solution)
            data = onnx_model(program, x, expected, allowed(expected))
        else:
            buffer = io.BytesIO()
            torch.export.save(program, buffer)
            data = buffer.getvalue()
    replace_file(target, [data])
    return target


def recorded(solution: Answer) -> Any:
    """The solution as a ``torch.export.ExportedProgram`` for any number of points.

    Raises:
        ArgumentError: As ``export``.
    """
    like = next(solution.network.parameters())
    few = _points(solution, RECORDED, seed=1).to(like)
    many, expected = checked(solution)
    wanted = "path needs a solution whose network and conditions are plain torch functions of the points"
    try:
        # torch warns of its own internals
        with warnings.catch_warnings(), torch.no_grad(), plain_networks(solution):
            warnings.simplefilter("ignore")
            solution.values(few)  # what is computed once and kept is computed before
            shapes = ({0: torch.export.Dim("n")},)
            program = torch.export.export(Evaluated(solution), (few,), dynamic_shapes=shapes, strict=False)
            found = program.module()(many)
    except Exception as error:
        raise ArgumentError(
            f"{wanted}, got one that torch cannot record: {type(error).__name__}: {str(error).splitlines()[0]:.200}"
        ) from error
    if not bool(((found - expected).abs() <= allowed(expected)).all()):
        raise ArgumentError(f"{wanted}, got one of which torch records constants.")
    return program


def checked(solution: Answer) -> tuple[Tensor, Tensor]:
    """Points ``(1000, d)`` at which a program is compared, and the solution's values there."""
    x = _points(solution, CHECKED, seed=2).to(next(solution.network.parameters()))
    return x, solution.values(x)


def allowed(expected: Tensor) -> float:
    """How far a program may be off the values."""
    near = AGREE if expected.dtype == torch.float64 else AGREE_SINGLE
    return near * max(float(expected.abs().max()), 1e-300)


class Evaluated(nn.Module):
    """What is recorded: the trial function, windows of time picked by a mask; nan after the last window."""

    def __init__(self, solution: Answer):
        super().__init__()
        self.trial = solution.trial

    def forward(self, x: Tensor) -> Tensor:
        """Values ``(n, m)`` at ``x (n, d)``."""
        trial = self.trial
        if not isinstance(trial, Chain):
            return trial(x)
        values = torch.full_like(x[:, :1], torch.nan)
        for window in reversed(trial.windows):
            values = torch.where(x[:, :1] <= window.span.high, window(x), values)
        return values


class PlainSplines(nn.Module):
    """A spline network by the definition of its layers, without compiled kernels."""

    def __init__(self, network: SplineNetwork):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Values ``(n, n_L)`` at ``x (n, n_0)``."""
        layers: Any = self.network.layers
        return reference_jets(x[:, None], [layer.arguments() for layer in layers], x.new_zeros(0, 0))[:, 0]


class PlainSum(nn.Module):
    """A weighted sum of networks, each of which torch can record."""

    def __init__(self, network: Combination):
        super().__init__()
        self.members = nn.ModuleList(plain(member) for member in network.members)
        self.coefficients = network.coefficients

    def forward(self, x: Tensor) -> Tensor:
        """Values ``(n, n_L)`` at ``x (n, n_0)``."""
        return torch.stack([c * f(x) for c, f in zip(self.coefficients, self.members, strict=True)]).sum(0)


def plain(network: nn.Module) -> nn.Module:
    """A network without compiled kernels."""
    if not isinstance(network, (Combination, SplineNetwork)):
        return network
    if isinstance(network, KAN) and network.basis != "bspline":  # has none
        return network
    found: Any = PlainSum(network) if isinstance(network, Combination) else PlainSplines(network)
    found.terms = network.terms
    return found


@contextmanager
def frozen(trial: nn.Module) -> Iterator[None]:
    """Parameters without gradients, for as long as a program is written."""
    trained = [p for p in trial.parameters() if p.requires_grad]
    try:
        for p in trained:
            p.requires_grad_(False)
        yield
    finally:
        for p in trained:
            p.requires_grad_(True)


@contextmanager
def plain_networks(solution: Answer) -> Iterator[None]:
    """Spline networks without their kernels, for as long as a recording takes."""
    trial = solution.trial
    windows: list[Any] = list(trial.windows) if isinstance(trial, Chain) else [trial]
    kept = [window.network for window in windows]
    try:
        for window, network in zip(windows, kept, strict=True):
            window.network = plain(network)
        yield
    finally:
        for window, network in zip(windows, kept, strict=True):
            window.network = network


def _points(solution: Answer, n: int, seed: int) -> Tensor:
    x = solution.problem.domain.sample(n, seed=seed)
    if isinstance(solution.trial, Chain):
        low = float(solution.problem.domain.lower[0])
        share = (solution.trial.until - low) / float(solution.problem.domain.upper[0] - low)
        x[:, 0] = low + share * (x[:, 0] - low)
    return x
