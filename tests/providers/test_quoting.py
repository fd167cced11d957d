from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.providers.quoting import inert, json_text

TEXTS = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize("text", ["", "plain", "größer", "日本語", "😀", "<script>", "a\\b"])
def test_printable_text_stays_readable(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\nb\rc", "a\\u000ab\\u000dc", id="line ends"),
        pytest.param("\x1b[31m", "\\u001b[31m", id="escape"),
        pytest.param("\x9b31m", "\\u009b31m", id="C1 escape"),
        pytest.param("\x7f", "\\u007f", id="DEL"),
        pytest.param("\u202egnp", "\\u202egnp", id="right-to-left override"),
        pytest.param("\u2028", "\\u2028", id="line separator"),
        pytest.param("\ud800", "\\ud800", id="lone surrogate"),
        pytest.param("\U000e0041", "\\udb40\\udc41", id="tag character"),
    ],
)
def test_what_could_act_is_escaped(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_text_of_the_limit_is_whole() -> None:
    assert inert("x" * 200) == "x" * 200


def test_longer_text_is_cut_and_says_so() -> None:
    assert inert("x" * 201) == "x" * 199 + "…"


def test_escapes_count_towards_the_limit() -> None:
    assert len(inert("\0" * 50)) == 200


@given(TEXTS, st.integers(1, 300))
def test_any_text_becomes_one_short_printable_line(text: str, limit: int) -> None:
    shown = inert(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=3)))
def test_short_values_are_read_back_as_they_were(value: object) -> None:
    assert json.loads(json_text(value, 1_000_000)) == value


def test_number_and_text_of_the_same_digits_stay_apart() -> None:
    assert json_text([Decimal("250.0"), "250.0"]) == '[250.0, "250.0"]'


def test_fields_are_quoted_with_their_names() -> None:
    assert json_text({"a\n": {"b": None}}) == '{"a\\n": {"b": null}}'


def test_integer_too_long_for_decimal_is_shown_in_hexadecimal() -> None:
    assert json_text(-(2**200)).startswith("-0x100000")


def test_depth_is_bounded() -> None:
    assert json_text([[[[[[[[[[1]]]]]]]]]]) == "[[[[[[[[…]]]]]]]]"
