"""Pictures: they show the right numbers in the right place, and leave Matplotlib as it was."""

from __future__ import annotations

import math
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.path import Path as MplPath

import sciml
from sciml import adapters, nn, pdes
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import Reference
from sciml.solvers.plots.panels import logarithmic
from sciml.solvers.plots.plotting import FIELDS, plot
from sciml.solvers.plots.slices import Slice, choose_slices
from sciml.solvers.report import Report
from tests.cases import ROOT
from tests.solvers.plots.known import CUBE, DOMAINS, SQUARE, Known, Unknown, images, png, solved

ALONE = ("overview", *FIELDS, "history")  # what every solution can show


# ---- every picture can be drawn


@pytest.mark.parametrize(
    ("name", "unknowns"),
    [
        *((name, ("u",)) for name in DOMAINS),
        *((name, ("u", "v")) for name in ("time", "hole", "time and square")),
    ],
)
def test_every_dimension(name, unknowns):
    figure = solved(Known(DOMAINS[name], unknowns), 0.1).plot(resolution=9)
    assert isinstance(figure, Figure)
    assert png(figure).std() > 0.05
    labels = {ax.get_xlabel() for ax in figure.axes} | {ax.get_ylabel() for ax in figure.axes}
    drawn = [n for n in DOMAINS[name].names if n != "z" and not (n == "t" and len(DOMAINS[name].names) > 2)]
    assert set(drawn) <= labels
    assert "seconds" not in labels  # one row is no history: an empty box
    assert "relative $L_2$ error" in figure.get_suptitle()


@pytest.mark.parametrize("name", ["line", "square"])
@pytest.mark.parametrize("kind", ALONE[1:])
def test_every_kind(kind, name):
    assert png(solved(Known(DOMAINS[name]), 0.1).plot(kind=kind, resolution=9)).std() > 0.02


@pytest.mark.parametrize("name", DOMAINS)
def test_without_a_reference(name):
    solution = solved(Unknown(DOMAINS[name]))
    figure = solution.plot(resolution=9)
    known = solution.stats.error_estimate is not None
    assert ("estimated relative error" if known else "relative residual") in figure.get_suptitle()
    texts = [ax.get_title() for ax in figure.axes] + [ax.get_ylabel() for ax in figure.axes]
    assert any("residual" in text for text in texts)
    for kind in ("reference", "difference"):
        with pytest.raises(ArgumentError, match=f"kind='{kind}' needs an exact or reference solution"):
            solution.plot(kind=kind)


class Missed(sciml.PDE):
    """Poisson's equation whose answer is ``offset + 1e-2 bump``; the untrained solution is the offset, ``x``."""

    conditions = (sciml.Dirichlet(lambda x: x[:, :1]),)

    def __init__(self, dim):
        self.domain = sciml.Box([0] * dim, [1] * dim)

    def answer(self, x):
        return x[:, :1] + 1e-2 * torch.sin(math.pi * x).prod(1, keepdim=True)

    def residual(self, u, x):
        return u.laplacian() + 1e-2 * x.shape[1] * math.pi**2 * torch.sin(math.pi * x).prod(1, keepdim=True)


def untrained(dim: int) -> sciml.Solution:
    network = nn.MLP([dim, 6, 1], "sine", seed=1)
    with torch.no_grad():
        for p in network.layers[-1].parameters():
            p.zero_()
    problem = Missed(dim)
    return sciml.Solution(problem, Trial(problem, network), [], Report())


@pytest.mark.parametrize("kind", ["error", "estimate"])
def test_the_estimated_error_is_drawn_where_no_reference_is_known(kind):
    solution = untrained(2)
    figure = solution.plot(kind=kind, resolution=21)
    assert png(figure).std() > 0.02
    texts = [ax.get_title() for ax in figure.axes] + [ax.get_ylabel() for ax in figure.axes]
    assert any("estimated |error| of u" in text for text in texts)
    assert not any("reference" in text for text in texts)
    (image,) = images(figure)
    x = torch.cartesian_prod(*[torch.linspace(0, 1, 21, dtype=torch.float64)] * 2)
    wanted = (solution.problem.answer(x) - x[:, :1]).reshape(21, 21).T.numpy()  # rows run along y
    np.testing.assert_allclose(image.get_array(), wanted, atol=0.05e-2)
    assert isinstance(image.norm, matplotlib.colors.LogNorm)


def test_the_estimated_error_of_a_line_is_a_curve():
    (axes,) = untrained(1).plot(kind="error", resolution=21).axes
    assert axes.get_title() == "estimated error"
    heights = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    assert heights.max() == pytest.approx(1e-2, rel=0.05)


def test_an_estimate_of_a_known_problem_is_not_its_error():
    """With a reference ``"error"`` is the error; ``"estimate"`` is drawn beside it when asked for."""
    solution = untrained(2)
    solution.problem.exact = lambda x: solution.problem.answer(x) + 1.0
    assert solution.has_answer
    (error,) = images(solution.plot(kind="error", resolution=9))
    (estimate,) = images(solution.plot(kind="estimate", resolution=9))
    assert float(error.get_array().max()) > 0.9 and float(estimate.get_array().max()) < 0.02


def test_no_estimate_is_refused_with_its_reason():
    solution = untrained(2)
    with torch.no_grad():
        zero = Missed(2)
        zero.conditions, zero.residual = (sciml.Dirichlet(0.0),), lambda u, x: u.laplacian()
    nothing = sciml.Solution(zero, Trial(zero, solution.network), [], Report())
    for kind in ("error", "estimate"):
        with pytest.raises(
            ArgumentError, match="kind='estimate' needs an error estimate, got none: the solution is zero"
        ):
            nothing.plot(kind=kind)


def test_constant_and_exact_solutions_can_be_drawn():
    class Nothing(Known):
        def exact(self, x):
            return torch.zeros_like(x[:, :1])

    problem = Nothing(SQUARE)
    network = torch.nn.Linear(2, 1).double()
    torch.nn.init.zeros_(network.weight)
    torch.nn.init.zeros_(network.bias)
    solution = sciml.solve(problem, network, progress=False, points=20, max_time=0)
    for kind in set(ALONE) - {"estimate"}:  # of a solution that is zero there is no relative error
        png(solution.plot(kind=kind, resolution=5))
    with pytest.raises(ArgumentError, match="kind='estimate' needs an error estimate, got none"):
        solution.plot(kind="estimate")


# ---- the numbers


def test_a_map_has_the_values_of_the_solution():
    solution = solved(Known(SQUARE), 0.25)
    figure = solution.plot(kind="solution", resolution=5)
    (image,) = images(figure)
    assert tuple(image.get_extent()) == (0.0, 2.0, 0.0, 1.0)
    assert image.origin == "lower"
    expected = 1.25 + np.linspace(0, 2, 5)[None, :] + 10 * np.linspace(0, 1, 5)[:, None]  # rows run along y
    np.testing.assert_allclose(image.get_array(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "value"), [("error", 0.25), ("difference", -0.25), ("residual", 0.25)], ids=lambda v: str(v)
)
def test_comparisons(kind, value):
    (image,) = images(solved(Known(SQUARE), -0.25).plot(kind=kind, resolution=5))
    np.testing.assert_allclose(image.get_array(), np.full((5, 5), value), rtol=1e-9)
    low, high = image.get_clim()
    if kind == "difference":
        assert low == -high  # white is zero
    else:
        assert isinstance(image.norm, matplotlib.colors.LogNorm)


def test_solution_and_reference_share_their_colours():
    figure = solved(Known(SQUARE), 3.0).plot(resolution=5)
    solution, reference, _ = images(figure)
    assert solution.get_clim() == reference.get_clim() == pytest.approx((1.0, 16.0))


def test_time_runs_to_the_right():
    figure = solved(Known(DOMAINS["time and line"])).plot(kind="solution", resolution=3)
    (image,) = images(figure)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("t", "x")
    np.testing.assert_allclose(image.get_array()[:, -1] - image.get_array()[:, 0], 1000.0)


def test_snapshots_share_their_colours():
    figure = solved(Known(DOMAINS["time and square"])).plot(kind="solution", times=[0, 0.25, 1], resolution=3)
    maps = images(figure)
    assert [float(m.get_array()[0, 0]) for m in maps] == [1.0, 251.0, 1001.0]
    assert len({m.get_clim() for m in maps}) == 1
    assert [ax.get_title() for ax in figure.axes[:3]] == ["t = 0", "t = 0.25", "t = 1"]


def test_curves_at_moments():
    figure = solved(Known(DOMAINS["time and line"])).plot(kind="solution", times=[0, 1], resolution=3)
    lines = figure.axes[0].get_lines()
    assert [list(line.get_ydata()) for line in lines] == [[1, 2, 3], [1001, 1002, 1003]]
    assert [line.get_label() for line in lines] == ["t = 0", "t = 1"]


def test_slices():
    solution = solved(Known(CUBE))
    (image,) = images(solution.plot(kind="solution", axes=("z", "x"), at={"y": 0.25}, resolution=2))
    np.testing.assert_allclose(image.get_array(), [[3.5, 103.5], [4.5, 104.5]])
    (image,) = images(solution.plot(kind="solution", resolution=2))
    np.testing.assert_allclose(image.get_array(), [[51, 52], [61, 62]])  # z in the middle
    (line,) = solution.plot(kind="solution", at={"x": 0, "y": 0}, resolution=2).axes[0].get_lines()
    assert list(line.get_ydata()) == [1, 101]
    (line,) = solution.plot(kind="solution", axes="z", resolution=2).axes[0].get_lines()
    assert list(line.get_ydata()) == [6.5, 106.5]


def test_one_unknown_of_a_system():
    solution = solved(Known(SQUARE, ("u", "v")))
    (image,) = images(solution.plot(kind="solution", unknown="v", resolution=2))
    np.testing.assert_allclose(image.get_array(), [[2, 6], [22, 26]])
    assert len(images(solution.plot(kind="solution", resolution=2))) == 2


# ---- domains that are no boxes


def contains(path: MplPath, x: np.ndarray) -> np.ndarray:
    """Even-odd rule: ``Path.contains_points`` takes a hole's ring for another piece."""
    rings = path.to_polygons(closed_only=True)
    return np.sum([MplPath(ring).contains_points(x) for ring in rings], axis=0) % 2 == 1


def test_a_map_is_cut_to_the_shape_of_the_domain():
    figure = solved(Known(DOMAINS["hole"])).plot(kind="solution", resolution=11)
    (image,) = images(figure)
    x = np.array([[0.2, 0.2], [1.0, 0.5], [1.25, 0.5], [1.35, 0.5], [1.9, 0.9]])
    assert contains(image.get_clip_path()._path, x).tolist() == [True, False, False, True, True]
    pixels = png(figure)[..., :3]
    ax = figure.axes[0]
    for point, white in ((x[1], True), (x[3], False)):
        column, row = ax.transData.transform(point) * 50 / figure.dpi
        pixel = pixels[round(pixels.shape[0] - row), round(column)]
        assert bool((pixel > 0.99).all()) is white


@pytest.mark.parametrize("name", ["hole", "triangle"])
def test_the_outline_is_the_domain(name):
    problem = Known(DOMAINS[name])
    (slice_,) = choose_slices(problem)
    x = np.random.default_rng(0).uniform(
        problem.domain.lower.numpy(), problem.domain.upper.numpy(), (2000, 2)
    )
    drawn = contains(slice_.outline, x)
    truly = problem.domain.contains(torch.from_numpy(x)).numpy()
    assert (drawn == truly).mean() > 0.99
    assert abs(drawn.mean() - truly.mean()) < 0.01


def test_colours_are_chosen_by_what_lies_inside():
    class Pole(Known):
        def exact(self, x):
            return 1 / ((x[:, :1] - 1) ** 2 + (x[:, 1:] - 0.5) ** 2)  # infinite in the hole's middle

    solution = solved(Pole(DOMAINS["hole"]))
    for image in images(solution.plot(kind="reference", resolution=41)):
        assert image.get_clim()[1] < 1.2 / 0.3**2


# ---- spectra of a change


@pytest.fixture(scope="module")
def kan():
    network = nn.KAN([2, 4, 3], grid=3, degree=2, seed=1)
    return sciml.solve(Known(SQUARE, ("u", "v", "w")), network, progress=False, points=20, max_time=0)


def tuned(base, adapter, name):
    """An adapter with random factors."""
    made = base.add_adapter(adapter, name)
    rng = torch.Generator().manual_seed(3)
    made.adapter.load_vector(torch.randn(made.adapter.size, generator=rng, dtype=torch.float64))
    return made


def singular_values(base, made, parameter: str, axis: int) -> np.ndarray:
    """Of one unfolding of merged minus base, over the norm, from the networks alone."""
    after, before = (s.network.get_parameter(parameter).detach().numpy() for s in (made, base))
    change = np.moveaxis(after - before, axis, 0).reshape(before.shape[axis], -1)
    return np.linalg.svd(change / np.linalg.norm(change), compute_uv=False)


def test_spectra_of_full_changes(kan):
    made = tuned(kan, "full", "all")
    figure = made.plot("spectra")
    assert png(figure).std() > 0.05
    assert [ax.get_title().split()[0] for ax in figure.axes] == ["layers.0", "layers.1"]
    for layer, ax in enumerate(figure.axes):
        lines = {line.get_label(): line for line in ax.get_lines()}
        assert set(lines) == {"in", "out", "basis", "base"}  # no rings: nothing is cut
        for axis, mode in enumerate(("in", "basis", "out")):
            expected = singular_values(kan, made, f"layers.{layer}.coef", axis)
            np.testing.assert_allclose(lines[mode].get_ydata(), expected, rtol=1e-10)
            assert list(lines[mode].get_xdata()) == list(range(1, len(expected) + 1))
        expected = singular_values(kan, made, f"layers.{layer}.base", 0)
        np.testing.assert_allclose(lines["base"].get_ydata(), expected, rtol=1e-10)
        assert ax.get_yscale() == "log"
        change = {n: (made.network.get_parameter(n) - p).detach() for n, p in kan.network.named_parameters()}
        own = [n for n in change if n.startswith(f"layers.{layer}.")]
        share = math.sqrt(sum(float(change[n].square().sum()) for n in own)) / math.sqrt(
            sum(float(kan.network.get_parameter(n).detach().square().sum()) for n in own)
        )
        assert f"= {share:.2g}" in ax.get_title()


def test_rings_mark_the_ranks(kan):
    figure = tuned(kan, adapters.LoTRA(r=(1, 3, 2), target_modules="*.coef"), "tucker").plot("spectra")
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    # r_out is 3, but a core of 1 x 3 x 2 allows no more than 2
    assert {"in, rank 1 of 2", "out, rank 3 of 4", "basis, rank 2 of 5"} <= set(lines)
    assert [len(lines[k].get_xdata()) for k in ("in, rank 1 of 2", "basis, rank 2 of 5")] == [1, 2]
    rings = [line for line in figure.axes[0].get_lines() if line.get_label() == "_rank"]
    last = lines["basis, rank 2 of 5"]
    assert [list(ring.get_xdata()) for ring in rings] == [[1], [2]]
    assert rings[1].get_ydata()[0] == last.get_ydata()[-1]


def test_a_product_cuts_the_mode_that_it_is_made_of(kan):
    figure = tuned(kan, adapters.LoRA(r=1), "product").plot("spectra")
    labels = {line.get_label() for line in figure.axes[0].get_lines()}
    assert labels == {"in", "out, rank 1 of 4", "basis", "base, rank 1 of 2", "_rank"}


def test_spectra_of_an_mlp_and_of_nothing():
    base = solved_mlp()
    (first, second) = tuned(base, "full", "all").plot("spectra").axes
    assert [line.get_label() for line in first.get_lines()] == ["weight"]
    assert len(second.get_lines()[0].get_xdata()) == 1
    untrained = base.add_adapter("full", "start").plot("spectra")
    assert [ax.texts[0].get_text() for ax in untrained.axes] == ["unchanged", "unchanged"]


def test_spectra_of_any_two_solutions(kan):
    made = tuned(kan, "full", "kept")
    dense = made.merge_and_unload()
    figure = dense.plot("spectra", base=kan)
    values = made.spectra()["layers.0.coef"]["basis"]
    line = next(line for line in figure.axes[0].get_lines() if line.get_label() == "basis")
    np.testing.assert_allclose(line.get_ydata(), values, rtol=1e-9)
    assert float((values**2).sum()) == pytest.approx(1)


def test_spectra_need_a_base_of_the_same_structure(kan):
    with pytest.raises(ArgumentError, match="kind='spectra' needs a fine-tuned solution"):
        kan.plot("spectra")
    with pytest.raises(ArgumentError, match="finetuned needs the parameters of pretrained"):
        solved_mlp().plot("spectra", base=kan)
    with pytest.raises(ArgumentError, match="base goes with kind='spectra' only, got kind='error'"):
        kan.plot("error", base=kan)
    biases = solved_mlp().add_adapter(adapters.Full(target_modules="bias"), "biases")
    with pytest.raises(ArgumentError, match=r"needs a changed matrix or tensor, got layers\.0\.bias, layers"):
        biases.plot("spectra")
    with pytest.raises(ArgumentTypeError, match="base needs a solution, got KAN"):
        kan.plot("spectra", base=kan.network)


def solved_mlp():
    return sciml.solve(Known(SQUARE, ("u",)), nn.MLP([2, 4, 1]), progress=False, points=20, max_time=0)


# ---- references that are tables


class Table(Unknown):
    points: torch.Tensor

    def reference(self):
        return Reference(self.points, Known.exact(self, self.points), 1e-6, "made up")


def grid(*sizes: int) -> torch.Tensor:
    axes = [torch.linspace(0, high, n, dtype=torch.float64) for n, high in sizes]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(sizes))


def test_a_table_on_a_grid_is_interpolated():
    problem = Table(SQUARE)
    problem.points = grid((5, 2.0), (7, 1.0))[torch.randperm(35, generator=torch.Generator().manual_seed(0))]
    (image,) = images(solved(problem).plot(kind="reference", resolution=3))
    np.testing.assert_allclose(image.get_array(), [[1, 2, 3], [6, 7, 8], [11, 12, 13]], atol=1e-12)


def test_scattered_tables_are_drawn_where_they_are():
    problem = Table(DOMAINS["hole"])
    problem.points = problem.domain.sample(60)
    figure = solved(problem, 0.5).plot(resolution=9)
    assert png(figure).std() > 0.05
    problem = Table(sciml.Interval(0, 1))
    problem.points = grid((6, 1.0))
    dots = solved(problem).plot(kind="reference").axes[0].get_lines()[0]
    np.testing.assert_allclose(dots.get_ydata(), 1 + np.linspace(0, 1, 6))


def test_snapshots_are_taken_where_the_table_has_them():
    problem = Table(DOMAINS["time and square"])
    problem.points = grid((4, 1.0), (5, 2.0), (5, 1.0))
    figure = solved(problem, 0.5).plot(kind="error", resolution=3)
    assert [ax.get_title() for ax in figure.axes[:4]] == ["t = 0", "t = 0.333", "t = 0.667", "t = 1"]
    with pytest.raises(ArgumentError, match="needs an exact or reference solution here"):
        solved(problem).plot(kind="difference", times=[0.5])


# ---- arguments


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"kind": "film"}, ArgumentError, "kind needs one of overview, .*got 'film'"),
        ({"unknown": "w"}, ArgumentError, "unknown needs one of u, got 'w'"),
        ({"resolution": 1}, ArgumentError, "resolution needs an int >= 2, got 1"),
        ({"at": {"w": 0}}, ArgumentError, "at: unknown coordinate 'w'; the domain has t, x, y"),
        ({"at": {"x": 3}}, ArgumentError, r"x needs a number in \[0, 2\], got 3"),
        ({"at": {"x": math.nan}}, ArgumentError, "x needs a number"),
        ({"at": {"x": "0"}}, ArgumentTypeError, "x needs a number"),
        ({"at": 0.5}, ArgumentTypeError, "at needs a mapping of coordinates to values"),
        ({"at": {"t": 0, "x": 0, "y": 0}}, ArgumentError, "at fixes every coordinate"),
        ({"axes": ("x", "x")}, ArgumentError, "axes needs one or two coordinates"),
        ({"axes": ("t", "x", "y")}, ArgumentError, "axes needs one or two coordinates"),
        ({"axes": ("x",), "at": {"x": 0}}, ArgumentError, "at fixes 'x'"),
        ({"times": [2.0]}, ArgumentError, r"t needs a number in \[0, 1\], got 2.0"),
        ({"times": []}, ArgumentError, "at least one moment"),
        ({"times": [0], "at": {"t": 0}}, ArgumentError, "times fix 't'"),
        ({"times": [0], "axes": ("t", "x")}, ArgumentError, "times fix 't'"),
    ],
    ids=str,
)
def test_wrong_arguments(options, kind, message):
    solution = solved(Known(DOMAINS["time and square"]))
    with pytest.raises(kind, match=message):
        plot(solution, **options)


def test_times_need_time():
    with pytest.raises(ArgumentError, match="times need a problem in time; Known has x, y"):
        solved(Known(SQUARE)).plot(times=[0])


# ---- manners


def test_matplotlib_is_left_as_it_was():
    before = dict(matplotlib.rcParams)
    solution = sciml.solve(pdes.Poisson(2), nn.MLP([2, 4, 1]), progress=False, points=20, max_steps=2)
    solution.plot(resolution=9)
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_not_needed():
    code = (
        "import sys, sciml; from sciml import pdes, nn\n"
        "s = sciml.solve(pdes.Poisson(1), nn.MLP([1, 4, 1]), progress=False, points=20, max_steps=1)\n"
        "s.plot().savefig('/dev/null', format='png')\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_figure_shows_itself_in_a_notebook():
    figure = solved(Known(SQUARE)).plot(resolution=5)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_many_equal_coordinates_are_named_by_their_ends():
    problem = pdes.AllenCahnBall()
    fixed = {0: 0.5, **dict.fromkeys(range(3, 11), 0.0)}
    assert Slice(problem, (1, 2), fixed).label == "t = 0.5, x3 = … = x10 = 0"
    assert (
        Slice(problem, (1, 2), fixed | {5: 0.25}).label
        == "t = 0.5, x3 = 0, x4 = 0, x5 = 0.25, x6 = … = x10 = 0"
    )


@pytest.mark.parametrize("top, scale", [(1.02, "linear"), (30.0, "log")])
def test_a_residual_within_a_decade_has_no_logarithmic_axis(top, scale):
    """Its labels would be 9.8×10⁻¹, 10⁰ and 1.02×10⁰."""
    axes = Figure().add_subplot()
    axes.plot([0, 1, 2], [0.0, 0.97, top])  # the zero of an exact condition has no place on such an axis
    assert logarithmic(axes) is (scale == "log") and axes.get_yscale() == scale
