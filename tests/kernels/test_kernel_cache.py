"""The cache of compiled kernels: whatever is wrong with it costs the cache alone, and only own files are run."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from sciml.kernels.cpu import cache_folder, machine

pytestmark = pytest.mark.skipif(machine.missing_numba() is not None, reason=str(machine.missing_numba()))
HOMES = ("HOME", "XDG_CACHE_HOME", "SCIML_CACHE_DIR")
on_posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such owners and bits")

MAKE = """
import ctypes
from sciml.kernels.cpu import compiled
from sciml.kernels.generated import run_text


def by_numba():
    text = "from numba import njit\\n\\n\\n@njit\\ndef double(x):\\n    return 2 * x\\n"
    module = run_text("doubled", text)
    compiled._keep(module, ["double"], compiled._stamp(text), "a test")
    return module.double(4)


def by_llvm():
    text = "def double(to, x):\\n    put(to, 0, f(2 * x))\\n"
    announce = compiled._announcer("a test", compiled.cache_folder())
    out = ctypes.c_double(0)
    compiled.Kernel(text, "double", 64, 2, "doubled", announce)(ctypes.addressof(out), 4)
    return int(out.value)
"""
SCRIPT = MAKE + "print(by_llvm())"


@pytest.fixture(params=["by_llvm", "by_numba"])
def load(request, tmp_path, monkeypatch, capsys):
    """Compile, or load, a small kernel as a new process would; gives what it was and what was warned of."""
    made: dict = {}
    exec(MAKE, made)
    monkeypatch.setenv("SCIML_CACHE_DIR", str(tmp_path))

    def function():
        cache_folder.cache_folder.cache_clear()
        cache_folder._WARNED.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert made[request.param]() == 8
        how = "compiled" if "compiling a test" in capsys.readouterr().err else "loaded"
        assert all(warning.category is RuntimeWarning for warning in caught)
        return how, [str(warning.message) for warning in caught]

    yield function
    cache_folder.cache_folder.cache_clear()
    cache_folder._WARNED.clear()


def the_file(folder: Path) -> Path:
    (path,) = (folder / "kernels").glob("*.kernel")
    return path


def test_a_kernel_is_compiled_once_and_says_so(load):
    assert load() == ("compiled", [])
    assert load() == ("loaded", [])


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "cut to its checksum": lambda path: path.write_bytes(path.read_bytes()[:20]),
    # in the machine code, which no unpickling would notice
    "flipped": lambda path: path.write_bytes(flip(path.read_bytes(), path.stat().st_size // 2)),
    "flipped at the start": lambda path: path.write_bytes(flip(path.read_bytes(), 0)),
    "not a kernel": lambda path: path.write_text("no kernel at all"),
    "a link": lambda path: (
        path.rename(path.with_suffix(".away")) and path.symlink_to(path.with_suffix(".away"))
    ),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "writable by others": lambda path: path.chmod(0o666),
    "writable by the group": lambda path: path.chmod(0o620),
}


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :]


@on_posix
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_compiled_anew_and_replaced(damage, load, tmp_path):
    load()
    whole = the_file(tmp_path).read_bytes()
    DAMAGE[damage](the_file(tmp_path))
    how, said = load()
    assert how == "compiled"
    assert len(said) == 1 and "is compiled anew" in said[0] and str(the_file(tmp_path)) in said[0]
    # names within the compiler's text differ by some letters from one compilation to the next
    assert abs(len(the_file(tmp_path).read_bytes()) - len(whole)) < 50
    assert not the_file(tmp_path).is_symlink()
    assert load() == ("loaded", [])


@on_posix
def test_a_folder_in_the_place_of_a_file_costs_that_file_alone(load, tmp_path):
    load()
    path = the_file(tmp_path)
    path.unlink()
    path.mkdir()
    how, said = load()
    assert how == "compiled"
    assert len(said) == 2 and "is compiled anew" in said[0] and "is not kept" in said[1]
    assert list(path.parent.iterdir()) == [path]  # and nothing half written beside it


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_belongs_to_another_user_is_not_run(what, load, tmp_path):
    load()
    path = the_file(tmp_path)
    os.chown(path if what == "file" else path.parent, 12345, -1)
    how, said = load()
    assert how == "compiled"
    assert len(said) == 1 and "it belongs to another user (number 12345)" in said[0]


@on_posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_may_write_is_not_used(mode, load, tmp_path):
    load()
    before = the_file(tmp_path).stat().st_mtime_ns
    (tmp_path / "kernels").chmod(mode)
    how, said = load()
    assert how == "compiled"
    assert len(said) == 1 and "other users may write it" in said[0] and "not kept" in said[0]
    assert the_file(tmp_path).stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_made(load, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SCIML_CACHE_DIR", str(tmp_path / "file"))
    how, said = load()
    assert how == "compiled"
    assert len(said) == 1 and "compiled kernels are not kept" in said[0]


@on_posix
def test_links_to_folders(load, tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("SCIML_CACHE_DIR", str(tmp_path / "link"))
    load()
    assert load() == ("loaded", [])
    (tmp_path / "nowhere").symlink_to(tmp_path / "away")
    monkeypatch.setenv("SCIML_CACHE_DIR", str(tmp_path / "nowhere"))
    how, said = load()
    assert how == "compiled"
    assert len(said) == 1 and "cannot be used" in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of another system")
def test_where_the_cache_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIML_CACHE_DIR", str(tmp_path / "new"))
    assert cache_folder.find_folder() == (tmp_path / "new" / "kernels", None)
    monkeypatch.delenv("SCIML_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder.find_folder() == (tmp_path / "xdg" / "sciml" / "kernels", None)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder.find_folder() == (tmp_path / ".cache" / "sciml" / "kernels", None)
    assert (tmp_path / ".cache" / "sciml" / "kernels").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another")
def test_a_user_without_a_home():
    # a container's user often has a number and nothing else; that one may not import from here, so imports come first
    code = "import os, pwd; from sciml.kernels.cpu.cache_folder import find_folder"
    code += "; os.setuid(54321); print(find_folder())"
    known = {key: value for key, value in os.environ.items() if key not in HOMES}
    done = subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(None, ") and "home" in done.stdout


def start(folder: Path, script: str = SCRIPT) -> subprocess.Popen:
    environment = {**os.environ, "SCIML_CACHE_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_processes_that_write_at_once(tmp_path):
    processes = [start(tmp_path) for _ in range(3)]
    for process in processes:
        out, said = process.communicate(timeout=200)
        assert out == "8\n" and "Warning" not in said, said
    assert len(list((tmp_path / "kernels").iterdir())) == 1
    assert start(tmp_path).communicate(timeout=200) == ("8\n", "")


@pytest.mark.slow
@on_posix
def test_a_disk_that_is_full(tmp_path):
    # a limit on the size of files ends a write half-way, as a full disk does
    script = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n" + SCRIPT
    out, said = start(tmp_path, script).communicate(timeout=200)
    assert out == "8\n"
    assert said.count("RuntimeWarning") == 1 and "is not kept" in said
    assert list((tmp_path / "kernels").iterdir()) == []


def test_another_llvm_does_not_see_the_file(load, tmp_path, monkeypatch):
    import llvmlite

    load()
    monkeypatch.setattr(llvmlite, "__version__", "0.0.1")
    assert load() == ("compiled", [])
    assert len(list((tmp_path / "kernels").iterdir())) == 2
