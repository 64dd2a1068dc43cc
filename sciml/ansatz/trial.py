"""``Trial``: a network between the exact conditions, as what is trained, saved and called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from sciml.ansatz.exact import Ansatz
from sciml.conditions.interface import kinks
from sciml.corners.functions import CornerInputs, no_corners
from sciml.corners.terms import CornerTerms
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.jets import DerivativePlan
from sciml.kernels.orders import Weights
from sciml.nn.base import JetNetwork, Record
from sciml.nn.inputs import InputMap
from sciml.nn.linear import Coefficients
from sciml.problem import PDE

Frozen = tuple[Tensor, Tensor, Tensor, Tensor]  # jets of the inputs, of ``A``, of ``B`` and of the terms
GRAPHS = 250_000  # points times pairs of coordinates whose jets are made together


class Trial(nn.Module):
    """The trial function of a problem around a network: what is trained, saved and called.

    Args:
        problem: Its ansatz decides ``A`` and ``B``.
        network: Maps ``(n, problem.inputs)`` to ``(n, problem.outputs)``; a ``sciml.nn.JetNetwork`` is pushed through by
            jets, any other module goes through autograd.
        ansatz: The problem's, where it is known already.
        scale: Size of each unknown, ``(m,)``, by which the network's outputs are multiplied; None for 1.
        corners: Functions of corners that the network sees; the problem's unless given, where the network's width has
            room for them.

    Attributes:
        scale: ``(m,)``, or None.
        corners: ``CornerInputs``, or None where the network sees none.
        terms: ``CornerTerms`` of which the network has multiples, or None.

    Raises:
        ArgumentError: The network's widths do not fit the problem.
    """

    scale: Tensor | None

    def __init__(
        self,
        problem: PDE,
        network: nn.Module,
        ansatz: Ansatz | None = None,
        scale: Tensor | None = None,
        corners: CornerInputs | None = None,
    ):
        super().__init__()
        self.problem = problem
        self.ansatz = ansatz or Ansatz(problem)
        self.network = network
        domain = problem.domain
        reference = next(network.parameters(), torch.zeros(0, dtype=torch.float64))
        self.inputs = InputMap(domain.lower, domain.upper, problem.periodic_axes).to(reference)
        interfaces = problem.interfaces
        self._kinks = kinks(domain, interfaces) if interfaces else None
        self.corners = self._check_widths(reference, problem.corner_inputs if corners is None else corners)
        self.terms = self._check_terms()
        self.register_buffer("scale", None if scale is None else scale.to(reference), persistent=False)

    def like(self, problem: PDE, network: nn.Module) -> Trial:
        """The trial function of another problem or network with the same scale and the same way to hold conditions."""
        corners = no_corners(problem) if self.corners is None else self.corners
        return Trial(problem, network, self.ansatz.like(problem), self.scale, corners)

    @property
    def corner_notes(self) -> tuple[str, ...]:
        """What a user should know about the functions of corners."""
        terms = () if self.terms is None else self.terms.notes
        if self.corners is not None:
            return self.corners.notes + terms
        known = self.problem.corner_inputs
        return terms if known.functions else known.notes + terms

    @property
    def offers_jets(self) -> bool:
        """Whether derivatives come from one pass of jets."""
        return isinstance(self.network, JetNetwork)

    def forward(self, x: Tensor) -> Tensor:
        """``u`` at ``x (n, d)``: ``(n, m)``."""
        out = self.network(self.inputs_at(x))
        out = self.scaled(out) if self.ansatz.trivial else self.ansatz.offset(x) + self.factor(x) * out
        if self.terms is None:
            return out
        return out + self._multiples.jet(self.sized_terms(x)[:, None], x.new_zeros(0, 0))[:, 0]

    def sized_terms(self, x: Tensor) -> Tensor:
        """The functions of which the network has multiples, in units of the velocity: ``(n, k m)``."""
        assert self.terms is not None
        values = self.terms(x)
        return values if self.scale is None else values * self.scale[list(self.terms.velocity)].max()

    def inputs_at(self, x: Tensor) -> Tensor:
        """What the network sees at ``x (n, d)``: ``(n, problem.inputs)``."""
        seen = self.inputs.jet(x[:, None], x.new_zeros(0, 0))[:, 0]
        return torch.cat([seen, *(extra(x) for extra in self._extras)], 1) if self._extras else seen

    @property
    def _extras(self) -> list[Callable[[Tensor], Tensor]]:
        """What the network sees besides the coordinates."""
        return [extra for extra in (self._kinks, self.corners) if extra is not None]

    def set_scale(self, scale: Tensor | None) -> None:
        """Take another size ``(m,)`` of each unknown; jets that were frozen before do not know of it."""
        like = next(self.network.parameters())
        self.scale = None if scale is None else scale.to(like)

    def factor(self, x: Tensor) -> Tensor:
        """What the network's output is multiplied by at ``x (n, d)``: ``B`` times the scale, ``(n, m)``."""
        return self.scaled(self.ansatz.factor(x))

    def frozen_jets(self, x: Tensor, plan: DerivativePlan) -> Frozen:
        """What does not change while training: the jets of the inputs, of ``A``, of ``B`` and of the terms at ``x``.

        Computed once a set of points.
        """
        seed, nothing = self.seen_jets(x, plan), x.new_zeros(0)
        terms = nothing if self.terms is None else plan.pushed(self.sized_terms, x)
        if self.ansatz.trivial:
            return seed, nothing, nothing, terms
        offset = torch.cat([self._offset_jet(part, plan) for part in _together(x)])
        return seed, offset, self._factor_jet(x, plan), terms

    def rescaled_jets(self, frozen: Frozen, x: Tensor, plan: DerivativePlan) -> Frozen:
        """``frozen_jets`` at the same points after ``set_scale``: ``A``, which is dear, knows no scale."""
        seed, offset, factor, terms = frozen
        if self.terms is not None:
            terms = plan.pushed(self.sized_terms, x)
        if not self.ansatz.trivial:
            factor = self._factor_jet(x, plan)
        return seed, offset, factor, terms

    def _factor_jet(self, x: Tensor, plan: DerivativePlan) -> Tensor:
        """The jet of ``B``, scaled. Nested autograd keeps a graph for each pair of coordinates at each point."""
        return torch.cat([plan.jet_of(self.factor, part) for part in _together(x)])

    def _offset_jet(self, x: Tensor, plan: DerivativePlan) -> Tensor:
        """The jet of ``A``: where it carries flows or jumps at corners, of many operations, not by nested autograd."""
        if self.ansatz.carries and self.problem.domain.time_axis is None:
            # values of conditions may be made of other operations
            with suppress(ArgumentTypeError, AttributeError, TypeError):
                return plan.pushed(self.ansatz.offset, x)
        return plan.jet_of(self.ansatz.offset, x)

    def seen_jets(self, x: Tensor, plan: DerivativePlan) -> Tensor:
        """The jets of what the network sees at ``x (n, d)``: ``(n, C, problem.inputs)``."""
        seed = self.inputs.jet(plan.seed(x), plan.weights.to(x))
        if self._kinks is not None:
            seed = torch.cat([seed, plan.jet_of(self._kinks, x)], 2)
        if self.corners is not None:
            seed = torch.cat([seed, plan.pushed(self.corners, x)], 2)
        return seed

    def jets(self, frozen: Frozen, plan: DerivativePlan, tape: list[Record] | None = None) -> Tensor:
        """The jet of ``u``, ``(n, C, m)``, from ``frozen_jets``."""
        assert isinstance(self.network, JetNetwork)
        return self.around(self.network.jets(frozen[0], plan.weights.to(frozen[0]), tape), frozen, plan, tape)

    def around(
        self,
        out: Tensor,
        frozen: Frozen,
        plan: DerivativePlan,
        tape: list[Record] | None = None,
    ) -> Tensor:
        """The jet of ``A + B N`` and the terms, ``(n, C, m)``, from the jet ``out`` of a network's outputs."""
        if self.ansatz.trivial:
            total = self.scaled(out)
        else:
            total = frozen[1] + plan.product(frozen[2], out)
        if self.terms is None:
            return total
        weights: Weights = plan.weights.to(frozen[0])
        added = self._multiples.jet(frozen[3], weights)
        if tape is not None:
            tape.append(Record(self._multiples, frozen[3], added, weights))
        return total + added

    @property
    def _multiples(self) -> Coefficients:
        multiples = getattr(self.network, "terms", None)
        assert isinstance(multiples, Coefficients)
        return multiples

    def scaled(self, values: Tensor) -> Tensor:
        """Outputs of a network in the units of the unknowns."""
        return values if self.scale is None else values * self.scale

    def _check_widths(self, reference: Tensor, corners: CornerInputs) -> CornerInputs | None:
        """The functions of corners that the network has inputs for: all of them, or none."""
        plain, need_out = self.problem.plain_inputs, self.problem.outputs
        need_in = plain + corners.count
        widths = getattr(self.network, "widths", None)
        if isinstance(widths, Sequence):
            got_in, got_out = widths[0], widths[-1]
            if got_in == plain:
                need_in = plain
        else:
            if corners.count and not self._takes(need_in, reference) and self._takes(plain, reference):
                need_in = plain
            got_in = need_in
            try:
                with torch.no_grad():
                    probe = self.network(
                        torch.zeros(2, need_in, dtype=reference.dtype, device=reference.device)
                    )
                if not isinstance(probe, Tensor) or probe.shape[:1] != (2,) or probe.ndim != 2:
                    got = tuple(probe.shape) if isinstance(probe, Tensor) else type(probe).__name__
                    raise ArgumentError(f"model needs to map (2, {need_in}) to (2, {need_out}), got {got}.")
            except RuntimeError as error:
                raise ArgumentError(
                    f"model needs to take inputs of width {need_in}, got one that raised: {error}"
                ) from error
            got_out = probe.shape[1]
        if got_in != need_in:
            names = [str(n) for n in self.problem.domain.names]
            periodic = [names[i] for i in self.problem.periodic_axes]
            why = f" (a periodic coordinate enters as cos and sin: {', '.join(periodic)})" if periodic else ""
            why += " (an interface adds one)" if self._kinks is not None else ""
            why += f" (corners add {corners.count}, or none)" if corners.count else ""
            raise ArgumentError(
                f"model needs {need_in} inputs for the coordinates {', '.join(names)}{why}, got width {got_in}."
            )
        if got_out != need_out:
            raise ArgumentError(
                f"model needs {need_out} outputs for {', '.join(self.problem.unknowns)}, got width {got_out}."
            )
        return corners if need_in > plain else None

    def _check_terms(self) -> CornerTerms | None:
        """The terms of which the network has multiples: all of them, or none."""
        multiples = getattr(self.network, "terms", None)
        if multiples is None:
            return None
        need, got = self.problem.corner_terms, len(multiples.coefficients)
        if got != need.count:
            raise ArgumentError(f"model needs terms={need.count} for the corners of the problem, got {got}.")
        return need

    def _takes(self, width: int, reference: Tensor) -> bool:
        """Whether the network runs on inputs of a width."""
        try:
            with torch.no_grad():
                self.network(torch.zeros(2, width, dtype=reference.dtype, device=reference.device))
        except RuntimeError:
            return False
        return True


def _together(x: Tensor) -> tuple[Tensor, ...]:
    """Points ``(n, d)`` in parts whose jets are made together."""
    return x.split(max(1, GRAPHS // x.shape[1] ** 2)) if len(x) else (x,)
