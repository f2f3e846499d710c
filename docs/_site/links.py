"""Links that work both where the sources are read and on the site.

In the texts a public name in code is a link to its page, and so is code that begins with one, such
as ``losses.softmax(x, axis=1)``. A few files have a page under another name than their own.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from .names import public

PUBLIC = frozenset(public())
BEGINNING = re.compile(r"(?:partial\()?(losses\.(?:extra\.dask\.)?\w+)")
PAGES = {
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
    "../README.md": "index.md",
    "examples/README.rst": "gallery/index.rst",
}


def link(full: str, text: str, docname: str) -> nodes.Node:
    """Return code that leads to the page of a public name."""
    code = nodes.literal(text, text)
    return addnodes.pending_xref(
        "", code, refdomain="py", reftype="obj", reftarget=full, refexplicit=True, refdoc=docname
    )


def name_role(name, rawtext, text, lineno, inliner, options=None, content=()):
    """Make a link of a public name, and code of anything else."""
    env = inliner.document.settings.env
    for full in (f"{env.ref_context.get('py:module')}.{text}", f"losses.{text}", text):
        if full in PUBLIC:
            return [link(full, text, env.docname)], []
    return [nodes.literal(rawtext, text)], []


def link_code(app: Sphinx, doctree: nodes.document) -> None:
    """Make links of the code in texts that is a public name or begins with one in full."""
    inside = (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.desc_signature)
    for code in list(doctree.findall(nodes.literal)):
        begins = BEGINNING.match(code.astext())
        full = begins[1] if begins else f"losses.{code.astext()}"
        if full in PUBLIC and not isinstance(code.parent, inside):
            code.parent.replace(code, link(full, code.astext(), app.env.docname))


def lead_to_pages(app: Sphinx, docname: str, content: list[str]) -> None:
    """Make links to files of the repository links to their pages."""
    for file, page in PAGES.items():
        content[0] = content[0].replace(f"]({file})", f"]({page})")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it to Sphinx."""
    app.add_role("name", name_role)
    app.connect("source-read", lead_to_pages)
    app.connect("doctree-read", link_code)
    return {"parallel_read_safe": True}
