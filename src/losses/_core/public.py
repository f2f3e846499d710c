"""The decorator of every public function: no warnings, and a better message about a wrong call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

# Names of options in other libraries, and here.
NAMES = {"dim": "axis", "keepdim": "keepdims"}

# First arguments that callers may forget, and what they are.
FIRST = {
    "grad_output": "the gradient with respect to the result, of its shape: 1.0 for a mean or a sum",
    "vector": "what the Hessian is multiplied by",
}


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function without NumPy's warnings, and with a better TypeError.

    The TypeError is that of a call whose arguments do not fit the signature.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            # Infinities and nan are answers, and underflow is a tail that goes to 0.
            with np.errstate(all="ignore"):
                return function(*args, **kwargs)
        except TypeError as error:
            begun = error.__traceback__ is not None and error.__traceback__.tb_next
            if begun:  # an error of the function's own
                raise
            message = _advice(function, args, kwargs) or str(error)
        raise TypeError(message)

    return call


def _advice(function: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a call and what to pass, or None if no argument is wrong."""
    name, code = function.__qualname__, function.__code__
    arrays = code.co_varnames[: code.co_posonlyargcount]
    known = code.co_varnames[len(arrays) : code.co_argcount + code.co_kwonlyargcount]
    if "." in name:  # a method: callers do not pass self
        arrays, args = arrays[1:], args[1:]
        name = name.removesuffix(".__init__")
    among = f"its options are {', '.join(known)}" if known else "it has no options"
    came = f"{name}: expected ({', '.join(arrays)}) by position, got {len(args)}"
    if len(args) < len(arrays):
        first = arrays[0]
        return f"{came}; the first is {first}, {FIRST[first]}" if first in FIRST else came
    for option in options:
        if option not in known:
            here = NAMES.get(option)
            if here in known:
                return f"{name}: {option} is named {here} here: pass {here}={options[option]!r}"
            also = f", which NumPy names {here}" if here else ""
            return f"{name}: expected no option {option}{also}; {among}"
    most = len(arrays) + code.co_argcount - code.co_posonlyargcount
    return f"{came}; {among}, by name" if len(args) > most else None
