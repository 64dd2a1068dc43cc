"""`kan_jets`: one call, several implementations. Each says why it cannot take a call; a name insists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from sciml.errors import ArgumentError
from sciml.kernels.reference import LayerWeights, jet_shape, reference_jets
from sciml.kernels.torch_jets import torch_jets


class Backend(NamedTuple):
    """An implementation of `kan_jets`.

    Attributes:
        run: ``(z, layers, W) -> (N, C, o)``.
        missing: Why this machine cannot run it, or None.
        why_not: Why it cannot take this call, or None.
    """

    run: Callable[..., Tensor]
    missing: Callable[[], str | None]
    why_not: Callable[..., str | None]


def _never(*_: object) -> None:
    return None


BACKENDS: dict[str, Backend] = {  # in order of preference; the last two take every call
    "torch": Backend(torch_jets, _never, _never),
    "reference": Backend(reference_jets, _never, _never),
}


def backends() -> dict[str, str | None]:
    """The backends in order of preference, each with the reason why this machine cannot run it, or None."""
    return {name: backend.missing() for name, backend in BACKENDS.items()}


def choose(z: Tensor, layers: Sequence[LayerWeights], W: Tensor | None, backend: str | None) -> Backend:
    """The first backend that takes this call, or the named one.

    Raises:
        ArgumentError: The name is unknown, or that backend cannot take the call.
    """
    if backend is not None and backend not in BACKENDS:
        raise ArgumentError(f"backend needs one of {', '.join(BACKENDS)}, got {backend!r}.")
    reason = None
    for name in [backend] if backend else BACKENDS:
        known = BACKENDS[name]
        reason = known.missing() or known.why_not(z, layers, W)
        if reason is None:
            return known
    raise ArgumentError(f"backend {backend!r} cannot take this call: {reason}.")


def kan_jets(
    z: Tensor, layers: Sequence[LayerWeights], W: Tensor | None = None, *, backend: str | None = None
) -> Tensor:
    """Jets through a whole KAN: value, first derivatives and second-order channels in one pass.

    Args:
        z: Jets at the input ``(N, C, i)``, ``C = 1 + D + S``.
        layers: One `LayerWeights` (or tuple ``(coef, base, knots, degree)``) a layer.
        W: Second-order weights ``(S, D)``; None stands for ``S = 0``. No gradient is taken for it.
        backend: None takes the first of `backends` that can; a name insists.
    Returns:
        Jets ``(N, C, o)``, differentiable in ``z``, ``coef`` and ``base``.
    Raises:
        ArgumentError: Shapes do not fit, or the named backend cannot take the call.
    """
    jet_shape(z, W)
    width = z.shape[2]
    for n, (coef, base, knots, degree) in enumerate(layers):
        if coef.dim() != 3 or coef.shape[0] != width:
            raise ArgumentError(f"layers[{n}].coef needs shape ({width}, m, o), got {tuple(coef.shape)}.")
        width = coef.shape[2]
        if base is not None and base.shape != (coef.shape[0], width):
            needed = (coef.shape[0], width)
            raise ArgumentError(f"layers[{n}].base needs shape {needed}, got {tuple(base.shape)}.")
        if knots.shape not in ((coef.shape[1] + degree + 1,), (coef.shape[0], coef.shape[1] + degree + 1)):
            raise ArgumentError(
                f"layers[{n}].knots needs shape ({coef.shape[0]}, m + degree + 1) or (m + degree + 1,) with"
                f" m + degree + 1 = {coef.shape[1] + degree + 1}, got {tuple(knots.shape)}."
            )
        if degree < 0:
            raise ArgumentError(f"layers[{n}].degree needs an integer >= 0, got {degree}.")
    return choose(z, layers, W, backend).run(z, layers, W)
