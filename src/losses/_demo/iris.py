"""Fisher's iris: 150 flowers, four measurements of each, three species."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import numpy as np

from .._core.checks import Array

SPECIES = 3


class Flowers(NamedTuple):
    """Some flowers: a row of inputs for each, and their species as class indices."""

    inputs: Array
    species: Array


def split(held_out: int, rng: np.random.Generator) -> tuple[Flowers, Flowers]:
    """Return the flowers to train on, and some, drawn at random, that are held out.

    The inputs are the measurements, standardised by those of the training flowers, and a 1,
    whose weights are the biases.
    """
    table = _read()
    order = rng.permutation(len(table))
    measurements, species = table[order, :-1], table[order, -1].astype(np.intp)
    training = measurements[held_out:]
    standard = (measurements - training.mean(axis=0)) / training.std(axis=0)
    inputs = np.column_stack([standard, np.ones(len(table))])
    return (
        Flowers(inputs[held_out:], species[held_out:]),
        Flowers(inputs[:held_out], species[:held_out]),
    )


def _read() -> Array:
    text = resources.files(__package__).joinpath("iris.csv").read_text(encoding="utf-8")
    return np.loadtxt(text.splitlines(), delimiter=",")
