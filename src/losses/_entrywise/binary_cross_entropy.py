"""Binary cross entropy of probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.domains import unit_interval
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, value_and_grad
from .._losses.options import Reduction


def _shared(probs: Array, target: Array) -> tuple[Array, Array]:
    return probs, target


def _loss(probs: Array, target: Array) -> Array:
    yes, no = np.maximum(np.log(probs), -100), np.maximum(np.log1p(-probs), -100)
    cost: Array = 0 - (target * yes + (1 - target) * no)
    return cost


def _slope(probs: Array, target: Array) -> Array:
    slope: Array = (probs - target) / np.maximum(probs * (1 - probs), 1e-12)
    return slope


BINARY = Entrywise(
    ("probs", "target"),
    _shared,
    _loss,
    _slope,
    domains={"probs": unit_interval, "target": unit_interval},
    mean_of_entries=True,
)


@public
def binary_cross_entropy(
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Binary cross entropy of probabilities.

    .. math::
        \ell = -w \big[ t \max(\log p, -100) + (1 - t) \max(\log(1 - p), -100) \big]

    Parameters
    ----------
    probs : array_like, any shape
        Probabilities in [0, 1]. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `probs`
        Targets in [0, 1], of any real dtype.
    weight : array_like, optional
        Weight of each entry, of a shape that broadcasts to that of `target`. An entry of weight 0
        is left out, whatever it holds, so a boolean mask may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the entries (whatever their weights), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `probs` for ``reduction='none'``
        In the dtype of `probs`.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes do not fit, an entry of `probs` or `target` is outside [0, 1] or nan where its
        weight is not 0, or `reduction` is not one of the three.

    See Also
    --------
    binary_cross_entropy_with_logits, binary_cross_entropy_backward

    Notes
    -----
    The logarithms are clamped at -100, so that p = 0 and p = 1 have finite losses. At most 6 ulp
    of the formula at the given `probs`; but a probability rounded to 1 has lost its tail, which
    `binary_cross_entropy_with_logits` keeps.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy([0.9, 0.2], [1, 0], reduction="none").round(4)
    array([0.1054, 0.2231])
    """
    return forward(BINARY, (probs, target), weight, reduction)


@public
def binary_cross_entropy_backward(
    grad_output: ArrayLike,
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `binary_cross_entropy` with respect to the probabilities.

    .. math:: \frac{\partial}{\partial p} = g \, w \, \frac{p - t}{\max(p (1 - p), 10^{-12})}

    Parameters
    ----------
    grad_output : array_like, the shape of what `binary_cross_entropy` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    probs, target : array_like
        What `binary_cross_entropy` was given.
    weight, reduction : optional
        As in `binary_cross_entropy`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `probs`

    Raises
    ------
    TypeError, ValueError
        As in `binary_cross_entropy`; also if `grad_output` has another shape than stated.

    See Also
    --------
    binary_cross_entropy, binary_cross_entropy_with_logits_backward

    Notes
    -----
    This is PyTorch's gradient, bounded near 0 and 1. It is not the derivative of the clamped
    loss, which is 0 where a logarithm is clamped. On logits nothing needs to be clamped: prefer
    `binary_cross_entropy_with_logits`. At most 6 ulp of the formula at the given `probs`.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_backward(1.0, [0.5, 0.2], [1, 0])
    array([-1.   ,  0.625])
    """
    return backward(BINARY, grad_output, (probs, target), weight, reduction)


@public
def binary_cross_entropy_value_and_grad(
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Binary cross entropy of probabilities and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial p} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial p} \Big) \text{ for 'none'}

    Parameters
    ----------
    probs, target : array_like
        As in `binary_cross_entropy`.
    weight, reduction : optional
        As in `binary_cross_entropy`.
    grad_output : array_like, the shape of the loss, optional
        The gradient with respect to the loss, as in `binary_cross_entropy_backward`; 1 by default.
        It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `probs`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `probs` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `binary_cross_entropy` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `probs`
        What `binary_cross_entropy_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `binary_cross_entropy`; also if `grad_output` has another shape than the loss, or if
        `out` has the wrong shape or dtype, is read-only, or overlaps an input without being
        `probs`. If an argument is wrong, nothing is written.

    See Also
    --------
    binary_cross_entropy, binary_cross_entropy_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.binary_cross_entropy_value_and_grad([0.5, 0.2], [1, 0])[1]
    array([-1.   ,  0.625])
    """
    return value_and_grad(
        BINARY, (probs, target), weight, reduction, grad_output=grad_output, out=out
    )
