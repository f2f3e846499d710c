"""Profiles of Hypothesis: the same examples on every run, and a deep one that searches on."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fast",
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "deep",
    parent=settings.get_profile("fast"),
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", 5000)),
    derandomize=False,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
