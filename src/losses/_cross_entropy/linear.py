"""Cross entropy of a linear layer's outputs, which are never held all at once."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike

from .._core.blocks import one_axis
from .._core.checks import check_grad_output
from .._core.dtypes import Array, Floating
from .._core.public import public
from .._losses.options import Reduction, class_options
from .._losses.reduction import losses_for, reduce, reduce_backward, unit_backward
from .linear_chunks import evaluate
from .linear_layer import Gradients, LayerProblem, layer_problem_for


class LinearGrads(NamedTuple):
    """The gradients of `linear_cross_entropy`, each in the shape and dtype of its array.

    Attributes
    ----------
    inputs : ndarray, shape (D,), (N, D) or (..., D)
        The gradient with respect to the inputs of the layer.
    linear_weight : ndarray, shape (C, D) or (C, d1, ..., D)
        The gradient with respect to the weight of the layer.
    linear_bias : ndarray of shape (C,) or (C, d1, ...), or None
        The gradient with respect to the bias of the layer; None if the layer has no bias.
    """

    inputs: Array
    linear_weight: Array
    linear_bias: Array | None


@public
def linear_cross_entropy(
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    /,
    *,
    linear_bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    workers: int | None = None,
) -> Floating:
    r"""Cross entropy of the outputs of a linear layer, which are never held all at once.

    .. math::
        \operatorname{cross\,entropy}(\text{inputs} \, W^{\mathsf T} + b, \; \text{target})

    Use it for many classes, where the outputs of the layer, the logits, are the largest array of a
    model. Here one chunk of logits is made, used and dropped at a time. Whatever N, D and C are,
    the memory besides the arguments and the results is at most 64 MiB, and 3 MiB for each worker
    after the first. You never see the logits, so change them by the options `softcap` and `z_loss`.

    A weight (C, d1, ..., D) holds several heads, as in a model that predicts several tokens. All
    heads have the same inputs, and the logits are (..., C, d1, ...).

    Parameters
    ----------
    inputs : array_like, shape (D,), (N, D) or (..., D)
        The inputs of the layer: D features of each sample. float16, and bfloat16 and float8 of
        ml_dtypes, are computed in float32; integers are copied to float64.
    linear_weight : array_like, shape (C, D) or (C, d1, ..., D)
        The weight W of the layer: D numbers for each class, or for each class of each head.
    target : array_like
        Either class indices in [0, C), of any integer dtype, in the shape ``inputs.shape[:-1]``
        (for 1-D `inputs` also shape (1,)). Or class probabilities, of a floating dtype, in the
        shape ``(*inputs.shape[:-1], C)``: finite numbers that are not negative and need not sum to
        one. With several heads the shapes are ``(*inputs.shape[:-1], d1, ...)`` and
        ``(*inputs.shape[:-1], C, d1, ...)``.
    linear_bias : array_like, shape (C,) or (C, d1, ...), optional
        The bias b of the layer.
    weight : array_like, shape (C,), optional
        Weight of each class in the loss.
    ignore_index : int, default -100
        Samples with this class index are not counted, and their inputs are never read. It may be
        outside [0, C). With several heads, each head ignores its own samples. With class
        probabilities it must be negative.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        As in `cross_entropy`. The mean and the sum are over all samples and heads.
    label_smoothing : float, default 0.0
        The share in [0, 1] of each target that is spread evenly over the classes.
    softcap : float, optional
        A cap c > 0: each logit x becomes c tanh(x / c) before anything else. -inf stays -inf.
    z_loss : float, default 0.0
        A factor z, of any sign, of a penalty z V lse**2 that is added to each loss. lse is the
        `logsumexp` of the (capped) logits. V is the total mass of the target: with class indices
        and no smoothing, the weight of the label.
    workers : int, optional
        How many threads share the work, except for the matrix products, which use the threads of
        NumPy's BLAS; -1 means one for each core. The default is what `set_workers` has set, or 1.
        The result has the same bits for every number.

    Returns
    -------
    NumPy scalar, or ndarray of one loss per sample (and head) for ``reduction='none'``
        In the widest dtype of the three arrays of the layer, where integers count as float64. If no
        dtype of the three holds the numbers of the others, as with bfloat16 and float16, it is
        float32. If no sample counts, the mean is nan and the sum 0.

    Raises
    ------
    IndexError
        If a class index is neither in [0, C) nor `ignore_index`.
    TypeError
        If an array is complex, masked or not numeric, or class indices are not integers.
    ValueError
        If shapes do not fit, class probabilities are negative, nan or infinite, or an option has a
        value that is not stated above.

    See Also
    --------
    linear_cross_entropy_value_and_grad, linear_cross_entropy_backward, cross_entropy

    Notes
    -----
    A logit, a sum of D products, has an error of at most :math:`\delta_{i,c} = \tfrac{1}{2} (D + 1)
    \, \mathrm{eps} \, (\sum_d |x_{i,d} W_{c,d}| + |b_c|)`, in whatever order BLAS adds. So the loss
    of a sample differs from that of exact logits by at most :math:`2 V \max_c \delta_{i,c}`, with
    the sum V of the masses in `cross_entropy`. The error of `cross_entropy` comes on top; if
    classes are merged, it is that of `merge_shards`. The order may depend on the shape and the
    layout of the arrays, so another batch may change last digits. The number of workers does not.

    A chunk is some samples with all their classes. If fewer than about a hundred samples would fit,
    a chunk is some of the classes instead. Then the maxima and the sums of exponentials of the
    chunks are merged, and for the gradient the logits are made a second time. Heads are computed
    one after another, each with its own chunks and products. For heads of few classes,
    `cross_entropy` is faster, if their logits fit into memory.

    References
    ----------
    M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867
    (2018): the merged maximum and sum. E. Wijmans et al., "Cut your losses in large-vocabulary
    language models", arXiv:2411.09009 (2024): the loss without the logits.

    Examples
    --------
    >>> import numpy as np
    >>> import losses
    >>> inputs = np.array([[1.0, 2.0], [0.0, -1.0]])
    >>> linear_weight = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
    >>> losses.linear_cross_entropy(inputs, linear_weight, [1, 0]).round(4)
    np.float64(0.5514)
    >>> losses.cross_entropy(inputs @ linear_weight.T, [1, 0]).round(4)
    np.float64(0.5514)

    Two heads. The second has another weight, and ignores the second sample:

    >>> heads = np.stack([linear_weight, 2 * linear_weight], axis=1)
    >>> heads.shape
    (3, 2, 2)
    >>> target = [[1, 1], [0, -100]]
    >>> losses.linear_cross_entropy(inputs, heads, target, reduction="none").round(4)
    array([[0.5514, 0.2395],
           [0.5514, 0.    ]])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, None, workers, reduction, softcap, z_loss
    )
    problem = layer_problem_for(inputs, linear_weight, target, linear_bias, options)
    return _evaluate(problem)


@public
def linear_cross_entropy_backward(
    grad_output: ArrayLike,
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    /,
    *,
    linear_bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    workers: int | None = None,
) -> LinearGrads:
    r"""Gradients of `linear_cross_entropy` with respect to the three arrays of the layer.

    With the gradient :math:`G` of the loss with respect to the logits, see
    `cross_entropy_backward`,

    .. math::
        \frac{\partial}{\partial \, \text{inputs}} = G \, W, \qquad
        \frac{\partial}{\partial W} = G^{\mathsf T} \, \text{inputs}, \qquad
        \frac{\partial}{\partial b_c} = \sum_i G_{i,c}.

    Each head has its own weight and bias. The gradient of the inputs is the sum over the heads.

    Parameters
    ----------
    grad_output : array_like, the shape of what `linear_cross_entropy` returned
        The gradient with respect to the loss: a scalar, or one entry per loss for ``'none'``.
    inputs, linear_weight, target : array_like
        What `linear_cross_entropy` was given.
    linear_bias, weight, ignore_index, reduction, label_smoothing : optional
        As in `linear_cross_entropy`.
    softcap, z_loss, workers : optional
        As in `linear_cross_entropy`.

    Returns
    -------
    LinearGrads
        The named tuple ``(inputs, linear_weight, linear_bias)``. Each gradient has the shape and
        dtype of its array. Without a bias, `linear_bias` is None. The inputs of ignored samples
        have a gradient of 0, whatever they hold.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `linear_cross_entropy`; also if `grad_output` has another shape than stated.

    See Also
    --------
    linear_cross_entropy, linear_cross_entropy_value_and_grad

    Notes
    -----
    An error :math:`\delta` of the logits, see `linear_cross_entropy`, changes an entry of G by at
    most :math:`2 |g_i| V p_{i,c} \max_k \delta_{i,k}` to first order. Each product with G adds, for
    each of its terms, half an eps times the sum of the absolute values of the terms. Sums are made
    in the dtype of the computation or in a wider one, and rounded once.

    Examples
    --------
    >>> import numpy as np
    >>> import losses
    >>> inputs, linear_weight = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> grads = losses.linear_cross_entropy_backward(1.0, inputs, linear_weight, [1])
    >>> grads.inputs.round(2)
    array([[ 0.27, -0.27]])
    >>> grads.linear_weight.round(2)
    array([[ 0.27,  0.54],
           [-0.27, -0.54]])
    """
    options = class_options(
        weight, ignore_index, label_smoothing, None, workers, reduction, softcap, z_loss
    )
    problem = layer_problem_for(inputs, linear_weight, target, linear_bias, options)
    found, to = _gradients(problem, _loss_grads(problem, grad_output))
    _evaluate(problem, to)
    return found


@public
def linear_cross_entropy_value_and_grad(
    inputs: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    /,
    *,
    linear_bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    workers: int | None = None,
    grad_output: ArrayLike | None = None,
) -> tuple[Floating, LinearGrads]:
    r"""Cross entropy of a linear layer's outputs, and its gradients, in one pass.

    .. math::
        \Big( \ell, \; g \, \frac{\partial \ell}{\partial \, \text{inputs}}, \;
        g \, \frac{\partial \ell}{\partial W}, \; g \, \frac{\partial \ell}{\partial b} \Big),
        \quad \text{the gradients of } \sum_i g_i \, \ell_i \text{ for 'none'}

    Parameters
    ----------
    inputs, linear_weight, target : array_like
        As in `linear_cross_entropy`.
    linear_bias, weight, ignore_index, reduction, label_smoothing : optional
        As in `linear_cross_entropy`.
    softcap, z_loss, workers : optional
        As in `linear_cross_entropy`.
    grad_output : array_like, the shape of the loss, optional
        The gradient :math:`g` with respect to the loss, as in `linear_cross_entropy_backward`; 1 by
        default. It multiplies the gradients and not the loss.

    Returns
    -------
    loss : NumPy scalar, or ndarray for ``reduction='none'``
        What `linear_cross_entropy` returns.
    grads : LinearGrads
        What `linear_cross_entropy_backward` returns for the same `grad_output`, or for ones, bit
        for bit.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `linear_cross_entropy`; also if `grad_output` has another shape than stated.

    See Also
    --------
    linear_cross_entropy, linear_cross_entropy_backward

    Notes
    -----
    The error bounds are those of the two functions. The call takes little longer than its three
    matrix products, of 2 N D C operations each. Ignored samples are left out of the products. If a
    chunk holds only some of the classes, the logits are made twice. They are made three times if
    a gradient of many classes is summed in a wider dtype than its own, as with float16. If the
    gradient of the inputs of several heads is summed so, it takes a pass of its own.

    Examples
    --------
    >>> import numpy as np
    >>> import losses
    >>> inputs, linear_weight = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> loss, grads = losses.linear_cross_entropy_value_and_grad(inputs, linear_weight, [1])
    >>> loss.round(4), grads.inputs.round(2)
    (np.float64(0.3133), array([[ 0.27, -0.27]]))
    """
    options = class_options(
        weight, ignore_index, label_smoothing, None, workers, reduction, softcap, z_loss
    )
    problem = layer_problem_for(inputs, linear_weight, target, linear_bias, options)
    if grad_output is None:
        grads = unit_backward(reduction, problem.divisor, problem.layer.dtype)
    else:
        grads = _loss_grads(problem, grad_output)
    found, to = _gradients(problem, grads)
    return _evaluate(problem, to), found


def _evaluate(problem: LayerProblem, to: Gradients | None = None) -> Floating:
    """Return the loss; given arrays for the gradients, write the gradients."""
    reduction = problem.options.reduction
    losses = losses_for(reduction, problem.shape, problem.dtype)
    sums = evaluate(problem, losses, to)
    return reduce(losses, sums, reduction, problem.divisor, problem.dtype)


def _gradients(problem: LayerProblem, grads: Array) -> tuple[LinearGrads, Gradients]:
    """Return zeroed gradients, and flattened views of these for the loops over chunks."""
    inputs, of_layer = problem.zeros()
    return LinearGrads(inputs, *of_layer), Gradients(grads, one_axis(inputs, 1), of_layer)


def _loss_grads(problem: LayerProblem, grad_output: ArrayLike) -> Array:
    """Return the gradient with respect to each loss; for 'none' each chunk casts its own."""
    reduction, dtype = problem.options.reduction, problem.layer.dtype
    if reduction == "none":
        return check_grad_output(grad_output, problem.shape)
    return reduce_backward(grad_output, reduction, problem.divisor, problem.shape, dtype)
