"""Negative log-likelihood of log-probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block, run, worker_count
from .._core.checks import floating, real
from .._core.dtypes import Array, Floating, result_dtype
from .._core.entries import times
from .._core.panels import Panels, panels
from .._core.public import public
from .._losses.options import Reduction, class_axis, class_options
from .._losses.reduction import losses_for, part, reduce, reduce_backward, store_or_sum
from .._losses.targets import Labels, labels_for


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
        Samples with this target are not counted; it may lie outside [0, C).
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the weights of the samples that count, the sum, or one loss per sample.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `log_probs`.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `target` for ``reduction='none'``
        In the dtype of `log_probs`. With no sample that counts the mean is nan and the sum 0.

    Raises
    ------
    IndexError
        If a target is neither in [0, C) nor `ignore_index`.
    TypeError
        If an array is complex, masked or not numeric, or the target is not of integers.
    ValueError
        If shapes do not fit, or `reduction` is not one of the three.

    See Also
    --------
    nll_loss_backward, cross_entropy, log_softmax

    Notes
    -----
    Each loss is within half an ulp (exact without `weight`); float16 and float32 are summed in
    float64, float64 in pairs. The loss of -inf under a weight of 0 is 0.

    Examples
    --------
    >>> import losses
    >>> log_probs = losses.log_softmax([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]])
    >>> losses.nll_loss(log_probs, [1, 2], reduction="none").round(4)
    array([7.001 , 4.3266])
    """
    log_probs, plan, labels = _checked(log_probs, target, weight, ignore_index, reduction, axis)
    dtype = result_dtype(log_probs)
    losses = losses_for(reduction, plan.samples, dtype)

    def kernel(block: Block) -> Any:
        classes, ignored, weight = labels.of(block)
        here, index = plan.part(log_probs, block), _index(classes, labels, block, plan)
        found = np.take_along_axis(here, index, axis=-plan.axis).reshape(-1)
        # 0 - x, not -x: a certain prediction costs 0, not -0.
        loss = times(weight, 0 - found.astype(plan.dtype))
        if ignored is not None:
            loss[ignored] = 0
        return store_or_sum(losses, block, loss)

    sums = run(lambda: kernel, plan.blocks, worker_count(None))
    return reduce(losses, sums, reduction, labels.divisor(plan.blocks, reduction), dtype)


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
        The gradient with respect to that: a scalar, or one entry per sample for ``'none'``.
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
        As `nll_loss`, and if `grad_output` has another shape than stated.

    See Also
    --------
    nll_loss, cross_entropy_backward

    Notes
    -----
    Within 2 ulp: one division and one product.

    Examples
    --------
    >>> import losses
    >>> log_probs = losses.log_softmax([[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]])
    >>> losses.nll_loss_backward(1.0, log_probs, [1, 2])
    array([[ 0. , -0.5,  0. ],
           [ 0. ,  0. , -0.5]])
    """
    log_probs, plan, labels = _checked(log_probs, target, weight, ignore_index, reduction, axis)
    result = np.zeros(log_probs.shape, result_dtype(log_probs))
    divisor = labels.divisor(plan.blocks, reduction)
    grads = reduce_backward(grad_output, reduction, divisor, plan.samples, plan.dtype)

    def kernel(block: Block) -> None:
        classes, ignored, weight = labels.of(block)
        grad = np.broadcast_to(-part(grads, block), classes.shape)
        if weight is not None:
            grad = grad * weight
        if ignored is not None:
            grad = np.where(ignored, 0, grad)
        here, index = plan.part(result, block), _index(classes, labels, block, plan)
        np.put_along_axis(here, index, grad.reshape(index.shape), axis=-plan.axis)

    run(lambda: kernel, plan.blocks, worker_count(None))
    return result


def _index(classes: Array, labels: Labels, block: Block, plan: Panels) -> Array:
    """Return the classes of a block's samples in the shape that NumPy's *_along_axis take."""
    return np.expand_dims(classes.reshape(labels.target[block.at].shape), -plan.axis)


def _checked(
    log_probs: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    ignore_index: int,
    reduction: Reduction,
    axis: int | None,
) -> tuple[Array, Panels, Labels]:
    """Return the log-probabilities, their panels and the labels once every argument is right."""
    options = class_options(weight, ignore_index, axis=axis, reduction=reduction)
    log_probs, target = floating(log_probs=log_probs), real(target=target)
    place = class_axis(options.axis, log_probs, "log_probs")
    labels = labels_for(log_probs, place, target, options, "log_probs")
    return log_probs, panels(log_probs, place), labels
