"""Solutions, adapters and checkpoints that are damaged or made to harm, read as a user reads them."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

import sciml
from benchmarks import file_kinds, fuzz
from benchmarks.hostile_files import FILES
from benchmarks.hostile_kinds import FORGED, build, network
from sciml import nn, pdes
from sciml.errors import FileFormatError
from sciml.solvers.files import container, solution_file

KINDS = file_kinds.KINDS
EVERY = [(kind, name) for kind in KINDS for name in FORGED[kind]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    file_kinds.save_all(folder)
    return folder


@pytest.fixture(scope="module")
def read(folder):
    readers = {kind: file_kinds.reader(kind, folder) for kind in KINDS}
    for kind, reader in readers.items():
        reader(str(folder / f"{kind}.h5"))  # kernels are compiled
    return readers


def test_there_are_enough():
    assert len(EVERY) + len(FILES) >= 150


@pytest.mark.parametrize(("kind", "name"), EVERY, ids=str)
def test_a_hostile_file_is_refused(kind, name, folder, read, tmp_path):
    change, message = FORGED[kind][name]
    file = tmp_path / "x.h5"
    build(kind, container.read(folder / f"{kind}.h5", kind), change)(file)
    with file_kinds.peak_memory() as peak, pytest.raises(file_kinds.REFUSALS) as caught:
        read[kind](str(file))
    text = str(caught.value)
    assert re.search(message, text), text
    assert "x.h5" in text and text.isprintable() and len(text) < 2000
    assert not peak[0] > 500


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_content_is_taken(kind, folder, read, tmp_path):
    good = container.read(folder / f"{kind}.h5", kind)
    build(kind, good, lambda config, arrays: None)(tmp_path / "x.h5")
    assert (tmp_path / "x.h5").read_bytes()[600:] != b""
    assert file_kinds.same_numbers(read[kind](str(tmp_path / "x.h5")), read[kind](str(folder / f"{kind}.h5")))


@pytest.mark.parametrize(
    "sizes",
    [{"widths": [2, 1], "grid": 400_000}, {"widths": [2, *[1] * 100_000, 1]}, {"widths": [2, 4, 1]}],
    ids=lambda s: str(s)[:30],
)
@pytest.mark.parametrize("consistent", [False, True])
def test_no_network_is_built_before_the_sizes_agree(sizes, consistent, folder, tmp_path, monkeypatch):
    if consistent and sizes["widths"][1:] == [4, 1]:
        pytest.skip("sizes that agree")
    if consistent and len(sizes["widths"]) > 3:
        sizes = {"widths": [2, *[1] * 300, 1], "grid": 3}

    def none(*arguments):
        raise AssertionError("a network was built")

    monkeypatch.setattr(solution_file, "from_config", none)
    good = container.read(folder / "solution.h5", "solution")
    build("solution", good, network(consistent, **sizes))(tmp_path / "x.h5")
    with pytest.raises(FileFormatError, match=r"does not go with|may ask for at most|grid needs"):
        sciml.load(tmp_path / "x.h5")


def test_a_network_beyond_the_limits_is_given_as_model(tmp_path):
    """Nothing is lost: what a file alone may not ask for, its owner can still load."""
    network = nn.MLP([2, *[1] * 210, 1])
    solution = sciml.solve(pdes.Poisson(2), network, max_steps=1, points=30, progress=False, optimizer="adam")
    solution.save(tmp_path / "s.h5")
    with pytest.raises(FileFormatError, match=r"211 layers; a file alone may ask for at most 200.*model="):
        sciml.load(tmp_path / "s.h5")
    loaded = sciml.load(tmp_path / "s.h5", model=nn.MLP([2, *[1] * 210, 1]))
    x = np.random.default_rng(0).random((5, 2))
    assert np.array_equal(loaded(x), solution(x))


def test_a_long_history_is_thinned_and_keeps_its_end(tmp_path):
    solution = sciml.solve(pdes.Poisson(2), nn.MLP([2, 3, 1]), max_steps=1, points=30, progress=False)
    solution.history[:] = [{"step": k, "loss": 1.0} for k in range(150_008)]
    solution.save(tmp_path / "s.h5")
    steps = [row["step"] for row in sciml.load(tmp_path / "s.h5").history]
    assert steps == list(range(1, 150_008, 2))


@pytest.mark.parametrize("factor", [1 + 1e-4, 1 - 3e-5])
def test_a_weight_in_float64_may_not_change_by_what_float32_rounds(factor, folder, tmp_path):
    config, arrays = container.read(folder / "solution.h5", "solution")
    for name in [n for n in arrays if n.startswith("network.") and not n.endswith("knots")]:
        arrays[name] = arrays[name] * factor
    container.write(tmp_path / "x.h5", "solution", config, arrays)
    with pytest.raises(FileFormatError, match="other values"):
        sciml.load(tmp_path / "x.h5")


@pytest.mark.parametrize("kind", KINDS)
def test_flips_cuts_and_edits(kind, folder):
    """A part of what ``python -m benchmarks.fuzz`` does: 10,000 flips and 3,000 cuts there."""
    original = folder / f"{kind}.h5"
    data, reader = original.read_bytes(), fuzz.Reader(original, kind)
    try:
        refused = {"same": 0, "silent": 0, "hangs": 0, "crashes": 0}
        assert reader.count(fuzz.flips(data, 100, seed=1)) == {"refused": 100, **refused}
        assert reader.count(fuzz.cuts(data, 50, seed=1)) == {"refused": 50, **refused}
        for mutants in (
            fuzz.resealed(fuzz.flips(data, 60, seed=2)),
            fuzz.forgeries(data, 60, seed=2),
            fuzz.edited_configs(kind, original, 150, random.Random(2)),
        ):
            found = reader.count(mutants)
            assert (found["silent"], found["hangs"], found["crashes"]) == (0, 0, 0)
            assert found["refused"] > 5
        assert not reader.megabytes > 500
    finally:
        reader.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_bar(kind, folder):
    original = folder / f"{kind}.h5"
    data, reader = original.read_bytes(), fuzz.Reader(original, kind)
    try:
        assert reader.count(fuzz.flips(data, 10_000, seed=0))["refused"] == 10_000
        assert reader.count(fuzz.cuts(data, 3_000, seed=0))["refused"] == min(3_000, len(data))
    finally:
        reader.close()


@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_while_saving(kind, folder):
    found = fuzz.killed_saves(folder, kills=1, seed=3, kind=kind)
    assert (found["lost"], found["left"]) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_while_saving(kind, folder):
    assert fuzz.full_disk(folder, kind) == {"saves": 5, "refused": 5, "lost": 0, "left": 0}
