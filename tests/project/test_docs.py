"""The examples in docs/files.md read real files, without sciml where they say so; those of docs/inverse.md run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import fuzz, kan_cases
from sciml.solvers.files import container
from tests.cases import ROOT

PAGE = ROOT / "docs" / "files.md"


@pytest.mark.parametrize("pack", [False, True], ids=["plain", "packed"])
def test_examples(tmp_path: Path, pack: bool, monkeypatch: pytest.MonkeyPatch):
    plain, digest, checked = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    fuzz.save_example(tmp_path / "file.h5", pack)
    config, arrays = container.read(tmp_path / "file.h5", "solution")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(plain, names)
    assert "sciml" not in plain
    assert fuzz.equal((names["data"]["config"], names["arrays"]), (config, arrays))
    exec(digest, names)
    names["arrays"]["layers.0.coef"] = names["arrays"]["layers.0.coef"] + 1e-9
    with pytest.raises(AssertionError):
        exec(digest, names)
    exec(checked, names)
    assert fuzz.equal((names["config"], names["arrays"]), (config, arrays))


def test_the_page_on_unknown_coefficients_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = (ROOT / "docs" / "inverse.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    found = names["solution"].unknown["D"]
    assert found.low < 0.3 < found.high
    assert abs(found.value - 0.3) < 0.02
    assert (tmp_path / "probe.csv").exists() and names["data"].noise.shape == (40, 1)


def test_limits_are_the_ones_in_the_code():
    from sciml.solvers.files import canonical_json, hdf5_flat, seal

    page = PAGE.read_text(encoding="utf-8")
    assert seal.BLOCK == 512
    assert "first 512 bytes" in page
    assert (seal.MAX_FILE_BYTES, canonical_json.MAX_BYTES) == (1 << 30, 4 << 20)
    assert f"{canonical_json.MAX_DEPTH} levels and {canonical_json.MAX_NODES:,} values" in page
    assert f"at most {hdf5_flat.MAX_DATASETS:,}" in page
    assert all(f"`{dtype}`" in page for dtype in [*hdf5_flat.DTYPES, "bool"])
    assert np.dtype(bool).itemsize == 1


def test_a_kink_at_a_known_place():
    page = (ROOT / "docs" / "kans.md").read_text(encoding="utf-8")
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code.replace("points=400", "points=400, max_steps=60"), names)
    assert names["layer"].stats.error_estimate < 1e-9
    solution, x = names["solution"], torch.linspace(0, 1, 201, dtype=torch.float64)[:, None]
    assert float((solution(x) - kan_cases.Rod().exact(x)).abs().max()) < 1e-7
