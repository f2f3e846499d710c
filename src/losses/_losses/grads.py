"""The gradients of losses that have several, by the names of their arrays."""

from __future__ import annotations

from typing import NamedTuple

from .._core.dtypes import Array, Floating


class GaussianGrads(NamedTuple):
    """The gradients of a Gaussian likelihood, each of the shape and dtype of its array.

    Attributes
    ----------
    predictions : ndarray or NumPy scalar
        With respect to the means.
    variance : ndarray or NumPy scalar
        With respect to the variances.
    """

    predictions: Floating
    variance: Floating


class LogVarianceGrads(NamedTuple):
    """The gradients of a Gaussian likelihood of log-variances, each of the shape of its array.

    Attributes
    ----------
    predictions : ndarray or NumPy scalar
        With respect to the means.
    log_variance : ndarray or NumPy scalar
        With respect to the logarithms of the variances.
    """

    predictions: Floating
    log_variance: Floating


class PairGrads(NamedTuple):
    """The gradients of a loss of pairs, each of the shape and dtype of its array.

    Attributes
    ----------
    first : ndarray or NumPy scalar
        With respect to the first of each pair.
    second : ndarray or NumPy scalar
        With respect to the second of each pair.
    """

    first: Floating
    second: Floating


class TripletGrads(NamedTuple):
    """The gradients of a loss of triplets, each of the shape and dtype of its array.

    Attributes
    ----------
    anchor : ndarray
        With respect to the anchor of each triplet.
    positive : ndarray
        With respect to the positive of each triplet.
    negative : ndarray
        With respect to the negative of each triplet.
    """

    anchor: Array
    positive: Array
    negative: Array
