"""A problem on collocation points as one residual vector of a flat parameter vector, with its Jacobian."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.derivatives import AutogradSource, DetachedSource, PerturbedSource
from sciml.errors import ArgumentError
from sciml.jacobian.graph import GraphCurvature, GraphLinearization
from sciml.jacobian.tape import TapeLinearization, mixing_error
from sciml.problem import PDE
from sciml.solvers.terms.measured import measured_weights
from sciml.solvers.training.points import Points
from sciml.unknown import Coefficient

SAMPLE = 64  # points at which the size of the equations' terms is measured
PERTURBATION = 1e-4  # relative
ROUNDINGS = 100.0  # units of rounding that a residual may hold where nothing else is left of it
MIXING = 1e-3  # J v against a difference quotient: relative disagreement from which a residual counts as not pointwise


class OutOfTime(Exception):
    """The moment has passed until which a system answers; a step that it ends leaves everything as it was."""


class ResidualSystem:
    """A least-squares problem ``f(theta) = 1/2 |r|^2`` for the optimisers.

    ``r`` stacks all terms, each scaled by ``sqrt(weight / points)``, so that ``f = 1/2 sum_t weight_t mean(r_t^2)``.

    Args:
        problem: What is to be solved.
        trial: Its trial function; its parameters are ``theta``.
        interior, boundary: Points of the interior and of each penalty term.
        seed: Of the points.
        check: Whether to look for rows that mix points at once; False leaves it to the caller.
        coefficients: Numbers in the problem that are trained, too: the last of ``theta``.

    Attributes:
        points: Collocation points and weights.
        notes: What a user should know about the set-up (fallbacks taken).
        deadline: Of ``time.perf_counter``; later it answers with ``OutOfTime``.
        pointwise: Whether a row depends on its own point alone, so that the Jacobian comes from jets.
    """

    def __init__(
        self,
        problem: PDE,
        trial: Trial,
        interior: int,
        boundary: int,
        seed: int = 0,
        *,
        check: bool = True,
        coefficients: Sequence[Coefficient] = (),
    ):
        self.problem, self.trial = problem, trial
        self.parameters = [p for p in trial.network.parameters() if p.requires_grad]
        if not self.parameters:
            raise ArgumentError("model needs at least one trainable parameter, got none.")
        self.coefficients = list(coefficients)
        for c in self.coefficients:
            c.raw.data = c.raw.data.to(self.parameters[0])
        self.parameters += [c.raw for c in self.coefficients]
        self.notes = [*trial.ansatz.notes, *trial.corner_notes]
        like = self.parameters[0].detach().new_zeros(0)
        self.deadline = math.inf
        self.points = Points(problem, trial, interior, boundary, seed, like)
        self.pointwise = self.points.offer_jets
        if not self.pointwise:
            self.notes.append(
                "derivatives by nested autograd: the model offers no jets of this order, or they disagree with autograd."
            )
        self._check_used()
        self._check_finite()
        if check and self.pointwise:
            self.check_pointwise()

    def elsewhere(self, interior: int, boundary: int, seed: int) -> ResidualSystem:
        """The same equations and trial function on other points: for looking at, not for training."""
        twin = copy.copy(self)
        twin.deadline = math.inf
        twin.points = self.points.elsewhere(interior, boundary, seed)
        return twin

    # ---- the flat vector

    @property
    def theta(self) -> Tensor:
        """A copy of the parameters as one vector ``(P,)``."""
        return nn.utils.parameters_to_vector(self.parameters).detach().clone()

    def take_parameters(self) -> None:
        """Take up the parameters of the trial function's network after these have become others; so do its twins."""
        raws = [c.raw for c in self.coefficients]
        self.parameters[:] = [p for p in self.trial.network.parameters() if p.requires_grad] + raws

    @property
    def network_size(self) -> int:
        """How many of ``theta`` are the network's; the coefficients come behind them."""
        return sum(p.numel() for p in self.parameters) - len(self.coefficients)

    @property
    def head(self) -> slice:
        """Where the last layer's parameters are in ``theta``, for a network that is a chain of layers."""
        last = sum(p.numel() for p in self.trial.network.layers[-1].parameters())  # type: ignore[union-attr, index]
        return slice(self.network_size - last, self.network_size)

    def load(self, theta: Tensor) -> None:
        """Write ``theta (P,)`` into the network and the coefficients."""
        self.check_time()
        start = 0
        for p in self.parameters:
            # `.data` avoids autograd's error about a leaf changed in place; a kept graph loads its own theta before use
            p.data.copy_(theta[start : start + p.numel()].view_as(p))
            start += p.numel()

    def check_time(self) -> None:
        """Look at the clock.

        Raises:
            OutOfTime: The deadline has passed.
        """
        if time.perf_counter() > self.deadline:
            raise OutOfTime

    def project(self, theta: Tensor) -> Tensor:
        """``theta`` moved to where it is allowed to be: everywhere, for a network's own parameters."""
        return theta

    # ---- what the optimisers ask

    def residual(self, theta: Tensor) -> Tensor:
        """``r(theta)``, ``(M,)``."""
        self.load(theta)
        return self._rows(graph=False)

    def value(self, theta: Tensor) -> float:
        """``1/2 |r|^2``."""
        r = self.residual(theta)
        return 0.5 * float(r @ r)

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """``f`` and its gradient ``(P,)``, one ordinary backward pass."""
        self.load(theta)
        with torch.enable_grad():
            r = self._rows(graph=True)
            f = 0.5 * (r @ r)
            grads = torch.autograd.grad(f, self.parameters, allow_unused=True, materialize_grads=True)
        return float(f.detach()), torch.cat([g.reshape(-1) for g in grads])

    def linearize(self, theta: Tensor) -> TapeLinearization | GraphLinearization:
        """Residual and Jacobian at ``theta``."""
        self.load(theta)
        if not self.pointwise:
            with torch.enable_grad():
                return GraphLinearization(self._rows(graph=True), self.parameters, lambda: self.load(theta))
        rows, blocks = [], []
        raws = [c.raw for c in self.coefficients]
        for term in self.points.terms:
            self.check_time()
            if not len(term.x):  # another process has its points
                continue
            r, b = term.blocks(self.trial, self.problem, self.points.scales(term), raws)
            rows += r
            blocks += b
        return TapeLinearization(torch.cat(rows), blocks, self.parameters)

    def curvature(self, theta: Tensor) -> GraphCurvature:
        """Gradient and exact Hessian of ``f`` at ``theta``, for methods that do not use the residual's structure."""
        self.load(theta)
        with torch.enable_grad():
            r = self._rows(graph=True)
            return GraphCurvature(0.5 * (r @ r), self.parameters, lambda: self.load(theta))

    def silent_value(self) -> float:
        """The loss with a network that is zero everywhere: what the conditions alone leave to be solved."""
        kept = self.theta
        silent = kept.clone()
        silent[: self.network_size] = 0.0
        loss = self.value(silent)
        self.load(kept)
        return loss

    def silent_theta(self) -> Tensor | None:
        """Parameters ``(P,)`` of a network that is zero everywhere and can still be trained: its last layer is zero.

        None where the network is no chain of layers.
        """
        layers = getattr(self.trial.network, "layers", None)
        if not isinstance(layers, nn.ModuleList) or not all(p.requires_grad for p in layers[-1].parameters()):
            return None
        theta = self.theta
        theta[self.head] = 0.0
        return theta

    def size_of_terms(self) -> float:
        """Size of what cancels in the equations where the network is zero, in the units of the residual.

        By how much the residual changes when each derivative in it is off by a known relative error. Rounding alone leaves a
        residual of some 1e-16 of it.
        """
        return self._sensitivity(None)

    def rounding(self) -> float:
        """What rounding in the values of the exact part leaves of the residual, at most, where the network is zero."""
        domain = self.problem.domain
        lengths = (domain.upper - domain.lower).clamp(min=1e-300).tolist()
        eps = torch.finfo(self.points.like.dtype).eps
        return ROUNDINGS * eps * self._sensitivity(lengths)

    def _sensitivity(self, lengths: Sequence[float] | None) -> float:
        """Change of the residual by a relative error in each derivative, where the network is zero."""
        term = self.points.terms[0]
        x, scales = term.x[:SAMPLE], self.points.scales(term)
        source = AutogradSource(self.trial.ansatz.offset, x)
        try:
            exact = term.function(self.problem.field(DetachedSource(source)), x)
            perturbed = PerturbedSource(source, PERTURBATION, lengths)
            off = term.function(self.problem.field(perturbed), x)
        except (RuntimeError, ArithmeticError):  # a residual that must not meet such values
            return 0.0
        rows = len(term.x) / len(x)
        square = sum(
            rows * float(((off[name] - exact[name]) * scales[name]).detach().square().sum())
            for name in term.parts
        )
        size = math.sqrt(square) / PERTURBATION
        return size if math.isfinite(size) else 0.0

    # ---- sizes and weights

    def set_scales(self, unknowns: Tensor | None, equations: Mapping[str, float]) -> None:
        """Work with these sizes of the unknowns ``(m,)`` and of the equations; None and ``{}`` for 1."""
        self.trial.set_scale(unknowns)
        self.points.set_sizes(equations)

    def balance(self, theta: Tensor) -> None:
        """Weigh the parts so that each has the same mean squared row of J (the NTK's trace; Wang et al. 2022).

        The equations keep their weights; a condition's own ``weight`` multiplies its share.
        """
        points = self.points
        if len(points.weights) == 1:
            return
        scaled = (
            self.trial.scale is not None
        )  # the sizes are known: no bound on a weight has to guard against a bad one
        first = list(points.terms[0].parts)
        points.weights = {name: points.factors[name] if name in first else 1.0 for name in points.weights}
        norms = self.linearize(theta).row_norms()
        traces, start = {}, 0
        for term in points.terms:
            for name, columns in term.parts.items():
                rows = columns * term.rows
                traces[name] = float(norms[start : start + rows].sum())
                start += rows
        equation = sum(traces[n] for n in first) / len(first)
        for name in points.weights:
            if name not in first:
                share = equation / max(traces[name], 1e-300)
                points.weights[name] = points.factors[name] * (
                    share if scaled else min(max(share, 1e-6), 1e6)
                )
        size = 1.0 if self.trial.scale is None else float(self.trial.scale.min())
        points.weights |= measured_weights(points.terms, traces, equation, bool(self.coefficients), size)

    # ---- inside

    def _rows(self, graph: bool) -> Tensor:
        rows = []
        with torch.set_grad_enabled(graph):
            for term in self.points.terms:
                self.check_time()
                if not len(term.x):
                    continue
                scales = self.points.scales(term)
                for name, part in term.weighted(self.points.evaluate(term)).items():
                    flat = part.T.reshape(-1) * scales[name]
                    rows.append(flat if graph else flat.detach())
        return torch.cat(rows)

    def _check_used(self) -> None:
        """Refuse a coefficient that no term depends on.

        Raises:
            ArgumentError: Naming it.
        """
        if not self.coefficients:
            return
        with torch.enable_grad():
            total = self._rows(graph=True).sum()
            found = torch.autograd.grad(total, [c.raw for c in self.coefficients], allow_unused=True)
        for coefficient, gradient in zip(self.coefficients, found, strict=True):
            if gradient is None:
                raise ArgumentError(
                    f"the Unknown {coefficient.name} of {type(self.problem).__name__} needs a part in the residual or in a "
                    "condition, got a problem in which nothing depends on it."
                )

    def _check_finite(self) -> None:
        """Name what is not finite before training.

        Raises:
            ArgumentError: The source, an exact condition or a term, with a point.
        """
        if bool(torch.isfinite(self.residual(self.theta)).all()):
            return
        kind = type(self.problem).__name__
        for term in self.points.terms:
            exact = dict(zip(("seed", "offset", "factor", "terms"), term.frozen or (), strict=False))
            found = {f"source of {kind}": self.problem.source(term.x)} if term is self.points.terms[0] else {}
            for name, jet in exact.items():
                if jet.ndim == 3:
                    found[
                        f"exact conditions of {kind} ({name} and its derivatives; hard=False: a penalty)"
                    ] = jet
            for name, part in term.pointwise(self.trial, self.problem).items():
                found[f"term {name!r} of {kind}"] = part
            for what, values in found.items():
                bad = ~torch.isfinite(values).flatten(1).all(1)
                if bad.any():
                    got = values[bad][0].flatten().tolist()
                    raise ArgumentError(
                        f"{what} needs finite numbers, got {got} at {term.x[bad][0].tolist()}."
                    )

    def check_pointwise(self) -> None:
        """Compare ``J v`` with a difference quotient; where they part, the Jacobian comes from autograd from now on."""
        theta = self.theta
        linearization = self.linearize(theta)
        assert isinstance(linearization, TapeLinearization)
        if not linearization.complete:
            self.load(theta)
            self.pointwise = False
            self.notes.append(
                "the network has frozen parameters, or some outside its layers: the Jacobian comes from autograd, which is "
                "slower."
            )
            return
        error = mixing_error(self.residual, linearization, theta)
        self.load(theta)
        if not error <= (MIXING if theta.dtype == torch.float64 else 0.1):
            self.pointwise = False
            self.notes.append(
                "the residual at one point depends on other points (J v differs from a difference quotient by "
                f"{error:.1e}): the Jacobian comes from autograd, which is slower."
            )
