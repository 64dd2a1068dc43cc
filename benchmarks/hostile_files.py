"""Files that want to harm their reader: right seals, right attributes, and one thing wrong in each."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from benchmarks.hdf5_checksums import forged, structures
from sciml.solvers.files import canonical_json, container
from sciml.solvers.files.hdf5_flat import MAX_DATASETS
from sciml.solvers.files.seal import BLOCK, seal

CONFIG = {"model": "KAN", "widths": [2, 3, 1]}
SECRET = b"root:x:0:0"


def arrays() -> dict[str, np.ndarray]:
    return {"bias": np.arange(3, dtype=np.float32), "coef": np.linspace(-1, 1, 12).reshape(3, 4)}


def expect(config: dict) -> dict:
    """Shapes that CONFIG implies, from a registry of one model."""
    models = {
        "KAN": lambda widths: {"bias": ((widths[1],), "float32"), "coef": ((widths[1], 4), "float64")},
        "Mask": lambda widths: {"flag": ((widths[0],), "bool")},
        "Pair": lambda widths: {"one": ((7,), "float64"), "two": ((7,), "float64")},
    }
    return models[config["model"]](config.get("widths"))


def reseal(path: str | os.PathLike) -> None:
    data = Path(path).read_bytes()[BLOCK:]
    Path(path).write_bytes(seal(data) + data)


def edited(path: Path, edit: Callable[[h5py.File], object]) -> None:
    """A good file, changed by ``edit`` through h5py, with its seal made right again."""
    container.write(path, "solution", CONFIG, arrays())
    with h5py.File(path, "r+") as file:
        edit(file)
    reseal(path)


def replaced(name: str, make: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    """The good file, with the object ``name`` made anew by ``make``."""

    def edit(file: h5py.File) -> None:
        del file[name]
        make(file)

    return lambda path: edited(path, edit)


def added(make: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    return lambda path: edited(path, make)


def with_json(text: bytes, data: dict[str, np.ndarray] | None = None) -> Callable[[Path], None]:
    """A file whose JSON is ``text``, digest and all else right."""

    def build(path: Path) -> None:
        stored = dict(sorted((arrays() if data is None else data).items()))
        container.write(path, "solution", {}, {k: np.zeros(v.shape, v.dtype) for k, v in stored.items()})
        digest = container._digest("sciml 1.0 solution\n", text, stored)
        with h5py.File(path, "r+") as file:
            del file["config"]
            file.create_dataset("config", data=np.frombuffer(text, np.uint8), track_times=False)
            for name, array in stored.items():
                dataset(file, name)[...] = array
            file.attrs.create("digest", np.bytes_(digest))
        reseal(path)

    return build


def with_config(config: dict, data: dict[str, np.ndarray] | None = None) -> Callable[[Path], None]:
    data = arrays() if data is None else data
    table = {name: [array.dtype.name, list(array.shape)] for name, array in data.items()}
    return with_json(canonical_json.encode({"arrays": table, "config": config}), data)


def dataset(file: h5py.File, name: str) -> h5py.Dataset:
    found = file[name]
    assert isinstance(found, h5py.Dataset)
    return found


def external(file: h5py.File) -> None:
    secret = Path(file.filename).with_name("secret")
    secret.write_bytes(SECRET.ljust(96))
    file.create_dataset("coef", (3, 4), "f8", external=[(str(secret), 0, 96)])


def virtual(file: h5py.File) -> None:
    other = Path(file.filename).with_name("other.h5")
    with h5py.File(other, "w") as source:
        source["x"] = np.ones((3, 4))
    layout = h5py.VirtualLayout((3, 4), "f8")
    layout[...] = h5py.VirtualSource(str(other), "x", (3, 4))
    file.create_virtual_dataset("coef", layout)


def huge(file: h5py.File) -> None:
    """8 TiB declared, none written."""
    kind, space = h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((2**40,))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    h5py.h5d.create(file.id, b"coef", kind, space, plist)


def never_written(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    h5py.h5d.create(file.id, b"coef", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((3, 4)), plist)


def compact(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(file.id, b"coef", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((3, 4)), plist)


def named_type(file: h5py.File) -> None:
    file["coef"] = np.dtype("f8")


def references(file: h5py.File) -> None:
    file.create_dataset("coef", data=np.array([file["bias"].ref] * 12).reshape(3, 4), dtype=h5py.ref_dtype)


def compound(file: h5py.File) -> None:
    file.create_dataset("coef", data=np.zeros((3, 4), [("re", "f8"), ("im", "f8")]))


def vlen_attribute(file: h5py.File) -> None:
    file.attrs.create("kind", "solution", dtype=h5py.string_dtype())


def table(**entries: object) -> bytes:
    return canonical_json.encode({"arrays": entries, "config": CONFIG})


def nan_inside() -> dict[str, np.ndarray]:
    data = arrays()
    data["coef"][1, 2] = np.nan
    return data


def raw(change: Callable[[bytes], bytes], sealed: bool = False) -> Callable[[Path], None]:
    """A good file whose bytes are changed; ``sealed`` changes what follows the seal and seals it again."""

    def build(path: Path) -> None:
        container.write(path, "solution", CONFIG, arrays())
        data = path.read_bytes()
        body = change(data[BLOCK:])
        path.write_bytes(seal(body) + body if sealed else change(data))

    return build


def readdressed(move: Callable[[int, int], int]) -> Callable[[Path], None]:
    """Two arrays of the same numbers; ``move(first, size of the file)`` is the second's forged address."""

    def build(path: Path) -> None:
        container.write(path, "solution", {"model": "Pair"}, {"one": np.ones(7), "two": np.ones(7)})
        with h5py.File(path) as file:
            first, second = (file[name].id.get_offset() - BLOCK for name in ("one", "two"))
        data = path.read_bytes()
        address = struct.pack("<2Q", second, 56)
        if data.count(address) != 1:
            raise AssertionError("the address of the second array is not where it was expected")
        data = data.replace(address, struct.pack("<2Q", move(first, len(data) - BLOCK), 56))
        path.write_bytes(forged(data, structures(data)))

    return build


def newer(version: bytes) -> Callable[[Path], None]:
    return raw(lambda data: re.sub(rb"sciml file 1\.0", b"sciml file " + version, data, count=1))


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**41)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    # name: (makes the file, what the refusal must say)
    "missing": (lambda path: None, "No such file"),
    "folder": (Path.mkdir, "directory|no regular file"),
    "named pipe": (os.mkfifo, "no regular file"),
    "socket": (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "No such device|no regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
    "empty": (lambda path: path.write_bytes(b""), "no file that sciml wrote"),
    "text": (lambda path: path.write_bytes(b"hello " * 500), "no file that sciml wrote"),
    "plain HDF5": (lambda path: h5py.File(path, "w").close(), "an HDF5 file, but none that sciml wrote"),
    "2 TiB sparse": (sparse, "bytes; at most"),
    "newer minor": (newer(b"1.1"), "upgrade sciml"),
    "newer major": (newer(b"2.0"), "upgrade sciml"),
    "older major": (newer(b"0.9"), "no longer reads"),
    "bytes appended": (raw(lambda data: data + b"\0"), "cut or extended"),
    "sealed text": (raw(lambda body: b"x" * 3000, sealed=True), "holds no HDF5 data"),
    "sealed nothing": (raw(lambda body: b"", sealed=True), "holds no HDF5 data"),
    "sealed end cut": (raw(lambda body: body[:-8], sealed=True), "HDF5 head"),
    "other superblock": (raw(lambda body: body[:8] + b"\0" + body[9:], sealed=True), "HDF5 head"),
    "soft link": (replaced("coef", lambda f: f.__setitem__("coef", h5py.SoftLink("/bias"))), "link"),
    "dangling link": (added(lambda f: f.__setitem__("x", h5py.SoftLink("/nowhere"))), "link"),
    "external link": (
        replaced("coef", lambda f: f.__setitem__("coef", h5py.ExternalLink("other.h5", "/x"))),
        "external",
    ),
    "second hard link": (added(lambda f: f.__setitem__("x", f["coef"])), "linked 2 times"),
    "cycle": (added(lambda f: f.__setitem__("x", f["/"])), "group"),
    "group": (replaced("coef", lambda f: f.create_group("coef")), "group"),
    "named type": (replaced("coef", named_type), "named type"),
    "too many": (
        added(lambda f: [f.create_dataset(f"x{i}", data=0) for i in range(MAX_DATASETS + 1)]),
        "objects",
    ),
    "long name": (added(lambda f: f.create_dataset("x" * 300, data=0)), "too long"),
    "name of other letters": (added(lambda f: f.create_dataset("käse", data=0)), "ASCII"),
    "external storage": (replaced("coef", external), "another file"),
    "virtual dataset": (replaced("coef", virtual), "virtual"),
    "chunked": (
        replaced("coef", lambda f: f.create_dataset("coef", data=np.ones((3, 4)), chunks=(3, 4))),
        "chunk",
    ),
    "compressed": (
        replaced("coef", lambda f: f.create_dataset("coef", data=np.ones((3, 4)), compression="gzip")),
        "chunk",
    ),
    "compact": (replaced("coef", compact), "compact"),
    "8 TiB declared": (replaced("coef", huge), "does not hold"),
    "never written": (replaced("coef", never_written), "does not hold|never written"),
    "overlapping": (readdressed(lambda first, size: first), "overlap"),
    "half overlapping": (readdressed(lambda first, size: first + 8), "overlap"),
    "outside of the file": (readdressed(lambda first, size: size - 55), "never written|dataset size"),
    "far outside of the file": (readdressed(lambda first, size: 2**62), "never written|dataset size"),
    "empty dataspace": (
        replaced("coef", lambda f: f.__setitem__("coef", h5py.Empty("f8"))),
        "declared empty",
    ),
    "vlen string": (
        replaced("coef", lambda f: f.create_dataset("coef", data=["a"] * 3, dtype=h5py.string_dtype())),
        "type that is not allowed",
    ),
    "vlen numbers": (
        replaced("coef", lambda f: f.create_dataset("coef", (3,), h5py.vlen_dtype("f8"))),
        "type that is not allowed|does not hold",
    ),
    "vlen attribute": (added(vlen_attribute), "no text of fixed length"),
    "extra attribute": (added(lambda f: f.attrs.create("x", np.bytes_("y"))), "attributes"),
    "many attributes": (
        added(lambda f: [f.attrs.create(f"x{i}", np.bytes_("y")) for i in range(40)]),
        "has 44 attributes",
    ),
    "number as attribute": (added(lambda f: f.attrs.create("kind", 1)), "no text of fixed length"),
    "list as attribute": (added(lambda f: f.attrs.create("kind", np.array([b"a", b"b"]))), "no single text"),
    "missing attribute": (added(lambda f: f.attrs.__delitem__("digest")), "attributes"),
    "attribute of a dataset": (added(lambda f: f["coef"].attrs.create("x", 1)), "attributes of its own"),
    "object references": (replaced("coef", references), "type that is not allowed"),
    "compound": (replaced("coef", compound), "type that is not allowed"),
    "big-endian": (
        replaced("coef", lambda f: f.create_dataset("coef", data=np.ones((3, 4)), dtype=">f8")),
        "type that is not allowed",
    ),
    "half as many numbers": (
        replaced("coef", lambda f: f.create_dataset("coef", data=np.ones((3, 2)))),
        "table of arrays",
    ),
    "other type": (
        replaced("coef", lambda f: f.create_dataset("coef", data=np.ones((3, 4), "i8"))),
        "table of arrays",
    ),
    "array missing": (replaced("coef", lambda f: None), "'coef' is missing"),
    "array too many": (added(lambda f: f.create_dataset("x", data=0)), "table of arrays"),
    "other numbers": (added(lambda f: dataset(f, "coef").__setitem__(0, 7.0)), "digest"),
    "other kind": (added(lambda f: f.attrs.create("kind", np.bytes_("adapter"))), "'solution' is needed"),
    "other format": (added(lambda f: f.attrs.create("format", np.bytes_("other"))), "format or version"),
    "kind of strange letters": (
        added(lambda f: f.attrs.create("kind", np.bytes_(b"\xff\x1b["))),
        "no valid kind",
    ),
    "config missing": (replaced("config", lambda f: None), "'config'"),
    "config as numbers": (
        replaced("config", lambda f: f.create_dataset("config", data=np.ones(9))),
        "'config'",
    ),
    "nan": (with_config(CONFIG, nan_inside()), "'coef' holds nan"),
    "strange bool": (
        with_json(
            canonical_json.encode({"arrays": {"flag": ["bool", [2]]}, "config": {**CONFIG, "model": "Mask"}}),
            {"flag": np.array([1, 2], np.uint8)},
        ),
        "true and false",
    ),
    "implied shape": (with_config({**CONFIG, "widths": [2, 5, 1]}), "is implied"),
    "implied array": (with_config(CONFIG, {"bias": arrays()["bias"]}), "'coef' is missing"),
    "array not implied": (with_config(CONFIG, {**arrays(), "x": np.ones(2)}), "does not belong"),
    "unknown class": (with_config({**CONFIG, "model": "os.system"}), "KeyError"),
    "config of wrong types": (with_config({**CONFIG, "widths": 3}), "TypeError"),
    "no JSON": (with_json(b"\x80\x04pickle"), "JSON"),
    "deep JSON": (with_json(b"[" * 3000 + b"]" * 3000), "nested"),
    "very deep JSON": (with_json(b"[" * 190_000), "JSON|nested"),
    "wide JSON": (with_json(b"[" + b"[]," * 300_000 + b"[]]"), "more than 200000 lists"),
    "NaN in JSON": (with_json(b'{"arrays":{},"config":{"a":NaN}}'), "finite"),
    "1e999 in JSON": (with_json(b'{"arrays":{},"config":{"a":1e999}}'), "finite"),
    "long integer": (with_json(b'{"arrays":{},"config":{"a":' + b"9" * 5000 + b"}}"), "JSON"),
    "65-bit integer": (with_json(b'{"arrays":{},"config":{"a":99999999999999999999}}'), "64 bits"),
    "key twice": (with_json(b'{"arrays":{},"config":{"a":1,"a":2}}'), "canonical"),
    "half a character": (with_json(b'{"arrays":{},"config":{"a":"\\ud800"}}'), "Unicode"),
    "JSON list": (with_json(b"[1,2]"), "two dictionaries"),
    "table of another type": (with_json(b'{"arrays":[],"config":{}}'), "table of arrays needs"),
    "long JSON": (with_json(b'"' + b"x" * (5 << 20) + b'"'), "bytes of JSON"),
    "negative shape": (with_json(table(coef=["float64", [-3, 4]])), "table of arrays"),
    "shape of bools": (with_json(table(coef=["float64", [True, True]])), "table of arrays"),
    "unknown type": (with_json(table(coef=["object", [3, 4]])), "table of arrays"),
    "reserved name": (with_json(table(config=["uint8", [3]])), "table of arrays"),
}
