"""Planted bugs: mistakes that people make in a loss library, each of which the tests must catch.

    python -m tests.mutants [--every K] [--names PART ...] [--jobs N]

Run it from the root of the repository. For each row of the table `MUTANTS` it copies the sources,
plants the bug in the copy and runs the test named in the row on it, and the whole suite if that
test passes. A bug is caught if a test fails; one that no test fails on has survived, and one that
does not even run is broken: no mistake that anyone would make. The exit status is 0 only if every
bug was caught.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"


class Mutant(NamedTuple):
    """A bug: what it is, the text of the sources that it replaces, and a test to catch it."""

    name: str
    where: str  # the function, class or constant that the text begins in, whatever its file
    old: str  # begins exactly once in definitions of that name
    new: str
    tests: str  # a file or a test below tests, chosen to be quick


# The numbers are those of the rules in docs/semantics.md.
MUTANTS = [
    # Dtypes and targets that no class or probability is.
    Mutant(
        "a negative label of few bits is a class where there are many",
        "outside",
        "min(classes - 1, largest)",
        "classes - 1",
        "laws/test_labels.py",
    ),
    Mutant(
        "a target of weight 0 is checked",
        "_refuse",
        "if weight is not None and found.any():",
        "if False:",
        "rooms/test_improper_targets.py::test_an_entry_of_weight_0_may_have_any_target",
    ),
    Mutant(
        "infinite class probabilities pass",
        "check_probabilities",
        "if low >= 0 and np.isfinite(high):",
        "if low >= 0 and not np.isnan(high):",
        "rooms/test_improper_targets.py::test_class_probabilities_that_are_none_are_an_error",
    ),
    Mutant(
        "entries that broadcasting repeats are all read",
        "distinct",
        "slice(None if step else 1)",
        "slice(None)",
        "rooms/test_improper_targets.py::test_the_repeated_entries_of_a_broadcast_array_are_one",
    ),
    Mutant(
        "a position in Dask is counted from the first class",
        "_located",
        "        if isinstance(error, IndexError):\n",
        "        if True:\n",
        "rooms/test_improper_targets.py::test_dask_says_from_where_a_probability_is_counted",
    ),
    Mutant(
        "integers of four bits are floats",
        "_holds_floats",
        "probe = np.array([0, 0.5, -0.5, np.nan], np.float32)",
        "probe = np.array([0], np.float32)",
        "laws/test_narrow_dtypes.py::"
        "test_what_is_no_floating_dtype_is_an_error_that_says_what_to_do",
    ),
    Mutant(
        "the loss of a layer of two narrow dtypes is an error",
        "widest_dtype",
        "return np.result_type(*map(computation_dtype, arrays))",
        "raise",
        "laws/test_narrow_dtypes.py::test_a_layer_of_unlike_narrow_dtypes_has_a_loss_in_float32",
    ),
    # 1: the class axis.
    Mutant(
        "the class axis is the last by default",
        "class_axis",
        "return min(1, logits.ndim - 1)",
        "return logits.ndim - 1",
        "rooms/test_nll.py::test_the_class_axis_is_1_unless_it_is_named",
    ),
    Mutant(
        "a negative axis counts from the front",
        "axis_index",
        "return index % ndim",
        "return abs(index)",
        "rooms/test_nll.py::test_the_class_axis_is_1_unless_it_is_named",
    ),
    Mutant(
        "the axes before and after the classes trade places",
        "_plan",
        "kept = (*range(class_axis), *range(class_axis + 1, len(shape)))",
        "kept = (*range(class_axis + 1, len(shape)), *range(class_axis))",
        "rooms/test_nll.py::test_the_class_axis_is_1_unless_it_is_named",
    ),
    Mutant(
        "the axes of a gradient are permuted once more instead of back",
        "logsumexp_backward",
        "result.transpose(np.argsort(order))",
        "result.transpose(order)",
        "rooms/test_logsumexp.py::"
        "test_the_gradient_over_axes_that_lie_apart_has_the_axes_of_its_argument",
    ),
    Mutant(
        "one label in an array is no label of one row",
        "label_shape",
        " and not (scores.ndim == 1 and target.shape == (1,))",
        "",
        "rooms/test_targets.py::test_one_dimensional_scores_take_one_label_with_or_without_an_axis",
    ),
    # 2: which targets are class probabilities.
    Mutant(
        "an integer one-hot target is taken for probabilities",
        "is_probabilities",
        "if not is_floating(target.dtype) or target.ndim != logits.ndim:",
        "if target.ndim != logits.ndim:",
        "rooms/test_targets.py::test_an_integer_one_hot_target_is_an_error_that_says_so",
    ),
    Mutant(
        "class 0 may be ignored beside probabilities",
        "not_a_class",
        "if ignore_index >= 0:",
        "if ignore_index > 0:",
        "rooms/test_targets.py::test_class_probabilities_leave_no_class_to_ignore",
    ),
    # 3: reductions.
    Mutant(
        "any other word is a sum",
        "reduction_name",
        "if not (isinstance(reduction, str) and reduction in REDUCTIONS):",
        "if not isinstance(reduction, str):",
        "rooms/test_arguments.py::test_a_reduction_is_none_mean_or_sum",
    ),
    Mutant(
        "the loss of one sample is an array",
        "scalar_or_array",
        "array if array.ndim else array[()]",
        "array",
        "rooms/test_arguments.py::test_the_loss_of_one_row_without_a_batch_is_a_scalar",
    ),
    Mutant(
        "the mean is not divided",
        "reduce",
        "result = result / divisor",
        "result = result / 1",
        "rooms/test_cross_entropy.py::test_published_values",
    ),
    Mutant(
        "the gradient of the mean lacks 1 / N",
        "_share",
        "return np.asarray(np.asarray(grad).astype(wide_dtype(dtype)) / divisor, dtype)",
        "return cast(grad, dtype)",
        "rooms/test_nll.py::test_the_gradient_is_minus_the_share_of_the_weight_at_the_label",
    ),
    Mutant(
        "the gradient beside the value lacks 1 / N",
        "unit_backward",
        "return _unit_share(divisor, dtype) if type(divisor) is int else _share(1, divisor, dtype)",
        "return np.ones((), dtype)",
        "laws/test_gradient.py::test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit",
    ),
    # 4: the dtypes of labels.
    Mutant(
        "booleans are labels",
        "label_shape",
        'if target.dtype.kind not in "iu":',
        'if target.dtype.kind not in "iub":',
        "rooms/test_targets.py::test_booleans_and_floats_are_no_labels",
    ),
    Mutant(
        "floats are cut to labels",
        "label_shape",
        'if target.dtype.kind not in "iu":',
        'if target.dtype.kind not in "iuf":',
        "rooms/test_targets.py::test_booleans_and_floats_are_no_labels",
    ),
    # 5: dtypes and layouts.
    Mutant(
        "a mask is lost",
        "_as_array",
        "if isinstance(value, np.ma.MaskedArray):",
        "if False:",
        "rooms/test_arguments.py::test_a_masked_array_is_an_error_whatever_its_mask",
    ),
    Mutant(
        "imaginary parts are lost",
        "real",
        'if array.dtype.kind not in "fiub" and not',
        'if array.dtype.kind not in "fiubc" and not',
        "laws/test_curvature.py::test_what_the_loss_refuses_its_second_derivatives_refuse_alike",
    ),
    Mutant(
        "integers become float32",
        "floating",
        "return array if is_floating(array.dtype) else array.astype(np.float64)",
        "return array if is_floating(array.dtype) else array.astype(np.float32)",
        "rooms/test_arguments.py::test_integers_booleans_and_lists_are_float64",
    ),
    Mutant(
        "the result has the foreign byte order of its argument",
        "result_dtype",
        'return array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")',
        "return array.dtype",
        "laws/test_arrays.py::test_a_result_has_the_dtype_and_a_gradient_the_shape_of_the_"
        "differentiated_array",
    ),
    Mutant(
        "a gradient has the dtype of the computation",
        "_results",
        "new(array.shape, result_dtype(array))",
        "new(array.shape, problem.dtype)",
        "laws/test_arrays.py::test_a_result_has_the_dtype_and_a_gradient_the_shape_of_the_"
        "differentiated_array",
    ),
    Mutant(
        "unaligned memory is used where it lies",
        "Panels",
        " and flags.aligned:",
        ":",
        "laws/test_determinism.py::test_unaligned_memory_changes_no_bit",
    ),
    Mutant(
        "a gradient with gaps in its memory is written to a copy",
        "Panels",
        "if view.flags.c_contiguous:",
        "if True:",
        "rooms/test_out.py::test_out_receives_the_gradient_and_is_returned",
    ),
    Mutant(
        "class probabilities are smoothed where they lie, in the caller's array",
        "smoothed",
        "mass: Array = probs.values * share\n",
        "mass: Array = probs.values\n    mass *= share\n",
        "laws/test_arrays.py::test_inputs_are_never_modified",
    ),
    Mutant(
        "a wider target is rounded to the dtype of the predictions",
        "dtype_of_all",
        "            dtype = np.result_type(dtype, array.dtype)\n",
        "            pass\n",
        "laws/test_arrays.py::test_a_wider_array_widens_the_computation_and_not_the_result",
    ),
    Mutant(
        "a wider target of a binary loss is rounded to the dtype of the logits",
        "dtype_of_all",
        "(is_floating(array.dtype) or name not in domains)",
        "(name not in domains)",
        "laws/test_arrays.py::test_a_wider_array_widens_the_computation_and_not_the_result",
    ),
    Mutant(
        "wider weights are rounded to the dtype of the predictions",
        "dtype_of_all",
        "return dtype if weight is None else np.result_type(dtype, weight.dtype)",
        "return dtype",
        "laws/test_arrays.py::test_a_wider_array_widens_the_computation_and_not_the_result",
    ),
    Mutant(
        "the loss of several arrays has the dtype of the first",
        "widest_dtype",
        "    if len(arrays) == 1:",
        "    if True:",
        "rooms/test_gaussian_nll.py",
    ),
    Mutant(
        "the second of the arrays that are differentiated is rounded to the dtype of the first",
        "dtype_of_all",
        "for array in produced[1:]:",
        "for array in produced[1:1]:",
        "rooms/test_gaussian_nll.py::test_a_variance_that_is_wider_than_the_predictions_widens_the_"
        "computation",
    ),
    Mutant(
        "an eps that the dtype does not hold is 0",
        "_holds",
        "info.smallest_normal <= size",
        "0 <= size",
        "rooms/test_gaussian_nll.py",
    ),
    # Variances, and the gradients of what broadcasts.
    Mutant(
        "a shared variance is absent where one of its entries is",
        "_seen",
        "sum_to(weight != 0, array.shape)",
        "sum_to(weight != 0, array.shape) == weight.size // max(array.size, 1)",
        "rooms/test_gaussian_nll.py",
    ),
    Mutant(
        "the gradient of a shared variance is summed in its dtype",
        "sum_to",
        "axis=axes, dtype=dtype, keepdims=True",
        "axis=axes, keepdims=True",
        "rooms/test_gaussian_nll.py::test_the_gradient_of_a_shared_variance_is_summed_in_float64",
    ),
    Mutant(
        "a variance has any shape that broadcasts",
        "spreads",
        "len(own) != len(shape) or ",
        "",
        "rooms/test_gaussian_nll.py",
    ),
    Mutant(
        "the square of a residual overflows before it is divided by the variance",
        "_loss",
        "loss += r * half",
        "loss += 0.5 * (r * r / v)",
        "rooms/test_gaussian_nll.py",
    ),
    Mutant(
        "the exponential of a log-variance overflows before its product with the residual does",
        "_shared",
        "    if far.any():  # exp(-s) leaves",
        "    if False:  # exp(-s) leaves",
        "rooms/test_gaussian_nll.py",
    ),
    Mutant(
        "a variance of 0 costs nan",
        "_far",
        "np.where(np.isinf(square), np.maximum(s, 0), s)",
        "s",
        "rooms/test_gaussian_nll.py",
    ),
    Mutant(
        "a residual of 0 times an infinite precision is nan",
        "_far",
        "    fourth[r == 0] = 1",
        "    fourth[r == 0] += 0",
        "rooms/test_gaussian_nll.py",
    ),
    Mutant(
        "the gradient of a log-variance is that of the variance",
        "_slope",
        "return slope.copy(), 0.5 - square",
        "return slope.copy(), 0.5 - 2 * square",
        "accuracy/test_entrywise.py",
    ),
    # Tweedie distributions.
    Mutant(
        "a loss near its minimum is the difference of two terms",
        "half_deviance",
        "    if near.size:",
        "    if False:",
        "accuracy/test_tweedie.py",
    ),
    Mutant(
        "the series of a deviance stops at its square",
        "_coefficients",
        "    while not found or (n - 1) / factorial > np.finfo(dtype).eps / 16:",
        "    while not found:",
        "accuracy/test_tweedie.py",
    ),
    Mutant(
        "the coefficients of a series are those of float64",
        "_coefficients",
        "one = _widest(a), np.longdouble(1)",
        "one = _widest(a), 1.0",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "the logarithm of a quotient is the difference of two",
        "_size_of_log_ratio",
        "size = np.log1p(size)",
        "size = np.abs(np.log(mean) - np.log(target))",
        "accuracy/test_tweedie.py",
    ),
    Mutant(
        "a quotient that no number holds makes the loss infinite",
        "_size_of_log_ratio",
        "    if lost.any():",
        "    if False:",
        "accuracy/test_tweedie.py",
    ),
    Mutant(
        "the exponential of a rate 0 is divided by it",
        "_falling",
        "    if rate == 0:",
        "    if False:",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "a target of 0 has the loss of another one",
        "half_deviance",
        "    if a > 0:",
        "    if False:",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "two infinite terms are nan",
        "half_deviance",
        "np.copyto(loss, np.inf, where=np.isnan(loss) & ~np.isnan(gap))",
        "pass",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "0 times a power that overflows is nan at the minimum",
        "half_deviance",
        "loss[near] = times(d * d * _series(a, d), scale[near])",
        "loss[near] = d * d * _series(a, d) * scale[near]",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "a term of a deviance overflows before the loss does",
        "_loss",
        "second = target * inverse if power < 2 else target / mean * first",
        "second = target * inverse",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "an infinite mean has the gradient nan",
        "_slope",
        "    np.copyto(slope, 1, where=np.isinf(mean))\n",
        "",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "a target may be 0 at any power",
        "target_domain",
        "return not_negative if power < 2 else positive",
        "return not_negative",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "the domains are those of the default options",
        "check_entries",
        "domains=loss.domains_under(*given)",
        "domains=loss.domains_under(1.5)",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "means may be 0",
        "above_0",
        "if array.size and not extremes(array)[0] > 0:",
        "if array.size and extremes(array)[0] < 0:",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "a power may lie between 0 and 1",
        "_power",
        "    if 0 < found < 1:",
        "    if False:",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "the exponential of infinity times 0 is nan",
        "_exp",
        "np.exp(rate * x) if rate else np.ones_like(x)",
        "np.exp(rate * x)",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "two exponentials that overflow are nan in the gradient",
        "_shared",
        "    np.copyto(first, 0, where=np.isinf(first) & np.isinf(second))",
        "    np.copyto(first, first, where=np.isinf(first) & np.isinf(second))",
        "rooms/test_tweedie.py",
    ),
    Mutant(
        "a curvature has the gradient's sign",
        "_curvature",
        "(2 - power) * first + (power - 1) * second, 1",
        "(2 - power) * first - (power - 1) * second, 1",
        "rooms/test_tweedie.py",
    ),
    # Gradients of targets.
    Mutant(
        "the gradient of a target is in the dtype of the logits",
        "cross_entropy_target_backward",
        "result_dtype(probs.target)",
        "plan.dtype",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "the gradient of probabilities is not smoothed",
        "cross_entropy_target_backward",
        "-1 if probs.share is None else -probs.share",
        "-1",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "an impossible class of weight 0 has the gradient nan",
        "cross_entropy_target_backward",
        "times(out.across_classes(factor), out.values)",
        "out.across_classes(factor) * out.values",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "a sample that is masked has the gradient nan at an impossible class",
        "cross_entropy_target_backward",
        "times(out.across(part(grads, block)), values)",
        "out.across(part(grads, block)) * values",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "class indices have a gradient",
        "cross_entropy_target_backward",
        "    if isinstance(probs, Labels):",
        "    if False:",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "the gradient of an integer target has its dtype",
        "target_backward",
        "target = floating(target=arrays[place])",
        "target = np.asarray(arrays[place])",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "the gradient of a target takes the positive weight twice",
        "_target_slope",
        "slope = (pos_weight - 1) * log1p_small(small)",
        "slope = pos_weight * log1p_small(small)",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "a positive weight counts on the wrong side",
        "_target_slope",
        "np.where(logits < 0, times(pos_weight, logits), logits)",
        "np.where(logits > 0, times(pos_weight, logits), logits)",
        "rooms/test_target_backward.py",
    ),
    Mutant(
        "a variance below eps has no gradient",
        "_slope",
        "along = 0.5 / v",
        "along = 0 / v",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "a variance counts as it is, below eps too",
        "_shared",
        "np.maximum(variance, eps)",
        "variance",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the constant of a Gaussian is missing",
        "_loss",
        "loss += log(2 * pi)",
        "loss += log(2)",
        "rooms/test_pairs.py::test_known_values",
    ),
    # Pairs in an order.
    Mutant(
        "a pair at the margin has no gradient",
        "_slope",
        "slope = step(u)",
        "slope = (u > 0).astype(u.dtype)",
        "rooms/test_margin_ranking.py",
    ),
    Mutant(
        "a pair of nan has the gradient 0",
        "_slope",
        "slope = step(u)",
        "slope = (u >= 0).astype(u.dtype)",
        "rooms/test_margin_ranking.py",
    ),
    Mutant(
        "the two gradients of a pair have one sign",
        "_slope",
        "return -slope, slope",
        "return slope, slope",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "a wider target widens the result",
        "widest_dtype",
        "        return result_dtype(arrays[0])",
        "        return np.result_type(arrays[0], np.float32)",
        "laws/test_arrays.py::test_a_result_has_the_dtype_and_a_gradient_the_shape_of_the_"
        "differentiated_array",
    ),
    Mutant(
        "class weights widen the computation",
        "Labels",
        "None if self.weight is None else self.weight[labels].astype(self.dtype, copy=False)",
        "None if self.weight is None else self.weight[labels]",
        "rooms/test_targets.py::test_weight_is_cast_to_the_dtype_of_the_computation",
    ),
    # 6: float16, and the precision of sums.
    Mutant(
        "float16 is computed in float16",
        "computation_dtype",
        "return result_dtype(array) if array.itemsize > 2 else np.dtype(np.float32)",
        "return result_dtype(array)",
        "laws/test_arrays.py::test_float16_is_float32_rounded_once",
    ),
    Mutant(
        "float16 logits are computed with where they lie",
        "Panels",
        "array.dtype == self.dtype and flags.aligned",
        "flags.aligned",
        "accuracy/test_half.py",
    ),
    Mutant(
        "float16 entries are computed with as they come",
        "block_entries",
        "            array[block.at] if block.at and array.ndim else array, dtype\n",
        "            array[block.at] if block.at and array.ndim else array\n",
        "laws/test_arrays.py::test_float16_is_float32_rounded_once",
    ),
    Mutant(
        "sums are taken in the dtype of the losses",
        "total",
        "dtype=wide_dtype(dtype or array.dtype))",
        "dtype=array.dtype)",
        "rooms/test_nll.py::test_weights_seen_may_sum_beyond_the_largest_number",
    ),
    Mutant(
        "longdouble is summed in float64",
        "wide_dtype",
        "return np.longdouble if dtype.itemsize > 8 else np.float64",
        "return np.float64",
        "rooms/test_cross_entropy.py::test_longdouble_is_computed_in_longdouble",
    ),
    # 7: shapes that do not fit.
    Mutant(
        "(N, 1) predictions go with (N,) targets",
        "same_shape",
        "if len({array.shape for array in arrays.values()}) > 1:",
        "if len({array.size for array in arrays.values()}) > 1:",
        "rooms/test_pairs.py::test_nothing_is_broadcast_in_silence",
    ),
    Mutant(
        "the axis that would fit goes unsaid",
        "_wrong_shape",
        'return f"{message}; with axis={fitting[-1]} it would fit" if fitting else message',
        "return message",
        "rooms/test_targets.py::"
        "test_a_target_that_fits_another_class_axis_is_an_error_that_names_the_axis",
    ),
    # 8: labels out of range.
    Mutant(
        "negative labels wrap",
        "_outside_each",
        "outside: Array = ((labels < 0) | (labels >= classes)) & ~skipped",
        "outside: Array = (labels >= classes) & ~skipped",
        "rooms/test_targets.py::test_a_label_outside_the_classes_never_wraps",
    ),
    Mutant(
        "a label that equals the number of classes is in range",
        "outside",
        "<= min(classes - 1, largest)",
        "<= min(classes, largest)",
        "rooms/test_targets.py::test_a_label_outside_the_classes_never_wraps",
    ),
    Mutant(
        "the position of a label out of range is that in its chunk",
        "found_in_chunks",
        "turn * CHUNK + int(chunk.argmax())",
        "int(chunk.argmax())",
        "rooms/test_targets.py::test_labels_are_counted_over_the_whole_of_a_long_target",
    ),
    # 9: the weights of classes.
    Mutant(
        "a weight of shape (1, C) is taken",
        "check_class_weight",
        "weight.shape != (classes,):",
        "weight.size != classes:",
        "rooms/test_targets.py::test_weight_has_one_entry_per_class",
    ),
    Mutant(
        "negative weights count 0",
        "Labels",
        "None if self.weight is None else self.weight[labels].astype(self.dtype, copy=False)",
        "None if self.weight is None else np.maximum(self.weight[labels].astype(self.dtype), 0)",
        "rooms/test_nll.py::test_weights_may_be_negative",
    ),
    # 10: the axes of the activations.
    Mutant(
        "an axis one too large wraps",
        "axis_index",
        "if not -ndim <= index < ndim:",
        "if not -ndim <= index <= ndim:",
        "rooms/test_arguments.py::test_an_axis_out_of_range_is_an_axis_error",
    ),
    Mutant(
        "the logarithm of an empty sum is 0",
        "logsumexp",
        "result = np.full(_summed(x, axes, keepdims), -np.inf, result_dtype(x))",
        "result = np.zeros(_summed(x, axes, keepdims), result_dtype(x))",
        "rooms/test_logsumexp.py",
    ),
    Mutant(
        "keepdims keeps nothing",
        "_summed",
        "return tuple(1 if i in axes else size for i, size in sizes if keepdims or i not in axes)",
        "return tuple(size for i, size in sizes if i not in axes)",
        "rooms/test_logsumexp.py::test_axis_and_keepdims_mean_what_they_mean_to_numpy",
    ),
    Mutant(
        "an axis named twice is summed over once",
        "_merge",
        "if len(axes) < len(found):",
        "if False:",
        "rooms/test_logsumexp.py::test_an_axis_is_summed_over_once",
    ),
    Mutant(
        "the softmax of a scalar has a shape",
        "transform",
        "return result.reshape(shape)",
        "return result",
        "rooms/test_softmax.py::test_the_softmax_of_a_scalar_is_1_and_has_no_slope",
    ),
    # 11: losses at labels, their weights and ignored samples.
    Mutant(
        "the loss has the sign of the log-probability",
        "_at_labels",
        "return times(weight, 0 - log_probs)",
        "return times(weight, log_probs)",
        "rooms/test_cross_entropy.py::test_published_values",
    ),
    Mutant(
        "the gradient has the wrong sign",
        "_put",
        "0 - scale.reshape(at[-1].shape)",
        "scale.reshape(at[-1].shape)",
        "rooms/test_nll.py::test_the_gradient_is_minus_the_share_of_the_weight_at_the_label",
    ),
    Mutant(
        "the weights are missing from the denominator of the mean",
        "counts",
        "weight = np.ones(labels.size) if weight is None else weight",
        "weight = np.ones(labels.size)",
        "rooms/test_nll.py::"
        "test_the_weight_of_its_class_multiplies_a_loss_and_the_mean_divides_by_those_seen",
    ),
    Mutant(
        "the weight of a sample is that of the class after its own",
        "Labels",
        "None if self.weight is None else self.weight[labels].astype(self.dtype, copy=False)",
        "None if self.weight is None else np.roll(self.weight, -1)[labels].astype(self.dtype)",
        "rooms/test_nll.py::"
        "test_the_weight_of_its_class_multiplies_a_loss_and_the_mean_divides_by_those_seen",
    ),
    Mutant(
        "an ignored row counts in the denominator of the mean",
        "counts",
        "return weight if ignored is None else np.where(ignored, 0, weight)",
        "return weight",
        "rooms/test_nll.py::test_an_ignored_row_has_loss_0_and_is_never_read",
    ),
    Mutant(
        "an ignored row counts in the sum",
        "loss_kernel",
        "        loss[mass.ignored] = 0\n",
        "",
        "rooms/test_nll.py::test_an_ignored_row_has_loss_0_and_is_never_read",
    ),
    Mutant(
        "an ignored row of log-probabilities counts in the sum",
        "_evaluate",
        "            each[absent] = 0\n",
        "            pass\n",
        "rooms/test_nll.py::test_an_ignored_row_has_loss_0_and_is_never_read",
    ),
    Mutant(
        "an ignored row gets a gradient",
        "loss_kernel",
        "        if grads is not None:\n            out.clear(mass.ignored)\n",
        "",
        "rooms/test_nll.py::test_an_ignored_row_gets_no_gradient",
    ),
    Mutant(
        "an ignored row of log-probabilities gets a gradient",
        "_write",
        "scale if absent is None else np.where(absent, 0, scale)",
        "scale",
        "rooms/test_nll.py::test_an_ignored_row_gets_no_gradient",
    ),
    Mutant(
        "the weight is missing from the gradient",
        "_at_labels",
        "grads if weight is None else grads * weight",
        "grads",
        "accuracy/test_cross_entropy.py::test_every_loss_and_gradient_entry_keeps_its_rela"
        "tive_accuracy",
    ),
    Mutant(
        "the weight is missing from the gradient of log-probabilities",
        "_write",
        "        scale = scale * weight\n",
        "        pass\n",
        "rooms/test_nll.py::test_the_gradient_is_minus_the_share_of_the_weight_at_the_label",
    ),
    Mutant(
        "a certain prediction costs -0",
        "_loss",
        "0 - log_probs[at]",
        "-log_probs[at]",
        "rooms/test_nll.py::test_a_loss_is_linear_and_never_minus_0",
    ),
    # 12: ignore_index.
    Mutant(
        "ignore_index is compared after the range is checked",
        "_outside_each",
        " & ~skipped",
        "",
        "rooms/test_targets.py::test_ignore_index_may_lie_anywhere_and_nothing_else_may",
    ),
    Mutant(
        "an ignore_index that is a class ignores none",
        "outside",
        "if target.dtype not in UNSIGNED or 0 <= ignore < classes:",
        "if target.dtype not in UNSIGNED:",
        "rooms/test_nll.py::test_an_ignored_row_has_loss_0_and_is_never_read",
    ),
    # 13: where no sample counts; warnings.
    Mutant(
        "the mean of nothing is 0",
        "reduce",
        "result = result / divisor",
        "result = result / (divisor or 1)",
        "rooms/test_nll.py::test_where_nothing_is_seen_the_mean_is_nan_and_the_sum_is_0",
    ),
    Mutant(
        "under weights of 0 the smoothed mean is infinite",
        "Labels",
        "return total(np.asarray(sums)) if seen else np.nan",
        "return total(np.asarray(sums))",
        "rooms/test_cross_entropy.py::"
        "test_where_every_weight_seen_is_0_the_smoothed_mean_and_its_gradient_are_nan_too",
    ),
    Mutant(
        "warnings escape",
        "public",
        'with np.errstate(all="ignore"):',
        "with np.errstate():",
        "rooms/test_arguments.py::test_nothing_warns_or_raises_at_the_ends_of_the_numbers",
    ),
    Mutant(
        "warnings escape from a task of Dask",
        "_alone",
        '@np.errstate(all="ignore")\ndef _alone',
        "@np.errstate()\ndef _alone",
        "extra/test_dask.py::test_weights_are_those_of_the_dtype_of_the_computation",
    ),
    Mutant(
        "warnings escape from several workers",
        "_share",
        'with np.errstate(all="ignore"):\n            kernel = job.new_kernel()\n',
        "with np.errstate():\n            kernel = job.new_kernel()\n",
        "laws/test_determinism.py::test_no_worker_warns",
    ),
    Mutant(
        "a weight too small for its dtype warns",
        "cast",
        '    with np.errstate(all="ignore"):\n        return array.astype(dtype)\n',
        "    return array.astype(dtype)\n",
        "rooms/test_arguments.py::test_a_cast_out_of_the_range_of_a_dtype_warns_of_nothing",
    ),
    # 14: label smoothing.
    Mutant(
        "smoothing forgets the weights",
        "smoothing_mass",
        "each = rest * cast(weight, rest.dtype)",
        "each = rest * np.ones_like(weight, rest.dtype)",
        "rooms/test_cross_entropy.py::"
        "test_smoothed_labels_are_probabilities_averaged_over_the_weights_of_the_labels",
    ),
    Mutant(
        "smoothing spreads eps / (C - 1)",
        "shares",
        "epsilon / max(classes, 1)",
        "epsilon / max(classes - 1, 1)",
        "rooms/test_cross_entropy.py::"
        "test_smoothed_labels_are_probabilities_averaged_over_the_weights_of_the_labels",
    ),
    Mutant(
        "smoothing takes nothing from the label",
        "shares",
        "return np.asarray(share, dtype), np.asarray(rest, dtype)",
        "return np.asarray(1, dtype), np.asarray(rest, dtype)",
        "rooms/test_cross_entropy.py::"
        "test_smoothed_labels_are_probabilities_averaged_over_the_weights_of_the_labels",
    ),
    Mutant(
        "the mean divides by the number of samples",
        "Labels",
        "return total(np.asarray(sums)) if seen else np.nan",
        "return self.target.size if seen else np.nan",
        "rooms/test_cross_entropy.py::"
        "test_smoothed_labels_are_probabilities_averaged_over_the_weights_of_the_labels",
    ),
    Mutant(
        "the gradient is not smoothed",
        "gradient_under_mass",
        "        _subtract_mass(e, each, grads, spare)\n",
        "        pass\n",
        "rooms/test_cross_entropy.py::"
        "test_smoothed_labels_are_probabilities_averaged_over_the_weights_of_the_labels",
    ),
    # 15: the range of label_smoothing.
    Mutant(
        "a label_smoothing of nan passes",
        "number",
        "    if not (above and below):\n",
        "    if found < low or found > high:\n",
        "rooms/test_targets.py::test_label_smoothing_lies_between_0_and_1",
    ),
    Mutant(
        "a label_smoothing above 1 passes",
        "number",
        'below = found <= high if interval[-1] == "]" else found < high',
        "below = True",
        "rooms/test_targets.py::test_label_smoothing_lies_between_0_and_1",
    ),
    # 16: class probabilities.
    Mutant(
        "with probabilities the mean divides by the weights",
        "Probabilities",
        'return self.size if reduction == "mean" else None',
        "return self.size * (1 if self.weight is None else np.mean(self.weight))",
        "rooms/test_cross_entropy.py::"
        "test_class_probabilities_are_averaged_over_the_samples_whatever_the_weights",
    ),
    Mutant(
        "the mean over images counts images, not pixels",
        "known_probabilities",
        "size = prod(target.shape[:axis] + target.shape[axis + 1 :])",
        "size = len(target)",
        "rooms/test_cross_entropy.py::"
        "test_class_probabilities_of_images_are_averaged_over_every_pixel",
    ),
    Mutant(
        "probabilities are taken to sum to one",
        "ProbabilityMass",
        "whole = others = own = self.panel.add()",
        "whole = others = own = np.ones_like(self.panel.add())",
        "rooms/test_cross_entropy.py::"
        "test_class_probabilities_are_averaged_over_the_samples_whatever_the_weights",
    ),
    Mutant(
        "probabilities are weighted before they are smoothed",
        "smoothed",
        "    mass += rest\n"
        "    if weight is not None:\n"
        "        mass *= probs.across_classes(weight)\n",
        "    if weight is not None:\n"
        "        mass *= probs.across_classes(weight)\n"
        "    mass += rest\n",
        "rooms/test_cross_entropy.py::"
        "test_class_probabilities_are_averaged_over_the_samples_whatever_the_weights",
    ),
    # 17: infinities and nan.
    Mutant(
        "infinite masses cost nan where log S was rounded up",
        "Costs",
        "        whole = np.minimum(whole, np.finfo(whole.dtype).max)\n",
        "",
        "rooms/test_cross_entropy.py::test_masses_that_are_infinite_together_cost_inf",
    ),
    Mutant(
        "a sample without mass costs -0",
        "Costs",
        "times(whole, self.low) + 0",
        "times(whole, self.low)",
        "rooms/test_exponentials.py::test_a_mass_of_nothing_costs_0_and_hides_no_nan",
    ),
    Mutant(
        "an infinite maximum makes nan of logsumexp",
        "log_sums",
        "np.where(np.isinf(sums.shift), sums.shift, sums.shift + high + low)",
        "sums.shift + high + low",
        "rooms/test_logsumexp.py::test_infinities_and_nan_are_the_limits_of_their_own_row",
    ),
    Mutant(
        "the divisor of a longdouble mean is summed in float64",
        "check_entries",
        "divisor = total(weight, dtype)",
        "divisor = total(weight)",
        "rooms/test_pairs.py::test_a_mean_of_longdouble_divides_by_a_longdouble",
    ),
    Mutant(
        "a weight of 0 hides a nan",
        "times",
        "(weight == 0) & ~np.isnan(value)",
        "(weight == 0)",
        "rooms/test_exponentials.py::test_a_mass_of_nothing_costs_0_and_hides_no_nan",
    ),
    # 18: nan and inf in ignored samples.
    Mutant(
        "the gradient of an ignored row is cleared by a product with 0",
        "loss_kernel",
        "out.clear(mass.ignored)",
        "out.multiply(np.where(mass.ignored, 0, 1).astype(loss.dtype))",
        "rooms/test_nll.py::test_an_ignored_row_gets_no_gradient",
    ),
    # 19: 0 * inf.
    Mutant(
        "a weight of 0 makes nan of an infinite loss",
        "times",
        "if np.count_nonzero(wrong):",
        "if False:",
        "rooms/test_nll.py::test_a_weight_of_0_at_an_infinite_loss_counts_0",
    ),
    Mutant(
        "an infinite weight makes nan of a loss of 0",
        "times",
        " | (value == 0) & np.isinf(weight)",
        "",
        "rooms/test_pairs.py::test_an_infinite_weight_of_a_residual_of_0_counts_0_and_of_a"
        "ny_other_inf",
    ),
    Mutant(
        "a probability of 0 makes nan of a logit of -inf",
        "inner",
        "    if np.count_nonzero(wrong):\n",
        "    if False:\n",
        "rooms/test_cross_entropy.py::test_an_impossible_class_costs_infinity_unless_it_counts_0",
    ),
    # 20: exact tails.
    Mutant(
        "the log-probability of more than half is a log(1 + q)",
        "majority",
        "np.log1p(others / own)",
        "np.log(1 + others / own)",
        "accuracy/test_cross_entropy.py",
    ),
    Mutant(
        "log_sigmoid takes log(1 + exp)",
        "log_sigmoid",
        "np.minimum(x, 0) - log1p_small(exp_minus_abs(x))",
        "np.minimum(x, 0) - np.log(1 + exp_minus_abs(x))",
        "accuracy/test_sigmoid.py",
    ),
    Mutant(
        "the gradient of log_sigmoid is 1 - sigmoid(x), not sigmoid(-x)",
        "log_sigmoid_backward",
        "g * logistic(-x)",
        "g * (1 - logistic(x))",
        "accuracy/test_sigmoid.py",
    ),
    Mutant(
        "the gradient at a label with more than half is (e - S) / S",
        "_at_labels",
        "            rest[most.samples] = 0 - most.others\n",
        "            pass\n",
        "accuracy/test_cross_entropy.py",
    ),
    Mutant(
        "the mass of the other classes is a difference",
        "smoothing_mass",
        "            others[most] = np.add.reduce(without)\n",
        "",
        "accuracy/test_cross_entropy.py",
    ),
    Mutant(
        "the label's own share counts among the others'",
        "_loss_under_mass",
        "np.where(here, 0, chosen(mass.at_label, most.samples))",
        "chosen(mass.at_label, most.samples)",
        "rooms/test_cross_entropy.py::"
        "test_smoothed_labels_are_probabilities_averaged_over_the_weights_of_the_labels",
    ),
    Mutant(
        "the gradient of the largest log-probability takes 1 - p",
        "_log_softmax_backward",
        "-own * np.expm1(log_prob)",
        "own * (1 - np.exp(log_prob))",
        "accuracy/test_softmax.py",
    ),
    Mutant(
        "the gradient of softmax does not set the largest class aside",
        "_softmax_backward",
        "np.subtract(grad_output, out.across(spare.add()), out=grad)",
        "np.copyto(grad, grad_output)",
        "accuracy/test_softmax.py",
    ),
    Mutant(
        "ties of the maximum add their positions",
        "Panel",
        "last - np.maximum.reduce(ranks, axis=0)",
        "last - np.add.reduce(ranks, axis=0)",
        "rooms/test_panels.py::test_the_largest_class_is_the_first_of_equal_ones_or_of_nan",
    ),
    # 21: the shift.
    Mutant(
        "nothing subtracts the maximum",
        "_again",
        "    some.subtract(shifts)\n",
        "",
        "rooms/test_cross_entropy.py::test_a_shift_changes_nothing",
    ),
    Mutant(
        "the shift of the label's logit is subtracted together with the logarithm",
        "at_labels",
        "    if sums.shift is not None:\n"
        "        log_probs -= sums.shift\n"
        "    for part in logs(sums):\n"
        "        log_probs -= part\n",
        "    high, low = logs(sums)\n"
        "    log_probs -= high if sums.shift is None else sums.shift + high\n"
        "    log_probs -= low\n",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    # One exponential, without a shift where the sum is moderate: what the accuracy tests catch.
    Mutant(
        "a tiny upstream gradient is divided by the sum, below the normal numbers",
        "multiply_by_share",
        "(size < limits.smallest) & (grads != 0) | np.isinf(size)",
        "np.isinf(size)",
        "accuracy/test_cross_entropy.py::"
        "test_the_gradient_keeps_its_accuracy_from_the_smallest_upstream_to_the_largest",
    ),
    Mutant(
        "a huge upstream gradient overflows over a sum below 1",
        "multiply_by_share",
        " | np.isinf(size) & np.isfinite(grads)",
        "",
        "accuracy/test_cross_entropy.py::"
        "test_the_gradient_keeps_its_accuracy_from_the_smallest_upstream_to_the_largest",
    ),
    Mutant(
        "a tiny upstream gradient of all samples is not looked at",
        "multiply_by_share",
        "if grads.ndim or not limits.tiny <= abs(float(grads)) <= limits.high:",
        "if grads.ndim:",
        "accuracy/test_cross_entropy.py::"
        "test_the_gradient_keeps_its_accuracy_from_the_smallest_upstream_to_the_largest",
    ),
    Mutant(
        "a shift below 0 is the maximum, which rounds x - s",
        "_again",
        "np.where(scaled, 0, np.rint(maxima))",
        "np.where(scaled, 0, maxima)",
        "accuracy/test_cross_entropy.py::"
        "test_loss_and_gradient_are_within_a_few_ulp_wherever_no_shift_is_rounded",
    ),
    Mutant(
        "a large maximum with a finite exponential is shifted, not scaled",
        "_again",
        "scaled = (maxima >= 0) & (maxima <= limits.largest)",
        "scaled = np.zeros(maxima.shape, bool)",
        "accuracy/test_cross_entropy.py::"
        "test_loss_and_gradient_are_within_a_few_ulp_wherever_no_shift_is_rounded",
    ),
    Mutant(
        "the logarithm of the sum is one number in float32",
        "logs",
        "return high, log.astype(total.dtype)",
        "return high, 0 * high",
        "accuracy/test_cross_entropy.py::"
        "test_loss_and_gradient_are_within_a_few_ulp_wherever_no_shift_is_rounded",
    ),
    Mutant(
        "the logarithm of the sum is one number in float64",
        "logs",
        "    low += whole\n    return high, low",
        "    return high, 0 * high",
        "accuracy/test_cross_entropy.py::"
        "test_loss_and_gradient_are_within_a_few_ulp_wherever_no_shift_is_rounded",
    ),
    Mutant(
        "two classes may have more than half",
        "HALF",
        "np.array(-0.69, char)",
        "np.array(-0.7, char)",
        "accuracy/test_softmax.py::test_log_softmax_keeps_its_relative_accuracy_at_every_class",
    ),
    Mutant(
        "a class has more than half only from 0.999 on",
        "HALF",
        "np.array(-0.69, char)",
        "np.array(-0.001, char)",
        "accuracy/test_softmax.py::test_log_softmax_keeps_its_relative_accuracy_at_every_class",
    ),
    # 22: the same bits in one pass.
    Mutant(
        "cross_entropy subtracts the parts of log S in another order than log_softmax",
        "at_labels",
        "for part in logs(sums):",
        "for part in reversed(logs(sums)):",
        "laws/test_determinism.py::test_cross_entropy_is_nll_of_log_softmax",
    ),
    Mutant(
        "the gradient beside the value multiplies in another order",
        "_evaluate",
        "_write(problem, block, shared, weights, grads, results)",
        "_write(problem, block, shared, weights._replace(weight=None), grads if "
        "weights.weight is None else grads * np.broadcast_to(problem.weight, "
        "problem.shape), results)",
        "laws/test_gradient.py::test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit",
    ),
    # 23: a sample depends on nothing but itself.
    Mutant(
        "the layout of the panels depends on the number of samples",
        "_plan",
        "rows = rows or classes * dtype.itemsize > FEW_BYTES",
        "rows = (rows or classes * dtype.itemsize > FEW_BYTES) and prod(shape) > classes",
        "laws/test_determinism.py::test_a_sample_alone_is_the_sample_in_any_batch_at_any_p"
        "osition_in_any_layout",
    ),
    Mutant(
        "a row alone is added by another routine",
        "add_classes",
        "        if classes * values.itemsize <= LONG_BYTES:\n            # Twice",
        "        if classes * values.itemsize <= LONG_BYTES and samples > 1:\n            # Twice",
        "laws/test_determinism.py::test_a_sample_alone_is_the_sample_in_any_batch_at_any_p"
        "osition_in_any_layout",
    ),
    Mutant(
        "a column alone is added in pairs",
        "add_classes",
        "elif samples <= TALL * classes:",
        "elif 1 < samples <= TALL * classes:",
        "rooms/test_panels.py::test_a_sum_adds_its_classes_in_an_order_of_their_number_alone",
    ),
    Mutant(
        "a sum of negative zeros is -0 alone and 0 in a batch",
        "add_classes",
        "        sums += 0  # as reduce begins: a sum of nothing but -0 is 0\n",
        "",
        "rooms/test_panels.py::test_a_sum_adds_its_classes_in_an_order_of_their_number_alone",
    ),
    Mutant(
        "the results of several workers come in reverse order",
        "_share",
        "results[i] = kernel(",
        "results[-1 - i] = kernel(",
        "laws/test_determinism.py::test_where_no_thread_can_be_started_the_caller_does_the_work",
    ),
    Mutant(
        "the sums depend on the number of workers",
        "over_parts",
        "    if entries.size <= size:\n",
        "    if worker_count(None) > 1 or entries.size <= size:\n",
        "laws/test_determinism.py::test_the_default_of_workers_changes_no_bit_of_a_sum_ove"
        "r_entries",
    ),
    Mutant(
        "the losses of a block are written where its neighbour's belong",
        "store_or_sum",
        "losses.reshape(-1)[block.start : block.stop] = loss",
        "losses.reshape(-1)[block.stop % losses.size :][: loss.size] = loss",
        "laws/test_determinism.py::"
        "test_the_size_of_the_blocks_changes_no_loss_and_no_gradient[nll_loss]",
    ),
    Mutant(
        "each block of entries is written where the first one is",
        "elementwise",
        "result.reshape(-1)[block.start : block.stop] = ",
        "result.reshape(-1)[: block.stop - block.start] = ",
        "laws/test_determinism.py::"
        "test_the_size_of_the_blocks_changes_no_loss_and_no_gradient[sigmoid]",
    ),
    Mutant(
        "the last block is skipped",
        "Blocks",
        "self._in_row = ceil(self._size / self._step)",
        "self._in_row = self._size // self._step",
        "laws/test_determinism.py::test_no_block_is_larger_than_allowed",
    ),
    Mutant(
        "the last block goes on beyond the samples",
        "Blocks",
        "high = min(low + self._step, self._size)",
        "high = low + self._step",
        "laws/test_determinism.py::test_no_block_is_larger_than_allowed",
    ),
    Mutant(
        "each block lacks its last sample",
        "Blocks",
        "for end in (low, high)",
        "for end in (low, high - 1)",
        "laws/test_determinism.py::test_no_block_is_larger_than_allowed",
    ),
    Mutant(
        "a block exceeds its size",
        "Blocks",
        "self._step = min(ceil(self._size / steps), room // inner)",
        "self._step = ceil(self._size / steps)",
        "laws/test_determinism.py::test_no_block_is_larger_than_allowed",
    ),
    Mutant(
        "the blocks of every image are those of the first",
        "Blocks",
        "(row * self._size + end) * self._inner",
        "end * self._inner",
        "laws/test_determinism.py::test_blocks_are_the_samples_in_order_each_once",
    ),
    # 23 and the design: threads and settings.
    Mutant(
        "an error in a worker is swallowed",
        "_share",
        "        job.errors.append(error)\n",
        "",
        "laws/test_determinism.py::test_an_error_in_any_worker_reaches_the_caller_and_leav"
        "es_no_thread",
    ),
    Mutant(
        "after an error the other workers go on",
        "_share",
        "        job.waiting.clear()  # so that no worker takes another block\n",
        "",
        "laws/test_determinism.py::test_a_failed_block_stops_the_other_workers",
    ),
    Mutant(
        "the end of a worker is waited for by join alone",
        "_end",
        "            for lock in [*job.at_work]:\n                lock.acquire()\n",
        "",
        "laws/test_concurrency.py::test_no_call_writes_to_out_once_an_interrupt_has_ended_it",
    ),
    Mutant(
        "an interrupt before the first line of the waiting ends it",
        "run",
        "            _share(job)\n        finally:\n            _end(job, threads)\n",
        "            _share(job)\n        finally:\n            pass\n",
        "laws/test_concurrency.py::test_an_interrupt_at_any_instruction_leaves_no_worker_at_work",
    ),
    Mutant(
        "a worker that begins after the call works",
        "_end",
        "            job.waiting.clear()  # a worker that begins later finds no block\n",
        "",
        "laws/test_concurrency.py::test_an_interrupt_while_workers_are_started_leaves_none_at_work",
    ),
    Mutant(
        "no workers are as good as one",
        "worker_count",
        "if count < 1:",
        "if count < 0:",
        "laws/test_determinism.py::test_workers_is_a_positive_count_or_minus_1",
    ),
    Mutant(
        "the default of workers leaks out of set_workers",
        "set_workers",
        "        _default.reset(self._token)",
        "        pass",
        "laws/test_determinism.py::test_the_default_number_of_workers_is_scoped_and_checked",
    ),
    Mutant(
        "the default of workers leaks out of set_workers after an error",
        "set_workers",
        "    def __exit__(self, *_: object) -> None:\n",
        "    def __exit__(self, error: object, *_: object) -> None:\n        if error:\n"
        "            return\n",
        "laws/test_determinism.py::test_the_default_number_of_workers_comes_back_after_an_error",
    ),
    Mutant(
        "set_workers as a statement does nothing",
        "set_workers",
        "        self._token = _default.set(self._count)\n",
        "        self._token = _default.set(_default.get())\n",
        "laws/test_determinism.py::"
        "test_the_default_number_of_workers_is_set_at_once_by_a_statement_too",
    ),
    Mutant(
        "one default of workers is entered twice",
        "set_workers",
        "if self._entered or _default.get() != self._count:",
        "if _default.get() != self._count:",
        "laws/test_determinism.py::test_each_with_wants_a_default_of_its_own",
    ),
    Mutant(
        "NumPy's errors stay ignored after the call",
        "public",
        '            with np.errstate(all="ignore"):\n                return function(',
        '            if np.seterr(all="ignore"):\n                return function(',
        "laws/test_determinism.py::test_a_call_leaves_numpys_settings_as_they_were",
    ),
    Mutant(
        "gradients of rows of nothing are computed",
        "_gradients",
        "    if problem.size:  # rows of nothing have no gradient\n",
        "    if problem:\n",
        "rooms/test_kl_div_with_logits.py::test_samples_of_no_classes_have_no_curvature",
    ),
    # 24: binary cross entropy of probabilities.
    Mutant(
        "log p is not clamped at -100",
        "_loss",
        "np.maximum(np.log(probs), -100)",
        "np.log(probs)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "log(1 - p) is not clamped at -100",
        "_loss",
        "np.maximum(np.log1p(-probs), -100)",
        "np.log1p(-probs)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "log(1 - p) is taken of a difference",
        "_loss",
        "np.log1p(-probs)",
        "np.log(1 - probs)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the variance in the gradient is at least 1e-10",
        "_slope",
        "1e-12",
        "1e-10",
        "rooms/test_binary_cross_entropy.py::test_the_variance_in_the_gradient_is_at_least"
        "_1e_minus_12",
    ),
    Mutant(
        "targets outside [0, 1] pass",
        "BINARY",
        'domains={"probs": unit_interval, "target": unit_interval},',
        'domains={"probs": unit_interval},',
        "rooms/test_pairs.py::test_a_number_outside_of_its_domain_is_an_error_with_its_pos"
        "ition_and_value",
    ),
    Mutant(
        "a probability of nan passes",
        "unit_interval",
        "if not (low >= 0 and high <= 1):",
        "if low < 0 or high > 1:",
        "rooms/test_pairs.py::test_a_number_outside_of_its_domain_is_an_error_with_its_pos"
        "ition_and_value",
    ),
    Mutant(
        "the mean of binary losses divides by the weights",
        "BINARY",
        "    mean_of_entries=True,\n",
        "",
        "accuracy/test_entrywise.py",
    ),
    # 25: binary cross entropy of logits.
    Mutant(
        "pos_weight is missing from the loss",
        "_loss",
        "loss = _side(_above(logits), target, pos_weight)",
        "loss = _side(_above(logits), target, None)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "pos_weight is missing from the gradient",
        "_slope",
        "slope = _side(above, target, pos_weight)",
        "slope = _side(above, target, None)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "pos_weight multiplies negatives too",
        "_side",
        "(1 - target) * above",
        "pos_weight * (1 - target) * above",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the weight is missing from the gradient of logits",
        "_write",
        "            slope = weights.times(slope)\n",
        "            pass\n",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the weight of a binary loss may enlarge its target",
        "fits",
        "return np.broadcast_to(array, like.shape)",
        "return np.broadcast_arrays(array, like)[0]",
        "rooms/test_pairs.py::test_a_binary_weight_may_not_enlarge_the_target",
    ),
    # 26: the tails and infinities of binary losses.
    Mutant(
        "softplus takes log(1 + exp)",
        "_loss",
        "tail = log1p_small(small)",
        "tail = np.log(1 + small)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the gradient of a binary loss takes 1 - sigmoid(x)",
        "_slope",
        "    slope += far\n    slope /= 1 + small\n",
        "    probs = 1 / (1 + np.exp(-logits))\n"
        "    yes = target if pos_weight is None else pos_weight * target\n"
        "    slope = (1 - target) * probs - yes * (1 - probs)\n",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "no tail is below the normal numbers",
        "log1p_small",
        "tail = np.minimum(np.log1p(np.maximum(small, info.eps**2)), small)",
        "tail = np.log1p(np.maximum(small, info.eps**2))",
        "rooms/test_sigmoid.py::test_the_largest_finite_numbers_do_not_overflow",
    ),
    Mutant(
        "an infinite logit makes nan of a binary loss",
        "_loss",
        "    if np.isnan(np.minimum.reduce(loss, initial=np.inf)):  #",
        "    if False:  #",
        "rooms/test_binary_cross_entropy.py::test_infinite_logits_have_the_loss_and_the_gr"
        "adient_of_the_limit",
    ),
    Mutant(
        "a weight of 0 makes nan of an infinite binary loss",
        "Weights",
        "return self.without_absent(times(self.weight, value))",
        "return times(self.weight, value)",
        "laws/test_arrays.py::test_an_entry_of_weight_0_counts_0_whatever_it_holds",
    ),
    Mutant(
        "a pos_weight of 0 makes nan of an infinite binary loss",
        "_loss_with_infinities",
        "positive = times(pos_weight, times(target, np.maximum(-logits, 0) + tail))",
        "positive = times(target, np.maximum(-logits, 0) + tail)\n"
        "    positive = positive if pos_weight is None else pos_weight * positive",
        "rooms/test_binary_cross_entropy.py::test_a_pos_weight_of_0_at_an_infinite_loss_counts_0",
    ),
    # 27: residuals.
    Mutant(
        "the gradient of a square lacks its 2",
        "_slope",
        "return 2 * r",
        "return r",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the gradient of a residual is that of the target",
        "residual",
        "predictions - target",
        "target - predictions",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "an absolute value has a slope at 0",
        "_slope",
        "return np.sign(r)",
        "return np.copysign(1, r)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "a weighted mean of squares divides by the number of entries",
        "check_entries",
        "        divisor = total(weight, dtype)\n",
        "        pass\n",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the weight of a residual is broadcast",
        "_check_weight",
        "        same_shape(weight=weight, **{loss.arrays[0]: first})\n",
        "        weight = np.broadcast_to(weight, first.shape)\n",
        "rooms/test_pairs.py::test_a_weight_in_the_mean_has_the_shape_of_the_losses",
    ),
    Mutant(
        "a weight of 0 makes nan of an infinite square",
        "_write",
        "weights.without_absent(np.multiply(slope, grad, out=gradient))",
        "np.multiply(slope, grad, out=gradient)",
        "laws/test_arrays.py::test_an_entry_of_weight_0_counts_0_whatever_it_holds",
    ),
    # 28: grad_output.
    Mutant(
        "a grad_output of one number goes with any losses",
        "check_grad_output",
        "if array.shape != shape:",
        "if array.shape not in ((), shape):",
        "rooms/test_arguments.py::"
        "test_without_a_reduction_grad_output_has_an_entry_for_each_sample",
    ),
    Mutant(
        "grad_output is forgotten",
        "_write",
        "np.multiply(slope, grad, out=gradient)",
        "np.multiply(slope, 1, out=gradient)",
        "laws/test_gradient.py::test_the_backward_is_linear_in_the_upstream_gradient",
    ),
    Mutant(
        "grad_output of one sample multiplies the gradient of another",
        "part",
        "return grads[block.at].reshape(-1) if",
        "return grads[block.at].reshape(-1)[::-1] if",
        "rooms/test_cross_entropy.py::test_the_upstream_gradient_multiplies_the_gradient",
    ),
    # out, of which the docstrings speak.
    Mutant(
        "out is cleared before the arguments are checked",
        "cross_entropy_value_and_grad",
        "problem_for(logits, target, options)\n",
        "problem_for(logits, target, options)"
        " if out is None or out is logits or out.fill(0) is None else None\n",
        "rooms/test_out.py::test_a_wrong_call_writes_nothing",
    ),
    Mutant(
        "a read-only out is found out by NumPy",
        "gradient_array",
        "if not out.flags.writeable:",
        "if False:",
        "rooms/test_out.py::test_out_is_a_writable_array_of_the_shape_and_dtype_of_the_gradient",
    ),
    Mutant(
        "out of another dtype is taken",
        "gradient_array",
        "if out.shape != like.shape or result_dtype(out) != dtype:",
        "if out.shape != like.shape:",
        "rooms/test_out.py::test_out_is_a_writable_array_of_the_shape_and_dtype_of_the_gradient",
    ),
    Mutant(
        "out may overlap the arguments",
        "gradient_array",
        "if _overlap(out, array):",
        "if False:",
        "rooms/test_out.py::test_out_may_not_overlap_the_first_array_without_being_this",
    ),
    Mutant(
        "out may overlap the weight",
        "cross_entropy_value_and_grad",
        "        weight=weight,\n        grad_output=grad_output,\n    )\n",
        "        grad_output=grad_output,\n    )\n",
        "rooms/test_out.py::test_out_may_not_overlap_another_argument",
    ),
    Mutant(
        "out may be the transpose of logits",
        "_same_memory",
        " and a.strides == b.strides",
        "",
        "rooms/test_out.py::test_out_may_not_overlap_the_first_array_without_being_this",
    ),
    Mutant(
        "an overlap that takes long to decide is none",
        "_overlap",
        "treated as an overlap\n        return True",
        "treated as an overlap\n        return False",
        "rooms/test_out.py::test_out_that_may_overlap_is_refused",
    ),
    Mutant(
        "entries of out may share their memory",
        "gradient_array",
        "if not _separate(out):",
        "if False:",
        "rooms/test_out.py::test_out_has_memory_for_every_entry",
    ),
    Mutant(
        "out may not be logits",
        "gradient_array",
        "if name == itself and _same_memory(out, array):",
        "if False:",
        "rooms/test_out.py::test_out_may_be_the_first_array_itself",
    ),
    Mutant(
        "where out is logits the loss is that of the gradient",
        "_evaluate",
        "        each = weights.times(problem.of.loss(*shared))\n"
        "        if grads is not None:\n"
        "            _write(problem, block, shared, weights, grads, results)\n",
        "        if grads is not None:\n"
        "            _write(problem, block, shared, weights, grads, results)\n"
        "        each = weights.times(problem.of.loss(*shared))\n",
        "rooms/test_out.py::test_out_may_be_the_first_array_itself",
    ),
    # softcap and z_loss.
    Mutant(
        "a cap takes a masked class back",
        "capped",
        "        np.copyto(found, values, where=kept)\n",
        "        pass\n",
        "laws/test_cap_and_penalty.py::test_a_masked_class_stays_masked_and_what_is_broken"
        "_is_nan_alone",
    ),
    Mutant(
        "a vast cap makes x / c subnormal",
        "capped",
        "    if scale > np.sqrt(limits.max):\n",
        "    if False:\n",
        "laws/test_cap_and_penalty.py::test_a_cap_far_above_the_logits_changes_no_bit",
    ),
    Mutant(
        "a factor that no float32 is becomes inf",
        "within",
        "dtype.type(max(limits.min, min(number, limits.max)))",
        "dtype.type(number)",
        "laws/test_cap_and_penalty.py::test_a_factor_that_is_no_float32_is_its_largest_number",
    ),
    Mutant(
        "a cap that no float32 is makes nan of a masked class",
        "_scale",
        "within(cap, dtype)",
        "dtype.type(cap)",
        "laws/test_cap_and_penalty.py::test_a_cap_far_above_the_logits_changes_no_bit",
    ),
    Mutant(
        "a cap that is 0 in float32 divides by 0",
        "_scale",
        "max(within(cap, dtype), np.finfo(dtype).smallest_normal)",
        "within(cap, dtype)",
        "laws/test_cap_and_penalty.py::test_a_cap_far_below_the_logits_leaves_nothing_of_them",
    ),
    Mutant(
        "the slope of a cap is 1 - tanh squared",
        "slope",
        "    e *= 4\n    return e\n",
        "    return np.asarray(1 - np.tanh(values / _scale(cap, values.dtype)) ** 2)\n",
        "accuracy/test_cap_and_penalty.py::test_a_cap_errs_as_logits_that_were_rounded",
    ),
    Mutant(
        "the gradient forgets the slope of the cap",
        "loss_kernel",
        "        multiply_by_slope(out, given, cap, spare, logits)\n",
        "        pass\n",
        "laws/test_cap_and_penalty.py::test_a_cap_is_a_function_of_the_logits_and_its_slop"
        "e_multiplies_the_gradient",
    ),
    Mutant(
        "the gradient of a shard forgets the slope of the cap",
        "gradient_of",
        "        multiply_by_slope(out, given, cap, spare, logits)\n",
        "        pass\n",
        "laws/test_cap_and_penalty.py::test_shards_have_the_loss_and_the_gradient_of_the_whole",
    ),
    Mutant(
        "the second derivative of a cap has no place in the curvature",
        "_through_cap",
        "    np.add(out.values, bends, out=out.values)\n",
        "",
        "laws/test_cap_and_penalty.py::test_the_product_with_the_hessian_is_the_derivative"
        "_of_the_gradient",
    ),
    Mutant(
        "the diagonal has the slope of the cap once",
        "_through_cap",
        "    if not along:\n",
        "    if False:\n",
        "laws/test_cap_and_penalty.py::test_the_diagonal_is_that_of_the_products_with_unit_vectors",
    ),
    Mutant(
        "accuracy is of logits before the cap",
        "_largest",
        "(logits if cap is None else capped(logits, cap, spare)).largest()",
        "logits.largest()",
        "laws/test_cap_and_penalty.py::test_logits_that_a_cap_makes_equal_are_one_predicti"
        "on_the_first_of_them",
    ),
    Mutant(
        "shards of two caps merge",
        "check_same",
        '        ("one softcap", [one.softcap for one in (a, b)]),\n',
        "",
        "laws/test_cap_and_penalty.py::test_shards_of_another_cap_or_penalty_do_not_merge",
    ),
    Mutant(
        "shards of two penalties merge",
        "check_same",
        '        ("one z_loss", [one.z_loss for one in (a, b)]),\n',
        "",
        "laws/test_cap_and_penalty.py::test_shards_of_another_cap_or_penalty_do_not_merge",
    ),
    Mutant(
        "the penalty is a reward",
        "_at_labels",
        "        log_probs -= extra.cost\n",
        "        log_probs += extra.cost\n",
        "rooms/test_cap_and_penalty.py::test_known_values",
    ),
    Mutant(
        "the penalty has the factor z, and not 2 z, in the gradient",
        "penalty",
        "part * log_sum, 2 * part,",
        "part * log_sum, part,",
        "laws/test_cap_and_penalty.py::test_the_gradient_is_the_derivative",
    ),
    Mutant(
        "the penalty on a mass forgets the mass",
        "_under_mass",
        "        loss += times(whole, costs.extra.cost)\n",
        "        loss += costs.extra.cost\n",
        "laws/test_cap_and_penalty.py::test_the_penalty_is_of_the_mass_of_the_sample",
    ),
    Mutant(
        "the sure class of a mass has no penalty in its gradient",
        "_under_mass",
        "        beside = beside + more[costs.most.samples]\n",
        "",
        "accuracy/test_cap_and_penalty.py::test_a_penalty_has_the_error_of_a_square_of_logsumexp",
    ),
    Mutant(
        "the sure class of a shard has no penalty in its gradient",
        "_capped_gradient",
        "        others = others + more\n",
        "",
        "laws/test_cap_and_penalty.py::test_a_confident_prediction_keeps_its_tail_across_shards",
    ),
    Mutant(
        "the losses of shards have no penalty",
        "loss_of",
        "    if z_loss:\n",
        "    if False:\n",
        "laws/test_cap_and_penalty.py::test_shards_have_the_loss_and_the_gradient_of_the_whole",
    ),
    Mutant(
        "a weight of 0 makes nan of a penalty that overflows",
        "Penalty",
        "return times(whole, 1 + self.slope), times(whole, self.slope)",
        "return whole * (1 + self.slope), whole * self.slope",
        "laws/test_cap_and_penalty.py::test_a_weight_of_0_has_no_penalty_however_large",
    ),
    Mutant(
        "a product with the Hessian lacks the square of the penalty's gradient",
        "curvature_along",
        "        spare.subtract(-extra.curvature * (shift + mean))\n",
        "",
        "laws/test_cap_and_penalty.py::test_the_product_with_the_hessian_is_the_derivative"
        "_of_the_gradient",
    ),
    Mutant(
        "the diagonal lacks the square of the penalty's gradient",
        "curvature_diagonal",
        "        np.add(spare.values, extra.curvature * out.values, out=spare.values)\n",
        "",
        "laws/test_cap_and_penalty.py::test_the_diagonal_is_that_of_the_products_with_unit_vectors",
    ),
    Mutant(
        "a cap of 0 passes",
        "class_options",
        'number("(0, inf)", softcap=softcap)',
        'number("[0, inf)", softcap=softcap)',
        "rooms/test_cap_and_penalty.py::test_a_cap_is_a_finite_number_above_0",
    ),
    Mutant(
        "an infinite penalty passes",
        "finite",
        "    if type(z_loss) is float and isfinite(z_loss):",
        "    if type(z_loss) is float:",
        "rooms/test_cap_and_penalty.py::test_a_factor_is_a_finite_number",
    ),
    Mutant(
        "the command line takes a cap and does not pass it on",
        "_found",
        '"label_smoothing", "softcap", "z_loss",',
        '"label_smoothing", "z_loss",',
        "rooms/test_score.py::test_a_cap_and_a_penalty_are_those_of_cross_entropy",
    ),
    # linear_cross_entropy: products, chunks and shards.
    Mutant(
        "each chunk's product replaces the gradient of the weight",
        "LinearMap",
        "            accumulate(out[:, features], grad.T, inputs, fresh=fresh)",
        "            accumulate(out[:, features], grad.T, inputs, fresh=True)",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "each shard's product replaces the gradient of the inputs",
        "LinearMap",
        "first = some.start == classes.start and (fresh or not direct)",
        "first = some.start == classes.start",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "each tile of features replaces the logits",
        "LinearMap",
        "accumulate(product, inputs, weight.T, fresh=features.start == 0)",
        "accumulate(product, inputs, weight.T, fresh=True)",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "products that are added leave out the last rows",
        "accumulate",
        "for rows in slices(0, height, down):",
        "for rows in slices(0, height - height % down, down):",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "without features the logits are what the memory held",
        "LinearMap",
        "            out[...] = 0\n",
        "            pass\n",
        "rooms/test_linear_cross_entropy.py::test_without_features_the_logits_are_the_bias",
    ),
    Mutant(
        "samples along several axes are taken by the last one",
        "position",
        "return tuple(np.unravel_index(samples, shape))",
        'return tuple(np.unravel_index(samples, shape, order="F"))',
        "rooms/test_linear_cross_entropy.py::test_arrays_whose_samples_are_no_single_axis_"
        "are_not_copied_whole",
    ),
    Mutant(
        "ignored samples between others are multiplied",
        "Labels",
        "together = some[-1] - some[0] == some.size - 1",
        "together = True",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "the last samples that count are left out",
        "Labels",
        "while waiting.size >= size or (waiting.size and chunk.stop == span.stop):",
        "while waiting.size >= size:",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "the gradient of the bias is that of the last chunk",
        "_add",
        "np.add(to.bias, np.add.reduce(grad_logits, axis=0), out=to.bias)",
        "np.add(0, np.add.reduce(grad_logits, axis=0), out=to.bias)",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "sums in a wider dtype are not taken",
        "LayerGrads",
        "            if array is not None and array is not wide:\n",
        "            if array is None and array is not wide:\n",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "sums over the samples are made in the dtype of their gradient",
        "LayerGrads",
        "            return array if array.dtype == dtype else np.zeros(array.shape, dtype)",
        "            return array",
        "rooms/test_linear_cross_entropy.py::test_gradients_of_float16_are_summed_in_float32",
    ),
    Mutant(
        "a shard forgets the bias",
        "_over_panels",
        "        problem.add_bias(panel, classes)\n",
        "        if classes.stop - classes.start == problem.classes:\n"
        "            problem.add_bias(panel, classes)\n",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "a shard has the weights of the first classes",
        "Probabilities",
        "None if self.weight is None else self.weight[classes]",
        "None if self.weight is None else self.weight[: target.shape[1]]",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "smoothing spreads over a shard what is for all classes",
        "SmoothingMass",
        "        return SmoothingMass(each, self.whole, self.others[classes])\n",
        "        share = self.others.size / self.others[classes].size\n"
        "        return SmoothingMass("
        "each * each.dtype.type(share), self.whole, self.others[classes])\n",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "the terms of the smaller maximum are not brought to the larger",
        "merge",
        "(1 + fewer) * np.exp(smaller - maximum)",
        "(1 + fewer)",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "the larger term of the smaller maximum is lost",
        "merge",
        "(1 + fewer) * np.exp(smaller - maximum)",
        "fewer * np.exp(smaller - maximum)",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "two shards of which one is all -inf are nan",
        "merge",
        "np.where(np.isneginf(smaller), 0, (1 + fewer) * np.exp(smaller - maximum))",
        "(1 + fewer) * np.exp(smaller - maximum)",
        "rooms/test_linear_cross_entropy.py::test_masked_classes_and_broken_samples_are_th"
        "ose_of_cross_entropy",
    ),
    Mutant(
        "nan before a shard of nothing but -inf is lost",
        "merge",
        "first = (a.maximum > b.maximum) | level | np.isnan(a.maximum)",
        "first = (a.maximum > b.maximum) | level",
        "rooms/test_linear_cross_entropy.py::"
        "test_masked_classes_and_broken_samples_are_those_of_cross_entropy",
    ),
    Mutant(
        "the costs of shards are relative to their own maxima",
        "merge",
        "costs = [s.cost + times(s.mass, _finite(s.maximum) - reference) for s in (a, b)]",
        "costs = [s.cost for s in (a, b)]",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "the top of a shard counts as if it were that of all",
        "merge",
        "np.where(first, a.other_mass + b.mass, b.other_mass + a.mass)",
        "a.other_mass + b.other_mass",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "the class of a maximum is counted from its shard",
        "state_of",
        "State(maxima, first + top,",
        "State(maxima, top,",
        "rooms/test_linear_cross_entropy.py::test_every_option_is_that_of_cross_entropy",
    ),
    Mutant(
        "1 - p of the most probable class is a subtraction",
        "gradient_under_mass",
        "    e.memory[top.places] = top.numbers + top_share\n",
        "    e.memory[top.places] += 0 * (top.numbers + top_share)\n",
        "laws/test_merging.py::test_a_confident_prediction_keeps_its_tail_across_shards",
    ),
    Mutant(
        "shapes of the bias are not looked at",
        "_check_shapes",
        "        or (bias is not None and bias.shape != classes + heads)\n",
        "",
        "rooms/test_linear_cross_entropy.py::test_shapes_that_do_not_fit_are_an_error_with"
        "_every_array_and_its_shape",
    ),
    Mutant(
        "class probabilities of one sample are its label",
        "_check_shapes",
        " and not is_floating(target.dtype)",
        "",
        "rooms/test_linear_cross_entropy.py::test_a_float_target_of_size_1_is_no_label_of_"
        "one_dimensional_inputs",
    ),
    Mutant(
        "each head's product replaces the gradient of the inputs",
        "_by_heads",
        "grads.head(index, fresh=not place)",
        "grads.head(index, fresh=True)",
        "rooms/test_linear_cross_entropy.py::test_each_head_is_a_layer_of_its_own_bit_for_bit",
    ),
    Mutant(
        "the first shard of each head replaces the gradient of the inputs",
        "_add_gradients",
        "first = grads.fresh and not classes.start",
        "first = not classes.start",
        "rooms/test_linear_cross_entropy.py::test_each_head_is_a_layer_of_its_own_bit_for_bit",
    ),
    Mutant(
        "a sum over heads is made in the dtype of the inputs",
        "LayerProblem",
        "return prod(self.heads) > 1 and result_dtype",
        "return prod(self.heads) < 0 and result_dtype",
        "rooms/test_linear_cross_entropy.py::test_the_gradient_of_float16_inputs_is_summed"
        "_over_heads_in_float32",
    ),
    Mutant(
        "every head has the labels of the first",
        "Labels",
        "self._replace(target=self.target[(..., *index)])",
        "self._replace(target=self.target[(..., *(0 for _ in index))])",
        "rooms/test_linear_cross_entropy.py::test_each_head_is_a_layer_of_its_own_bit_for_bit",
    ),
    Mutant(
        "every head has the bias of the first",
        "LayerProblem",
        "bias = None if self.bias is None else self.bias[at]",
        "bias = None if self.bias is None else self.bias[:, *(0 for _ in index)]",
        "rooms/test_linear_cross_entropy.py::test_each_head_is_a_layer_of_its_own_bit_for_bit",
    ),
    Mutant(
        "every head has the upstream gradient of the first",
        "Gradients",
        "losses = self.losses[(..., *index)] if",
        "losses = self.losses[(..., *(0 for _ in index))] if",
        "rooms/test_linear_cross_entropy.py::test_each_head_is_a_layer_of_its_own_bit_for_bit",
    ),
    Mutant(
        "the gradient of the bias of every head goes to the first",
        "LayerGrads",
        "None if self.bias is None else self.bias[at])",
        "None if self.bias is None else self.bias[:, *(0 for _ in index)])",
        "rooms/test_linear_cross_entropy.py::test_each_head_is_a_layer_of_its_own_bit_for_bit",
    ),
    Mutant(
        "samples of a span are written as if it were the first",
        "LayerProblem",
        "return slice(samples.start - start, samples.stop - start)",
        "return samples",
        "rooms/test_linear_cross_entropy.py::test_the_gradient_of_float16_inputs_is_summed"
        "_over_heads_in_float32",
    ),
    Mutant(
        "samples of a span that lie apart are written as if it were the first",
        "LayerProblem",
        "return samples - start if start else samples",
        "return samples",
        "rooms/test_linear_cross_entropy.py::test_samples_of_a_span_that_lie_apart_have_th"
        "e_gradients_of_their_places",
    ),
    Mutant(
        "every span has the samples before",
        "Labels",
        "for chunk in slices(span.start, span.stop, CHUNK):",
        "for chunk in slices(0, span.stop, CHUNK):",
        "rooms/test_linear_cross_entropy.py::test_the_gradient_of_float16_inputs_is_summed"
        "_over_heads_in_float32",
    ),
    Mutant(
        "labels of a sample may stand for all of its heads",
        "_check_shapes",
        "labels = samples + heads",
        "labels = samples",
        "rooms/test_linear_cross_entropy.py::test_shapes_of_heads_that_do_not_fit_are_an_e"
        "rror_that_says_where_heads_belong",
    ),
    Mutant(
        "a label in an axis of its own stands for several heads",
        "_check_shapes",
        "not (labels == () and target.shape == (1,)",
        "not (inputs.ndim == 1 and target.shape == (1,)",
        "rooms/test_linear_cross_entropy.py::test_a_target_of_size_1_is_no_label_of_two_heads",
    ),
    Mutant(
        "the mean of class probabilities divides by the samples of one head",
        "known_probabilities",
        "size = prod(target.shape[:axis] + target.shape[axis + 1 :])",
        "size = prod(target.shape[:axis])",
        "rooms/test_cross_entropy.py::"
        "test_class_probabilities_of_images_are_averaged_over_every_pixel",
    ),
    Mutant(
        "all the logits are made at once",
        "MEMORY_BYTES",
        "MEMORY_BYTES = 52 * 1024 * 1024",
        "MEMORY_BYTES = 1 << 40",
        "laws/test_memory.py::test_a_layer_takes_64_mib_beside_its_arrays_and_their_gradients",
    ),
    # grad_output beside a value.
    Mutant(
        "the gradient beside a value is that of ones whatever grad_output",
        "cross_entropy_value_and_grad",
        "problem.loss_grads(divisor, grad_output)",
        "problem.loss_grads(divisor)",
        "laws/test_gradient.py::test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit",
    ),
    Mutant(
        "grad_output multiplies the loss beside the gradient",
        "cross_entropy_value_and_grad",
        "return loss, grad_logits",
        "return loss * np.asarray(1 if grad_output is None else grad_output, "
        "loss.dtype), grad_logits",
        "laws/test_gradient.py::test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit",
    ),
    Mutant(
        "a mean beside its gradient is of grad_output undivided",
        "loss_grads",
        "reduce_backward(grad_output, reduction, divisor",
        "reduce_backward(grad_output, reduction, divisor * 0 + 1",
        "laws/test_gradient.py::test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit",
    ),
    Mutant(
        "the gradients of a layer beside its loss are those of ones whatever grad_output",
        "linear_cross_entropy_value_and_grad",
        "grads = _loss_grads(problem, grad_output)",
        "grads = unit_backward(reduction, problem.divisor, problem.layer.dtype)",
        "laws/test_gradient.py::test_value_and_grad_is_the_forward_and_the_backward_bit_for_bit",
    ),
    Mutant(
        "out may overlap grad_output",
        "cross_entropy_value_and_grad",
        "        grad_output=grad_output,\n    )\n",
        "    )\n",
        "rooms/test_out.py::test_out_may_not_overlap_grad_output",
    ),
    Mutant(
        "Dask's mean forgets grad_output",
        "_loss_grads",
        "map_chunks(tasks.share_of, known, given,",
        "map_chunks(tasks.share_of, known, da.ones(()),",
        "extra/test_dask.py::test_grad_output_multiplies_the_gradient_and_not_the_loss",
    ),
    Mutant(
        "grad_output of one sample of Dask's multiplies the gradient of another",
        "_per_sample",
        "grads.squeeze(known.axis)",
        "grads.squeeze(known.axis)[::-1]",
        "extra/test_dask.py::test_grad_output_multiplies_the_gradient_and_not_the_loss",
    ),
    Mutant(
        "grad_output of any shape goes with Dask's losses",
        "_loss_grads",
        "check_grad_output(like(grad_output=given), shape)",
        "check_grad_output(like(grad_output=given), given.shape)",
        "extra/test_dask.py::test_grad_output_of_another_shape_is_refused_at_once",
    ),
    # What merges: sums over samples, states over classes, and Dask's trees of both.
    Mutant(
        "each task of Dask's checks the labels of its chunk",
        "_problem",
        "    label = target.squeeze(axis)\n",
        "    label = marked_labels(logits, axis, target.squeeze(axis), options, known.name)\n",
        "extra/test_dask.py::test_the_labels_of_a_chunk_are_checked_once",
    ),
    Mutant(
        "a difference of huge maxima is infinite, times a mass of 0",
        "merge",
        "s.cost + times(s.mass, _finite(s.maximum) - reference)",
        "s.cost + s.mass * (_finite(s.maximum) - reference)",
        "extra/test_dask.py::test_special_logits_are_special_in_any_chunks",
    ),
    Mutant(
        "shards of another smoothing are merged",
        "check_same",
        '        ("one label_smoothing", [one.label_smoothing for one in (a, b)]),\n',
        "",
        "laws/test_merging.py::test_shards_that_do_not_fit_one_another_are_refused",
    ),
    Mutant(
        "half a file of losses is left behind",
        "whole_file",
        "os.unlink(temporary)",
        "os.path.exists(temporary)",
        "rooms/test_score.py::test_a_run_that_stops_half_way_leaves_no_half_file",
    ),
    Mutant(
        "a file of losses has its name before it is whole",
        "whole_file",
        'temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")',
        "temporary = real + secrets.token_hex(0)",
        "rooms/test_score.py::test_a_run_that_stops_half_way_leaves_no_half_file",
    ),
    Mutant(
        "a file that was written again is scored",
        "_state",
        "return status.st_size, status.st_mtime_ns",
        "return status.st_size, 0",
        "rooms/test_score.py::test_a_file_that_changes_while_it_is_read_is_one_line_and_le"
        "aves_nothing",
    ),
    Mutant(
        "a file that became longer is scored",
        "_state",
        "return status.st_size, status.st_mtime_ns",
        "return 0, 0",
        "rooms/test_score.py::test_a_file_that_changes_while_it_is_read_is_one_line_and_le"
        "aves_nothing",
    ),
    Mutant(
        "each row of a part is read by itself",
        "Stored",
        "elif steps[0] > NEAR // 2:",
        "elif steps[0] > 0:",
        "rooms/test_score.py::test_a_file_is_read_once_for_its_labels_and_once_for_its_losses",
    ),
    Mutant(
        "losses that replace a private file are public",
        "whole_file",
        "            _permissions(real, temporary)\n",
        "",
        "rooms/test_score.py::test_a_file_that_is_replaced_keeps_its_permissions_and_its_owner",
    ),
    Mutant(
        "a terminal obeys the name of a file",
        "_fail",
        "c if c.isprintable() else repr(c)[1:-1] for c in message",
        "c for c in message",
        "rooms/test_score.py::test_what_a_terminal_would_obey_is_shown_instead",
    ),
    Mutant(
        "an error of a function's own is taken for one of the call",
        "public",
        "if begun:  # an error of the function's own",
        "if not begun:",
        "rooms/test_arguments.py::test_what_torch_names_dim_is_an_axis",
    ),
    Mutant(
        "a label is said to have wrapped in any dtype",
        "_padding",
        "(value - ignore) % 2**bits == 0",
        "(value - ignore) % 2**8 == 0",
        "rooms/test_targets.py::test_a_label_that_looks_like_padding_is_told_how_to_be_ignored",
    ),
    Mutant(
        "several infinite terms have each all of the gradient",
        "_take_limits",
        "axis=int(e.rows)) == 1",
        "axis=int(e.rows)) > 0",
        "rooms/test_logsumexp.py::test_the_gradient_at_an_infinite_term_is_its_limit_if_th"
        "ere_is_one",
    ),
    Mutant(
        "the NaN in a piece hide those in the next",
        "Found",
        "return Found(self.number + int(np.count_nonzero(wrong)), first)",
        "return Found(int(np.count_nonzero(wrong)), first)",
        "rooms/test_score.py::test_nan_logits_are_counted_and_the_first_is_named",
    ),
    Mutant(
        "the rest of a sum is dropped where sums merge",
        "add",
        "a.low + b.low + error",
        "error",
        "laws/test_merging.py::test_a_billion_samples_lose_nothing",
    ),
    Mutant(
        "the errors within a batch are dropped",
        "compensated",
        "low[:half] + low[half:] + error",
        "low[:half] + low[half:]",
        "laws/test_merging.py::test_a_batch_loses_nothing_beside_a_large_loss",
    ),
    Mutant(
        "an infinite sum is nan",
        "_rounded",
        " if np.isfinite(total) else Compensated(high)",
        "",
        "laws/test_merging.py::test_an_infinite_or_undefined_loss_makes_the_sum_so_and_no_other",
    ),
    Mutant(
        "ignored samples are counted",
        "sums_at_labels",
        "size - none,",
        "size,",
        "laws/test_merging.py::test_what_does_not_count_counts_nowhere",
    ),
    Mutant(
        "an ignored sample may be correct",
        "sums_at_labels",
        "correct &= ~ignored",
        "correct |= False",
        "laws/test_merging.py::test_what_does_not_count_counts_nowhere",
    ),
    Mutant(
        "a sample with nan may be correct",
        "sums_at_labels",
        "found & ~np.isnan(losses)",
        "found & True",
        "laws/test_merging.py::test_accuracy_is_that_of_argmax",
    ),
    Mutant(
        "of equal logits the last is the largest",
        "Panel",
        "np.arange(last, -1, -1, dtype=np.uint8)",
        "np.arange(last + 1, dtype=np.uint8)",
        "laws/test_merging.py::test_accuracy_is_that_of_argmax",
    ),
    Mutant(
        "weights of 0 have a mean under smoothing",
        "LossSums",
        "self.divisor.high if self.weighted else np.nan",
        "self.divisor.high",
        "laws/test_merging.py::test_under_smoothing_weights_of_0_have_no_mean",
    ),
    Mutant(
        "an unknown accuracy is taken for 0",
        "_both",
        "(a.correct or 0) + (b.correct or 0) if known else None,",
        "(a.correct or 0) + (b.correct or 0),",
        "laws/test_merging.py::test_accuracy_is_unknown_where_no_class_is_named",
    ),
    Mutant(
        "the perplexity is to the base 2",
        "LossSums",
        "np.exp(self.mean)",
        "np.exp2(self.mean)",
        "laws/test_merging.py::test_a_batch_that_is_refused_changes_nothing",
    ),
    Mutant(
        "an evaluator keeps the last batch only",
        "Evaluator",
        "merge_sums(self.sums, batch)",
        "merge_sums(batch)",
        "laws/test_merging.py::test_an_evaluator_reads_what_the_batches_so_far_have",
    ),
    Mutant(
        "an evaluator reads its sums before a batch is computed",
        "Evaluator",
        "        batch = sums_of(problem_for(logits, target, self._options))\n"
        "        with self._lock:\n"
        "            self.sums = merge_sums(self.sums, batch)\n",
        "        before = self.sums\n"
        "        batch = sums_of(problem_for(logits, target, self._options))\n"
        "        with self._lock:\n"
        "            self.sums = merge_sums(before, batch)\n",
        "laws/test_merging.py::test_an_evaluator_loses_no_batch_of_several_threads",
    ),
    Mutant(
        "what where leaves out is counted",
        "loss_sums",
        "            part = {name: array[counts] for name, array in part.items()}\n",
        "            part = {name: np.where(counts, array, 0) for name, array in part.items()}\n",
        "laws/test_merging.py::test_ignored_samples_are_left_out_of_the_sums_of_a_loss",
    ),
    Mutant(
        "what where leaves out is forgotten",
        "loss_sums",
        "ignored = counts.size - int(np.count_nonzero(counts))",
        "ignored = 0",
        "laws/test_merging.py::test_samples_left_out_beyond_a_chunk_are_counted",
    ),
    Mutant(
        "sums are saved as NumPy prints them",
        "_text",
        'np.format_float_scientific(number, trim="0")',
        "str(number)",
        "laws/test_merging.py::test_what_prints_numbers_does_not_change_what_is_saved",
    ),
    Mutant(
        "sums are saved in float64",
        "_text",
        'np.format_float_scientific(number, trim="0")',
        'np.format_float_scientific(np.float64(number), trim="0")',
        "laws/test_merging.py::test_sums_survive_json_pickle_and_copies_to_the_bit",
    ),
    Mutant(
        "a state may be written",
        "ShardState",
        "                array.flags.writeable = False\n",
        "                pass\n",
        "laws/test_merging.py::test_states_are_values_that_nothing_changes",
    ),
    Mutant(
        "a state comes back from pickle as an array that may be written",
        "ShardState",
        "    def __reduce__(self)",
        "    def _reduce(self)",
        "laws/test_merging.py::test_states_are_values_that_nothing_changes",
    ),
    Mutant(
        "a state adds to any zero",
        "ShardState",
        "return self if type(other) is int and other == 0",
        "return self if other == 0",
        "laws/test_merging.py::test_a_state_is_no_tuple",
    ),
    Mutant(
        "a Dask graph keeps the caller's weights",
        "Options",
        "self._replace(weight=self.weight.copy())",
        "self",
        "extra/test_dask.py::test_a_graph_does_not_change_with_the_arrays_it_was_made_of",
    ),
    Mutant(
        "a Dask graph keeps the caller's ignore_index",
        "class_options",
        "ignore_index if type(ignore_index) is int else whole_number(ignore_index=ignore_index),",
        "ignore_index,",
        "extra/test_dask.py::test_a_graph_does_not_change_with_the_arrays_it_was_made_of",
    ),
    Mutant(
        "out goes into NumPy as the subclass that it is",
        "gradient_array",
        "    out = np.asarray(out)\n",
        "",
        "rooms/test_out.py::test_out_may_be_a_subclass_as_the_inputs_may",
    ),
    Mutant(
        "a slice of a map is taken for the whole",
        "_in_a_file",
        "    low, high = byte_bounds(array)\n",
        "    low, high = byte_bounds(mapped)\n",
        "rooms/test_out.py::test_out_may_map_another_part_of_a_file_another_file_or_a_copy",
    ),
    Mutant(
        "a map is taken to begin where its file does",
        "_in_a_file",
        "before = mapped.offset - byte_bounds(mapped)[0]",
        "before = -byte_bounds(mapped)[0]",
        "rooms/test_out.py::test_out_may_map_another_part_of_a_file_another_file_or_a_copy",
    ),
    Mutant(
        "a map whose file is never written is taken for one that is",
        "_in_a_file",
        'if written and mapped.mode == "c":',
        "if False:",
        "rooms/test_out.py::test_out_may_map_another_part_of_a_file_another_file_or_a_copy",
    ),
    Mutant(
        "a map that copies what is written is taken for one that does not read the file",
        "_in_a_file",
        'if written and mapped.mode == "c":',
        'if mapped.mode == "c":',
        "rooms/test_out.py::test_out_may_not_map_what_an_input_maps_of_a_file",
    ),
    Mutant(
        "labels that become wrong after they are checked are an error of the program",
        "score",
        "        except IndexError:",
        "        except RecursionError:",
        "rooms/test_score.py::test_labels_that_change_and_keep_their_time_are_one_line_too",
    ),
    Mutant(
        "smoothing is shared among the classes of a shard",
        "known_shard",
        "shares(options.label_smoothing, classes, plan.dtype)",
        "shares(options.label_smoothing, plan.classes, plan.dtype)",
        "laws/test_merging.py::test_the_gradient_of_each_shard_is_its_slice_of_the_whole",
    ),
    Mutant(
        "an ignored sample's logits go into its state",
        "shard_state",
        "    if isinstance(shard.target, ShardLabels):",
        "    if False:",
        "laws/test_merging.py::test_special_logits_are_special_in_any_shard",
    ),
    Mutant(
        "an ignored sample gets a gradient in a shard",
        "shard_gradient",
        "out.clear(mass.ignored)",
        "out.clear(mass.ignored & False)",
        "laws/test_merging.py::test_special_logits_are_special_in_any_shard",
    ),
    Mutant(
        "a class may be merged twice",
        "_both",
        "if held and first < held[-1][1]:",
        "if held and first < held[-1][0]:",
        "laws/test_merging.py::test_shards_that_do_not_fit_one_another_are_refused",
    ),
    Mutant(
        "a loss of some of the classes is given",
        "ShardState",
        "if pair[0] < pair[1]]",
        "if pair[0] < 0]",
        "laws/test_merging.py::test_a_loss_of_some_of_the_classes_is_refused",
    ),
    Mutant(
        "the weight of a label is looked up by its class among all",
        "_label_weights",
        "weight[label[here] - first]",
        "np.resize(weight, label.max() + 1)[label[here]]",
        "laws/test_merging.py::test_weights_and_ties_are_those_of_the_whole_in_any_shard",
    ),
    Mutant(
        "the gradient of a label in a shard is a subtraction",
        "_capped_gradient",
        "(out.memory[at] - 1) - q[here]",
        "out.memory[at] - (1 + q[here])",
        "laws/test_merging.py::test_a_confident_prediction_keeps_its_tail_across_shards",
    ),
    Mutant(
        "of equal maxima the last merged has the top class",
        "merge",
        "level = (a.maximum == b.maximum) & (a.top < b.top)",
        "level = a.maximum == b.maximum",
        "laws/test_merging.py::test_weights_and_ties_are_those_of_the_whole_in_any_shard",
    ),
    Mutant(
        "a chunk of classes begins at class 0",
        "_shard",
        "target, first, known.classes, options)",
        "target, 0, known.classes, options)",
        "extra/test_dask.py::test_every_option_is_that_of_numpy",
    ),
    Mutant(
        "the gradient of a chunk of classes is that of the sum",
        "gradient_of_chunk",
        "_per_sample(known, grads)",
        "_per_sample(known, np.ones(()))",
        "extra/test_dask.py::test_every_option_is_that_of_numpy",
    ),
    Mutant(
        "the divisor of Dask's gradient counts samples without a weight",
        "divisor_of",
        "return merge_sums(*sums).denominator",
        "return merge_sums(*sums).counted",
        "extra/test_dask.py::test_every_option_is_that_of_numpy",
    ),
    Mutant(
        "a label before a chunk of classes wraps",
        "nll_of_chunk",
        "here = within(label, first, log_probs.shape[axis])",
        "here = label < first + log_probs.shape[axis]",
        "extra/test_dask.py::test_nll_loss_is_that_of_numpy",
    ),
    Mutant(
        "Dask's states are merged in one task",
        "tree",
        "combine=partial(_of_many, merged),",
        "combine=partial(_of_many, merged),\n        split_every=1 << 20,",
        "extra/test_dask.py::test_states_and_sums_are_merged_along_trees",
    ),
    Mutant(
        "chunks of unknown size are let through",
        "lazy",
        "if any(np.isnan(size) for sizes in array.chunks for size in sizes):",
        "if False:",
        "extra/test_dask.py::test_chunks_of_unknown_size_are_an_error_that_says_what_to_do",
    ),
    Mutant(
        "log_softmax of shards takes log(1 + q)",
        "log_softmax_of",
        "out.subtract(np.log1p(state.others))",
        "out.subtract(np.log(1 + state.others))",
        "extra/test_dask.py::test_a_confident_prediction_keeps_its_tails_in_any_chunks",
    ),
    Mutant(
        "Dask's tasks have the workers of when they run",
        "_lazy_problem",
        "    chosen = class_options(weight, *options).with_own_weight()\n",
        "    chosen = class_options(weight, *options).with_own_weight()\n"
        "    chosen = chosen._replace(workers=options[3] or 1)\n",
        "extra/test_dask.py::test_workers_are_those_of_the_call_or_of_set_workers_when_it_was_made",
    ),
    # Second derivatives.
    Mutant(
        "the curvature of a sure class is a subtraction",
        "curvature_diagonal",
        "spare.memory[spare.at(top)] = rest\n",
        "rest = None\n",
        "laws/test_curvature.py::test_confident_predictions_keep_their_curvature",
    ),
    Mutant(
        "a vector is not shifted to 0 at the sure class",
        "curvature_along",
        "np.subtract(vector.values, out.across(shift), out=spare.values)",
        "np.copyto(spare.values, vector.values)",
        "laws/test_curvature.py::test_confident_predictions_keep_their_curvature",
    ),
    Mutant(
        "the mass that smoothing spreads has no curvature",
        "Mass",
        "        if self.spread is not None:\n            found += self.spread.total()\n",
        "        if isinstance(self.spread, ProbabilityMass):\n"
        "            found += self.spread.total()\n",
        "laws/test_curvature.py::test_the_mass_of_a_sample_is_what_counts_and_not_where_it_lies",
    ),
    Mutant(
        "an ignored sample has curvature",
        "curvature",
        "out.clear(mass.ignored)",
        "out.clear(mass.ignored & False)",
        "laws/test_curvature.py::test_special_logits_have_the_curvature_of_their_limits",
    ),
    Mutant(
        "the Hessian of the mean is that of the sum",
        "curvature",
        "unit_backward(options.reduction, problem.divisor(), plan.dtype)",
        'unit_backward("sum", problem.divisor(), plan.dtype)',
        "laws/test_curvature.py::test_the_mean_has_the_hessian_of_the_sum_over_one_divisor"
        "_and_none_that_of_the_sum",
    ),
    Mutant(
        "the binary curvature is e / (1 + e)",
        "sigmoid_product",
        "small / np.square(1 + small)",
        "small / (1 + small)",
        "laws/test_curvature.py::test_confident_predictions_keep_their_curvature",
    ),
    Mutant(
        "pos_weight weighs the curvature of both sides",
        "_curvature",
        "(both, _whole(target, pos_weight), 1)",
        "(both, pos_weight, 1)",
        "laws/test_curvature.py::test_the_product_is_the_derivative_of_the_gradient_along_"
        "the_vector",
    ),
    Mutant(
        "the curvature of a square is its weight",
        "MSE",
        "curvature=(2,)",
        "curvature=(1,)",
        "laws/test_curvature.py::test_the_product_is_the_derivative_of_the_gradient_along_"
        "the_vector",
    ),
    # What the whole suite missed once.
    Mutant(
        "whether any label is ignored is that of the last of many",
        "_outside_each",
        "ignored = ignored or bool(skipped.any())",
        "ignored = bool(skipped.any())",
        "rooms/test_targets.py::test_one_ignored_sample_is_found_anywhere_among_many",
    ),
    Mutant(
        "whether any weight is seen is that of the last block",
        "Labels",
        "seen = seen or bool(weight.any())",
        "seen = bool(weight.any())",
        "rooms/test_targets.py::test_the_mean_is_that_of_the_only_sample_that_counts_in_any_block",
    ),
    Mutant(
        "a copy of probabilities along several axes takes no memory",
        "Probabilities",
        "return self.target.itemsize if self.target.ndim > 2 else 0",
        "return 0",
        "laws/test_memory.py::test_a_layer_takes_64_mib_beside_its_arrays_and_their_gradients",
    ),
    Mutant(
        "a wrong number of classes is said to be first_class",
        "shard_for",
        "whole_number(classes=classes)",
        "whole_number(first_class=classes)",
        "laws/test_merging.py::test_what_is_wrong_with_a_shard_is_named",
    ),
    Mutant(
        "after an interrupt a worker goes on",
        "_end",
        "            job.waiting.clear()  # a worker that begins later finds no block\n"
        "            for lock in [*job.at_work]:\n"
        "                lock.acquire()\n",
        "            for lock in [*job.at_work]:\n"
        "                lock.acquire()\n"
        "            job.waiting.clear()\n",
        "laws/test_concurrency.py::test_after_an_interrupt_while_workers_are_started_none_"
        "takes_another_block",
    ),
    Mutant(
        "a reduced loss of float16 is rounded to float32 first",
        "reduce",
        "rounded: Floating = dtype.type(result)",
        "rounded: Floating = dtype.type(np.float32(result) if dtype.itemsize < 4 else result)",
        "rooms/test_arguments.py::test_a_mean_or_sum_of_float16_losses_is_rounded_once",
    ),
    Mutant(
        "what a share is a quotient of is rounded first",
        "_share",
        "np.asarray(grad).astype(wide_dtype(dtype)) / divisor",
        "np.asarray(grad).astype(dtype) / dtype.type(divisor)",
        "rooms/test_nll.py::"
        "test_a_share_of_the_mean_is_one_over_the_sum_of_the_weights_whatever_its_dtype",
    ),
    Mutant(
        "probabilities of no classes are divided by their number",
        "_divisor",
        "float(prod(problem.samples))",
        "float(problem.target.size // problem.known.classes)",
        "extra/test_dask.py::test_probabilities_of_no_classes_or_samples_are_those_of_numpy",
    ),
    Mutant(
        "the top of an empty shard is class 0",
        "nothing",
        "np.full(samples, first)",
        "np.full(samples, 0)",
        "laws/test_merging.py::test_an_empty_shard_beside_another_changes_nothing",
    ),
    Mutant(
        "a loss of -inf is not infinite",
        "score",
        "np.isinf(losses)",
        "np.isposinf(losses)",
        "rooms/test_score.py::test_a_loss_of_minus_infinity_is_infinite_too",
    ),
    Mutant(
        "an axis counted from the end cuts the files wrongly",
        "_fitting",
        'class_axis(options.axis, scores, "logits"), problem',
        'class_axis(None, scores, "logits") if options.axis is None else options.axis, problem',
        "rooms/test_score.py::test_any_layout_scores_as_the_whole_arrays_do",
    ),
    Mutant(
        "a file of losses may not be on the disk when it has its name",
        "whole_file",
        "            os.fsync(file.fileno())\n",
        "",
        "rooms/test_score.py::test_losses_are_on_the_disk_beside_their_name_before_they_take_it",
    ),
    Mutant(
        "a file of losses is made where the command runs",
        "whole_file",
        'os.path.join(folder, f".{secrets',
        'os.path.join("", f".{secrets',
        "rooms/test_score.py::test_losses_are_on_the_disk_beside_their_name_before_they_take_it",
    ),
    Mutant(
        "losses replace a device",
        "may_write",
        "if os.path.exists(path) and not os.path.isfile(path):",
        "if os.path.isdir(path):",
        "rooms/test_score.py::test_losses_replace_no_pipe_nor_device",
    ),
    Mutant(
        "a count is printed as a float",
        "_or_none",
        "isinstance(value, (int, str))",
        "isinstance(value, str)",
        "rooms/test_score.py::test_counts_are_whole_numbers_and_a_megabyte_is_a_million_bytes",
    ),
    Mutant(
        "a megabyte has 2**20 bytes",
        "_lines",
        "found['bytes_per_second'] / 1e6",
        "found['bytes_per_second'] / 2**20",
        "rooms/test_score.py::test_counts_are_whole_numbers_and_a_megabyte_is_a_million_bytes",
    ),
    Mutant(
        "Dask's divisor has weights that the losses have not",
        "weights_of_chunk",
        "np.append(cast(known.options.weight, known.wide), known.wide.type(0))[label]",
        "np.append(known.options.weight, 0)[label]",
        "extra/test_dask.py::test_weights_are_those_of_the_dtype_of_the_computation",
    ),
    Mutant(
        "Dask sums losses of float16 once rounded",
        "_wide",
        "return cast(array, computation_dtype(array))",
        "return array",
        "extra/test_dask.py::test_losses_of_float16_are_summed_before_they_are_rounded",
    ),
    Mutant(
        "Dask's tasks forget the workers of a chunk of classes",
        "_of_classes",
        "return options._replace(weight",
        "return options._replace(workers=1, weight",
        "extra/test_dask.py::test_workers_are_those_of_the_call_or_of_set_workers_when_it_was_made",
    ),
    Mutant(
        "Dask's tasks forget the workers of whole classes",
        "_problem",
        '_replace(ignore_index=-1, reduction="none")',
        '_replace(ignore_index=-1, reduction="none", workers=1)',
        "extra/test_dask.py::test_workers_are_those_of_the_call_or_of_set_workers_when_it_was_made",
    ),
    Mutant(
        "a mean of sums beyond the largest number warns",
        "LossSums",
        'with np.errstate(all="ignore"):\n            return self.sum',
        "with np.errstate():\n            return self.sum",
        "laws/test_merging.py::"
        "test_a_mean_or_perplexity_beyond_the_largest_number_is_infinite_without_a_warning",
    ),
    Mutant(
        "a perplexity beyond the largest number warns",
        "LossSums",
        'with np.errstate(all="ignore"):\n            return np.exp',
        "with np.errstate():\n            return np.exp",
        "laws/test_merging.py::"
        "test_a_mean_or_perplexity_beyond_the_largest_number_is_infinite_without_a_warning",
    ),
    Mutant(
        "the gradient of a shard has the byte order of its logits",
        "shard_gradient",
        "np.empty_like(shard.logits, result_dtype(shard.logits))",
        "np.empty_like(shard.logits)",
        "laws/test_merging.py::"
        "test_the_gradient_of_a_shard_is_native_whatever_the_byte_order_of_its_logits",
    ),
    Mutant(
        "a backward has one worker, whatever set_workers says",
        "_run",
        "    return run(new_kernel, problem.blocks, worker_count(None))\n",
        "    return run(new_kernel, problem.blocks, 1)\n",
        "laws/test_determinism.py::test_every_function_shares_its_blocks_among_the_workers",
    ),
    Mutant(
        "a curvature is written over the caller's vector",
        "_curvature",
        "block_entries([vector], block, problem.dtype)[0].copy()",
        "block_entries([vector], block, problem.dtype)[0]",
        "laws/test_arrays.py::test_inputs_are_never_modified",
    ),
    Mutant(
        "a curvature has the dtype of the computation",
        "curvature",
        "np.empty_like(problem.logits, result_dtype(problem.logits))",
        "np.empty_like(problem.logits, plan.dtype)",
        "laws/test_arrays.py::test_a_result_has_the_dtype_and_a_gradient_the_shape_of_the_"
        "differentiated_array",
    ),
    Mutant(
        "a tile of inputs is as wide as that of one sample",
        "LinearMap",
        "rows = 1 if in_place else max(1, len(per_sample))",
        "rows = 1",
        "laws/test_memory.py::test_a_layer_takes_64_mib_beside_its_arrays_and_their_gradients",
    ),
    Mutant(
        "a tile of the weight has as many classes as if each had one feature",
        "LinearMap",
        "TILE_BYTES // (self.dtype.itemsize * max(1, features.stop - features.start))",
        "TILE_BYTES // self.dtype.itemsize",
        "laws/test_memory.py::test_a_layer_takes_64_mib_beside_its_arrays_and_their_gradients",
    ),
    # Exponentials: the moderate range, and what is shifted or scaled.
    Mutant(
        "sums as small as 2**-100 are moderate",
        "_range",
        "low = one / 4",
        "low = np.ldexp(one, -100)",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "every finite sum is moderate",
        "_range",
        "high=np.ldexp(one, high)",
        "high=info.max",
        "rooms/test_exponentials.py::test_a_gradient_upstream_of_any_size_keeps_its_digits",
    ),
    Mutant(
        "a sum of nan is moderate",
        "_again",
        "~((total >= limits.low) & (total <= limits.high))",
        "(total < limits.low) | (total > limits.high)",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "beside nan every sum is moderate",
        "exponentials",
        "    if np.minimum.reduce(total) >= limits.low and np.maximum.reduce(total) <= "
        "limits.high:",
        "    if not (np.minimum.reduce(total) < limits.low or np.maximum.reduce(total) > "
        "limits.high):",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "a shift is the maximum itself",
        "_again",
        "np.where(scaled, 0, np.rint(maxima))",
        "np.where(scaled, 0, maxima)",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "a shift from the look ahead is the maximum itself",
        "_shift_ahead",
        "np.rint(maxima, out=maxima)",
        "maxima",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "where the first sample is shifted all are",
        "_shift_ahead",
        "    shift[near] = 0\n",
        "",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "the look ahead takes a sum for its largest term",
        "_shift_ahead",
        "np.log(limits.low / classes)",
        "np.log(limits.low)",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "the look ahead shifts what is to be scaled",
        "_shift_ahead",
        "near = (maxima >= low) & (maxima <= limits.largest)",
        "near = (maxima >= low) & (maxima <= np.log(limits.high))",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "no sum is scaled",
        "_again",
        "scaled = (maxima >= 0) & (maxima <= limits.largest)",
        "scaled = np.zeros(maxima.shape, bool)",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "a logit whose exponential is infinite is scaled",
        "_again",
        "scaled = (maxima >= 0) & (maxima <= limits.largest)",
        "scaled = maxima >= 0",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "a tiny sum is scaled, which makes it smaller",
        "_again",
        "scaled = (maxima >= 0) & (maxima <= limits.largest)",
        "scaled = maxima <= limits.largest",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "exponentials are not scaled as the logarithm says",
        "_again",
        "    some.multiply(np.ldexp(x.values.dtype.type(1), -powers))\n",
        "",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "where one sum is scaled all are",
        "_again",
        "power[wrong] = powers",
        "power[...] = limits.power",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    Mutant(
        "what was worked on once more is not put back",
        "_again",
        "    e.put(wrong, some)\n",
        "",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "a shift from the look ahead is forgotten beside another sample's",
        "_again",
        "np.zeros_like(total) if shift is None else shift",
        "np.zeros_like(total)",
        "rooms/test_exponentials.py::test_a_sum_becomes_moderate_in_a_way_that_depends_on_"
        "the_sample_alone",
    ),
    # Logarithms in two parts, and the class with more than half.
    Mutant(
        "the logarithm of a sum in float64 forgets its power",
        "logs",
        "        exponent += power\n",
        "        pass\n",
        "rooms/test_exponentials.py::"
        "test_the_logarithm_of_a_sum_is_two_numbers_that_keep_its_digits",
    ),
    Mutant(
        "the logarithm of a sum in float32 forgets its power",
        "logs",
        "            log += power * np.log(2)\n",
        "            pass\n",
        "rooms/test_exponentials.py::"
        "test_the_logarithm_of_a_sum_is_two_numbers_that_keep_its_digits",
    ),
    Mutant(
        "log 2 ends where its first part does",
        "LN2_REST",
        "1.90821492927058781614426568075500134360255e-10",
        "0",
        "rooms/test_exponentials.py::"
        "test_the_logarithm_of_a_sum_is_two_numbers_that_keep_its_digits",
    ),
    Mutant(
        "the first part of log 2 has so many digits that its products are rounded",
        "LN2",
        "LN2 = 0.69314718036912381649017333984375\n"
        'LN2_REST = "1.90821492927058781614426568075500134360255e-10"',
        'LN2 = 0.693147180559945286226764\nLN2_REST = "2.319046813846299558e-17"',
        "rooms/test_exponentials.py::"
        "test_the_logarithm_of_a_sum_is_two_numbers_that_keep_its_digits",
    ),
    Mutant(
        "the rest of a logarithm in float64 has the wrong sign",
        "logs",
        "    low += whole\n    return high, low\n",
        "    low = -(low + whole)\n    return high, low\n",
        "rooms/test_exponentials.py::"
        "test_the_logarithm_of_a_sum_is_two_numbers_that_keep_its_digits",
    ),
    Mutant(
        "the rest of a logarithm in float32 has the wrong sign",
        "logs",
        "return high, log.astype(total.dtype)",
        "return high, (-log).astype(total.dtype)",
        "rooms/test_exponentials.py::"
        "test_the_logarithm_of_a_sum_is_two_numbers_that_keep_its_digits",
    ),
    Mutant(
        "log_softmax drops the rest of the logarithm",
        "log_probabilities",
        "    out.subtract(low)\n",
        "",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "cross_entropy at labels drops the rest of the logarithm",
        "at_labels",
        "for part in logs(sums):",
        "for part in logs(sums)[:1]:",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "cross_entropy under a mass drops the rest of the logarithm",
        "Costs",
        "times(whole, self.low)",
        "times(whole, 0 * self.low)",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "smoothed cross_entropy drops the rest of the logarithm",
        "_loss_under_mass",
        "label_cost = costs.low - ",
        "label_cost = 0 * costs.low - ",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "only a class of nearly all has more than half",
        "HALF",
        "np.array(-0.69, char)",
        "np.array(-0.01, char)",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "log_softmax has more than half at the threshold already",
        "above_half",
        "log_probs.values > HALF[",
        "log_probs.values >= HALF[",
        "rooms/test_exponentials.py::test_of_two_classes_with_about_half_each_at_most_one_has_more",
    ),
    Mutant(
        "log_softmax of a sure class is a difference",
        "log_probabilities",
        "        out.memory[out.places(samples, classes)] = most.log_probs\n",
        "        pass\n",
        "accuracy/test_softmax.py",
    ),
    Mutant(
        "logsumexp near 0 is a difference",
        "log_sums",
        "        found[near] = x.memory[x.places(near, classes)] - most.log_probs[more]\n",
        "",
        "accuracy/test_softmax.py",
    ),
    Mutant(
        "cross_entropy at a sure label is a difference",
        "at_labels",
        "        log_probs[sure] = most.log_probs\n",
        "        pass\n",
        "accuracy/test_cross_entropy.py",
    ),
    Mutant(
        "the most probable class counts as a difference too",
        "_costs",
        "        out.memory[out.places(samples, classes)] = 0\n",
        "        pass\n",
        "rooms/test_exponentials.py::"
        "test_a_whole_number_more_in_every_logit_changes_no_more_than_roundings",
    ),
    Mutant(
        "under a mass the most probable class costs a rounded logarithm too",
        "ProbabilityMass",
        "            others[samples] = rest\n",
        "",
        "accuracy/test_cross_entropy.py",
    ),
    Mutant(
        "smoothed, the most probable class costs a rounded logarithm too",
        "SmoothingMass",
        "            others[samples] = self.others[classes]\n",
        "            pass\n",
        "rooms/test_exponentials.py::test_what_smoothing_leaves_to_a_sure_class_costs_its_tail",
    ),
    Mutant(
        "smoothed, the cost of a sure label is a rounded logarithm",
        "_loss_under_mass",
        "            label_cost[most.samples[here]] = 0 - most.log_probs[here]\n",
        "",
        "rooms/test_exponentials.py::test_what_smoothing_leaves_to_a_sure_class_costs_its_tail",
    ),
    Mutant(
        "with probabilities the gradient of the largest class is p V - v",
        "_under_mass",
        "        top = Entries(most.places, beside * chosen(grads, most.samples))\n",
        "        top = Entries(most.places, beside * chosen(grads, most.samples))\n"
        "        if mass.labels is None:\n"
        "            top = Entries(most.places[:0], top.numbers[:0])\n",
        "accuracy/test_cross_entropy.py",
    ),
    Mutant(
        "with smoothing the gradient of the largest class is p V - v",
        "_under_mass",
        "        top = Entries(most.places, beside * chosen(grads, most.samples))\n",
        "        top = Entries(most.places, beside * chosen(grads, most.samples))\n"
        "        if mass.labels is not None:\n"
        "            top = Entries(most.places[:0], top.numbers[:0])\n",
        "rooms/test_exponentials.py::test_what_smoothing_leaves_to_a_sure_class_costs_its_tail",
    ),
    Mutant(
        "in a gradient of log_softmax several classes have more than half",
        "_log_softmax_backward",
        "        samples, chosen = np.unique(samples, return_index=True)\n"
        "        classes = classes[chosen]\n",
        "",
        "rooms/test_log_softmax.py::"
        "test_the_gradient_of_log_probabilities_that_sum_to_more_than_one_is_the_formula",
    ),
    # Shares of tiny gradients, and limits.
    Mutant(
        "one gradient for all is tiny only below the normal numbers",
        "multiply_by_share",
        "limits.tiny <= abs(float(grads))",
        "limits.smallest <= abs(float(grads))",
        "rooms/test_exponentials.py::test_a_gradient_upstream_of_any_size_keeps_its_digits",
    ),
    Mutant(
        "one gradient for all is never huge",
        "multiply_by_share",
        "abs(float(grads)) <= limits.high",
        "abs(float(grads)) <= np.inf",
        "rooms/test_exponentials.py::test_a_gradient_upstream_of_any_size_keeps_its_digits",
    ),
    Mutant(
        "the log-probability of a class that has all is -0",
        "majority",
        "0 - np.log1p(others / own)",
        "-np.log1p(others / own)",
        "rooms/test_log_softmax.py::test_the_log_probability_of_what_is_certain_is_0_and_n"
        "ot_minus_0",
    ),
    Mutant(
        "beside a tiny gradient all are multiplied twice",
        "multiply_by_share",
        "again = np.where(wrong, grads, 1)\n"
        "                scale = np.where(wrong, 1 / total, scale)",
        "again = np.broadcast_to(grads, total.shape)\n                scale = 1 / total",
        "rooms/test_exponentials.py::test_a_tiny_gradient_of_another_sample_changes_no_bit",
    ),
    Mutant(
        "an infinite term makes nan of the gradient of the others",
        "_take_limits",
        "        sums.total[endless] = 1\n",
        "",
        "rooms/test_logsumexp.py::"
        "test_the_gradient_at_an_infinite_term_is_its_limit_if_there_is_one",
    ),
    Mutant(
        "an infinite term has nothing of the gradient",
        "_take_limits",
        "e.values[infinite & e.across(alone)] = 1",
        "e.values[infinite & e.across(alone)] = 0",
        "rooms/test_logsumexp.py::"
        "test_the_gradient_at_an_infinite_term_is_its_limit_if_there_is_one",
    ),
    # Panels: sums in one order, copies, blocks and pieces.
    Mutant(
        "a single class of -0 is the sum -0",
        "add_classes",
        "values.reshape(-1) + 0 if",
        "values.reshape(-1).copy() if",
        "rooms/test_panels.py::test_a_sum_adds_its_classes_in_an_order_of_their_number_alone",
    ),
    Mutant(
        "of few samples the last of an odd number of classes is added at the end",
        "add_classes",
        "        if classes % 2:\n"
        "            sums += pairs[-1]\n"
        "        sums = sums + both[samples:]\n",
        "        sums = sums + both[samples:]\n"
        "        if classes % 2:\n"
        "            sums += pairs[-1]\n",
        "rooms/test_panels.py::test_a_sum_adds_its_classes_in_an_order_of_their_number_alone",
    ),
    Mutant(
        "the classes in columns are added in one order",
        "add_classes",
        "        sums = np.add.reduce(values[0::2], axis=0)\n"
        "        sums += np.add.reduce(values[1::2], axis=0)\n",
        "        sums = np.add.reduce(values, axis=0)\n",
        "rooms/test_panels.py::test_a_sum_adds_its_classes_in_an_order_of_their_number_alone",
    ),
    Mutant(
        "in rows the last of an odd number of classes is an odd one",
        "add_classes",
        "found.real += values[:, -1]",
        "found.imag += values[:, -1]",
        "rooms/test_panels.py::test_a_sum_adds_its_classes_in_an_order_of_their_number_alone",
    ),
    Mutant(
        "as many classes as are few are added as many are",
        "add_classes",
        "    if classes * values.itemsize > FEW_BYTES:  # in rows",
        "    if classes * values.itemsize >= FEW_BYTES:  # in rows",
        "rooms/test_panels.py::test_a_sum_adds_its_classes_in_an_order_of_their_number_alone",
    ),
    Mutant(
        "the sums of the others are those of the first samples",
        "Panel",
        "self.add()[samples]",
        "self.add()[: samples.size]",
        "rooms/test_panels.py::test_what_is_set_aside_is_0_and_the_others_sum_is_that_with_a_0",
    ),
    Mutant(
        "a copy of some samples has its memory elsewhere",
        "Panel",
        "        values = np.ascontiguousarray(values)\n",
        "",
        "rooms/test_panels.py::test_samples_are_taken_out_and_put_back_with_a_memory_of_their_own",
    ),
    Mutant(
        "nan equals no maximum",
        "Panel",
        "                found[wrong] = values[:, wrong].argmax(axis=0)\n",
        "                pass\n",
        "rooms/test_panels.py::test_the_largest_class_is_the_first_of_equal_ones_or_of_nan",
    ),
    Mutant(
        "the largest class is the last of equal ones",
        "Panel",
        "np.arange(last, -1, -1, dtype=np.uint8)[:, None]\n            found = last - np.max",
        "np.arange(last + 1, dtype=np.uint8)[:, None]\n            found = 0 + np.max",
        "rooms/test_panels.py::test_the_largest_class_is_the_first_of_equal_ones_or_of_nan",
    ),
    Mutant(
        "0 times an infinite logit is nan under one mass for all classes",
        "inner",
        "wrong = np.isnan(sums) if mass.ndim else ~np.isfinite(sums)",
        "wrong = np.isnan(sums) if mass.ndim else np.isinf(sums)",
        "rooms/test_panels.py::test_a_sum_of_products_leaves_out_what_has_a_mass_of_0",
    ),
    Mutant(
        "a sum that overflows is infinite under any mass for all classes",
        "inner",
        "wrong = np.isnan(sums) if mass.ndim else ~np.isfinite(sums)",
        "wrong = np.isnan(sums)",
        "rooms/test_panels.py::test_a_sum_of_products_overflows_only_where_the_products_do",
    ),
    Mutant(
        "an entry of mass 0 is left in a sum of products",
        "inner",
        "        np.copyto(spare, 0, where=wide == 0)\n",
        "",
        "rooms/test_panels.py::test_a_sum_of_products_leaves_out_what_has_a_mass_of_0",
    ),
    Mutant(
        "one worker adds the sums of halves",
        "Panels",
        "        return run(worker, self.blocks, workers)\n",
        "        room = self.room if workers > 1 else -(-self.room // 2)\n"
        "        return run(worker, cut(self.samples, room) if self.classes else [], "
        "workers)\n",
        "rooms/test_panels.py::"
        "test_one_worker_and_several_have_the_same_bits_in_blocks_of_any_size",
    ),
    Mutant(
        "an output that overlaps an input is written before the input is read",
        "_Worker",
        "if self.target and any(",
        "if False and any(",
        "rooms/test_out.py::test_out_may_be_the_first_array_itself",
    ),
    Mutant(
        "a block of several images is worked on where they lie",
        "_plan",
        "within = bool(blocks) and blocks[0].stop <= inner",
        "within = bool(blocks)",
        "laws/test_determinism.py::test_the_place_of_the_class_axis_changes_no_bit_of_a_sample",
    ),
    Mutant(
        "many classes in the middle are rows where they lie",
        "_plan",
        "direct = class_axis == len(shape) - 1 if rows else within",
        "direct = True if rows else within",
        "laws/test_determinism.py::test_the_place_of_the_class_axis_changes_no_bit_of_a_sample",
    ),
    Mutant(
        "the memory of a panel begins in the first image",
        "Panels",
        "memory[lead * self.classes * inner + first :]",
        "memory[first:]",
        "rooms/test_panels.py::"
        "test_one_worker_and_several_have_the_same_bits_in_blocks_of_any_size",
    ),
    Mutant(
        "a label's logit lies where its exponential does",
        "at_labels",
        "logits.memory[at if logits.step == e.step else logits.at(labels)]",
        "logits.memory[at]",
        "rooms/test_panels.py::"
        "test_one_worker_and_several_have_the_same_bits_in_blocks_of_any_size",
    ),
    Mutant(
        "cross_entropy has more than half at the threshold already",
        "at_labels",
        "(log_probs > HALF[",
        "(log_probs >= HALF[",
        "rooms/test_exponentials.py::test_of_two_classes_with_about_half_each_at_most_one_has_more",
    ),
    Mutant(
        "the look ahead has no margin for roundings",
        "_shift_ahead",
        "low = float(np.log(limits.low / classes)) - 1",
        "low = float(np.log(limits.low / classes))",
        "rooms/test_exponentials.py::"
        "test_a_sum_becomes_moderate_in_a_way_that_depends_on_the_sample_alone",
    ),
    Mutant(
        "the logarithm of the largest number is taken to have a finite exponential",
        "_range",
        "float(np.floor(np.log(info.max)))",
        "float(np.log(info.max))",
        "rooms/test_exponentials.py::"
        "test_a_sum_becomes_moderate_in_a_way_that_depends_on_the_sample_alone",
    ),
    Mutant(
        "a power of two makes too large a sum no moderate one",
        "_range",
        "power=info.maxexp // 2",
        "power=info.maxexp // 8",
        "rooms/test_exponentials.py::"
        "test_a_sum_becomes_moderate_in_a_way_that_depends_on_the_sample_alone",
    ),
    Mutant(
        "a block of a block begins where its shape does",
        "cut_block",
        "slice(inner.start + first, inner.stop + first)",
        "slice(inner.start, inner.stop)",
        "rooms/test_panels.py::test_pieces_are_the_samples_of_a_block_in_order_each_once",
    ),
    Mutant(
        "a block of a block lies in the first index of a leading axis",
        "cut_block",
        "(*lead, inner + first, *rest)",
        "(*lead, inner, *rest)",
        "rooms/test_panels.py::test_pieces_are_the_samples_of_a_block_in_order_each_once",
    ),
    Mutant(
        "the blocks of a block are counted from 0",
        "cut_block",
        "block.start + small.start, block.start + small.stop",
        "small.start, small.stop",
        "rooms/test_panels.py::test_pieces_are_the_samples_of_a_block_in_order_each_once",
    ),
    Mutant(
        "an entry of weight 0 is checked in the domain of its target",
        "check_entries",
        "check(_seen(weight, array), **{name: array})",
        "check(None, **{name: array})",
        "rooms/test_absent.py",
    ),
    Mutant(
        "the curvature of an entry of weight 0 may be nan",
        "_curvature",
        "entries[...] = weights.without_absent(product)",
        "entries[...] = product",
        "rooms/test_absent.py",
    ),
    Mutant(
        "grad_output scales the loss that comes back beside the gradient",
        "value_and_grad",
        "    value = _evaluate(problem, _grads(problem, grad_output), [result])\n",
        "    value = _evaluate(problem, _grads(problem, grad_output), [result]) * (1 if "
        "grad_output is None else grad_output)\n",
        "rooms/test_grad_output.py",
    ),
    Mutant(
        "out may share memory with grad_output",
        "value_and_grad",
        'given |= {"weight": weight, "grad_output": grad_output}',
        'given |= {"weight": weight}',
        "rooms/test_grad_output.py",
    ),
    Mutant(
        "out of nll_loss keeps what it held before",
        "_evaluate",
        "                problem.view(results[0], block)[...] = 0\n",
        "                pass\n",
        "rooms/test_grad_output.py",
    ),
    Mutant(
        "log cosh of a small residual is the logarithm of a rounded sum",
        "_loss",
        "size += np.log1p(near, out=near)",
        "size += np.log(1 + near, out=near)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "log cosh overflows where the residual is large",
        "_loss",
        "near = np.minimum(size, FAR)",
        "near = size.copy()",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the curvature of log cosh is 1 - tanh**2",
        "_curvature",
        "return sigmoid_product(exp_minus_abs(2 * r)), 4",
        "return 0.25 * (1 - np.tanh(r) ** 2), 4",
        "accuracy/test_entrywise.py::test_a_curvature_has_a_rounding_for_each_operation",
    ),
    Mutant(
        "the quantile is that of residuals below 0",
        "_shared",
        "return r, r.dtype.type(quantile), complement(quantile, r.dtype)",
        "return r, complement(quantile, r.dtype), r.dtype.type(quantile)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "1 - quantile is the difference from a rounded one",
        "complement",
        "return dtype.type(1 - np.longdouble(share))",
        "return dtype.type(1) - dtype.type(share)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "a quantile of 0 makes nan of an infinite residual",
        "_loss",
        "-below * r if below else 0",
        "-below * r",
        "rooms/test_special_values.py::test_a_quantile_loss_of_an_infinite_residual_is_inf"
        "inite_unless_that_side_counts_nothing",
    ),
    Mutant(
        "a quantile loss of no residual is -0",
        "_loss",
        "return np.abs(loss, out=loss)",
        "return loss",
        "rooms/test_special_values.py::test_no_quantile_loss_is_minus_0",
    ),
    Mutant(
        "log t! is Stirling's approximation without its correction",
        "log_factorial",
        "found -= np.log(share)",
        "found -= 0",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "log t! of float32 is computed in float32",
        "log_factorial",
        "t = t.astype(wide_dtype(t.dtype))",
        "t = t.copy()",
        "rooms/test_special_values.py::test_the_logarithm_of_a_factorial_is_that_of_the_product",
    ),
    Mutant(
        "log 1! is a rounding",
        "log_factorial",
        "found *= (t != 0) & (t != 1)",
        "found += 0",
        "rooms/test_special_values.py::test_the_logarithm_of_a_factorial_is_that_of_the_product",
    ),
    Mutant(
        "a rate of 0 makes nan of the loss of a count of 0",
        "_loss",
        "np.copyto(loss, rate, where=wrong)",
        "pass",
        "rooms/test_special_values.py::test_a_poisson_loss_of_infinite_rates_is_infinite_a"
        "nd_of_rates_of_0_for_counts_of_0_alone_0",
    ),
    Mutant(
        "a count may be negative",
        "POISSON",
        'domains={"target": not_negative},',
        "domains={},",
        "rooms/test_pairs.py::test_a_number_outside_of_its_domain_is_an_error_with_its_pos"
        "ition_and_value",
    ),
    Mutant(
        "a count may be infinite",
        "not_negative",
        "if not (low >= 0 and high < np.inf):",
        "if not low >= 0:",
        "rooms/test_pairs.py::test_a_number_outside_of_its_domain_is_an_error_with_its_pos"
        "ition_and_value",
    ),
    Mutant(
        "any object is a flag",
        "flag",
        "if not isinstance(value, bool | np.bool_):",
        "if False:",
        "rooms/test_special_values.py::test_full_is_true_or_false",
    ),
    Mutant(
        "a loss of margins takes log(1 + exp)",
        "_loss",
        "loss = log1p_small(small)",
        "loss = np.log(1 + small)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the slope of a soft margin takes 1 - sigmoid(x)",
        "_slope",
        "slope: Array = np.maximum(small, margin <= 0)\n    slope /= -1 - small\n",
        "slope: Array = 1 / (1 + np.exp(-margin)) - 1\n",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "a backward without grad_output is that of ones",
        "_backward",
        "real(grad_output=grad_output)",
        "grad_output",
        "rooms/test_grad_output.py::test_a_backward_without_grad_output_is_an_error",
    ),
    Mutant(
        "a hinge has no slope at its kink",
        "step",
        "found = (x >= 0).astype(x.dtype)",
        "found = (x > 0).astype(x.dtype)",
        "rooms/test_special_values.py::test_at_a_kink_there_is_the_slope_of_the_side_that_costs",
    ),
    Mutant(
        "the slope of a hinge at nan is 0",
        "step",
        "    if np.isnan(np.minimum.reduce(x, initial=np.inf)):\n",
        "    if False:\n",
        "rooms/test_special_values.py::test_an_infinite_logit_has_the_loss_and_the_slope_o"
        "f_the_limit",
    ),
    Mutant(
        "the margin of a hinge is 1",
        "shortfall",
        "return target, np.subtract(margin, short, out=short)",
        "return target, np.subtract(1, short, out=short)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "a squared hinge has half the slope",
        "_slope",
        "slope *= -2 * target",
        "slope *= -target",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "a margin may be infinite",
        "SQUARED_HINGE",
        'partial(number, "(-inf, inf)")',
        'partial(number, "[-inf, inf]")',
        "rooms/test_pairs.py::test_an_option_outside_of_its_range_is_an_error_with_its_value",
    ),
    Mutant(
        "an infinite residual under an infinite delta costs nan",
        "_shared",
        "end = min(delta, np.finfo(r.dtype).max)",
        "end = delta",
        "rooms/test_bends.py",
    ),
    Mutant(
        "the linear part of the Huber loss lacks half of delta",
        "_loss",
        "    loss: Array = 0.5 * inner\n",
        "    loss: Array = np.where(inner == r, 0.5, 0) * inner\n",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the slope of the Huber loss is that of smooth_l1_loss",
        "_slope",
        "return r if delta == np.inf else inner",
        "return r if delta == np.inf else inner / delta",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the curvature of the Huber loss is 0 at the bend",
        "_curvature",
        "np.heaviside(size if delta == np.inf else delta - size, 1)",
        "np.heaviside(size if delta == np.inf else delta - size, 0)",
        "rooms/test_bends.py",
    ),
    Mutant(
        "smooth_l1_loss divides the square of the residual",
        "_loss",
        "    loss: Array = (0.5 * beta) * slope\n"
        "    np.subtract(r, loss, out=loss)\n"
        "    loss *= slope\n",
        "    inner = beta * slope\n"
        "    loss: Array = (r - 0.5 * inner) * inner / beta if beta else abs(r)\n",
        "rooms/test_bends.py",
    ),
    Mutant(
        "the curvature of smooth_l1_loss is 1 / beta at the bend",
        "_curvature",
        "np.heaviside(beta - np.abs(r), 0)",
        "np.heaviside(beta - np.abs(r), 1)",
        "rooms/test_bends.py",
    ),
    Mutant(
        "an option out of the range of float32 is inf in it",
        "wide_enough",
        "        if isinstance(option, float) and not _holds(dtype, option):",
        "        if False:",
        "rooms/test_bends.py",
    ),
    Mutant(
        "a label 0 is a sign",
        "signs",
        "(x == 1) | (x == -1)",
        "(x >= -1) & (x <= 1)",
        "rooms/test_improper_targets.py::test_a_sign_that_is_none_is_an_error_that_says_what_to_do",
    ),
    Mutant(
        "the margin moves the pairs that belong together too",
        "_shared",
        "signed += (target < 0) * signed.dtype.type(margin)",
        "signed += signed.dtype.type(margin)",
        "rooms/test_hinge_embedding.py",
    ),
    Mutant(
        "a pair that belongs together has no distance below 0",
        "_loss",
        "    least = target * -np.inf\n    np.minimum(least, 0, out=least)\n",
        "    least = np.zeros_like(signed)\n",
        "rooms/test_hinge_embedding.py",
    ),
    Mutant(
        "a pair at the margin is not pushed apart",
        "_slope",
        "slope = (signed < 0).astype(signed.dtype)",
        "slope = (signed <= 0).astype(signed.dtype)",
        "rooms/test_hinge_embedding.py",
    ),
    Mutant(
        "a nan distance of a pair apart has a slope",
        "_slope",
        "slope[wrong & (target < 0)] = np.nan",
        "pass",
        "rooms/test_hinge_embedding.py",
    ),
    Mutant(
        "the focal loss has its share of the wrong class from 1 - p",
        "_shared",
        "    scale = share / (1 + small)\n",
        "    scale = 1 - (np.abs(far) + other_side * small) / (1 + small)\n",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "alpha weighs the targets of 0",
        "_shared",
        "scale *= alpha * target + (1 - alpha) * (1 - target)",
        "scale *= (1 - alpha) * target + alpha * (1 - target)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the slope of the focal loss is nan where a sure prediction has no other share",
        "_slope",
        "np.maximum(share, info.smallest_subnormal)",
        "share",
        "rooms/test_sigmoid_focal.py",
    ),
    Mutant(
        "the slope of the focal loss at an infinite logit is nan",
        "_slope",
        "slope *= np.minimum(entropy, info.max)",
        "slope *= entropy",
        "rooms/test_sigmoid_focal.py",
    ),
    Mutant(
        "the focal loss of a target between the labels has the slope of a label",
        "_slope",
        "slope *= near - far  # 1 - 2 t",
        "slope *= np.sign(near - far)",
        "accuracy/test_entrywise.py",
    ),
    Mutant(
        "the curvature of the focal loss lacks that of its power",
        "_curvature",
        "u *= 1 + 2 * gamma",
        "u *= 1 + gamma",
        "laws/test_curvature.py::test_the_product_is_the_derivative_of_the_gradient_along_"
        "the_vector",
    ),
    Mutant(
        "the curvature of the focal loss at an infinite logit is nan",
        "_curvature",
        "    curvature *= p  # before ce, for 0 * inf\n"
        "    curvature *= np.minimum(entropy, np.finfo(small.dtype).max)\n",
        "    curvature *= entropy * p\n",
        "rooms/test_sigmoid_focal.py",
    ),
    Mutant(
        "the second derivative of the focal loss takes targets between the labels",
        "OF_LABELS",
        "labels_0_1",
        "unit_interval",
        "rooms/test_sigmoid_focal.py",
    ),
    Mutant(
        "the product of a Hessian and no vector is its diagonal",
        "hvp",
        "    return _curvature(problem, vector_for(vector, **{loss.arrays[0]: "
        "problem.arrays[0]}))\n",
        "    if vector is None:\n"
        "        return _curvature(problem, None)\n"
        "    return _curvature(problem, vector_for(vector, **{loss.arrays[0]: "
        "problem.arrays[0]}))\n",
        "rooms/test_grad_output.py",
    ),
    Mutant(
        "0 * inf is nan in a curvature",
        "_curvature",
        "        product = weights.times(product)\n",
        "        product = product if weights.weight is None else product * weights.weight\n",
        "rooms/test_bends.py",
    ),
    Mutant(
        "the curvature under an infinite delta is nan at an infinite residual",
        "_curvature",
        "np.heaviside(size if delta == np.inf else delta - size, 1)",
        "np.heaviside(delta - size, 1)",
        "rooms/test_bends.py",
    ),
    Mutant(
        "a huge integer as an option is an error of Python's",
        "number",
        "    except OverflowError:",
        "    except ZeroDivisionError:",
        "rooms/test_bends.py",
    ),
    Mutant(
        "a probability of 0 hides nan",
        "_loss",
        "some[(target[wrong] == 0) & ~np.isnan(log_probs[wrong])] = 0",
        "some[target[wrong] == 0] = 0",
        "rooms/test_samples.py::test_a_probability_of_0_counts_nothing_beside_any_log_prob"
        "ability_but_nan",
    ),
    Mutant(
        "the gradient of a divergence by its target forgets the 1",
        "_slope_by_target",
        "    slope += 1\n",
        "",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "the gradient of a divergence by a target of 0 is nan",
        "_slope_by_target",
        "slope[(target == 0) & ~np.isnan(log_probs)] = -np.inf",
        "pass",
        "rooms/test_samples.py::test_the_gradient_by_a_target_of_0_is_minus_infinity",
    ),
    Mutant(
        "class probabilities in a divergence may be anything",
        "PROBABILITIES",
        '{"target": class_probabilities}',
        "{}",
        "rooms/test_samples.py::test_a_target_that_holds_no_probabilities_is_an_error_that"
        "_names_softmax",
    ),
    Mutant(
        "logits in a divergence are not told of softmax",
        "class_probabilities",
        "; logits want a softmax first",
        "",
        "rooms/test_samples.py::test_a_target_that_holds_no_probabilities_is_an_error_that"
        "_names_softmax",
    ),
    Mutant(
        "a log-probability of -inf in the target costs nan",
        "_loss",
        "terms = np.maximum(log_target, np.finfo(target.dtype).min)  # 0 * inf is nan",
        "terms = log_target.copy()  # 0 * inf is nan",
        "rooms/test_samples.py::test_a_log_probability_of_minus_infinity_in_the_target_cou"
        "nts_nothing",
    ),
    Mutant(
        "a target that underflows is nothing",
        "_shared",
        "return log_probs, log_target, np.exp(log_target)",
        "return log_probs, np.where(np.exp(log_target) == 0, -np.inf, log_target), "
        "np.exp(log_target)",
        "rooms/test_samples.py::test_a_target_that_underflows_beside_minus_infinity_is_mor"
        "e_than_nothing",
    ),
    Mutant(
        "the target is a class like the others in a hinge",
        "_shared",
        "u[at] = np.minimum(own, -np.inf)  # nan stays nan",
        "u[at] = own * 0 + margin  # nan stays nan",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "the target's nan is lost in a hinge of classes",
        "_shared",
        "u[at] = np.minimum(own, -np.inf)  # nan stays nan",
        "u[at] = -np.inf  # nan stays nan",
        "rooms/test_samples.py::test_a_row_with_nan_is_nan_and_no_other_row",
    ),
    Mutant(
        "a hinge of classes has the sum of the classes",
        "_loss",
        "    sums /= u.shape[1]\n",
        "",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "the target of a hinge of classes has no gradient",
        "_slope",
        "slope[at] = 0 - rows(slope).add()",
        "slope[at] = 0",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "a squared hinge of classes has the slope of a hinge",
        "_slope",
        "return [(slope, u.dtype.type(p) / u.shape[1])]",
        "return [(slope, u.dtype.type(1) / u.shape[1])]",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "any power of a hinge of classes",
        "_power",
        "if power not in (1, 2):",
        "if False:",
        "rooms/test_samples.py::test_a_power_other_than_1_and_2_is_an_error",
    ),
    Mutant(
        "several labels cost the sum over the classes",
        "_loss",
        "return rows(each).add() / shape[1]",
        "return rows(each).add()",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "the gradient of several labels forgets the weights of the classes",
        "_shares",
        "        value *= weight\n",
        "        pass\n",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "a vector of zeros divides by 0",
        "_vectors",
        "norm=np.where(zero, 1, found.norm)",
        "norm=found.norm",
        "rooms/test_samples.py::test_a_vector_of_zeros_has_a_cosine_of_0_and_no_gradient",
    ),
    Mutant(
        "a vector of zeros costs half",
        "_loss",
        "        half[zero & (cosine == 0)] = 1\n",
        "        pass\n",
        "rooms/test_samples.py::test_a_vector_of_zeros_has_a_cosine_of_0_and_no_gradient",
    ),
    Mutant(
        "a vector of zeros has a gradient",
        "_slope",
        "    side[zero] = 0\n",
        "",
        "rooms/test_samples.py::test_a_vector_of_zeros_has_a_cosine_of_0_and_no_gradient",
    ),
    Mutant(
        "near vectors lose their digits",
        "_loss",
        "half = 0.5 * dots(apart, apart) / (a.norm * a.norm)",
        "half = 1 - cosine",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "vectors of float32 are compared in float32",
        "_vectors",
        "x.astype(np.result_type(x, np.float64), copy=False)",
        "x",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "a length beyond the range is not scaled",
        "lengths",
        "if not np.count_nonzero(wrong):",
        "if True:",
        "rooms/test_samples.py::test_a_distance_neither_overflows_nor_underflows",
    ),
    Mutant(
        "a swap takes the farther distance",
        "_shared",
        "distance = np.minimum(distance, between.each)",
        "distance = np.maximum(distance, between.each)",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "a swap at a tie moves the positive",
        "_slope",
        "swapped = between.each < far.each",
        "swapped = between.each <= far.each",
        "rooms/test_samples.py::test_a_swap_takes_the_nearer_of_two_distances_and_the_anch"
        "or_s_of_equal_ones",
    ),
    Mutant(
        "points that coincide are pulled",
        "_direction",
        "share = np.where(of.norm == 0, 0, 1 / of.norm)",
        "share = 1 / of.norm",
        "rooms/test_samples.py::test_points_that_coincide_have_no_gradient_and_cost_the_margin",
    ),
    Mutant(
        "a distance has the wrong power in its gradient",
        "_direction",
        "        slope **= p - 1\n",
        "        slope **= p\n",
        "accuracy/test_classwise.py",
    ),
    Mutant(
        "a weight of samples broadcasts",
        "for_each_sample",
        "    if array.shape != shape:\n",
        "    if False:\n",
        "rooms/test_samples.py::test_a_weight_has_one_number_for_each_sample",
    ),
    Mutant(
        "a mean of samples divides by their number under weights",
        "Samples",
        'if reduction != "mean" or self.weight is None:',
        "if True:",
        "rooms/test_samples.py::test_the_mean_of_divergences_divides_by_the_samples",
    ),
    Mutant(
        "the gradient of an absent sample is not cleared",
        "_write",
        "            gradient[absent] = 0\n",
        "            pass\n",
        "laws/test_arrays.py::test_an_entry_of_weight_0_counts_0_whatever_it_holds",
    ),
    # CTC.
    Mutant(
        "in CTC equal labels need no blank between",
        "skips",
        " & (symbols[:, 2:] != symbols[:, :-2])",
        "",
        "rooms/test_ctc.py::test_a_target_that_cannot_be_spelt_costs_inf_and_has_no_gradient",
    ),
    Mutant(
        "in CTC the blank between labels is never left out",
        "skips",
        "    found[:, 2:] = ",
        "    found[:, 2:] = False & ",
        "rooms/test_ctc.py::test_known_values",
    ),
    Mutant(
        "a label that is the blank passes",
        "_labels",
        '    _refuse(labels == blank, target, where, ValueError, f"equal to blank={blank}")\n',
        "",
        "rooms/test_ctc.py::test_what_is_wrong_is_named_with_its_place_and_value",
    ),
    Mutant(
        "a negative label of CTC passes",
        "_labels",
        "(labels < 0) | (labels >= classes)",
        "labels >= classes",
        "rooms/test_ctc.py::test_what_is_wrong_is_named_with_its_place_and_value",
    ),
    Mutant(
        "labels behind the last one are checked",
        "_labels",
        "inside = places < lengths[:, np.newaxis]",
        "inside = places < np.maximum(lengths[:, np.newaxis], lengths.max(initial=0))",
        "rooms/test_ctc.py::test_labels_behind_the_last_one_are_not_read",
    ),
    Mutant(
        "a length of CTC may be negative",
        "_lengths",
        "(array < 0) | (array > most)",
        "array > most",
        "rooms/test_ctc.py::test_what_is_wrong_is_named_with_its_place_and_value",
    ),
    Mutant(
        "labels one after another may be more than the lengths say",
        "_starts",
        "if lengths.sum() != target.size:",
        "if lengths.sum() > target.size:",
        "rooms/test_ctc.py::test_what_is_wrong_is_named_with_its_place_and_value",
    ),
    Mutant(
        "the gradient of CTC's log-probabilities is the one through a log_softmax",
        "_gradient",
        "0 - posteriors * grads[states.samples]",
        "(np.exp(log_probs[:, states.samples, states.classes]) - posteriors) * "
        "grads[states.samples]",
        "rooms/test_ctc.py::test_a_gradient_of_log_probabilities_adds_to_minus_1_and_has_n"
        "o_minus_0",
    ),
    Mutant(
        "the mean of CTC is that of the losses of sequences",
        "_reduced",
        "losses = losses / np.maximum(problem.target_lengths, 1)",
        "losses = losses / 1",
        "rooms/test_ctc.py::test_a_mean_is_that_of_the_loss_of_a_label",
    ),
    Mutant(
        "an empty target divides a mean by 0",
        "_reduced",
        "np.maximum(problem.target_lengths, 1)",
        "problem.target_lengths",
        "rooms/test_ctc.py::test_a_mean_is_that_of_the_loss_of_a_label",
    ),
    Mutant(
        "a target that cannot be spelt has a gradient of nan",
        "_posteriors",
        "np.where(way.total > 0, 1 / way.total, 0)",
        "1 / way.total",
        "rooms/test_ctc.py::test_a_target_that_cannot_be_spelt_costs_inf_and_has_no_gradient",
    ),
    Mutant(
        "a target that cannot be spelt has the gradient of a softmax",
        "_write",
        "(frame < way.input_lengths) & certain",
        "frame < way.input_lengths",
        "rooms/test_ctc.py::test_a_target_that_cannot_be_spelt_costs_inf_and_has_no_gradient",
    ),
    Mutant(
        "what lies behind a sample has a gradient",
        "_write",
        "(frame < way.input_lengths) & certain",
        "certain",
        "rooms/test_ctc.py::test_the_gradient_behind_a_sample_is_exactly_0",
    ),
    Mutant(
        "nan behind a sample is that of the sample",
        "_emissions",
        "found & ~over[:-1]",
        "found",
        "rooms/test_ctc.py::test_nan_in_a_frame_that_counts_is_that_of_its_sample",
    ),
    Mutant(
        "a sample goes on behind its end",
        "_emissions",
        "    over = np.arange(steps + 1)[:, np.newaxis] >= lengths\n",
        "    over = np.arange(steps + 1)[:, np.newaxis] >= np.where(lengths, steps, 0)\n",
        "rooms/test_ctc.py::test_a_sample_has_the_same_bits_alone_and_behind_any_padding",
    ),
    Mutant(
        "states underflow beside others",
        "shared_exponents",
        "return found if deepest >= -DEPTH else None",
        "return found",
        "rooms/test_ctc.py::test_the_only_way_counts_however_improbable_it_is_beside_dead_ends",
    ),
    Mutant(
        "states underflow in improbable frames",
        "walk",
        "moderate = least >= -RANGE and most <= RANGE",
        "moderate = True",
        "rooms/test_ctc.py::test_no_choice_of_exponents_changes_a_bit",
    ),
    Mutant(
        "no frames share exponents",
        "walk",
        "shared_exponents(state[1]) if moderate else None",
        "None",
        "rooms/test_ctc.py::test_frames_share_exponents_where_scores_are_ordinary",
    ),
    Mutant(
        "posteriors underflow where values are large",
        "_posteriors",
        "half, rest = power_of_2(half), power_of_2(powers - half)",
        "half, rest = power_of_2(powers), np.ones(n * width)",
        "accuracy/test_ctc.py::test_ctc_loss_is_within_its_budget",
    ),
    Mutant(
        "a target that is nearly certain loses its digits",
        "_loss",
        "np.flatnonzero((loss < np.log(2)) & ~way.wrong)",
        "np.flatnonzero((loss < 0) & ~way.wrong)",
        "rooms/test_ctc.py::test_a_target_that_is_nearly_certain_keeps_its_digits",
    ),
    Mutant(
        "what leaves a target loses its digits where two classes lead on",
        "left_out",
        "for _ in range(LEADING):",
        "for _ in range(1):",
        "rooms/test_ctc.py::test_what_may_come_next_costs_nothing_where_two_classes_share_a_frame",
    ),
    Mutant(
        "a sequence that ends too early spells the target",
        "left_out",
        "return float(leaving + np.add.reduce(states[-1, :-2]))",
        "return float(leaving)",
        "rooms/test_ctc.py::test_a_target_that_is_nearly_certain_keeps_its_digits",
    ),
    Mutant(
        "the gradient of a class that is nearly certain loses its digits",
        "_gradient",
        "    np.put_along_axis(found, top, 0 - others.reshape(top.shape), axis=-1)\n",
        "    most = 1 - np.add.reduce(np.where(e < 1, e / total, 0), axis=-1, keepdims=True)\n"
        "    np.put_along_axis(found, top, most - (most + others.reshape(top.shape)), axis=-1)\n",
        "rooms/test_ctc.py::test_the_gradient_of_a_target_that_is_nearly_certain_keeps_its_digits",
    ),
    Mutant(
        "a grad_output of bfloat16 is read in the wrong order of bytes",
        "_share",
        "np.asarray(grad).astype(wide_dtype(dtype))",
        "wide_dtype(dtype)(grad)",
        "laws/test_narrow_dtypes.py::test_a_grad_output_may_have_the_other_order_of_bytes",
    ),
    Mutant(
        "powers of two of huge log-probabilities are those of the first part of log 2",
        "_split",
        "np.floor(logs / np.log(2))",
        "np.floor(logs / LN2)",
        "rooms/test_ctc.py::test_one_frame_of_one_class_costs_its_log_probability_however_large",
    ),
    Mutant(
        "a log-probability above 1e300 has a loss of some number",
        "_emissions",
        "~(most <= LARGEST)",
        "~(most < np.inf)",
        "rooms/test_ctc.py::test_what_is_larger_than_any_sum_makes_nan",
    ),
    Mutant(
        "log-probabilities far below 0 are 0 to CTC",
        "_split",
        "np.where(far, np.exp(rest), ",
        "np.where(far, 0, ",
        "accuracy/test_ctc.py::test_ctc_loss_is_within_its_budget",
    ),
    Mutant(
        "the difference of teacher and student is rounded",
        "_difference",
        "    difference += rest\n",
        "    pass\n",
        "rooms/test_kl_div_with_logits.py::test_the_difference_of_logits_has_all_its_digits",
    ),
    Mutant(
        "near 0 the exponential less 1 and x is a difference",
        "growth",
        "        return grown, _near(x)\n",
        "        return grown, grown - x\n",
        "accuracy/test_near_agreement.py",
    ),
    Mutant(
        "the continued fraction of float64 is cut short",
        "TERMS",
        '"d": 7',
        '"d": 5',
        "accuracy/test_near_agreement.py",
    ),
    Mutant(
        "what the teacher has not counts",
        "_shared",
        "        eta[masked] = 0",
        "        pass",
        "rooms/test_kl_div_with_logits.py::test_what_the_teacher_has_not_counts_nothing_but_what_the_student_wastes_on_it",
    ),
    Mutant(
        "a probability that underflows is not made from the logits",
        "_mend",
        "    if not samples.size:\n",
        "    if True:\n",
        "rooms/test_kl_div_with_logits.py::test_a_probability_that_underflows_counts_by_what_the_student_has",
    ),
    Mutant(
        "p - q is not divided by 1 + S",
        "_slope",
        "1 / (1 + total))]",
        "1)]",
        "accuracy/test_near_agreement.py",
    ),
    Mutant(
        "p - q forgets S",
        "_slope",
        "slope = target * rows(target).spread(total)",
        "slope = 0 * target",
        "accuracy/test_near_agreement.py",
    ),
    Mutant(
        "a far sample has the losses of a near one",
        "_loss",
        "        losses[gaps.far.samples] = gaps.far.losses\n",
        "        pass\n",
        "rooms/test_kl_div_with_logits.py::test_what_only_the_teacher_has_costs_infinity",
    ),
    Mutant(
        "what only the teacher has moves nothing",
        "_apart",
        "    eta[(log_probs == -np.inf) & (log_target > -np.inf)] = -np.inf",
        "    pass",
        "rooms/test_kl_div_with_logits.py::test_what_only_the_teacher_has_costs_infinity",
    ),
    Mutant(
        "a probability that underflows moves nothing",
        "_apart",
        "    target[np.isinf(eta) & (target == 0)] = np.finfo(target.dtype).smallest_subnormal\n",
        "",
        "rooms/test_kl_div_with_logits.py::test_what_only_the_teacher_has_costs_infinity",
    ),
    Mutant(
        "a difference beyond the dtype moves what is 0",
        "_apart",
        "    nothing |= (target == 0) & np.isfinite(losses)[:, np.newaxis]\n",
        "",
        "rooms/test_kl_div_with_logits.py::test_a_difference_beyond_the_dtype_is_a_loss_and_moves_nothing_of_0",
    ),
    Mutant(
        "far from the teacher eta is a difference",
        "_apart",
        "where=~np.isfinite(eta)",
        "where=True",
        "accuracy/test_classwise.py::test_the_gradient_by_a_target_has_a_rounding_"
        "for_each_operation[float64-70-kl_div_with_logits]",
    ),
    Mutant(
        "a sure prediction's share of the others is a difference",
        "_shared",
        "    others[sure] = rest\n",
        "    pass\n",
        "accuracy/test_classwise.py::test_a_loss_and_its_gradient_have_a_roundi"
        "ng_for_each_operation[float64-3-focal_loss]",
    ),
    Mutant(
        "a sure prediction has no part in the power's slope",
        "_shared",
        "    own[sure] = 1 - share[sure]\n",
        "",
        "accuracy/test_classwise.py::test_a_loss_and_its_gradient_have_a_roundi"
        "ng_for_each_operation[float64-3-focal_loss]",
    ),
    Mutant(
        "a certain prediction has the slope of 0 / 0",
        "_slope",
        "    ratio[share == 0] = 1\n",
        "",
        "rooms/test_focal.py::test_infinite_logits_have_the_limits",
    ),
    Mutant(
        "an impossible label has the slope of 0 times infinity",
        "_slope",
        "np.minimum(entropy, np.finfo(e.dtype).max) * own",
        "entropy * own",
        "rooms/test_focal.py::test_infinite_logits_have_the_limits",
    ),
    Mutant(
        "the slope of a power forgets gamma",
        "_slope",
        "    ratio *= gamma\n",
        "",
        "accuracy/test_classwise.py::test_a_loss_and_its_gradient_have_a_roundi"
        "ng_for_each_operation[float64-3-focal_loss]",
    ),
    Mutant(
        "nothing of nothing is nan",
        "_share",
        "    share[whole == 0] = 0\n",
        "    pass\n",
        "rooms/test_tversky.py::test_an_empty_region_that_is_predicted_to_be_empty_costs_nothing",
    ),
    Mutant(
        "false negatives have the weight of false positives",
        "_shared",
        "wrong += fn * dots(1 - probs, target)",
        "wrong += fp * dots(1 - probs, target)",
        "accuracy/test_classwise.py::test_a_loss_and_its_gradient_have_a_roundi"
        "ng_for_each_operation[float64-3-tversky_loss]",
    ),
    Mutant(
        "the gradient of an empty region is 0 times infinity",
        "_slope",
        "    slope[whole == 0] = 0\n",
        "",
        "rooms/test_tversky.py::test_an_empty_region_that_is_predicted_to_be_empty_costs_nothing",
    ),
    Mutant(
        "the classes may have the axis of the samples",
        "row_axes",
        "    if not classes:\n",
        "    if False:\n",
        "rooms/test_tversky.py::test_samples_and_classes_have_an_axis_each",
    ),
    Mutant(
        "the positions have all axes but the first two",
        "row_axes",
        "for place in range(1, array.ndim) if place != classes",
        "for place in range(2, array.ndim)",
        "rooms/test_tversky.py::test_the_positions_have_all_axes_but_those_of_samples_and_classes",
    ),
    Mutant(
        "an infinite residual under an infinite delta has a finite slope",
        "_slope",
        "return r if delta == np.inf else inner",
        "return inner",
        "rooms/test_bends.py",
    ),
]


class BrokenError(Exception):
    """A mutant on which the tests do not run."""


def main(arguments: list[str] | None = None) -> int:
    """Plant the bugs and print how each fares; return 0 if all are caught, else 1."""
    options = parsed(arguments)
    check_the_table()
    mutants = MUTANTS[:: options.every]
    if options.names:
        mutants = [m for m in mutants if any(part in m.name for part in options.names)]
    if not mutants:
        raise SystemExit("no bug has such a name")
    with tempfile.TemporaryDirectory() as scratch:
        check_the_copy(Path(scratch) / "unmutated", mutants)
        with ThreadPoolExecutor(options.jobs) as pool:
            caught = 0
            for is_caught, line in pool.map(plant, mutants):
                caught += is_caught
                print(line, flush=True)
    print(f"{len(mutants)} planted, {caught} caught")
    return int(caught < len(mutants))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    summary = __doc__.partition("\n\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=summary)
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only each K-th bug")
    parser.add_argument("--names", nargs="+", metavar="PART", help="only bugs named so in part")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at a time")
    return parser.parse_args(arguments)


def check_the_table() -> None:
    """Stop unless every bug, also one that is not planted now, has one place and a test."""
    for mutant in MUTANTS:
        if (count := len(places(mutant))) != 1:
            raise SystemExit(f"{mutant.name}: {count} places in {mutant.where}, expected one")
        path, _, test = mutant.tests.partition("::")
        tests = (ROOT / "tests" / path).read_text(encoding="utf-8")
        if f"def {test.partition('[')[0]}" not in tests:
            raise SystemExit(f"{mutant.name}: no test {test} in {path}")


def places(mutant: Mutant) -> list[tuple[Path, int]]:
    """Return the files, and where in them, that a bug can be planted."""
    return [
        (path, found.start())
        for path, name, start, stop in definitions()
        if name == mutant.where
        for found in re.finditer(re.escape(mutant.old), path.read_text(encoding="utf-8"))
        if start <= found.start() < stop
    ]


@cache
def definitions() -> list[tuple[Path, str, int, int]]:
    """Return every function, class and constant: its file, its name, where it begins and ends."""
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        ends = [0, *accumulate(map(len, lines))]
        for node in ast.parse("".join(lines)).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else node
            target = node.target if isinstance(node, ast.AnnAssign) else target
            name = getattr(target, "name", getattr(target, "id", ""))
            decorators = getattr(node, "decorator_list", [])
            first = min(part.lineno for part in (node, *decorators))
            assert node.end_lineno is not None
            found.append((path, name, ends[first - 1], ends[node.end_lineno]))
    return found


def check_the_copy(copy: Path, mutants: list[Mutant]) -> None:
    """Stop unless it is the copy that is imported, and it passes the tests without a bug."""
    shutil.copytree(SOURCES, copy)
    found = run(copy, "-c", "import losses; print(losses.__file__)").stdout.strip()
    if not Path(found).resolve().is_relative_to(copy.resolve()):
        raise SystemExit(f"expected losses to be imported from {copy}, got {found!r}")
    tests = sorted({mutant.tests for mutant in mutants})
    result = pytest(copy, *tests)
    if result.returncode:
        raise SystemExit(f"{result.stdout}\nexpected the sources to pass without a bug")


def plant(mutant: Mutant) -> tuple[bool, str]:
    """Return whether a bug is caught, and a line that says by which test and how soon."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "src"
        shutil.copytree(SOURCES, copy)
        ((place, start_of_bug),) = places(mutant)
        path = copy / place.relative_to(SOURCES)
        text = path.read_text(encoding="utf-8")
        before, after = text[:start_of_bug], text[start_of_bug + len(mutant.old) :]
        path.write_text(before + mutant.new + after, encoding="utf-8")
        try:
            test = failing(copy, mutant.tests)
            where = "caught" if test else "caught by the whole suite"
            test = test or failing(copy, "")
            verdict = f"{where} by {test}" if test else "SURVIVED"
        except BrokenError as error:
            test, verdict = None, f"BROKEN: {error}"
    return test is not None, f"{mutant.name}: {verdict}, {time.perf_counter() - start:.1f} s"


def failing(copy: Path, tests: str) -> str | None:
    """Return the test that fails on a copy of the sources, or None if they all pass."""
    result = pytest(copy, tests)
    if not result.returncode:
        return None
    # A fault in collection or a fixture is an ERROR, not a FAILED test.
    test = re.search(r"^FAILED tests/(\S+?)(?:\[| - |$)", result.stdout, re.MULTILINE)
    if result.returncode != 1 or not test:
        raise BrokenError(f"pytest ended with {result.returncode}\n{result.stdout}")
    if mistake := re.search(r"^E +((?:Name|Import|Syntax)Error.*)", result.stdout, re.MULTILINE):
        raise BrokenError(mistake[1])
    return test[1]


def pytest(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests, given by their place below tests, on a copy of the sources up to a failure."""
    paths = [f"tests/{test}" for test in tests]
    return run(copy, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *paths)


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a copy of the sources in place of what is installed.

    The modules that are as they were, and the tests, are compiled once.
    """
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    raise SystemExit(main())
