"""A problem on collocation points: its Jacobian against row-by-row autograd, balance, redraws, bad residuals."""

from __future__ import annotations

import pytest
import torch

from sciml import nn
from sciml.ansatz import Trial
from sciml.conditions import Condition, Data, Dirichlet, Initial, Neumann, Periodic, Robin
from sciml.domains import Box, Disk, Interval, TimeInterval
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.jacobian import tape
from sciml.jacobian.graph import GraphLinearization
from sciml.jacobian.tape import TapeLinearization
from sciml.problem import PDE
from sciml.solvers.training.residual_system import ResidualSystem


class Mixed(PDE):
    """All kinds of soft conditions around a nonlinear equation."""

    domain = TimeInterval(0, 1) * Box([0, 0], [1, 2])
    conditions = (
        Dirichlet(1.0, on="x=0", hard=False),
        Neumann(lambda x: x[:, :1], on="x=1"),
        Robin(2.0, 0.5, 1.0, on="y=0", weight=3.0),
        Initial(lambda x: x[:, 1:2], hard=False),
        Data(points=[[0.5, 0.5, 0.5], [0.1, 0.2, 1.9]], values=[1.0, 2.0]),
    )

    def residual(self, u, x):
        return u.d("t") - u.laplacian() + u * u.d("x") - u.d("x", "y")


class System(PDE):
    """Two unknowns, two equations."""

    domain = Box([0, 0], [1, 1])
    unknowns = ("u", "v")
    conditions = (Dirichlet(0.0, component="u"), Neumann(1.0, on="x=1", component="v"))

    def residual(self, u, x):
        return {"first": u["u"].laplacian() + u["v"].value ** 2, "second": u["v"].d("x") - u["u"].d("y")}


class General(PDE):
    """Conditions of any kind: on a side, at points, at instants, as a mean, between two ends."""

    domain = TimeInterval(0, 1) * Box([0, 0], [1, 2])
    unknowns = ("u", "v")
    conditions = (
        Condition(
            "x=1", lambda u, x, n: (u["u"] ** 4 + u["v"].d("x") * n[:, 1:2], u["v"].d("y")), weight=2.0
        ),
        Condition([[0.5, 0.5, 0.5], [0.1, 0.2, 1.9]], lambda u, x: u**2, component="v"),
        Condition("end", lambda u, x: {"sum": u["u"] + u["v"], "rate": u["v"].d("t")}),
        Condition(
            [[0.0, 0.5, 0.5], [0.0, 0.1, 1.9], [1.0, 0.0, 0.0]], lambda u, x: u["u"] * u["v"], mean=True
        ),
        Periodic("y", hard=False, order=2, component="u"),
        Periodic("t", hard=False, order=0),
    )

    def residual(self, u, x):
        return u["u"].d("t") - u["u"].laplacian(), u["v"].d("t") + u["u"] * u["v"].d("x")


class Third(PDE):
    """A third derivative."""

    domain = TimeInterval(0, 1) * Interval(-1, 1)
    conditions = (Initial(lambda x: torch.cos(3 * x[:, 1:])), Periodic("x"))

    def residual(self, u, x):
        return u.d("t") + u * u.d("x") + 0.01 * u.d("x", "x", "x")


class Plate(PDE):
    """Fourth derivatives, mixed ones among them, and a penalty term."""

    domain = Box([0, 0], [1, 2])
    conditions = (Dirichlet(0.0), Neumann(0.0))

    def residual(self, u, x):
        return u.biharmonic() + u * u.d("x", "x", "y")


class Mixes(PDE):
    """A residual whose rows depend on each other."""

    domain = Box([0, 0], [1, 1])
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        return u.laplacian() + u.value.mean()


def build(problem: PDE, kind: str, dtype: torch.dtype = torch.float64) -> ResidualSystem:
    widths = [problem.inputs, 6, 5, problem.outputs]
    model: torch.nn.Module
    if kind == "kan":
        model = nn.KAN(widths, grid=3, degree=5, seed=1, dtype=dtype)
    elif kind == "mlp":
        model = nn.MLP(widths, seed=1, dtype=dtype)
    elif kind == "chebyshev":
        model = nn.KAN(widths, basis=kind, size=5, seed=1, dtype=dtype)
    else:
        torch.manual_seed(1)
        model = torch.nn.Sequential(
            torch.nn.Linear(widths[0], 6), torch.nn.Tanh(), torch.nn.Linear(6, problem.outputs)
        ).to(dtype)
    return ResidualSystem(problem, Trial(problem, model), 17, 9, seed=3)


def rows_by_autograd(system: ResidualSystem, theta: torch.Tensor) -> torch.Tensor:
    """One backward pass for every row: slow, and independent of how the rows were made."""
    system.load(theta)
    with torch.enable_grad():
        r = system._rows(graph=True)
    rows = []
    for k in range(r.numel()):
        grads = torch.autograd.grad(
            r[k], system.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        rows.append(torch.cat([g.reshape(-1) for g in grads]))
    return torch.stack(rows)


@pytest.mark.parametrize("kind", ["mlp", "kan", "chebyshev", "plain"])
@pytest.mark.parametrize(
    "problem",
    [Mixed(), System(), General(), Third(), Plate(), Mixes()],
    ids=lambda p: type(p).__name__,
)
def test_jacobian_and_products(problem, kind, monkeypatch):
    system = build(problem, kind)
    theta = system.theta
    expected = rows_by_autograd(system, theta)
    jets = kind != "plain" and not isinstance(problem, Mixes)
    lin = system.linearize(theta)
    assert isinstance(lin, TapeLinearization if jets else GraphLinearization)
    assert lin.shape == tuple(expected.shape)
    rng = torch.Generator().manual_seed(0)
    v = torch.randn(lin.shape[1], generator=rng, dtype=torch.float64)
    w = torch.randn(lin.shape[0], generator=rng, dtype=torch.float64)
    # the products first: they must not need the dense matrix
    assert torch.allclose(lin.mv(v), expected @ v, rtol=1e-10, atol=1e-10 * float((expected @ v).norm()))
    assert torch.allclose(lin.rmv(w), expected.T @ w, rtol=1e-10, atol=1e-10 * float((expected.T @ w).norm()))
    gram = expected @ expected.T
    kept = tape.KEPT_BYTES
    monkeypatch.setattr(tape, "KEPT_BYTES", 0)
    for limit, factors in (
        (tape.GRAM_BYTES, False),
        (1, False),
        (1, True),
    ):  # 1: one output of a layer at a time
        monkeypatch.setattr(tape, "GRAM_BYTES", limit)
        monkeypatch.setattr(
            tape, "factors_pay", lambda layer, *_, factors=factors: factors and layer.shared_functions
        )
        assert torch.allclose(lin.gram(), gram, rtol=1e-10, atol=1e-10 * float(gram.norm()))
        assert not jets or lin._dense is None
    monkeypatch.setattr(tape, "KEPT_BYTES", kept)
    if jets:
        assert torch.allclose(lin.row_norms(), expected.square().sum(1), rtol=1e-10)
        for start, stop in ((0, 1), (len(v) // 3, 2 * len(v) // 3 + 1), (len(v) - 2, len(v)), (0, len(v))):
            assert torch.allclose(lin.columns(start, stop), expected[:, start:stop], rtol=1e-10, atol=1e-10)
    assert torch.allclose(lin.dense(), expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))
    assert torch.allclose(lin.mv(v), expected @ v) and torch.allclose(lin.rmv(w), expected.T @ w)
    f, g = system.value_and_grad(theta)
    assert torch.allclose(g, expected.T @ system.residual(theta), atol=1e-12)
    assert f == pytest.approx(system.value(theta), rel=1e-14)


def test_a_kept_linearisation_outlives_a_look_elsewhere():
    system = build(Mixes(), "plain")
    theta = system.theta
    expected = rows_by_autograd(system, theta)
    lin = system.linearize(theta)
    system.residual(theta + 1.0)
    v = torch.ones_like(theta)
    assert torch.allclose(lin.mv(v), expected @ v) and torch.allclose(lin.dense(), expected)


@pytest.mark.parametrize("problem", [System(), Third(), Plate()], ids=lambda p: type(p).__name__)
def test_curvature_is_the_hessian_of_the_loss(problem):
    system = build(problem, "mlp")
    theta = system.theta
    model = system.curvature(theta)
    v = torch.linspace(-1, 1, theta.numel(), dtype=torch.float64)
    h = 1e-5
    slope = (system.value_and_grad(theta + h * v)[1] - system.value_and_grad(theta - h * v)[1]) / (2 * h)
    assert torch.allclose(model.gradient, system.value_and_grad(theta)[1], atol=1e-12)
    assert torch.allclose(model.mv(v), slope, rtol=1e-5, atol=1e-7 * float(slope.norm()))


def test_points_that_mix_are_noticed_and_named():
    assert not build(Mixes(), "mlp").pointwise
    assert any("depends on other points" in note for note in build(Mixes(), "mlp").notes)
    assert build(System(), "kan").pointwise


def test_float32_systems_work():
    system = build(Mixed(), "kan", torch.float32)
    exact = rows_by_autograd(system, system.theta)
    lin = system.linearize(system.theta)
    assert lin.dense().dtype == torch.float32
    assert float((lin.dense() - exact).norm() / exact.norm()) < 1e-4


def test_balance_gives_every_condition_the_equations_mean_row():
    system = build(Mixed(), "mlp")
    theta = system.theta
    system.balance(theta)
    weights = system.points.weights
    assert weights["pde"] == 1.0
    norms = system.linearize(theta).row_norms()
    start, means = 0, {}
    for term in system.points.terms:
        for name, columns in term.parts.items():
            rows = columns * term.x.shape[0]
            means[name] = float(norms[start : start + rows].sum())
            start += rows
    assert means["dirichlet:x=0"] == pytest.approx(means["pde"], rel=1e-8)
    assert means["robin:y=0"] == pytest.approx(3 * means["pde"], rel=1e-8)  # its own weight on top


def test_adaptive_redraw_puts_points_where_the_residual_is():
    class Corner(PDE):
        domain = Box([0, 0], [1, 1])
        conditions = ()

        def residual(self, u, x):
            return u * 1e-6 - 1.0 / (0.01 + x[:, :1] ** 2 + x[:, 1:] ** 2)

    system = ResidualSystem(Corner(), Trial(Corner(), nn.MLP([2, 4, 1])), 400, 9, seed=3)
    before = float((system.points.interior.norm(dim=1) < 0.3).double().mean())
    system.points.redraw_adaptively(seed=5)
    x = system.points.interior
    assert x.shape == (400, 2) and len(torch.unique(x, dim=0)) == 400
    assert float((x.norm(dim=1) < 0.3).double().mean()) > 2 * before
    again = x.clone()
    system.points.redraw_adaptively(seed=5)
    assert torch.equal(system.points.interior, again)


@pytest.mark.parametrize(
    "residual, error, words",
    [
        (lambda u, x: u.laplacian()[:3], ArgumentError, r"one row a point.*got \(3, 1\)"),
        (lambda u, x: 1.0, ArgumentTypeError, "needs to return tensors, got float for 'pde'"),
        (lambda u, x: [], ArgumentError, "at least one term"),
        (lambda u, x: x[:, :1], ArgumentError, "needs to depend on the unknown"),
        (lambda u, x: u.laplacian().float(), ArgumentTypeError, "needs dtype torch.float64"),
        (lambda u, x: u * torch.nan, ArgumentError, "needs finite numbers"),
        (lambda u, x: u.d("t"), ArgumentError, "coordinate needs one of x, y, got 't'"),
    ],
)
def test_bad_residuals_are_named_before_training(residual, error, words):
    class Bad(PDE):
        domain = Disk([0, 0], 1.0)
        conditions = (Dirichlet(0.0),)

        def residual(self, u, x):
            return residual(u, x)

    with pytest.raises(error, match=words):
        ResidualSystem(Bad(), Trial(Bad(), nn.MLP([2, 4, 1])), 11, 5)


def test_a_source_with_nan_is_named_with_its_point():
    from sciml.pdes import Poisson

    problem = Poisson(2).with_source(lambda x: torch.log(x[:, :1] - 0.5))
    with pytest.raises(ArgumentError, match="source of Poisson needs finite numbers"):
        ResidualSystem(problem, Trial(problem, nn.MLP([2, 4, 1])), 50, 5)


@pytest.mark.parametrize("problem", [Mixed(), System(), General(), Plate()], ids=lambda p: type(p).__name__)
def test_jets_after_a_new_scale_are_those_made_anew(problem):
    system = build(problem, "mlp")
    scale = torch.linspace(0.5, 70.0, problem.outputs + 1, dtype=torch.float64)[1:]
    before = [term.frozen for term in system.points.terms]
    system.set_scales(scale, {})
    for term, old in zip(system.points.terms, before, strict=True):
        anew = system.trial.frozen_jets(term.x, term.plan)
        for got, want in zip(term.frozen, anew, strict=True):
            torch.testing.assert_close(got, want, rtol=1e-13, atol=0)
        assert system.trial.ansatz.trivial or not torch.equal(term.frozen[2], old[2])
