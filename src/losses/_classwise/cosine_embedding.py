"""Loss of pairs of vectors, by the angle between them."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.lengths import Lengths, lengths
from .._core.panel import dots, rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, sampled
from .._losses.classwise import backward_of_each, forward, value_and_grad_of_each
from .._losses.domains import signs
from .._losses.grads import PairGrads
from .._losses.margins import step
from .._losses.options import Reduction, number


def _vectors(x: Array) -> tuple[Lengths, Array]:
    """Return vectors with norms of 1 for those of zeros, and which these are."""
    # In float64 the difference of two near vectors keeps the digits of float32.
    found = lengths(x.astype(np.result_type(x, np.float64), copy=False), 2)
    zero = found.norm == 0
    return found._replace(norm=np.where(zero, 1, found.norm)), zero


def _shared(
    first: Array, second: Array, target: Array, margin: float
) -> tuple[Lengths, Lengths, Array, Array, Array, float]:
    """Return both vectors, where either is of zeros, the target, the cosines, and the margin."""
    (a, zero), (b, other) = _vectors(first), _vectors(second)
    cosine = dots(a.scaled, b.scaled) / (a.norm * b.norm)
    return a, b, zero | other, target, cosine, margin


def _loss(
    a: Lengths, b: Lengths, zero: Array, target: Array, cosine: Array, margin: float
) -> Array:
    """Return |u - v|**2 / 2, which is 1 - cosine, of unit vectors, or max(0, cosine - margin)."""
    loss = np.maximum(cosine - margin, 0)
    near = target > 0
    if np.count_nonzero(near):
        apart = _less(a.scaled, b.scaled, a.norm / b.norm)
        half = 0.5 * dots(apart, apart) / (a.norm * a.norm)
        half[zero & (cosine == 0)] = 1
        np.copyto(loss, half, where=near)
    return loss


def _slope(
    a: Lengths, b: Lengths, zero: Array, target: Array, cosine: Array, margin: float
) -> Slopes:
    """Return the slopes: (v - cosine u) / |first| times -1, or times [cosine >= margin]."""
    side = np.where(target > 0, -1, step(cosine - margin))
    side[zero] = 0
    side /= a.norm * b.norm
    return [(_towards(own, other, cosine), side) for own, other in ((a, b), (b, a))]


def _towards(own: Lengths, other: Lengths, cosine: Array) -> Array:
    """Return (v - cosine u) / |own| times both norms."""
    slope = _less(other.scaled, own.scaled, cosine * (other.norm / own.norm))
    if own.size is not None:
        rows(slope).divide(own.size)
    return slope


def _less(x: Array, y: Array, number: Array) -> Array:
    """Return x less a number for each row times y."""
    product: Array = y * rows(y).spread(number)
    return np.subtract(x, product, out=product)


COSINE_EMBEDDING = Classwise(
    ("first", "second"),
    _shared,
    _loss,
    _slope,
    domains={"target": signs},
    options={"margin": partial(number, "[-1, 1]")},
    produced=2,
    holds="features",
)


@public
def cosine_embedding_loss(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 0.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Loss of pairs of vectors that shall be near, or apart, by the cosine of their angle.

    .. math::
        \ell = w \begin{cases}
            1 - \cos & t = 1 \\
            \max(0, \, \cos - m) & t = -1
        \end{cases}, \qquad
        \cos = \frac{\langle a, b \rangle}{\lvert a \rvert \, \lvert b \rvert}, \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    of the vectors a of `first` and b of `second`, with the margin m. The cosine with a vector
    of zeros is 0.

    Parameters
    ----------
    first : array_like, shape (D,) or (..., D)
        The first vector of each pair. float16 is computed as float32; integers become
        float64.
    second : array_like, the shape of `first`
        The second vector of each pair.
    target : array_like, shape (...,)
        1 for a pair that shall be near, -1 for one that shall be apart.
    margin : float, default 0.0, in [-1, 1]
        Up to this cosine a pair with target -1 costs nothing.
    weight : array_like, the shape of the losses, optional
        Weight of each sample. A sample of weight 0 is left out, whatever it holds, so a boolean
        mask may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the weights (or the number of samples), the sum, or one loss per
        sample.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `target` for ``reduction='none'``
        In the wider dtype of `first` and `second`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or `margin` is no number.
    ValueError
        If `first` and `second` have different shapes or none, `target` or `weight` has another
        shape than the losses, a target is neither 1 nor -1, `margin` is outside [-1, 1], or
        `reduction` is not one of the three.

    See Also
    --------
    cosine_embedding_loss_backward, cosine_embedding_loss_value_and_grad, triplet_margin_loss,
    margin_ranking_loss

    Notes
    -----
    With the unit vectors u and v the loss of a near pair is :math:`\tfrac{1}{2} \lvert u - v
    \rvert^2`, whose error does not grow as the vectors come closer. float32 is computed in
    float64: its loss is right to 3 ulp unless :math:`\lvert u - v \rvert` is below about 1e-7.
    In float64 the error is at most 4 ulp of :math:`\lvert u - v \rvert`, 7 ulp of the loss and
    twice that of a sum over the features: up to half an ulp for each addition of a chain, and
    the longest chain has 128. That of a cosine is at most 9 ulp of 1 and twice that of a sum.
    No vector is too long or too short for its square.

    PyTorch computes the cosine itself, so that near pairs cost 0, and adds a small number to
    squared lengths, so that pairs of short vectors cost 1.

    Examples
    --------
    >>> import losses
    >>> losses.cosine_embedding_loss([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], 1).round(8)
    np.float64(0.02536815)
    >>> losses.cosine_embedding_loss([1.0, 0.0], [1.0, 1.0], -1, margin=0.5).round(4)
    np.float64(0.2071)
    """
    return forward(_checked(first, second, target, margin, weight, reduction))


@public
def cosine_embedding_loss_backward(
    grad_output: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 0.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> PairGrads:
    r"""Gradients of `cosine_embedding_loss` with respect to both vectors of each pair.

    .. math::
        \frac{\partial}{\partial a} = -t \, g \, w \, \frac{v - \cos \, u}{\lvert a \rvert} \cdot
        \begin{cases} 1 & t = 1 \\ [\cos \ge m] & t = -1 \end{cases}, \qquad
        u = \frac{a}{\lvert a \rvert}, \quad v = \frac{b}{\lvert b \rvert},

    with :math:`g` divided by :math:`\sum w` (or the number of samples) for the mean, and that
    by b alike.

    Parameters
    ----------
    grad_output : array_like, the shape of what `cosine_embedding_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    first, second, target : array_like
        What `cosine_embedding_loss` was given.
    margin, weight, reduction : optional
        As in `cosine_embedding_loss`.

    Returns
    -------
    PairGrads
        The gradients by `first` and by `second`, each of the shape and dtype of its array; 0 where
        either vector is one of zeros.

    Raises
    ------
    TypeError, ValueError
        As in `cosine_embedding_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    cosine_embedding_loss, cosine_embedding_loss_value_and_grad

    Notes
    -----
    In float64 at most 20 ulp of :math:`(\lvert u_i \rvert + \lvert v_i \rvert) / \lvert a
    \rvert` and three times the error of a sum over the features. In float32 at most 4 ulp of
    the gradient, unless :math:`\lvert u - v \rvert` is below about 1e-7. PyTorch gives -577350
    at a vector of zeros.

    Examples
    --------
    >>> import losses
    >>> grads = losses.cosine_embedding_loss_backward(1.0, [3.0, 4.0], [2.0, 2.0], 1)
    >>> grads.first.round(4), grads.second.round(4)
    (array([-0.0226,  0.017 ]), array([ 0.0354, -0.0354]))
    """
    problem = _checked(first, second, target, margin, weight, reduction)
    return PairGrads(*backward_of_each(problem, grad_output))


@public
def cosine_embedding_loss_value_and_grad(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    /,
    *,
    margin: float = 0.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
) -> tuple[Floating, PairGrads]:
    r"""Cosine embedding loss and its gradients, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial (a, b)} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial (a, b)} \Big) \text{ for 'none'}

    Parameters
    ----------
    first, second, target : array_like
        As in `cosine_embedding_loss`.
    margin, weight, reduction : optional
        As in `cosine_embedding_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `cosine_embedding_loss_backward`; 1 by default. It multiplies the gradients and not
        the loss.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `cosine_embedding_loss` returns, bit for bit.
    gradients : PairGrads
        What `cosine_embedding_loss_backward` returns, bit for bit.

    Raises
    ------
    TypeError, ValueError
        As in `cosine_embedding_loss_backward`.

    See Also
    --------
    cosine_embedding_loss, cosine_embedding_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, grads = losses.cosine_embedding_loss_value_and_grad([3.0, 0.0], [2.0, 2.0], 1)
    >>> loss.round(4), grads.second.round(4)
    (np.float64(0.2929), array([-0.1768,  0.1768]))
    """
    problem = _checked(first, second, target, margin, weight, reduction)
    loss, gradients = value_and_grad_of_each(problem, grad_output)
    return loss, PairGrads(*gradients)


def _checked(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    margin: float,
    weight: ArrayLike | None,
    reduction: Reduction,
) -> Problem:
    """Return the problem once every argument is right."""
    pair = (first, second)
    return sampled(COSINE_EMBEDDING, pair, reduction, -1, margin, target=target, weight=weight)
