"""Binary cross entropy of several labels, averaged over the classes."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from .._core.checks import real
from .._core.dtypes import Array, Floating, cast
from .._core.entries import times
from .._core.panel import rows
from .._core.public import public
from .._entrywise.binary_cross_entropy_with_logits import BINARY_WITH_LOGITS
from .._losses.class_problem import Classwise, Problem, Slopes, sampled
from .._losses.classwise import backward, forward, hessian_diagonal, value_and_grad
from .._losses.domains import unit_interval
from .._losses.options import Reduction, check_class_weight


def _shared(logits: Array, target: Array, weight: Array | None = None) -> tuple[Any, ...]:
    """Return what binary cross entropy shares, for each entry, and the weights of the classes."""
    binary = BINARY_WITH_LOGITS.shared(logits.reshape(-1), target.reshape(-1), None)
    return (logits.shape, weight, *binary)


def _loss(shape: tuple[int, int], weight: Array | None, *binary: Any) -> Array:
    each = times(weight, BINARY_WITH_LOGITS.loss(*binary).reshape(shape))
    return rows(each).add() / shape[1]


def _slope(shape: tuple[int, int], weight: Array | None, *binary: Any) -> Slopes:
    return _shares(BINARY_WITH_LOGITS.slope(*binary), shape, weight)


def _curvature(shape: tuple[int, int], weight: Array | None, *binary: Any) -> Slopes:
    assert callable(BINARY_WITH_LOGITS.curvature)
    factor, *_ = BINARY_WITH_LOGITS.curvature(*binary)
    return _shares(factor, shape, weight)


def _shares(value: Array, shape: tuple[int, int], weight: Array | None) -> Slopes:
    """Return what each class has of the mean over the classes."""
    value = value.reshape(shape)
    if weight is not None:
        value *= weight
    return [(value, value.dtype.type(1) / shape[1])]


MULTILABEL_SOFT_MARGIN = Classwise(
    ("logits", "target"), _shared, _loss, _slope, _curvature, domains={"target": unit_interval}
)


@public
def multilabel_soft_margin_loss(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Floating:
    r"""Binary cross entropy of several labels, averaged over the classes of each sample.

    .. math::
        \ell_i = \frac{1}{C} \sum_c w_c \big[ t_{i,c} \operatorname{softplus}(-x_{i,c})
        + (1 - t_{i,c}) \operatorname{softplus}(x_{i,c}) \big], \qquad
        \operatorname{softplus}(x) = \log(1 + e^x)

    The mean divides by the number of samples.

    Parameters
    ----------
    logits : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Real numbers. float16 is computed in float32; integers become float64.
    target : array_like, the shape of `logits`
        Numbers in [0, 1]: 1 for a label that a sample has, 0 for any other.
    weight : array_like, shape (C,), optional
        Weight of each class. It does not count in the mean.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean over the samples, the sum, or one loss per sample.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `logits`.

    Returns
    -------
    NumPy scalar, or ndarray without the class axis for ``reduction='none'``
        In the dtype of `logits`. The mean of nothing is nan.

    Raises
    ------
    TypeError
        If an array is complex, masked or not numeric.
    ValueError
        If shapes differ, an entry of the target is outside [0, 1] or nan, `weight` has another
        shape than (C,), or `reduction` is not one of the three.

    See Also
    --------
    multilabel_soft_margin_loss_backward, multilabel_soft_margin_loss_value_and_grad,
    multilabel_soft_margin_loss_hessian_diagonal, binary_cross_entropy_with_logits,
    multi_margin_loss

    Notes
    -----
    The error is at most 17 ulp in float32, or 11 in float64, plus that of the sum: each class
    has that of `binary_cross_entropy_with_logits`, and there is a quotient. The sum adds up to
    half an ulp for each addition of a chain, and the longest chain has 128.

    The class axis is that of the other losses over classes; in PyTorch it is always the last. A
    logit of inf where the target is 1, or -inf where it is 0, costs 0; it is nan there.

    Examples
    --------
    >>> import losses
    >>> losses.multilabel_soft_margin_loss([[1.0, -2.0]], [[1, 0]]).round(6)
    np.float64(0.220095)
    """
    return forward(_checked(logits, target, weight, reduction, axis))


@public
def multilabel_soft_margin_loss_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Gradient of `multilabel_soft_margin_loss` with respect to the logits.

    .. math::
        \frac{\partial}{\partial x_{i,c}} =
        \frac{g_i \, w_c}{C} \big[ (1 - t_{i,c}) \sigma(x_{i,c}) - t_{i,c} \sigma(-x_{i,c}) \big],

    with :math:`g` divided by the number of samples for the mean.

    Parameters
    ----------
    grad_output : array_like, the shape of what `multilabel_soft_margin_loss` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits, target : array_like
        What `multilabel_soft_margin_loss` was given.
    weight, reduction, axis : optional
        As in `multilabel_soft_margin_loss`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `multilabel_soft_margin_loss`; also if `grad_output` has another shape than stated.

    See Also
    --------
    multilabel_soft_margin_loss, multilabel_soft_margin_loss_value_and_grad,
    multilabel_soft_margin_loss_hessian_diagonal

    Notes
    -----
    At most 15 ulp in float32, or 11 in float64, of the two terms together: those of
    `binary_cross_entropy_with_logits_backward`, and a quotient.

    Examples
    --------
    >>> import losses
    >>> losses.multilabel_soft_margin_loss_backward(1.0, [[1.0, -2.0]], [[1, 0]]).round(4)
    array([[-0.1345,  0.0596]])
    """
    problem = _checked(logits, target, weight, reduction, axis)
    return backward(problem, grad_output)


@public
def multilabel_soft_margin_loss_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Multi-label soft margin loss and its gradient, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial \sum g \, \ell}{\partial x} \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `multilabel_soft_margin_loss`.
    weight, reduction, axis : optional
        As in `multilabel_soft_margin_loss`.
    grad_output : array_like, the shape of the loss, optional
        As in `multilabel_soft_margin_loss_backward`; 1 by default. It multiplies the gradient and
        not the loss.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient, as in `cross_entropy_value_and_grad`. It may be `logits`
        itself, which is then overwritten.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `multilabel_soft_margin_loss` returns, bit for bit.
    gradient : ndarray, the shape and dtype of `logits`
        What `multilabel_soft_margin_loss_backward` returns, bit for bit. It is `out`, if `out` was
        given.

    Raises
    ------
    TypeError, ValueError
        As in `multilabel_soft_margin_loss_backward`; also if `out` has the wrong shape or dtype, is
        read-only, or overlaps an input without being `logits`. If an argument is wrong, nothing is
        written.

    See Also
    --------
    multilabel_soft_margin_loss, multilabel_soft_margin_loss_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import losses
    >>> loss, gradient = losses.multilabel_soft_margin_loss_value_and_grad([[1.0, -2.0]], [[1, 0]])
    >>> loss.round(4), gradient.round(4)
    (np.float64(0.2201), array([[-0.1345,  0.0596]]))
    """
    problem = _checked(logits, target, weight, reduction, axis)
    given = {"logits": logits, "target": target, "weight": weight}
    return value_and_grad(problem, grad_output, out, **given)


@public
def multilabel_soft_margin_loss_hessian_diagonal(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    axis: int | None = None,
) -> Array:
    r"""Diagonal of the Hessian of `multilabel_soft_margin_loss`, whose other entries are 0.

    .. math::
        \frac{\partial^2}{\partial x_{i,c}^2} = \frac{w_c}{C} \, \sigma(x_{i,c}) \sigma(-x_{i,c}),

    divided by the number of samples for the mean.

    Parameters
    ----------
    logits, target : array_like
        As in `multilabel_soft_margin_loss`.
    weight, reduction, axis : optional
        As in `multilabel_soft_margin_loss`. For ``'none'`` it is the Hessian of the sum of the
        losses.

    Returns
    -------
    ndarray, the shape and dtype of `logits`

    Raises
    ------
    TypeError, ValueError
        As in `multilabel_soft_margin_loss`.

    See Also
    --------
    multilabel_soft_margin_loss, multilabel_soft_margin_loss_backward

    Notes
    -----
    At most 12 ulp in float32, or 8 in float64: an exponential, a sum, a square, a quotient for
    the two sigmoids, and a product, a quotient and a product more.

    Examples
    --------
    >>> import losses
    >>> losses.multilabel_soft_margin_loss_hessian_diagonal([[0.0, 2.0]], [[1, 0]]).round(4)
    array([[0.125 , 0.0525]])
    """
    return hessian_diagonal(_checked(logits, target, weight, reduction, axis))


def _checked(
    logits: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    reduction: Reduction,
    axis: int | None,
) -> Problem:
    """Return the problem once every argument is right."""
    problem = sampled(MULTILABEL_SOFT_MARGIN, (logits, target), reduction, axis)
    if weight is None:
        return problem
    weight = real(weight=weight)
    check_class_weight(weight, problem.size)
    return problem._replace(options=[cast(weight, problem.dtype)])
