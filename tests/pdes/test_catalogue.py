"""Every problem of the catalogue against its own solution: equation, conditions, source, parameters."""

from __future__ import annotations

import math
import pickle
import re
from dataclasses import fields

import pytest
import torch

from sciml import ArgumentError, SciMLError, pdes
from sciml.conditions import Condition, Data, Dirichlet, Initial, Interface, Neumann, Periodic, evaluate
from sciml.derivatives import AutogradSource
from sciml.domains import Domain
from tests.cases import ROOT

CATALOGUE = ROOT / "docs" / "catalogue.md"
# Every registered equation is tested as it comes; these are tested with other parameters besides.
VARIANTS = [
    pdes.Advection(speed=-1),
    pdes.AllenCahn(D=1e-2),
    pdes.AllenCahnBall(eps=50.0),
    pdes.AllenCahnBall(eps=-0.5, dim=3),
    pdes.Burgers(nu=0.1),
    pdes.Burgers(nu=1e-3),
    pdes.Beam(length=3.0, stiffness=7.0, load=2.0),
    pdes.ClampedPlate(m=2, n=3),
    pdes.PlateWithHole(nu=0.5),
    pdes.BlackScholes(sigma=0.4, rate=0.0, strike=2.0, maturity=3.0),
    pdes.FokkerPlanck(theta=2.0, D=0.05),
    pdes.Heat(dim=3, diffusivity=0.02),
    pdes.HeatBall(dim=1),
    pdes.HJB(dim=2),
    pdes.Helmholtz(a1=3, a2=2, k=7.5),
    pdes.Kovasznay(reynolds=100),
    pdes.LidDriven(lid=16),
    pdes.MaxwellCavity(m=3, n=1),
    pdes.ParabolicBall(eps=2.0, dim=3),
    pdes.Poisson(dim=1),
    pdes.Poisson(dim=5, frequency=3),
    pdes.ReactionDiffusion(nu=0.5, rho=10),
    pdes.TaylorGreen(nu=0.5),
    pdes.TwoMaterials(inclusion=0.02),
    pdes.Wave(speed=0.7),
]
EVERY = [pdes.get(name)() for name in pdes.names()] + VARIANTS
CLOSED = [problem for problem in EVERY if problem.has_exact]
# of the residual, relative to its largest term; 1e-13 for the others
TOLERANCE = {
    "allen-cahn-ball": 1e-12,
    "burgers": 1e-11,
    "inverse-burgers": 1e-11,
    "parabolic-ball": 1e-12,
    "poisson-discs": 1e-12,
    "schrodinger": 1e-12,
}
closed = pytest.mark.parametrize("problem", CLOSED, ids=repr)
every = pytest.mark.parametrize("problem", EVERY, ids=repr)


def interior(problem, n=97, seed=3):
    """Points that keep away from t = 0, where a quadrature or a square root may have no derivative."""
    x = problem.sample(n, seed=seed)
    if problem.domain.time_axis is not None:
        x[:, 0] = x[:, 0].clamp(min=1e-3)
    return x


def field_of(problem, function, x):
    return problem.field(AutogradSource(function, x))


@closed
def test_exact_solution_satisfies_the_equation(problem):
    tolerance = TOLERANCE.get(type(problem).registry_name, 1e-13)
    x = interior(problem)
    field = field_of(problem, problem.exact, x)
    slant = torch.linspace(2.1, 3.7, x.shape[1], dtype=torch.float64)[:, None]
    off = field_of(problem, lambda y: problem.exact(y) + 0.01 * torch.cos(y @ slant), x)
    sizes = (field.laplacian().detach(), problem.source(x))
    scale = max(1.0, *(float(size.abs().max()) for size in sizes))
    terms, wrong = problem.residual_terms(field, x), problem.residual_terms(off, x)
    for name, term in terms.items():
        assert term.abs().max() <= tolerance * scale, name
    assert max(float(term.detach().abs().max()) for term in wrong.values()) > 1000 * tolerance * scale


@closed
def test_exact_solution_meets_the_conditions(problem):
    scale = max(1.0, float(problem.exact(problem.sample(64)).abs().max()))
    for condition in problem.conditions:
        if isinstance(condition, Data):
            off = problem.exact(condition.points)[:, [problem.component(condition)]] - condition.values
            if not hasattr(problem, "noise"):
                assert off.abs().max() <= 1e-11 * scale
                continue
            share = float(off.square().mean() / condition.values.square().mean()) ** 0.5
            assert 0.7 < share / problem.noise < 1.3
            continue
        off = mismatch(problem, condition)
        # the points on both sides of an interface are 1e-8 of the domain apart
        close = 1e-6 if isinstance(condition, Interface) else 1e-11
        assert off.abs().max() <= close * scale, condition.label


def mismatch(problem, condition):
    """How far the exact solution is from a condition, at points where it has to hold."""
    domain = problem.domain
    if isinstance(condition, Periodic):
        axis = domain.names.index(condition.coordinate)
        ends = [domain.sample(53, seed=1), domain.sample(53, seed=1)]
        ends[0][:, axis], ends[1][:, axis] = domain.lower[axis], domain.upper[axis]
        return problem.exact(ends[0]) - problem.exact(ends[1])
    if isinstance(condition, Data):
        return problem.exact(condition.points)[:, [problem.component(condition)]] - condition.values
    if isinstance(condition, Interface):
        x = condition.draw(domain, 106, 1)
        (flux,) = condition.parts(domain, field_of(problem, problem.exact, x), x).values()
        return (flux[1::2] - flux[::2]).detach()
    if isinstance(condition, Condition):
        x = domain.boundary(condition.on).sample(53, seed=1)
        parts = condition.parts(condition.place(domain), field_of(problem, problem.exact, x), x)
        return torch.cat([part.detach() for part in parts.values()], dim=1)
    start = isinstance(condition, Initial)
    boundary = domain.initial() if start else domain.boundary(condition.on)
    x = boundary.sample(53, seed=1).requires_grad_(True)
    component = problem.component(condition)
    u = problem.exact(x)[:, component : component + 1]
    wanted = evaluate(condition.value, x, condition.label)
    if isinstance(condition, Dirichlet) or (start and condition.order == 0):
        return u - wanted
    (gradient,) = torch.autograd.grad(u.sum(), x)
    if start:
        return gradient[:, [domain.time_axis]] - wanted
    assert isinstance(condition, Neumann)
    return (gradient * boundary.normal(x.detach())).sum(dim=1, keepdim=True) - wanted


@every
def test_exact_conditions_do_not_hand_over_the_solution(problem):
    """Values built into a trial function are evaluated inside; they must be data there, not the solution."""
    x = interior(problem)
    for condition in problem.conditions:
        if condition.hard is False or not callable(getattr(condition, "value", 0.0)):
            continue
        y = x.clone()
        if isinstance(condition, Initial):
            y[:, problem.domain.time_axis] = 0.0
        value = evaluate(condition.value, y, condition.label)
        assert torch.isfinite(value).all()
        if problem.has_exact:
            u = problem.exact(x)[:, [problem.component(condition)]]
            assert (value - u).norm() > 0.05 * u.norm(), condition.label
        if isinstance(condition, (Dirichlet, Initial)):  # a trial function is differentiated forwards, twice

            def slope(z, value=condition.value):
                return torch.func.jvp(value, (z,), (torch.ones_like(z),))[1]

            assert torch.isfinite(torch.func.jvp(slope, (y,), (torch.ones_like(y),))[1]).all()


@closed
def test_solution_is_not_trivial(problem):
    u = problem.exact(problem.sample(256))
    assert u.shape == (256, problem.outputs)
    assert torch.isfinite(u).all()
    assert u.std() > 1e-3 * u.abs().max()


@every
def test_definition_is_valid(problem):
    problem.validate()
    assert isinstance(problem.domain, Domain)
    assert problem.domain is problem.domain
    assert 0 < problem.floor < 1e-4
    assert not problem.is_custom
    x = problem.sample(33, seed=5)
    assert x.shape == (33, problem.domain.dim)
    assert x.dtype == torch.float64
    assert problem.domain.contains(x).all()
    assert torch.equal(x, problem.sample(33, seed=5))
    assert not torch.equal(x, problem.sample(33, seed=6))
    f = problem.source(x)
    assert f.shape == (33, 1)
    assert torch.isfinite(f).all()
    assert problem.source(x.float()).dtype == torch.float32


@every
def test_residual_depends_on_its_own_point_only(problem):
    x = interior(problem, 9)

    def wave(y):
        return torch.cat([torch.cos((k + 1.3) * y.sum(1, keepdim=True)) for k in range(problem.outputs)], 1)

    together = problem.residual_terms(field_of(problem, wave, x), x)
    for i in (0, 8):
        alone = problem.residual_terms(field_of(problem, wave, x[i : i + 1]), x[i : i + 1])
        for name, term in together.items():
            torch.testing.assert_close(alone[name][0], term[i], rtol=1e-10, atol=1e-10)


@every
def test_with_source_changes_the_source_and_forgets_the_solution(problem):
    def new_source(x):
        return 3 + x[:, :1]

    new = problem.with_source(new_source)
    x = interior(problem, 7)
    torch.testing.assert_close(new.source(x), new_source(x))
    assert not new.has_exact
    assert new.reference() is None
    assert new.is_custom
    assert not problem.is_custom

    def cosine(y):
        return torch.cat([torch.cos(y.sum(1, keepdim=True) + k) for k in range(problem.outputs)], 1)

    before = next(iter(problem.residual_terms(field_of(problem, cosine, x), x).values()))
    after = next(iter(new.residual_terms(field_of(new, cosine, x), x).values()))
    # the equations of the two families in the ball are taken times |x|
    scaled = isinstance(problem, (pdes.AllenCahnBall, pdes.ParabolicBall))
    scale = x[:, 1:].norm(dim=1, keepdim=True) if scaled else 1.0
    change = scale * (new.source(x) - problem.source(x))
    torch.testing.assert_close(before - after, change, rtol=1e-9, atol=1e-9)
    # the data of the conditions stay those of the original, also when they were never looked at before
    for old, kept in zip(
        problem.conditions,
        type(problem)(**problem.parameters()).with_source(new_source).conditions,
        strict=True,
    ):
        if isinstance(old, (Dirichlet, Initial)):
            torch.testing.assert_close(evaluate(kept.value, x, "kept"), evaluate(old.value, x, "old"))


@every
def test_registry_builds_an_equal_problem(problem):
    name = type(problem).registry_name
    assert pdes.get(name) is type(problem)
    again = pdes.build(name, **problem.parameters())
    assert again == problem
    assert repr(again) == repr(problem)
    assert pickle.loads(pickle.dumps(problem)) == problem


def test_registry_is_complete():
    in_files = {f.stem for f in (ROOT / "pdes").glob("*.py") if "registry_name" in f.read_text("utf-8")}
    assert {name.replace("-", "_") for name in pdes.names()} == in_files - {"__init__"}
    assert list(pdes.names()) == sorted(pdes.names())
    for name in pdes.names():
        assert pdes.get(name).registry_name == name
        assert pdes.get(name).__name__ in pdes.__all__
        assert pdes.get(name).__name__ in dir(pdes)


def test_registry_refuses_what_it_does_not_know():
    with pytest.raises(ArgumentError, match=r"one of .*poisson.*, got 'possion'"):
        pdes.get("possion")
    with pytest.raises(SciMLError, match="string"):
        pdes.get(3)
    with pytest.raises(ArgumentError, match="poisson needs dim, frequency, got 'dims'"):
        pdes.build("poisson", dims=2)
    with pytest.raises(AttributeError, match="possion"):
        pdes.possion  # noqa: B018


@pytest.mark.parametrize("name", pdes.names())
@pytest.mark.parametrize("bad", ["1", None, True, float("nan"), float("inf"), -1e9, 10**9], ids=repr)
def test_parameters_are_checked(name, bad):
    for parameter in fields(pdes.get(name)):
        with pytest.raises(SciMLError, match=rf"^{parameter.name} needs .*, got"):
            pdes.build(name, **{parameter.name: bad})


def stated_range(kind, parameter) -> tuple[float, float]:
    """The range ``low..high`` that the docstring states for a parameter."""
    found = re.search(rf"^ +{parameter}: .*?(\S+)\.\.(\S+?)[.;,]?(\s|$)", kind.__doc__, re.M)
    assert found, f"{kind.__name__} states no range for {parameter}"
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("name", pdes.names())
def test_ranges_end_where_the_docstring_says(name):
    kind = pdes.get(name)
    for parameter in fields(kind):
        for end, outwards in zip(stated_range(kind, parameter.name), (-math.inf, math.inf), strict=True):
            if isinstance(parameter.default, int):
                end, beyond = int(end), int(end + math.copysign(1, outwards))
            else:
                beyond = math.nextafter(end, outwards)
            assert getattr(kind(**{parameter.name: end}), parameter.name) == end
            with pytest.raises(ArgumentError, match=rf"^{parameter.name} needs .* from .* to .*, got"):
                kind(**{parameter.name: beyond})


@pytest.mark.parametrize("name", pdes.names())
def test_problems_are_immutable(name):
    problem = pdes.get(name)()
    for parameter in fields(problem):
        with pytest.raises(AttributeError):
            setattr(problem, parameter.name, 1)


@pytest.mark.parametrize("name", pdes.names())
def test_documentation_states_class_parameters_and_floor(name):
    kind = pdes.get(name)
    (row,) = [line for line in CATALOGUE.read_text("utf-8").splitlines() if line.startswith(f"| `{name}`,")]
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
    assert cells[0] == f"`{name}`, `{kind.__name__}`"
    assert re.findall(r"`(\w+)`", cells[3]) == [parameter.name for parameter in fields(kind)]
    for parameter in fields(kind):
        shown = re.search(rf"`{parameter.name}`\D*= ([-\d.e]+)(/π)?", cells[3])
        assert shown, parameter.name
        value = float(shown[1]) / (math.pi if shown[2] else 1.0)
        assert value == pytest.approx(parameter.default, rel=1e-12)
    assert float(cells[5].split()[0]) == pytest.approx(kind().floor)
