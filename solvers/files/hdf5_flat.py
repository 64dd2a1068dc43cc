"""The part of HDF5 that sciml's files use, written and read in memory.

A flat file: attributes of fixed length on the root, and numeric datasets that lie contiguous, unfiltered and
unshared in the file's own bytes. Everything else that HDF5 can express (groups, links, variable-length data,
external and virtual storage, chunks, filters, compound types, references) is refused before it is read.
"""

from __future__ import annotations

import io
import itertools
import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from sciml.errors import FileFormatError

DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8")
SIGNATURE = b"\x89HDF\r\n\x1a\n"
# signature, version, size of addresses, size of lengths, flags, first byte, extension, end
SUPERBLOCK = struct.Struct("<8s4B3Q")
MAX_DATASETS = 16_384  # 2000 windows and more; so many take 2 s to write and 2 s to open on one core
MAX_NAME = 200
MAX_ATTRIBUTE = 256


def build(attributes: Mapping[str, bytes], datasets: Mapping[str, np.ndarray], user_block: int) -> memoryview:
    """The bytes of an HDF5 file with these attributes and datasets, behind ``user_block`` zero bytes.

    The same content gives the same bytes: names are sorted, and no time is stored.
    """
    import h5py

    buffer = io.BytesIO()
    # the 1.8 format carries a checksum on all its own structures, and every HDF5 since 2008 can read it
    with h5py.File(
        buffer,
        "w",
        libver=("v108", "v108"),
        userblock_size=user_block,
        meta_block_size=512,
        track_order=False,
    ) as file:
        for name in sorted(attributes):
            file.attrs.create(name, np.bytes_(attributes[name]))
        for name in sorted(datasets):
            file.create_dataset(name, data=datasets[name], track_times=False)
    return buffer.getbuffer()


class FlatFile:
    """A checked view of such a file's bytes; use it as a context manager.

    Attributes:
        attributes: name -> bytes.
        datasets: dataset name -> (dtype name, shape); nothing of its content has been read.

    Raises:
        FileFormatError: The file holds what ``build`` does not write; the message gives the reason.
    """

    def __init__(self, image: bytes):
        import h5py

        _check_superblock(image)
        self._h5 = h5py
        self._size = len(image)
        self._open = {}
        with _refusals():
            self._file = h5py.h5f.open_file_image(image)
            try:
                self._root = h5py.h5g.open(self._file, b"/")
                self.attributes = self._read_attributes()
                self.datasets = self._check_datasets()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> FlatFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the bytes back; datasets cannot be read after it."""
        self._open.clear()
        self._file.close()

    def read(self, name: str) -> np.ndarray:
        """The dataset's content, a new array in C order."""
        dtype, shape = self.datasets[name]
        array = np.empty(shape, dtype)
        if array.size:
            with _refusals():
                self._open[name].read(self._h5.h5s.ALL, self._h5.h5s.ALL, array)
        return array

    def _read_attributes(self) -> dict[str, bytes]:
        h5 = self._h5
        count = h5.h5a.get_num_attrs(self._root)
        if count > 16:
            raise FileFormatError(f"it has {count} attributes")
        found = {}
        for index in range(count):
            attribute = h5.h5a.open(self._root, index=index)
            name, kind = _text(attribute.name), attribute.get_type()
            if kind.get_class() != h5.h5t.STRING or kind.is_variable_str() or kind.get_size() > MAX_ATTRIBUTE:
                raise FileFormatError(f"the attribute {name!r} is no text of fixed length")
            if attribute.get_space().get_simple_extent_type() != h5.h5s.SCALAR:
                raise FileFormatError(f"the attribute {name!r} is no single text")
            value = np.empty((), f"S{kind.get_size()}")
            attribute.read(value, mtype=kind)
            found[name] = value.item()
        return found

    def _check_datasets(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        h5, root = self._h5, self._root
        count = root.get_num_objs()
        if count > MAX_DATASETS:
            raise FileFormatError(f"it holds {count} objects; at most {MAX_DATASETS} are allowed")
        shapes, spans = {}, []
        names: list[bytes] = []
        root.links.iterate(names.append)  # one pass: asking for the name of each index is quadratic
        for raw in names:
            name = _text(raw)
            if not name or len(name) > MAX_NAME:
                raise FileFormatError(f"the name {name!r:.80} is empty or too long")
            if root.links.get_info(raw).type != h5.h5l.TYPE_HARD:
                raise FileFormatError(
                    f"{name!r} is a soft, external or user-defined link; only datasets are allowed"
                )
            info = h5.h5o.get_info(root, raw)
            if info.type != h5.h5o.TYPE_DATASET:
                raise FileFormatError(f"{name!r} is a group or a named type; only datasets are allowed")
            if info.rc != 1:
                raise FileFormatError(f"{name!r} is linked {info.rc} times")
            dataset = h5.h5d.open(root, raw)
            shapes[name], span = self._check_dataset(name, dataset)
            spans.append((*span, name))
            self._open[name] = dataset
        spans.sort()
        for (_, end, one), (start, _, other) in itertools.pairwise(spans):
            if start < end:
                raise FileFormatError(f"{one!r} and {other!r} overlap")
        return shapes

    def _check_dataset(self, name: str, dataset) -> tuple[tuple[str, tuple[int, ...]], tuple[int, int]]:
        """((dtype, shape), (first byte, one past the last byte)) of one dataset that is safe to read."""
        h5 = self._h5
        creation = dataset.get_create_plist()
        # what is contiguous in the file itself has neither filters nor dimensions that could grow
        if creation.get_layout() != h5.h5d.CONTIGUOUS:
            raise FileFormatError(
                f"{name!r} is chunked, compact or virtual; only contiguous storage is allowed"
            )
        if creation.get_external_count():
            raise FileFormatError(f"{name!r} keeps its numbers in another file")
        if h5.h5a.get_num_attrs(dataset):
            raise FileFormatError(f"{name!r} has attributes of its own")
        kind = dataset.get_type()
        known = (d for d in DTYPES if kind.equal(h5.h5t.py_create(np.dtype(d).newbyteorder("<"))))
        dtype = next(known, None)
        if dtype is None:
            raise FileFormatError(f"{name!r} has a type that is not allowed; known are {', '.join(DTYPES)}")
        space = dataset.get_space()
        if space.get_simple_extent_type() not in (h5.h5s.SCALAR, h5.h5s.SIMPLE):
            raise FileFormatError(f"{name!r} is declared empty")
        shape = tuple(int(n) for n in space.get_simple_extent_dims())
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > self._size or dataset.get_storage_size() != size:
            raise FileFormatError(f"{name!r} declares {size} bytes that the file does not hold")
        start = dataset.get_offset() if size else 0
        if size and (start is None or not 0 < start <= self._size - size):
            raise FileFormatError(f"{name!r} was never written")
        return (dtype, shape), (start, start + size)


@contextmanager
def _refusals() -> Iterator[None]:
    """HDF5's errors come as almost any exception; what they say is the reason of the refusal."""
    try:
        yield
    except (FileFormatError, MemoryError):
        raise
    except Exception as error:
        raise FileFormatError(f"HDF5 finds it broken: {error.args[0] if error.args else error}") from None


def _check_superblock(image: bytes) -> None:
    """HDF5's own head, as ``build`` writes it: version 2, no extension, addresses from its first byte on.

    Extensions carry whole caches of structures that HDF5 takes in before anybody can look at them.
    """
    base = image.find(SIGNATURE, 0, 4096)
    if base < 0 or len(image) < base + SUPERBLOCK.size:
        raise FileFormatError("it holds no HDF5 data")
    _, *found = SUPERBLOCK.unpack_from(image, base)
    if found != [2, 8, 8, 0, base, 2**64 - 1, len(image)]:
        raise FileFormatError("its HDF5 head is not one that sciml writes")


def _text(name: bytes | str) -> str:
    try:
        return name.decode("ascii") if isinstance(name, bytes) else name.encode("ascii").decode()
    except UnicodeError:
        raise FileFormatError(f"the name {name!r:.80} is not plain ASCII") from None
