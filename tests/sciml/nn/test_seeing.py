"""Edges, shares, pruning, pictures and formulas of a KAN, against its own function and closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from sciml import nn
from sciml.errors import ArgumentError, ArgumentTypeError, MissingPackageError
from sciml.nn.seeing import formulas
from sciml.nn.seeing.edges import passes

sympy = pytest.importorskip("sympy")


def points(n, d, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(n, d, generator=rng, dtype=torch.float64) - 1


def drawn_on(widths, functions, grid=12, degree=5):
    """A KAN whose edge (layer, i, o) is the given function, fitted on the interval [-3, 3]; the others are zero."""
    kan = nn.KAN(widths, grid=grid, degree=degree, base=False, domain=(-3, 3))
    z = torch.linspace(-3, 3, 400, dtype=torch.float64)
    with torch.no_grad():
        for p in kan.parameters():
            p.zero_()
        for (layer, i, o), f in functions.items():
            part = kan.layers[layer]
            basis = torch.stack([edge_basis(part, i, k, z) for k in range(part.coef.shape[1])], 1)
            part.coef[i, :, o] = torch.linalg.lstsq(basis, f(z)[:, None], driver="gelsd").solution[:, 0]
    return kan


def edge_basis(layer, i, k, z):
    one = nn.KAN([1, 1], grid=layer.grid, degree=layer.degree, base=False, domain=(-3, 3))
    with torch.no_grad():
        one.layers[0].coef.zero_()
        one.layers[0].coef[0, k, 0] = 1.0
    return one(z[:, None]).detach()[:, 0]


@pytest.mark.parametrize("base", [True, False])
@pytest.mark.parametrize("degree", [3, 4])
def test_edges_add_up_to_the_network_outside_of_the_grids_too(base, degree):
    kan = nn.KAN([3, 4, 2], grid=5, degree=degree, base=base, seed=2)
    kan.insert(0, [0.3, 0.3001], axis=1)
    x = 1.7 * points(203, 3)
    x[:4, 1] = kan.layers[0].knots[1, 5:9]
    seen = passes(kan, x)
    assert [s.edges.shape for s in seen] == [(203, 3, 4), (203, 4, 2)]
    assert float((seen[-1].edges.sum(1) - kan(x)).detach().abs().max()) < 1e-13


def test_shares_are_those_of_the_output():
    kan = drawn_on(
        [2, 2, 1],
        {
            (0, 0, 0): lambda z: 3 * z,
            (0, 1, 0): lambda z: z,
            (0, 1, 1): lambda z: 2 * z,
            (1, 0, 0): lambda z: 0.1 * z,
        },
    )
    first, last = kan.shares(points(5000, 2) / 2)
    assert float((last - torch.tensor([[1.0], [0.0]])).abs().max()) < 1e-6
    # x1 is three times as large as x2 in the unit that counts; the other unit leads nowhere
    assert float((first - torch.tensor([[0.75, 0.0], [0.25, 0.0]])).abs().max()) < 0.01
    for layer in nn.KAN([3, 5, 4, 2], seed=1).shares():
        assert float(layer.sum()) == pytest.approx(1.0) and bool((layer >= 0).all())


def test_pruning_keeps_what_counts():
    kan = drawn_on(
        [2, 3, 1],
        {
            (0, 0, 0): torch.sin,
            (0, 1, 1): lambda z: z**2,
            (0, 1, 2): lambda z: z + 0.7,
            (1, 0, 0): lambda z: z,
            (1, 1, 0): lambda z: z,
            (1, 2, 0): lambda z: 1e-4 * z + 5.0,  # nothing but a constant
        },
    )
    x = points(700, 2)
    small = kan.prune(0.01, x)
    assert small.widths == [2, 2, 1] and kan.widths == [2, 3, 1]
    assert float((small(x) - kan(x)).detach().abs().max()) < 3e-4
    assert float(kan(x).detach().mean()) > 4.5  # so that the constant was not lost
    assert nn.from_config(small.config()).widths == [2, 2, 1]
    shares = small.shares(x)
    assert int((shares[0] > 0).sum()) == 2  # two edges of four are left
    one = nn.KAN([2, 4, 4, 1]).prune(0.99)
    assert one.widths == [2, 1, 1, 1]


def test_pruning_nothing_changes_nothing():
    kan = nn.KAN([2, 4, 3, 2], grid=4, seed=3)
    x = points(300, 2)
    same = kan.prune(0.0, x)
    assert same.widths == kan.widths
    assert float((same(x) - kan(x)).detach().abs().max()) < 1e-12


CLOSED = {
    "exp(sin(x)+y^2)": (
        {(0, 0, 0): torch.sin, (0, 1, 0): lambda z: 0.25 * z**2, (1, 0, 0): torch.exp},
        lambda x, y: sympy.exp(sympy.sin(x) + 0.25 * y**2),
        {"sin", "z^2", "exp"},
    ),
    "tanh(2x)+y^3/9": (
        {(0, 0, 0): lambda z: torch.tanh(2 * z), (0, 1, 0): lambda z: z**3 / 9, (1, 0, 0): lambda z: z},
        lambda x, y: sympy.tanh(2 * x) + y**3 / 9,
        {"tanh", "z^3", "z"},
    ),
    "1/(x+4)+log(y+5)": (
        {
            (0, 0, 0): lambda z: 1 / (z + 4),
            (0, 1, 0): lambda z: torch.log(z + 5),
            (1, 0, 0): lambda z: 2 * z - 1,
        },
        lambda x, y: 2 / (x + 4) + 2 * sympy.log(y + 5) - 1,
        {"1/z", "log", "z"},
    ),
    "gauss(x)+1": (
        {(0, 0, 0): lambda z: torch.exp(-(z**2)), (1, 0, 0): lambda z: z + 1},
        lambda x, y: sympy.exp(-(x**2)) + 1,
        {"gauss", "z", "constant"},
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_a_closed_form_is_read_back(name):
    functions, expected, kinds = CLOSED[name]
    kan = drawn_on([2, 1, 1], functions, grid=24)
    x, y = sympy.symbols("x y")
    formula = kan.symbolic(points(600, 2), inputs=["x", "y"])
    assert {edge.function for edge in formula.edges} == kinds
    assert formula.error < 3e-3 and max(edge.error for edge in formula.edges) < 1e-3
    at = {x: 0.37, y: -0.61}
    assert float(formula.expressions[0].subs(at)) == pytest.approx(float(expected(x, y).subs(at)), abs=2e-3)
    assert f"{formula.error:.1e}" in str(formula)


def test_inputs_may_be_expressions_and_the_error_is_that_of_the_formula():
    kan = drawn_on([1, 1], {(0, 0, 0): lambda z: z**2})
    x = points(100, 1)
    (expression,) = kan.symbolic(x, inputs=["2*t - 1"]).expressions
    assert float(expression.subs("t", 0.9)) == pytest.approx(0.64, abs=1e-3)
    rough = nn.KAN([1, 3, 1], grid=9, seed=4)
    formula = rough.symbolic(x)
    z = sympy.Symbol("x")
    values = torch.tensor([float(formula.expressions[0].subs(z, float(v))) for v in x[:, 0]])
    off = (values - rough(x).detach()[:, 0]).square().mean().sqrt() / rough(x).detach().std(0, correction=0)
    assert float(off) == pytest.approx(formula.error, rel=1e-3)


def test_a_figure_names_every_unit_and_shows_every_edge():
    figure = nn.KAN([2, 3, 1], seed=1).plot(inputs=["t", "x"], outputs=["T"])
    (page,) = figure.axes
    words = [text.get_text() for text in page.texts]
    assert {"t", "x", "T"} <= set(words) and sum("%" in word for word in words) == 9
    assert len(page.patches) == 9
    crowded = nn.KAN([3, 12, 12, 1], seed=1).plot()
    assert 0 < len(crowded.axes[0].patches) <= 130


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda k: k.shares(points(5, 3)), r"x needs shape \(n, 2\)"),
        (lambda k: k.shares(points(1, 2)), r"n >= 2"),
        (lambda k: k.shares(points(5, 2) * math.nan), "finite"),
        (lambda k: k.prune(1.0), "share needs a number from 0 to below 1, got 1.0"),
        (lambda k: k.prune(-0.1), "share"),
        (lambda k: k.plot(inputs=["x"]), "inputs needs 2 names"),
        (lambda k: k.plot(outputs="u"), "outputs needs 1 names"),
        (lambda k: k.symbolic(inputs=["x"]), "inputs needs 2 names or expressions"),
        (lambda k: k.symbolic(within=0), "within"),
    ],
)
def test_what_cannot_be_looked_at_is_named(call, said):
    with pytest.raises(ArgumentError, match=said):
        call(nn.KAN([2, 2, 1]))


def test_inputs_are_a_tensor():
    with pytest.raises(ArgumentTypeError, match="x needs a tensor"):
        nn.KAN([2, 2, 1]).shares([[0.0, 1.0]])


def test_without_sympy_the_error_says_so(monkeypatch):
    monkeypatch.setattr(formulas, "sympy", None)
    with pytest.raises(MissingPackageError, match="pip install sympy"):
        nn.KAN([1, 1]).symbolic()
