"""The site: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for the extensions in _site

project = "losses"
author = project_copyright = "The losses developers"
version = release = installed("losses")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "_site.api",
    "_site.links",
    "sphinx_gallery.gen_gallery",
    "_site.formulas",
]
exclude_patterns = ["_build", "_site", "examples"]
nitpicky = True
default_role = "name"  # of _site.links: a link if it is a public name, else code

autodoc_typehints = "none"  # the docstrings say more
autosummary_generate = False  # _site.api writes the pages
numpydoc_show_class_members = False
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Of the scripts those named plot_*.py are run, if they or their results have changed:
# -D plot_gallery=0 runs none, -D sphinx_gallery_conf.filename_pattern=digits only some.
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "image_srcset": ["2x"],
    "doc_module": ("losses",),
    "reference_url": {"losses": None},
    "backreferences_dir": "gallery/backreferences",
    "prefer_full_module": {r"losses"},
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "losses"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {"*": ["page-toc"], "gallery/*": ["page-toc"]},
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Only the reference and the gallery have pages below them, to be listed at the left.
html_sidebars = {"*": []}
