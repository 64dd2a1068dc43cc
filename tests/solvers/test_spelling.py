"""Text on streams that cannot encode it: nothing fails, and what is written can be read."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from sciml.solvers import cli
from sciml.solvers.spelling import HANDLER, encodable, readable_streams
from tests.cases import ROOT


class Stream:
    def __init__(self, encoding):
        self.encoding = encoding


@pytest.mark.parametrize(
    "text, ascii, latin",
    [
        ("nu = 1/100", "nu = 1/100", "nu = 1/100"),
        ("u_t = λ u_xx", "u_t = lambda u_xx", "u_t = lambda u_xx"),
        ("sin(2πx) ≤ ½", "sin(2 pi x) <= 1/2", "sin(2 pi x) <= ½"),
        ("Δu = f², ‖", "Delta u = f^2, \\u2016", "Delta u = f², \\u2016"),
        ("Schrödinger, ν₀", "Schrodinger, nu_0", "Schrödinger, nu_0"),
        ("日本", "\\u65e5\\u672c", "\\u65e5\\u672c"),
    ],
)
def test_what_cannot_be_encoded_is_spelt_out(text, ascii, latin):
    assert encodable(text, Stream("ascii")) == ascii
    assert encodable(text, Stream("latin-1")) == latin
    assert encodable(text, Stream("utf-8")) == encodable(text, io.StringIO()) == text


def test_streams_are_as_before_afterwards(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with readable_streams():
        assert stream.errors == HANDLER
        print("ν")
    assert stream.errors == "strict"
    assert raw.getvalue().split() == [b"nu"]
    with pytest.raises(UnicodeEncodeError):
        stream.write("ν")


@pytest.mark.parametrize(
    "words", [("list",), ("list", "--json"), ("solve", "helmholtz", "--help"), ("solve", "ν")]
)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_command_answers_on_a_narrow_console(words, encoding, monkeypatch):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    try:
        code = cli.main(words)
    except SystemExit as leaving:
        code = leaving.code
    assert code == (2 if words[-1] == "ν" else 0)
    shown = out if code == 0 else err
    shown.flush()
    assert len(shown.buffer.getvalue()) > 20


def test_a_program_of_its_own_on_a_narrow_console():
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(
        [sys.executable, "-m", "sciml", "list"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"nu u_xx" in done.stdout
