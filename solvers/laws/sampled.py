"""The law of a solution from a law of data that can be sampled: solve for some draws, interpolate in the draws.

The solution at a draw ``xi`` is a weighted sum of those at nodes, ``u(x; xi) = sum_k w_k(xi) u_k(x)``, with the weights of
least squares by polynomials of total degree ``q`` in ``xi`` (Xiu and Hesthaven 2005, High-order collocation methods for
differential equations with random inputs). Where equation and data are linear ``q = 1`` is exact: superposition.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sciml.arguments import points as points_of
from sciml.arguments import positive, samples
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.linalg import divisor
from sciml.problem import PDE
from sciml.solvers.laws.law import Law
from sciml.solvers.solution import Solution
from sciml.solvers.solve import solve

LEAST = 8  # draws
CHECKS = 3  # draws that are solved to tell the error of the interpolation
DEGREES = 4
REACH = 3.0  # standard deviations up to which draws are nodes
SPREAD = 2.0  # nodes for each polynomial

Make = Callable[..., PDE]  # the numbers of a draw to the problem


class SampledLaw(Law):
    """Weighted sums of solutions at some draws.

    Attributes:
        draws: ``(n, p)``, those of the data's law.
        members: The solutions at the nodes.
        degree: Of the polynomials in the draws.
        error: Relative L2 difference from solutions at draws that are no nodes, the largest of three.
    """

    method = "sampling"

    def __init__(self, draws: Tensor, nodes: Tensor, members: Sequence[Solution], degree: int):
        super().__init__(members[0].problem.domain.dim)
        self.draws, self.members, self.degree = draws, list(members), degree
        self._middle, self._size = nodes.mean(0), divisor(nodes.std(0))
        self._nodes = torch.linalg.pinv(_polynomials(self._scaled(nodes), degree))
        self.error = float("nan")

    def weights(self, draws: Tensor) -> Tensor:
        """``w (n, K)`` of draws ``(n, p)``; they add up to 1."""
        return _polynomials(self._scaled(draws), self.degree) @ self._nodes

    def at(self, draws: Any, x: Any) -> Tensor:
        """The solutions ``(n, m)`` of draws ``(n, p)`` at ``x (m, d)``.

        Raises:
            ArgumentError, ArgumentTypeError: Another number of random numbers or of coordinates.
        """
        draws, x = samples("draws", draws, self.draws.shape[1]), points_of("x", x, self.dim)
        with torch.no_grad():
            values = torch.stack([member(x).reshape(len(x)) for member in self.members])
            return self.weights(draws) @ values

    def _sample(self, x: Tensor, n: int, seed: int) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        if n <= len(self.draws):
            chosen = torch.randperm(len(self.draws), generator=rng)[:n]
        else:
            chosen = torch.randint(len(self.draws), (n,), generator=rng)
        return self.at(self.draws[chosen], x)

    def _scaled(self, draws: Tensor) -> Tensor:
        return (draws - self._middle) / self._size


def sampled_law(make: Make, draws: Any, model: Any, tol: float, options: dict[str, Any]) -> SampledLaw:
    """See ``sciml.solve_law``."""
    draws = _checked(draws)
    tol = positive("tol", tol)
    base = solve(_problem(make, draws.mean(0)), model, **options)
    if base.problem.outputs != 1:
        raise ArgumentError(f"problem needs one unknown for a law, got {base.problem.outputs}.")
    found: list[tuple[Tensor, Solution]] = []

    def solved(draw: Tensor) -> Solution:
        for known, solution in found:
            if torch.equal(known, draw):
                return solution
        # from the mean draw's network, which is near
        solution = solve(_problem(make, draw), base.network, **options)
        found.append((draw, solution))
        return solution

    x = base.problem.domain.sample(400, seed=1)
    order = _spread_out(draws)
    checks = draws[order[-CHECKS:]]
    law = None
    for degree in range(1, DEGREES + 1):
        count = int(SPREAD * _polynomials(draws[:1], degree).shape[1])
        nodes = draws[order[: min(count, len(draws) - CHECKS)]]
        if len(nodes) < _polynomials(draws[:1], degree).shape[1]:
            break
        law = SampledLaw(draws, nodes, [solved(node) for node in nodes], degree)
        with torch.no_grad():
            exact = torch.stack([solved(draw)(x).reshape(len(x)) for draw in checks])
        size = float(exact.norm(dim=1).max().clamp(min=1e-300))
        law.error = float((law.at(checks, x) - exact).norm(dim=1).max()) / size
        if law.error <= tol:
            break
    if law is None:
        least = draws.shape[1] + 1 + CHECKS
        raise ArgumentError(
            f"draws needs {least} draws at least for {draws.shape[1]} random numbers, got {len(draws)}."
        )
    law.notes.append(
        f"{len(found) + 1} solves; {len(draws)} draws from them by polynomials of degree {law.degree} in "
        f"{draws.shape[1]} random numbers, off by {law.error:.0e} at {CHECKS} draws that were solved to tell."
    )
    if law.error > tol:
        law.notes.append(f"The law is not as exact as asked: {law.error:.0e} is above tol={tol:.0e}.")
    law.notes += _extrapolated(law, draws, solved, x, tol)
    bad = [s for _, s in found if s.stats.outcome == "diverged"]
    if bad:
        law.notes.append(f"{len(bad)} of {len(found)} solves diverged.")
    return law


def _extrapolated(
    law: SampledLaw, draws: Tensor, solved: Callable[[Tensor], Solution], x: Tensor, tol: float
) -> list[str]:
    """A note where the draw that lies farthest out, beyond all nodes, is not what the polynomials say."""
    z = (draws - draws.mean(0)) / divisor(draws.std(0))
    beyond = int((z.abs().amax(1) > REACH).sum())
    if not beyond:
        return []
    far = draws[int(z.abs().amax(1).argmax())]
    exact = solved(far)(x).reshape(1, len(x))
    error = float((law.at(far[None], x) - exact).norm() / divisor(exact.norm()))
    if error <= 10 * tol:
        return []
    return [
        f"{beyond} of {len(draws)} draws lie beyond {REACH:g} standard deviations, where only the farthest was solved: "
        f"there the law is off by {error:.0e}."
    ]


def _polynomials(z: Tensor, degree: int) -> Tensor:
    """All monomials of total degree up to ``degree`` in ``z (n, p)``, ``(n, K)``, the constant first."""
    columns = [torch.ones(len(z), dtype=z.dtype)]
    for q in range(1, degree + 1):
        for axes in itertools.combinations_with_replacement(range(z.shape[1]), q):
            columns.append(z[:, list(axes)].prod(1))
    return torch.stack(columns, 1)


def _spread_out(draws: Tensor) -> list[int]:
    """An order of the draws in which every one is the farthest from those before it; the last ones lie among them."""
    z = (draws - draws.mean(0)) / divisor(draws.std(0))
    # draws beyond these deviations would make the nodes lonely
    near = (z.abs().amax(1) <= REACH).nonzero()[:, 0]
    z = z[near] if len(near) > CHECKS + 1 else z
    near = near if len(near) > CHECKS + 1 else torch.arange(len(draws))
    order = [int(z.norm(dim=1).argmin())]
    distance = (z - z[order[0]]).norm(dim=1)
    while len(order) < min(len(z), 200):
        order.append(int(distance.argmax()))
        distance = torch.minimum(distance, (z - z[order[-1]]).norm(dim=1))
    return [int(near[k]) for k in order]


def _problem(make: Make, draw: Tensor) -> PDE:
    numbers = draw.tolist()
    try:
        inspect.signature(make).bind(*numbers)
    except TypeError as error:
        raise ArgumentTypeError(
            f"problem needs a function of {len(numbers)} numbers, one a column of draws, got {make!r}: {error}."
        ) from error
    except ValueError:
        pass  # no signature to look at
    problem = make(*numbers)
    if not isinstance(problem, PDE):
        raise ArgumentTypeError(f"problem needs a function that returns a sciml.PDE, got {problem!r}.")
    return problem


def _checked(draws: Any) -> Tensor:
    found = samples("draws", draws)
    if len(found) < LEAST:
        raise ArgumentError(
            f"draws needs finite numbers (n, p) with n >= {LEAST}, got shape {tuple(found.shape)}."
        )
    return found
