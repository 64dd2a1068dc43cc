"""Saves that are killed, and saves on a full disk: what is left of the file?"""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks.file_kinds import counted_saver, reader, saved_number
from sciml.errors import FileFormatError, FileWriteError
from sciml.solvers.files import container


def numbers(number: int) -> np.ndarray:
    """What the container file number ``number`` holds."""
    return np.random.default_rng(number).random(100_000)


def save_forever(path: str, number: int, pipe: Connection, kind: str | None) -> None:
    """Save one file after the other, each with the next number, and tell which are done."""
    save = None if kind is None else counted_saver(kind, Path(path).parent)
    while True:
        number += 1
        if save is None:
            container.write(path, "checkpoint", {"number": number}, {"values": numbers(number)})
        else:
            save(Path(path), number)
        pipe.send(number)


def killed_saves(folder: Path, kills: int, seed: int, kind: str | None = None) -> dict[str, int]:
    """Save in an endless loop in another process and kill it, again and again; read the file after each kill.

    ``lost`` counts reads that failed, gave a mixture, or gave an older file than the last save that returned;
    ``mid_save`` counts kills that hit a save and left a temporary file; ``left`` is how many of them are
    there at the very end, after one more save. With a ``kind`` the folder holds ``save_all``'s files.
    """
    path, number, moments = folder / "run.h5", 0, random.Random(seed)
    context = multiprocessing.get_context("spawn")
    result = {"kills": kills, "lost": 0, "mid_save": 0}
    for _ in range(kills):
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=save_forever, args=(str(path), number, send, kind))
        process.start()
        send.close()
        done = receive.recv()
        time.sleep(moments.uniform(0, 0.03))
        process.kill()
        with contextlib.suppress(EOFError, OSError):
            while True:
                done = receive.recv()
        process.join()
        result["mid_save"] += bool(temporaries(folder))
        try:
            number, whole = _read(path, kind)
        except FileFormatError:
            result["lost"] += 1
            continue
        result["lost"] += number < done or not whole
    container.write(path, "checkpoint", {}, {})
    return {**result, "left": len(temporaries(folder))}


def _read(path: Path, kind: str | None) -> tuple[int, bool]:
    """The number in a file, and whether all of it belongs to that number."""
    if kind is not None:
        reader(kind, path.parent)(str(path))
        return saved_number(kind, path), True
    config, arrays = container.read(path, "checkpoint")
    return config["number"], np.array_equal(arrays["values"], numbers(config["number"]))


def full_disk(folder: Path, kind: str) -> dict[str, int]:
    """Save over a good file while no file may grow to its size, as on a full disk.

    ``refused`` counts saves that raised FileWriteError, ``lost`` old files that changed, ``left`` temporary files.
    The folder holds ``save_all``'s files.
    """
    path = folder / "full.h5"
    old = (folder / f"{kind}.h5").read_bytes()
    path.write_bytes(old)
    sizes = [0, 100, 512, len(old) // 2, len(old) * 3 // 4]
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_save_limited, args=(str(path), kind, sizes, send)
    )
    process.start()
    send.close()
    refused = sum(receive.recv() for _ in sizes)
    process.join()
    return {
        "saves": len(sizes),
        "refused": refused,
        "lost": int(path.read_bytes() != old),
        "left": len(temporaries(folder)),
    }


def _save_limited(path: str, kind: str, sizes: list[int], pipe: Connection) -> None:
    import resource
    import signal

    save = counted_saver(kind, Path(path).parent)
    signal.signal(
        signal.SIGXFSZ, signal.SIG_IGN
    )  # then a write beyond the limit fails as one on a full disk does
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    for size in sizes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            save(Path(path), 7)
            refused = False
        except FileWriteError:
            refused = True
        pipe.send(refused)


def temporaries(folder: Path) -> list[str]:
    """Temporary files of saves in a folder."""
    return [path.name for path in folder.glob(".*.tmp")]
