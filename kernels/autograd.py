"""The fused kernels as a torch function: differentiable twice, and correct inside every torch.func transform.

Values and first derivatives come from the compiled kernels. Higher derivatives, forward mode and vmap go
through ``torch_jets``, which autograd knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sciml.kernels.channels import Channels, from_row
from sciml.kernels.protocols import Network, NetworkMaker, NetworkPlan
from sciml.kernels.reference import LayerWeights
from sciml.kernels.taylor import torch_jets

SAVED = 192 * 2**20  # bytes of jets that are kept between the passes


class Call(NamedTuple):
    """What is fixed about a call: the plan, the class that runs it, the jet, and the layers without their weights."""

    plan: NetworkPlan
    network: NetworkMaker
    channels: Channels
    knots: tuple[Tensor, ...]
    has_base: tuple[bool, ...]

    def layers(self, weights: Sequence[Tensor]) -> list[LayerWeights]:
        """The layers with these weights, given one after the other."""
        left, out = iter(weights), []
        for table, knots, base in zip(self.plan.tables, self.knots, self.has_base, strict=True):
            out.append(LayerWeights(next(left), next(left) if base else None, knots, table.degree))
        return out


def build(call: Call, z: Tensor, W: Tensor, weights: Sequence[Tensor], keep: float) -> Network:
    """The network of one call, on tensors that no transform wraps."""
    left = iter(weights)
    pairs = [(next(left), next(left) if base else None) for base in call.has_base]
    return call.network(call.plan, z, W, [coef for coef, _ in pairs], [base for _, base in pairs], keep)


def _by_torch(call: Call, W: Tensor) -> Callable[..., Tensor]:
    return lambda z, *weights: torch_jets(z, call.layers(weights), from_row(W, call.channels))


def _pullback(call: Call, W: Tensor) -> Callable[..., tuple[Tensor, ...]]:
    def function(g: Tensor, z: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        return torch.func.vjp(_by_torch(call, W), z, *weights)[1](g)

    return function


def _second_pullback(
    call: Call, W: Tensor, tensors: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> Sequence[Tensor]:
    """Gradients of the pullback by ``(g, z, *weights)``.

    Outside of a transform by plain autograd: the first use of ``torch.func.vjp`` imports torch's compiler, in a second.
    """
    # tensors of a transform that has ended are still wrapped
    wrapped = any(
        torch._C._functorch.is_functorch_wrapped_tensor(t)  # pyright: ignore[reportAttributeAccessIssue]
        for t in (*tensors, *cotangents)
    )
    if wrapped or torch._C._are_functorch_transforms_active():
        return torch.func.vjp(_pullback(call, W), *tensors)[1](tuple(cotangents))
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        # inputs of this computation alone; a view leads on to what a tensor itself comes from
        own = [t.view_as(t) if keep and t.requires_grad else t.detach().requires_grad_() for t in tensors]
        g, *inputs = own
        zeros = {"allow_unused": True, "materialize_grads": True}
        jets = _by_torch(call, W)(*inputs)
        pulled = torch.autograd.grad(jets, inputs, g, create_graph=True, **zeros)
        pairs = [pair for pair in zip(pulled, cotangents, strict=True) if pair[0].requires_grad]
        if not pairs:
            return [torch.zeros_like(t) for t in tensors]
        outputs, given = zip(*pairs, strict=True)
        return torch.autograd.grad(outputs, own, given, create_graph=keep, **zeros)


def _pushforward(function: Callable, primals: Sequence[Tensor], tangents: Sequence[Tensor | None]) -> Any:
    """``J t`` as the transpose of the transpose: reverse mode alone, which nests inside any other mode."""
    given = tuple(torch.zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True))
    value, transpose, *_ = torch.func.vjp(function, *primals)
    zero = torch.zeros_like(value) if isinstance(value, Tensor) else tuple(map(torch.zeros_like, value))
    return torch.func.vjp(transpose, zero)[1](given)[0]


def _batched(function: Callable, in_dims: Sequence[int | None], args: Sequence[Tensor]) -> Any:
    return torch.vmap(function, in_dims=tuple(in_dims))(*args)


class _Rules:
    """How the jets are differentiated."""

    @staticmethod
    def backward(ctx: Any, *cotangents: Any):
        z, W, *weights = ctx.saved_tensors
        g, wanted = cotangents[0], ctx.needs_input_grad[2]
        if ctx.network is not None and not torch.is_grad_enabled():
            grads = ctx.network.gradients(g, wanted)
        else:
            grads = FusedPullback.apply(ctx.call, ctx.network, wanted, g, z, W, *weights)
        return None, None, grads[0] if wanted else None, None, *grads[1:]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any):
        z, W, *weights = ctx.saved_tensors
        return _pushforward(_by_torch(ctx.call, W), (z, *weights), (tangents[2], *tangents[4:]))


class EagerJets(_Rules, torch.autograd.Function):
    """``(call, keep, z, W, *weights) -> jets``, outside torch.func, where one method costs less time."""

    @staticmethod
    def forward(ctx: Any, call: Call, keep: bool, z: Tensor, W: Tensor, *weights: Tensor):
        ctx.call, ctx.network = call, build(call, z, W, weights, SAVED if keep else -1)
        ctx.save_for_backward(z, W, *weights)
        ctx.save_for_forward(z, W, *weights)
        return ctx.network.run()


class FusedJets(_Rules, torch.autograd.Function):
    """``(call, keep, z, W, *weights) -> (jets, the network for the backward pass)``, inside torch.func."""

    @staticmethod
    def forward(call: Call, keep: bool, z: Tensor, W: Tensor, *weights: Tensor):
        network = build(call, z, W, weights, SAVED if keep else -1)
        return network.run(), network

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        call, _, z, W, *weights = inputs
        ctx.call, ctx.network = call, output[1]
        ctx.save_for_backward(z, W, *weights)
        ctx.save_for_forward(z, W, *weights)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any):
        return _Rules.jvp(ctx, *tangents), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, call: Call, keep: bool, z: Tensor, W: Tensor, *weights: Tensor):
        def function(z: Tensor, W: Tensor, *weights: Tensor) -> Tensor:
            return torch_jets(z, call.layers(weights), from_row(W, call.channels))

        return (_batched(function, in_dims[2:], (z, W, *weights)), None), (0, None)


class FusedPullback(torch.autograd.Function):
    """``(call, network, wanted, g, z, W, *weights) -> gradients of (z, *weights)``.

    The first is a lone zero unless it is ``wanted``.
    """

    @staticmethod
    def forward(call: Call, network: Network | None, wanted: bool, g: Tensor, z: Tensor, W: Tensor, *weights):
        if network is None:
            return _pullback(call, W)(g, z, *weights)
        return tuple(network.gradients(g, wanted))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        call, _, wanted, g, z, W, *weights = inputs
        ctx.call, ctx.wanted = call, wanted
        ctx.save_for_backward(g, z, W, *weights)
        ctx.save_for_forward(g, z, W, *weights)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any):
        g, z, W, *weights = ctx.saved_tensors
        first = cotangents[0] if ctx.wanted else torch.zeros_like(z)
        grads = _second_pullback(ctx.call, W, (g, z, *weights), (first, *cotangents[1:]))
        return None, None, None, *grads[:2], None, *grads[2:]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any):
        g, z, W, *weights = ctx.saved_tensors
        tangents = (*tangents[3:5], *tangents[6:])
        out = _pushforward(_pullback(ctx.call, W), (g, z, *weights), tangents)
        return out if ctx.wanted else (z.new_zeros(()), *out[1:])

    @staticmethod
    def vmap(info: Any, in_dims: tuple, call: Call, network: Any, wanted: bool, g, z, W, *weights):
        def function(g: Tensor, z: Tensor, W: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
            grads = _pullback(call, W)(g, z, *weights)
            return grads if wanted else (z.new_zeros(()), *grads[1:])

        grads = _batched(function, in_dims[3:], (g, z, W, *weights))
        return grads, (0,) * len(grads)


def run_fused(call: Call, z: Tensor, W: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Jets ``(N, C, o)`` by the compiled kernels of a call."""
    keep = torch.is_grad_enabled()
    if torch._C._are_functorch_transforms_active():
        return FusedJets.apply(call, keep, z, W, *weights)[0]
    return EagerJets.apply(call, keep, z, W, *weights)
