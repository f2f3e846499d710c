"""The logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from .._core.blocks import Block, worker_count
from .._core.checks import (
    Array,
    Floating,
    axis_index,
    cast,
    floating,
    result_dtype,
    upstream,
)
from .._core.panels import across, add, largest, panels
from .._core.public import public
from .._core.reduction import scalar_or_array

# A maximum from which another number may differ by less than the smallest normal one is smaller,
# in every dtype: 4 smallest_normal / eps is 2**-101 in float32.
TINY = 2.0**-100
MANY = 4096  # for fewer entries it costs more to look


def shift(panel: Array, axis: int, out: Array) -> tuple[Array, Array | None]:
    """Write x - m, with m the maxima; return m and, in rows, where they are."""
    # In rows argmax is faster than the maximum; in columns it is many times slower.
    top = largest(panel, axis) if axis else None
    maxima = np.maximum.reduce(panel, axis=0) if top is None else panel.reshape(-1)[top]
    np.subtract(panel, across(maxima, axis), out=out)
    return maxima, top


def exp_shifted(shifted: Array, maxima: Array, out: Array) -> Array:
    """Write exp(x - m) from what shift wrote, which may then be 0 where it was smaller still."""
    if shifted.size > MANY and (np.abs(maxima) < TINY).any():
        # Where the difference is below the normal numbers exp is the same 1, but takes thirty
        # times as long.
        np.copyto(shifted, 0, where=shifted > -np.finfo(shifted.dtype).smallest_normal)
    return np.exp(shifted, out=out)


def others(exps: Array, axis: int, top: Array | None, spare: Array) -> Array:
    """Return q, the sum of exp(x - m) over the classes other than the largest.

    The largest one is exp(0) = 1: log sum exp(x) = m + log1p(q), where a q of 1e-35 counts.
    """
    q: Array
    if top is None:
        # floor(exps) is 1 at the maxima, of which one is set aside, and 0 below them.
        ones = np.floor(exps, out=spare)
        q = add(ones, axis)
        q -= 1
        q += add(np.subtract(exps, ones, out=ones), axis)
        return q
    flat = exps.reshape(-1)
    ones = flat[top]
    flat[top] = 0
    # 1 - exp(m - m) is 0, or nan where the row holds nan or +inf, or nothing but -inf.
    q = add(exps, axis) + (1 - ones)
    flat[top] = ones
    return q


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
    With the largest entry :math:`m` set aside, :math:`m + \log(1 + q)`, where :math:`q` sums
    :math:`e^{x_c - m}` over the other entries: nothing overflows, and (0, -80) gives 1.8e-35.
    The rounding of :math:`x_c - m` makes a relative error of up to ``(m - x_c) / 2`` ulp in its
    exponential, so the result is within about ``4 + max(m - x)`` ulp of the larger of
    :math:`|m|` and :math:`\log(1 + q)`, besides the error of the sum, see `softmax`.

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

    def compute(_: Block, inputs: Sequence[Array], out: Array, spare: Array) -> Array:
        maxima, top = shift(inputs[0], plan.axis, spare)
        q = others(exp_shifted(spare, maxima, spare), plan.axis, top, out)
        # At an infinite maximum, +inf or nothing but -inf, the sum is the maximum.
        return np.where(np.isinf(maxima), maxima, maxima + np.log1p(q))

    result = np.full(_summed(x, axes, keepdims), -np.inf, result_dtype(x))
    if merged.size:
        found = plan.run(compute, [merged], None, worker_count(None))
        with np.errstate(all="ignore"):  # float16 is inf from 65520 on, and 0 below 3e-8
            result.reshape(-1)[:] = np.concatenate(found)
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
        Where one entry is +inf it has all of the gradient and the others 0, the limits as the
        entry grows; of several each has nan, for their shares depend on how they grow. All nan
        over entries that hold nan, or only -inf, as softmax is there.

    Raises
    ------
    TypeError, ValueError
        As `logsumexp`, and if `grad_output` has another shape than stated.

    See Also
    --------
    logsumexp, softmax

    Notes
    -----
    The relative error is that of `softmax` and half an ulp; where softmax is below the normal
    numbers, what is left of its digits.

    Examples
    --------
    >>> import losses
    >>> losses.logsumexp_backward(1.0, [0.0, -80.0])
    array([1.00000000e+00, 1.80485139e-35])
    """
    x = floating(x=x)
    merged, axes, order = _merge(x, axis)
    plan = panels(merged, _place(axes))
    grad = cast(upstream(grad_output, _summed(x, axes, keepdims)), plan.dtype).reshape(-1)

    def compute(block: Block, inputs: Sequence[Array], out: Array, spare: Array) -> None:
        maxima, _ = shift(inputs[0], plan.axis, spare)
        exp_shifted(spare, maxima, out)
        sums = _sums_at_limits(out, maxima, plan.axis)
        out *= across(grad[block.start : block.stop] / sums, plan.axis)

    result = np.empty([x.shape[i] for i in order], result_dtype(x))
    plan.run(compute, [merged], _as_one(result, axes), worker_count(None))
    return result.transpose(np.argsort(order)) if x.ndim else result


def _sums_at_limits(exps: Array, maxima: Array, axis: int) -> Array:
    """Return the sums of exp(x - m), which become their limits where the maximum is +inf."""
    sums, endless = add(exps, axis), np.isposinf(maxima)
    if endless.any():
        # There exp(x - m) is 0 but where x is +inf, and there nan.
        infinite = np.isnan(exps) & across(endless, axis)
        alone = np.count_nonzero(infinite, axis=axis) == 1
        exps[infinite & across(alone, axis)] = 1
        sums[endless] = 1
    return sums


def _merge(
    x: Array, axis: int | tuple[int, ...] | None
) -> tuple[Array, tuple[int, ...], list[int]]:
    """Return x with the summed axes as one, those axes, and the order that joins them."""
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
    """Return where the summed axes lie once they follow one another."""
    return axes[0] if axes else 0


def _as_one(x: Array, axes: tuple[int, ...]) -> Array:
    """Return x, in which the summed axes follow one another, with these as one."""
    low, high = _place(axes), _place(axes) + len(axes)
    return x.reshape(*x.shape[:low], prod(x.shape[low:high]), *x.shape[high:])


def _summed(x: Array, axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """Return the shape of what logsumexp returns."""
    sizes = enumerate(x.shape)
    return tuple(1 if i in axes else size for i, size in sizes if keepdims or i not in axes)
