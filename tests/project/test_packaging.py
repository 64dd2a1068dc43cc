"""One import name for four folders: from a checkout, a wheel or an editable install, however it starts."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import sciml
from tests.cases import ROOT

needs_cli = pytest.mark.skipif(not (ROOT / "solvers" / "cli.py").is_file(), reason="has no command line yet")
FOLDERS = {"solvers": "sciml/solvers", "pdes": "sciml/pdes", "kernels": "sciml/kernels"}

# A process that starts afresh imports sciml in the child, too, and names the files it found.
SPAWN = """
import multiprocessing as mp

def where(name):
    import importlib
    return importlib.import_module(name).__file__

if __name__ == "__main__":
    with mp.get_context("spawn").Pool(1) as pool:
        names = ["sciml", "sciml.solvers", "sciml.pdes", "sciml.kernels", "sciml.errors"]
        print(*pool.map(where, names), sep="\\n")
"""


def python(*args: str, cwd: Path, path: Path | None = None, executable: str = sys.executable):
    """Run Python in a folder, with one entry or none on ``PYTHONPATH``."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    return subprocess.run(
        [executable, *args],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )


def answer(*args: str, **where) -> str:
    run = python(*args, **where)
    assert run.returncode == 0, run.stderr
    return run.stdout


def sources(pattern: str = "*.py") -> set[str]:
    """Every module (or other file) of the checkout under the name it has in a wheel."""
    homes = {"sciml": "sciml", **FOLDERS}
    return {
        f"{package}/{f.relative_to(ROOT / folder)}"
        for folder, package in homes.items()
        for f in (ROOT / folder).rglob(pattern)
        if f.is_file() and f.suffix != ".pyc"
    }


# --- the front door ---


def static_names() -> dict[str, str]:
    """What type checkers are told: name -> module, read from the ``TYPE_CHECKING`` block."""
    tree = ast.parse((ROOT / "sciml" / "__init__.py").read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    return {
        alias.name: statement.module or ""
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def test_front_door_tells_everyone_the_same():
    static = static_names()
    assert {n: m for n, m in static.items() if m != "sciml"} == sciml._MODULE_OF
    assert {n for n, m in static.items() if m == "sciml"} == set(sciml._SUBPACKAGES)
    assert len(sciml.__all__) == len(set(sciml.__all__))
    assert set(sciml.__all__) == set(static)
    assert set(sciml.__all__) <= set(dir(sciml))


@pytest.mark.parametrize("name", sciml.__all__)
def test_every_name_resolves_to_its_home(name):
    value = getattr(sciml, name)
    if name in sciml._SUBPACKAGES:
        assert value is importlib.import_module(f"sciml.{name}")
    else:
        assert value is getattr(importlib.import_module(sciml._MODULE_OF[name]), name)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'sciml' has no attribute 'sovle'"):
        sciml.sovle  # noqa: B018
    assert not hasattr(sciml, "sovle")


HEAVY = ("matplotlib", "h5py", "numba", "scipy.stats", "ray", "jax", "IPython", "pandas")


@pytest.mark.parametrize(
    ("statement", "banned"),
    [
        ("import sciml", ("torch", "numpy", "scipy", *HEAVY)),
        (f"from sciml import {', '.join(sciml.__all__)}", HEAVY),
    ],
    ids=["import sciml", "every name"],
)
def test_import_is_light(statement, banned):
    code = f"import sys; {statement}; print([m for m in {banned!r} if m in sys.modules])"
    assert answer("-c", code, cwd=ROOT).strip() == "[]"


@pytest.mark.parametrize("folder", FOLDERS)
def test_bare_import_says_what_to_write(folder):
    run = python("-c", f"import {folder}", cwd=ROOT)
    assert run.returncode == 1
    assert f"ImportError: {folder} is part of sciml: write `from sciml import {folder}`" in run.stderr


# --- a checkout, not installed ---


def test_checkout_from_its_root():
    code = "from sciml import kernels, pdes, solvers; print(kernels.__file__)"
    assert answer("-c", code, cwd=ROOT).strip() == str(ROOT / "kernels" / "__init__.py")


def test_checkout_from_elsewhere_and_in_spawned_processes(tmp_path):
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN, encoding="utf-8")
    found = answer(str(script), cwd=tmp_path, path=ROOT).split()
    expected = ["sciml/__init__", "solvers/__init__", "pdes/__init__", "kernels/__init__", "sciml/errors"]
    assert found == [str(ROOT / f"{name}.py") for name in expected]


def test_module_is_imported_once():
    code = (
        "import sys, sciml.kernels as k; from sciml import kernels; assert k is kernels; print(*sys.modules)"
    )
    assert {"kernels", "sciml.sciml"}.isdisjoint(answer("-c", code, cwd=ROOT).split())


@needs_cli
def test_python_m_sciml():
    assert "solve" in answer("-m", "sciml", "--help", cwd=ROOT)


@pytest.mark.parametrize(
    "command", [("-m", "pytest"), ("-c", "import pytest; raise SystemExit(pytest.console_main())")]
)
def test_pytest_finds_the_four_folders(command, tmp_path):
    # the second form is what the script `pytest` does: the working directory is not on the path
    test = tmp_path / "test_it.py"
    test.write_text("def test_it():\n    import sciml.pdes, sciml.kernels, benchmarks\n", encoding="utf-8")
    args = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(ROOT),
    ]
    assert "1 passed" in answer(*command, *args, str(test), cwd=tmp_path)


# --- built and installed ---


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> dict[str, Path]:
    """An sdist of the checkout, and the wheel built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    # setuptools writes *.egg-info and build/ beside setup.py, so the checkout is copied first
    source = tmp_path_factory.mktemp("source") / "sciml"
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode != 0:
        pytest.skip("needs a git checkout")
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    answer("-m", "build", "--no-isolation", "--outdir", str(out), str(source), cwd=out)
    return {"sdist": next(out.glob("*.tar.gz")), "wheel": next(out.glob("*.whl")), "source": source}


@pytest.fixture(scope="session")
def installed(built, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(built["wheel"]) as wheel:
        wheel.extractall(target)
    return target


def test_wheel_holds_every_file_and_nothing_else(built):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = [n for n in wheel.namelist() if ".dist-info/" not in n]
        meta = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = wheel.read(meta).decode()
    assert set(names) == sources("*")
    assert {"sciml/py.typed", "sciml/pdes/__init__.py"} <= set(names)
    assert f"Version: {sciml.__version__}\n" in metadata
    assert "License-Expression: MIT\n" in metadata


def test_sdist_is_enough_to_test_and_to_read(built):
    with tarfile.open(built["sdist"]) as archive:
        names = {n.partition("/")[2] for n in archive.getnames()}
    wanted = {
        "setup.py",
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "constraints.txt",
    }
    assert wanted | {"tests/conftest.py", "solvers/__init__.py", "docs/index.md", "mkdocs.yml"} <= names


def test_installed_wheel_from_elsewhere_and_in_spawned_processes(installed, tmp_path):
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN, encoding="utf-8")
    found = answer(str(script), cwd=tmp_path, path=installed).split()
    expected = ["__init__", "solvers/__init__", "pdes/__init__", "kernels/__init__", "errors"]
    assert found == [str(installed / "sciml" / f"{name}.py") for name in expected]


@needs_cli
def test_python_m_sciml_installed(installed, tmp_path):
    assert "solve" in answer("-m", "sciml", "--help", cwd=tmp_path, path=installed)


def test_every_installed_module_imports(installed, tmp_path):
    names = sorted(
        n[:-3].replace("/", ".").removesuffix(".__init__") for n in sources() if "__main__" not in n
    )
    code = f"""
import importlib, json
wrong = {{}}
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        wrong[name] = repr(error)
print(json.dumps(wrong))
"""
    assert json.loads(answer("-c", code, cwd=tmp_path, path=installed)) == {}


@needs_cli
def test_console_script_calls_main(built):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        entry = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
        text = wheel.read(entry).decode()
    module, _, function = text.partition("sciml = ")[2].strip().partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@needs_cli
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["wheel", "editable", "strict"])
def test_pip_install(mode, built, tmp_path):
    """A virtual environment of its own, in which only the dependencies come from this one."""
    answer("-m", "venv", "--without-pip", str(tmp_path / "v"), cwd=tmp_path)
    new = str(tmp_path / "v" / "bin" / "python")
    site = Path(
        answer("-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path, executable=new).strip()
    )
    # plain entries on the path bring pip and the dependencies, and none of this environment's editable hooks
    here = [p for p in sys.path if p.endswith("-packages")]
    (site / "zz_dependencies.pth").write_text("\n".join(here) + "\n", encoding="utf-8")

    what = {
        "wheel": [str(built["wheel"])],
        "editable": ["-e", str(built["source"])],
        "strict": ["-e", str(built["source"]), "--config-settings", "editable_mode=strict"],
    }[mode]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--force-reinstall"]
    answer("-m", "pip", "install", *options, *what, cwd=tmp_path, executable=new)

    script = tmp_path / "spawn.py"
    script.write_text(SPAWN, encoding="utf-8")
    found = answer(str(script), cwd=tmp_path, executable=new).split()
    home = {"wheel": site / "sciml", "editable": built["source"], "strict": built["source"] / "build"}[mode]
    assert all(Path(f).is_relative_to(home) for f in found), found
    assert "solve" in answer("-m", "sciml", "--help", cwd=tmp_path, executable=new)
    console = subprocess.run(
        [str(tmp_path / "v" / "bin" / "sciml"), "--help"], capture_output=True, text=True, cwd=tmp_path
    )
    assert console.returncode == 0, console.stderr
