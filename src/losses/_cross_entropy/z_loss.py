"""The penalty z V lse**2 on the logarithm of the sum of exponentials, lse = log sum(exp(x)).

Its derivative with respect to a logit is 2 z V lse p: the gradient p V - v of the other terms
becomes p V' - v with V' = V (1 + 2 z lse).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.dtypes import Array, within
from .._core.entries import times


class Penalty(NamedTuple):
    """The penalty of each sample, for a V of 1, and its derivatives by lse."""

    cost: Array  # z lse**2
    slope: Array  # 2 z lse
    curvature: Any  # 2 z

    def on(self, whole: Any) -> tuple[Array, Array]:
        """Return V' and V' - V, given V."""
        return times(whole, 1 + self.slope), times(whole, self.slope)


def penalty(z_loss: float, log_sum: Array) -> Penalty:
    """Return the penalty of each sample, given its lse."""
    part = within(z_loss, log_sum.dtype) * log_sum
    return Penalty(part * log_sum, 2 * part, within(2 * z_loss, log_sum.dtype))
