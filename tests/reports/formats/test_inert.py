"""Text that shows what it holds and does nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.document import Kind
from reports.formats.cells import duration, words
from reports.formats.inert import encodable, visible
from reports.rendering import Cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – text", "plain – text"),
        ("\u202eevil", "⟨U+202E⟩evil"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("a\nb\tc", "a⟨U+000A⟩b⟨U+0009⟩c"),
        ("\ud800", "⟨U+D800⟩"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("", ""),
    ],
)
def test_what_nobody_sees_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert visible("A" * 1_048_576) == "A" * 300 + "… (1,048,576 characters)"


@given(st.text())
def test_nothing_invisible_ever_gets_through(text: str) -> None:
    assert all(unicodedata.category(one)[0] != "C" for one in visible(text, None))


@given(st.text())
def test_whatever_a_cell_holds_can_be_written_as_utf8(text: str) -> None:
    assert encodable(text).encode("utf-8").decode("utf-8") == encodable(text)


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (1234567, Kind.QUANTITY, "1,234,567"),
        (2**53 + 1, Kind.QUANTITY, "9,007,199,254,740,993"),
        (0.9999, Kind.SHARE, "99.9 %"),
        (True, Kind.FLAG, "yes"),
        (None, Kind.MONEY, "–"),
        ("2026-10-01", Kind.DAY, "2026-10-01"),
    ],
)
def test_cell_reads_as_the_terminal_shows_it(value: Cell, kind: Kind, shown: str) -> None:
    assert words(value, kind) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.35, "0.35 s"),
        (42, "42.0 s"),
        (59.97, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
        (-5, "-5.0 s"),
    ],
)
def test_duration_in_words(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
