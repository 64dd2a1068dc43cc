"""Ways to choose which components stay, by name.

A selector takes what is known about the components and a budget and returns a boolean mask (R,). The
second-order ones need the gradient and the Hessian; the others are the usual cheaper rules, kept to compare
against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.arguments import integer, one_of
from sciml.errors import ArgumentError
from sciml.rank.greedy import backward_elimination, brute_force, greedy, random_greedy
from sciml.rank.projection import project
from sciml.rank.second_order import SecondOrder


@dataclass(frozen=True)
class Components:
    """What is known about R components: each tensor (R,), ``H`` (R, R).

    Args:
        sigma: Strengths.
        sizes: Components per layer, in the order of ``sigma``: ``{layer name: r_l}``, summing to R.
        g: Gradient of the loss in sigma.
        H: Its Hessian, or a Gauss-Newton matrix.
        score: A running importance, such as that of ``SmoothedSensitivity``.
        strength: How large each component is, where ``sigma`` does not say it; ``|sigma|`` if left out.
    """

    sigma: Tensor
    sizes: Mapping[str, int]
    g: Tensor | None = None
    H: Tensor | None = None
    score: Tensor | None = None
    strength: Tensor | None = None

    def __post_init__(self) -> None:
        R = self.sigma.numel()
        if self.sigma.ndim != 1 or sum(self.sizes.values()) != R or min(self.sizes.values(), default=0) < 0:
            raise ArgumentError(
                f"sizes needs counts >= 0 that sum to the length of sigma, {R}, got {dict(self.sizes)}."
            )
        for name, shape in (("g", (R,)), ("H", (R, R)), ("score", (R,)), ("strength", (R,))):
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ArgumentError(f"{name} needs shape {shape}, got {tuple(value.shape)}.")

    def need(self, name: str) -> Tensor:
        """The tensor of that name, or an error that says which is missing."""
        value = getattr(self, name)
        if value is None:
            raise ArgumentError(f"Components needs {name} for this selector, got None.")
        return value

    def size(self) -> Tensor:
        """``strength``, or ``|sigma|``."""
        return self.sigma.abs() if self.strength is None else self.strength

    def second_order(self) -> SecondOrder:
        """The model of the loss change (needs ``g`` and ``H``)."""
        return SecondOrder.from_derivatives(self.need("g"), self.need("H"), self.sigma)


Selector = Callable[[Components, int], Tensor]


def top(score: Tensor, budget: int) -> Tensor:
    """Mask (R,) of the ``budget`` largest scores; ties go to the lowest index."""
    if not bool(torch.isfinite(score).all()):
        raise ArgumentError(
            f"score needs finite entries, got {int((~torch.isfinite(score)).sum())} that are not."
        )
    keep = torch.zeros(score.numel(), dtype=torch.bool, device=score.device)
    order = torch.sort(score, descending=True, stable=True).indices
    keep[order[: integer("budget", budget, least=0)]] = True
    return keep


def _sublora(known: Components, budget: int) -> Tensor:
    """Greedy on the nearest submodular model (SubLoRA)."""
    return greedy(project(known.second_order()), budget)


def _sublora_random(known: Components, budget: int) -> Tensor:
    """Random greedy on the nearest submodular model, for models that are far from monotone."""
    return random_greedy(project(known.second_order()), budget)


def _backward(known: Components, budget: int) -> Tensor:
    """Backward elimination on the second-order model as it is."""
    return backward_elimination(known.second_order(), budget)


def _diagonal(known: Components, budget: int) -> Tensor:
    """Second order without interactions: ``H_ii sigma_i^2 / 2 - c_i``."""
    model = known.second_order()
    return top(0.5 * model.Q.diagonal() - model.c, budget)


def _signed(known: Components, budget: int) -> Tensor:
    """First order: ``- g_i sigma_i``, the loss that zeroing the component would add."""
    return top(-known.need("g") * known.sigma, budget)


def _sensitivity(known: Components, budget: int) -> Tensor:
    """AdaLoRA: the running score where there is one, ``|g_i sigma_i|`` otherwise."""
    score = (known.need("g") * known.sigma).abs() if known.score is None else known.score
    return top(score, budget)


def _magnitude(known: Components, budget: int) -> Tensor:
    """The largest components."""
    return top(known.size(), budget)


def _uniform(known: Components, budget: int) -> Tensor:
    """The same rank for every layer, as far as it has that many; inside it the largest."""
    ranks = uniform_ranks(known.sizes, budget)
    blocks = known.size().split(list(known.sizes.values()))
    masks = [top(block, rank) for block, rank in zip(blocks, ranks.values(), strict=True)]
    return torch.cat(masks) if masks else known.sigma.bool()


def _brute_force(known: Components, budget: int) -> Tensor:
    """The best subset of the second-order model, by trying all."""
    return brute_force(known.second_order(), budget)


def uniform_ranks(sizes: Mapping[str, int], budget: int) -> dict[str, int]:
    """Split the budget evenly: one rank to each layer in turn while it has room, until nothing is left."""
    left = min(integer("budget", budget, least=0), sum(sizes.values()))
    ranks = dict.fromkeys(sizes, 0)
    while left:
        for name in sizes:
            if left and ranks[name] < sizes[name]:
                ranks[name] += 1
                left -= 1
    return ranks


SELECTORS: dict[str, Selector] = {
    "sublora": _sublora,
    "sublora_random": _sublora_random,
    "backward": _backward,
    "diagonal": _diagonal,
    "signed": _signed,
    "sensitivity": _sensitivity,
    "magnitude": _magnitude,
    "uniform": _uniform,
    "brute_force": _brute_force,
}


def select(name: str, known: Components, budget: int) -> Tensor:
    """Mask (R,) of the components that the selector called ``name`` keeps, at most ``budget`` of them."""
    return SELECTORS[one_of("selector", name, SELECTORS)](known, budget)
