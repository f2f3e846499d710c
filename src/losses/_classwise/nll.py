"""Negative log-likelihood of log-probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.class_problem import Classwise, labelled
from .._losses.classwise import backward, forward, value_and_grad
from .._losses.options import Reduction


def _shared(log_probs: Array, labels: Array) -> tuple[Array, tuple[Array, ...]]:
    """Return the log-probabilities, and the index in them of the label of each sample."""
    *samples, _ = log_probs.shape
    index = [
        np.arange(size).reshape(size, *[1] * (len(samples) - axis))
        for axis, size in enumerate(samples, 1)
    ]
    return log_probs, (*index, labels.reshape(samples))


def _loss(log_probs: Array, at: tuple[Array, ...]) -> Array:
    # 0 - x, not -x: a certain prediction costs 0, not -0.
    loss: Array = 0 - log_probs[at]
    return loss


def _put(scale: Array, out: Array, _: Array, at: tuple[Array, ...]) -> None:
    out[at] = 0 - scale.reshape(at[-1].shape)


NLL = Classwise(("log_probs",), _shared, _loss, put=_put)


@public
def nll_loss(
    log_probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Negative log-likelihood loss of log-probabilities and class indices.

    .. math::
        \ell_i = -w_{t_i} \, \mathrm{lp}_{i, t_i}, \qquad
        \text{mean} = \frac{\sum_i m_i \ell_i}{\sum_i m_i w_{t_i}},

    where :math:`m_i` is 0 for an ignored sample and 1 for any other.

    Parameters
    ----------
    log_probs : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Log-probabilities, as from `log_softmax`. float16 is computed in float32; integers
        become float64.
    target : array_like of int, the shape of `log_probs` without the class axis
        Class indices in [0, C), of any integer dtype. For 1-D `log_probs` also shape (1,).
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int, default -100
        Samples with this target are not counted. It may be outside [0, C).
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the samples that count, weighted by the weights of their classes; the sum;
        or one loss per sample.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `log_probs`.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `target` for ``reduction='none'``
        In the dtype of `log_probs`. If no sample counts, the mean is nan and the sum 0.

    Raises
    ------
    IndexError
        If a target is neither in [0, C) nor `ignore_index`.
    TypeError
        If an array is complex, masked or not numeric, or the target does not hold integers.
    ValueError
        If shapes do not fit, or `reduction` is not one of the three.

    See Also
    --------
    nll_loss_backward, nll_loss_value_and_grad, cross_entropy, log_softmax

    Notes
    -----
    The error of each loss is at most half an ulp, and 0 without `weight`. float16 and float32 are
    summed in float64, and float64 in pairs. The loss of -inf with a weight of 0 is 0.

    Examples
    --------
    >>> import losses
    >>> log_probs = losses.log_softmax([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]])
    >>> losses.nll_loss(log_probs, [1, 2], reduction="none").round(4)
    array([7.001 , 4.3266])
    """
    return forward(labelled(NLL, log_probs, target, weight, ignore_index, reduction, axis))


@public
def nll_loss_backward(
    grad_output: ArrayLike,
    log_probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `nll_loss` with respect to the log-probabilities.

    .. math::
        \frac{\partial}{\partial\, \mathrm{lp}_{i,c}} =
        -g_i \, m_i \, w_{t_i} \, [c = t_i],

    with :math:`g_i` divided by :math:`\sum_i m_i w_{t_i}` for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `nll_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    log_probs : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        What `nll_loss` was given.
    target : array_like of int, the shape of `log_probs` without the class axis
        Class indices.
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int, default -100
        Samples with this target get a gradient of 0.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        As in `nll_loss`.
    axis : int, optional
        As in `nll_loss`.

    Returns
    -------
    ndarray, the shape and dtype of `log_probs`

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `nll_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    nll_loss, cross_entropy_backward

    Notes
    -----
    The error is at most 2 ulp: one division and one product.

    Examples
    --------
    >>> import losses
    >>> log_probs = losses.log_softmax([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]])
    >>> losses.nll_loss_backward(1.0, log_probs, [1, 2])
    array([[ 0. , -0.5,  0. ],
           [ 0. ,  0. , -0.5]])
    """
    problem = labelled(NLL, log_probs, target, weight, ignore_index, reduction, axis)
    return backward(problem, grad_output)


@public
def nll_loss_value_and_grad(
    log_probs: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Negative log-likelihood and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial \mathrm{lp}} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial \mathrm{lp}} \Big) \text{ for 'none'}

    Parameters
    ----------
    log_probs, target : array_like
        As in `nll_loss`.
    weight, ignore_index, reduction, axis : optional
        As in `nll_loss`.
    grad_output : array_like, the shape of the loss, optional
        The gradient with respect to the loss, as in `nll_loss_backward`; 1 by default. It
        multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `log_probs`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `log_probs` itself,
        which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `nll_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `log_probs`
        What `nll_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `nll_loss`; also if `grad_output` has another shape than the loss, or if `out` has
        the wrong shape or dtype, is read-only, or overlaps an input without being `log_probs`.
        If an argument is wrong, nothing is written.

    See Also
    --------
    nll_loss, nll_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> log_probs = losses.log_softmax([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]])
    >>> loss, gradient = losses.nll_loss_value_and_grad(log_probs, [1, 2])
    >>> loss.round(4), gradient
    (np.float64(5.6638), array([[ 0. , -0.5,  0. ],
           [ 0. ,  0. , -0.5]]))
    """
    problem = labelled(NLL, log_probs, target, weight, ignore_index, reduction, axis)
    given = {"log_probs": log_probs, "target": target, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)
