"""Which charts come first: those a letter can show."""

from __future__ import annotations

from datetime import UTC, datetime

from collector.app.scheduled.rendering import charts_of
from reports.charts.requests import by_status
from reports.document import Chart, Document, Section, Table


def chart(name: str) -> Chart:
    return by_status([{"status": "completed", "requests": 1}], name=name, title=name)


def document(*sections: Section) -> Document:
    nothing = Table("records", "Records", (), [])
    return Document("month", "Usage", "a", datetime(2026, 11, 2, tzinfo=UTC), nothing, sections=sections)


def test_charts_of_one_section_stand_as_they_are() -> None:
    found = charts_of(document(Section("a", "nected"), Section("b", "nellie", blocks=(chart("one"), chart("two")))))
    assert [one.title for one in found] == ["one", "two"]


def test_sections_of_a_part_are_titled_with_the_part() -> None:
    below = Section("b", "How does it compare?", level=3, blocks=(chart("two"),))
    other = Section("c", "nellie", blocks=(chart("three"),))
    found = charts_of(document(Section("a", "nected", blocks=(chart("one"),)), below, other))
    assert [one.title for one in found] == ["nected: one", "nellie: three", "nected: two"]


def test_every_section_is_shown_before_any_a_second_time_and_is_named() -> None:
    first = Section("a", "nected", blocks=(chart("one"), chart("two")))
    found = charts_of(document(first, Section("b", "nellie", blocks=(chart("three"),))))
    assert [one.title for one in found] == ["nected: one", "nellie: three", "nected: two"]
