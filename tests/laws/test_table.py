"""Laws about the table: no row lacks a column, and each says what the library has."""

import inspect
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import domains
from tests.accuracy import exact
from tests.domains import Domain
from tests.rooms.helpers import parts
from tests.rows import invoke
from tests.table import FORMULAS, FUNCTIONS, ROWS

import losses

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
TESTS = Path(__file__).parents[1]
OF_FORMULAS_ALONE = {"options", "weight", "budget", "known", "holds", "per_sample", "others"}
MAY_BE_EMPTY = OF_FORMULAS_ALONE - {"weight", "budget", "known"}
MAY_BE_EMPTY |= {"array_options", "result", "broadcast"}
DOMAINS = [name for name, value in vars(domains).items() if isinstance(value, Domain)]


@every_row
def test_no_column_of_a_row_is_empty(row):
    for column in fields(row):
        filled = getattr(row, column.name) not in (None, "", (), {})
        needed = row in FORMULAS or column.name not in OF_FORMULAS_ALONE
        assert filled or not needed or column.name in MAY_BE_EMPTY, column.name


@every_row
def test_a_kind_is_the_folder_of_the_function(row):
    folder = inspect.getmodule(getattr(losses, row.name)).__name__.split(".")[1]
    kinds = {"_activations": "activation"}
    assert row.kind == kinds.get(folder, folder.removeprefix("_").replace("_", " "))


@every_row
def test_the_arguments_of_a_function_are_those_of_its_row(row):
    shared = {"reduction", "ignore_index", "axis", "label_smoothing", "softcap", "z_loss"}
    shared |= {"workers", "keepdims"}
    columns = {*row.arrays, *row.array_options, *row.options}
    assert set(inspect.signature(getattr(losses, row.name)).parameters) - shared == columns


@pytest.mark.parametrize("row", FORMULAS, ids=str)
def test_the_first_value_of_an_option_is_its_default(row):
    parameters = inspect.signature(getattr(losses, row.name)).parameters
    for name, option in row.options.items():
        assert parameters[name].default == option.values[0]


@every_row
def test_every_function_has_its_formula_in_decimals(row):
    assert {row.decimals, f"{row.decimals}_backward"} <= vars(exact).keys()


@every_row
def test_every_function_is_compared_with_its_peer(row):
    texts = [path.read_text(encoding="utf-8") for path in (TESTS / "agreement").glob("test_*.py")]
    assert any(f'"{row.name}"' in text or f"losses.{row.name}" in text for text in texts)


@every_row
def test_the_example_is_a_valid_call_of_every_function(row):
    for what in ("", *row.derived):
        for part in parts(invoke(row.function(what), row.example_of(what))):
            assert np.isfinite(part).all()
            assert np.any(part)


def test_every_second_derivative_stands_beside_its_diagonal():
    """The laws about curvature are tried where there is a diagonal."""
    for row in ROWS:
        assert "hvp" not in row.derived or "hessian_diagonal" in row.derived
    assert len(FUNCTIONS) == sum(1 + len(row.derived) for row in ROWS)


@pytest.mark.parametrize("name", DOMAINS)
@given(data=st.data())
def test_what_is_drawn_from_a_domain_lies_in_it(name, data):
    domain = getattr(domains, name)
    for array in (
        data.draw(domain.draw((2, 2))),
        data.draw(domain.draw_small((2, 2), kinked=data.draw(st.booleans()), first=True)),
        domain.across(np.float32) if not domain.only else np.array(domain.only),
        np.array(domain.beside),
        *domain.examples,
    ):
        assert domain.holds(array).all()
    assert not domain.holds(np.array(domain.outside)).any()
