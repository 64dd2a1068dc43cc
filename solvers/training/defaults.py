"""What ``sciml.solve`` takes when it is told nothing: the network, the number of points, the optimiser."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from sciml import optim
from sciml.nn import KAN, MLP, Combination, JetNetwork
from sciml.optim.methods.gauss_newton import DENSE
from sciml.problem import PDE

MANY = 15  # coordinates that points do not fill any more
LARGE = 20_000  # parameters; with more, fewer points: a dense step costs points squared times parameters
FEW_POINTS = 1000
POINTS_PER_PARAMETER = 4  # collocation points at most, for each trained number
NUMBERS_PER_ROW = 3  # trained numbers at most for each row of the first points
MOST_POINTS = 20_000
QUASI_NEWTON_LIMIT = 3000  # parameters of a dense inverse Hessian
FLOPS = 3e10  # multiplications and additions a second, one core: for a guess before anything has run
LAYER = 4_000_000  # numbers in the jets of one layer: 32 MB, of which a step holds some twenty
LARGEST_LAYER = 16_000_000
LEAST_STEPS = 10  # Gauss-Newton steps below which a budget is better spent on gradients


def default_network(
    problem: PDE,
    seed: int,
    dtype: torch.dtype,
    factor: int = 1,
    steepness: float = 1.0,
    corners: bool = True,
) -> JetNetwork:
    """A sine MLP sized by the number of coordinates; small, because Gauss-Newton makes much of few parameters.

    Where no affordable number of points fills the domain, in more than ``MANY`` coordinates, it is smaller and a
    function of each coordinate stands beside it. Few points tell such a sum, and of a smooth function of very many
    coordinates it often holds nearly everything (Caflisch, Morokoff and Owen 1997, J. Comput. Finance 1, on effective
    dimensions), whereas an MLP alone passes through its points and knows nothing between them.

    Args:
        problem: What is to be solved.
        seed, dtype: Of the parameters.
        factor: Times as many hidden units.
        steepness: Factor on the first layer's weights; above 1 the units are tanh, which can be steep at one place.
        corners: Whether it sees the functions of the problem's corners.
    """
    d = problem.domain.dim
    evolving = problem.domain.time_axis is not None
    additive = d > MANY
    if additive:
        hidden = [8, 8]
    elif d <= 2 and not evolving:
        hidden = [20, 20]
    elif d <= 3:
        hidden = [20, 20, 20]
    else:
        hidden = [32, 32, 32]
    inputs = problem.inputs if corners else problem.plain_inputs
    widths = [inputs, *(factor * width for width in hidden), problem.outputs]
    kind = "tanh" if evolving or steepness > 1.0 else "sine"
    terms = problem.corner_terms.count if corners else 0
    network = MLP(widths, kind, scale=steepness, seed=seed, dtype=dtype, terms=terms)
    if not additive:
        return network
    each = KAN([inputs, problem.outputs], grid=3, seed=seed, dtype=dtype)
    return Combination([network, each], torch.ones(2))


def default_points(problem: PDE, parameters: int = 0, width: int = 1) -> int:
    """Interior points to begin with: few, since more are added when the held-out residual asks for them.

    In many dimensions as many as leave a layer's jets at ``LAYER`` numbers, or ``FEW_POINTS`` if memory has room for these.
    """
    evolving = problem.domain.time_axis is not None
    base = 200 if not evolving and problem.domain.dim <= 2 else 1000
    if parameters <= LARGE:  # far fewer rows than numbers are met by many functions that solve nothing
        base = max(base, min(FEW_POINTS, parameters // (NUMBERS_PER_ROW * problem.outputs)))
    points = base * max(1, problem.domain.dim // 2)
    points = min(points, FEW_POINTS) if parameters > LARGE else points
    if parameters:  # beyond these the numbers are told already
        points = min(points, max(FEW_POINTS, POINTS_PER_PARAMETER * parameters))
    points = min(points, max(FEW_POINTS, points_that_fit(problem, width, LAYER)))
    return min(points, points_that_fit(problem, width, LARGEST_LAYER))


def widest(network: torch.nn.Module) -> int:
    """Width of the widest layer, as far as the parameters' shapes tell."""
    if isinstance(network, Combination):
        return max(widest(member) for member in network.members)
    widths = getattr(network, "widths", None)
    if widths:
        return max(widths[1:])
    return max((p.shape[0] for p in network.parameters() if p.ndim), default=1)


def points_that_fit(problem: PDE, width: int, numbers: int) -> int:
    """Interior points of which a layer's jets, with every first and unmixed second derivative, take so many numbers."""
    return max(10, numbers // ((1 + 2 * problem.domain.dim) * max(width, 1)))


def most_points(parameters: int) -> int:
    """Interior points that a run may grow to: as many as the parameters can use, and no more than leave the smaller
    of the two linear systems dense.
    """
    return min(MOST_POINTS, POINTS_PER_PARAMETER * parameters) if parameters <= DENSE else DENSE


def default_method(parameters: int, points: int, pointwise: bool, seconds: float) -> optim.StepMethod:
    """The step method for so many parameters, collocation points and seconds.

    Gauss-Newton where rows of the Jacobian come from jets and the budget pays for some steps; it picks the smaller of
    the parameters' and the points' system by itself. Where derivatives come from autograd, and a row of the Jacobian is
    a backward pass, self-scaled Broyden. Adam beyond. Gradients first and Gauss-Newton then is not among them: a first
    phase of Adam takes about as long as the Gauss-Newton steps that it saves (``benchmarks.pinn``, Burgers).
    """
    if not pointwise:
        return optim.method("ssbroyden" if parameters <= QUASI_NEWTON_LIMIT else "adam")
    small = min(parameters, points)
    step = float(parameters) * points * small + small**3 / 3.0
    return optim.method("gn-arc" if LEAST_STEPS * step <= FLOPS * seconds else "adam")


def with_lengths(method: optim.StepMethod, network: nn.Module) -> optim.StepMethod:
    """A default method with what suits a network: the lengths of Gauss-Newton's steps do not change for a KAN.

    Its grids grow where a solve slows down. Where steps get other lengths there, it ends farther off on three seeds of four
    (``tests/solvers/grids/test_growth.py`` has the problem).
    """
    if isinstance(method, optim.GaussNewtonMethod) and isinstance(network, KAN):
        return replace(method, lengths="parameters")
    return method


def copied(model: nn.Module) -> nn.Module:
    """A network of its own, whose tensors can be trained even where the model was built in inference mode."""
    network = copy.deepcopy(model)
    for module in network.modules():
        for name, p in module._parameters.items():
            if p is not None and p.is_inference():
                module._parameters[name] = nn.Parameter(p.detach().clone(), p.requires_grad)
        for name, b in module._buffers.items():
            if b is not None and b.is_inference():
                module._buffers[name] = b.clone()
    return network
