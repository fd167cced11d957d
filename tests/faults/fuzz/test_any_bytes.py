"""Any bytes at any door give a value or one of our own errors, never another exception, and never slowly."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.fuzz.entrances import DOORS, EXAMPLES, tried

MIB = 1 << 20
DELIMITERS = b"{}[]\",:;\n\r\t\\=.-+eE0123456789 \xef\xbb\xbf\x00\xff\x1f\x8b#'TZ"


@st.composite
def spoiled(draw: st.DrawFn, name: str) -> bytes:
    """Return something right in which pieces were cut out, doubled, or exchanged for others."""
    data = draw(st.sampled_from(EXAMPLES[name]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 12)))
        piece = draw(st.binary(max_size=6) | st.lists(st.sampled_from(DELIMITERS), max_size=6).map(bytes))
        times = draw(st.sampled_from([1, 1, 1, 2, 40]))
        data = data[:start] + piece * times + data[end:]
    return data


@pytest.mark.parametrize("name", DOORS)
def test_what_is_right_comes_in(name: str) -> None:
    for data in EXAMPLES[name]:
        tried(name, data)


@pytest.mark.parametrize("name", DOORS)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    tried(name, data.draw(st.binary(max_size=200)))


@pytest.mark.parametrize("name", DOORS)
@given(data=st.data())
def test_what_is_nearly_right_is_read_or_refused(name: str, data: st.DataObject) -> None:
    tried(name, data.draw(spoiled(name)))


def seconds_for(work: Callable[[], object]) -> float:
    """Return the least processor time that ``work`` took in three tries."""
    seconds = []
    for _ in range(3):
        began = time.thread_time()
        work()
        seconds.append(time.thread_time() - began)
    return min(seconds)


def a_mebibyte(name: str, kind: str) -> bytes:
    """Return a large input: a right one again and again, one of its pieces without end, or noise."""
    seed = EXAMPLES[name][0]
    match kind:
        case "again and again":
            return (seed * (MIB // len(seed) + 1))[:MIB]
        case "one piece without end":
            return seed[: len(seed) // 2] + seed[len(seed) // 2 : len(seed) // 2 + 1] * (MIB - len(seed))
        case _:
            return random.Random(1).randbytes(MIB)


@pytest.mark.parametrize("kind", ["again and again", "one piece without end", "noise"])
@pytest.mark.parametrize("name", ["json", "answer", "header"])
def test_a_mebibyte_from_a_provider_takes_little_longer_than_plain_json(name: str, kind: str) -> None:
    """Against ``json`` reading a plain document of that size; on an idle core that takes about 10 ms."""
    plain = b"[" + b",".join([b"123456"] * 140_000) + b"]"
    data = a_mebibyte(name, kind)
    assert seconds_for(lambda: tried(name, data)) < 5 * seconds_for(lambda: json.loads(plain))
