"""Linear layers as maps of jets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciml.kernels.orders import Weights
from sciml.nn.base import JetLayer


class Linear(JetLayer):
    """``y = W x + b`` on every channel, the bias on the value alone.

    Attributes:
        weight: ``(n_out, n_in)``.
        bias: ``(n_out,)``.
    """

    by_output = True
    shared_functions = True
    any_order = True

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, n_in) -> (n, C, n_out)``."""
        n, C, i = z.shape
        if C == 1:
            return torch.addmm(self.bias, z[:, 0], self.weight.T)[:, None]
        y = (z.reshape(n * C, i) @ self.weight.T).view(n, C, -1)
        # without a graph or a transform nothing hinders the sum in place
        if not torch.is_grad_enabled() and not torch._C._are_functorch_transforms_active():
            y[:, 0] += self.bias
            return y
        return y + nn.functional.pad(self.bias[None], (0, 0, 0, C - 1))

    def jacobian(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """Outer products of cotangent and input, summed over the channels: ``(n, n_out n_in + n_out)``."""
        n = z.shape[0]
        rows = torch.bmm(cotangent.transpose(1, 2), z)  # (n, o, i)
        return torch.cat([rows.reshape(n, -1), cotangent[:, 0]], dim=1)

    def tangent(self, z: Tensor, direction: Tensor, weights: Weights) -> Tensor:
        """``dW z + db``."""
        dW, db = direction[: self.weight.numel()].view_as(self.weight), direction[self.weight.numel() :]
        y = z @ dW.T
        return y + nn.functional.pad(db[None], (0, 0, 0, z.shape[1] - 1))

    def cotangent(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """One matrix product instead of n outer ones."""
        dW = cotangent.reshape(-1, cotangent.shape[2]).T @ z.reshape(-1, z.shape[2])
        return torch.cat([dW.reshape(-1), cotangent[:, 0].sum(0)])

    def functions(self, z: Tensor, weights: Weights) -> Tensor:
        """The inputs, and the 1 that the bias multiplies."""
        one = z.new_zeros(*z.shape[:2], 1)
        one[:, 0] = 1.0
        return torch.cat([z, one], dim=2)


class Coefficients(JetLayer):
    """``y = sum_k c_k y_k``.

    Attributes:
        coefficients: ``c``, ``(n,)``.
    """

    any_order = True

    def __init__(self, coefficients: Tensor):
        super().__init__()
        self.coefficients = nn.Parameter(coefficients)

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, n m) -> (n, C, m)``."""
        return torch.einsum("pckm,k->pcm", self._apart(z), self.coefficients)

    def jacobian(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """Rows ``(n, K)``."""
        return torch.einsum("pckm,pcm->pk", self._apart(z), cotangent)

    def tangent(self, z: Tensor, direction: Tensor, weights: Weights) -> Tensor:
        """The same map with ``direction`` in the place of the coefficients."""
        return torch.einsum("pckm,k->pcm", self._apart(z), direction)

    def _apart(self, z: Tensor) -> Tensor:
        return z.unflatten(2, (len(self.coefficients), -1))
