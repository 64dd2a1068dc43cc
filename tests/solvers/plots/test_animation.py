"""Moving pictures: as many frames as asked for, the right times, one scale, nothing left behind by a failure."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

import sciml
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.plots import animation
from sciml.solvers.report import Report
from tests.solvers.plots.known import DOMAINS, Known, solved

LINE, PLANE = "time and line", "time and square"


@pytest.mark.parametrize(
    "name, unknowns, kind", [(LINE, ("u", "v"), "solution"), (PLANE, ("u", "v"), "error")]
)
def test_a_gif_has_its_frames(tmp_path, name, unknowns, kind):
    solution = solved(Known(DOMAINS[name], unknowns), 0.1)
    path = solution.animate(tmp_path / "u.gif", kind, frames=4, fps=5, resolution=5)
    with Image.open(path) as film:
        assert film.n_frames == 4
        assert film.info["duration"] == 200
        frames = []
        for k in range(4):
            film.seek(k)
            frames.append(np.asarray(film.convert("L"), dtype=float))
    assert all(frame.std() > 5 for frame in frames)
    assert np.abs(frames[0] - frames[3]).max() > 50


def test_frames_show_the_moments_in_one_scale(tmp_path, monkeypatch):
    seen = []

    def keep(figure, show, count, target, writer):
        for frame in range(count):
            show(frame)
            ax = figure.axes[0]
            seen.append((figure.get_suptitle(), ax.get_ylim(), list(ax.get_lines()[0].get_ydata())))

    monkeypatch.setattr(animation, "_write", keep)
    solved(Known(DOMAINS[LINE])).animate(tmp_path / "u.gif", frames=3, resolution=3)
    assert [title for title, _, _ in seen] == ["t = 0.00", "t = 0.50", "t = 1.00"]
    assert [curve for _, _, curve in seen] == [[1, 2, 3], [501, 502, 503], [1001, 1002, 1003]]
    (limits,) = {limits for _, limits, _ in seen}
    assert limits[0] < 1 and limits[1] > 1003


def test_a_page_holds_its_frames(tmp_path):
    path = solved(Known(DOMAINS[PLANE], ("u", "v", "p"))).animate(
        tmp_path / "u.html", "quiver", frames=3, resolution=4
    )
    page = path.read_text()
    assert page.count("data:image/png;base64") == 3
    assert [p.name for p in tmp_path.iterdir()] == ["u.html"]


def test_a_film_needs_its_program(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ArgumentError, match=r"path needs a name in .gif or .html, got one in .mp4"):
        solved(Known(DOMAINS[LINE])).animate(tmp_path / "u.mp4", frames=3)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg writes mp4")
def test_a_film(tmp_path):
    path = solved(Known(DOMAINS[LINE])).animate(tmp_path / "u.mp4", frames=3, resolution=9)
    assert path.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(
    "name, path, options, error, match",
    [
        (
            "square",
            "u.gif",
            {},
            ArgumentError,
            "animate needs a problem in time and space, got the coordinates x, y",
        ),
        (
            "time",
            "u.gif",
            {},
            ArgumentError,
            "animate needs a problem in time and space, got the coordinates t",
        ),
        (LINE, "u.avi", {}, ArgumentError, r"path needs a name that ends in one of .gif, .mp4, .html"),
        (LINE, "no/u.gif", {}, ArgumentError, "path needs a folder that exists"),
        (LINE, 3, {}, ArgumentTypeError, "path needs a file's name, got int"),
        (LINE, "u.gif", {"kind": "history"}, ArgumentError, "kind needs one of solution, reference"),
        (
            LINE,
            "u.gif",
            {"kind": "quiver"},
            ArgumentError,
            "kind='quiver' needs two coordinates of space, got x",
        ),
        (LINE, "u.gif", {"frames": 1}, ArgumentError, "frames needs"),
        (LINE, "u.gif", {"fps": 0}, ArgumentError, "fps needs"),
        (LINE, "u.gif", {"unknown": "q"}, ArgumentError, "unknown needs one of u, got 'q'"),
    ],
)
def test_what_is_refused(tmp_path, name, path, options, error, match):
    target = tmp_path / path if isinstance(path, str) else path
    with pytest.raises(error, match=match):
        solved(Known(DOMAINS[name])).animate(target, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("good", [0, 2])
def test_a_failure_leaves_no_file(tmp_path, monkeypatch, good):
    solution = solved(Known(DOMAINS[LINE]))
    shown = iter(range(good))
    monkeypatch.setattr(animation, "_moment", lambda *_: 1 / (next(shown, None) is not None))
    with pytest.raises(ZeroDivisionError):
        solution.animate(tmp_path / "u.gif", frames=3, resolution=3)
    assert list(tmp_path.iterdir()) == []


def test_a_chain_that_ended_early_is_drawn_up_to_its_end(tmp_path):
    problem = sciml.pdes.Burgers(nu=0.05)
    solution = sciml.solve(problem, windows=4, max_steps=1, progress=False, points=60)
    until = solution.trial.until
    assert isinstance(solution.trial, Trial) or until <= 1.0
    shorter = sciml.Solution(problem, type(solution.trial)(problem, solution.trial.windows[:1]), [], Report())
    until = shorter.trial.until
    assert 0 < until < 1
    (ax,) = [ax for ax in shorter.plot("solution", resolution=9).axes if ax.get_images()]
    assert ax.get_xlim() == (0.0, until)
    assert np.isfinite(np.asarray(ax.get_images()[0].get_array())).all()
    with pytest.raises(ArgumentError, match=r"t needs a number in \[0, 0.25\], got 0.5"):
        shorter.plot("solution", times=[0.5])
    with Image.open(shorter.animate(tmp_path / "u.gif", frames=2, resolution=9)) as film:
        assert film.n_frames == 2
