"""Adapter files that do not fit: each is refused with a message that names the file and says what is wrong."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import LoRA, LoTRA
from sciml.errors import ArgumentError, FileFormatError
from sciml.pdes import Poisson

NEW = Poisson(2, frequency=2)


@pytest.fixture(scope="module")
def base():
    return sciml.solve(Poisson(2), nn.KAN([2, 4, 3, 1], grid=3), max_steps=2, progress=False)


@pytest.fixture
def host(base):
    """The base with no adapters kept from other tests."""
    yield base
    for name in list(base.adapters):
        base.delete_adapter(name)


def changed(host, path, monkeypatch, config, **fields):
    """Save an adapter at its start whose file, seal and all, states other fields than it has."""
    tuned = host.add_adapter(config, "a", NEW)
    data = {**tuned.config.to_dict(), **fields}
    with monkeypatch.context() as patch:
        patch.setattr(type(config), "to_dict", lambda self: data)
        tuned.save_adapter(path)
    host.delete_adapter("a")
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
    host, tmp_path, monkeypatch, config, fields, message
):
    path = changed(host, tmp_path / "a.h5", monkeypatch, config, **fields)
    with pytest.raises(FileFormatError, match=message) as caught:
        host.load_adapter(path, problem=NEW)
    assert str(path) in str(caught.value) and not host.adapters


def test_other_files_are_refused_by_what_they_are(host, tmp_path):
    tuned = host.add_adapter(LoRA(r=2), "a", NEW)
    tuned.save_adapter(tmp_path / "a.h5")
    whole = (tmp_path / "a.h5").read_bytes()
    host.save(tmp_path / "solution.h5")
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("not HDF5 at all")
    for name in ("solution", "cut", "text", "missing"):
        with pytest.raises(FileFormatError, match=rf"{name}\.h5"):
            host.load_adapter(tmp_path / f"{name}.h5", name="b", problem=NEW)
    with pytest.raises(FileFormatError, match=r"a\.h5"):
        sciml.load(tmp_path / "a.h5")


@pytest.mark.parametrize("widths", [[2, 4, 3, 1], [2, 5, 3, 1], [2, 4, 1]], ids=str)
def test_another_base_is_refused_by_its_fingerprint(host, tmp_path, widths):
    """Other weights, another width, a layer fewer."""
    host.add_adapter(LoRA(r=2), "a", NEW).save_adapter(tmp_path / "a.h5")
    other = sciml.solve(Poisson(2), nn.KAN(widths, grid=3, seed=4), max_steps=1, progress=False)
    with pytest.raises(FileFormatError, match="made for another base: the fingerprint"):
        other.load_adapter(tmp_path / "a.h5", problem=NEW)


def test_an_adapter_on_the_wrong_network_names_what_differs(host):
    tuned = host.add_adapter(LoRA(r=2), "a", NEW)
    with pytest.raises(ArgumentError, match="base needs the parameters that the adapter was made for"):
        tuned.adapter.apply(nn.KAN([2, 5, 1], grid=3))
    with pytest.raises(ArgumentError, match="theta needs shape"):
        tuned.adapter.load_vector(torch.zeros(3, dtype=torch.float64))
