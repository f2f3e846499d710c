"""The logistic sigmoid and its logarithm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import check_grad_output, floating
from .._core.dtypes import Array, Floating
from .._core.entries import elementwise
from .._core.public import public


def exp_minus_abs(x: Array) -> Array:
    """Return exp(-|x|), from which softplus and the sigmoids of x and -x are computed."""
    size, smallest = np.abs(x), np.finfo(x.dtype).smallest_normal
    if size.min(initial=1) < smallest:
        # exp is 1 at subnormal numbers too, but takes thirty times as long.
        np.maximum(size, smallest, out=size)
    np.negative(size, out=size)
    return np.exp(size, out=size)


def log1p_small(small: Array) -> Array:
    """Return log1p of numbers in [0, 1], fast at subnormal numbers too."""
    info = np.finfo(small.dtype)
    tail: Array
    if small.min(initial=1) < info.smallest_normal:
        # log1p is slow there too. log1p(e) <= e, and up to eps**2 it is e but for less than a
        # rounding.
        tail = np.minimum(np.log1p(np.maximum(small, info.eps**2)), small)
    else:
        tail = np.log1p(small)
    return tail


def sigmoid_product(small: Array) -> Array:
    """Return sigmoid(x) sigmoid(-x), the slope of the sigmoid, from exp(-|x|)."""
    product: Array = small / np.square(1 + small)
    return product


def logistic(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) in a form that keeps both tails."""
    small = exp_minus_abs(x)
    s = np.where(x < 0, small, 1)
    s /= 1 + small
    return s


@public
def sigmoid(x: ArrayLike, /) -> Floating:
    r"""Logistic sigmoid, entry by entry.

    .. math:: \sigma(x) = \frac{1}{1 + e^{-x}}

    Parameters
    ----------
    x : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `x`

    Raises
    ------
    TypeError
        If `x` is complex, masked or not numeric.

    See Also
    --------
    sigmoid_backward, log_sigmoid, softmax

    Notes
    -----
    With :math:`a = e^{\min(x, 0)}` and :math:`b = e^{\min(-x, 0)}`, one of which is 1, the
    result is :math:`a / (a + b)`: nothing overflows or cancels, and the error is at most 5 ulp.

    Examples
    --------
    >>> import losses
    >>> losses.sigmoid([-80.0, 0.0, 80.0])
    array([1.80485139e-35, 5.00000000e-01, 1.00000000e+00])
    """
    return elementwise(logistic, floating(x=x))


@public
def sigmoid_backward(grad_output: ArrayLike, probs: ArrayLike, /) -> Floating:
    r"""Gradient of `sigmoid` with respect to its argument, from what it returned.

    .. math:: \frac{\partial}{\partial x} = g \, s (1 - s)

    Parameters
    ----------
    grad_output : array_like, the shape of `probs`
        The gradient with respect to what `sigmoid` returned.
    probs : array_like, any shape
        What `sigmoid` returned.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `probs`

    Raises
    ------
    TypeError, ValueError
        As `sigmoid`, and if `grad_output` has another shape than `probs`.

    See Also
    --------
    sigmoid, log_sigmoid_backward

    Notes
    -----
    The error is at most 2 ulp of the formula at the given `probs`. A sigmoid that was rounded to 1
    has lost its distance from 1, so above x = 16 (float32) or 36 (float64) the gradient is 0.
    `log_sigmoid_backward` and the losses on logits keep the gradient there.

    Examples
    --------
    >>> import losses
    >>> losses.sigmoid_backward([1.0, 1.0], [0.5, 0.75])
    array([0.25  , 0.1875])
    """
    probs = floating(probs=probs)
    grad = check_grad_output(grad_output, probs.shape)
    return elementwise(lambda s, g: g * (s * (1 - s)), probs, grad)


@public
def log_sigmoid(x: ArrayLike, /) -> Floating:
    r"""Logarithm of the logistic sigmoid, entry by entry.

    .. math:: \log \sigma(x) = -\log(1 + e^{-x})

    Parameters
    ----------
    x : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `x`

    Raises
    ------
    TypeError
        If `x` is complex, masked or not numeric.

    See Also
    --------
    log_sigmoid_backward, sigmoid, log_softmax

    Notes
    -----
    :math:`\min(x, 0) - \log(1 + e^{-|x|})`, two terms of one sign: the error is at most 5 ulp.

    Examples
    --------
    >>> import losses
    >>> losses.log_sigmoid([-80.0, 0.0, 80.0])
    array([-8.00000000e+01, -6.93147181e-01, -1.80485139e-35])
    """
    return elementwise(lambda x: np.minimum(x, 0) - log1p_small(exp_minus_abs(x)), floating(x=x))


@public
def log_sigmoid_backward(grad_output: ArrayLike, x: ArrayLike, /) -> Floating:
    r"""Gradient of `log_sigmoid` with respect to its argument.

    .. math:: \frac{\partial}{\partial x} = g \, \sigma(-x)

    Parameters
    ----------
    grad_output : array_like, the shape of `x`
        The gradient with respect to what `log_sigmoid` returned.
    x : array_like, any shape
        What `log_sigmoid` was given.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `x`

    Raises
    ------
    TypeError, ValueError
        As `log_sigmoid`, and if `grad_output` has another shape than `x`.

    See Also
    --------
    log_sigmoid, sigmoid

    Notes
    -----
    :math:`1 - \sigma(x)` is computed as :math:`\sigma(-x)`: the error is at most 6 ulp.

    Examples
    --------
    >>> import losses
    >>> losses.log_sigmoid_backward([1.0, 1.0], [0.0, 80.0])
    array([5.00000000e-01, 1.80485139e-35])
    """
    x = floating(x=x)
    return elementwise(lambda x, g: g * logistic(-x), x, check_grad_output(grad_output, x.shape))
