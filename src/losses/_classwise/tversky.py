"""Tversky loss of probabilities, which weighs false positives and false negatives."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.panel import dots, rows
from .._core.public import public
from .._losses.class_problem import Classwise, Problem, Slopes, sampled
from .._losses.classwise import backward, forward, value_and_grad
from .._losses.domains import unit_interval
from .._losses.options import Reduction, number


class Overlap(NamedTuple):
    """What the formulas share."""

    target: Array
    missing: Array  # 1 - target
    hits: Array  # the sum of p t, and the smoothing
    wrong: Array  # W
    whole: Array  # D = W + hits
    weights: tuple[float, float]  # of false positives and of false negatives


def _shared(probs: Array, target: Array, fp: float, fn: float, smooth: float) -> Overlap:
    missing = 1 - target
    wrong = fp * dots(probs, missing)
    wrong += fn * dots(1 - probs, target)
    hits = dots(probs, target)
    hits += smooth
    return Overlap(target, missing, hits, wrong, wrong + hits, (fp, fn))


def _share(part: Array, whole: Array) -> Array:
    """Return part / whole, 0 where there is nothing."""
    share: Array = part / whole
    share[whole == 0] = 0
    return share


def _loss(*shared: Any) -> Array:
    overlap = Overlap(*shared)
    return _share(overlap.wrong, overlap.whole)


def _slope(*shared: Any) -> Slopes:
    """Return (d (hits / D) - t W / D) / D, with the slope d of W; 0 where D is."""
    target, missing, hits, wrong, whole, (fp, fn) = Overlap(*shared)
    slope = fp * missing
    slope -= fn * target
    rows(slope).multiply(_share(hits, whole))
    slope -= target * rows(target).spread(_share(wrong, whole))
    rows(slope).divide(whole)
    slope[whole == 0] = 0
    return [(slope, 1)]


TVERSKY = Classwise(
    ("probs", "target"),
    _shared,
    _loss,
    _slope,
    domains={"target": unit_interval},
    options={name: partial(number, "[0, inf)") for name in ("fp_weight", "fn_weight", "smooth")},
    holds="positions",
)


@public
def tversky_loss(
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    fp_weight: float = 0.5,
    fn_weight: float = 0.5,
    smooth: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Tversky loss of probabilities: how little of a region two masks share.

    .. math::
        \ell_{i,c} = w_{i,c} \frac{W_{i,c}}{T_{i,c} + W_{i,c} + s}, \qquad
        T = \sum_k p_k t_k, \quad W = \alpha \sum_k p_k (1 - t_k) + \beta \sum_k (1 - p_k) t_k,
        \qquad \text{mean} = \frac{\sum \ell}{\sum w},

    one loss for each class c of each sample i, from sums over all the positions k. With
    :math:`\alpha = \beta = 1/2`, the default, it is the Dice loss, 1 less the Dice or F1 score;
    with 1 for both it is 1 less the Jaccard index, the intersection over union.

    Parameters
    ----------
    probs : array_like, shape (N, C) or (N, C, d1, ..., dk)
        Probabilities in [0, 1], as from `softmax` or `sigmoid`. float16 is computed in float32;
        integers become float64.
    target : array_like, the shape of `probs`
        Numbers in [0, 1], of any real dtype: 1 where a position belongs to a class.
    fp_weight : float, default 0.5, in [0, inf)
        The weight :math:`\alpha` of false positives.
    fn_weight : float, default 0.5, in [0, inf)
        The weight :math:`\beta` of false negatives.
    smooth : float, default 1.0, in [0, inf)
        What s adds to the hits, so that small regions count less.
    weight : array_like, shape (N, C), optional
        Weight of each class of each sample. One of weight 0 is left out, whatever it holds, so a
        boolean mask may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the weights (or the number of losses), the sum, or one loss for each
        class of each sample.
    axis : int, optional
        The class axis; by default 1. The samples have axis 0.

    Returns
    -------
    NumPy scalar, or ndarray of shape (N, C) for ``reduction='none'``
        In the dtype of `probs`. An empty region that is predicted to be empty costs 0, also
        where `smooth` is 0. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option is no number.
    ValueError
        If shapes differ or have fewer than two dimensions, `axis` is that of the samples, an entry
        of the target is outside [0, 1] or nan, an option is negative, infinite or nan, `weight`
        has another shape than the losses, or `reduction` is not one of the three.

    See Also
    --------
    tversky_loss_backward, tversky_loss_value_and_grad, softmax, sigmoid, focal_loss,
    binary_cross_entropy

    Notes
    -----
    The loss is :math:`W / (T + W + s)` and not 1 less a ratio, so it keeps its digits for masks
    that nearly agree: the error is at most 10 ulp plus twice that of a sum, which adds up to half
    an ulp for each addition of a chain, and the longest chain has 128. Products p t below the
    normal numbers count where `smooth` is 0, or as small: they keep what is left of their digits.

    From logits: ``probs = losses.softmax(logits, axis=1)``, and the gradient goes back through
    `softmax_backward`. For sums over the whole batch move the samples among the positions:
    ``np.swapaxes(probs, 0, 1)[np.newaxis]``. Losses of the form 1 - ratio have s in numerator and
    denominator, and twice if the hits are: MONAI's Dice loss has 2 s there.

    References
    ----------
    S. S. M. Salehi, D. Erdogmus and A. Gholipour, "Tversky loss function for image segmentation
    using 3D fully convolutional deep networks", MLMI (2017).

    Examples
    --------
    >>> import losses
    >>> losses.tversky_loss([[[0.9, 0.2, 0.6]]], [[[1, 0, 1]]]).round(4)
    np.float64(0.1228)
    >>> losses.tversky_loss([[[0.0, 0.0]]], [[[0, 0]]], smooth=0.0)
    np.float64(0.0)
    """
    options = (fp_weight, fn_weight, smooth)
    return forward(_checked(probs, target, options, weight, reduction, axis))


@public
def tversky_loss_backward(
    grad_output: ArrayLike,
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    fp_weight: float = 0.5,
    fn_weight: float = 0.5,
    smooth: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `tversky_loss` with respect to the probabilities.

    .. math::
        \frac{\partial}{\partial p_k} = \frac{g \, w}{D} \Big( d_k \frac{T + s}{D}
        - t_k \frac{W}{D} \Big), \qquad d_k = \alpha (1 - t_k) - \beta t_k, \quad D = T + W + s,

    with :math:`g` divided by :math:`\sum w` (or the number of losses) for the mean. It is 0 where D
    is 0.

    Parameters
    ----------
    grad_output : array_like, the shape of what `tversky_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    probs, target : array_like
        What `tversky_loss` was given.
    fp_weight, fn_weight, smooth, weight, reduction, axis : optional
        As in `tversky_loss`.

    Returns
    -------
    ndarray, the shape and dtype of `probs`

    Raises
    ------
    TypeError, ValueError
        As in `tversky_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    tversky_loss, tversky_loss_value_and_grad

    Notes
    -----
    At most 26 ulp of the terms, :math:`(\alpha (1 - t) + \beta t)(T + s) / D^2 + t W / D^2`, and
    three times the error of a sum, as in `tversky_loss`.

    Examples
    --------
    >>> import losses
    >>> losses.tversky_loss_backward(1.0, [[[0.9, 0.2, 0.6]]], [[[1, 0, 1]]]).round(4)
    array([[[-0.197 ,  0.1539, -0.197 ]]])
    """
    options = (fp_weight, fn_weight, smooth)
    problem = _checked(probs, target, options, weight, reduction, axis)
    return backward(problem, grad_output)


@public
def tversky_loss_value_and_grad(
    probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    fp_weight: float = 0.5,
    fn_weight: float = 0.5,
    smooth: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Tversky loss of probabilities and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial p} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial p} \Big) \text{ for 'none'}

    Parameters
    ----------
    probs, target : array_like
        As in `tversky_loss`.
    fp_weight, fn_weight, smooth, weight, reduction, axis : optional
        As in `tversky_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `tversky_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `probs`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `probs` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `tversky_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `probs`
        What `tversky_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `tversky_loss_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `probs`. If an argument is wrong, nothing is written.

    See Also
    --------
    tversky_loss, tversky_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, grad_probs = losses.tversky_loss_value_and_grad([[[0.9, 0.2, 0.6]]], [[[1, 0, 1]]])
    >>> loss.round(4), grad_probs.round(4)
    (np.float64(0.1228), array([[[-0.197 ,  0.1539, -0.197 ]]]))
    """
    options = (fp_weight, fn_weight, smooth)
    problem = _checked(probs, target, options, weight, reduction, axis)
    given = {"probs": probs, "target": target, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)


def _checked(
    probs: ArrayLike,
    target: ArrayLike,
    options: tuple[float, float, float],
    weight: ArrayLike | None,
    reduction: Reduction,
    axis: int | None,
) -> Problem:
    """Return the problem once every argument is right."""
    return sampled(TVERSKY, [probs, target], reduction, axis, *options, weight=weight)
