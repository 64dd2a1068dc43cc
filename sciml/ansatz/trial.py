"""``Trial``: a network between the exact conditions, as what is trained, saved and called."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sciml.ansatz.exact import Ansatz
from sciml.conditions.interface import kinks
from sciml.errors import ArgumentError
from sciml.jets import DerivativePlan
from sciml.nn.base import JetNetwork, Record
from sciml.nn.inputs import InputMap
from sciml.problem import PDE


class Trial(nn.Module):
    """The trial function of a problem around a network: what is trained, saved and called.

    Args:
        problem: Its ansatz decides ``A`` and ``B``.
        network: Maps ``(n, problem.inputs)`` to ``(n, problem.outputs)``; a ``sciml.nn.JetNetwork`` is pushed through by
            jets, any other module goes through autograd.
        ansatz: The problem's, where it is known already.
        scale: Size of each unknown, ``(m,)``, by which the network's outputs are multiplied; None for 1.

    Attributes:
        scale: ``(m,)``, or None.

    Raises:
        ArgumentError: The network's widths do not fit the problem.
    """

    scale: Tensor | None

    def __init__(
        self, problem: PDE, network: nn.Module, ansatz: Ansatz | None = None, scale: Tensor | None = None
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
        self._check_widths(reference)
        self.register_buffer("scale", None if scale is None else scale.to(reference), persistent=False)

    @property
    def offers_jets(self) -> bool:
        """Whether derivatives come from one pass of jets."""
        return isinstance(self.network, JetNetwork)

    def forward(self, x: Tensor) -> Tensor:
        """``u`` at ``x (n, d)``: ``(n, m)``."""
        out = self.network(self.inputs_at(x))
        if self.ansatz.trivial:
            return self.scaled(out)
        return self.ansatz.offset(x) + self.factor(x) * out

    def inputs_at(self, x: Tensor) -> Tensor:
        """What the network sees at ``x (n, d)``: ``(n, problem.inputs)``."""
        seen = self.inputs.jet(x[:, None], x.new_zeros(0, 0))[:, 0]
        return seen if self._kinks is None else torch.cat([seen, self._kinks(x)], 1)

    def set_scale(self, scale: Tensor | None) -> None:
        """Take another size ``(m,)`` of each unknown; jets that were frozen before do not know of it."""
        like = next(self.network.parameters())
        self.scale = None if scale is None else scale.to(like)

    def factor(self, x: Tensor) -> Tensor:
        """What the network's output is multiplied by at ``x (n, d)``: ``B`` times the scale, ``(n, m)``."""
        return self.scaled(self.ansatz.factor(x))

    def frozen_jets(self, x: Tensor, plan: DerivativePlan) -> tuple[Tensor, Tensor, Tensor]:
        """What does not change while training: the jets of the inputs, of ``A`` and of ``B`` at ``x``.

        Computed once a set of points.
        """
        weights = plan.weights.to(x)
        seed = self.inputs.jet(plan.seed(x), weights)
        if self._kinks is not None:
            seed = torch.cat([seed, plan.jet_of(self._kinks, x)], 2)
        if self.ansatz.trivial:
            nothing = x.new_zeros(0)
            return seed, nothing, nothing
        return seed, plan.jet_of(self.ansatz.offset, x), plan.jet_of(self.factor, x)

    def jets(
        self, frozen: tuple[Tensor, Tensor, Tensor], plan: DerivativePlan, tape: list[Record] | None = None
    ) -> Tensor:
        """The jet of ``u``, ``(n, C, m)``, from ``frozen_jets``."""
        assert isinstance(self.network, JetNetwork)
        return self.around(self.network.jets(frozen[0], plan.weights.to(frozen[0]), tape), frozen, plan)

    def around(self, out: Tensor, frozen: tuple[Tensor, Tensor, Tensor], plan: DerivativePlan) -> Tensor:
        """The jet of ``A + B N``, ``(n, C, m)``, from the jet ``out`` of a network's outputs."""
        if self.ansatz.trivial:
            return self.scaled(out)
        return frozen[1] + plan.product(frozen[2], out)

    def scaled(self, values: Tensor) -> Tensor:
        """Outputs of a network in the units of the unknowns."""
        return values if self.scale is None else values * self.scale

    def _check_widths(self, reference: Tensor) -> None:
        need_in, need_out = self.problem.inputs, self.problem.outputs
        widths = getattr(self.network, "widths", None)
        if isinstance(widths, Sequence):
            got_in, got_out = widths[0], widths[-1]
        else:
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
            raise ArgumentError(
                f"model needs {need_in} inputs for the coordinates {', '.join(names)}{why}, got width {got_in}."
            )
        if got_out != need_out:
            raise ArgumentError(
                f"model needs {need_out} outputs for {', '.join(self.problem.unknowns)}, got width {got_out}."
            )
