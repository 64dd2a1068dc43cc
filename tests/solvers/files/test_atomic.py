"""Replacing a file as a whole: whatever goes wrong, the old file stays."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fuzz
from sciml.errors import FileWriteError, SciMLError
from sciml.solvers.files import atomic, container
from sciml.solvers.files.atomic import replace_file


def stale(path: Path, name: str = "0123456789abcdef") -> Path:
    left = path.with_name(f".{path.name}.{name}.tmp")
    left.write_bytes(b"half")
    return left


def test_content_and_no_traces(tmp_path: Path):
    path = tmp_path / "f.h5"
    for content in ([b"one", b"", memoryview(b"two")], [np.arange(3.0).data], []):
        replace_file(path, content)
        assert path.read_bytes() == b"".join(bytes(chunk) for chunk in content)
        assert os.listdir(tmp_path) == ["f.h5"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_permissions_of_an_old_file_are_kept(tmp_path: Path, mode: int):
    path = tmp_path / "f.h5"
    replace_file(path, [b"old"])
    path.chmod(mode)
    replace_file(path, [b"new"])
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_follows_the_umask(tmp_path: Path):
    old = os.umask(0o027)
    try:
        replace_file(tmp_path / "f.h5", [b"x"])
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "f.h5").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.h5"
    link.symlink_to(tmp_path / "there" / "f.h5")
    for content in (b"one", b"two"):
        replace_file(link, [content])
        assert link.is_symlink()
        assert (tmp_path / "there" / "f.h5").read_bytes() == content


def test_stale_temporaries_of_this_target_alone_are_swept(tmp_path: Path):
    path = tmp_path / "f.h5"
    swept = [stale(path), stale(path, "fedcba9876543210")]
    kept = [stale(tmp_path / "g.h5"), tmp_path / ".f.h5.notes.tmp", tmp_path / "f.h5.0123456789abcdef.tmp"]
    for other in kept[1:]:
        other.write_bytes(b"mine")
    replace_file(path, [b"x"])
    assert not any(left.exists() for left in swept)
    assert all(other.exists() for other in kept)


@pytest.mark.skipif(atomic.fcntl is None, reason="needs file locks")
def test_a_temporary_in_use_is_not_swept(tmp_path: Path):
    path = tmp_path / "f.h5"

    def chunks():
        (left,) = tmp_path.glob(".f.h5.*.tmp")
        replace_file(path, [b"the other writer"])
        assert left.exists()
        yield b"this writer"

    replace_file(path, chunks())
    assert path.read_bytes() == b"this writer"
    assert os.listdir(tmp_path) == ["f.h5"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("bad"), KeyboardInterrupt()]
)
def test_failing_halfway_keeps_the_old_file(tmp_path: Path, error: BaseException):
    path = tmp_path / "f.h5"
    replace_file(path, [b"old"])

    def chunks():
        yield b"new"
        raise error

    wanted = FileWriteError if isinstance(error, OSError) else type(error)
    with pytest.raises(wanted, match="No space left" if wanted is FileWriteError else None):
        replace_file(path, chunks())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f.h5"]


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path / "no" / "f.h5", "the folder .*no does not exist; create it first"),
        (lambda path: folder(path / "f.h5"), "is a folder"),
        (lambda path: path, "is a folder"),
        (lambda path: pipe(path / "f.h5"), "no regular file"),
        (lambda path: path / "\0", "cannot be written"),
        (lambda path: path / ("x" * 300), "cannot be written"),
    ],
)
def test_impossible_places(tmp_path: Path, make, message: str):
    target = make(tmp_path)
    with pytest.raises(FileWriteError, match=message) as caught:
        replace_file(target, [b"x"])
    assert isinstance(caught.value, (SciMLError, OSError))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_places_without_permission(tmp_path: Path):
    place = folder(tmp_path / "place")
    replace_file(place / "f.h5", [b"old"])
    (place / "f.h5").chmod(0o400)
    with pytest.raises(FileWriteError, match="write-protected"):
        replace_file(place / "f.h5", [b"x"])
    place.chmod(0o500)
    with pytest.raises(FileWriteError, match="read-only for this user"):
        replace_file(place / "g.h5", [b"x"])
    place.chmod(0o700)


@pytest.mark.parametrize(
    ("refused", "message"), [(os.W_OK, "write-protected"), (os.W_OK | os.X_OK, "read-only")]
)
def test_permission_is_asked_before_writing(tmp_path: Path, refused: int, message: str, monkeypatch):
    replace_file(tmp_path / "f.h5", [b"old"])
    monkeypatch.setattr(os, "access", lambda path, mode: mode != refused)
    with pytest.raises(FileWriteError, match=message):
        replace_file(tmp_path / "f.h5", [b"new"])
    assert (tmp_path / "f.h5").read_bytes() == b"old"


def test_bytes_are_on_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: (order.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), fsync(fd)),
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b)))
    replace_file(tmp_path / "f.h5", [b"x"])
    assert order == ["file", "replace", "folder"]


def test_readers_see_the_old_file_or_the_new_one(tmp_path: Path):
    path = tmp_path / "f.h5"

    def save(number: int) -> None:
        container.write(path, "run", {"n": number}, {"a": np.full(5000, float(number))})

    save(0)
    writer = threading.Thread(target=lambda: [save(n) for n in range(1, 40)])
    writer.start()
    while writer.is_alive():
        config, arrays = container.read(path, "run")
        assert (arrays["a"] == config["n"]).all()
    writer.join()


def test_two_writers_at_once(tmp_path: Path):
    path, errors = tmp_path / "f.h5", []

    def save(letter: bytes) -> None:
        try:
            for _ in range(60):
                replace_file(path, [letter * 1000])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert path.read_bytes() in (b"a" * 1000, b"b" * 1000, b"c" * 1000)
    assert os.listdir(tmp_path) == ["f.h5"]


def test_kill_9_while_saving(tmp_path: Path):
    found = fuzz.killed_saves(tmp_path, kills=4, seed=3)
    assert (found["lost"], found["left"]) == (0, 0)


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path):
    found = fuzz.killed_saves(tmp_path, kills=50, seed=0)
    assert (found["lost"], found["left"]) == (0, 0)
    assert found["mid_save"] > 0


@pytest.mark.skipif(atomic.fcntl is None, reason="needs links")
@pytest.mark.parametrize("target", ["file", "pipe", "dangling"])
def test_a_link_with_a_temporary_s_name_is_not_followed(tmp_path: Path, target: str):
    """Somebody else may have put it there: what it points to is not opened, and the link is not ours to remove."""
    victim = tmp_path / "victim"
    if target == "file":
        victim.write_bytes(b"mine")
    elif target == "pipe":
        os.mkfifo(victim)
    link = tmp_path / ".f.h5.0123456789abcdef.tmp"
    link.symlink_to(victim)
    replace_file(tmp_path / "f.h5", [b"x"])
    assert link.is_symlink()
    assert target != "file" or victim.read_bytes() == b"mine"
