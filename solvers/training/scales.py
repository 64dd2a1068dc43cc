"""Sizes of the unknowns and of the equations, found before training from a crude first solution.

With the last layer at zero the trial function is ``A``; solving for that layer alone, by linear least squares, gives the
size of what is looked for, and the rows of its Jacobian the size of each equation. Our own design: guides for practice
leave the scaling to the user.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.jacobian.tape import TapeLinearization
from sciml.nn import JetNetwork
from sciml.solvers.training.defaults import LAYER, widest
from sciml.solvers.training.least_squares import least_squares_step
from sciml.solvers.training.residual_system import ResidualSystem

ORDINARY = 100.0  # sizes within this factor of 1, and of each other, are left alone: training copes with them
ROUNDS = 4  # of unknowns and equations in turn
TINY = 1e-300
ROUNDING = 1e-12  # of what cancels in the equations
LEAST = 16.0  # roundings of a residual, to which a least-squares solution moves it


@dataclass(frozen=True)
class Scales:
    """Sizes to divide by.

    Attributes:
        unknowns: Of the network's part of each unknown, ``(m,)``.
        equations: Of each equation, by the name of its part.
    """

    unknowns: Tensor
    equations: dict[str, float]

    @property
    def ordinary(self) -> bool:
        """Whether training copes with the sizes as they are."""
        sizes = self.equations.values()
        near = all(1 / ORDINARY <= size <= ORDINARY for size in self.unknowns.tolist())
        return near and max(sizes) <= ORDINARY * min(sizes)

    def note(self, names: Sequence[str]) -> str:
        """What a user should know: which sizes were found and are worked with."""
        unknowns = ", ".join(f"{n} {v:.1e}" for n, v in zip(names, self.unknowns.tolist(), strict=True))
        equations = ", ".join(f"{n} {v:.1e}" for n, v in self.equations.items())
        return f"solved in units of the sizes that were found: unknowns {unknowns}; equations {equations}."


def rescale(system: ResidualSystem) -> Scales | None:
    """Measure the sizes and, where they are out of the ordinary, put them into the trial function and the weights.

    Returns:
        The sizes that the system now works with; None where nothing was changed.
    """
    found = measure_scales(system)
    if found is None or found.ordinary:
        system.set_scales(None, {})
        return None
    system.set_scales(found.unknowns, found.equations)
    return found


def measure_scales(system: ResidualSystem) -> Scales | None:
    """The sizes for a system at its start; None where there is no last layer to solve for, or nothing is found.

    The system is left with the last sizes that were tried.
    """
    network = system.trial.network
    if not (system.pointwise and isinstance(network, JetNetwork)):
        return None
    head = system.head
    if not 0 < head.start < head.stop or any(not p.requires_grad for p in network.parameters()):
        return None
    silent_residual = math.sqrt(2.0 * system.silent_value())
    if silent_residual <= max(ROUNDING * system.size_of_terms(), system.rounding()):
        return None  # the conditions solve the equation: what is left has no size
    points, kept = system.points, system.theta
    silent = kept.clone()
    silent[head] = 0.0
    found = Scales(torch.ones(system.problem.outputs, dtype=torch.float64), {})
    try:
        size = points.count * (1 + 2 * system.problem.domain.dim) * widest(network)
        for _ in range(ROUNDS if size <= LAYER else 1):
            found = _round(system, silent, head, found)
            if found is None:
                return None
        return found
    finally:
        system.load(kept)


def _round(system: ResidualSystem, silent: Tensor, head: slice, last: Scales) -> Scales | None:
    """The sizes of the equations for the last sizes of the unknowns, and new sizes of the unknowns for those."""
    system.set_scales(last.unknowns, {})
    linearization = system.linearize(silent)
    assert isinstance(linearization, TapeLinearization)
    J, r = linearization.columns(head.start, head.stop), linearization.residual
    equations, weight, start = {}, torch.ones_like(r), 0
    for term in system.points.terms:
        scales = system.points.scales(term)
        for name, columns in term.parts.items():
            part = slice(start, start + columns * term.rows)
            start = part.stop
            slope = float(J[part].square().sum(1).mean().sqrt())
            value = float(r[part].square().mean().sqrt())
            if not math.isfinite(slope + value):
                return None
            # by the slope alone: then the solution does not depend on the sizes that were tried
            weight[part] = 1.0 / max(slope if slope > 0 else value, TINY)
            equations[name] = max(math.hypot(slope, value) / scales[name], TINY)
    theta = silent.clone()
    theta[head] = found = least_squares_step(J * weight[:, None], r * weight)
    system.load(theta)
    x = system.points.interior
    with torch.no_grad():
        whole = system.trial(x)
        offset = torch.zeros_like(whole) if system.trial.ansatz.trivial else system.trial.ansatz.offset(x)
    sizes, known = (v.double().cpu().square().mean(0).sqrt() for v in (whole - offset, offset))
    if not bool(torch.isfinite(sizes).all()):
        return None
    # An unknown that the equations leave at zero has no size to tell, but rounding: of its exact part, or of a size found
    # in the round before, which is then no size either.
    again = bool(last.equations)
    nothing = _moved_by_rounding(system, J * weight[:, None], r * weight, found)
    nothing |= (sizes <= TINY) | (sizes <= ROUNDING * known) | (again & (sizes <= ROUNDING * last.unknowns))
    unknowns = torch.where(nothing, torch.where(known > 0, known, 1.0), sizes)
    return Scales(unknowns, {name: equations[name] for name in system.points.terms[0].parts})


def _moved_by_rounding(system: ResidualSystem, J: Tensor, r: Tensor, w: Tensor) -> Tensor:
    """Unknowns whose part moves every equation by no more than rounding, ``(m,)`` bool.

    That is of what the others move it by, or of a residual to whose norm a least-squares solution is exact.

    Args:
        system: With the last layer of its network at ``w``.
        J, r, w: Columns of that layer ``(M, P)``, residual ``(M,)`` and parameters ``(P,)``, as in the least squares.
    """
    network, m = system.trial.network, system.problem.outputs
    parameters = list(network.layers[-1].parameters())  # type: ignore[union-attr, index]
    z = system.trial.inputs_at(system.points.interior)
    with torch.enable_grad():
        out = network(z)
        owned = torch.stack(
            [
                torch.cat(
                    [g.flatten() for g in torch.autograd.grad(out[:, j].sum(), parameters, retain_graph=True)]
                )
                != 0
                for j in range(m)
            ]
        )
    term = system.points.terms[0]
    spans = [columns * term.rows for columns in term.parts.values()]
    moved, rounding = J[: sum(spans)] * w, LEAST * torch.finfo(J.dtype).eps * float(r.norm())
    nothing = torch.zeros(m, dtype=torch.bool)
    for j in range(m):
        own = moved[:, owned[j]].sum(1).split(spans)
        others = moved[:, ~owned[j]].abs().sum(1).split(spans)
        nothing[j] = all(
            float(a.norm()) <= ROUNDING * float(b.norm()) + rounding for a, b in zip(own, others, strict=True)
        )
    return nothing
