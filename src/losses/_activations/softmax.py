"""The softmax function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import check_grad_output, floating
from .._core.dtypes import Array
from .._core.panel import Panel
from .._core.panels import transform
from .._core.public import public
from .exponentials import exponentials


@public
def softmax(x: ArrayLike, /, axis: int = -1) -> Array:
    r"""Softmax along an axis: positive numbers in proportion to exp(x) that sum to one.

    .. math:: \operatorname{softmax}(x)_c = \frac{e^{x_c}}{\sum_k e^{x_k}}

    Parameters
    ----------
    x : array_like, any shape
        Real numbers, the logits. float16 is computed in float32; integers become float64.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray, the shape and dtype of `x`
        1 for a 0-D `x`. All nan along the axis where `x` holds nan or +inf, or only -inf.

    Raises
    ------
    TypeError
        If `x` is complex, masked or not numeric, or `axis` not an integer.
    ValueError
        If `axis` is out of range (``numpy.exceptions.AxisError``).

    See Also
    --------
    softmax_backward, log_softmax, sigmoid

    Notes
    -----
    The exponentials of a sample are shifted by a whole number, or scaled by a power of two, only if
    their sum is not moderate: from 1/4 to :math:`2^{100}` in float32, or to :math:`2^{800}` in
    float64. Unless the largest logit :math:`m` is above 88 in float32, or 709 in float64, this is
    exact, and the relative error is at most about 8 ulp, however far apart the logits are, plus the
    error of the sum: up to half an ulp for each addition of a chain, and the longest chain has 128.
    With a larger :math:`m`, logits below :math:`m / 2` are rounded when they are shifted,
    and their error is up to :math:`m - x` ulp more. A probability near or below the smallest normal
    number has an error of a few of the smallest numbers instead.

    Examples
    --------
    >>> import losses
    >>> losses.softmax([1.0, 2.0, 0.5]).round(2)
    array([0.23, 0.63, 0.14])
    """
    return transform(_softmax, axis, floating(x=x))


def _softmax(panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
    out.divide(exponentials(panels[0], out, spare).total)


@public
def softmax_backward(grad_output: ArrayLike, probs: ArrayLike, /, axis: int = -1) -> Array:
    r"""Gradient of `softmax` with respect to its argument, from what it returned.

    .. math:: \frac{\partial}{\partial x_c} = p_c \Big( g_c - \sum_k g_k p_k \Big)

    Parameters
    ----------
    grad_output : array_like, the shape of `probs`
        The gradient with respect to what `softmax` returned.
    probs : array_like, any shape
        What `softmax` returned.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray, the shape and dtype of `probs`

    Raises
    ------
    TypeError, ValueError
        As `softmax`, and if `grad_output` has another shape than `probs`.

    See Also
    --------
    softmax, log_softmax_backward

    Notes
    -----
    Probabilities sum to one, so a shift of `grad_output` changes nothing. It is shifted to 0 at a
    class with more than half the probability: the gradient of that class is then a sum over the
    others, and keeps its relative accuracy when the probability rounds to 1.

    Examples
    --------
    >>> import losses
    >>> losses.softmax_backward([1.0, 0.0], losses.softmax([80.0, 0.0]))
    array([ 1.80485139e-35, -1.80485139e-35])
    """
    probs = floating(probs=probs)
    grad = check_grad_output(grad_output, probs.shape)
    return transform(_softmax_backward, axis, probs, grad)


def _softmax_backward(panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
    probs, grad_output = (panel.values for panel in panels)
    grad, work = out.values, spare.values
    # rint(p) is 1 for a class with more than half the probability, and 0 for the others.
    np.multiply(np.rint(probs, out=work), grad_output, out=work)
    np.subtract(grad_output, out.across(spare.add()), out=grad)
    np.multiply(grad, probs, out=work)
    grad -= out.across(spare.add())
    grad *= probs
