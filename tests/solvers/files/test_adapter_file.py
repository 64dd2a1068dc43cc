"""Adapter files that do not fit: each is refused with a message that names the file and says what is wrong."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import LoRA, LoTRA
from sciml.errors import ArgumentError, FileFormatError
from sciml.pdes import Poisson
from sciml.solvers.files import container

NEW = Poisson(2, frequency=2)


@pytest.fixture(scope="module")
def base():
    return sciml.solve(Poisson(2), nn.KAN([2, 4, 3, 1], grid=3), max_steps=2, progress=False)


@pytest.fixture
def solution(base):
    """The base with no adapters kept from other tests."""
    yield base
    for name in list(base.adapters):
        base.delete_adapter(name)


def changed(solution, path, monkeypatch, config, **fields):
    """Save an adapter at its start whose file, seal and all, states other fields than it has."""
    tuned = solution.add_adapter(config, "a", NEW)
    data = {**tuned.config.to_dict(), **fields}
    with monkeypatch.context() as patch:
        patch.setattr(type(config), "to_dict", lambda self: data)
        tuned.save_adapter(path)
    solution.delete_adapter("a")
    return path


@pytest.mark.parametrize("config", [LoRA(r=3), LoTRA(r=(2, 3, 2))], ids=["lora", "lotra"])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"r": 2}, r"shape"),
        ({"rank_pattern": {"layers.1.coef": 40}}, r"rank_pattern\['layers\.1\.coef'\] needs a rank <= "),
        ({"rank_pattern": {"layers.7.coef": 1}}, r"rank_pattern needs names among the targets"),
        (
            {"target_modules": ["layers.7.coef"]},
            r"target_modules needs .*, got 'layers\.7\.coef', which matches nothing",
        ),
        ({"target_modules": ["layers.0.coef"]}, r"'layers\.0\.base:\w+' does not belong to its config"),
        ({"kind": "dora"}, r"adapter kind needs one of"),
        ({"dropout": 0.1}, r"got also \['dropout'\]"),
        ({"rank_schedule": "soft"}, r"rank_schedule needs one of cut, joint"),
        ({"r": -1}, r"r needs an int of at least 0, got -1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_file_whose_configuration_does_not_fit_is_refused(
    solution, tmp_path, monkeypatch, config, fields, message
):
    path = changed(solution, tmp_path / "a.h5", monkeypatch, config, **fields)
    with pytest.raises(FileFormatError, match=message) as caught:
        solution.load_adapter(path, problem=NEW)
    assert str(path) in str(caught.value) and not solution.adapters


def test_other_files_are_refused_by_what_they_are(solution, tmp_path):
    tuned = solution.add_adapter(LoRA(r=2), "a", NEW)
    tuned.save_adapter(tmp_path / "a.h5")
    whole = (tmp_path / "a.h5").read_bytes()
    solution.save(tmp_path / "solution.h5")
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("not HDF5 at all")
    for name in ("solution", "cut", "text", "missing"):
        with pytest.raises(FileFormatError, match=rf"{name}\.h5"):
            solution.load_adapter(tmp_path / f"{name}.h5", name="b", problem=NEW)
    with pytest.raises(FileFormatError, match=r"a\.h5"):
        sciml.load(tmp_path / "a.h5")


@pytest.mark.parametrize("widths", [[2, 4, 3, 1], [2, 5, 3, 1], [2, 4, 1]], ids=str)
def test_another_base_is_refused_by_its_fingerprint(solution, tmp_path, widths):
    """Other weights, another width, a layer fewer."""
    solution.add_adapter(LoRA(r=2), "a", NEW).save_adapter(tmp_path / "a.h5")
    other = sciml.solve(Poisson(2), nn.KAN(widths, grid=3, seed=4), max_steps=1, progress=False)
    with pytest.raises(FileFormatError, match="made for another base: the fingerprint"):
        other.load_adapter(tmp_path / "a.h5", problem=NEW)


@pytest.mark.parametrize("move", [lambda net: net.layers[0].knots.add_(0.1), lambda net: net.refine(9)])
def test_a_base_on_other_knots_is_another_base(tmp_path, move):
    solution = sciml.solve(Poisson(2), nn.KAN([2, 3, 1], grid=3), max_steps=1, progress=False)
    solution.add_adapter(LoTRA(r=2), "a", NEW).save_adapter(tmp_path / "a.h5")
    move(solution.network)
    with pytest.raises(FileFormatError, match="made for another base: the fingerprint"):
        solution.load_adapter(tmp_path / "a.h5", name="b", problem=NEW)


def test_an_adapter_on_the_wrong_network_names_what_differs(solution):
    tuned = solution.add_adapter(LoRA(r=2), "a", NEW)
    with pytest.raises(ArgumentError, match="base needs the parameters that the adapter was made for"):
        tuned.adapter.apply(nn.KAN([2, 5, 1], grid=3))
    with pytest.raises(ArgumentError, match="theta needs shape"):
        tuned.adapter.load_vector(torch.zeros(3, dtype=torch.float64))


def trained(solution, config, name="a"):
    return solution.finetune(NEW, config, name=name, max_steps=8, points=30, progress=False)


@pytest.mark.parametrize("alpha", [6.0, 3.0003])
def test_a_changed_scale_is_noticed_by_the_values(solution, tmp_path, monkeypatch, alpha):
    tuned = trained(solution, LoRA(r=3, alpha=3.0))
    data = {**tuned.config.to_dict(), "alpha": alpha}
    with monkeypatch.context() as patch:
        patch.setattr(LoRA, "to_dict", lambda self: data)
        tuned.save_adapter(tmp_path / "a.h5")
    with pytest.raises(FileFormatError, match="other values than it had"):
        solution.load_adapter(tmp_path / "a.h5", name="b")


def test_a_file_without_values_is_still_read(solution, tmp_path):
    """Version 0.1.0 did not write them."""
    tuned = trained(solution, LoRA(r=3))
    tuned.save_adapter(tmp_path / "a.h5")
    config, arrays = container.read(tmp_path / "a.h5", "adapter")
    del config["values"], arrays["probe.points"], arrays["probe.values"]
    container.write(tmp_path / "old.h5", "adapter", config, arrays, pack=True)
    x = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(solution.load_adapter(tmp_path / "old.h5", name="b")(x), tuned(x))


def test_the_values_are_those_of_the_factors_when_saved(solution, tmp_path):
    """An adapter that trains on after a save has not kept what it was."""
    tuned = solution.add_adapter(LoRA(r=2), "a", NEW)
    tuned.save_adapter(tmp_path / "start.h5")
    tuned.adapter.load_vector(tuned.adapter.vector() + 0.1)
    tuned.save_adapter(tmp_path / "later.h5")
    x = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(solution.load_adapter(tmp_path / "later.h5", name="b")(x), tuned(x))
    assert torch.equal(solution.load_adapter(tmp_path / "start.h5", name="c")(x), solution(x))


@pytest.mark.parametrize("name", ["../x", "a\x1b[2J", "a\nb", "x" * 201])
def test_a_name_that_no_file_may_hold_is_refused_when_saving(solution, tmp_path, name):
    tuned = solution.add_adapter(LoRA(r=2), name, NEW)
    with pytest.raises(ArgumentError, match="name needs 1 to 200 printable characters"):
        tuned.save_adapter(tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["name", "kind", "rank", "option"])
def test_a_family_s_file_of_another_member_or_request_is_not_taken_up(solution, tmp_path, change):
    """The same problem under two names, and the same name under two requests."""
    members = {"one": NEW, "two": NEW}
    options = {"adapter": LoRA(r=2), "max_steps": 1, "points": 30}
    first = solution.finetune_family(members, folder=tmp_path, **options)
    assert not first.resumed
    assert solution.finetune_family(members, folder=tmp_path, **options).resumed == ["one", "two"]
    if change == "name":
        (tmp_path / "two.h5").write_bytes((tmp_path / "one.h5").read_bytes())
    else:
        options |= {
            "kind": {"adapter": LoTRA(r=2)},
            "rank": {"adapter": LoRA(r=1)},
            "option": {"max_steps": 2},
        }[change]
    resumed = solution.finetune_family(members, folder=tmp_path, **options).resumed
    assert resumed == (["one"] if change == "name" else [])
