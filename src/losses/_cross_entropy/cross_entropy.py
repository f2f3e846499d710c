"""Cross entropy of logits: log_softmax and nll_loss in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._activations.curvature import curvature_along, curvature_diagonal
from .._core.checks import vector_for
from .._core.dtypes import Array, Floating, result_dtype
from .._core.out import gradient_array
from .._core.public import public
from .._losses.options import Reduction, class_options
from .._losses.reduction import reduce_backward
from .curvature import curvature
from .problem import evaluate, problem_for


@public
def cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> Floating:
    r"""Cross entropy loss of logits, with class indices or class probabilities.

    With :math:`\mathrm{lp} = \operatorname{log\,softmax}(\text{logits})` and class indices
    :math:`t_i`, smoothed by :math:`\varepsilon`,

    .. math::
        \ell_i = -(1 - \varepsilon) \, w_{t_i} \mathrm{lp}_{i, t_i}
                 - \frac{\varepsilon}{C} \sum_c w_c \, \mathrm{lp}_{i, c}, \qquad
        \text{mean} = \frac{\sum_i m_i \ell_i}{\sum_i m_i w_{t_i}},

    where :math:`m_i` is 0 for an ignored sample and 1 for any other. With class probabilities
    :math:`q_{i,c}`, and :math:`q' = (1 - \varepsilon) q + \varepsilon / C`,

    .. math::
        \ell_i = -\sum_c w_c \, q'_{i,c} \, \mathrm{lp}_{i, c}, \qquad
        \text{mean} = \frac{1}{N} \sum_i \ell_i.

    Two options keep logits small: a cap, :math:`x \to c \tanh(x / c)`, and a penalty,
    :math:`z V_i \operatorname{logsumexp}(x_i)^2` in addition to :math:`\ell_i`.

    Parameters
    ----------
    logits : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Unnormalised log-probabilities. float16, and bfloat16 and float8 of ml_dtypes, are computed
        in float32; integers become float64.
    target : array_like
        Class indices in [0, C), of any integer dtype, in the shape of `logits` without the class
        axis (for 1-D `logits` also shape (1,)); or class probabilities, of a floating dtype, in
        the shape of `logits`. Probabilities are finite and not negative, and need not sum to one.
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int, default -100
        Samples with this class index are not counted; it may lie outside [0, C). With class
        probabilities it must be negative.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean as above, the sum, or one loss per sample.
    label_smoothing : float, default 0.0
        The share in [0, 1] of each target that is spread evenly over the classes.
    softcap : float, optional
        A cap c > 0: logits x become c tanh(x / c) before all else. One of -inf stays -inf.
    z_loss : float, default 0.0
        A factor z, of any sign: each loss has z V lse**2 more, with the `logsumexp` of the (capped)
        logits and the sum V of the masses of the sample: its label's weight, without smoothing.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `logits`. Use -1 for (N, T, C).
    workers : int, optional
        How many threads share the work; -1 is one for each core. By default that of
        `set_workers`, else 1. The result has the same bits for every number.

    Returns
    -------
    NumPy scalar, or ndarray of one loss per sample for ``reduction='none'``
        In the dtype of `logits`. With no sample that counts the mean is nan and the sum 0.

    Raises
    ------
    IndexError
        If a class index is neither in [0, C) nor `ignore_index`.
    TypeError
        If an array is complex, masked or not numeric, or class indices are not integers.
    ValueError
        If shapes do not fit, class probabilities are negative, nan or infinite (logits want a
        softmax first), or an option has a value that is not stated above.

    See Also
    --------
    cross_entropy_value_and_grad, cross_entropy_backward, nll_loss, log_softmax

    Notes
    -----
    With ``reduction='none'`` and no smoothing it equals ``nll_loss(log_softmax(x), t)``, bit for
    bit in float32 and float64. The error of a loss is at most about 8 ulp, however far apart the
    logits are, and that of the sum: it is that of `log_softmax`, which keeps confident predictions
    exact. `softmax` says what the sum adds, and of which logits above 88 (709 in float64) the
    error is more. A class of weight 0 or probability 0 counts nothing, also at a logit of -inf.

    The bound ends where an exponential is below the smallest normal number: logits below -87 in
    float32, below -708 in float64, or as far below a largest logit that is itself far from 0. It
    errs by about the smallest subnormal number, and the loss by a few of these times the weight. So
    do the smoothed shares of a `label_smoothing` so small that they are below the normal numbers.

    A capped logit has 5 ulp of its own size at most (4 in float32), as if the logits had been
    rounded: it changes a loss by at most :math:`2 V \delta`, with the largest such error
    :math:`\delta`. The penalty adds ``z V`` times that of the square of `logsumexp`.

    References
    ----------
    Gemma Team, "Gemma 2: improving open language models at a practical size", arXiv:2408.00118
    (2024): the cap. A. Chowdhery et al., "PaLM: scaling language modeling with pathways",
    arXiv:2204.02311 (2022): the penalty.

    Examples
    --------
    >>> import losses
    >>> logits = [[10.0, 3.0, 1.0], [-1.0, 0.0, -4.0]]
    >>> losses.cross_entropy(logits, [1, 2]).round(4)
    np.float64(5.6638)
    >>> losses.cross_entropy([[80.0, 0.0]], [0], reduction="none")
    array([1.80485139e-35])
    >>> losses.cross_entropy([1.0, 2.0, 0.5], 1, softcap=30, z_loss=0.01).round(4)
    np.float64(0.526)
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss
    )
    problem = problem_for(logits, target, options)
    return evaluate(problem, problem.divisor())


@public
def cross_entropy_backward(
    grad_output: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> Array:
    r"""Gradient of `cross_entropy` with respect to the logits.

    With the probabilities :math:`p = \operatorname{softmax}(\text{logits})` and the mass
    :math:`v_{i,c}` that multiplies :math:`-\mathrm{lp}_{i,c}` in the loss of sample i,

    .. math::
        \frac{\partial}{\partial x_{i,c}} =
        g_i \, m_i \Big( p_{i,c} \sum_k v_{i,k} - v_{i,c} \Big),

    with :math:`g_i` divided by what the mean divides by. For class indices without smoothing
    that is :math:`g_i m_i w_{t_i} (p_{i,c} - [c = t_i])`. `z_loss` makes V (1 + 2 z lse) of the
    factor V of p, the sum of the masses. `softcap` multiplies the gradient by :math:`1 -
    \tanh^2(x_{i,c} / c)`.

    Parameters
    ----------
    grad_output : array_like, the shape of what `cross_entropy` returned
        The gradient with respect to that: a scalar, or one entry per sample for ``'none'``.
    logits, target : array_like
        What `cross_entropy` was given.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for ignored samples, whatever their logits.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy`, and if `grad_output` has another shape than stated.

    See Also
    --------
    cross_entropy, cross_entropy_value_and_grad

    Notes
    -----
    For a class with more than half, :math:`1 - p` is the sum of the other classes' probabilities,
    never a subtraction: for class indices every entry has a relative error of at most about 12 ulp,
    however far apart the logits are, and that of the sum; see `softmax`, which says of which logits
    above 88 (709 in float64) it is more. With smoothing or probabilities, of the mass v in a class
    and V in all, the gradient is a difference, p V - v or, for a class with more than half,
    (V - v) - (1 - p) V, and the error is relative to the larger of its terms. Without weights the
    bounds hold for any `grad_output` from the smallest number to the largest. Below the normal
    numbers an exponential errs by about the smallest subnormal number, and an entry by a few of
    these times the weight and `grad_output`.

    With a penalty the gradient is a difference as well, of p V (1 + 2 z lse) and v, and a digit of
    lse that is lost is lost in 2 z V lse p. With a cap c the factor is made of
    :math:`e^{-2 |x| / c}`: it adds 2 abs(x) / c half ulp and a few more, however small it is. The
    error of the capped logits adds to it, see `cross_entropy`.

    Examples
    --------
    >>> import losses
    >>> losses.cross_entropy_backward(1.0, [80.0, 0.0], 0)
    array([-1.80485139e-35,  1.80485139e-35])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss
    )
    problem = problem_for(logits, target, options)
    plan, divisor = problem.plan, problem.divisor()
    grads = reduce_backward(grad_output, reduction, divisor, plan.samples, plan.dtype)
    grad_logits = np.empty_like(problem.logits, result_dtype(problem.logits))
    evaluate(problem, divisor, grads, grad_logits)
    return grad_logits


@public
def cross_entropy_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
    grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[Floating, Array]:
    r"""Cross entropy and its gradient with respect to the logits, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial x} \Big), \quad \text{or} \quad
        \Big( \ell, \; \frac{\partial}{\partial x} \sum_i g_i \, \ell_i \Big) \text{ for 'none'}

    Parameters
    ----------
    logits, target : array_like
        As in `cross_entropy`.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`.
    grad_output : array_like, the shape of the loss, optional
        The gradient :math:`g` with respect to the loss, as in `cross_entropy_backward`; by default
        1. It multiplies the gradient and not the loss: the scale of a loss or, for ``'none'``, a
        weight for each sample, with any divisor in it, or a mask of booleans.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient. It may be `logits` itself, which is then overwritten, but may not
        share memory with an input otherwise, nor map the same part of a file (which only
        ``np.memmap`` can tell). After an error in the middle, such as an interrupt, it holds some
        old and some new entries.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        As from `cross_entropy`, bit for bit.
    grad_logits : ndarray, the shape and dtype of `logits`
        As from `cross_entropy_backward` with the same `grad_output`, or with ones, bit for bit; it
        is `out` where that was given.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy`, and if `grad_output` has another shape than stated, or `out` has the
        wrong shape or dtype, is read-only, or overlaps an input without being `logits`; nothing is
        written then.

    See Also
    --------
    cross_entropy, cross_entropy_backward

    Notes
    -----
    The error bounds are those of the two functions.

    Examples
    --------
    >>> import numpy as np
    >>> import losses
    >>> loss, grad_logits = losses.cross_entropy_value_and_grad([[1.0, 2.0, 0.5]], [1])
    >>> loss.round(2), grad_logits.round(2)
    (np.float64(0.46), array([[ 0.23, -0.37,  0.14]]))

    A weight for each sample, and a mean over these weights:

    >>> logits, target, weight = [[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]], [1, 0], [3.0, 1.0]
    >>> each, grad_logits = losses.cross_entropy_value_and_grad(
    ...     logits, target, reduction="none", grad_output=np.divide(weight, np.sum(weight))
    ... )
    >>> np.average(each, weights=weight).round(2), grad_logits.round(2)
    (np.float64(0.62), array([[ 0.17, -0.28,  0.11],
           [-0.17,  0.08,  0.08]]))
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss
    )
    problem = problem_for(logits, target, options)
    divisor = problem.divisor()
    grads = problem.loss_grads(divisor, grad_output)
    grad_logits = gradient_array(
        out,
        problem.logits,
        logits=logits,
        target=target,
        weight=weight,
        grad_output=grad_output,
    )
    loss = evaluate(problem, divisor, grads, grad_logits)
    return loss, grad_logits if out is None else out


@public
def cross_entropy_hvp(
    vector: ArrayLike,
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> Array:
    r"""Hessian of `cross_entropy` with respect to the logits, times a vector.

    With the probabilities :math:`p = \operatorname{softmax}(\text{logits})` and the mass
    :math:`v_{i,c}` that multiplies :math:`-\mathrm{lp}_{i,c}` in the loss of sample i,

    .. math::
        (H u)_{i,c} = m_i \Big( \sum_k v_{i,k} \Big) \,
        p_{i,c} \Big( u_{i,c} - \sum_k p_{i,k} u_{i,k} \Big),

    divided by what the mean divides by. The Hessian has a block for each sample, so this is all
    of it: the cost is that of the gradient.

    With :math:`\bar u = \sum_k p_{i,k} u_{i,k}` and V the sum over v, `z_loss` adds :math:`2 z V
    p_{i,c} (\mathrm{lse} \, (u_{i,c} - \bar u) + \bar u)`. Through a cap with the slopes s the
    product is :math:`s \, H (s u) + g s' u`, with the gradient g of the capped logits.

    Parameters
    ----------
    vector : array_like, the shape of `logits`
        What the Hessian is multiplied by: finite numbers, rounded to the dtype of the computation.
    logits, target : array_like
        As in `cross_entropy`.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`; ``'none'`` has the Hessian of the sum of the losses, as ``'sum'``
        has.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for ignored samples.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy`, and if `vector` has another shape than `logits`.

    See Also
    --------
    cross_entropy_hessian_diagonal, cross_entropy_backward

    Notes
    -----
    Through a linear layer, logits X W, the Hessian with respect to W times V is
    ``X.T @ cross_entropy_hvp(X @ V, X @ W, target)``.

    The Hessian is positive semi-definite for weights from 0 up, without a cap and for `z_loss` 0,
    and does not depend on which class is the target, only on its mass; with a cap it does. The
    vector is shifted to 0 at the most probable class, which changes nothing, so that where that
    probability rounds to 1 its own entry is a sum over the others. The error is at most about 12
    ulp of :math:`p_c (|d_c| + \sum_k p_k |d_k|)`, :math:`d` being the shifted vector, and that of
    the sums, see `softmax`; where p is below the normal numbers, what is left of its digits. With
    a cap or a penalty it is relative to the terms above. The difference of any two entries of a
    sample's vector must be in the range of the dtype.

    Examples
    --------
    >>> import losses
    >>> losses.cross_entropy_hvp([[1.0, 0.0, 0.0]], [[1.0, 2.0, 0.5]], [1]).round(3)
    array([[ 0.178, -0.145, -0.032]])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss
    )
    problem = problem_for(logits, target, options)
    return curvature(problem, curvature_along, [vector_for(vector, logits=problem.logits)])


@public
def cross_entropy_hessian_diagonal(
    logits: ArrayLike,
    target: ArrayLike,
    /,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    axis: int | None = None,
    workers: int | None = None,
) -> Array:
    r"""Diagonal of the Hessian of `cross_entropy` with respect to the logits.

    With :math:`p` and :math:`v` as in `cross_entropy_hvp`,

    .. math::
        H_{(i,c),(i,c)} = m_i \Big( \sum_k v_{i,k} \Big) \, p_{i,c} (1 - p_{i,c}),

    divided by what the mean divides by; `softcap` and `z_loss` change it as they change the
    product.

    Parameters
    ----------
    logits, target : array_like
        As in `cross_entropy`.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`; ``'none'`` has the Hessian of the sum of the losses, as ``'sum'``
        has, which gradient boosting asks for.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for ignored samples.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy`.

    See Also
    --------
    cross_entropy_hvp, cross_entropy_value_and_grad

    Notes
    -----
    For the most probable class :math:`1 - p` is the sum of the other classes' probabilities: every
    entry has a relative error of at most about 12 ulp and that of the sum, see `softmax`; where p
    is below the normal numbers, what is left of its digits.

    Examples
    --------
    >>> import losses
    >>> losses.cross_entropy_hessian_diagonal([[1.0, 2.0, 0.5], [80.0, 0.0, 0.0]], [1, 0])
    array([[8.88797034e-02, 1.16739799e-01, 6.02879481e-02],
           [1.80485139e-35, 9.02425694e-36, 9.02425694e-36]])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss
    )
    problem = problem_for(logits, target, options)
    return curvature(problem, curvature_diagonal)
