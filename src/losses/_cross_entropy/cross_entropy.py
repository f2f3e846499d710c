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

    With :math:`\mathrm{lp} = \operatorname{log\,softmax}(\text{logits})`, class indices :math:`t_i`
    and the label smoothing :math:`\varepsilon`,

    .. math::
        \ell_i = -(1 - \varepsilon) \, w_{t_i} \mathrm{lp}_{i, t_i}
                 - \frac{\varepsilon}{C} \sum_c w_c \, \mathrm{lp}_{i, c}, \qquad
        \text{mean} = \frac{\sum_i m_i \ell_i}{\sum_i m_i w_{t_i}},

    where :math:`m_i` is 0 for an ignored sample and 1 for any other. With class probabilities
    :math:`q_{i,c}`, and :math:`q' = (1 - \varepsilon) q + \varepsilon / C`,

    .. math::
        \ell_i = -\sum_c w_c \, q'_{i,c} \, \mathrm{lp}_{i, c}, \qquad
        \text{mean} = \frac{1}{N} \sum_i \ell_i.

    Two options keep logits small. `softcap` caps them: each x becomes :math:`c \tanh(x / c)`.
    `z_loss` adds a penalty :math:`z V_i \operatorname{logsumexp}(x_i)^2` to :math:`\ell_i`.

    Parameters
    ----------
    logits : array_like, shape (C,), (N, C) or (N, C, d1, ..., dk)
        Unnormalised log-probabilities. float16, and bfloat16 and float8 of ml_dtypes, are computed
        in float32; integers become float64.
    target : array_like
        Either class indices in [0, C), of any integer dtype, in the shape of `logits` without the
        class axis (for 1-D `logits` also shape (1,)). Or class probabilities, of a floating dtype,
        in the shape of `logits`: finite numbers that are not negative and need not sum to one.
    weight : array_like, shape (C,), optional
        Weight of each class.
    ignore_index : int, default -100
        Samples with this class index are not counted. It may be outside [0, C). With class
        probabilities it must be negative.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The mean as above, the sum, or one loss per sample.
    label_smoothing : float, default 0.0
        The share in [0, 1] of each target that is spread evenly over the classes.
    softcap : float, optional
        A cap c > 0: each logit x becomes c tanh(x / c) before anything else. -inf stays -inf.
    z_loss : float, default 0.0
        A factor z, of any sign, of a penalty z V lse**2 that is added to each loss. lse is the
        `logsumexp` of the (capped) logits. V is the total mass of the target: with class indices
        and no smoothing, the weight of the label.
    axis : int, optional
        The class axis; by default 1, or 0 for 1-D `logits`. Use -1 for (N, T, C).
    workers : int, optional
        How many threads share the work; -1 means one for each core. The default is what
        `set_workers` has set, or 1. The result has the same bits for every number.

    Returns
    -------
    NumPy scalar, or ndarray of one loss per sample for ``reduction='none'``
        In the dtype of `logits`. If no sample counts, the mean is nan and the sum 0.

    Raises
    ------
    IndexError
        If a class index is neither in [0, C) nor `ignore_index`.
    TypeError
        If an array is complex, masked or not numeric, or class indices are not integers.
    ValueError
        If shapes do not fit, class probabilities are negative, nan or infinite (apply a softmax to
        logits first), or an option has a value that is not stated above.

    See Also
    --------
    cross_entropy_value_and_grad, cross_entropy_backward, nll_loss, log_softmax

    Notes
    -----
    With ``reduction='none'`` and no smoothing, the loss equals ``nll_loss(log_softmax(x), t)``, bit
    for bit in float32 and float64. The error of a loss is at most about 8 ulp plus the error of the
    sum over the classes, however far apart the logits are. It is the error of `log_softmax`, which
    keeps confident predictions exact. `softmax` says how large the error of the sum is, and when
    the error is larger for logits above 88 (709 in float64). A class of weight 0 or probability 0
    adds 0 to the loss, even at a logit of -inf.

    The bound does not hold if an exponential is below the smallest normal number: for logits below
    -87 in float32 or -708 in float64, or as far below a largest logit that is itself far from 0.
    The error of such an exponential is about the smallest subnormal number, and that of the loss is
    a few of these times the weight. The same holds for a `label_smoothing` so small that the
    smoothed shares are below the normal numbers.

    The error of a capped logit is at most 5 ulp of the logit (4 in float32), as if the logits had
    been rounded. If :math:`\delta` is the largest such error, it changes a loss by at most
    :math:`2 V \delta`. The penalty adds ``z V`` times the error of the square of `logsumexp`.

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
    this is :math:`g_i m_i w_{t_i} (p_{i,c} - [c = t_i])`. `z_loss` replaces the factor V of p, the
    sum of the masses, by V (1 + 2 z lse). `softcap` multiplies the gradient by :math:`1 -
    \tanh^2(x_{i,c} / c)`.

    Parameters
    ----------
    grad_output : array_like, the shape of what `cross_entropy` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits, target : array_like
        What `cross_entropy` was given.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for ignored samples, whatever their logits are.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `cross_entropy`; also if `grad_output` has another shape than stated.

    See Also
    --------
    cross_entropy, cross_entropy_value_and_grad

    Notes
    -----
    If the probability p of a class is more than 1/2, :math:`1 - p` is computed as the sum of the
    probabilities of the other classes, never by a subtraction. So for class indices every entry has
    a relative error of at most about 12 ulp plus that of the sum, however far apart the logits are.
    `softmax` says when the error is larger for logits above 88 (709 in float64).

    With smoothing or probabilities the gradient is a difference. With the mass v in a class and V
    in all classes it is p V - v, or (V - v) - (1 - p) V if p is more than 1/2. The error is then
    relative to the larger of the two terms. Without weights the bounds hold for any `grad_output`,
    from the smallest number to the largest. The error of an exponential below the normal numbers is
    about the smallest subnormal number; that of an entry is a few of these times the weight and
    `grad_output`.

    With a penalty, too, the gradient is a difference: of p V (1 + 2 z lse) and v. A digit that lse
    has lost is lost in 2 z V lse p. With a cap c, the factor is computed from
    :math:`e^{-2 |x| / c}`, which adds 2 abs(x) / c half ulp and a few more, however small the
    factor is. The error of the capped logits comes on top, see `cross_entropy`.

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
        The gradient :math:`g` with respect to the loss, as in `cross_entropy_backward`; 1 by
        default. It multiplies the gradient and not the loss. Use it to scale a loss or, for
        ``'none'``, to give each sample a weight (divided by any number you like) or a boolean mask.
    out : ndarray, the shape and dtype of `logits`, optional
        Receives the gradient. It may be `logits` itself, which is then overwritten. Otherwise it
        may share no memory with an input, nor map the same part of a file (which is noticed only of
        ``np.memmap``). After an error in the middle, such as an interrupt, it holds some old and
        some new entries.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `cross_entropy` returns, bit for bit.
    grad_logits : ndarray, the shape and dtype of `logits`
        What `cross_entropy_backward` returns for the same `grad_output`, or for ones, bit for bit.
        It is `out`, if `out` was given.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `cross_entropy`; also if `grad_output` has another shape than stated, or if `out` has
        the wrong shape or dtype, is read-only, or overlaps an input without being `logits`. If an
        argument is wrong, nothing is written.

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

    Give each sample a weight, and take the mean over these weights:

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

    divided by what the mean divides by. The Hessian has one block for each sample and zeros
    elsewhere, so the product costs no more than the gradient.

    With :math:`\bar u = \sum_k p_{i,k} u_{i,k}` and the sum V over v, `z_loss` adds :math:`2 z V
    p_{i,c} (\mathrm{lse} \, (u_{i,c} - \bar u) + \bar u)`. With a cap of slopes s the product is
    :math:`s \, H (s u) + g s' u`, where g is the gradient with respect to the capped logits.

    Parameters
    ----------
    vector : array_like, the shape of `logits`
        The vector: finite numbers, which are rounded to the dtype of the computation.
    logits, target : array_like
        As in `cross_entropy`.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`. For ``'none'`` it is the Hessian of the sum of the losses, as for
        ``'sum'``.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for ignored samples.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `cross_entropy`; also if `vector` has another shape than `logits`.

    See Also
    --------
    cross_entropy_hessian_diagonal, cross_entropy_backward

    Notes
    -----
    If the logits are X W, the outputs of a linear layer, the Hessian with respect to W times V is
    ``X.T @ cross_entropy_hvp(X @ V, X @ W, target)``.

    Without a cap and for `z_loss` 0, the Hessian is positive semi-definite for weights from 0 up.
    Without a cap it does not depend on which class is the target, only on the mass of the target.

    The vector is first shifted so that it is 0 at the most probable class, which does not change
    the product. So if the probability of this class rounds to 1, its entry is a sum over the other
    classes. The error is at most about 12 ulp of :math:`p_c (|d_c| + \sum_k p_k |d_k|)`, where
    :math:`d` is the shifted vector, plus that of the sums, see `softmax`. A subnormal p has fewer
    digits, and only these are right. With a cap or a penalty the error is relative to the terms
    above. The difference of any two entries of a sample's vector must be in the range of the dtype.

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

    divided by what the mean divides by. `softcap` and `z_loss` change the diagonal as they change
    the product in `cross_entropy_hvp`.

    Parameters
    ----------
    logits, target : array_like
        As in `cross_entropy`.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`. For ``'none'`` it is the Hessian of the sum of the losses, as for
        ``'sum'``; gradient boosting needs this one.

    Returns
    -------
    ndarray, the shape and dtype of `logits`
        Zeros for ignored samples.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `cross_entropy`.

    See Also
    --------
    cross_entropy_hvp, cross_entropy_value_and_grad

    Notes
    -----
    For the most probable class, :math:`1 - p` is computed as the sum of the other classes'
    probabilities. So every entry has a relative error of at most about 12 ulp plus that of the sum,
    see `softmax`. A subnormal p has fewer digits, and only these are right.

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
