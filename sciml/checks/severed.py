"""Whether training sees how a residual depends on the unknown: values without a gradient do not tell.

A part that went through ``detach()``, ``item()`` or NumPy changes with the unknown all the same. The solve then follows
another slope than the residual has, and a linearised equation is another equation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import Waves
from sciml.derivatives import Axes, DerivativeSource, LinearisedSource
from sciml.errors import ArgumentError

if TYPE_CHECKING:
    from sciml.checks.equation import Equation

POINTS = 16
STEP, SMALLER = 1e-3, 1e-4  # of the difference quotients, which have to agree
UNSURE, MISSED = 0.005, 0.05  # of the slope: what they may differ by, and what a gradient may miss
ROUNDING = 1e3  # roundings of the rows that a slope must exceed

Terms = Callable[[DerivativeSource, Tensor], dict[str, Tensor]]


def severed(equation: Equation) -> list[str]:
    """Notes on terms of the equations and of general conditions that depend on an unknown without telling their gradient.

    Raises:
        ArgumentError: A term has no gradient at all, or fails where the unknown has one.
    """
    asked: list[tuple[str, Terms, Callable[[Tensor, int], Waves], Tensor]] = [
        (equation.what, equation.terms, equation.waves, equation._points)
    ]
    asked += [(f"residual of {o.label}", o.parts, o.waves, o.points) for o in equation.others]
    notes = []
    for what, terms, waves, points in asked:
        x = points[:POINTS]
        first = _severed(what, terms, waves(x, 0), x)
        # a kink or a jump may lie in the way of one field
        again = _severed(what, terms, waves(x, 1), x) if first else []
        for name, j in sorted(set(first).intersection(again)):
            notes.append(
                f"{what}: term {name!r} depends on {equation.problem.unknowns[j]} by values without a gradient, as after "
                "detach(), item() or NumPy: training follows another slope than the residual has, and errors cannot be "
                "estimated."
            )
    return notes


def _severed(what: str, terms: Terms, waves: Waves, x: Tensor) -> list[tuple[str, int]]:
    """Terms, and the unknowns on which they depend in ways that autograd does not see."""
    source = LinearisedSource(waves)
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = terms(source, x)
        for name, part in parts.items():
            if not part.requires_grad:
                raise ArgumentError(
                    f"{what}: term {name!r} needs to carry the gradient of the unknown, got values without one, as after "
                    "detach(), item() or NumPy, or under torch.no_grad()."
                )
        share = {
            name: torch.linspace(0.5, 1.5, part.numel()).to(part).reshape(part.shape)
            for name, part in parts.items()
        }
        slopes = {name: _gradient((share[name] * part).sum(), source) for name, part in parts.items()}
    found: set[tuple[str, int]] = set()
    for axes, leaf in source.leaves.items():
        for j in range(leaf.shape[1]):
            quotient = _quotient(terms, waves, source, axes, j, STEP, x)
            finer: dict[str, Tensor] | None = None
            for name, part in parts.items():
                slope, size = (
                    (share[name] * quotient[name]).sum(),
                    float((share[name] * quotient[name]).abs().sum()),
                )
                least = ROUNDING * torch.finfo(part.dtype).eps * float(part.detach().abs().sum()) / SMALLER
                if size <= least or float((slope - slopes[name][axes][j]).abs()) <= MISSED * size:
                    continue
                finer = finer or _quotient(terms, waves, source, axes, j, SMALLER, x)
                if float(((share[name] * finer[name]).sum() - slope).abs()) <= UNSURE * size:
                    found.add((name, j))
    return sorted(found)


def _gradient(total: Tensor, source: LinearisedSource) -> dict[Axes, Tensor]:
    """The derivative of a sum by each answer as a whole: axes -> ``(m,)``."""
    found = torch.autograd.grad(
        total, list(source.leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return {axes: slope.detach().sum(0) for axes, slope in zip(source.leaves, found, strict=True)}


def _quotient(
    terms: Terms, waves: Waves, source: LinearisedSource, axes: Axes, j: int, size: float, x: Tensor
) -> dict[str, Tensor]:
    """Difference quotients of all terms by one answer for one unknown."""
    ends = []
    for step in (size, -size):
        leaves = dict(source.leaves)
        moved = leaves[axes].detach().clone()
        moved[:, j] += step
        with (
            torch.enable_grad(),
            warnings.catch_warnings(),
        ):  # a residual may differentiate something of its own
            warnings.simplefilter("ignore")  # float() of what has a gradient
            ends.append(terms(LinearisedSource(waves, {**leaves, axes: moved.requires_grad_(True)}), x))
    up, down = ends
    return {name: (up[name] - down[name]).detach() / (2 * size) for name in up}
