"""``kan_jets``: one call, several implementations. Each says why it cannot take a call; a name insists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sciml.kernels.autograd import Call, run_fused
from sciml.kernels.channels import Channels, as_row, channels_of
from sciml.kernels.cpu import machine
from sciml.kernels.cpu.network import CPUNetwork
from sciml.kernels.cpu.plan import CPUPlan, cpu_plan, prefers_coefficients
from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.cuda.machine import interpreted, missing_triton
from sciml.kernels.cuda.network import CUDANetwork
from sciml.kernels.cuda.plan import CUDAPlan, cuda_plan
from sciml.kernels.errors import ArgumentError
from sciml.kernels.orders import ChannelWeights, Weights
from sciml.kernels.protocols import NetworkMaker, NetworkPlan
from sciml.kernels.reference import LayerWeights, jet_order, reference_jets
from sciml.kernels.taylor import torch_jets
from sciml.kernels.taylor_table import SplineTable, spline_table, unwrapped

_BITS = {torch.float32: 32, torch.float64: 64}
# sums over a jet's directions and channels that a kernel holds at a time; more take longer to compile than loops
SIMD_SUMS, TRITON_SUMS = 128, 64


class Fused(NamedTuple):
    """How a backend with kernels of its own makes a pass.

    Attributes:
        plan: ``(bits, tables, widths, base, channels)`` to a plan.
        network: Runs such a plan.
    """

    plan: Callable[..., NetworkPlan]
    network: NetworkMaker


class Backend(NamedTuple):
    """An implementation of ``kan_jets``.

    Attributes:
        run: ``(z, layers, W) -> (N, C, o)``.
        missing: Why this machine cannot run it, or None.
        why_not: Why it cannot take this call, or None.
        fused: Its plan and network, where it has kernels of its own.
    """

    run: Callable[..., Tensor]
    missing: Callable[[], str | None]
    why_not: Callable[..., str | None]
    fused: Fused | None = None


Arguments = tuple[Call, Tensor, list[Tensor]]
Tables = tuple[SplineTable, ...]


def fused_call(fused: Fused, z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> Arguments:
    """The call, ``W`` as a row and the weights, as ``run_fused`` takes them."""
    if W is None:
        W = z.new_zeros(0, z.shape[1] - 1)
    channels = channels_of(W)
    tables = tuple([spline_table(knots, coef.shape[0], degree, z.dtype) for coef, _, knots, degree in layers])
    widths = (z.shape[2], *[layer[0].shape[2] for layer in layers])
    has_base = tuple([layer[1] is not None for layer in layers])
    plan = fused.plan(_BITS[z.dtype], tables, widths, any(has_base), channels)
    weights = [w for layer in layers for w in layer[:2] if w is not None]
    knots = tuple([layer[2] for layer in layers])
    return Call(plan, fused.network, channels, knots, has_base), as_row(W, z), weights


def _simd_plan(bits: int, tables: Tables, widths: tuple[int, ...], base: bool, jet: Channels) -> CPUPlan:
    local = prefers_coefficients(tables, widths)
    return cpu_plan(machine.simd(jet, tables[0].degree, base, bits, local), tables, widths, jet)


def _loops_plan(bits: int, tables: Tables, widths: tuple[int, ...], base: bool, jet: Channels) -> CPUPlan:
    return cpu_plan(machine.loops(bits), tables, widths, jet)


def _triton_plan(bits: int, tables: Tables, widths: tuple[int, ...], base: bool, jet: Channels) -> CUDAPlan:
    return cuda_plan(Shape(jet, tables[0].degree, base, bits, 0), tables, widths)


def _runner(fused: Fused) -> Callable[..., Tensor]:
    def run(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None = None) -> Tensor:
        call, W, weights = fused_call(fused, z, layers, W)
        return run_fused(call, z, W, weights)

    return run


def _why_not_table(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> str | None:
    """Why a call cannot work from Taylor tables, or None."""
    if any(unwrapped(layer[2]) is None for layer in layers):
        return "vmap runs over the knots"
    return None


def _why_not_fused(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> str | None:
    """Why a call cannot run in any fused kernel, or None."""
    if z.dtype not in _BITS:
        return f"z is {z.dtype}, not float32 or float64"
    if any(t.device != z.device for layer in layers for t in layer[:3] if t is not None):
        return f"z is on {z.device} and weights are not"
    if any(w.dtype != z.dtype for layer in layers for w in layer[:2] if w is not None):
        return f"z is {z.dtype} and weights are not"
    if not layers:
        return "there are no layers"
    if not all(1 <= layer[3] <= 7 for layer in layers):
        return "a degree lies outside 1..7"
    return _why_not_table(z, layers, W)


def _why_not_numba(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> str | None:
    """Why a call cannot run in compiled loops, or None."""
    if isinstance(W, ChannelWeights):
        return f"W asks for derivatives of order {W.order}, above 2"
    return _why_not_cpu(z, layers, W)


def _why_not_cpu(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> str | None:
    """Why a call cannot run in any kernel for the CPU, or None."""
    return f"z is on {z.device}, not the CPU" if z.device.type != "cpu" else _why_not_fused(z, layers, W)


def _why_not_unrolled(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None, most: int) -> str | None:
    """Why a call cannot run in kernels that have a register for every channel and ``most`` sums, or None."""
    if reason := _why_not_fused(z, layers, W):
        return reason
    needed = 0
    if W is not None:
        jet = channels_of(W)
        needed = jet.count - 1 + len(jet.curved)
    if needed > most:
        return f"the jet takes {needed} sums, above {most}: more than is sensible to unroll"
    return "layers differ in degree" if len({layer[3] for layer in layers}) > 1 else None


def why_not_simd(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> str | None:
    """Why a call cannot run in SIMD kernels, or None."""
    if reason := _why_not_cpu(z, layers, W) or _why_not_unrolled(z, layers, W, SIMD_SUMS):
        return reason
    most = max(
        (coef.shape[0] + 16) * (knots.shape[-1] + 1) * (degree + 1) for coef, _, knots, degree in layers
    )
    if z.dtype == torch.float32 and most * machine.narrow_outputs(32) >= 2**24:
        return "a layer has more cells than float32 can count"
    return None


def _why_not_triton(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> str | None:
    """Why a call cannot run in Triton kernels, or None."""
    if z.device.type != "cuda" and not (z.device.type == "cpu" and interpreted()):
        return f"z is on {z.device}, not on a CUDA device"
    return _why_not_unrolled(z, layers, W, TRITON_SUMS)


def _never(*_: object) -> None:
    return None


_SIMD, _LOOPS = Fused(_simd_plan, CPUNetwork), Fused(_loops_plan, CPUNetwork)
_TRITON = Fused(_triton_plan, CUDANetwork)

BACKENDS: dict[str, Backend] = {  # in order of preference; the reference takes every call, so it comes last
    "simd": Backend(_runner(_SIMD), machine.missing_simd, why_not_simd, _SIMD),
    "numba": Backend(_runner(_LOOPS), machine.missing_numba, _why_not_numba, _LOOPS),
    "triton": Backend(_runner(_TRITON), missing_triton, _why_not_triton, _TRITON),
    "torch": Backend(torch_jets, _never, _why_not_table),
    "reference": Backend(reference_jets, _never, _never),
}


def backends() -> dict[str, str | None]:
    """The backends in order of preference, each with the reason why this machine cannot run it, or None."""
    return {name: backend.missing() for name, backend in BACKENDS.items()}


def choose(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None, backend: str | None) -> Backend:
    """The first backend that takes this call, or the named one.

    Raises:
        ArgumentError: The name is unknown, or that backend cannot take the call.
    """
    if backend is not None and backend not in BACKENDS:
        raise ArgumentError(f"backend needs one of {', '.join(BACKENDS)}, got {backend!r}.")
    if torch.is_autocast_enabled(z.device.type):
        raise ArgumentError(
            "kan_jets needs to run outside autocast, got a call inside it: half precision has too few digits for second"
            " derivatives."
        )
    reason = None
    for name in [backend] if backend else BACKENDS:
        known = BACKENDS[name]
        reason = known.missing() or known.why_not(z, layers, W)
        if reason is None:
            return known
    raise ArgumentError(f"backend needs one that can take this call, got {backend!r}: {reason}.")


def check_layers(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None) -> None:
    """Raise ``ArgumentError`` unless the shapes of a call fit together."""
    jet_order(z, W)
    width = z.shape[2]
    for n, (coef, base, knots, degree) in enumerate(layers):
        if coef.dim() != 3 or coef.shape[0] != width:
            raise ArgumentError(f"layers[{n}].coef needs shape ({width}, m, o), got {tuple(coef.shape)}.")
        i, m, width = coef.shape
        if base is not None and base.shape != (i, width):
            raise ArgumentError(f"layers[{n}].base needs shape {(i, width)}, got {tuple(base.shape)}.")
        if degree < 0:
            raise ArgumentError(f"layers[{n}].degree needs an integer >= 0, got {degree}.")
        count = m + degree + 1
        if knots.shape not in ((count,), (i, count)):
            raise ArgumentError(
                f"layers[{n}].knots needs shape {(i, count)} or {(count,)}, got {tuple(knots.shape)}."
            )


def _dispatch_eagerly(
    z: Tensor, layers: Sequence[LayerWeights], W: Weights | None, backend: str | None
) -> Tensor:
    check_layers(z, layers, W)
    return choose(z, layers, W, backend).run(z, layers, W)


_outside_graphs: list[Any] = []


def _dispatch_outside_graphs() -> Any:
    """``_dispatch_eagerly`` as a function that ``torch.compile`` calls but does not trace."""
    # not at import: torch.compiler.disable loads torch's compiler, which takes seconds
    if not _outside_graphs:
        _outside_graphs.append(torch.compiler.disable(_dispatch_eagerly))
    return _outside_graphs[0]


def kan_jets(
    z: Tensor, layers: Sequence[LayerWeights], W: Weights | None = None, *, backend: str | None = None
) -> Tensor:
    """Jets through a whole KAN: value and derivatives of all orders in one pass.

    Args:
        z: Jets at the input ``(N, C, i)``, ``C = 1 + D + S`` up to second order.
        layers: One ``LayerWeights`` (or tuple ``(coef, base, knots, degree)``) a layer.
        W: Channel weights ``(S, D)``, or a ``ChannelWeights`` for derivatives above second order; None stands for ``S = 0``.
            No gradient is taken for it.
        backend: None takes the first of ``backends`` that can; a name insists.
    Returns:
        Jets ``(N, C, o)``, differentiable in ``z``, ``coef`` and ``base``.
    Raises:
        ArgumentError: Shapes do not fit, or the named backend cannot take the call.
    """
    if torch.compiler.is_compiling():
        return _dispatch_outside_graphs()(z, layers, W, backend)
    return _dispatch_eagerly(z, layers, W, backend)
