"""How Sphinx builds the documentation (``make docs``). Its pages load nothing from a network."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE / "extensions")]

from sciml import __version__  # noqa: E402 - the checkout this file lies in

project = "sciml"
author = "The sciml developers"
copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "markdown_docstrings",
    "sphinx.ext.napoleon",
    "mathml",
    "picture_texts",
    "command_help",
]
exclude_patterns = ["extensions"]
root_doc = "index"

# --- pages ---

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# a notebook is shown with the outputs it was committed with
nb_execution_mode = "off"
nb_merge_streams = True
# a slider is shown by the picture that was committed with it: its scripts would come from a network
nb_ipywidgets_js = {}
html_math_renderer = "mathml"

# --- reference ---

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# --- looks ---

html_theme = "furo"
html_title = "sciml"
html_static_path = ["static"]
html_css_files = ["sciml.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": False}
pygments_style = "friendly"
pygments_dark_style = "monokai"


def copy_notebooks(app) -> None:
    """Sphinx reads one folder: the notebooks are copied into it (ignored by git) as they are."""
    target = HERE / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        ROOT / "notebooks", target, ignore=lambda _, names: [n for n in names if not n.endswith(".ipynb")]
    )


def links_to_the_copies(app, page: str, source: list[str]) -> None:
    """Pages link to the notebooks where a reader of the repository finds them."""
    up = "../" * page.count("/")
    source[0] = source[0].replace(f"](../{up}notebooks/", f"]({up}notebooks/")


def setup(app) -> None:
    """Connect what the pages need before they are read."""
    app.connect("builder-inited", copy_notebooks)
    app.connect("source-read", links_to_the_copies)
