"""The public names, in the sections in which the reference lists them."""

import inspect
from collections.abc import Iterator

import losses

DERIVED = ("_backward", "_target_backward", "_value_and_grad", "_hessian_diagonal", "_hvp")
SECTIONS = {  # by the beginning of a module's name, the longest that fits
    "losses._activations": "Activations",
    "losses._classwise": "Losses over classes",
    "losses._cross_entropy": "Losses over classes",
    "losses._ctc": "Losses of sequences",
    "losses._entrywise": "Losses entry by entry",
    "losses._cross_entropy.sums": "Partial results that merge",
    "losses._cross_entropy.shard": "Partial results that merge",
    "losses._losses.grads": "Losses entry by entry",
    "losses._losses.sums": "Partial results that merge",
    "losses": "Settings",
}


def base_of(name: str) -> str:
    """Return the function that a name is a derivative of, or the name itself."""
    for suffix in DERIVED:
        if name.endswith(suffix) and name.removesuffix(suffix) in losses.__all__:
            return name.removesuffix(suffix)
    return name


def sections() -> dict[str, list[str]]:
    """Return the names of `losses.__all__` in sections, each function before its derivatives."""
    found: dict[str, list[str]] = {title: [] for title in SECTIONS.values()}
    for name in losses.__all__:
        module = getattr(losses, name).__module__
        place = max((start for start in SECTIONS if module.startswith(start)), key=len)
        found[SECTIONS[place]].append(name)
    order = ("", *DERIVED)
    for names in found.values():
        names.sort(
            key=lambda name: (name[0].isupper(), base_of(name), order.index(suffix_of(name)))
        )
    return {title: names for title, names in found.items() if names}


def suffix_of(name: str) -> str:
    """Return what a derivative's name has after that of its function."""
    return name.removeprefix(base_of(name))


def dask_names() -> list[str]:
    """Return the functions of Dask arrays."""
    from losses.extra import dask

    return dask.__all__


def public() -> Iterator[str]:
    """Yield all public names in full."""
    for name in losses.__all__:
        yield f"losses.{name}"
    for name in dask_names():
        yield f"losses.extra.dask.{name}"


def members(kind: type) -> list[str]:
    """Return the methods and properties of a class that have a docstring of their own."""
    return [
        name
        for name, member in vars(kind).items()
        if not name.startswith("_")
        and (isinstance(member, property | classmethod) or inspect.isfunction(member))
    ]
