"""The floating dtypes that are computed in float32 and rounded once."""

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
# Of the float8 types one without infinities, one with, and one without -0.
FLOAT8 = [
    np.dtype(each)
    for each in (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fnuz)
]
NARROW = [np.dtype(np.float16), BFLOAT16, *FLOAT8]


def rounded(value, dtype):
    """Return numbers rounded to a dtype, in which they may be infinite, or nan."""
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(dtype)


def same_narrow(a, b):
    """Return whether two results of a narrow dtype have the same numbers, nan for nan."""
    assert np.asarray(a).dtype == np.asarray(b).dtype
    a, b = (np.asarray(each).astype(np.float32) for each in (a, b))
    return np.array_equal(a, b, equal_nan=True)


def is_floating(dtype):
    """Return whether a dtype is NumPy's or one of these."""
    return dtype.kind == "f" or dtype.newbyteorder("=") in NARROW


def finfo(dtype):
    """Return the ends and the precision of a floating dtype."""
    return ml_dtypes.finfo(dtype) if dtype in NARROW[1:] else np.finfo(dtype)


def end(dtype, name):
    """Return one of these, such as the largest number, as a longdouble."""
    return np.longdouble(getattr(finfo(np.dtype(dtype)), name))


def widest(*dtypes):
    """Return the dtype that holds the numbers of all; float32 where no narrow one does."""
    try:
        return np.result_type(*dtypes)
    except TypeError:
        return np.result_type(
            np.float32, *(each for each in dtypes if each.newbyteorder("=") not in NARROW)
        )
