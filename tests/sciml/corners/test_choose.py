"""Which functions problems ask for, and that a trial function sees them."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Box, Dirichlet, Disk, Neumann, Periodic, Polygon, Robin, TimeInterval, nn
from sciml.ansatz import Trial
from sciml.corners.functions import Logarithm, Powers, Quotient
from sciml.derivatives import AutogradSource
from sciml.errors import ArgumentError

L_SHAPE = Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
SQUARE = Box([0, 0], [1, 1])
LOWER = "y=0"


def stated(space, held, equation=None):
    class Stated(sciml.PDE):
        domain = space
        conditions = held

        def residual(self, u, x):
            return u.laplacian() + 1.0 if equation is None else equation(u, x)

    return Stated()


def kinds(problem):
    return sorted(type(f).__name__ for f in problem.corner_inputs.functions)


def powers(problem):
    return sorted(round(f.exponent, 9) for f in problem.corner_inputs.functions if isinstance(f, Powers))


def harmonic(u, x):
    return u.laplacian()


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([Dirichlet(0.0)], [2 / 3]),
        ([Neumann(0.0)], [2 / 3]),
        ([Robin(1.0, 1.0, 0.0)], [2 / 3]),
        (
            [Dirichlet(0.0, on="edge1"), Neumann(0.0, on=["edge0", "edge2", "edge3", "edge4", "edge5"])],
            [1 / 3],
        ),
        ([Dirichlet(0.0, on=["edge0", "edge3"])], []),
    ],
    ids=["values", "slopes", "robin", "mixed", "none"],
)
def test_exponents_of_the_l_shape(held, expected):
    assert powers(stated(L_SHAPE, held, harmonic)) == pytest.approx(expected)


def test_a_change_of_condition_on_a_straight_side():
    left = Dirichlet(0.0, on=lambda x: (x[:, 1] == 0) & (x[:, 0] < 0.5))
    rest = Neumann(0.0, on=lambda x: (x[:, 1] != 0) | (x[:, 0] >= 0.5))
    problem = stated(SQUARE, [left, rest], harmonic)
    (function,) = problem.corner_inputs.functions
    assert function.exponent == pytest.approx(0.5) and function.frame.at == pytest.approx(
        (0.5, 0.0), abs=1e-9
    )
    assert "change of condition at (0.5, 0)" in problem.corner_inputs.notes[0]
    assert (
        powers(
            stated(
                SQUARE,
                [Dirichlet(0.0, on=lambda x: x[:, 0] < 0.5), Dirichlet(1.0, on=lambda x: x[:, 0] >= 0.5)],
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("source", "corners"),
    [
        (lambda x: torch.ones_like(x[:, :1]), 4),
        (lambda x: 2 * x[:, :1] * x[:, 1:], 1),
        (lambda x: torch.sin(math.pi * x[:, :1]) * x[:, 1:], 0),
        (lambda x: torch.zeros_like(x[:, :1]), 0),
    ],
)
def test_logarithms_where_a_source_does_not_fit(source, corners):
    problem = stated(SQUARE, [Dirichlet(0.0)], lambda u, x: u.laplacian() + source(x))
    assert kinds(problem) == ["Logarithm"] * corners


def test_values_take_part_in_what_fits():
    """``u = x^2`` and ``Laplace u = 2`` fit at every corner, ``Laplace u = 1`` at none; jumps change nothing."""
    values = Dirichlet(lambda x: x[:, :1] ** 2)
    assert kinds(stated(SQUARE, [values], lambda u, x: u.laplacian() - 2.0)) == []
    assert kinds(stated(SQUARE, [values], lambda u, x: u.laplacian() - 1.0)) == ["Logarithm"] * 4
    jumps = [Dirichlet(1.0, on="y=1"), Dirichlet(0.0, on=["x=0", "x=1", "y=0"])]
    assert kinds(stated(SQUARE, jumps)) == ["Logarithm"] * 4


def test_other_angles():
    five = [(math.cos(2 * math.pi * k / 5), math.sin(2 * math.pi * k / 5)) for k in range(5)]
    assert kinds(stated(Polygon(five), [Dirichlet(0.0)])) == ["Powers"] * 5 + ["Quotient"] * 5
    assert kinds(stated(Polygon([(0, 0), (1, 0), (0.5, 3**0.5 / 2)]), [Dirichlet(0.0)])) == []
    assert kinds(stated(Disk((0, 0), 1.0), [Dirichlet(0.0)])) == []


def test_an_anisotropic_equation_turns_the_angle():
    """``u_xx + 3 u_yy`` at the corner of a triangle is the Laplacian at that of another triangle."""
    angle = math.radians(100)
    triangle = Polygon([(0, 0), (1, 0), (math.cos(angle), math.sin(angle))])
    problem = stated(triangle, [Dirichlet(0.0)], lambda u, x: u.d("x", "x") + 3 * u.d("y", "y"))
    seen = [f.exponent for f in problem.corner_inputs.functions if isinstance(f, Powers)]
    assert seen and seen[0] == pytest.approx(math.pi / math.atan2(math.sin(angle) / 3**0.5, math.cos(angle)))
    f = next(f for f in problem.corner_inputs.functions if isinstance(f, Powers))
    source = AutogradSource(lambda x: f(x), triangle.sample(17))
    left = source.second(((0, 0),)) + 3 * source.second(((1, 1),))
    assert left.abs().max() < 1e-9 * source.second(((0, 0),)).abs().max()


@pytest.mark.parametrize(
    ("equation", "why"),
    [
        (lambda u, x: u.d("x", "x") - u.d("y", "y"), "hyperbolic"),
        (lambda u, x: u.biharmonic(), "fourth order"),
        (lambda u, x: u.d("x") + u.value, "first order"),
    ],
)
def test_other_equations_get_none(equation, why):
    assert stated(L_SHAPE, [Dirichlet(0.0)], equation).corner_inputs.count == 0, why


def test_systems_by_unknown():
    class Pair(sciml.PDE):
        domain = L_SHAPE
        unknowns = ("u", "v")
        conditions = (Dirichlet(0.0, component="u"), Neumann(0.0, component="v"))

        def residual(self, u, x):
            return u["u"].laplacian() + u["v"].value, u["v"].laplacian() - u["u"].value

    assert powers(Pair()) == pytest.approx([2 / 3])

    class Coupled(Pair):
        def residual(self, u, x):
            return u["u"].laplacian() + u["v"].laplacian(), u["v"].laplacian() - u["u"].value

    assert powers(Coupled()) == pytest.approx(
        [2 / 3]
    )  # that of u, whose second derivatives are in one equation


def test_time_and_periodic_coordinates():
    heat = stated(
        TimeInterval(0, 1) * L_SHAPE,
        [Dirichlet(0.0), sciml.Initial(0.0)],
        lambda u, x: u.d("t") - u.laplacian(),
    )
    assert powers(heat) == pytest.approx([2 / 3]) and heat.inputs == 5
    band = stated(SQUARE, [Periodic("x"), Dirichlet(0.0, on="y=0"), Dirichlet(0.0, on="y=1")])
    assert band.corner_inputs.count == 0


def test_behind_a_hole_the_functions_end():
    """The angle jumps behind a corner of a square hole, where the domain is again: there the functions are constant."""
    problem = stated(SQUARE - Box([0.3, 0.3], [0.6, 0.6]), [Dirichlet(0.0)], harmonic)
    assert len(problem.corner_inputs.functions) == 4
    rng = torch.Generator().manual_seed(5)
    x = problem.domain.sample(4000)
    way = torch.randn(4000, 2, generator=rng, dtype=torch.float64) * 1e-7
    near = (x - torch.tensor([0.3, 0.3])).norm(dim=1) < 1e-2
    for corner in ((0.3, 0.6), (0.6, 0.3), (0.6, 0.6)):
        near |= (x - torch.tensor(corner)).norm(dim=1) < 1e-2
    change = (problem.corner_inputs(x + way) - problem.corner_inputs(x)).abs()
    assert change[~near].max() < 1e-5


def test_a_trial_function_takes_networks_with_and_without():
    problem = stated(L_SHAPE, [Dirichlet(0.0)])
    assert problem.inputs == 9 and problem.plain_inputs == 2
    assert Trial(problem, nn.MLP([9, 5, 1])).corners is problem.corner_inputs
    assert Trial(problem, nn.MLP([2, 5, 1])).corners is None
    assert Trial(problem, torch.nn.Linear(2, 1, dtype=torch.float64)).corners is None
    assert Trial(problem, torch.nn.Linear(9, 1, dtype=torch.float64)).corners is not None
    with pytest.raises(ArgumentError, match=r"model needs 9 inputs .*corners add 7, or none.*got width 4"):
        Trial(problem, nn.MLP([4, 5, 1]))


def test_a_copy_of_a_problem_looks_again():
    one = sciml.pdes.Poisson(2)
    assert one.corner_inputs.count == 0
    other = one.with_source(lambda x: torch.ones_like(x[:, :1]))
    assert len(other.corner_inputs.functions) == 4 and all(
        isinstance(f, Logarithm) for f in other.corner_inputs.functions
    )
    assert one.corner_inputs.count == 0


def test_quotients_stand_for_convex_corners_alone():
    problem = stated(Polygon([(0, 0), (1, 0), (0.2, 0.9)]), [Dirichlet(0.0)])
    assert all(f.frame.angle < math.pi for f in problem.corner_inputs.functions if isinstance(f, Quotient))


class Coupled(sciml.PDE):
    """Two unknowns on a square: v is given on all sides, and the equation of u has v or the slope of v in it."""

    domain = SQUARE
    unknowns = ("u", "v")

    def __init__(self, equation, given=True):
        self.equation = equation
        self.conditions = [Dirichlet(0.0, component="u")]
        self.conditions += [Dirichlet(1.0, component="v")] if given else [Neumann(0.0, component="v")]

    def residual(self, u, x):
        return self.equation(u, x), -u["v"].laplacian() + u["v"].value - 1.0


def test_what_other_unknowns_do_at_a_corner_counts():
    """A source that the given v cancels asks for nothing; one that a free v's slope may cancel does not, either."""
    cancels = Coupled(lambda u, x: -u["u"].laplacian() + u["v"].value - 1.0)
    stays = Coupled(lambda u, x: -u["u"].laplacian() + u["v"].value)
    pressed = Coupled(lambda u, x: -u["u"].laplacian() + u["v"].d("x") - 1.0, given=False)
    valued = Coupled(lambda u, x: -u["u"].laplacian() + u["v"].value - 1.0, given=False)
    assert kinds(cancels) == [] and kinds(pressed) == []
    assert kinds(stays) == ["Logarithm"] * 4 and kinds(valued) == ["Logarithm"] * 4


def test_a_smooth_flow_sees_no_corners():
    assert sciml.pdes.build("kovasznay").corner_inputs.count == 0


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ([Dirichlet(0.0, component="w")], 0),
        ([Neumann(0.0, component="w")], 1),
        ([Dirichlet(0.0, on=["x=0", "x=1"], component="w")], 1),
        ([Dirichlet(0.0, component="w", hard=False)], 1),
    ],
    ids=["held", "free", "held on one side", "a penalty"],
)
def test_what_an_input_without_bound_does_to_an_unknown_that_is_free_there_is_said(second, said):
    """Such an unknown was off by 4e-2 of its size at the corner where its error over the square was 6e-5."""

    class Two(sciml.PDE):
        domain = SQUARE
        unknowns = ("u", "w")
        conditions = (Dirichlet(0.0, component="u"), *second)

        def residual(self, u, x):
            return u["u"].laplacian() + 1.0, u["w"].laplacian() + torch.sin(math.pi * x[:, :1])

    problem = Two()
    notes = [note for note in problem.corner_inputs.notes if "where w may be off within 0.001" in note]
    assert kinds(problem) == ["Logarithm"] * 4 and len(notes) == said


def test_of_many_corners_the_roughest_functions_are_kept():
    notches = [
        (-2, -2),
        (0, -2),
        (0.3, -0.8),
        (0.6, -2),
        (2, -2),
        (2, 0),
        (0.9, 0.4),
        (2, 1.2),
        (2, 2),
        (-2, 2),
    ]
    space = Polygon([*notches, (-2, 0.6), (-1.2, 0.1), (-2, -0.3)])
    problem = stated(space, [Dirichlet(0.0)])
    inputs = problem.corner_inputs
    assert inputs.count <= 24
    assert "Logarithm" not in kinds(problem)  # r^2 log r is the smoothest that is asked for
    sharp = sorted(
        math.pi / (2 * math.pi - math.atan2(abs(a * d - b * c), a * c + b * d))
        for a, b, c, d in ((-0.3, -1.2, 0.3, -1.2), (1.1, -0.4, 1.1, 0.8), (-0.8, 0.5, -0.8, -0.4))
    )
    assert powers(problem)[:3] == pytest.approx(sharp, abs=1e-6)
    (note,) = [n for n in inputs.notes if "more than the 24" in n]
    assert "left out, r^2 log r" in note and "(-2, -2), (2, -2), (2, 2), (-2, 2)" in note


PRISM = L_SHAPE * sciml.Interval(0, 2, "z")
SIDES = [f"edge{k}" for k in range(6)]


@pytest.mark.parametrize(
    ("domain", "held", "equation"),
    [
        (PRISM, [Dirichlet(0.0)], harmonic),
        (
            sciml.Interval(0, 1, "z") * L_SHAPE,
            [Dirichlet(0.0, on=SIDES), Neumann(0.0, on=["z=0", "z=1"])],
            harmonic,
        ),
        (PRISM, [Dirichlet(0.0, on=SIDES), Periodic("z")], harmonic),
        (TimeInterval(0, 1) * PRISM, [Dirichlet(0.0)], lambda u, x: u.d("t") - u.laplacian()),
        (PRISM, [Dirichlet(0.0, on=SIDES)], lambda u, x: u.d("x", "x") + u.d("y", "y") + x[:, 2:]),
    ],
    ids=["prism", "height first", "periodic", "evolution", "parameter"],
)
def test_an_edge_of_a_prism_is_a_corner_of_its_plane(domain, held, equation):
    problem = stated(domain, held, equation)
    assert powers(problem) == pytest.approx([2 / 3])
    inputs = problem.corner_inputs
    x = problem.domain.sample(50)
    (function,) = [f for f in inputs.functions if isinstance(f, Powers)]
    plane = x[:, [problem.domain.names.index("x"), problem.domain.names.index("y")]]
    assert torch.equal(inputs(x)[:, :2], function(plane))


def test_round_holes_of_the_plane_of_a_product():
    pipe = (Box([-1, -1], [1, 1]) - Disk([0, 0], 0.3)) * sciml.Interval(0, 2, "z")
    problem = stated(pipe, [Dirichlet(0.0)])
    assert "Hole" in kinds(problem)
    assert problem.corner_inputs.axes == (0, 1)


@pytest.mark.parametrize("bad", [math.inf, math.nan], ids=str)
def test_a_source_without_a_number_at_the_corner(bad):
    def equation(u, x):
        r = x[:, :1].square() + x[:, 1:2].square()
        return u.laplacian() - torch.where(r == 0, bad, r.clamp(min=1e-300) ** (-1 / 6))

    assert powers(stated(L_SHAPE, [Dirichlet(0.0)], equation)) == pytest.approx([2 / 3])
