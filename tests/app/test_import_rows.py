from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.app.import_cells import Kind, rows_of
from collector.app.import_files import LONGEST_LINE, ImportFile
from collector.app.import_rows import Instants, Names, in_chunks, records, snapshots
from collector.domain.instants import format_instant, instant_of, micros_of
from collector.errors import UsageError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KNOWN = {"a": {"credits": 0, "dollars": 6}, "b": {"credits": 0}}
HEADER = "account,meter,observed_at,value\n"
REQUESTS = "account,request_id,status,created_at,completed_at,credits_used,first_seen_at,last_seen_at\n"


def read(body: bytes) -> tuple[Kind, list[tuple[Any, ...]], Names]:
    names = Names(KNOWN)
    source = ImportFile("facts", io.BytesIO(body), None)
    kind, rows = rows_of(source.lines(), source.name)
    instants = Instants(micros_of(NOON))
    found: list[tuple[Any, ...]] = []
    if kind is Kind.SNAPSHOTS:
        for some in in_chunks(snapshots(rows, names, instants)):
            found += some
    else:
        for each in in_chunks(records(rows, names, instants)):
            found += each
    return kind, found, names


def values(text: str) -> list[tuple[int, str, str, str, int]]:
    _, rows, names = read(text.encode())
    return [
        (line, names.series[one].account, names.series[one].meter, format_instant(instant_of(at)), value)
        for line, one, at, value in rows
    ]


def fault(text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(text.encode() if isinstance(text, str) else text)
    return str(caught.value)


AT = "2025-12-31T23:00:00Z"
ROW = (2, "a", "credits", AT, 5)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEADER}a,credits,{AT},5\n", id="as exported"),
        pytest.param(f"{HEADER}a,credits,{AT},5", id="without an end of line at the end"),
        pytest.param(f"{HEADER}a,credits,{AT},5\n".replace("\n", "\r\n"), id="lines as on Windows"),
        pytest.param(f"\ufeff{HEADER}a,credits,{AT},5\n", id="with a byte order mark"),
        pytest.param(f"value,observed_at,meter,account\n5,{AT},credits,a\n", id="columns in another order"),
        pytest.param(f'"account", "meter","observed_at","value"\n"a","credits","{AT}","5"\n', id="quoted"),
        pytest.param(f"{HEADER}a,credits,2026-01-01T00:00:00+01:00,5\n", id="with an offset"),
        pytest.param(f"{HEADER}a,credits,2025-12-31t23:00:00.000z,0005\n", id="written in full"),
    ],
)
def test_csv_is_read(text: str) -> None:
    assert values(text.replace('"account", ', '"account",')) == [ROW]


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        pytest.param({"meter": "credits", "value": 5}, 5, id="an integer"),
        pytest.param({"meter": "credits", "value": "5"}, 5, id="a string"),
        pytest.param({"meter": "credits", "value": 2**63 - 1}, 2**63 - 1, id="the largest"),
        pytest.param({"meter": "dollars", "value": "0.000001"}, 1, id="the smallest unit"),
        pytest.param({"meter": "dollars", "value": 9007199254.740993}, 9007199254740993, id="a decimal number"),
        pytest.param({"meter": "dollars", "value": "12"}, 12_000_000, id="whole units"),
    ],
)
def test_json_lines_are_read(cells: dict[str, object], value: int) -> None:
    body = json.dumps({"account": "a", "observed_at": AT, **cells})
    assert [one[-1] for one in values(f"\n{body}\n")] == [value]


def test_blank_lines_are_counted_and_left_out() -> None:
    assert [one[0] for one in values(f"\n{HEADER}\na,credits,{AT},5\n  \n\nb,credits,{AT},5\n")] == [4, 7]


def test_a_record_over_several_lines_is_numbered_by_its_first() -> None:
    assert fault(f'{HEADER}a,credits,{AT},5\n"x\n  \ny",credits,{AT},5\n').startswith("line 3: no account is called")


def test_gzip_is_told_from_the_bytes() -> None:
    _, rows, _ = read(gzip.compress(f"{HEADER}a,credits,{AT},5\n".encode()))
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "value is empty"),
        (" ", "value is empty"),
        ("-1", "value is negative"),
        ("1.0", "value is a fraction"),
        ("1e3", "value is not a plain number"),
        ("NaN", "value is not a plain number"),
        ("+1", "value is not a plain number"),
        ("1_000", "value is not a plain number"),
        ('"1,000"', "value is not a plain number"),
        ("٣", "value is not a plain number"),
        ("²", "value is not a plain number"),
        ("0x10", "value is not a plain number"),
        (str(2**63), "value is too large"),
        ("9" * 5000, "value is not a plain number"),
    ],
)
def test_a_value_that_is_no_counter_names_the_line(value: str, said: str) -> None:
    assert fault(f"{HEADER}a,credits,{AT},5\na,credits,{AT},{value}\n").startswith(f"line 3: {said}")


@pytest.mark.parametrize(
    "value", ["5.0", "5e0", "NaN", "Infinity", "true", "null", "[5]", "{}", '"5.5"', "-5", '"\uff15"'], ids=str
)
def test_a_value_of_json_that_is_no_counter_names_the_line(value: str) -> None:
    body = f'{{"account": "a", "meter": "credits", "observed_at": "{AT}", "value": {value}}}'
    assert fault(body).startswith("line 1")


@pytest.mark.parametrize(
    "at",
    [
        "",
        "2025-12-31",
        "2025-12-31T23:00:00",
        "1767222000",
        "2025-12-31T23:00:60Z",
        "2025-13-31T23:00:00Z",
        "20251231T230000Z",
    ],
)
def test_an_instant_that_is_none_names_the_line(at: str) -> None:
    assert fault(f"{HEADER}a,credits,{AT},5\na,credits,{at},5\n").startswith("line 3: observed_at is not an instant")


def test_an_instant_in_the_future_names_the_line() -> None:
    assert fault(f"{HEADER}a,credits,2026-01-01T12:00:01Z,5\n").startswith("line 2: observed_at lies in the future")


def test_an_instant_before_1970_names_the_line() -> None:
    assert fault(f"{HEADER}a,credits,1969-12-31T23:59:59Z,5\n").startswith("line 2: observed_at is before 1970")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "facts is empty", id="nothing"),
        pytest.param("\n \n", "facts is empty", id="blank"),
        pytest.param("[]", "facts holds one JSON list", id="a JSON list"),
        pytest.param("a;b\n", "line 1 names none of the columns", id="other columns"),
        pytest.param("account,meter,value\n", "line 1: the column 'observed_at' is missing", id="a missing column"),
        pytest.param(f"x,{HEADER}", "line 1: the column 'x' is unknown", id="an unknown column"),
        pytest.param(f"value,{HEADER}", "line 1 names the column 'value' twice", id="a column twice"),
        pytest.param(f"{HEADER}a,credits,{AT}\n", "line 2 has 3 columns, the header 4", id="a short row"),
        pytest.param(f"{HEADER}a,credits,{AT},5,\n", "line 2 has 5 columns, the header 4", id="a long row"),
        pytest.param(f"{HEADER}c,credits,{AT},5\n", "line 2: no account is called 'c' (known: a, b)", id="an account"),
        pytest.param(f"{HEADER}b,dollars,{AT},5\n", "line 2: b has no meter 'dollars' (known: credits)", id="a meter"),
        pytest.param(f'{HEADER}a,credits,{AT},"5\n', "line 2 is not CSV", id="an open quote"),
        pytest.param(f'{HEADER}a,credits,{AT},"5' + "\n" * 1000, "line 2 is not CSV: a quote", id="and many lines"),
        pytest.param(f"{HEADER}a,credits,{AT},5\r6\n", "line 2 is not CSV", id="half an end of line"),
        pytest.param('{"account": "a"', "line 1 is not a JSON object", id="half an object"),
        pytest.param('{"account": "a"}', "line 1 names none of the columns", id="other keys"),
        pytest.param('{"a": ' * 100_000, "line 1 of facts has more than 65536 bytes", id="a line without an end"),
        pytest.param('{"a":' * 12_000, "line 1 is not a JSON object", id="nested without an end"),
        pytest.param('{"account": 1, "account": 2}', "line 1 is not a JSON object: a key is", id="a key twice"),
        pytest.param(
            f'{{"account": 5, "meter": "credits", "observed_at": "{AT}", "value": 5}}',
            "line 1: no account is called 'number 5'", id="a number for a name",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_named(text: str, said: str) -> None:
    assert fault(text).startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(HEADER.encode() + b"a\xff", "line 2 of facts is not UTF-8", id="not UTF-8"),
        pytest.param(HEADER.encode("utf-16"), "line 1 of facts is not UTF-8", id="UTF-16"),
        pytest.param(gzip.compress(HEADER.encode())[:-9], "facts is a damaged gzip file", id="half a gzip file"),
        pytest.param(b"\x1f\x8b", "facts is a damaged gzip file", id="only the mark of one"),
        pytest.param(b"x" * LONGEST_LINE, "line 1 of facts has more than", id="no lines at all"),
    ],
)
def test_bytes_that_are_no_text_are_named(body: bytes, said: str) -> None:
    assert fault(body).startswith(said)


def test_names_of_a_file_reach_no_terminal_as_they_are() -> None:
    assert "\x1b" not in fault(f"{HEADER}\x1b[31m,credits,{AT},5\n")


def test_request_records_are_read() -> None:
    kind, rows, _ = read(f"{REQUESTS}a,id,completed,{AT},,7,{AT},{AT}\n".encode())
    at = micros_of(datetime(2025, 12, 31, 23, tzinfo=UTC))
    assert (kind, rows) == (Kind.REQUESTS, [(2, 0, "id", "completed", at, None, 7, at, at)])


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["", "completed", AT, "", "", AT, AT], "request_id is empty"),
        (["x" * 201, "completed", AT, "", "", AT, AT], "request_id is longer than 200"),
        (["x\x00", "completed", AT, "", "", AT, AT], "request_id holds a control character"),
        (["x", "", AT, "", "", AT, AT], "status is empty"),
        (["x", "completed", "soon", "", "", AT, AT], "created_at is not an instant"),
        (["x", "completed", AT, "", "1.5", AT, AT], "credits_used is a fraction"),
        (["x", "completed", AT, "", "", "", AT], "first_seen_at is not an instant"),
        (["x", "completed", AT, "", "", AT, "2025-01-01T00:00:00Z"], "last_seen_at is before first_seen_at"),
        (["x", "completed", AT, "", "", AT, "2027-01-01T00:00:00Z"], "last_seen_at lies in the future"),
    ],
)
def test_a_request_record_that_cannot_be_meant_is_named(cells: Sequence[str], said: str) -> None:
    assert fault(f"{REQUESTS}a,{','.join(cells)}\n").startswith(f"line 2: {said}")


def test_half_a_character_of_json_is_refused() -> None:
    cells = dict(zip(REQUESTS.strip().split(","), ["a", "\ud800", "completed", AT, None, None, AT, AT], strict=True))
    assert fault(json.dumps(cells)).startswith("line 1: request_id holds a control character or half a character")


def test_a_file_of_one_empty_quoted_cell_names_no_column() -> None:
    assert fault('""').startswith("line 1 names no column")


@given(body=st.binary(max_size=400))
def test_any_bytes_are_rows_or_a_usage_error(body: bytes) -> None:
    with suppress(UsageError):
        read(body)


_CELLS = st.one_of(
    st.sampled_from(["a", "b", "credits", "dollars", AT, "5", "", '"', "\r", "\n", "'", "\x00", "1e5", "-1"]),
    st.text(max_size=6),
)


@given(rows=st.lists(st.lists(_CELLS, max_size=9), max_size=5), header=st.sampled_from([HEADER, REQUESTS]))
def test_any_rows_are_rows_or_a_usage_error(rows: list[list[str]], header: str) -> None:
    text = header + "".join(",".join(row) + "\n" for row in rows)
    with suppress(UsageError):
        read(text.encode("utf-8", "surrogatepass"))


_KEYS = st.sampled_from([*REQUESTS.strip().split(","), "meter", "observed_at", "value", "x"])
_VALUES = st.one_of(_CELLS, st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers(), max_size=1))


@given(rows=st.lists(st.dictionaries(_KEYS, _VALUES)))
def test_any_objects_are_rows_or_a_usage_error(rows: list[dict[str, object]]) -> None:
    with suppress(UsageError):
        read("".join(json.dumps(row) + "\n" for row in rows).encode("utf-8", "surrogatepass"))
