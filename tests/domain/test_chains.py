from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from collector.domain.chains import Break, Fault, Links
from collector.domain.digest import START


def follow(previous: bytes, link: str) -> bytes:
    return hashlib.sha256(previous + link.encode()).digest()


def chain(*links: str) -> list[tuple[int, bytes, str]]:
    found, previous = [], START
    for number, link in enumerate(links, 1):
        previous = follow(previous, link)
        found.append((number, previous, link))
    return found


def judged(rows: Sequence[tuple[int, bytes, str]]) -> list[Break[str]]:
    links = Links(follow)
    found = [one for row in rows for one in links.add(*row)]
    return [*found, *links.end()]


def faults(rows: Sequence[tuple[int, bytes, str]]) -> list[tuple[Fault, int, int]]:
    return [(one.fault, one.number, one.until) for one in judged(rows)]


def test_an_unbroken_chain_is_proved_to_its_end() -> None:
    links = Links(follow)
    assert [one for row in chain("a", "b", "c") for one in links.add(*row)] == []
    assert (list(links.end()), links.proved) == ([], 3)


def test_changed_facts_break_one_link_only() -> None:
    rows = chain("a", "b", "c", "d")
    rows[1] = (2, rows[1][1], "B")
    assert faults(rows) == [(Fault.FACTS, 2, 2)]


def test_a_broken_link_stands_between_its_digests() -> None:
    rows = chain("a", "b", "c")
    rows[1] = (2, rows[1][1], "B")
    assert [(one.link, one.previous, one.digest) for one in judged(rows)] == [("B", rows[0][1], rows[1][1])]


def test_a_changed_digest_is_told_by_what_follows_it() -> None:
    rows = chain("a", "b", "c", "d")
    rows[1] = (2, bytes(32), "b")
    assert faults(rows) == [(Fault.DIGEST, 2, 2)]


@pytest.mark.parametrize("last", [(3, bytes(32), "c"), (3, chain("a", "b", "c")[2][1], "C")], ids=["digest", "facts"])
def test_of_the_last_link_nothing_can_tell_what_was_changed(last: tuple[int, bytes, str]) -> None:
    assert faults([*chain("a", "b"), last]) == [(Fault.EITHER, 3, 3)]


def test_two_broken_links_in_a_row_are_both_named() -> None:
    rows = chain("a", "b", "c", "d")
    rows[1], rows[2] = (2, bytes(32), "B"), (3, rows[2][1], "C")
    assert faults(rows) == [(Fault.EITHER, 2, 2), (Fault.FACTS, 3, 3)]


@pytest.mark.parametrize(("gone", "missing"), [(slice(0, 2), (1, 2)), (slice(1, 2), (2, 2))], ids=["first", "middle"])
def test_missing_links_are_named(gone: slice, missing: tuple[int, int]) -> None:
    rows = chain("a", "b", "c", "d")
    del rows[gone]
    assert faults(rows) == [(Fault.MISSING, *missing)]


def test_a_doubt_is_settled_before_a_hole() -> None:
    rows = chain("a", "b", "c", "d")
    rows[1] = (2, rows[1][1], "B")
    del rows[2]
    assert faults(rows) == [(Fault.EITHER, 2, 2), (Fault.MISSING, 3, 3)]


def test_a_number_before_the_first_is_strange() -> None:
    rows = chain("a", "b")
    assert faults([(0, rows[0][1], "a"), *rows]) == [(Fault.STRANGE, 0, 0)]
