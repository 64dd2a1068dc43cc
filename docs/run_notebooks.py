"""Run notebooks and keep what they show: ``python docs/run_notebooks.py [name ...]``, all of them unless named.

A notebook is a script, ``notebooks/name.py``; its pair ``name.ipynb`` holds the same cells with their outputs, as text and
pictures, without progress lines.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
KEPT = ("text/plain", "image/png", "text/markdown")


def run(name: str) -> None:
    notebook = jupytext.read(NOTEBOOKS / f"{name}.py")
    with tempfile.TemporaryDirectory() as folder:  # what it saves is not kept
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell["execution_count"] = None
            cell["outputs"] = [shown(o) for o in cell["outputs"] if is_for_readers(o)]
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for unused in ("language_info", "widgets"):  # of the progress bars, which are not kept
        notebook.metadata.pop(unused, None)
    nbformat.write(notebook, NOTEBOOKS / f"{name}.ipynb")


def is_for_readers(output) -> bool:
    """Whether it is neither progress, nor a control, nor the name of a Matplotlib object that a cell's last line gave."""
    if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
        return False
    text = "".join(output.get("data", {}).get("text/plain", ""))
    return output.get("name") != "stderr" and (
        "image/png" in output.get("data", {}) or "<matplotlib" not in text
    )


def shown(output):
    """An output without its number, and without forms that a page cannot show."""
    if "execution_count" in output:
        output["execution_count"] = None
    if "data" in output:
        if "image/png" in output["data"]:  # not the text that stands for a figure
            output["data"].pop("text/plain", None)
            output["data"]["image/png"] = smaller(output["data"]["image/png"])
        output["data"] = {kind: value for kind, value in output["data"].items() if kind in KEPT}
    return output


def smaller(picture: str) -> str:
    """The same colours of a PNG in base64, without the alpha channel of an opaque background: two thirds of the bytes."""
    kept = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB").save(kept, "PNG", optimize=True)
    return base64.b64encode(kept.getvalue()).decode("ascii") + "\n"


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    for name in sys.argv[1:] or sorted(p.stem for p in NOTEBOOKS.glob("*.py")):
        run(name)
        print(name, flush=True)
