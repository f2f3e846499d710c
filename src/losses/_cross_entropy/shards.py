"""Cross entropy of the classes in shards, in two passes: states that merge, then gradients.

No shard needs the logits of another: shards exchange one state for each sample.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core.checks import check_grad_output, real
from .._core.dtypes import Array, cast
from .._core.public import public
from .._losses.options import class_options
from .shard_problem import shard_for, shard_gradient, shard_state
from .shard_state import ShardState, check_same, check_type
from .states import nothing


@public
def cross_entropy_shard(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    first_class: int,
    classes: int,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> ShardState:
    r"""State of the cross entropy of some of the classes, to merge with the states of the others.

    Use it if the classes lie on several machines. Let :math:`m` be the maximum over the classes
    :math:`c` of the shard, :math:`c^*` the class of this maximum, and :math:`v_{i,c}` the mass that
    multiplies :math:`-\mathrm{lp}_{i,c}` in the loss. Then the state of each sample is

    .. math::
        \Big( m_i, \; q_i = \sum_{c \ne c^*} e^{x_{i,c} - m_i}, \;
        \sum_c v_{i,c}, \; \sum_c v_{i,c} (x_{i,c} - m_i) \Big).

    Parameters
    ----------
    logits : array_like, shape (C',), (N, C') or (N, C', d1, ..., dk)
        The logits of the shard's C' classes. float16 is computed in float32; integers become
        float64.
    target : array_like
        Class indices in [0, C), among all the classes, as in `cross_entropy`. Or the probabilities
        of the shard's classes, in the shape of `logits`.
    first_class : int
        The index of the shard's first class.
    classes : int
        The number C of all classes.
    weight : array_like, shape (C',), optional
        Weight of each of the shard's classes. Either all shards have weights, or none has.
    ignore_index, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`. Give every shard the same options. Smoothing spreads its share over
        all C classes.

    Returns
    -------
    ShardState
        In the dtype of the computation. The losses are ``merge_shards(...).losses``, and their mean
        is ``merge_shards(...).sums.mean``.

    Raises
    ------
    IndexError
        If a class index is neither in [0, C) nor `ignore_index`.
    TypeError
        As in `cross_entropy`.
    ValueError
        As in `cross_entropy`; also if the shard's classes are not within [0, C).

    See Also
    --------
    merge_shards, cross_entropy_shard_backward, cross_entropy, cross_entropy_sums

    Notes
    -----
    q is a sum of terms that are not negative. A merge adds a few roundings to q, and shifts each
    exponential once more; the shifts add up to :math:`m - x`. So the error of the loss after k
    merges, one after another, is at most ``4 + 4 k + max(m - x)`` ulp, if all the masses have one
    sign. The error of `cross_entropy` is at most about 8 ulp, because it shifts only if it must.

    References
    ----------
    M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax" (2018),
    arXiv:1805.02867: the running maximum and sum.

    Examples
    --------
    >>> import losses
    >>> left = losses.cross_entropy_shard([[1.0, 2.0]], [1], first_class=0, classes=3)
    >>> right = losses.cross_entropy_shard([[0.5]], [1], first_class=2, classes=3)
    >>> losses.merge_shards(left, right).losses.round(2)
    array([0.46])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, softcap=softcap, z_loss=z_loss
    )
    return shard_state(shard_for(logits, target, first_class, classes, options))


@public
def cross_entropy_shard_backward(
    grad_output: ArrayLike,
    state: ShardState,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    first_class: int,
    classes: int,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> Array:
    r"""Gradient of the cross entropy of all classes with respect to the logits of one shard.

    .. math::
        \frac{\partial}{\partial x_{i,c}} =
        g_i \, m_i \Big( p_{i,c} \sum_k v_{i,k} - v_{i,c} \Big), \qquad
        p_{i,c} = \frac{e^{x_{i,c} - m_i}}{1 + q_i}

    Parameters
    ----------
    grad_output : array_like, scalar or one entry per sample
        The gradient with respect to the loss of each sample. For the mean over all the samples it
        is ``1 / sums.denominator``, of the sums over all the samples. For their sum it is 1.
    state : ShardState
        The merged state of all the classes.
    logits, target : array_like
        What `cross_entropy_shard` was given for this shard.
    first_class, classes, weight, ignore_index, label_smoothing : optional
        What `cross_entropy_shard` was given for this shard.
    softcap, z_loss, axis, workers : optional
        What `cross_entropy_shard` was given for this shard.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        The shard's slice of the gradient of `cross_entropy`. Zeros for ignored samples.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `cross_entropy_shard`; also if `grad_output` has another shape than stated, or if
        `state` does not hold all the classes of these samples.

    See Also
    --------
    cross_entropy_shard, merge_shards, cross_entropy_backward

    Notes
    -----
    The error is that of `cross_entropy_backward` plus that of q after the merges.

    Examples
    --------
    >>> import losses
    >>> shards = [([[1.0, 2.0]], 0), ([[0.5]], 2)]
    >>> states = [
    ...     losses.cross_entropy_shard(x, [1], first_class=c, classes=3) for x, c in shards
    ... ]
    >>> state = losses.merge_shards(*states)
    >>> for x, c in shards:
    ...     losses.cross_entropy_shard_backward(
    ...         1.0, state, x, [1], first_class=c, classes=3
    ...     ).round(2)
    array([[ 0.23, -0.37]])
    array([[0.14]])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, softcap=softcap, z_loss=z_loss
    )
    shard = shard_for(logits, target, first_class, classes, options)
    check_type(state)
    check_same(shard.as_state(nothing(shard.plan.samples, shard.first, shard.plan.dtype)), state)
    state.check_whole()
    shape = real(grad_output=grad_output).shape and shard.plan.samples
    grads = cast(check_grad_output(grad_output, shape), shard.plan.dtype)
    return shard_gradient(shard, state, grads)
