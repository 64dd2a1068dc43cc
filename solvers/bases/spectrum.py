"""``sciml.match_spectrum``: the frequency of a network and that of an equation brought together, before any training.

After FreSh (Kania et al., ICLR 2025), which compares the spectrum of an untrained network with that of what it is to fit.
An equation's solution is not known, so its image is compared: what the equation makes of the untrained network with that
which has to be cancelled.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciml.ansatz import Ansatz, Trial
from sciml.arguments import positive
from sciml.coefficients import with_coefficients
from sciml.corners.functions import CornerInputs, no_corners
from sciml.derivatives import AutogradSource, recording_gradients
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn import MLP, JetNetwork, from_config
from sciml.problem import PDE
from sciml.solvers.terms.term import Term

SCALES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # of the first layer of an MLP
SIDE = {1: 256, 2: 24, 3: 16}  # points of an axis of the grid: twice the waves that it tells apart
NOTHING = 1e-10  # of the largest equation: what is rounding


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
        candidates: Positive numbers, which reach the function as they are.

    Returns:
        A ``Match``; on a tie the first candidate, and where the conditions alone solve the equation, too.

    Raises:
        ArgumentError: More than three coordinates, no candidates, one that is no positive number, or a residual that is
            not finite.
        ArgumentTypeError: No problem, a model that is neither, or a function that returns no network.
    """
    if not isinstance(problem, PDE):
        raise ArgumentTypeError(f"problem needs a sciml.PDE, got {problem!r}.")
    dim = problem.domain.dim
    if dim not in SIDE:
        raise ArgumentError(f"problem needs at most three coordinates, got {dim}.")
    values = _numbers(candidates)
    build = _scaled(model) if isinstance(model, MLP) else model
    if not callable(build) or isinstance(build, nn.Module):
        raise ArgumentTypeError(
            f"model needs an nn.MLP or a function of a candidate, got {type(model).__name__}."
        )
    networks = [build(value) for value in values]
    for value, network in zip(values, networks, strict=True):
        if not isinstance(network, nn.Module):
            raise ArgumentTypeError(
                f"model needs to return a torch.nn.Module, got {type(network).__name__} for {value}."
            )
    live, _ = with_coefficients(problem)
    x, window = _grid(problem)
    with recording_gradients():
        images = Images(live, x)
        wanted = images.wanted(networks[0])
        if not bool(torch.isfinite(wanted).all()):
            raise ArgumentError(
                "problem needs a residual of finite numbers without a network, got nan or infinity."
            )
        sizes = (wanted * window.reshape(-1, 1)).norm(dim=0)
        asked = sizes > NOTHING * float(sizes.max())  # the others ask for no frequency
        spectrum = _spectrum(wanted[:, asked], window)
        distances = {
            value: _distance(_spectrum((images.of(network) - wanted)[:, asked], window), spectrum)
            for value, network in zip(values, networks, strict=True)
        }
    choice = min(values, key=lambda value: distances[value])
    if math.isinf(distances[choice]):
        raise ArgumentError(
            "model needs a residual of finite numbers, got nan or infinity for each candidate."
        )
    return Match(networks[values.index(choice)], choice, distances)


def _numbers(candidates: Sequence[float]) -> list[float]:
    """The candidates as they are: whole numbers may be sizes."""
    if isinstance(candidates, str) or not isinstance(candidates, Iterable):
        raise ArgumentTypeError(f"candidates needs a sequence of numbers, got {candidates!r}.")
    values = list(candidates)
    for k, value in enumerate(values):
        positive(f"candidates[{k}]", value)
    if not values:
        raise ArgumentError("candidates needs one number at least, got none.")
    return values


class Images:
    """Residuals of one problem for several networks on the same points, by jets where a network offers them.

    How conditions are held, and their jets, are the same for all networks, and take as long to find out as a residual.

    Args:
        problem: Whose equations are looked at.
        x: Points ``(n, d)``.
    """

    def __init__(self, problem: PDE, x: Tensor):
        self.problem, self.x = problem, x
        self.ansatz = Ansatz(problem)
        self._known: dict[tuple[int, int, bool, bool], tuple[Trial, Term]] = {}

    def of(self, network: nn.Module) -> Tensor:
        """All equations side by side, ``(n, k)``."""
        trial, term = self._prepared(network)
        if term.plan is None:
            return _rows(self.problem, trial, self.x)
        with torch.no_grad():
            return _together(term.pointwise(trial, self.problem))

    def wanted(self, network: nn.Module) -> Tensor:
        """The same without what the network makes: it is asked only which derivatives it offers."""
        trial, term = self._prepared(network)
        if term.plan is None or term.frozen is None:
            return _rows(self.problem, self.ansatz.offset, self.x)
        with torch.no_grad():
            nothing = self.x.new_zeros(len(self.x), term.plan.channels, self.problem.outputs)
            jet = trial.around(nothing, term.frozen, term.plan)
            return _together(term.function(self.problem.field(term.plan.source(jet)), self.x))

    def _prepared(self, network: nn.Module) -> tuple[Trial, Term]:
        like = next(network.parameters(), self.x)
        if like.dtype != self.x.dtype or like.device != self.x.device:
            network = copy.deepcopy(network).to(self.x)
        if not isinstance(network, JetNetwork):
            return self._recorded(network)
        kind = (network.widths[0], network.widths[-1], network.any_order, network.terms is None)
        if kind not in self._known:
            self._known[kind] = self._recorded(network)
        trial, term = self._known[kind]
        trial.network = network
        return trial, term

    def _recorded(self, network: nn.Module) -> tuple[Trial, Term]:
        trial = Trial(self.problem, network, self.ansatz, corners=_corners(self.problem, network))
        term = Term("residual", lambda u, x: self.problem.residual_terms(u, x), self._draw, len(self.x))
        term.record(trial, self.problem, self.x)
        term.place(trial, self.x)
        return trial, term

    def _draw(self, n: int, seed: int) -> Tensor:
        return self.problem.domain.sample(n, seed=seed)


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
    return _together(problem.residual_terms(problem.field(AutogradSource(function, x)), x))


def _together(parts: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([part.detach().reshape(len(part), -1).double() for part in parts.values()], 1)


def _spectrum(values: Tensor, window: Tensor) -> Tensor:
    """For each equation the share of each whole number of waves from 1 on, ``(k, waves)``; 0 without any."""
    side, dim = window.shape[0], window.ndim
    fields = (values.T.reshape(-1, *window.shape) * window).to(torch.complex128)
    size = torch.fft.fftn(fields, dim=tuple(range(1, dim + 1))).abs()
    waves = torch.fft.fftfreq(side, 1.0 / side, dtype=torch.float64)
    radius = torch.stack(torch.meshgrid(*[waves] * dim, indexing="ij")).square().sum(0).sqrt().round().long()
    keep = (radius >= 1) & (radius <= side // 2)
    total = torch.zeros(len(size), side // 2 + 1, dtype=torch.float64)
    total.index_add_(1, radius[keep], size[:, keep])
    sums = total.sum(1, keepdim=True)
    return torch.where(sums > 0, total / sums.clamp(min=1e-300), 0.0)


def _distance(a: Tensor, b: Tensor) -> float:
    """Wasserstein distance of spectra ``(k, waves)``, the mean of the equations; infinite where one is not finite."""
    if not bool((torch.isfinite(a) & torch.isfinite(b)).all()):
        return math.inf
    return float((a - b).cumsum(1).abs().sum()) / max(len(a), 1)
