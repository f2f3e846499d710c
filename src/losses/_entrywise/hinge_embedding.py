"""Hinge embedding loss of distances."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.domains import signs
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, value_and_grad
from .._losses.options import Reduction, number


def _shared(distances: Array, target: Array, margin: float) -> tuple[Array, Array]:
    """Return x where t = 1 and margin - x where t = -1, and the target."""
    signed = target * distances
    signed += (target < 0) * signed.dtype.type(margin)
    return signed, target


def _loss(signed: Array, target: Array) -> Array:
    """Return the losses; the least that a loss may be is -inf where t = 1, 0 where t = -1."""
    least = target * -np.inf
    np.minimum(least, 0, out=least)
    return np.maximum(signed, least, out=least)


def _slope(signed: Array, target: Array) -> Array:
    """Return the slopes: max(t, [margin - x < 0] - 1), in which no 0 has a sign."""
    slope = (signed < 0).astype(signed.dtype)
    slope -= 1
    np.maximum(slope, target, out=slope)
    wrong = np.isnan(signed)
    if np.count_nonzero(wrong):
        slope[wrong & (target < 0)] = np.nan
    return slope


HINGE_EMBEDDING = Entrywise(
    ("distances", "target"),
    _shared,
    _loss,
    _slope,
    domains={"target": signs},
    options={"margin": partial(number, "(-inf, inf)")},
)


@public
def hinge_embedding_loss(
    distances: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Hinge embedding loss of distances.

    .. math::
        \ell = w \begin{cases}
            x & t = 1 \\
            \max(0, m - x) & t = -1
        \end{cases}, \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    It draws together the pairs that belong together, and pushes the others apart up to the
    margin :math:`m`.

    Parameters
    ----------
    distances : array_like, any shape
        Distances of pairs: real numbers. float16 is computed in float32; integers become
        float64.
    target : array_like, the shape of `distances`
        1 for pairs that belong together and -1 for those that do not, of any real dtype.
    margin : float, default 1.0, finite
        The distance from which on a pair that does not belong together costs nothing.
    weight : array_like, the shape of `distances`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `distances` for ``reduction='none'``
        In the dtype of `distances`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `target` is neither -1 nor 1
        where its weight is not 0, `margin` is not finite, or `reduction` is not one of the
        three.

    See Also
    --------
    hinge_embedding_loss_backward, hinge_embedding_loss_value_and_grad

    Notes
    -----
    A difference and the weight: at most 2 ulp. A mean or sum adds half an ulp for float16 and
    float32, which are summed in float64. PyTorch divides the mean by the number of entries and
    takes other targets, such as 0, for both.

    Examples
    --------
    >>> import losses
    >>> losses.hinge_embedding_loss([0.5, 0.25, 2.0], [1, -1, -1], reduction="none")
    array([0.5 , 0.75, 0.  ])
    """
    return forward(HINGE_EMBEDDING, (distances, target), weight, reduction, margin)


@public
def hinge_embedding_loss_backward(
    grad_output: ArrayLike,
    distances: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `hinge_embedding_loss` with respect to the distances.

    .. math::
        \frac{\partial}{\partial x} = g \, w \begin{cases}
            1 & t = 1 \\
            -[m \ge x] & t = -1
        \end{cases},

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `hinge_embedding_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    distances, target : array_like
        What `hinge_embedding_loss` was given.
    margin, weight, reduction : optional
        As in `hinge_embedding_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `distances`

    Raises
    ------
    TypeError, ValueError
        As in `hinge_embedding_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    hinge_embedding_loss, hinge_embedding_loss_value_and_grad

    Notes
    -----
    At most 1 ulp: a product. A pair at the margin is still pushed apart. A nan distance has a
    nan gradient where the target is -1, and 1 where it is 1.

    Examples
    --------
    >>> import losses
    >>> losses.hinge_embedding_loss_backward(3.0, [0.5, 0.25, 2.0], [1, -1, -1])
    array([ 1., -1.,  0.])
    """
    return backward(HINGE_EMBEDDING, grad_output, (distances, target), weight, reduction, margin)


@public
def hinge_embedding_loss_value_and_grad(
    distances: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Hinge embedding loss of distances, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    distances, target : array_like
        As in `hinge_embedding_loss`.
    margin, weight, reduction : optional
        As in `hinge_embedding_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `hinge_embedding_loss_backward`; 1 by default. It multiplies the gradient and not the
        loss.
    out : ndarray, the shape and dtype of `distances`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `distances`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `hinge_embedding_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `distances`
        What `hinge_embedding_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `hinge_embedding_loss_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `distances`. If an argument is wrong, nothing
        is written.

    See Also
    --------
    hinge_embedding_loss, hinge_embedding_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.hinge_embedding_loss_value_and_grad([0.5, 1.0], [1, -1])
    (np.float64(0.25), array([ 0.5, -0.5]))
    """
    return value_and_grad(
        HINGE_EMBEDDING,
        (distances, target),
        weight,
        reduction,
        margin,
        grad_output=grad_output,
        out=out,
    )
