"""The documentation: ``make docs`` builds it into ``docs/_build/html``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import source  # noqa: E402

import accelml  # noqa: E402

project = "accelml"
author = "The accelml developers"
copyright = author
version = release = accelml.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "docstrings",
    "learning_map",
    "notebooks",
    "source",
]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True
linkcode_resolve = source.resolve
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"accelml {release}"
html_static_path = ["_static"]
html_css_files = ["accelml.css"]
html_copy_source = False

# One file with its fonts, which `make docs` takes from npm; where that was not to be had, Sphinx's
# default, which the reader's browser loads from a public server.
MATHJAX = HERE / "_build" / "static"
if (MATHJAX / "mathjax" / "tex-svg.js").exists():
    html_static_path.append("_build/static")
    mathjax_path = "mathjax/tex-svg.js"
