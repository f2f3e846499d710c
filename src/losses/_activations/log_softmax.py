"""The logarithm of softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .._core.checks import check_grad_output, floating
from .._core.dtypes import Array
from .._core.panel import Panel
from .._core.panels import transform
from .._core.public import public
from .exponentials import above_half, exponentials, log_probabilities


@public
def log_softmax(x: ArrayLike, /, axis: int = -1) -> Array:
    r"""Logarithm of softmax along an axis.

    .. math:: \operatorname{log\,softmax}(x)_c = x_c - \log \sum_k e^{x_k}

    Parameters
    ----------
    x : array_like, any shape
        Real numbers, the logits. float16 is computed in float32; integers become float64.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray, the shape and dtype of `x`
        0 for a 0-D `x`. All nan along the axis where `x` holds nan or +inf, or only -inf.

    Raises
    ------
    TypeError
        If `x` is complex, masked or not numeric, or `axis` not an integer.
    ValueError
        If `axis` is out of range (``numpy.exceptions.AxisError``).

    See Also
    --------
    log_softmax_backward, softmax, logsumexp, nll_loss

    Notes
    -----
    The result is :math:`x_c - \log S`, with the sum :math:`S` of the exponentials. The logarithm
    has two parts, and :math:`x_c` minus the first is exact where the two are close. A class with
    more than half of S has :math:`-\log(1 + R / e^{x_c})`, with the sum :math:`R` of the other
    exponentials: nothing cancels, and the result keeps its relative accuracy however near to 0 it
    is. The error is at most about 8 ulp, however far apart the logits are, plus the error of the
    sum. `softmax` says how large that is, and where the error is larger because a logit is above
    88 (709 in float64).

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
    softmax functions", IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import losses
    >>> losses.log_softmax([1.0, 2.0, 0.5]).round(2)
    array([-1.46, -0.46, -1.96])
    """
    return transform(_log_softmax, axis, floating(x=x))


def _log_softmax(panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
    (x,) = panels
    log_probabilities(x, spare, exponentials(x, spare, out), out)


@public
def log_softmax_backward(grad_output: ArrayLike, log_probs: ArrayLike, /, axis: int = -1) -> Array:
    r"""Gradient of `log_softmax` with respect to its argument, from what it returned.

    .. math:: \frac{\partial}{\partial x_c} = g_c - p_c \sum_k g_k

    Parameters
    ----------
    grad_output : array_like, the shape of `log_probs`
        The gradient with respect to what `log_softmax` returned.
    log_probs : array_like, any shape
        What `log_softmax` returned.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray, the shape and dtype of `log_probs`

    Raises
    ------
    TypeError, ValueError
        As `log_softmax`, and if `grad_output` has another shape than `log_probs`.

    See Also
    --------
    log_softmax, softmax_backward

    Notes
    -----
    For a class :math:`m` with more than half the probability the formula is computed as
    :math:`-g_m \operatorname{expm1}(\log p_m) - p_m \sum_{k \ne m} g_k`, in which
    :math:`1 - p_m` keeps its relative accuracy. A rounded log-probability gives p to about
    :math:`|\log p|` ulp only: the gradients of `cross_entropy` are computed from the logits.

    Examples
    --------
    >>> import losses
    >>> losses.log_softmax_backward([-1.0, 0.0], losses.log_softmax([80.0, 0.0]))
    array([-1.80485139e-35,  1.80485139e-35])
    """
    log_probs = floating(log_probs=log_probs)
    grad = check_grad_output(grad_output, log_probs.shape)
    return transform(_log_softmax_backward, axis, log_probs, grad)


def _log_softmax_backward(panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
    log_probs, grad_output = panels
    np.copyto(out.values, grad_output.values)
    total = out.add()
    samples, classes = above_half(log_probs)
    if samples.size:
        # At most one class of each sample, even if these numbers are no log-probabilities.
        samples, chosen = np.unique(samples, return_index=True)
        classes = classes[chosen]
        places = out.places(samples, classes)
        own, others = out.set_aside(samples, places)
        total[samples] = others + own
    np.exp(log_probs.values, out=spare.values)
    spare.multiply(total)
    np.subtract(out.values, spare.values, out=out.values)
    if samples.size:
        # 1 - p is -expm1(log p), which keeps its digits when p rounds to 1.
        log_prob = log_probs.memory[log_probs.places(samples, classes)]
        out.memory[places] = -own * np.expm1(log_prob) - np.exp(log_prob) * others
