"""Quantile loss of predictions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.entry_problem import Entrywise
from .._losses.entrywise import backward, forward, value_and_grad
from .._losses.options import Reduction, complement, number


def _shared(predictions: Array, target: Array, quantile: float) -> tuple[Array, Any, Any]:
    """Return the residual, and its slopes below 0 and above, without their signs."""
    r = predictions - target
    return r, r.dtype.type(quantile), complement(quantile, r.dtype)


def _loss(r: Array, below: Any, above: Any) -> Array:
    # A factor of 0 is left out, for 0 * inf is 0 here. Of two zeros one is -0, for which abs is.
    loss: Array = np.maximum(above * r if above else 0, -below * r if below else 0)
    return np.abs(loss, out=loss)


def _slope(r: Array, below: Any, above: Any) -> Array:
    return np.clip(np.sign(r), -below, above)


QUANTILE = Entrywise(
    ("predictions", "target"),
    _shared,
    _loss,
    _slope,
    options={"quantile": partial(number, "[0, 1]")},
)


@public
def quantile_loss(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    quantile: float = 0.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Quantile loss of predictions, also named pinball loss.

    .. math::
        \ell = w \max\big(q \, (t - y), \; (1 - q) \, (y - t)\big), \qquad
        \text{mean} = \frac{\sum \ell}{\sum w}

    Parameters
    ----------
    predictions : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `predictions`
        Real numbers. A wider dtype than that of `predictions` widens the computation.
    quantile : float, default 0.5, in [0, 1]
        The quantile :math:`q` of the targets that the best prediction is. For several, call
        it once for each.
    weight : array_like, the shape of `predictions`, optional
        Weight of each entry. An entry of weight 0 is left out, whatever it holds, so a boolean mask
        may be the weight.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean (weighted, if there is a `weight`), the sum, or one loss per entry.

    Returns
    -------
    NumPy scalar, or ndarray of the shape of `predictions` for ``reduction='none'``
        In the dtype of `predictions`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric, or an option no number.
    ValueError
        If shapes differ (nothing is broadcast), `quantile` is not in [0, 1], or `reduction`
        is not one of the three.

    See Also
    --------
    quantile_loss_backward, quantile_loss_value_and_grad, l1_loss, mse_loss

    Notes
    -----
    A difference and two products: at most 4 ulp. At `quantile` 0.5 it is half of `l1_loss`;
    where :math:`y - t` is infinite and the `quantile` 0 or 1, it is 0 or inf. PyTorch has no
    such loss; scikit-learn's ``mean_pinball_loss`` calls the `quantile` ``alpha``.

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46 (1978).

    Examples
    --------
    >>> import losses
    >>> losses.quantile_loss([1.0, 3.0], [3.0, 1.0], quantile=0.75, reduction="none")
    array([1.5, 0.5])
    """
    return forward(QUANTILE, (predictions, target), weight, reduction, quantile)


@public
def quantile_loss_backward(
    grad_output: ArrayLike,
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    quantile: float = 0.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Floating:
    r"""Gradient of `quantile_loss` with respect to the predictions.

    .. math::
        \frac{\partial}{\partial y} = g \, w \begin{cases}
            -q & y < t \\
            1 - q & y > t \\
            0 & y = t
        \end{cases},

    with :math:`g` divided by :math:`\sum w` (or the number of entries) for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `quantile_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    predictions, target : array_like
        What `quantile_loss` was given.
    quantile, weight, reduction : optional
        As in `quantile_loss`.

    Returns
    -------
    ndarray or NumPy scalar, the shape and dtype of `predictions`

    Raises
    ------
    TypeError, ValueError
        As in `quantile_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    quantile_loss, quantile_loss_value_and_grad

    Notes
    -----
    At most 2 ulp: a factor and a product. At a residual of 0 it is 0.

    Examples
    --------
    >>> import losses
    >>> losses.quantile_loss_backward(2.0, [1.0, 3.0], [3.0, 1.0], quantile=0.75)
    array([-0.75,  0.25])
    """
    return backward(QUANTILE, grad_output, (predictions, target), weight, reduction, quantile)


@public
def quantile_loss_value_and_grad(
    predictions: ArrayLike,
    target: ArrayLike,
    /,
    *,
    quantile: float = 0.5,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Quantile loss of predictions, also named pinball loss, and the gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial y} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial y} \Big) \text{ for 'none'}

    Parameters
    ----------
    predictions, target : array_like
        As in `quantile_loss`.
    quantile, weight, reduction : optional
        As in `quantile_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `quantile_loss_backward`; 1 by default. It multiplies the gradient and not the loss.
    out : ndarray, the shape and dtype of `predictions`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `predictions`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `quantile_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `predictions`
        What `quantile_loss_backward` returns, bit for bit. It is `out`, if `out` was given.

    Raises
    ------
    TypeError, ValueError
        As in `quantile_loss_backward`; also if `out` has the wrong shape or dtype, is read-only, or
        overlaps an input without being `predictions`. If an argument is wrong, nothing is written.

    See Also
    --------
    quantile_loss, quantile_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> losses.quantile_loss_value_and_grad([1.0, 3.0], [3.0, 1.0], quantile=0.75)
    (np.float64(1.0), array([-0.375,  0.125]))
    """
    return value_and_grad(
        QUANTILE,
        (predictions, target),
        weight,
        reduction,
        quantile,
        grad_output=grad_output,
        out=out,
    )
