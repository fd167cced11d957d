from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.quantities import parse_quantity, quantity_text


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [
        ("0", 0, 0),
        ("007", 0, 7),
        (str(2**63 - 1), 0, 2**63 - 1),
        ("12.5", 6, 12_500_000),
        ("0.000001", 6, 1),
        ("9.223372036854775807", 18, 2**63 - 1),
    ],
)
def test_a_written_quantity_is_an_exact_integer(text: str, scale: int, value: int) -> None:
    assert parse_quantity(text, scale) == value


@pytest.mark.parametrize(
    ("text", "scale", "said"),
    [
        ("", 0, "is empty"),
        ("-5", 0, "is negative"),
        ("-0.5", 6, "is negative"),
        ("1.0", 0, "is a fraction"),
        ("1.0000000", 6, "has more than 6 decimal places"),
        (".5", 6, "is not a plain number"),
        ("1e5", 0, "is not a plain number"),
        ("\u0663", 0, "is not a plain number"),
        (str(2**63), 0, "is too large"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, scale: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_quantity(text, scale)


@given(value=st.integers(0, 2**63 - 1), scale=st.integers(0, 18))
def test_what_is_written_is_read_back(value: int, scale: int) -> None:
    assert parse_quantity(quantity_text(value, scale), scale) == value
