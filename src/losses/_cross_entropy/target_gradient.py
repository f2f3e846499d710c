"""The gradient of cross entropy with respect to class probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .._activations.exponentials import exponentials, log_probabilities, log_sums
from .._core.blocks import Block
from .._core.dtypes import Array, result_dtype
from .._core.entries import times
from .._core.panel import Panel
from .._core.public import public
from .._losses.options import Reduction, class_options
from .._losses.reduction import part, reduce_backward
from .._losses.targets import Labels
from .problem import problem_for
from .softcap import capped
from .z_loss import penalty


@public
def cross_entropy_target_backward(
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
    r"""Gradient of `cross_entropy` with respect to class probabilities.

    .. math::
        \frac{\partial}{\partial q_{i,c}} = - g_i \, (1 - \varepsilon) \, w_c \, \mathrm{lp}_{i,c},
        \qquad \mathrm{lp} = \operatorname{log\,softmax}(\text{logits}),

    with :math:`g_i` divided by the number of samples for the mean. `softcap` caps the logits first,
    and `z_loss` subtracts :math:`z \operatorname{logsumexp}^2` from :math:`\mathrm{lp}`. Use it if
    a model produces the probabilities, such as a teacher that learns too. Class indices have no
    gradient.

    Parameters
    ----------
    grad_output : array_like, the shape of what `cross_entropy` returned
        The gradient with respect to the loss: a scalar, or one entry per sample for ``'none'``.
    logits, target : array_like
        What `cross_entropy` was given: the target holds class probabilities.
    weight, ignore_index, reduction, label_smoothing, softcap, z_loss, axis, workers : optional
        As in `cross_entropy`.

    Returns
    -------
    ndarray, the shape and dtype of `target`
        It is computed in the dtype of `logits`. It does not depend on the probabilities.

    Raises
    ------
    TypeError, ValueError
        As in `cross_entropy`; also if `grad_output` has another shape than stated, or if `target`
        holds class indices.

    See Also
    --------
    cross_entropy, cross_entropy_backward, log_softmax

    Notes
    -----
    The gradient treats the probabilities as independent numbers that need not sum to one. If a
    softmax makes the probabilities, pass this gradient to `softmax_backward`. The error is that of
    `log_softmax` plus three roundings. At a logit of -inf the gradient is inf, or 0 if a factor
    is 0.

    Examples
    --------
    >>> import losses
    >>> losses.cross_entropy_target_backward(1.0, [80.0, 0.0], [0.5, 0.5])
    array([1.80485139e-35, 8.00000000e+01])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, axis, workers, reduction, softcap, z_loss
    )
    problem = problem_for(logits, target, options)
    plan, probs = problem.plan, problem.target
    if isinstance(probs, Labels):
        raise TypeError(
            "target: expected class probabilities, of the shape of logits, got class indices, "
            "which have no gradient"
        )
    grads = reduce_backward(grad_output, reduction, problem.divisor(), plan.samples, plan.dtype)
    factor = np.asarray(-1 if probs.share is None else -probs.share, plan.dtype)
    if probs.weight is not None:
        factor = factor * probs.weight
    result = np.empty_like(probs.target, result_dtype(probs.target))

    def compute(block: Block, panels: Sequence[Panel], out: Panel, spare: Panel) -> None:
        (panel,) = panels
        if options.softcap is not None:
            panel = capped(panel, options.softcap, spare)
        sums = exponentials(panel, spare, out)
        extra = None
        if options.z_loss:
            extra = penalty(options.z_loss, log_sums(panel, spare, sums))
        log_probabilities(panel, spare, sums, out)
        if extra is not None:  # of every class, for each has a part in the mass of the sample
            out.subtract(extra.cost)
        values = times(out.across_classes(factor), out.values)
        # 0, not -0, at a class that is certain.
        np.add(times(out.across(part(grads, block)), values), 0, out=out.values)

    plan.run(compute, [problem.logits], result, options.workers)
    return result
