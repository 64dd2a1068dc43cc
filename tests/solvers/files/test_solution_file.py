"""Files of solutions: what comes back is the same bit by bit, and what is not right is refused."""

from __future__ import annotations

import html.parser
import json
import math
import os

import numpy as np
import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError, FileWriteError
from sciml.solvers.files import container, solution_file

OPTIONS = {"progress": False, "points": 30, "max_steps": 5}


def torch_model(width: int = 4) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))


def adapted_kan() -> nn.KAN:
    network = nn.KAN([2, 3, 1], grid=[4, 3], seed=2)
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 2
    return network.update_grid(2 * x - 1, mix=0.5)  # knots that no configuration implies


class Reaction(sciml.PDE):
    domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    conditions = (sciml.Dirichlet(0.0),)
    rate = 1.0

    def residual(self, u, x):
        return -u.laplacian() + self.rate * u**3 - 1.0


class Pair(sciml.PDE):
    unknowns = ("u", "v")
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (
        sciml.Initial(1.0, component="u"),
        sciml.Initial(0.0, component="v"),
        sciml.Periodic("x"),
    )

    def residual(self, u, x):
        return {"mass": u["u"].d("t") + u["v"].d("x"), "momentum": u["v"].d("t") + u["u"].d("x")}


SOLVED = {
    "mlp": (pdes.Poisson(2), lambda: nn.MLP([2, 5, 1])),
    "fourier": (pdes.Poisson(2, frequency=2), lambda: nn.MLP([2, 5, 1], "sine", fourier=3, scale=2.0)),
    "kan": (pdes.Poisson(2), adapted_kan),
    "kinks": (pdes.Poisson(2), lambda: nn.KAN([2, 3, 1], grid=3).insert(0, 0.3, axis=1, multiplicity=3)),
    "slim kan on two grids": (pdes.Poisson(2), lambda: nn.SlimKAN([2, 3, 1], r=9).refine([8, 11])),
    "float parameters": (pdes.Burgers(nu=0.1234567890123456789), lambda: nn.MLP([2, 5, 1])),
    "periodic": (pdes.ReactionDiffusion(), lambda: nn.MLP([3, 5, 1])),
    "default": (pdes.Poisson(1), lambda: None),
}


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, torch.float64) for name in SOLVED), ("mlp", torch.float32)], ids=str
)
def test_round_trip(name, dtype, tmp_path):
    problem, model = SOLVED[name]
    solution = sciml.solve(problem, model(), dtype=dtype, **OPTIONS)
    solution.save(tmp_path / "s.h5")
    loaded = sciml.load(tmp_path / "s.h5")
    x = problem.domain.sample(57, seed=9)
    assert torch.equal(loaded(x), solution(x))
    assert torch.equal(loaded(x.float()), solution(x.float()))
    assert torch.equal(loaded.residual(x), solution.residual(x))
    assert loaded.problem == problem
    assert loaded.history == solution.history
    assert loaded.stats == solution.stats
    assert loaded.error() == solution.error()
    assert repr(loaded) == repr(solution)
    loaded.save(tmp_path / "again.h5")
    assert (
        container.read(tmp_path / "again.h5", "solution")[0]
        == container.read(tmp_path / "s.h5", "solution")[0]
    )


def test_a_loaded_solution_can_be_trained_on(tmp_path):
    solution = sciml.solve(pdes.Poisson(2), nn.MLP([2, 5, 1]), **OPTIONS)
    solution.save(tmp_path / "s.h5")
    loaded = sciml.load(tmp_path / "s.h5")
    further = sciml.solve(pdes.Poisson(2), loaded.network, **(OPTIONS | {"max_steps": 30}))
    # what training lowers is the residual; the error of so small a network need not follow
    assert further.stats["residual"] < solution.stats["residual"]
    assert all(p.requires_grad for p in loaded.network.parameters())


@pytest.mark.parametrize("problem", [Reaction(), Pair()], ids=lambda p: type(p).__name__)
def test_problems_of_ones_own_are_given_again(problem, tmp_path):
    file = tmp_path / "s.h5"
    solution = sciml.solve(problem, **OPTIONS)
    solution.save(file)
    with pytest.raises(
        ArgumentError, match=rf"problem is needed: .*s.h5 was made with {type(problem).__name__}"
    ):
        sciml.load(file)
    loaded = sciml.load(file, problem=type(problem)())
    x = problem.domain.sample(20)
    assert torch.equal(loaded(x), solution(x))


def test_another_problem_is_not_taken_for_the_saved_one(tmp_path):
    file = tmp_path / "s.h5"
    sciml.solve(Reaction(), **OPTIONS).save(file)

    def changed(**parts):
        return type("Reaction", (Reaction,), parts)()

    others = {
        "coordinates": changed(domain=sciml.Box([0, 0], [1, 1], names=("a", "b"))),
        "upper": changed(domain=sciml.Box([0, 0], [1, 2], names=("x", "y"))),
        "unknowns": changed(unknowns=("w",)),
        "conditions": changed(conditions=(sciml.Dirichlet(0.0, on="x=0"), sciml.Neumann(0.0, on="x=1"))),
        "equation or source": changed(rate=1.001),
        "other values": changed(conditions=(sciml.Dirichlet(0.001),)),
    }
    for what, other in others.items():
        with pytest.raises(ArgumentError, match=what):
            sciml.load(file, problem=other)
    with pytest.raises(ArgumentTypeError, match="problem needs a PDE instance"):
        sciml.load(file, problem=Reaction)


def test_a_new_source_is_given_again(tmp_path):
    file = tmp_path / "s.h5"
    problem = pdes.Poisson(2).with_source(lambda x: 1 + x[:, :1])
    solution = sciml.solve(problem, nn.MLP([2, 5, 1]), **OPTIONS)
    solution.save(file)
    with pytest.raises(ArgumentError, match=r"problem is needed: .* poisson with functions of your own"):
        sciml.load(file)
    with pytest.raises(ArgumentError, match="another equation or source"):
        sciml.load(file, problem=pdes.Poisson(2))
    assert torch.equal(sciml.load(file, problem=problem)(torch.zeros(1, 2)), solution(torch.zeros(1, 2)))


def test_a_problem_of_the_catalogue_may_be_given_and_is_compared(tmp_path):
    file = tmp_path / "s.h5"
    sciml.solve(pdes.Poisson(2), nn.MLP([2, 5, 1]), **OPTIONS).save(file)
    assert sciml.load(file, problem=pdes.Poisson(2)).outcome == "max_steps"
    with pytest.raises(ArgumentError, match="parameters: frequency: 1, not 3"):
        sciml.load(file, problem=pdes.Poisson(2, frequency=3))


def test_modules_of_ones_own_are_given_again(tmp_path):
    file = tmp_path / "s.h5"
    solution = sciml.solve(pdes.Poisson(2), torch_model(), **OPTIONS)
    solution.save(file)
    with pytest.raises(ArgumentError, match=r"model is needed: .* weights of a Sequential"):
        sciml.load(file)
    with pytest.raises(ArgumentError, match="model has another structure"):
        sciml.load(file, model=torch_model(5))
    with pytest.raises(ArgumentTypeError, match="model needs a Module instance"):
        sciml.load(file, model=torch_model)
    sine = torch_model()
    sine[1] = torch.nn.Sigmoid()
    with pytest.raises(ArgumentError, match="other values"):
        sciml.load(file, model=sine)
    assert torch.equal(
        sciml.load(file, model=torch_model())(torch.ones(1, 2) / 3), solution(torch.ones(1, 2) / 3)
    )


def test_statistics_that_are_not_finite_become_unknown(tmp_path):
    solution = sciml.solve(pdes.Poisson(2), nn.MLP([2, 5, 1]), **OPTIONS)
    solution.stats.residual = math.inf
    solution.history[-1]["loss"] = math.nan
    solution.save(tmp_path / "s.h5")
    loaded = sciml.load(tmp_path / "s.h5")
    assert loaded.stats.residual is None and "residual" not in loaded.stats
    assert "loss" not in loaded.history[-1]
    assert "outcome" in loaded._repr_html_()


def test_saving_where_it_cannot(tmp_path):
    solution = sciml.solve(pdes.Poisson(2), nn.MLP([2, 5, 1]), **OPTIONS)
    with pytest.raises(FileWriteError, match="create it first"):
        solution.save(tmp_path / "none" / "s.h5")
    file = tmp_path / "s.h5"
    file.write_bytes(b"old")
    with torch.no_grad():
        next(solution.network.parameters())[0] = math.nan
    with pytest.raises(ArgumentError, match="needs finite numbers"):
        solution.save(file)
    assert file.read_bytes() == b"old"


# ---- hostile files


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "s.h5"
    sciml.solve(pdes.Poisson(2), nn.KAN([2, 3, 1], grid=3), **OPTIONS).save(file)
    return container.read(file, "solution")


def put(config: dict, path: str, value) -> dict:
    """A copy of plain data with one entry replaced; ``DROP`` removes it."""
    config = json.loads(json.dumps(config))
    *way, last = path.split("/")
    inner = config
    for key in way:
        inner = inner[key]
    if value is DROP:
        del inner[last]
    else:
        inner[last] = value
    return config


DROP = object()
FORGED = {
    "no problem": ("problem", DROP),
    "problem is text": ("problem", "poisson"),
    "unknown name": ("problem/name", "no-such"),
    "name is a path": ("problem/name", "../../etc/passwd"),
    "name is a module": ("problem/name", "os.system"),
    "name is a list": ("problem/name", ["poisson"]),
    "parameter out of range": ("problem/parameters/dim", 10**9),
    "parameter of another type": ("problem/parameters/dim", "2"),
    "unknown parameter": ("problem/parameters", {"dim": 2, "domain": 3}),
    "another problem": ("problem/parameters", {"dim": 2, "frequency": 2}),
    "no parameters": ("problem/parameters", None),
    "coordinates": ("problem/coordinates", ["x", "y", "z"]),
    "unknowns": ("problem/unknowns", []),
    "no network": ("network", DROP),
    "kind": ("network/config/kind", "Sequential"),
    "kind is a list": ("network/config/kind", ["KAN"]),
    "widths": ("network/config/widths", [2, 4, 1]),
    "no widths": ("network/config/widths", DROP),
    "huge widths": ("network/config/widths", [10**9, 10**9]),
    "huge grid": ("network/config/grid", 10**12),
    "huge list of grids": ("network/config/grid", [3, 10**12]),
    "negative": ("network/config/widths", [2, -3, 1]),
    "widths are text": ("network/config/widths", "231"),
    "degree": ("network/config/degree", 2),
    "foreign argument": ("network/config/hook", "print"),
    "dtype argument": ("network/config/dtype", "float64"),
    "tensors": ("network/tensors", {}),
    "tensor's shape": ("network/tensors/layers.0.coef", ["float64", [2, 6, 4]]),
    "dtype": ("dtype", "float16"),
    "dtype is an attribute": ("dtype", "load"),
    "rows": ("rows", -1),
    "rows are text": ("rows", "2"),
    "history": ("history", "loss"),
    "history of numbers": ("history", [1, 2]),
    "stats": ("stats", []),
    "outcome": ("stats/outcome", 3),
    "seconds": ("stats/seconds", "1e9"),
    "notes": ("stats/notes", {"a": "b"}),
    "equations": ("equations", 10**6),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_configurations_are_refused(name, saved, tmp_path):
    config, arrays = saved
    file = tmp_path / "forged.h5"
    container.write(file, "solution", put(config, *FORGED[name]), arrays)
    with pytest.raises(FileFormatError, match=r"forged\.h5.*refused"):
        sciml.load(file)


def test_the_unforged_file_is_accepted(saved, tmp_path):
    container.write(tmp_path / "good.h5", "solution", put(saved[0], "sciml", "0.1.0"), saved[1])
    assert sciml.load(tmp_path / "good.h5").outcome == "max_steps"


@pytest.mark.parametrize(
    "name", ["network.layers.0.coef", "network.layers.1.knots", "probe.values", "probe.points"]
)
def test_forged_numbers_are_refused(name, saved, tmp_path):
    config, arrays = saved
    forged = {**arrays, name: arrays[name] + 0.37}
    container.write(tmp_path / "forged.h5", "solution", config, forged)
    with pytest.raises(FileFormatError, match="other values than it had"):
        sciml.load(tmp_path / "forged.h5")


@pytest.mark.parametrize("change", ["missing", "more", "float32", "nan"])
def test_forged_arrays_are_refused(change, saved, tmp_path):
    config, arrays = saved
    arrays, name = dict(arrays), "network.layers.0.coef"
    if change == "missing":
        del arrays[name]
    elif change == "more":
        arrays["network.extra"] = np.zeros(3)
    elif change == "float32":
        arrays[name] = arrays[name].astype(np.float32)
    else:
        arrays[name] = arrays[name].copy()
        arrays[name][0, 0, 0] = math.nan
        config = {**config, "allow_nan": [*config["allow_nan"], name]}
    container.write(tmp_path / "forged.h5", "solution", config, arrays)
    with pytest.raises(FileFormatError, match="refused"):
        sciml.load(tmp_path / "forged.h5")


def test_a_small_file_cannot_ask_for_much_memory(saved, tmp_path, monkeypatch):
    """Sizes are compared with the file's own before anything is built."""
    config = put(saved[0], "network/config/widths", [30_000, 30_000, 1])
    container.write(tmp_path / "forged.h5", "solution", config, saved[1])

    def build(*arguments):
        raise AssertionError("a network was built")

    monkeypatch.setattr(solution_file, "from_config", build)
    with pytest.raises(FileFormatError, match="does not go with"):
        sciml.load(tmp_path / "forged.h5")


def test_other_files_are_refused(saved, tmp_path):
    file = tmp_path / "s.h5"
    container.write(file, "checkpoint", *saved)
    with pytest.raises(FileFormatError, match="its kind is 'checkpoint'"):
        sciml.load(file)
    for content in (b"", b"\x89HDF\r\n\x1a\n" + bytes(600), os.urandom(4000)):
        file.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"s\.h5: refused"):
            sciml.load(file)
    with pytest.raises(FileFormatError, match="refused"):
        sciml.load(tmp_path)


# ---- how a notebook shows it


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_is_well_formed_and_escaped():
    solution = sciml.solve(pdes.Poisson(2), nn.KAN([2, 3, 1], grid=3), **OPTIONS)
    solution.stats.notes = ["<script>alert('no')</script>"]
    tags = Tags()
    tags.feed(solution._repr_html_())
    assert tags.open == []
    assert tags.seen <= {"div", "table", "tbody", "tr", "th", "td", "img"}
    assert "<script>" in tags.text  # as text
    for words in ("Poisson(dim=2", "max_steps", "KAN [2, 3, 1], grid 3, degree 3", "relative L2 error"):
        assert words in tags.text


def test_html_survives_a_solution_that_cannot_be_drawn(monkeypatch):
    solution = sciml.solve(pdes.Poisson(2), nn.MLP([2, 5, 1]), **OPTIONS)
    monkeypatch.setattr("sciml.solvers.plots.plotting.plot", None)
    assert "<img" not in solution._repr_html_()
    assert "<table" in solution._repr_html_()
