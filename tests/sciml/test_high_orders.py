"""Jets above second order against float64 nested autograd: every network, exact conditions, systems, and their Jacobian."""

from __future__ import annotations

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import sciml
from sciml import nn
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet, Initial, Neumann, Periodic
from sciml.derivatives import AutogradSource, RecordingSource
from sciml.domains import Box, Disk, Interval, TimeInterval
from sciml.errors import ArgumentError
from sciml.jets import DerivativePlan
from sciml.kernels import LayerWeights, kan_jets, kan_layer_jacobian, uniform_knots
from sciml.kernels.compose import apply, compose
from sciml.kernels.jets import BACKENDS
from sciml.kernels.orders import ChannelWeights
from sciml.nn.activation import ACTIVATIONS
from sciml.problem import PDE
from sciml.solvers.training.residual_system import ResidualSystem
from tests.cases import ROOT

SPACE = Box([0.0, -1.0], [2.0, 1.0])
EVOLUTION = TimeInterval(0.5, 2.0) * Interval(-1.0, 1.0)


class Asked(PDE):
    """A residual made of a function of the field."""

    def __init__(self, residual, domain=SPACE, conditions=(), unknowns=("u",)):
        self._residual = residual
        self.domain, self.conditions, self.unknowns = domain, list(conditions), unknowns

    def residual(self, u, x):
        return self._residual(u)


def kdv(u):
    return u.d(0) + u * u.d(1) + 0.3 * u.d(1, 1, 1)


def kuramoto(u):
    return u.d(0) + u * u.d(1) + u.d(1, 1) + 0.2 * u.d(1, 1, 1, 1)


def plate(u):
    return u.biharmonic() + u.laplacian() * u.d(0) + torch.sin(u)


def mixed(u):
    return u.d(0, 0, 1) - u.d(0, 1, 1) * u.value + u.d(0, 1) + u.d(1, 1, 1)


def anisotropic(u):
    return u.d(0, 0, 0, 0) + 3 * u.d(0, 0, 1, 1) - u.d(0, 1, 1, 1) + 0.5 * u.d(1, 1, 1, 1) + u.d(0, 0)


def sixth(u):
    return u.d(0, 0, 0, 0, 0, 0) + u.d(0, 0, 0, 1, 1, 1) - u.d(1, 1, 1, 1, 1) + u.d(0)


def system(u):
    return {"a": u["u"].biharmonic() - u["v"].value, "b": u["v"].d(0, 0, 1) + u["u"].d(1) * u["v"].d(1, 1)}


PROBLEMS = {
    "kdv": Asked(kdv, EVOLUTION, [Periodic("x"), Initial(lambda x: torch.cos(math.pi * x[:, 1:]))]),
    "kuramoto": Asked(kuramoto, EVOLUTION, [Periodic("x"), Initial(lambda x: torch.sin(math.pi * x[:, 1:]))]),
    "walls": Asked(kdv, EVOLUTION, [Dirichlet(0.0), Initial(lambda x: torch.sin(math.pi * x[:, 1:]))]),
    "plate": Asked(plate, SPACE, [Dirichlet(lambda x: torch.exp(x[:, :1] * x[:, 1:]))]),
    "disk": Asked(plate, Disk([0.1, 0.2], 1.5), [Dirichlet(0.5)]),
    "space": Asked(lambda u: u.biharmonic() + u.d(0, 1, 2), Box([0.0] * 3, [1.0] * 3), [Dirichlet(0.0)]),
    "mixed": Asked(mixed),
    "anisotropic": Asked(anisotropic, SPACE, [Periodic("x")]),
    "sixth": Asked(sixth),
    "system": Asked(system, SPACE, [Dirichlet(0.0, component="u")], ("u", "v")),
}
ORDERS = {"kdv": 3, "walls": 3, "mixed": 3, "sixth": 6}


def network(kind: str, problem: PDE, degree: int) -> nn.JetNetwork:
    widths = [problem.inputs, 5, 4, problem.outputs]
    if kind == "kan":
        return nn.KAN(widths, grid=[4, 3, 2], degree=degree, seed=3)
    if kind == "slim":
        return nn.SlimKAN(widths, 2, grid=3, degree=degree, seed=3)
    return nn.MLP(widths, "tanh" if kind == "fourier" else kind, fourier=6 * (kind == "fourier"), seed=3)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.detach(), b.detach()
    return float((a - b).norm() / b.norm().clamp(min=1e-300))


@pytest.mark.parametrize(
    "case, kind",
    [
        *((case, kind) for case in PROBLEMS for kind in ("tanh", "kan")),
        *(("kdv", kind) for kind in ("sine", "silu", "fourier", "slim")),
        *(("plate", kind) for kind in ("sine", "silu", "fourier", "slim")),
        ("sixth", "silu"),
    ],
)
def test_jets_agree_with_nested_autograd(case, kind):
    problem = PROBLEMS[case]
    net = network(kind, problem, ORDERS.get(case, 4) + 1)
    trial = Trial(problem, net)
    x = problem.domain.sample(5, seed=4)
    recording = RecordingSource(AutogradSource(trial, x))
    slow = problem.residual_terms(problem.field(recording), x)
    plan = DerivativePlan.from_requests(
        problem.domain.dim, recording.firsts, recording.seconds, recording.highers
    )
    source = plan.source(trial.jets(trial.frozen_jets(x, plan), plan))
    fast = problem.residual_terms(problem.field(source), x)
    for name, part in slow.items():
        assert relative(fast[name], part) <= 1e-10
    sums = [sum(p.square().mean() for p in parts.values()) for parts in (fast, slow)]
    got, want = (
        torch.autograd.grad(total, list(net.parameters()), allow_unused=True, materialize_grads=True)
        for total in sums
    )
    for a, b in zip(got, want, strict=True):
        assert relative(a, b) <= 1e-9


@st.composite
def requests(draw):
    """Sums of derivatives of up to sixth order in up to three coordinates."""
    dim = draw(st.integers(1, 3))

    def terms(order, most):
        axes = st.lists(st.integers(0, dim - 1), min_size=order, max_size=order)
        return st.lists(axes.map(lambda a: tuple(sorted(a))), min_size=1, max_size=most).map(
            lambda t: tuple(sorted(t))
        )

    highers = [
        draw(terms(draw(st.integers(3, 6 if dim < 3 else 4)), 3)) for _ in range(draw(st.integers(1, 3)))
    ]
    seconds = draw(st.lists(terms(2, 3), max_size=2))
    firsts = draw(st.sets(st.integers(0, dim - 1)))
    return dim, firsts, seconds, highers


@given(requests(), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_any_sums_of_derivatives_of_a_wave(asked, seed):
    """Of ``exp(a.x)``, whose derivatives are products of the entries of ``a``."""
    dim, firsts, seconds, highers = asked
    plan = DerivativePlan.from_requests(dim, firsts, seconds, highers)
    rng = torch.Generator().manual_seed(seed)
    a = 0.5 + torch.rand(dim, generator=rng, dtype=torch.float64)
    x = torch.randn(4, dim, generator=rng, dtype=torch.float64)
    z = (plan.seed(x) @ a)[:, :, None]
    e = torch.exp(z[:, 0])
    weights = plan.weights
    assert isinstance(weights, ChannelWeights) and z.shape[1] == plan.channels
    source = plan.source(sciml.jets.elementwise(z, weights, *[e] * (weights.order + 1)))
    for terms in [*(((i,),) for i in firsts), *seconds, *highers]:
        want = e * sum(float(a[list(axes)].prod()) for axes in terms)
        assert torch.allclose(source.total(terms), want, rtol=1e-9, atol=0)


def test_plans_are_small():
    def channels(dim, highers, firsts=(), seconds=()):
        return DerivativePlan.from_requests(dim, firsts, seconds, highers).channels

    third, fourth = ((1, 1, 1),), ((1, 1, 1, 1),)
    biharmonic = ((0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 1, 1), (1, 1, 1, 1))
    assert channels(2, [third], [0, 1]) == 1 + 2 + 1 + 1
    assert channels(2, [fourth], [0, 1], [((1, 1),)]) == 1 + 2 + 1 + 1 + 1  # the second one is there anyway
    # three directions at 60 degrees; slope and Laplacian follow from them
    assert channels(2, [biharmonic], [0, 1], [((0, 0), (1, 1))]) == 1 + 3 * 3 + 1
    assert channels(2, [((0, 0, 1),)]) == 1 + 3 * 2 + 1
    assert channels(2, [((0, 0, 1, 1),)]) == 1 + 4 * 3 + 1


@pytest.mark.parametrize("case", ["kdv", "plate", "system"])
@pytest.mark.parametrize("kind", ["tanh", "kan"])
def test_the_product_rule(case, kind):
    problem = PROBLEMS[case]
    x = problem.domain.sample(5, seed=2)
    recording = RecordingSource(AutogradSource(Trial(problem, network(kind, problem, 5)), x))
    problem.residual_terms(problem.field(recording), x)
    plan = DerivativePlan.from_requests(2, recording.firsts, recording.seconds, recording.highers)

    def f(y):
        return torch.sin(y[:, :1] * y[:, 1:])

    def g(y):
        return torch.exp(y[:, :1] - 2 * y[:, 1:])

    product = plan.product(plan.jet_of(f, x), plan.jet_of(g, x))
    assert torch.allclose(product, plan.jet_of(lambda y: f(y) * g(y), x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_to_any_order(name):
    function = ACTIVATIONS[name]
    x = torch.tensor([-30.0, -2.3, -0.4, 0.1, 0.7, 1.9, 40.0], dtype=torch.float64, requires_grad=True)
    values = [function.value(x)]
    for _ in range(6):
        values.append(torch.autograd.grad(values[-1].sum(), x, create_graph=True, materialize_grads=True)[0])
    for order in range(2, 7):
        got = function.derivatives(x, order)
        assert len(got) == order + 1
        for a, b in zip(got, values, strict=False):
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)


def random_weights(rng) -> ChannelWeights:
    """Sums of every order over four directions, of which three are known to order 2 and two to order 3."""
    shapes = ((2, 4), (0, 3), (3, 2))
    return ChannelWeights(tuple(torch.randn(*s, generator=rng, dtype=torch.float64) for s in shapes))


def spline_layers(rng, degree: int) -> list[LayerWeights]:
    out = []
    for i, o in ((3, 4), (4, 2)):
        knots = uniform_knots(-torch.ones(i), torch.ones(i), 4, degree, dtype=torch.float64)
        coef = torch.randn(i, 4 + degree, o, generator=rng, dtype=torch.float64).requires_grad_()
        base = torch.randn(i, o, generator=rng, dtype=torch.float64).requires_grad_()
        out.append(LayerWeights(coef, base, knots, degree))
    return out


@pytest.mark.parametrize("degree, backend", [(5, "simd"), (7, "simd"), (5, "torch"), (7, "torch")])
def test_kernels_agree_with_the_definition(degree, backend):
    if reason := BACKENDS[backend].missing():
        pytest.skip(reason)
    rng = torch.Generator().manual_seed(0)
    weights, layers = random_weights(rng), spline_layers(rng, degree)
    z = (0.4 * torch.randn(9, weights.channels, 3, generator=rng, dtype=torch.float64)).requires_grad_()
    want = kan_jets(z, layers, weights, backend="reference")
    g = torch.randn(want.shape, generator=rng, dtype=torch.float64)
    parameters = [z, *(p for layer in layers for p in layer[:2])]
    got = kan_jets(z, layers, weights, backend=backend)
    assert relative(got, want) <= 1e-12
    for a, b in zip(
        torch.autograd.grad(got, parameters, g), torch.autograd.grad(want, parameters, g), strict=True
    ):
        assert relative(a, b) <= 1e-11


@pytest.mark.parametrize("backend", [None, "torch"])
def test_rows_of_one_spline_layer(backend):
    rng = torch.Generator().manual_seed(1)
    weights, layer = random_weights(rng), spline_layers(rng, 5)[0]
    z = 0.6 * torch.randn(6, weights.channels, 3, generator=rng, dtype=torch.float64)
    out = kan_jets(z, [layer], weights)
    cot = torch.randn(out.shape, generator=rng, dtype=torch.float64)
    rows = kan_layer_jacobian(z, cot, tuple(layer.coef.shape), True, layer.knots, 5, weights, backend=backend)
    for n in range(6):
        want = torch.autograd.grad(out[n], [layer.coef, layer.base], cot[n], retain_graph=True)
        assert relative(rows[n], torch.cat([w.reshape(-1) for w in want])) <= 1e-11


def test_channels_that_do_not_match_are_refused():
    rng = torch.Generator().manual_seed(0)
    weights, layers = random_weights(rng), spline_layers(rng, 5)
    with pytest.raises(ArgumentError, match=f"z needs {weights.channels} channels"):
        kan_jets(torch.zeros(2, 7, 3, dtype=torch.float64), layers, weights)


def test_a_jet_with_too_many_sums_goes_another_way():
    rng = torch.Generator().manual_seed(0)
    layers, shapes = spline_layers(rng, 5), ((50, 4), (0, 4), (50, 4))
    weights = ChannelWeights(tuple(torch.randn(*s, generator=rng, dtype=torch.float64) for s in shapes))
    z = 0.4 * torch.randn(3, weights.channels, 3, generator=rng, dtype=torch.float64)
    with pytest.raises(ArgumentError, match="sums, above 128"):
        kan_jets(z, layers, weights, backend="simd")
    assert relative(kan_jets(z, layers, weights), kan_jets(z, layers, weights, backend="reference")) <= 1e-12


@pytest.mark.parametrize(
    "kind, dtype", [("tanh", torch.float64), ("tanh", torch.float32), ("kan", torch.float64)]
)
def test_third_and_fourth_order_systems_have_rows_by_jets(kind, dtype):
    problem = PROBLEMS["kuramoto"]
    net = network(kind, problem, 5).to(dtype)
    equations = ResidualSystem(problem, Trial(problem, net), 60, 20)
    assert equations.pointwise and equations.notes == []
    assert equations.points.terms[0].plan.order == 4


@pytest.mark.parametrize("order, degree", [(3, 3), (4, 4), (4, 3)])
def test_splines_of_too_low_a_degree_are_refused(order, degree):
    problem = PROBLEMS["kdv" if order == 3 else "kuramoto"]
    words = rf"model needs to be a KAN of degree >= {order + 1} .* order {order} .* got degree {degree}\."
    with pytest.raises(ArgumentError, match=words):
        sciml.solve(problem, network("kan", problem, degree), max_steps=1, progress=False)


def test_an_activation_with_jumps_in_its_derivatives_is_refused():
    problem = PROBLEMS["kdv"]
    with pytest.raises(ArgumentError, match=r"up to order 3 are continuous .* got one up to 2"):
        sciml.solve(problem, network("relu3", problem, 0), max_steps=1, progress=False)


def test_a_clamped_beam():
    class Beam(PDE):
        domain = Interval(0.0, 1.0)
        conditions = (Dirichlet(0.0), Neumann(0.0))

        def residual(self, u, x):
            return u.d("x", "x", "x", "x") - 1.0

    solution = sciml.solve(Beam(), max_steps=20, max_time=600, progress=False)
    x = torch.linspace(0, 1, 11, dtype=torch.float64)
    got = torch.as_tensor(solution(x[:, None]))[:, 0]
    assert relative(got, (x * (1 - x)).square() / 24) < 1e-6


def test_kdv_is_solved_by_gauss_newton_unasked():
    solution = sciml.solve(PROBLEMS["kdv"], max_steps=8, points=200, max_time=600, progress=False)
    assert "GaussNewton" in solution.stats["optimizer"]
    assert not any("autograd" in note for note in solution.stats["notes"])
    assert solution.history[-1]["loss"] < 0.1 * solution.history[0]["loss"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_written_backward_pass_of_an_activation(name):
    """Against autograd through the rules of the forward pass, once and twice."""
    rng = torch.Generator().manual_seed(2)
    weights, derivatives = random_weights(rng), ACTIVATIONS[name].derivatives
    z = (0.7 * torch.randn(5, weights.channels, 3, generator=rng, dtype=torch.float64)).requires_grad_()
    g = torch.randn(z.shape, generator=rng, dtype=torch.float64).requires_grad_()
    firsts, seconds = [], []
    for y in (apply(z, weights, derivatives), compose(z, weights, derivatives(z[:, 0], weights.order))):
        (first,) = torch.autograd.grad(y, z, g, create_graph=True)
        firsts.append(first)
        seconds.append(torch.autograd.grad(torch.sin(first).sum(), [z, g]))
    assert relative(*firsts) <= 1e-13
    for a, b in zip(*seconds, strict=True):
        assert relative(a, b) <= 1e-12


def test_the_example_of_the_page_runs():
    page = (ROOT / "docs" / "derivatives.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(block.replace("max_time=20", "max_steps=1, points=50, progress=False"), names := {})
    assert names["solution"].stats["steps"] == 1
