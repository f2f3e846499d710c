"""Loss of triplets of vectors: an anchor nearer to a positive than to a negative."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.lengths import Lengths, lengths
from .._core.panel import rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, sampled
from .._losses.classwise import backward_of_each, forward, value_and_grad_of_each
from .._losses.grads import TripletGrads
from .._losses.margins import step
from .._losses.options import Reduction, flag, number


def _shared(
    anchor: Array, positive: Array, negative: Array, margin: float, p: float, swap: bool
) -> tuple[Array, Lengths, Lengths, Lengths | None, float]:
    """Return u, how much too near the negative is, and the distances that make it."""
    near, far = lengths(anchor - positive, p), lengths(anchor - negative, p)
    between, distance = None, far.each
    if swap:
        between = lengths(positive - negative, p)
        distance = np.minimum(distance, between.each)
    u = near.each - distance
    u += margin
    return u, near, far, between, p


def _loss(u: Array, *_: object) -> Array:
    return np.maximum(u, 0)


def _slope(u: Array, near: Lengths, far: Lengths, between: Lengths | None, p: float) -> Slopes:
    counts = step(u)
    up = _direction(near, counts, p)
    if between is None:
        down = _direction(far, counts, p)
        return [(up - down, 1), (up, -1), (down, 1)]
    swapped = between.each < far.each
    down = _direction(far, np.where(swapped, 0, counts), p)
    across = _direction(between, np.where(swapped, counts, 0), p)
    return [(up - down, 1), (up + across, -1), (down + across, 1)]


def _direction(of: Lengths, counts: Array, p: float) -> Array:
    """Return the gradient of lengths, sign(x) (|x| / length)**(p - 1), times a number for each."""
    if p == 1:
        slope: Array = np.sign(of.scaled)
        rows(slope).multiply(counts)
        return slope
    share = np.where(of.norm == 0, 0, 1 / of.norm)
    if p == 2:
        slope = of.scaled * rows(of.scaled).spread(share * counts)
    else:
        slope = np.abs(of.scaled)
        rows(slope).multiply(share)
        slope **= p - 1
        np.copysign(slope, of.scaled, out=slope)
        rows(slope).multiply(counts)
    if of.size is not None:
        slope[(counts == 0) & np.isinf(of.size)] = 0  # 0 * inf
    return slope


TRIPLET_MARGIN = Classwise(
    ("anchor", "positive", "negative"),
    _shared,
    _loss,
    _slope,
    options={
        "margin": partial(number, "[0, inf)"),
        "p": partial(number, "[1, inf)"),
        "swap": flag,
    },
    produced=3,
    holds="features",
)


@public
def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    swap: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Loss of triplets of vectors: an anchor is to be nearer to the positive than to the negative.

    .. math::
        \ell = w \max(0, \, m + d(a, b) - d(a, c)), \qquad
        d(x, y) = \Big( \sum_i \lvert x_i - y_i \rvert^p \Big)^{1/p}, \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    of anchors a, positives b and negatives c, with the margin m. With `swap` the second
    distance is the smaller one of d(a, c) and d(b, c).

    Parameters
    ----------
    anchor : array_like, shape (D,) or (..., D)
        The anchor of each triplet. float16 is computed in float32; integers become float64.
    positive : array_like, the shape of `anchor`
        A vector that shall be near the anchor.
    negative : array_like, the shape of `anchor`
        A vector that shall be farther away.
    margin : float, default 1.0, in [0, inf)
        By so much farther away the negative must be to cost nothing.
    p : float, default 2.0, in [1, inf)
        The power of the norm that measures distances.
    swap : bool, default False
        Whether the distance from the positive to the negative counts, where it is smaller
        than that from the anchor to the negative.
    weight : array_like, the shape of the losses, optional
        Weight of each sample. A sample of weight 0 is left out, whatever it holds, so a boolean
        mask may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the weights (or the number of samples), the sum, or one loss per
        sample.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of the samples for ``reduction='none'``
        In the widest dtype of the three arrays. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, `margin` or `p` is no number, or `swap` is
        neither True nor False.
    ValueError
        If the three arrays have different shapes or none, `weight` has another shape than the
        losses, `margin` or `p` is out of its interval, or `reduction` is not one of the three.

    See Also
    --------
    triplet_margin_loss_backward, triplet_margin_loss_value_and_grad, cosine_embedding_loss,
    margin_ranking_loss

    Notes
    -----
    The error is at most 8 ulp of :math:`d(a, b) + d(a, c) + m`, plus that of a sum over the
    features for p = 1 and half of it for p = 2: up to half an ulp for each addition of a chain,
    and the longest chain has 128. Other p add the errors of two powers. No distance is too
    large or too small for its square.

    PyTorch adds 1e-6 to each difference, so that its distances are not symmetric and points
    that coincide are pulled apart in the direction of (1, 1, ...); the results are the same
    with ``eps=0``. For another distance d pass both to `margin_ranking_loss`:
    ``margin_ranking_loss(d_negative, d_positive, 1, margin=1.0)``.

    References
    ----------
    V. Balntas, E. Riba, D. Ponsa and K. Mikolajczyk, "Learning local feature descriptors with
    triplets and shallow convolutional neural networks", BMVC (2016).

    Examples
    --------
    >>> import losses
    >>> losses.triplet_margin_loss([0.0, 0.0], [3.0, 4.0], [0.0, 5.0])
    np.float64(1.0)
    """
    return forward(_checked(anchor, positive, negative, margin, p, swap, weight, reduction))


@public
def triplet_margin_loss_backward(
    grad_output: ArrayLike,
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    swap: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> TripletGrads:
    r"""Gradients of `triplet_margin_loss` with respect to the vectors of each triplet.

    .. math::
        \frac{\partial}{\partial a} = g \, w \, [u \ge 0] \Big( \frac{\partial d(a, b)}{\partial a}
        - \frac{\partial d(a, c)}{\partial a} \Big), \qquad
        \frac{\partial d(x, y)}{\partial x_i} = \operatorname{sign}(x_i - y_i)
        \Big( \frac{\lvert x_i - y_i \rvert}{d(x, y)} \Big)^{p-1},

    where :math:`u = m + d(a, b) - d(a, c)`, and those by b and c alike; :math:`g` is divided by
    :math:`\sum w` (or the number of samples) for the mean. Where two points coincide the
    gradient of their distance is 0. Where `swap` has the choice of two equal distances, that of
    the anchor counts.

    Parameters
    ----------
    grad_output : array_like, the shape of what `triplet_margin_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    anchor, positive, negative : array_like
        What `triplet_margin_loss` was given.
    margin, p, swap, weight, reduction : optional
        As in `triplet_margin_loss`.

    Returns
    -------
    TripletGrads
        The gradients by `anchor`, `positive` and `negative`, each of the shape and dtype of its
        array.

    Raises
    ------
    TypeError, ValueError
        As in `triplet_margin_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    triplet_margin_loss, triplet_margin_loss_value_and_grad

    Notes
    -----
    For p = 2 at most 10 ulp of the two terms, and half the error of a sum over the features.
    For p = 1 the gradient is exact but for the weights. Other p multiply the error by p - 1,
    and add those of three powers.

    Examples
    --------
    >>> import losses
    >>> grads = losses.triplet_margin_loss_backward(1.0, [0.0, 0.0], [3.0, 4.0], [0.0, 5.0])
    >>> grads.positive, grads.negative
    (array([0.6, 0.8]), array([ 0., -1.]))
    """
    problem = _checked(anchor, positive, negative, margin, p, swap, weight, reduction)
    return TripletGrads(*backward_of_each(problem, grad_output))


@public
def triplet_margin_loss_value_and_grad(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    /,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    swap: bool = False,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
) -> tuple[Floating, TripletGrads]:
    r"""Triplet margin loss and its gradients, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial (a, b, c)} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial (a, b, c)} \Big) \text{ for 'none'}

    Parameters
    ----------
    anchor, positive, negative : array_like
        As in `triplet_margin_loss`.
    margin, p, swap, weight, reduction : optional
        As in `triplet_margin_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `triplet_margin_loss_backward`; 1 by default. It multiplies the gradients and not the
        loss.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `triplet_margin_loss` returns, bit for bit.
    gradients : TripletGrads
        What `triplet_margin_loss_backward` returns, bit for bit.

    Raises
    ------
    TypeError, ValueError
        As in `triplet_margin_loss_backward`.

    See Also
    --------
    triplet_margin_loss, triplet_margin_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, grads = losses.triplet_margin_loss_value_and_grad([0.0, 0.0], [3.0, 4.0], [0.0, 5.0])
    >>> loss, grads.anchor
    (np.float64(1.0), array([-0.6,  0.2]))
    """
    problem = _checked(anchor, positive, negative, margin, p, swap, weight, reduction)
    loss, gradients = value_and_grad_of_each(problem, grad_output)
    return loss, TripletGrads(*gradients)


def _checked(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float,
    p: float,
    swap: bool,
    weight: ArrayLike | None,
    reduction: Reduction,
) -> Problem:
    """Return the problem once every argument is right."""
    triplet = (anchor, positive, negative)
    return sampled(TRIPLET_MARGIN, triplet, reduction, -1, margin, p, swap, weight=weight)
