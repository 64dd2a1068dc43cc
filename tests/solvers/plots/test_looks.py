"""Colours, one panel in given axes, vectors, three dimensions, units, marks of redraws, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

import sciml
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.plots.colours import Scale
from sciml.solvers.plots.meshes import triangles
from sciml.solvers.plots.panels import draw_history
from sciml.solvers.plots.slices import choose_slices
from sciml.solvers.quantities.vectors import vector_names
from tests.solvers.plots.known import (
    CENTRED,
    CUBE,
    DOMAINS,
    SQUARE,
    Known,
    Turning,
    exactly,
    images,
    png,
    solved,
)

# ---- colours


@pytest.mark.parametrize(
    "values, kind, low, high",
    [
        ([-1.0, 3.0], "signed", -3.0, 3.0),
        ([-3.0, 1.0], "signed", -3.0, 3.0),
        ([-0.01, 3.0], "plain", -0.01, 3.0),  # rounding of a positive field
        ([0.0, 3.0], "plain", 0.0, 3.0),
        ([-3.0, -1.0], "plain", -3.0, -1.0),
        ([np.nan, -2.0, 2.0], "signed", -2.0, 2.0),
    ],
)
def test_fields_of_both_signs_have_white_at_zero(values, kind, low, high):
    scale = Scale.of([np.array(values)], "plain")
    assert (scale.kind, scale.low, scale.high) == (kind, low, high)
    colour = scale.options()["cmap"]
    assert (colour == "RdBu_r") is (kind == "signed")


def test_a_signed_field_is_drawn_in_diverging_colours():
    (image,) = images(exactly(Turning(CENTRED)).plot("solution", unknown="u", resolution=5))
    assert image.get_cmap().name == "RdBu_r"
    assert image.get_clim() == (-1.0, 1.0)
    (image,) = images(exactly(Turning(CENTRED)).plot("solution", unknown="u", resolution=5, cmap="PuOr"))
    assert image.get_cmap().name == "PuOr"


def test_a_few_huge_residuals_do_not_set_the_scale():
    values = np.linspace(1.0, 2.0, 1000)
    values[3] = 1e13
    scale = Scale.of([values], "log")
    assert scale.high <= 2.0 and scale.extend == "max"
    assert Scale.of([np.linspace(1.0, 2.0, 1000)], "log").extend == "neither"


@pytest.mark.parametrize(
    "cmap, error, match",
    [
        (
            "virids",
            ArgumentError,
            "cmap needs the name of a Matplotlib colour map, got 'virids'. Did you mean 'viridis'?",
        ),
        (3, ArgumentTypeError, "cmap needs the name of a Matplotlib colour map or a Colormap, got int"),
    ],
)
def test_colour_maps_are_checked(cmap, error, match):
    with pytest.raises(error, match=match.replace("?", r"\?")):
        solved(Known(SQUARE)).plot("solution", cmap=cmap)


# ---- given axes


def test_a_panel_in_given_axes():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    solution = solved(Known(SQUARE), 0.25)
    assert solution.plot(ax=left, resolution=5, cmap="magma") is figure
    (image,) = left.get_images()
    assert image.get_cmap().name == "magma"
    assert float(image.get_array()[0, 0]) == 1.25
    assert not right.has_data()
    solution.plot("error", ax=right, resolution=5)
    assert right.get_title() == "|u − reference|"
    assert figure.get_suptitle() == ""


def test_curves_and_moments_in_given_axes():
    ax = Figure().subplots()
    solved(Known(DOMAINS["time and line"])).plot("solution", ax=ax, times=[0, 1], resolution=3)
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[1, 2, 3], [1001, 1002, 1003]]
    ax = Figure().subplots()
    solved(Known(DOMAINS["time and square"])).plot(ax=ax, times=[0.5], resolution=3)
    assert float(ax.get_images()[0].get_array()[0, 0]) == 501.0
    assert "t = 0.5" in ax.get_title()


@pytest.mark.parametrize(
    "name, unknowns, options, match",
    [
        ("square", ("u", "v"), {}, "ax needs a picture of one panel: give unknown= as one of u, v, got None"),
        ("time and square", ("u",), {}, r"got 4 moments: give one of them, as in times=\[1\]"),
        ("square", ("u",), {"kind": "overview"}, "ax needs a kind of one panel"),
        ("square", ("u",), {"kind": "spectra"}, "ax needs a kind of one panel"),
        (
            "square",
            ("u",),
            {"kind": "surface"},
            "ax needs axes in three dimensions, as projection='3d' makes them",
        ),
    ],
)
def test_given_axes_that_do_not_fit(name, unknowns, options, match):
    with pytest.raises(ArgumentError, match=match):
        solved(Known(DOMAINS[name], unknowns)).plot(ax=Figure().subplots(), resolution=3, **options)


def test_axes_of_another_kind():
    solution = solved(Known(SQUARE))
    with pytest.raises(ArgumentTypeError, match="ax needs one Matplotlib Axes, got ndarray"):
        solution.plot(ax=Figure().subplots(1, 2))
    with pytest.raises(ArgumentError, match="ax needs flat axes for kind='solution', got Axes3D"):
        solution.plot(ax=Figure().add_subplot(projection="3d"))


# ---- vectors


@pytest.mark.parametrize(
    "unknowns, domain, found",
    [
        (("u", "v", "p"), SQUARE, ("u", "v")),
        (("p", "v", "u"), SQUARE, ("u", "v")),
        (("E", "Hx", "Hy"), SQUARE, ("Hx", "Hy")),
        (("q_y", "T", "q_x"), SQUARE, ("q_x", "q_y")),
        (("u", "v", "w", "p"), CUBE, ("u", "v", "w")),
    ],
)
def test_names_that_tell_a_vector(unknowns, domain, found):
    assert vector_names(Known(domain, unknowns)) == found


@pytest.mark.parametrize("unknowns", [("u", "v"), ("u",), ("a", "b", "c"), ("x", "y")])
def test_names_that_do_not_tell(unknowns):
    with pytest.raises(ArgumentError, match="vector needs one of the unknowns for each coordinate x, y"):
        solved(Known(SQUARE, unknowns)).plot("quiver")


def test_wrong_vectors_are_refused():
    problem = Known(SQUARE, ("u", "v"))
    for vector in (("u",), ("u", "u"), ("u", "w"), ("u", "v", "u")):
        with pytest.raises(
            ArgumentError, match="vector needs one of the unknowns u, v for each coordinate x, y"
        ):
            vector_names(problem, vector)
    with pytest.raises(ArgumentTypeError, match="vector needs a tuple of unknowns"):
        vector_names(problem, "uv")  # type: ignore[arg-type]


def test_arrows_point_along_the_vector():
    figure = exactly(Turning(CENTRED)).plot("quiver", resolution=5)
    (arrows,) = [c for ax in figure.axes for c in ax.collections if isinstance(c, Quiver)]
    np.testing.assert_allclose(arrows.U, -arrows.Y, atol=1e-12)
    np.testing.assert_allclose(arrows.V, arrows.X, atol=1e-12)
    np.testing.assert_allclose(arrows.get_array(), np.hypot(arrows.X, arrows.Y), atol=1e-12)
    assert figure.axes[0].get_title() == "|(u, v)|"


def test_streamlines_of_a_rotation_are_circles():
    figure = exactly(Turning(CENTRED)).plot("streamlines", resolution=41)
    (lines,) = [c for c in figure.axes[0].collections if hasattr(c, "get_segments")]
    segments = np.array([s for s in lines.get_segments() if len(s) == 2])
    radii = np.linalg.norm(segments, axis=2)
    assert np.abs(radii[:, 1] - radii[:, 0]).max() < 0.01
    assert png(figure).std() > 0.02


def test_vectors_stay_inside_the_domain():
    domain = CENTRED - sciml.Disk([0.0, 0.0], 0.5)
    figure = exactly(Turning(domain)).plot("quiver", resolution=21)
    (arrows,) = [c for c in figure.axes[0].collections if isinstance(c, Quiver)]
    assert np.hypot(arrows.X, arrows.Y).min() >= 0.5 - 1e-9
    figure = exactly(Turning(domain)).plot("streamlines")
    (lines,) = [c for c in figure.axes[0].collections if hasattr(c, "get_segments")]
    assert np.linalg.norm(np.concatenate(lines.get_segments()), axis=1).min() > 0.45


def test_vectors_in_a_plane_of_space_and_in_time():
    timed = exactly(Turning(sciml.TimeInterval(0, 1) * CENTRED))
    figure = timed.plot("quiver", times=[0, 1], resolution=5)
    first, last = [c for ax in figure.axes for c in ax.collections if isinstance(c, Quiver)]
    np.testing.assert_allclose(last.U, 2 * first.U, atol=1e-12)
    assert first.get_clim() == last.get_clim()
    body = solved(Known(CUBE, ("u", "v", "w", "p")))
    assert "|(u, w)|" in body.plot("quiver", axes=("x", "z"), resolution=3).axes[0].get_title()
    with pytest.raises(
        ArgumentError, match="axes needs two coordinates of space to draw a vector over, got t, x"
    ):
        timed.plot("quiver", axes=("t", "x"))


def test_a_fluid_at_rest():
    problem = Turning(CENTRED)
    problem.exact = lambda x: torch.zeros(len(x), 3, dtype=x.dtype)  # type: ignore[method-assign]
    for kind in ("quiver", "streamlines"):
        figure = exactly(problem).plot(kind)
        assert [text.get_text() for text in figure.axes[0].texts] == ["at rest"]
        png(figure)


# ---- three dimensions


def test_a_surface_has_the_heights_of_the_solution():
    figure = solved(Known(DOMAINS["hole"])).plot("surface", resolution=15)
    (surface,) = figure.axes[0].collections
    x, y, z = np.asarray(surface._faces).reshape(-1, 3).T  # corners of the triangles
    np.testing.assert_allclose(z, 1 + x + 10 * y, atol=1e-9)
    assert np.hypot(x - 1.0, y - 0.5).min() > 0.29
    assert figure.axes[0].get_zlabel() == "u"
    assert png(figure).std() > 0.02


def test_triangles_cover_the_domain():
    (plane,) = choose_slices(Known(DOMAINS["hole"]))
    points, corners = triangles(plane, 41)
    a, b, c = points[corners].transpose(1, 0, 2)
    area = 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum()
    assert area == pytest.approx(2 - np.pi * 0.09, rel=2e-3)


def test_a_body_cut_by_planes():
    figure = solved(Known(CUBE)).plot("slices", at={"z": 0.25}, resolution=3)
    (faces,) = figure.axes[0].collections
    means = 1 + np.array([[1.0, 10.0, 100.0]]) @ np.asarray(faces._faces).mean(1).T
    np.testing.assert_allclose(np.sort(faces.get_array()), np.sort(means[0]), rtol=1e-9)
    flat = [set(np.unique(np.asarray(face)[:, 2])) for face in faces._faces]
    assert {0.25} in flat
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_zlabel()) == ("x", "z")
    moment = solved(Known(DOMAINS["time and cube"])).plot("slices", times=[1], resolution=3)
    assert "t = 1" in moment.axes[0].get_title()
    assert float(moment.axes[0].collections[0].get_array().min()) > 1000


@pytest.mark.parametrize(
    "name, kind, options, match",
    [
        ("square", "slices", {}, "kind='slices' needs three coordinates, got x, y"),
        ("cube", "slices", {"axes": ("x", "y")}, "axes needs three coordinates of x, y, z"),
        ("cube", "slices", {"at": {"q": 1}}, "at: unknown coordinate 'q'"),
        ("cube", "slices", {"at": {"x": 7}}, r"x needs a number in \[0, 1\], got 7"),
        ("cube", "slices", {"times": [0]}, "times needs one moment of a body in space"),
        ("line", "surface", {}, "kind='surface' needs two coordinates, got x"),
    ],
)
def test_what_has_no_three_dimensions(name, kind, options, match):
    with pytest.raises(ArgumentError, match=match):
        solved(Known(DOMAINS[name])).plot(kind, **options)


# ---- units and history


class Warm(Known):
    units = {"x": "m", "u": "K"}  # noqa: RUF012


def test_units_are_on_the_labels():
    figure = solved(Warm(SQUARE), 0.1).plot(resolution=5)
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == [
        "u [K]",
        "u, reference [K]",
        "|u − reference| [K]",
    ]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("x [m]", "y")
    line = solved(Warm(DOMAINS["line"])).plot("solution", resolution=5).axes[0]
    assert (line.get_xlabel(), line.get_ylabel()) == ("x [m]", "u [K]")


@pytest.mark.parametrize(
    "units, error", [({"q": "m"}, ArgumentError), ({"x": 1}, ArgumentError), ("m", ArgumentTypeError)]
)
def test_units_are_checked_before_training(units, error):
    problem = Known(SQUARE)
    problem.units = units
    with pytest.raises(error, match="units needs texts by the names x, y, u"):
        problem.validate()


def test_redraws_are_marked():
    ax = Figure().subplots()
    rows = [
        {"seconds": float(k), "loss": 1.0, "held_out": 2.0, "draws": float(d)}
        for k, d in enumerate((0, 0, 1, 1, 3))
    ]
    draw_history(ax, rows)
    lines = {line.get_label(): list(line.get_xdata()) for line in ax.get_lines()}
    assert lines["points redrawn"] == [2.0, 4.0]
    assert lines["training loss"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert set(lines) == {"training loss", "held-out loss", "points redrawn"}  # and no curve of the draws


def test_a_run_counts_its_redraws():
    solution = sciml.solve(
        Known(SQUARE),
        sciml.nn.MLP([2, 4, 1], "tanh"),
        optimizer="adam",
        max_steps=230,
        progress=False,
        points=20,
        tol=1e-12,
    )
    draws = [row["draws"] for row in solution.history]
    assert draws[0] == 0 and draws == sorted(draws) and draws[-1] >= 1
