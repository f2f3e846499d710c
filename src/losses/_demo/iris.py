"""Fisher's iris: 150 flowers, four measurements of each, three species."""

from __future__ import annotations

from importlib import resources
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.intp]


def read() -> tuple[Floats, Labels]:
    """Return the measurements, one row for each flower, and the species as class indices."""
    text = resources.files(__package__).joinpath("iris.csv").read_text(encoding="utf-8")
    table = np.loadtxt(text.splitlines(), delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.intp)
