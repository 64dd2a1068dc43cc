"""One import name for four folders: from a checkout, a wheel or an editable install, however it starts."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import sciml
from tests.cases import ROOT

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


# --- names ---


@pytest.mark.parametrize("package", [sciml, sciml.kernels, sciml.pdes], ids=lambda p: p.__name__)
def test_a_package_tells_type_checkers_and_python_the_same(package):
    """Every public name stands under ``TYPE_CHECKING`` or is defined in the file, and resolves to its home."""
    lent = package._HOMES
    here = [name for name in package.__all__ if name not in lent]
    assert all(getattr(package, name).__module__ == package.__name__ for name in here), here
    assert len(package.__all__) == len(set(package.__all__))
    assert set(package.__all__) <= set(dir(package))
    for name, home in lent.items():
        submodule = home == package.__name__
        found = importlib.import_module(f"{home}.{name}" if submodule else home)
        assert getattr(package, name) is (found if submodule else getattr(found, name)), name


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'sciml' has no attribute 'sovle'"):
        sciml.sovle  # noqa: B018
    assert not hasattr(sciml, "sovle")


HEAVY = ("matplotlib", "h5py", "numba", "llvmlite", "scipy.stats", "ray", "jax", "IPython", "pandas")


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

STRANGERS = ("setup", "tests", "sciml", "benchmarks", "docs", "notebooks", "pyproject")


def test_nothing_else_of_the_root_is_a_part_of_sciml():
    code = f"""
import importlib
for name in {STRANGERS!r}:
    try:
        importlib.import_module(f"sciml.{{name}}")
    except ModuleNotFoundError as error:
        print(error.name)
"""
    assert answer("-c", code, cwd=ROOT).split() == [f"sciml.{name}" for name in STRANGERS]


def test_a_checkout_takes_nothing_from_another_one(tmp_path):
    """An editable install of another checkout has its own finder, which must not lend its folders to this one."""
    other = tmp_path / "other"
    for name in ("kernels", "pdes", "solvers"):
        (other / name).mkdir(parents=True)
        (other / name / "__init__.py").write_text("")
    code = f"""
import sys
from importlib.util import spec_from_file_location

class Editable:
    def find_spec(name, path=None, target=None):
        if name in ("sciml.kernels", "sciml.pdes", "sciml.solvers"):
            return spec_from_file_location(name, {str(other)!r} + "/" + name[6:] + "/__init__.py")

sys.meta_path.append(Editable)
from sciml import kernels, pdes, solvers
print(kernels.__file__, pdes.__file__, solvers.__file__, sep="\\n")
"""
    assert answer("-c", code, cwd=ROOT).split() == [
        str(ROOT / name / "__init__.py") for name in ("kernels", "pdes", "solvers")
    ]


def test_values_of_every_folder_survive_pickling_into_a_new_process(tmp_path):
    code = "import pickle, sys; print(repr(pickle.load(open(sys.argv[1], 'rb'))))"
    values = [sciml.kernels.kan_jets, sciml.pdes.Poisson(dim=3), sciml.solve, sciml.Disk([0, 0], 1)]
    (tmp_path / "values").write_bytes(pickle.dumps(values))
    shown = answer("-c", code, str(tmp_path / "values"), cwd=tmp_path, path=ROOT)
    assert "Poisson(dim=3, frequency=1)" in shown
    assert "Disk(" in shown
    assert "<function kan_jets" in shown
    assert "<function solve" in shown


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
    assert wanted | {"tests/conftest.py", "solvers/__init__.py", "docs/index.md", "docs/conf.py"} <= names


def test_installed_wheel_from_elsewhere_and_in_spawned_processes(installed, tmp_path):
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN, encoding="utf-8")
    found = answer(str(script), cwd=tmp_path, path=installed).split()
    expected = ["__init__", "solvers/__init__", "pdes/__init__", "kernels/__init__", "errors"]
    assert found == [str(installed / "sciml" / f"{name}.py") for name in expected]


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


def test_console_script_calls_main(built):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        entry = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
        text = wheel.read(entry).decode()
    module, _, function = text.partition("sciml = ")[2].strip().partition(":")
    assert callable(getattr(importlib.import_module(module), function))


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
