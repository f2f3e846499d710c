"""The site: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for the extensions in _site

from _site.repository import address

import losses

project = "losses"
author = project_copyright = "The losses developers"
version = release = losses.__version__
repository = address(Path(__file__).parents[1])

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "_site.api",
    "_site.links",
    "_site.tables",
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
    "capture_repr": (),  # an example prints what it has to say
    "thumbnail_size": (640, 400),  # of most figures: their letters are not made smaller
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
    "logo": {"text": f"losses {version}"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "icon_links": [
        {"name": "Repository", "url": url, "icon": "fa-solid fa-code-branch"}
        for url in [repository]
        if url
    ],
    "secondary_sidebar_items": {"*": ["page-toc"], "gallery/*": ["page-toc"], "index": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Only the reference has pages below it to be listed at the left. An example has its code there:
# the first page of the gallery lists them all.
html_sidebars = {"*": [], "gallery/*": []}
