"""Logistic loss of logits, for targets 1 and -1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._activations.sigmoid import exp_minus_abs, log1p_small, sigmoid_product
from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.domains import signs
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.options import Reduction


def _shared(logits: Array, target: Array) -> tuple[Array, Array, Array]:
    """Return the target, t x, and exp(-|x|)."""
    return target, target * logits, exp_minus_abs(logits)


def _loss(_target: Array, margin: Array, small: Array) -> Array:
    loss = log1p_small(small)
    loss -= np.minimum(margin, 0)
    return loss


def _slope(target: Array, margin: Array, small: Array) -> Array:
    """Return -t sigmoid(-t x), whose sigmoid is 1 or exp(-|x|), over 1 + exp(-|x|)."""
    slope: Array = np.maximum(small, margin <= 0)
    slope /= -1 - small
    slope *= target
    return slope


def _curvature(_target: Array, _margin: Array, small: Array) -> tuple[Array, int]:
    return sigmoid_product(small), 1


SOFT_MARGIN = Entrywise(
    ("logits", "target"), _shared, _loss, _slope, _curvature, domains={"target": signs}
)


@public
def soft_margin_loss(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Logistic loss of logits, for targets 1 and -1.

    .. math:: \ell = w \log(1 + e^{-t x}), \qquad \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    logits : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `logits`
        1 or -1, of any real dtype.
    weight : array_like, the shape of `logits`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `logits` for ``reduction='none'``
        In the dtype of `logits`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes differ (nothing is broadcast), an entry of `target` is not 1 or -1 where
        its weight is not 0, or `reduction` is not one of the three.

    See Also
    --------
    soft_margin_loss_backward, soft_margin_loss_value_and_grad,
    soft_margin_loss_hessian_diagonal, binary_cross_entropy_with_logits, log_sigmoid

    Notes
    -----
    It is :math:`\max(-t x, 0) + \log(1 + e^{-\lvert x \rvert})`, two terms of one sign: at most
    12 ulp in float32 and 6 in float64 at any logit for which :math:`e^{-\lvert x \rvert}` is a
    normal number (:math:`\lvert x \rvert` up to 87 in float32, 708 in float64). Beyond, it errs
    by about the smallest subnormal number. At x = ±inf the loss is 0 or inf. PyTorch takes the
    logarithm of :math:`1 + e^{-t x}`, which is inf, and its gradient nan, from t x = -89 in
    float32.

    It is `binary_cross_entropy_with_logits` of the target (t + 1) / 2, but for the weighted
    mean, which is over the weights here and over the number of entries there.

    Examples
    --------
    >>> import losses
    >>> losses.soft_margin_loss([0.0, 40.0, 100.0], [1, 1, -1], reduction="none")
    array([6.93147181e-01, 4.24835426e-18, 1.00000000e+02])
    """
    return forward(SOFT_MARGIN, (logits, target), weight, reduction)


@public
def soft_margin_loss_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `soft_margin_loss` with respect to the logits.

    .. math:: \frac{\partial}{\partial x} = -g \, w \, t \, \sigma(-t x),

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `soft_margin_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    logits, target : array_like
        What `soft_margin_loss` was given.
    weight, reduction : optional
        As in `soft_margin_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `soft_margin_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    soft_margin_loss, soft_margin_loss_value_and_grad, soft_margin_loss_hessian_diagonal

    Notes
    -----
    :math:`1 - \sigma` is computed as the sigmoid of the other sign: at most 9 ulp in float32
    and 5 in float64, where :math:`e^{-\lvert x \rvert}` is a normal number.

    Examples
    --------
    >>> import losses
    >>> losses.soft_margin_loss_backward(3.0, [0.0, 40.0, 100.0], [1, 1, -1])
    array([-5.00000000e-01, -4.24835426e-18,  1.00000000e+00])
    """
    return backward(SOFT_MARGIN, grad_output, (logits, target), weight, reduction)


@public
def soft_margin_loss_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Logistic loss of logits, for targets 1 and -1, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `soft_margin_loss`.
    weight, reduction : optional
        As in `soft_margin_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `soft_margin_loss_backward`; 1 by default. It multiplies the gradient and not the
        loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `soft_margin_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `soft_margin_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `soft_margin_loss_backward`; also if `out` has the wrong shape or dtype, is read-only,
        or overlaps an input without being `logits`. If an argument is wrong, nothing is written.

    See Also
    --------
    soft_margin_loss, soft_margin_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.soft_margin_loss_value_and_grad([40.0, 100.0], [1, -1], reduction="sum")
    (np.float64(100.0), array([-4.24835426e-18,  1.00000000e+00]))
    """
    return value_and_grad(
        SOFT_MARGIN, (logits, target), weight, reduction, grad_output=grad_output, out=out
    )


@public
def soft_margin_loss_hessian_diagonal(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Diagonal of the Hessian of `soft_margin_loss`, whose other entries are 0.

    .. math:: \frac{\partial^2}{\partial x^2} = w \, \sigma(x) \, \sigma(-x),

    divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    logits, target : array_like
        As in `soft_margin_loss`.
    weight, reduction : optional
        As in `soft_margin_loss`. For ``'none'`` it is the Hessian of the sum of the losses.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `soft_margin_loss`.

    See Also
    --------
    soft_margin_loss, soft_margin_loss_backward

    Notes
    -----
    As :math:`e^{-\lvert x \rvert} / (1 + e^{-\lvert x \rvert})^2`, in which nothing cancels: at
    most 11 ulp in float32 and 7 in float64, where :math:`e^{-\lvert x \rvert}` is a normal
    number.

    Examples
    --------
    >>> import losses
    >>> losses.soft_margin_loss_hessian_diagonal([0.0, 40.0], [1, -1], reduction="sum")
    array([2.50000000e-01, 4.24835426e-18])
    """
    return hessian_diagonal(SOFT_MARGIN, (logits, target), weight, reduction)
