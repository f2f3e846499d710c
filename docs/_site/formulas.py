"""MathJax from an installed package: formulas need no network, to be built or to be read."""

from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset


def copy(app: Sphinx, error: Exception | None) -> None:
    """Copy the one file that has all of TeX and draws its own letters, and its extensions."""
    if error is None and app.builder.format == "html":
        source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
        target = Path(app.outdir) / "_static" / "mathjax"
        copy_asset(source / "tex-svg.js", target)
        copy_asset(source / "input" / "tex" / "extensions", target / "input" / "tex" / "extensions")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx where MathJax is; its menu would offer what is not there."""
    app.config.mathjax_path = "mathjax/tex-svg.js"
    app.config.mathjax3_config = {"options": {"enableMenu": False}}
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True}
