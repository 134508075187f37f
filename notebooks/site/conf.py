"""The site, as Sphinx reads it; its pages were laid out by `stage.py`."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

project = "Exploration and offline RL"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # `widgets.js` brings them, from files of the site
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
mathjax_path = "mathjax/tex-chtml.js"

autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "set"}  # matplotlib's own
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_use_ivar = True
default_role = "py:obj"

html_context = {"default_mode": "auto"}  # light or dark, as the reader's system says
html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "favicon.svg"
html_copy_source = False
html_show_copyright = False
html_static_path = ["static", str(ROOT / "build" / "static")]
html_extra_path = [str(ROOT / "build" / "extra")]
html_css_files = ["site.css"]
html_js_files = [("widgets.js", {"defer": "defer"})]
html_theme_options = {
    "footer_content_items": [],
    "navbar_persistent": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "use_download_button": False,
    "use_fullscreen_button": False,
}


def take_as_plain_text(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: J* begins no emphasis, |x| is no substitution."""
    lines[:] = [re.sub(r"[*|]", r"\\\g<0>", line) for line in lines]


def setup(app) -> None:
    app.connect("autodoc-process-docstring", take_as_plain_text, priority=1)
