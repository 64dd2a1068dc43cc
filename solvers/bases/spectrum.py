"""``sciml.match_spectrum``: the frequency of a network and that of an equation brought together, before any training.

After FreSh (Kania et al., ICLR 2025), which compares the spectrum of an untrained network with that of what it is to fit.
An equation's solution is not known, so its image is compared: what the equation makes of the untrained network with that
which has to be cancelled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciml.ansatz import Ansatz, Trial
from sciml.arguments import positive
from sciml.coefficients import with_coefficients
from sciml.corners.functions import CornerInputs, no_corners
from sciml.derivatives import AutogradSource, recording_gradients
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn import MLP, from_config
from sciml.problem import PDE

SCALES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # of the first layer of an MLP
SIDE = {1: 256, 2: 32, 3: 16}  # points of an axis of the grid: twice the waves that it tells apart


@dataclass(frozen=True)
class Match:
    """What was chosen.

    Attributes:
        model: The network, untrained.
        choice: Its value among the candidates.
        distances: Candidate -> Wasserstein distance of the two spectra, in waves across the domain.
    """

    model: nn.Module
    choice: float
    distances: dict[float, float]


def match_spectrum(
    problem: PDE,
    model: MLP | Callable[[float], nn.Module],
    candidates: Sequence[float] = SCALES,
) -> Match:
    """Choose, among untrained networks, the one whose frequencies are those that the equation asks for.

    With ``r(u)`` the residual and ``u_0`` the trial function without a network, the spectrum of ``r(u_network) - r(u_0)`` is
    compared with that of ``r(u_0)``: magnitudes on a grid, summed over equal frequency, under a Hann window, the mean left
    out. Two evaluations of the residual for each candidate; no training, no solution.

    Args:
        problem: In one to three coordinates, time included.
        model: What builds a network from a candidate. An ``nn.MLP`` stands for itself with another ``scale``.
        candidates: Positive numbers.

    Returns:
        A ``Match``; on a tie the first candidate, and where the conditions alone solve the equation, too.

    Raises:
        ArgumentError: More than three coordinates, no candidates, or one that is no positive number.
        ArgumentTypeError: No problem, or a model that is neither.
    """
    if not isinstance(problem, PDE):
        raise ArgumentTypeError(f"problem needs a sciml.PDE, got {problem!r}.")
    dim = problem.domain.dim
    if dim not in SIDE:
        raise ArgumentError(f"problem needs at most three coordinates, got {dim}.")
    values = [positive(f"candidates[{k}]", v) for k, v in enumerate(candidates)]
    if not values:
        raise ArgumentError("candidates needs one number at least, got none.")
    build = _scaled(model) if isinstance(model, MLP) else model
    if not callable(build) or isinstance(build, nn.Module):
        raise ArgumentTypeError(
            f"model needs an nn.MLP or a function of a candidate, got {type(model).__name__}."
        )
    live, _ = with_coefficients(problem)
    x, window = _grid(problem)
    networks = [build(value) for value in values]
    with recording_gradients():
        # how conditions are held is the same for all networks, and takes as long to find out as a residual
        ansatz = Ansatz(live)
        wanted = _rows(live, ansatz.offset, x)
        spectrum = _spectrum(wanted, window)
        distances = {}
        for value, network in zip(values, networks, strict=True):
            image = _rows(live, Trial(live, network, ansatz, corners=_corners(live, network)), x) - wanted
            distances[value] = _distance(_spectrum(image, window), spectrum)
    choice = min(values, key=lambda value: distances[value])
    return Match(networks[values.index(choice)], choice, distances)


def _corners(problem: PDE, network: nn.Module) -> CornerInputs | None:
    """None for those of the problem; no functions where the network has no inputs for any: to find them takes a while."""
    widths = getattr(network, "widths", None)
    plain = isinstance(widths, Sequence) and widths[0] == problem.plain_inputs
    return no_corners(problem) if plain else None


def _scaled(model: MLP) -> Callable[[float], nn.Module]:
    config, like = model.config(), next(model.parameters())
    return lambda value: from_config(config | {"scale": value}).to(like)


def _grid(problem: PDE) -> tuple[Tensor, Tensor]:
    """Points ``(n, d)`` of the bounding box, and a Hann window ``(N, ..., N)``, which is 0 outside the domain."""
    domain = problem.domain
    side = SIDE[domain.dim]
    t = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    unit = torch.cartesian_prod(*[t] * domain.dim).reshape(-1, domain.dim)
    x = domain.lower + (domain.upper - domain.lower) * unit
    window = (torch.sin(math.pi * unit) ** 2).prod(1)
    inside = domain.contains(x)
    # a point outside takes the place of one inside: its value counts for nothing
    x = torch.where(inside[:, None], x, x[inside][:1])
    return x, torch.where(inside, window, 0.0).reshape([side] * domain.dim)


def _rows(problem: PDE, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """All equations of a problem side by side for a function of the point, ``(n, k)``."""
    terms = problem.residual_terms(problem.field(AutogradSource(function, x)), x)
    return torch.cat([term.detach().reshape(len(x), -1).double() for term in terms.values()], 1)


def _spectrum(values: Tensor, window: Tensor) -> Tensor:
    """Share of each whole number of waves from 1 on; of each equation its own, and their mean."""
    side, dim = window.shape[0], window.ndim
    fields = (values.T.reshape(-1, *window.shape) * window).to(torch.complex128)
    size = torch.fft.fftn(fields, dim=tuple(range(1, dim + 1))).abs()
    waves = torch.fft.fftfreq(side, 1.0 / side, dtype=torch.float64)
    radius = torch.stack(torch.meshgrid(*[waves] * dim, indexing="ij")).square().sum(0).sqrt().round().long()
    keep = (radius >= 1) & (radius <= side // 2)
    total = torch.zeros(len(size), side // 2 + 1, dtype=torch.float64)
    total.index_add_(1, radius[keep], size[:, keep])
    sums = total.sum(1, keepdim=True)
    return torch.where(sums > 0, total / sums.clamp(min=1e-300), 0.0).mean(0)


def _distance(a: Tensor, b: Tensor) -> float:
    """Wasserstein distance of two spectra over the whole numbers; infinite where one of them is not finite."""
    if not bool((torch.isfinite(a) & torch.isfinite(b)).all()):
        return math.inf
    return float((a - b).cumsum(0).abs().sum())
