"""Products with J, Jᵀ and the Hessian from one kept autograd graph.

Every product costs one backward pass, where a forward-over-reverse product builds the graph anew; dense matrices
come from batches of such passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sciml.linalg import inner_gram, outer_gram

CHUNK = 64  # rows of a dense matrix per batched backward pass


def vjp(output: Tensor, inputs: Sequence[Tensor], weight: Tensor, create_graph: bool = False) -> Tensor:
    """``d(output . weight)/d(inputs)`` as one flat vector; zeros where ``output`` does not depend on an
    input.
    """
    if not output.requires_grad:
        return torch.cat([torch.zeros_like(x).reshape(-1) for x in inputs])
    grads = torch.autograd.grad(
        output, inputs, weight, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )
    flat = torch.cat([g.reshape(-1) for g in grads])
    return flat if create_graph else flat.detach()


def rows(output: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """The Jacobian of a vector ``output`` (n,), shape (n, total size of the inputs), one chunk of rows a
    pass.
    """
    size = sum(x.numel() for x in inputs)
    if not output.requires_grad or len(output) == 0:
        return output.new_zeros(len(output), size)
    eye = torch.eye(len(output), dtype=output.dtype, device=output.device)
    blocks = []
    for chunk in eye.split(CHUNK):
        try:
            grads = torch.autograd.grad(
                output, inputs, chunk, retain_graph=True, is_grads_batched=True, materialize_grads=True
            )
            blocks.append(torch.cat([g.reshape(len(chunk), -1) for g in grads], 1).detach())
        except RuntimeError:  # an operation without a batching rule
            blocks.append(torch.stack([vjp(output, inputs, row) for row in chunk]))
    return torch.cat(blocks)


def adjoint(output: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """``(w, Jᵀ w)`` with a graph, for J (n, P) the Jacobian of a vector ``output`` (n,) by the inputs.

    ``Jᵀ w`` is linear in w, so that its own vjp by w along v is ``J v``, and its rows are J's columns: forward
    products from backward passes alone, which every operation of autograd has.
    """
    with torch.enable_grad():
        w = torch.zeros_like(output, requires_grad=True)
        return w, vjp(output, inputs, w, create_graph=True)


def columns_of(output: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """The Jacobian of a vector ``output`` (n,) by a few 0-dimensional inputs, ``(n, K)``: K + 1 backward passes through
    what lies between them alone.
    """
    found = output.new_zeros(len(output), len(inputs))
    if not output.requires_grad:
        return found
    w = torch.ones_like(output, requires_grad=True)
    grads = torch.autograd.grad(
        output, inputs, w, retain_graph=True, create_graph=True, allow_unused=True, materialize_grads=True
    )
    for k, grad in enumerate(grads):  # what does not depend on w is zero
        if grad.requires_grad:
            (column,) = torch.autograd.grad(
                grad, w, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            found[:, k] = column
    return found


class GraphLinearization:
    """See ``protocols.Linearization``; J has one column per element of ``inputs``.

    Args:
        r: Residual (M,) with its graph.
        inputs: The leaves to differentiate by.
        enter: Called before every pass; puts back the values of the leaves where others have taken their
            place.
    """

    def __init__(self, r: Tensor, inputs: Sequence[Tensor], enter: Callable[[], None] = lambda: None):
        self._r, self._inputs, self._enter = r, tuple(inputs), enter
        self.residual = r.detach()
        self.shape = (len(r), sum(x.numel() for x in self._inputs))
        self._dense: Tensor | None = None
        self._adjoint: tuple[Tensor, Tensor] | None = None

    def rmv(self, w: Tensor) -> Tensor:
        """``Jᵀ w``."""
        if self._dense is not None:
            return self._dense.T @ w
        self._enter()
        return vjp(self._r, self._inputs, w)

    def _kept_adjoint(self) -> tuple[Tensor, Tensor]:
        if self._adjoint is None:
            self._adjoint = adjoint(self._r, self._inputs)
        return self._adjoint

    def mv(self, v: Tensor) -> Tensor:
        """``J v``."""
        if self._dense is not None:
            return self._dense @ v
        self._enter()
        w, pulled = self._kept_adjoint()
        return vjp(pulled, (w,), v)

    def dense(self) -> Tensor:
        """J, shape (M, P), by min(M, P) backward passes in batches."""
        if self._dense is None:
            self._enter()
            if self.shape[0] <= self.shape[1]:
                self._dense = rows(self._r, self._inputs)
            else:
                w, pulled = self._kept_adjoint()
                self._dense = rows(pulled, (w,)).T.contiguous()
        return self._dense

    def columns(self, start: int, stop: int) -> Tensor:
        """``J[:, start:stop]``, of the dense J."""
        return self.dense()[:, start:stop]

    def gram(self) -> Tensor:
        """``J Jᵀ``."""
        return outer_gram(self.dense())

    def normal(self) -> Tensor:
        """``JᵀJ``."""
        return inner_gram(self.dense())

    def row_norms(self) -> Tensor:
        """Squared norm of every row."""
        return self.dense().square().sum(1)


class GraphCurvature:
    """See ``protocols.Curvature``.

    Args:
        f: Loss, 0-dimensional, with its graph.
        inputs, enter: As for ``GraphLinearization``.
    """

    def __init__(self, f: Tensor, inputs: Sequence[Tensor], enter: Callable[[], None] = lambda: None):
        self._inputs, self._enter = tuple(inputs), enter
        self._g = vjp(f, self._inputs, torch.ones_like(f), create_graph=True)
        self.value = float(f.detach())
        self.gradient = self._g.detach()

    def mv(self, v: Tensor) -> Tensor:
        """``H v``."""
        self._enter()
        return vjp(self._g, self._inputs, v)

    def dense(self) -> Tensor:
        """H, shape (P, P), symmetrised."""
        self._enter()
        h = rows(self._g, self._inputs)
        return 0.5 * (h + h.T)
