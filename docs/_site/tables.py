"""Numbers in tables stay on one line, each with its unit, its ratio and its factors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docutils.nodes import document
    from sphinx.application import Sphinx

# A space behind a number or a product, in front of a product or a number in parentheses, and
# between a word and a number: "confident by 10".
TIMES = "\N{MULTIPLICATION SIGN}"
WITHIN = re.compile(rf"(?<=[\d{TIMES}]) (?=\S)| (?={TIMES}|\(\d)|(?<=\w) (?=\d)")


def keep_together(text: str) -> str:
    """Return a text in which no line ends within a number with its unit, or within a product."""
    return WITHIN.sub("\N{NO-BREAK SPACE}", text)


def keep_cells_together(app: Sphinx, doctree: document) -> None:
    """Keep the numbers of every table together, and leave code and formulas as they are."""
    from docutils import nodes

    for cell in doctree.findall(nodes.entry):
        for text in list(cell.findall(nodes.Text)):
            if not isinstance(text.parent, nodes.literal | nodes.math):
                text.parent.replace(text, nodes.Text(keep_together(text.astext())))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect it to Sphinx."""
    app.connect("doctree-read", keep_cells_together)
    return {"parallel_read_safe": True}
