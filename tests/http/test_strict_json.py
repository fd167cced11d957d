"""The loader gives a value or a refusal, never anything else, and never slowly."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.errors import AnswerRejectedError
from collector.http import load_json

MIB = 1 << 20

ACCEPTED: dict[str, tuple[bytes, object]] = {
    "object": (b'{"a": 1, "b": [true, false, null]}', {"a": 1, "b": [True, False, None]}),
    "byte order mark": (b"\xef\xbb\xbf[1]", [1]),
    "white space": (b" \r\n\t[1]\n", [1]),
    "bare string": (b'"x"', "x"),
    "fraction": (b"8750.0", Decimal("8750.0")),
    "exponent": (b"1e3", Decimal("1E+3")),
    "largest double": (b"1.7976931348623157e308", Decimal("1.7976931348623157e308")),
    "tiny number": (b"1e-9999", Decimal("1e-9999")),
    "20 digits": (b"12345678901234567890", 12345678901234567890),
    "20 negative digits": (b"-12345678901234567890", -12345678901234567890),
    "64 characters": (b"0." + b"1" * 62, Decimal("0." + "1" * 62)),
    "32 levels": (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
    "brackets in a string": (b'["' + b"[" * 99 + b'"]', ["[" * 99]),
    "brackets after an escaped quote": (b'["\\"' + b"[" * 99 + b'"]', ['"' + "[" * 99]),
    "brackets after an escaped backslash": (b'["\\\\", "' + b"{" * 99 + b'"]', ["\\", "{" * 99]),
    "many short strings": (b'["","[","","]",""]', ["", "[", "", "]", ""]),
    "long digits in a string": (b'"' + b"1" * 999 + b'"', "1" * 999),
    "same key in two objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    "lone surrogate": (b'"\\ud800"', "\ud800"),
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "malformed_json"),
    "only a byte order mark": (b"\xef\xbb\xbf", "malformed_json"),
    "two byte order marks": (b"\xef\xbb\xbf\xef\xbb\xbf[]", "malformed_json"),
    "trailing garbage": (b"{} x", "malformed_json"),
    "two documents": (b"{}{}", "malformed_json"),
    "unclosed": (b'{"a": [1', "malformed_json"),
    "NaN": (b'{"n": NaN}', "malformed_json"),
    "Infinity": (b"[Infinity]", "malformed_json"),
    "negative Infinity": (b"[-Infinity]", "malformed_json"),
    "overflow": (b'{"n": 1e400}', "malformed_json"),
    "negative overflow": (b"-1e400", "malformed_json"),
    "leading zero": (b"[01]", "malformed_json"),
    "control character in a string": (b'"a\nb"', "malformed_json"),
    "duplicate key": (b'{"a": 1, "a": 1}', "duplicate_key"),
    "duplicate key deep inside": (b'[{"x": {"a": 1, "b": 2, "a": 3}}]', "duplicate_key"),
    "duplicate key by escape": (b'{"a": 1, "\\u0061": 2}', "duplicate_key"),
    "33 levels": (b"[" * 33 + b"]" * 33, "too_deep"),
    "33 levels of objects": (b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep"),
    "33 levels, mixed": (b'[{"a":' * 17 + b"1" + b"}]" * 17, "too_deep"),
    "never closed": (b"[" * 1000, "too_deep"),
    "a megabyte of brackets": (b"[" * MIB, "too_deep"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not_utf8"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), "not_utf8"),
    "Latin-1": ('{"a": "ü"}'.encode("latin-1"), "not_utf8"),
    "NUL": (b'{"a": "\0"}', "not_utf8"),
    "encoded surrogate": (b'"\xed\xa0\x80"', "not_utf8"),
    "overlong": (b'"\xc0\xaf"', "not_utf8"),
    "21 digits": (b"123456789012345678901", "schema"),
    "5000 digits": (b"1" * 5000, "schema"),
    "65 characters": (b"0." + b"1" * 63, "schema"),
    "exponent of 5 digits": (b"1e10000", "schema"),
    "exponent that would block": (b'{"n": 1E+99999999}', "schema"),
    "negative exponent of 5 digits": (b"1e-10000", "schema"),
    "exponent of 22 digits": (b"77E7775111111111111111", "schema"),
    "too many values": (b"[" + b"1," * 60_000 + b"1]", "schema"),
    "too large": (b" " * (MIB + 1), "too_large"),
}


def outcome_of(body: bytes) -> str:
    try:
        load_json(body)
    except AnswerRejectedError as error:
        return error.outcome
    return "value"


def filled(piece: bytes, *, before: bytes = b"[", after: bytes = b"]") -> bytes:
    """Return a body of one MiB made of ``piece`` as often as it fits."""
    times = (MIB - len(before) - len(after) - len(piece)) // (len(piece) + 1)
    return before + b",".join([piece] * times) + after


def crowded(piece: bytes) -> bytes:
    """Return the body with the most of ``piece`` that is not refused for their number alone."""
    parts = 1 + piece.count(b",") + piece.count(b"[") + piece.count(b"{")
    return b"[" + b",".join([piece] * min(49_000 // parts, MIB // (len(piece) + 1) - 1)) + b"]"


HEAVY: dict[str, bytes] = {
    "5000 digits": b"1" * 5000,
    "a megabyte of digits": b"1" * MIB,
    "exponent": b"[1E+99999999]",
    "brackets": b"[" * MIB,
    "closing brackets": b"]" * MIB,
    "closed brackets": b"[" * (MIB // 2) + b"]" * (MIB // 2),
    "numbers": filled(b"1"),
    "strings": filled(b'"a"'),
    "strings of brackets": filled(b'"["'),
    "escapes": b'["' + b"\\\\" * (MIB // 2 - 4) + b'"]',
    "escaped quotes": b'["' + b'\\"' * (MIB // 2 - 4) + b'"]',
    "one string": b'["' + b"a" * (MIB - 4) + b'"]',
    "unclosed string": b'["' + b"[" * (MIB - 2),
    "white space": b" " * MIB,
    "commas": b"," * MIB,
    "crowd of numbers": crowded(b"1"),
    "crowd of fractions": crowded(b"0.12345678901"),
    "crowd of exponents": crowded(b"1.234567e+300"),
    "crowd of strings": crowded(b'"abcdefghijkl"'),
    "crowd of lists": crowded(b"[]"),
    "crowd of objects": crowded(b'{"abc":1}'),
    "crowd of towers": crowded(b"[" * 31 + b"1" + b"]" * 31),
    "distinct keys": b"{" + b",".join(b'"%08d":1' % number for number in range(49_000)) + b"}",
}


@pytest.mark.parametrize(("body", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_strict_json_is_read_exactly(body: bytes, value: object) -> None:
    loaded = load_json(body)
    assert (loaded, type(loaded)) == (value, type(value))


@pytest.mark.parametrize(("body", "outcome"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_by_its_name(body: bytes, outcome: str) -> None:
    with pytest.raises(AnswerRejectedError) as caught:
        load_json(body)
    assert caught.value.outcome == outcome


def test_refusal_keeps_the_first_4_kib_and_no_more() -> None:
    with pytest.raises(AnswerRejectedError) as caught:
        load_json(b"x" * 9000)
    assert caught.value.body == b"x" * 4096


def test_refusal_refers_to_no_other_error() -> None:
    with pytest.raises(AnswerRejectedError) as caught:
        load_json(b"{")
    assert caught.value.__context__ is None


def test_limit_of_the_caller_holds() -> None:
    with pytest.raises(AnswerRejectedError, match="more than the allowed 4"):
        load_json(b"[1,2]", max_bytes=4)


def seconds_for(work: Callable[[], object]) -> float:
    """Return the least processor time that ``work`` took in three tries."""
    seconds = []
    for _ in range(3):
        began = time.thread_time()
        work()
        seconds.append(time.thread_time() - began)
    return min(seconds)


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b'[{"a":'], ids=repr)
def test_tower_of_100_000_levels_is_too_deep_rather_than_too_many(piece: bytes) -> None:
    assert outcome_of(piece * 100_000) == "too_deep"


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY)
def test_worst_bodies_take_little_longer_than_plain_ones(body: bytes) -> None:
    """Measured: at most four times as long; on a machine that loads the plain one in 10 ms, all stay below 50 ms."""
    plain = b"[" + b",".join([b"123456"] * 140_000) + b"]"
    assert len(body) <= MIB
    assert seconds_for(lambda: outcome_of(body)) < 8 * seconds_for(lambda: json.loads(plain))


OUTCOMES = {"value", "malformed_json", "duplicate_key", "too_deep", "not_utf8", "schema"}
JSONISH = st.lists(st.sampled_from([*'[]{}",:\\0123456789-+.eE \n', "null", "true", "NaN", '"a"', "\\u", "ü"]))


@given(st.binary())
@example(b"\xff\xfe[")
def test_any_bytes_give_a_value_or_a_refusal(body: bytes) -> None:
    assert outcome_of(body) in OUTCOMES


@given(JSONISH)
def test_anything_like_json_gives_a_value_or_a_refusal(pieces: list[str]) -> None:
    assert outcome_of("".join(pieces).encode()) in OUTCOMES


SCALARS = st.none() | st.booleans() | st.integers(-(10**20) + 1, 10**20 - 1) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(VALUES)
def test_whatever_json_writes_is_read_back(value: object) -> None:
    assert load_json(json.dumps(value).encode()) == value


@given(st.from_regex(r"-?[1-9](\.[0-9]{1,20})?e\+?30[78]", fullmatch=True))
@example(f"{Decimal(2**1024 - 2**970):.40e}")
def test_numbers_overflow_where_doubles_do(text: str) -> None:
    assert (outcome_of(text.encode()) == "value") == math.isfinite(float(text))


@given(VALUES)
def test_depth_is_counted_as_the_parser_sees_it(value: object) -> None:
    def depth(value: object) -> int:
        inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    levels = 32 - depth(value)
    body = json.dumps(value).encode()
    assert outcome_of(b"[" * levels + body + b"]" * levels) == "value"
    assert outcome_of(b"[" * (levels + 1) + body + b"]" * (levels + 1)) == "too_deep"
