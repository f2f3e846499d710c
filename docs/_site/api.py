"""A page for each public name, with its plots, and their index."""

import inspect
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import losses
from losses.extra import dask as lazy

from . import plots
from .names import base_of, dask_names, members, public, sections

PUBLIC = frozenset(public())


def write(path: Path, text: str) -> None:
    """Write a file unless it is there already, so that Sphinx reads only what has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def page(module: str, name: str) -> str:
    """Return the source of a name's page."""
    title = name if module == "losses" else f"{module.rpartition('.')[2]}.{name}"
    found = getattr(lazy if module.endswith("dask") else losses, name)
    lines = [title, "=" * len(title), "", f".. currentmodule:: {module}", ""]
    if inspect.isclass(found):
        lines += [f".. autoclass:: {name}", f"   :members: {', '.join(members(found))}"]
        if not members(found):
            lines.pop()
    else:
        lines += [f".. autofunction:: {name}"]
    lines += ["", f".. minigallery:: {module}.{name}", "   :add-heading: In the gallery"]
    return "\n".join(lines) + "\n"


def index() -> str:
    """Return the lists of the reference, for the end of its first page."""
    lines = []
    groups = [(title, "losses", names) for title, names in sections().items()]
    groups.append(("Dask arrays", "losses.extra.dask", dask_names()))
    for title, module, names in groups:
        pages = [f"{module}.{name}" for name in names]
        lines += ["", f"## {title}", "", "```{eval-rst}"]
        lines += [f".. automodule:: {module}", ""] if module != "losses" else []
        lines += [f".. currentmodule:: {module}", "", ".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   {name}" for name in names]
        lines += ["", ".. toctree::", "   :hidden:", f"   :caption: {title}", ""]
        lines += [f"   {page}" for page in pages]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def write_pages(app: Sphinx) -> None:
    """Write the pages and the plots, and remove those of names and scripts that are gone."""
    folder = Path(app.srcdir) / "api"
    for full in PUBLIC:
        module, _, name = full.rpartition(".")
        write(folder / f"{full}.rst", page(module, name))
    for path in folder.glob("*.rst"):
        if path.stem not in PUBLIC:
            path.unlink()
    for path in Path(app.srcdir).glob("gallery/plot_*.rst"):
        if not (Path(app.srcdir) / "examples" / f"{path.stem}.py").exists():
            path.unlink()
    plots.draw(folder / "plots")


def add_index(app: Sphinx, docname: str, content: list[str]) -> None:
    """Add the lists to the first page of the reference."""
    if docname == "api/index":
        content[0] += index()


def add_plots(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Put the plots of a function behind its formula."""
    if what == "function" and "Parameters" in lines:
        panels = plots.panels_of(name.rpartition(".")[2])
        at = lines.index("Parameters")
        lines[at:at] = plots.directives(panels, base_of(name.rpartition(".")[2]))


class Plots(SphinxDirective):
    """Pictures by name, side by side: ``.. plots:: cross_entropy-0 cross_entropy_backward-0``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the pictures, each for light and for dark."""
        names = self.arguments[0].split()
        base = base_of(names[0].rpartition("-")[0])
        return self.parse_text_to_nodes("\n".join(plots.directives(names, base)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it to Sphinx."""
    app.add_directive("plots", Plots)
    app.connect("builder-inited", write_pages)
    app.connect("source-read", add_index)
    app.connect("autodoc-process-docstring", add_plots, priority=400)  # numpydoc has 500
    return {"parallel_read_safe": True}
