from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.written_numbers import Marks, unmistakable, written


@pytest.mark.parametrize(
    ("text", "value", "mark"),
    [
        pytest.param("1234", "1234", None, id="plain"),
        pytest.param("-12", "-12", None, id="negative"),
        pytest.param("1,234.50", "1234.50", ".", id="english"),
        pytest.param("1.234,50", "1234.50", ",", id="german"),
        pytest.param("1 234,50", "1234.50", ",", id="blank"),
        pytest.param("1\N{NO-BREAK SPACE}234,50", "1234.50", ",", id="no-break blank"),
        pytest.param("1\N{NARROW NO-BREAK SPACE}234", "1234", None, id="narrow blank, whole"),
        pytest.param("1'234.50", "1234.50", ".", id="swiss"),
        pytest.param("1\N{RIGHT SINGLE QUOTATION MARK}234'567", None, None, id="two groupers are none"),
        pytest.param("1,234,567", "1234567", ".", id="two groups"),
        pytest.param("1.234.567", "1234567", ",", id="two groups, german"),
        pytest.param("12.5", "12.5", ".", id="one place"),
        pytest.param("12,50", "12.50", ",", id="two places, german"),
        pytest.param("1234.567", "1234.567", ".", id="four digits are no group"),
        pytest.param("0.004", "0.004", ".", id="no group begins with nought"),
        pytest.param("1,2345", "1.2345", ",", id="four places are no group"),
        pytest.param("1 234.567", "1234.567", ".", id="blank groups, point decides"),
        pytest.param("1,23,456", None, None, id="group of two"),
        pytest.param("1,234.567,8", None, None, id="mixed up"),
        pytest.param("1,234,56", None, None, id="group and the same mark"),
        pytest.param("", None, None, id="empty"),
        pytest.param("1e5", None, None, id="exponent"),
        pytest.param("EUR 5", None, None, id="with a currency"),
        pytest.param("NaN", None, None, id="no number"),
        pytest.param("\N{ARABIC-INDIC DIGIT ONE}", None, None, id="other digits"),
        pytest.param("9" * 61, None, None, id="too long"),
    ],
)
def test_number_is_read_as_it_was_written(text: str, value: str | None, mark: str | None) -> None:
    if value is None:
        with pytest.raises(ValueError, match="is no number"):
            written(text)
    else:
        found = written(text)
        assert (found.value, found.decimal_mark) == (Decimal(value), mark)


@pytest.mark.parametrize("text", ["1,234", "1.234", "-12,345", "999.000"])
def test_single_mark_before_three_digits_has_two_readings(text: str) -> None:
    assert written(text).value is None


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [("1,234", ".", "1234"), ("1,234", ",", "1.234"), ("1.234", ".", "1.234"), ("1.234", ",", "1234")],
    ids=["comma groups", "comma is decimal", "point is decimal", "point groups"],
)
def test_file_s_decimal_mark_settles_it(text: str, mark: str, value: str) -> None:
    assert written(text).read(Marks(mark)) == Decimal(value)


def test_marks_are_shown_by_numbers_that_can_be_read_one_way_only() -> None:
    assert Marks.shown_by([written("1,234"), written("5"), written("1.50")]) == Marks(".", contradicted=False)


def test_marks_that_contradict_each_other_show_nothing() -> None:
    assert Marks.shown_by([written("1,50"), written("1.50")]) == Marks(None, contradicted=True)


@given(st.decimals(-(10**9), 10**9, places=2))
def test_english_and_german_grouping_say_the_same(value: Decimal) -> None:
    english = f"{value:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert written(english).read(Marks(".")) == written(german).read(Marks(",")) == value


@pytest.mark.parametrize("text", ["0,049", "033,049", "0.049"])
def test_nought_before_three_digits_is_refused_where_the_file_has_the_other_mark(text: str) -> None:
    other = "1.50" if "," in text else "1,50"
    marks = Marks.shown_by([written(text), written(other)])
    assert written(text).read(marks) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [("132.200", "132.2"), ("132200", "132200"), ("1.234", "1.2340"), ("-1.234", "-1.2340"), ("1.5000", "1.5")],
)
def test_advice_can_be_read_one_way_only(value: str, shown: str) -> None:
    assert unmistakable(Decimal(value)) == shown
    assert written(shown).value == Decimal(value)


@pytest.mark.parametrize("text", ["1" * 20, "0." + "0" * 9 + "1", "9" * 30 + ".5"], ids=["large", "fine", "both"])
def test_what_no_bill_can_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than 19 digits or 9 decimal places"):
        written(text)


@pytest.mark.parametrize("text", ["9" * 19, "000000000000000000000001.500000000000", "0.000000001"])
def test_what_a_bill_can_say_is_exact(text: str) -> None:
    assert written(text).value == Decimal(text)
