"""A progress bar on a terminal, if tqdm is installed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(samples: int) -> Iterator[Callable[[int], object]]:
    """Yield a function to call with the number of samples done since the last call."""
    bar = None
    if sys.stderr is not None and sys.stderr.isatty():  # a daemon may have no standard error
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            bar = tqdm(total=samples, unit=" samples", unit_scale=True, leave=False)
    if bar is None:
        yield lambda _: None
        return
    with bar:
        yield bar.update
