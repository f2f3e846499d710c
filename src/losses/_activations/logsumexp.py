"""The logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block
from .._core.checks import axis_index, check_grad_output, floating
from .._core.dtypes import Array, Floating, cast, result_dtype, scalar_or_array
from .._core.panel import Panel
from .._core.panels import panels
from .._core.public import public
from .._core.schedule import worker_count
from .exponentials import Sums, exponentials, log_sums, multiply_by_share


@public
def logsumexp(
    x: ArrayLike, /, axis: int | tuple[int, ...] | None = -1, *, keepdims: bool = False
) -> Floating:
    r"""Logarithm of the sum of exponentials along an axis.

    .. math:: \operatorname{logsumexp}(x) = \log \sum_c e^{x_c}

    Parameters
    ----------
    x : array_like, any shape
        Real numbers. float16 is computed in float32; integers become float64.
    axis : int, tuple of int or None, default -1
        The axis or axes to sum over; None is all of them.
    keepdims : bool, default False
        Keep the summed axes with length 1.

    Returns
    -------
    ndarray or NumPy scalar, the shape of `x` without the summed axes
        In the dtype of `x`. Over no entries at all the result is -inf.

    Raises
    ------
    TypeError
        If `x` is complex, masked or not numeric, or `axis` not an integer.
    ValueError
        If an axis is out of range (``numpy.exceptions.AxisError``) or named twice.

    See Also
    --------
    logsumexp_backward, log_softmax

    Notes
    -----
    The exponentials are shifted by a whole number, or scaled by a power of two, only if their sum
    is not moderate, see `softmax`. Near 0 the logarithm of the sum has few digits left: if one
    entry m has more than half of the sum, the result is :math:`m + \log(1 + R / e^m)`, with the
    sum R of the other exponentials, so that (0, -80) gives 1.8e-35. The error is at most about
    8 ulp of the larger of :math:`|m|` and :math:`\log(1 + q)`, where m is the largest entry and q
    the sum of :math:`e^{x_c - m}` over the others, plus the error of the sum. `softmax` says how
    large that is, and where the error is larger because an entry is above 88 (709 in float64).

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
    softmax functions", IMA Journal of Numerical Analysis 41 (2021): the largest term set aside.

    Examples
    --------
    >>> import losses
    >>> losses.logsumexp([[1.0, 2.0, 0.5], [0.0, -80.0, -90.0]])
    array([2.46436878e+00, 1.80493333e-35])
    """
    x = floating(x=x)
    merged, axes, _ = _merge(x, axis)
    plan = panels(merged, _place(axes))

    def compute(_: Block, inputs: Sequence[Panel], out: Panel, spare: Panel) -> tuple[Array]:
        (panel,) = inputs
        return (log_sums(panel, out, exponentials(panel, out, spare)),)

    result = np.full(_summed(x, axes, keepdims), -np.inf, result_dtype(x))
    if merged.size:
        found = plan.run(compute, [merged], None, worker_count(None))
        # A float16 is inf from 65520 on, and 0 below 3e-8.
        result.reshape(-1)[:] = np.concatenate([sums for (sums,) in found])
    return scalar_or_array(result)


@public
def logsumexp_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    /,
    axis: int | tuple[int, ...] | None = -1,
    *,
    keepdims: bool = False,
) -> Array:
    r"""Gradient of `logsumexp` with respect to its argument.

    .. math:: \frac{\partial}{\partial x_c} = g \, \operatorname{softmax}(x)_c

    Parameters
    ----------
    grad_output : array_like, the shape of what ``logsumexp(x, axis, keepdims=keepdims)`` returned
        The gradient with respect to that.
    x : array_like, any shape
        What `logsumexp` was given.
    axis : int, tuple of int or None, default -1
        As in `logsumexp`.
    keepdims : bool, default False
        As in `logsumexp`.

    Returns
    -------
    ndarray, the shape and dtype of `x`
        If one entry is +inf, it has all of the gradient and the others have 0: the limits as the
        entry grows. If several are, each of them has nan, since their shares depend on how they
        grow. All nan where the entries hold nan, or only -inf, as in softmax.

    Raises
    ------
    TypeError, ValueError
        As `logsumexp`, and if `grad_output` has another shape than stated.

    See Also
    --------
    logsumexp, softmax

    Notes
    -----
    The relative error is that of `softmax` plus half an ulp. Where softmax is below the normal
    numbers, the gradient has the digits that are left there.

    Examples
    --------
    >>> import losses
    >>> losses.logsumexp_backward(1.0, [0.0, -80.0])
    array([1.00000000e+00, 1.80485139e-35])
    """
    x = floating(x=x)
    merged, axes, order = _merge(x, axis)
    plan = panels(merged, _place(axes))
    grad = cast(check_grad_output(grad_output, _summed(x, axes, keepdims)), plan.dtype).reshape(-1)

    def compute(block: Block, inputs: Sequence[Panel], out: Panel, spare: Panel) -> None:
        sums = exponentials(inputs[0], out, spare)
        _take_limits(out, sums)
        multiply_by_share(out, sums.total, grad[block.start : block.stop])

    result = np.empty([x.shape[i] for i in order], result_dtype(x))
    plan.run(compute, [merged], _as_one(result, axes), worker_count(None))
    return result.transpose(np.argsort(order)) if x.ndim else result


def _take_limits(e: Panel, sums: Sums) -> None:
    """In samples that hold +inf, set the exponentials and their sums to their limits."""
    if sums.shift is None:
        return
    endless = np.isposinf(sums.shift)
    if endless.any():
        # exp(x - s) is nan where x is +inf, and 0 for the other classes.
        infinite = np.isnan(e.values) & e.across(endless)
        alone = np.count_nonzero(infinite, axis=int(e.rows)) == 1
        e.values[infinite & e.across(alone)] = 1
        sums.total[endless] = 1


def _merge(
    x: Array, axis: int | tuple[int, ...] | None
) -> tuple[Array, tuple[int, ...], list[int]]:
    """Return x with the summed axes merged, these axes, and the order that puts them in a row."""
    if axis is None:
        axis = tuple(range(x.ndim))
    found = [axis_index(one, x.ndim) for one in (axis if isinstance(axis, tuple) else (axis,))]
    axes = tuple(sorted(set(found)))
    if len(axes) < len(found):
        raise ValueError(f"axis: expected different axes, got {axis}")
    if not x.ndim:
        axes = ()
    before = range(_place(axes))
    after = [i for i in range(len(before), x.ndim) if i not in axes]
    order = [*before, *axes, *after]
    return _as_one(x.transpose(order), axes), axes, order


def _place(axes: tuple[int, ...]) -> int:
    """Return the position of the merged axis."""
    return axes[0] if axes else 0


def _as_one(x: Array, axes: tuple[int, ...]) -> Array:
    """Merge the summed axes of x, which follow one another, into one axis."""
    low, high = _place(axes), _place(axes) + len(axes)
    return x.reshape(*x.shape[:low], prod(x.shape[low:high]), *x.shape[high:])


def _summed(x: Array, axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """Return the shape of the result of logsumexp."""
    sizes = enumerate(x.shape)
    return tuple(1 if i in axes else size for i, size in sizes if keepdims or i not in axes)
