"""Files that are damaged, forged or made to harm: always a refusal, never a hang, a crash or wrong data."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import file_reader, fuzz, hdf5_checksums
from benchmarks.hostile_files import CONFIG, FILES, SECRET, arrays, edited, expect, with_config
from sciml.errors import FileFormatError
from sciml.solvers.files import container, hdf5_flat


@pytest.mark.parametrize("name", FILES)
def test_hostile_file(tmp_path: Path, name: str):
    make, reason = FILES[name]
    path = tmp_path / "file.h5"
    make(path)
    with pytest.raises(FileFormatError) as caught:
        container.read(path, "solution", expect)
    message = str(caught.value)
    assert message.startswith(f"{path}: refused: ")
    assert re.search(reason, message), message
    assert SECRET.decode() not in message


@pytest.mark.parametrize("name", FILES)
def test_peek_at_a_hostile_file(tmp_path: Path, name: str):
    path = tmp_path / "file.h5"
    FILES[name][0](path)
    with contextlib.suppress(FileFormatError):
        header = container.peek(path)
        assert sum(np.prod(shape, dtype=float) for shape, _ in header.arrays.values()) < 100


def test_the_hostile_files_differ_from_a_good_one_by_their_fault_alone(tmp_path: Path):
    edited(tmp_path / "edited", lambda file: None)
    with_config(CONFIG)(tmp_path / "rebuilt")
    for name in ("edited", "rebuilt"):
        config, got = container.read(tmp_path / name, "solution", expect)
        assert fuzz.equal((config, got), (CONFIG, arrays()))


def test_the_structure_is_checked_without_the_seal(tmp_path: Path):
    """Points that HDF5's view of a file must refuse by itself, before anything is read."""
    path = tmp_path / "f"
    container.write(path, "solution", CONFIG, arrays())
    image = path.read_bytes()
    with hdf5_flat.FlatFile(image) as file:
        assert file.datasets["coef"] == ("float64", (3, 4))
        np.testing.assert_array_equal(file.read("coef"), arrays()["coef"])
    for wrong in (image[:-1], image + b"\0", image.replace(b"\x89HDF", b"\x89HDG")):
        with pytest.raises(FileFormatError):
            hdf5_flat.FlatFile(wrong)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "packed"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    path = tmp_path_factory.mktemp("fuzz") / "saved.h5"
    fuzz.save_example(path, pack=request.param)
    reader = fuzz.Reader(path)
    yield path.read_bytes(), reader
    reader.close()


REFUSED = {"same": 0, "silent": 0, "hangs": 0, "crashes": 0}


def test_flipped_bits(saved: tuple):
    data, reader = saved
    assert reader.count(fuzz.flips(data, 300, seed=1)) == {"refused": 300, **REFUSED}


def test_the_seal_is_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fuzz.save_example(tmp_path / "f")
    data = (tmp_path / "f").read_bytes()
    monkeypatch.setattr(container, "FlatFile", None)
    for bit in (8 * 520, 8 * (len(data) - 1)):
        (tmp_path / "f").write_bytes(fuzz.flip(data, bit))
        with pytest.raises(FileFormatError, match="bytes do not match its seal"):
            container.read(tmp_path / "f", "solution")


def test_every_bit_of_the_seal(saved: tuple):
    data, reader = saved
    bits = range(8 * 110)
    assert reader.count(fuzz.flip(data, bit) for bit in bits) == {"refused": len(bits), **REFUSED}


def test_cut_files(saved: tuple):
    data, reader = saved
    ends = [*range(40), *range(490, 620), *range(len(data) - 40, len(data))]
    assert reader.count(data[:end] for end in ends) == {"refused": len(ends), **REFUSED}


@pytest.mark.parametrize(
    "mutants",
    [
        lambda data: fuzz.resealed(fuzz.flips(data, 300, seed=2)),
        lambda data: fuzz.resealed(fuzz.cuts(data, 200, seed=2)),
        lambda data: fuzz.forgeries(data, 300, seed=2),
        lambda data: fuzz.scribbles(data, 200, seed=2),
    ],
    ids=["flips", "cuts", "forgeries", "scribbles"],
)
def test_damage_behind_a_right_seal(saved: tuple, mutants):
    data, reader = saved
    found = reader.count(mutants(data))
    assert (found["silent"], found["hangs"], found["crashes"]) == (0, 0, 0)
    assert found["refused"] > 50


def test_forgeries_carry_right_checksums(saved: tuple):
    data, _ = saved
    blocks = hdf5_checksums.structures(data)
    assert len(blocks) > 3
    for start, end in blocks:
        assert hdf5_checksums.lookup3(data[start:end]) == int.from_bytes(data[end : end + 4], "little")


def pid(reader: fuzz.Reader) -> int:
    number = reader._process.pid
    assert number is not None
    return number


def test_the_fuzzer_sees_hangs_crashes_and_silent_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, other = tmp_path / "saved.h5", tmp_path / "other.h5"
    fuzz.save_example(path)
    container.write(other, "solution", {}, {})
    reader = fuzz.Reader(path)
    try:
        assert reader.count([path.read_bytes(), other.read_bytes(), b""]) == {
            **REFUSED, "refused": 1, "same": 1, "silent": 1
        }  # fmt: skip
        os.kill(pid(reader), signal.SIGSTOP)
        monkeypatch.setattr(file_reader, "LIMIT", 0.1)
        assert reader.count([b""])["hangs"] == 1
        monkeypatch.setattr(file_reader, "LIMIT", 60.0)
        os.kill(pid(reader), signal.SIGSTOP)
        killer = threading.Timer(0.1, os.kill, (pid(reader), signal.SIGKILL))
        killer.start()
        assert reader.count([b""])["crashes"] == 1
        killer.join()
    finally:
        reader.close()


@pytest.mark.slow
def test_the_bar(saved: tuple, tmp_path: Path):
    """10,000 single-bit flips and 3,000 truncations of a saved solution."""
    data, reader = saved
    assert reader.count(fuzz.flips(data, 10_000, seed=0)) == {"refused": 10_000, **REFUSED}
    assert reader.count(fuzz.cuts(data, 3_000, seed=0)) == {"refused": 3_000, **REFUSED}
    for mutants in (fuzz.resealed(fuzz.flips(data, 10_000, seed=0)), fuzz.forgeries(data, 10_000, seed=0)):
        found = reader.count(mutants)
        assert (found["silent"], found["hangs"], found["crashes"]) == (0, 0, 0)
