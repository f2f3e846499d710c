"""The loss functions of deep learning and their gradients, in NumPy."""

from ._activations.log_softmax import log_softmax, log_softmax_backward
from ._activations.logsumexp import logsumexp, logsumexp_backward
from ._activations.sigmoid import log_sigmoid, log_sigmoid_backward, sigmoid, sigmoid_backward
from ._activations.softmax import softmax, softmax_backward
from ._classwise.cosine_embedding import (
    cosine_embedding_loss,
    cosine_embedding_loss_backward,
    cosine_embedding_loss_value_and_grad,
)
from ._classwise.focal import focal_loss, focal_loss_backward, focal_loss_value_and_grad
from ._classwise.kl_divergence import (
    kl_div,
    kl_div_backward,
    kl_div_target_backward,
    kl_div_value_and_grad,
)
from ._classwise.kl_divergence_with_log_target import (
    kl_div_with_log_target,
    kl_div_with_log_target_backward,
    kl_div_with_log_target_value_and_grad,
)
from ._classwise.kl_divergence_with_logits import (
    kl_div_with_logits,
    kl_div_with_logits_backward,
    kl_div_with_logits_hessian_diagonal,
    kl_div_with_logits_hvp,
    kl_div_with_logits_target_backward,
    kl_div_with_logits_value_and_grad,
)
from ._classwise.multi_margin import (
    multi_margin_loss,
    multi_margin_loss_backward,
    multi_margin_loss_value_and_grad,
)
from ._classwise.multilabel_soft_margin import (
    multilabel_soft_margin_loss,
    multilabel_soft_margin_loss_backward,
    multilabel_soft_margin_loss_hessian_diagonal,
    multilabel_soft_margin_loss_value_and_grad,
)
from ._classwise.nll import nll_loss, nll_loss_backward, nll_loss_value_and_grad
from ._classwise.triplet_margin import (
    triplet_margin_loss,
    triplet_margin_loss_backward,
    triplet_margin_loss_value_and_grad,
)
from ._classwise.tversky import tversky_loss, tversky_loss_backward, tversky_loss_value_and_grad
from ._core.schedule import set_workers
from ._cross_entropy.cross_entropy import (
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_hessian_diagonal,
    cross_entropy_hvp,
    cross_entropy_value_and_grad,
)
from ._cross_entropy.linear import (
    LinearGrads,
    linear_cross_entropy,
    linear_cross_entropy_backward,
    linear_cross_entropy_value_and_grad,
)
from ._cross_entropy.shard_state import ShardState, merge_shards
from ._cross_entropy.shards import cross_entropy_shard, cross_entropy_shard_backward
from ._cross_entropy.sums import Evaluator, cross_entropy_sums
from ._cross_entropy.target_gradient import cross_entropy_target_backward
from ._ctc.ctc import ctc_loss, ctc_loss_backward, ctc_loss_value_and_grad
from ._ctc.ctc_with_logits import (
    ctc_loss_with_logits,
    ctc_loss_with_logits_backward,
    ctc_loss_with_logits_value_and_grad,
)
from ._entrywise.absolute_error import l1_loss, l1_loss_backward, l1_loss_value_and_grad
from ._entrywise.binary_cross_entropy import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_value_and_grad,
)
from ._entrywise.binary_cross_entropy_with_logits import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    binary_cross_entropy_with_logits_hessian_diagonal,
    binary_cross_entropy_with_logits_hvp,
    binary_cross_entropy_with_logits_target_backward,
    binary_cross_entropy_with_logits_value_and_grad,
)
from ._entrywise.gaussian_nll import (
    gaussian_nll_loss,
    gaussian_nll_loss_backward,
    gaussian_nll_loss_value_and_grad,
)
from ._entrywise.gaussian_nll_with_log_variance import (
    gaussian_nll_loss_with_log_variance,
    gaussian_nll_loss_with_log_variance_backward,
    gaussian_nll_loss_with_log_variance_value_and_grad,
)
from ._entrywise.hinge import hinge_loss, hinge_loss_backward, hinge_loss_value_and_grad
from ._entrywise.hinge_embedding import (
    hinge_embedding_loss,
    hinge_embedding_loss_backward,
    hinge_embedding_loss_value_and_grad,
)
from ._entrywise.huber import (
    huber_loss,
    huber_loss_backward,
    huber_loss_hessian_diagonal,
    huber_loss_value_and_grad,
)
from ._entrywise.log_cosh import (
    log_cosh_loss,
    log_cosh_loss_backward,
    log_cosh_loss_hessian_diagonal,
    log_cosh_loss_value_and_grad,
)
from ._entrywise.margin_ranking import (
    margin_ranking_loss,
    margin_ranking_loss_backward,
    margin_ranking_loss_value_and_grad,
)
from ._entrywise.poisson_nll import (
    poisson_nll_loss,
    poisson_nll_loss_backward,
    poisson_nll_loss_hessian_diagonal,
    poisson_nll_loss_value_and_grad,
)
from ._entrywise.quantile import quantile_loss, quantile_loss_backward, quantile_loss_value_and_grad
from ._entrywise.sigmoid_focal import (
    sigmoid_focal_loss,
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_hessian_diagonal,
    sigmoid_focal_loss_value_and_grad,
)
from ._entrywise.smooth_l1 import (
    smooth_l1_loss,
    smooth_l1_loss_backward,
    smooth_l1_loss_hessian_diagonal,
    smooth_l1_loss_value_and_grad,
)
from ._entrywise.soft_margin import (
    soft_margin_loss,
    soft_margin_loss_backward,
    soft_margin_loss_hessian_diagonal,
    soft_margin_loss_value_and_grad,
)
from ._entrywise.squared_error import (
    mse_loss,
    mse_loss_backward,
    mse_loss_hessian_diagonal,
    mse_loss_hvp,
    mse_loss_value_and_grad,
)
from ._entrywise.squared_hinge import (
    squared_hinge_loss,
    squared_hinge_loss_backward,
    squared_hinge_loss_hessian_diagonal,
    squared_hinge_loss_value_and_grad,
)
from ._entrywise.tweedie import tweedie_loss, tweedie_loss_backward, tweedie_loss_value_and_grad
from ._entrywise.tweedie_with_log_mean import (
    tweedie_loss_with_log_mean,
    tweedie_loss_with_log_mean_backward,
    tweedie_loss_with_log_mean_hessian_diagonal,
    tweedie_loss_with_log_mean_value_and_grad,
)
from ._losses.grads import GaussianGrads, LogVarianceGrads, PairGrads, TripletGrads
from ._losses.sums import LossSums, loss_sums, merge_sums

__version__ = "0.2.0"

__all__ = [
    "Evaluator",
    "GaussianGrads",
    "LinearGrads",
    "LogVarianceGrads",
    "LossSums",
    "PairGrads",
    "ShardState",
    "TripletGrads",
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "binary_cross_entropy_value_and_grad",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
    "binary_cross_entropy_with_logits_hessian_diagonal",
    "binary_cross_entropy_with_logits_hvp",
    "binary_cross_entropy_with_logits_target_backward",
    "binary_cross_entropy_with_logits_value_and_grad",
    "cosine_embedding_loss",
    "cosine_embedding_loss_backward",
    "cosine_embedding_loss_value_and_grad",
    "cross_entropy",
    "cross_entropy_backward",
    "cross_entropy_hessian_diagonal",
    "cross_entropy_hvp",
    "cross_entropy_shard",
    "cross_entropy_shard_backward",
    "cross_entropy_sums",
    "cross_entropy_target_backward",
    "cross_entropy_value_and_grad",
    "ctc_loss",
    "ctc_loss_backward",
    "ctc_loss_value_and_grad",
    "ctc_loss_with_logits",
    "ctc_loss_with_logits_backward",
    "ctc_loss_with_logits_value_and_grad",
    "focal_loss",
    "focal_loss_backward",
    "focal_loss_value_and_grad",
    "gaussian_nll_loss",
    "gaussian_nll_loss_backward",
    "gaussian_nll_loss_value_and_grad",
    "gaussian_nll_loss_with_log_variance",
    "gaussian_nll_loss_with_log_variance_backward",
    "gaussian_nll_loss_with_log_variance_value_and_grad",
    "hinge_embedding_loss",
    "hinge_embedding_loss_backward",
    "hinge_embedding_loss_value_and_grad",
    "hinge_loss",
    "hinge_loss_backward",
    "hinge_loss_value_and_grad",
    "huber_loss",
    "huber_loss_backward",
    "huber_loss_hessian_diagonal",
    "huber_loss_value_and_grad",
    "kl_div",
    "kl_div_backward",
    "kl_div_target_backward",
    "kl_div_value_and_grad",
    "kl_div_with_log_target",
    "kl_div_with_log_target_backward",
    "kl_div_with_log_target_value_and_grad",
    "kl_div_with_logits",
    "kl_div_with_logits_backward",
    "kl_div_with_logits_hessian_diagonal",
    "kl_div_with_logits_hvp",
    "kl_div_with_logits_target_backward",
    "kl_div_with_logits_value_and_grad",
    "l1_loss",
    "l1_loss_backward",
    "l1_loss_value_and_grad",
    "linear_cross_entropy",
    "linear_cross_entropy_backward",
    "linear_cross_entropy_value_and_grad",
    "log_cosh_loss",
    "log_cosh_loss_backward",
    "log_cosh_loss_hessian_diagonal",
    "log_cosh_loss_value_and_grad",
    "log_sigmoid",
    "log_sigmoid_backward",
    "log_softmax",
    "log_softmax_backward",
    "logsumexp",
    "logsumexp_backward",
    "loss_sums",
    "margin_ranking_loss",
    "margin_ranking_loss_backward",
    "margin_ranking_loss_value_and_grad",
    "merge_shards",
    "merge_sums",
    "mse_loss",
    "mse_loss_backward",
    "mse_loss_hessian_diagonal",
    "mse_loss_hvp",
    "mse_loss_value_and_grad",
    "multi_margin_loss",
    "multi_margin_loss_backward",
    "multi_margin_loss_value_and_grad",
    "multilabel_soft_margin_loss",
    "multilabel_soft_margin_loss_backward",
    "multilabel_soft_margin_loss_hessian_diagonal",
    "multilabel_soft_margin_loss_value_and_grad",
    "nll_loss",
    "nll_loss_backward",
    "nll_loss_value_and_grad",
    "poisson_nll_loss",
    "poisson_nll_loss_backward",
    "poisson_nll_loss_hessian_diagonal",
    "poisson_nll_loss_value_and_grad",
    "quantile_loss",
    "quantile_loss_backward",
    "quantile_loss_value_and_grad",
    "set_workers",
    "sigmoid",
    "sigmoid_backward",
    "sigmoid_focal_loss",
    "sigmoid_focal_loss_backward",
    "sigmoid_focal_loss_hessian_diagonal",
    "sigmoid_focal_loss_value_and_grad",
    "smooth_l1_loss",
    "smooth_l1_loss_backward",
    "smooth_l1_loss_hessian_diagonal",
    "smooth_l1_loss_value_and_grad",
    "soft_margin_loss",
    "soft_margin_loss_backward",
    "soft_margin_loss_hessian_diagonal",
    "soft_margin_loss_value_and_grad",
    "softmax",
    "softmax_backward",
    "squared_hinge_loss",
    "squared_hinge_loss_backward",
    "squared_hinge_loss_hessian_diagonal",
    "squared_hinge_loss_value_and_grad",
    "triplet_margin_loss",
    "triplet_margin_loss_backward",
    "triplet_margin_loss_value_and_grad",
    "tversky_loss",
    "tversky_loss_backward",
    "tversky_loss_value_and_grad",
    "tweedie_loss",
    "tweedie_loss_backward",
    "tweedie_loss_value_and_grad",
    "tweedie_loss_with_log_mean",
    "tweedie_loss_with_log_mean_backward",
    "tweedie_loss_with_log_mean_hessian_diagonal",
    "tweedie_loss_with_log_mean_value_and_grad",
]
