from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reports.frames import INSTANT, frame_of, instants

NOON = datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
DTYPES = ["str", "int64", "bool", "float64", "Int64", INSTANT]


@pytest.mark.parametrize("value", [2**53 + 1, 2**62 + 1, 2**63 - 1, -(2**63) + 1], ids=str)
def test_integer_beside_a_missing_one_stays_exact(value: int) -> None:
    assert frame_of({"usage": [value, None]}, {"usage": "Int64"})["usage"].tolist()[0] == value


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_column_keeps_its_dtype(dtype: str) -> None:
    assert frame_of({"one": []}, {"one": dtype})["one"].dtype == dtype


@pytest.mark.parametrize("dtype", ["str", "float64", "Int64", INSTANT])
def test_column_of_nothing_but_missing_values_keeps_its_dtype(dtype: str) -> None:
    column = frame_of({"one": [None, None]}, {"one": dtype})["one"]
    assert column.dtype == dtype
    assert column.isna().all()


def test_columns_come_in_the_order_of_the_schema() -> None:
    assert list(frame_of({"b": [1], "a": [2]}, {"a": "int64", "b": "int64"})) == ["a", "b"]


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1], ids=str)
def test_what_does_not_fit_into_64_bits_is_kept_as_an_integer(value: int) -> None:
    column = frame_of({"usage": [value, None]}, {"usage": "Int64"})["usage"]
    assert (str(column.dtype), column[0], column.isna().tolist()) == ("object", value, [False, True])


def test_instants_keep_their_microseconds() -> None:
    micros = int(NOON.timestamp()) * 1_000_000 + 1
    assert frame_of({"at": instants([micros])}, {"at": INSTANT})["at"].tolist() == [NOON]
