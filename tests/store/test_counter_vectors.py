"""Other tools' counter tests, polled into the store: what is booked, and where that differs on purpose."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collector.domain.edges import Edge, usage_between
from collector.store import reading

if TYPE_CHECKING:
    from tests.store.conftest import Desk

VECTORS = tomllib.loads((Path(__file__).parents[1] / "counter_vectors.toml").read_text(encoding="utf-8"))["vector"]
EVERY = 300
every_vector = pytest.mark.parametrize("vector", VECTORS, ids=[one["source"] for one in VECTORS])


def polled(desk: Desk, vector: dict[str, Any]) -> list[Edge]:
    """Poll a vector's values and return the edge of each poll, and one after the last."""
    for index, value in enumerate(vector["values"]):
        desk.poll(EVERY * index, {"credits": value})
    ats = [desk.micros(EVERY * index) for index in range(len(vector["values"]) + 1)]
    with desk.database.read() as connection:
        return reading.edges(connection, reading.meters(connection), {desk.meter(): ats})[desk.meter()]


@every_vector
def test_vector_books_its_usage(credits_desk: Desk, vector: dict[str, Any]) -> None:
    edges = polled(credits_desk, vector)
    assert usage_between(edges[0], edges[-1]).usage == vector["ours"]


@every_vector
def test_vector_leaves_its_decisions(credits_desk: Desk, vector: dict[str, Any]) -> None:
    last = polled(credits_desk, vector)[-1]
    assert (last.resets, last.held) == (vector.get("resets", 0), vector.get("held", 0))


@pytest.mark.parametrize(
    "vector", [one for one in VECTORS if "windows" in one], ids=[one["source"] for one in VECTORS if "windows" in one]
)
def test_windows_of_a_vector_book_their_usage(credits_desk: Desk, vector: dict[str, Any]) -> None:
    edges = polled(credits_desk, vector)
    for first, end, _, ours in vector["windows"]:
        assert usage_between(edges[first], edges[end]).usage == ours


@every_vector
def test_vector_says_why_it_differs(vector: dict[str, Any]) -> None:
    pairs = [(vector["theirs"], vector["ours"]), *((theirs, ours) for _, _, theirs, ours in vector.get("windows", []))]
    assert any(theirs != ours for theirs, ours in pairs) == ("why" in vector)
