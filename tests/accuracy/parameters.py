"""What the accuracy tests are parametrized with."""

import numpy as np
import pytest
from tests.accuracy.regimes import BORDERS, IN_HALF, REGIMES

in_every_regime = pytest.mark.parametrize("regime", [*REGIMES, *BORDERS])
in_every_regime_of_half = pytest.mark.parametrize("regime", IN_HALF)
in_both_precisions = pytest.mark.parametrize(
    "dtype", [np.float32, np.float64], ids=lambda dtype: dtype.__name__
)
