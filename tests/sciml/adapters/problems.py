"""Least-squares problems by autograd alone, to train adapters on."""

from __future__ import annotations

import torch

from sciml.adapters import Adapter

F64 = torch.float64


def flat(net) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])


class Fit:
    """Least squares fit of a network to data, in its flat parameters, by autograd alone."""

    def __init__(self, net, seed: int = 0, n: int = 40):
        rng = torch.Generator().manual_seed(seed)
        self.net = net
        self.x = 2 * torch.rand(n, net.widths[0], generator=rng, dtype=F64) - 1
        with torch.no_grad():
            self.y = net(self.x) + 0.1 * torch.sin(3 * self.x.sum(1, keepdim=True))

    def rows(self, theta):
        named, start = {}, 0
        for name, p in self.net.named_parameters():
            named[name] = theta[start : start + p.numel()].reshape(p.shape)
            start += p.numel()
        return (torch.func.functional_call(self.net, named, (self.x,)) - self.y).flatten() / len(
            self.x
        ) ** 0.5

    def residual(self, theta):
        return self.rows(theta).detach()

    def value(self, theta):
        return float(0.5 * self.residual(theta).square().sum())

    def value_and_grad(self, theta):
        theta = theta.detach().requires_grad_()
        f = 0.5 * self.rows(theta).square().sum()
        return float(f.detach()), torch.autograd.grad(f, theta)[0]

    def linearize(self, theta):
        return Dense(self.residual(theta), torch.autograd.functional.jacobian(self.rows, theta.detach()))


class Dense:
    """A linearisation that is its matrix."""

    def __init__(self, residual, J):
        self.residual, self.shape, self._J = residual, tuple(J.shape), J

    def dense(self):
        return self._J

    def columns(self, start, stop):
        return self._J[:, start:stop]

    def mv(self, v):
        return self._J @ v

    def rmv(self, w):
        return self._J.mT @ w

    def gram(self):
        return self._J @ self._J.mT

    def normal(self):
        return self._J.mT @ self._J

    def row_norms(self):
        return self._J.square().sum(1)


def shaken(adapter: Adapter, size: float = 0.1, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    theta = adapter.vector() + size * torch.randn(adapter.size, generator=rng, dtype=F64)
    adapter.load_vector(theta)
    return theta
