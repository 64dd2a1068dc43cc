"""Saving and loading plain data and arrays: what goes in comes out, and nothing else goes in."""

from __future__ import annotations

import gc
import math
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.hostile_files import CONFIG, arrays, expect
from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError
from sciml.solvers.files import container

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]
PACK = pytest.mark.parametrize("pack", [False, True], ids=["plain", "packed"])


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)
array_data = hnp.arrays(
    st.sampled_from(DTYPES),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    elements={"allow_nan": False, "allow_infinity": False},
)


@PACK
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=st.dictionaries(st.text("abc", max_size=3), json_data, max_size=4),
    arrays=st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:-]{0,8}", fullmatch=True), array_data, max_size=12
    ),
)
def test_round_trip(tmp_path: Path, pack: bool, config: dict, arrays: dict):
    arrays = {name: array for name, array in arrays.items() if name not in ("config", "packed")}
    path = tmp_path / "f.h5"
    container.write(path, "solution", config, arrays, pack=pack)
    got_config, got = container.read(
        path, "solution", lambda config: {name: (array.shape, array.dtype) for name, array in arrays.items()}
    )
    assert got_config == config
    assert got.keys() == arrays.keys()
    assert all(same(got[name], array) for name, array in arrays.items())
    assert all(array.flags.writeable and array.flags.c_contiguous for array in got.values())


@PACK
def test_any_memory_layout_is_saved_by_value(tmp_path: Path, pack: bool):
    base = np.arange(24.0).reshape(4, 6)
    given = {
        "t": base.T,
        "step": base[::2, ::-1],
        "big": base.astype(">f8"),
        "scalar": base[1, 1],
        "none": base[:0],
    }
    container.write(tmp_path / "f.h5", "solution", {}, given, pack=pack)
    _, got = container.read(tmp_path / "f.h5", "solution")
    for name, array in given.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].shape == np.shape(array)


def test_same_content_gives_the_same_bytes(tmp_path: Path):
    for name, order in (("a", 1), ("b", -1)):
        config = dict(list({"x": 1, "y": [0.1, None]}.items())[::order])
        container.write(tmp_path / name, "solution", config, dict(list(arrays().items())[::order]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tuples_become_lists_and_subclasses_plain(tmp_path: Path):
    container.write(tmp_path / "f", "solution", {"a": (1, (2,)), "b": np.float64(0.1)}, {})
    config, _ = container.read(tmp_path / "f", "solution")
    assert config == {"a": [1, [2]], "b": 0.1}
    assert type(config["b"]) is float


def test_an_adapter_file_is_small(tmp_path: Path):
    cores = {f"layers.{i}.core": np.random.default_rng(i).normal(size=250) for i in range(4)}
    config = {"note": "x" * 2800}
    container.write(tmp_path / "f", "adapter", config, cores, pack=True)
    assert (tmp_path / "f").stat().st_size <= 12_500
    many = {f"layers.{i}.core": np.ones((5, 2)) for i in range(100)}
    container.write(tmp_path / "f", "adapter", config, many, pack=True)
    assert (tmp_path / "f").stat().st_size < 16_000


def test_nan_needs_permission(tmp_path: Path):
    given = {"error": np.array([0.1, math.nan, math.inf])}
    with pytest.raises(ArgumentError, match=r"arrays\['error'\] needs finite.*allow_nan"):
        container.write(tmp_path / "f", "solution", {}, given)
    assert not (tmp_path / "f").exists()
    container.write(tmp_path / "f", "solution", {"allow_nan": ["error"]}, given)
    _, got = container.read(tmp_path / "f", "solution")
    assert same(got["error"], given["error"])


@pytest.mark.parametrize(
    ("kind", "config", "given", "error", "message"),
    [
        ("Solution", {}, {}, ArgumentError, "kind needs"),
        (None, {}, {}, ArgumentError, "kind needs"),
        ("solution", [1], {}, ArgumentTypeError, "config needs a dict, got list"),
        (
            "solution",
            {"a": {"b": [1, np.ones(2)]}},
            {},
            ArgumentTypeError,
            r"config'\]\['a'\]\['b'\]\[1\] needs",
        ),
        ("solution", {"a": {1: 2}}, {}, ArgumentTypeError, "strings as keys, got 1"),
        ("solution", {"a": math.nan}, {}, ArgumentError, "needs a finite number, got nan"),
        ("solution", {"a": 2**64}, {}, ArgumentError, "64 bits"),
        ("solution", {"a": "\ud800"}, {}, ArgumentError, "Unicode"),
        ("solution", {"a": "x" * (5 << 20)}, {}, ArgumentError, "bytes as JSON"),
        ("solution", {"a": [0] * 300_000}, {}, ArgumentError, "long lists into arrays"),
        ("solution", {}, {"a/b": np.ones(2)}, ArgumentError, "names of up to .* got 'a/b'"),
        ("solution", {}, {".": np.ones(2)}, ArgumentError, "names of up to"),
        ("solution", {}, {"config": np.ones(2)}, ArgumentError, "other than 'config'"),
        ("solution", {}, {"a": np.ones(2, complex)}, ArgumentTypeError, "got complex128"),
        ("solution", {}, {"a": np.array([None])}, ArgumentTypeError, "got object"),
        ("solution", {}, {"a": ["x"]}, ArgumentTypeError, r"arrays\['a'\] needs type bool"),
        ("solution", {}, {"a": np.ones((1,) * 17)}, ArgumentError, "at most 16 axes, got 17"),
        (
            "solution",
            {},
            {f"a{i}": np.ones(1) for i in range(16_384)},
            ArgumentError,
            "at most 16383, got 16384",
        ),
        ("solution", {"allow_nan": "a"}, {"a": np.array([np.nan])}, ArgumentError, "list of names"),
    ],
)
def test_what_cannot_be_saved(tmp_path: Path, kind, config, given, error, message: str):
    path = tmp_path / "f"
    container.write(path, "solution", CONFIG, arrays())
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        container.write(path, kind, config, given)
    assert path.read_bytes() == before


def test_a_file_too_large_to_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(container, "MAX_FILE_BYTES", 2000)
    container.write(tmp_path / "f", "solution", {}, {})
    with pytest.raises(ArgumentError, match=r"a file of \d+ bytes; at most 2000"):
        container.write(tmp_path / "g", "solution", {}, {"a": np.ones(200)})


def test_a_loop_in_the_configuration_is_no_endless_one(tmp_path: Path):
    config: dict = {}
    config["self"] = config
    with pytest.raises(ArgumentError, match="levels deep"):
        container.write(tmp_path / "f", "solution", config, {})


def test_kinds(tmp_path: Path):
    container.write(tmp_path / "f", "adapter", {}, {})
    assert container.read(tmp_path / "f", ("solution", "adapter")) == ({}, {})
    with pytest.raises(
        FileFormatError, match=r"f: refused: its kind is 'adapter'; 'solution' or 'run' is needed"
    ):
        container.read(tmp_path / "f", ("solution", "run"))


@PACK
def test_peek_reads_no_array(tmp_path: Path, pack: bool, monkeypatch: pytest.MonkeyPatch):
    container.write(tmp_path / "f", "solution", CONFIG, arrays(), pack=pack)
    read = container.FlatFile.read

    def only_config(self, name):
        assert name == "config"
        return read(self, name)

    monkeypatch.setattr(container.FlatFile, "read", only_config)
    header = container.peek(tmp_path / "f")
    assert header == ("solution", "1.0", CONFIG, {"bias": ((3,), "float32"), "coef": ((3, 4), "float64")})


def test_expect_sees_the_configuration_before_any_array_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    container.write(tmp_path / "f", "solution", CONFIG, arrays())
    asked: list[str] = []
    read = container.FlatFile.read
    monkeypatch.setattr(container.FlatFile, "read", lambda self, name: asked.append(name) or read(self, name))

    def note(config):
        asked.append("expect")
        return expect(config)

    container.read(tmp_path / "f", "solution", note)
    assert asked == ["config", "expect", "bias", "coef"]


def test_keyboard_interrupt_passes(tmp_path: Path):
    container.write(tmp_path / "f", "solution", CONFIG, arrays())

    def interrupt(config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        container.read(tmp_path / "f", "solution", interrupt)


@pytest.mark.parametrize("error", [MemoryError, RecursionError, KeyError, AssertionError, OSError])
def test_every_other_error_is_a_refusal(
    tmp_path: Path, error: type[Exception], monkeypatch: pytest.MonkeyPatch
):
    container.write(tmp_path / "f", "solution", CONFIG, arrays())

    def fail(*_):
        raise error("no luck")

    monkeypatch.setattr(container, "_read_stored", fail)
    with pytest.raises(FileFormatError, match=re.escape(str(tmp_path / "f"))):
        container.read(tmp_path / "f", "solution")


def test_path_of_a_wrong_type():
    with pytest.raises(ArgumentTypeError, match="path needs a path or a string, got int"):
        container.read(7, "solution")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentTypeError, match="path needs a path or a string, got int"):
        container.write(7, "solution", {}, {})  # pyright: ignore[reportArgumentType]


def test_many_reads_leave_no_file_open(tmp_path: Path):
    container.write(tmp_path / "f", "solution", CONFIG, arrays())
    container.write(tmp_path / "bad", "solution", {**CONFIG, "widths": [2, 5, 1]}, arrays())
    gc.collect()  # errors of tests before this one may hold what they had opened
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        container.read(tmp_path / "f", "solution", expect)
        with pytest.raises(FileFormatError):
            container.read(tmp_path / "bad", "solution", expect)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    kinds = h5py.h5f.OBJ_FILE | h5py.h5f.OBJ_GROUP | h5py.h5f.OBJ_DATASET | h5py.h5f.OBJ_ATTR
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, kinds) == 0
