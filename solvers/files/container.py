"""The file below solutions, adapters and checkpoints: plain configuration and named arrays in one HDF5 file.

Reading goes from the outside in, and each step trusts only what the one before has checked: the seal over all
bytes (``sciml.solvers.files.seal``), HDF5's structure (``sciml.solvers.files.hdf5_flat``), the configuration
(``sciml.solvers.files.canonical_json``), the shapes that it implies, the numbers. docs/files.md describes the format for
other programs.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError
from sciml.solvers.files import canonical_json
from sciml.solvers.files.atomic import replace_file
from sciml.solvers.files.expected import Expected, check_expected
from sciml.solvers.files.hdf5_flat import DTYPES, MAX_DATASETS, MAX_NAME, FlatFile, build
from sciml.solvers.files.refusal import refusals
from sciml.solvers.files.seal import BLOCK, MAX_FILE_BYTES, load_sealed, seal, version_text

FORMAT = "sciml"
CONFIG, PACKED = "config", "packed"

MAX_DIMENSIONS = 16

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.:-]{{0,{MAX_NAME - 1}}}")


class Header(NamedTuple):
    """What a file says about itself; ``arrays`` is name -> (shape, dtype name)."""

    kind: str
    version: str
    config: dict[str, Any]
    arrays: dict[str, tuple[tuple[int, ...], str]]


def write(
    path: str | os.PathLike,
    kind: str,
    config: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    pack: bool = False,
) -> None:
    """Save plain data and arrays atomically (``sciml.solvers.files.atomic.replace_file``).

    Args:
        path: The file; its folder must exist. An old file is replaced as a whole and keeps its permissions.
        kind: What the file is, such as ``"solution"``: 1 to 32 of ``a-z 0-9 _ -``, a letter first.
        config: Plain data (``sciml.solvers.files.canonical_json``). A list of array names under ``"allow_nan"`` frees
            these from the rule that every number is finite.
        arrays: Name -> array of bool or of a type in ``DTYPES``. A name is made of ASCII letters, digits and
            ``_ . : -``.
        pack: Put all arrays into one dataset: for many small arrays, some 300 bytes less for each.

    Raises:
        ArgumentError, ArgumentTypeError: Something in the content cannot be saved; nothing was written.
        FileWriteError: The place cannot be written to; an old file is left as it was.
    """
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise ArgumentError(f"kind needs 1 to 32 of a-z, 0-9, _ and -, a letter first, got {kind!r}.")
    header, stored = _prepare(config, arrays)
    version = version_text()
    digest = _digest(f"{FORMAT} {version} {kind}\n", header, stored)
    if pack:
        stored = {PACKED: np.frombuffer(b"".join(array.tobytes() for array in stored.values()), np.uint8)}
    attributes = {"format": FORMAT, "version": version, "kind": kind, "digest": digest}
    image = build(
        {name: text.encode() for name, text in attributes.items()},
        {CONFIG: np.frombuffer(header, np.uint8), **stored},
        BLOCK,
    )
    if len(image) > MAX_FILE_BYTES:
        raise ArgumentError(
            f"arrays need a file of {len(image)} bytes; at most {MAX_FILE_BYTES} are allowed."
        )
    body = image[BLOCK:]
    replace_file(path, [seal(body), body])


def read(
    path: str | os.PathLike,
    kind: str | tuple[str, ...],
    expect: Callable[[dict[str, Any]], Expected] | None = None,
    optional: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Load what ``write`` saved, reading the file as if it were hostile.

    Args:
        path: The file.
        kind: The kind, or the kinds, that are welcome.
        expect: Called with the configuration before any array is read; gives name -> (shape, dtype) of every
            array that the configuration implies; a dimension may be a ``range`` of lengths, and a
            list gives alternatives. Whatever it raises
            makes the file refused, except a ``Mismatch``, which passes. None takes the file's word.
        optional: Names of implied arrays that the file may lack.

    Returns:
        ``(config, arrays)``; tuples in the configuration have become lists, arrays are new and in C order.

    Raises:
        FileFormatError: The file is missing, damaged, forged, of another kind or of a newer version.
        Nothing else is raised, whatever the file holds (a ``Mismatch`` is raised by ``expect``).
    """
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    with refusals(path):
        image, version = load_sealed(path)
        with FlatFile(image) as file:
            header, text = _read_header(file, version)
            if header.kind not in kinds:
                raise FileFormatError(
                    f"its kind is {header.kind!r}; {' or '.join(map(repr, kinds))} is needed"
                )
            if expect is not None:
                check_expected(header.config, header.arrays, expect, optional)
            stored = _read_stored(file, header)
            digest = _digest(f"{FORMAT} {version} {header.kind}\n", text, stored)
            if not hmac.compare_digest(digest.encode(), file.attributes["digest"]):
                raise FileFormatError("its content does not match its digest")
        return header.config, _checked_values(header, stored)


def peek(path: str | os.PathLike) -> Header:
    """Kind, version, configuration and the table of arrays of a file of any kind; no array is read.

    Raises:
        FileFormatError: As in ``read``, short of what only the numbers can show.
    """
    with refusals(path):
        image, version = load_sealed(path)
        with FlatFile(image) as file:
            return _read_header(file, version)[0]


def _prepare(config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[bytes, dict[str, np.ndarray]]:
    """The canonical JSON of configuration and table, and the arrays as they are stored, sorted by name."""
    if not isinstance(config, dict):
        raise ArgumentTypeError(f"config needs a dict, got {type(config).__name__}.")
    if len(arrays) > MAX_DATASETS - 1:
        raise ArgumentError(f"arrays needs at most {MAX_DATASETS - 1}, got {len(arrays)}.")
    table, stored = {}, {}
    for name in sorted(arrays):
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in (CONFIG, PACKED):
            raise ArgumentError(
                f"arrays needs names of up to {MAX_NAME} ASCII letters, digits and _ . : - other than "
                f"{CONFIG!r} and {PACKED!r}, got {name!r:.80}."
            )
        array = np.asarray(arrays[name])
        dtype = array.dtype.name
        if dtype != "bool" and dtype not in DTYPES:
            raise ArgumentTypeError(f"arrays[{name!r}] needs type bool, {', '.join(DTYPES)}, got {dtype}.")
        if array.ndim > MAX_DIMENSIONS:
            raise ArgumentError(f"arrays[{name!r}] needs at most {MAX_DIMENSIONS} axes, got {array.ndim}.")
        if not _finite(array) and name not in _allow_nan(config):
            raise ArgumentError(
                f"arrays[{name!r}] needs finite numbers; name it in config['allow_nan'] if nan or inf belong there."
            )
        table[name] = [dtype, list(array.shape)]
        stored[name] = np.asarray(array, dtype=_stored_type(dtype).newbyteorder("<"), order="C")
    return canonical_json.encode({"arrays": table, "config": config}), stored


def _stored_type(dtype: str) -> np.dtype:
    # HDF5 has no bool, and h5py's stand-in is an enumeration that other programs read as numbers anyway
    return np.dtype("uint8" if dtype == "bool" else dtype)


def _finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _allow_nan(config: dict[str, Any]) -> list[str]:
    names = config.get("allow_nan", [])
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ArgumentError("config['allow_nan'] needs a list of names of arrays.")
    return list(names)


def _digest(line: str, header: bytes, stored: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of a first line, the JSON, and every array's bytes in the order of the names."""
    digest = hashlib.sha256(line.encode())
    digest.update(header)
    for name in sorted(stored):
        digest.update(stored[name].tobytes())
    return digest.hexdigest()


def _read_header(file: FlatFile, version: str) -> tuple[Header, bytes]:
    """The header and its JSON, once the JSON's table and the file's datasets agree."""
    if set(file.attributes) != {"format", "version", "kind", "digest"}:
        raise FileFormatError(
            f"its attributes are {sorted(file.attributes)}; format, version, kind, digest are needed"
        )
    if file.attributes["format"] != FORMAT.encode() or file.attributes["version"] != version.encode():
        raise FileFormatError("its format or version is not the one of its seal")
    kind = file.attributes["kind"].decode("ascii", "replace")
    if not _KIND.fullmatch(kind):
        raise FileFormatError(f"it has no valid kind: {kind!r:.80}")
    dtype, shape = file.datasets.get(CONFIG, ("none", ()))
    if dtype != "uint8" or len(shape) != 1 or shape[0] > canonical_json.MAX_BYTES:
        raise FileFormatError(
            f"it needs a dataset {CONFIG!r} of at most {canonical_json.MAX_BYTES} bytes of JSON"
        )
    text = file.read(CONFIG).tobytes()
    data = canonical_json.decode(text)
    if (
        not isinstance(data, dict)
        or set(data) != {"arrays", "config"}
        or not isinstance(data["config"], dict)
    ):
        raise FileFormatError("its JSON needs exactly 'arrays' and 'config', two dictionaries")
    header = Header(kind, version, data["config"], _table(data["arrays"]))
    stored = {name: (_stored_type(dtype).name, shape) for name, (shape, dtype) in header.arrays.items()}
    if PACKED in file.datasets:
        stored = {PACKED: ("uint8", (sum(_bytes(dtype, shape) for dtype, shape in stored.values()),))}
    for name, found in file.datasets.items():
        if name != CONFIG and stored.pop(name, None) != found:
            raise FileFormatError(f"the dataset {name!r:.80} is not what its table of arrays says")
    if stored:
        raise FileFormatError(f"the dataset {next(iter(stored))!r:.80} is missing")
    return header, text


def _table(data: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name -> (shape, dtype), sorted by name, from the JSON's table of arrays, once it is well formed."""
    if not isinstance(data, dict) or len(data) > MAX_DATASETS - 1:
        raise FileFormatError(f"its table of arrays needs a dictionary of at most {MAX_DATASETS - 1}")
    table = {}
    for name, entry in data.items():
        match entry:
            case [str(dtype), [*shape]] if dtype == "bool" or dtype in DTYPES:
                whole = all(type(n) is int and 0 <= n <= MAX_FILE_BYTES for n in shape)
                if (
                    _NAME.fullmatch(name)
                    and name not in (CONFIG, PACKED)
                    and whole
                    and len(shape) <= MAX_DIMENSIONS
                ):
                    table[name] = (tuple(shape), dtype)
                    continue
        raise FileFormatError(f"its table of arrays is wrong at {name!r:.80}")
    return table


def _bytes(dtype: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _read_stored(file: FlatFile, header: Header) -> dict[str, np.ndarray]:
    """Every array as it is stored, sorted by name."""
    if PACKED not in file.datasets:
        return {name: file.read(name) for name in header.arrays}
    packed, stored, start = file.read(PACKED), {}, 0
    for name, (shape, dtype) in header.arrays.items():
        end = start + _bytes(_stored_type(dtype).name, shape)
        stored[name] = packed[start:end].copy().view(_stored_type(dtype).newbyteorder("<")).reshape(shape)
        start = end
    return stored


def _checked_values(header: Header, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    allowed = _allow_nan(header.config)
    arrays = {}
    for name, (_, dtype) in header.arrays.items():
        array = stored[name]
        if not _finite(array) and name not in allowed:
            raise FileFormatError(f"the array {name!r} holds nan or inf")
        if dtype == "bool" and array.size and array.max() > 1:
            raise FileFormatError(f"the array {name!r} holds other values than true and false")
        arrays[name] = array.astype(dtype, copy=False)
    return arrays
