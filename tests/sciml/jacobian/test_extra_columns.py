"""Columns of the Jacobian for coefficients, behind those of the layers, against float64 autograd row by row."""

import pytest
import torch

import sciml
from sciml.ansatz import Trial
from sciml.coefficients import with_coefficients
from sciml.jacobian.graph import columns_of, rows
from sciml.solvers.training.residual_system import ResidualSystem


class Two(sciml.PDE):
    """Coefficients in a nonlinear way, in a vector's way, in a source and in a condition."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    a = sciml.Unknown(0.7, positive=True)
    b = sciml.Unknown(-2.0)
    h = sciml.Unknown(1.5, bounds=(1.0, 3.0))
    conditions = (
        sciml.Initial(lambda x: x[:, 1:]),
        sciml.Robin(alpha=h, beta=0.5, on="x=0"),
        sciml.Data([[0.2, 0.3], [0.9, 0.1], [0.4, 0.8]], [1.0, 2.0, 3.0], noise=[0.1, 0.2, 0.3]),
    )

    def source(self, x):
        return torch.sin(self.b * x[:, :1])

    def residual(self, u, x):
        return {
            "one": u.d("t") - self.a**2 * u.d("x", "x") - self.source(x),
            "two": (u.value[:, 0] * self.b - self.a * x[:, 0])[:, None] * torch.ones(1, 2, dtype=x.dtype),
        }


def system(dtype=torch.float64):
    live, coefficients = with_coefficients(Two())
    network = sciml.nn.MLP([2, 5, 1], "tanh", seed=1, dtype=dtype)
    return ResidualSystem(live, Trial(live, network), 11, 7, seed=3, coefficients=coefficients)


def test_columns_and_products_against_autograd():
    s = system()
    assert s.pointwise
    theta = s.theta + 0.05 * torch.randn(s.theta.numel(), generator=torch.Generator().manual_seed(0)).double()
    with torch.enable_grad():
        s.load(theta)
        r = s._rows(graph=True)
        expected = rows(r, s.parameters)
    lin = s.linearize(theta)
    assert lin.complete and lin.shape == expected.shape
    P = expected.shape[1]
    v, w = torch.randn(P).double(), torch.randn(len(r)).double()
    close = {"rtol": 1e-9, "atol": 1e-11}
    assert torch.allclose(lin.residual, r.detach(), **close)
    assert torch.allclose(lin.mv(v), expected @ v, **close)
    assert torch.allclose(lin.rmv(w), expected.T @ w, **close)
    assert torch.allclose(lin.gram(), expected @ expected.T, **close)
    assert torch.allclose(lin.row_norms(), expected.square().sum(1), **close)
    for start, stop in ((0, P), (P - 2, P), (P - 5, P - 1), (1, 4), (P - 3, P - 3)):
        assert torch.allclose(lin.columns(start, stop), expected[:, start:stop], **close)
    assert torch.allclose(lin.dense(), expected, **close)
    _, gradient = s.value_and_grad(theta)
    assert torch.allclose(gradient, expected.T @ r.detach(), **close)


def test_single_precision():
    s = system(torch.float32)
    J = s.linearize(s.theta).dense()
    assert J.dtype == torch.float32 and s.theta.dtype == torch.float32
    s64 = system()
    s64.load(s.theta.double())
    assert torch.allclose(J.double(), s64.linearize(s64.theta).dense(), rtol=1e-3, atol=1e-4)


def test_what_does_not_depend_has_zero_columns():
    p, q = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, 3.0))
    fixed = torch.ones(4, dtype=torch.float64)
    assert torch.equal(columns_of(fixed, [p, q]), torch.zeros(4, 2, dtype=torch.float64))
    out = columns_of(p**2 * torch.arange(3.0, dtype=torch.float64), [q, p])
    assert torch.equal(out, torch.tensor([[0.0, 0.0], [0.0, 4.0], [0.0, 8.0]], dtype=torch.float64))


def test_an_unknown_that_nothing_depends_on_is_refused():
    class Idle(Two):
        c = sciml.Unknown(1.0)

    live, coefficients = with_coefficients(Idle())
    with pytest.raises(sciml.ArgumentError, match="the Unknown c of Idle needs a part"):
        ResidualSystem(live, Trial(live, sciml.nn.MLP([2, 5, 1], "tanh")), 11, 7, coefficients=coefficients)
